//! Writing NTLMv2_CLIENT_CHALLENGE ([MS-NLMP] 2.2.2.7).

use alloc::vec::Vec;

#[cfg(feature = "hazmat")]
use super::AvPairs;
use crate::environment::FileTime;

#[cfg(feature = "hazmat")]
/// `NTLMv2_CLIENT_CHALLENGE` (\[MS-NLMP\] 2.2.2.7), for writing: the data that the proof of an
/// NTLMv2 response covers. [`Ntlmv2Response`](super::Ntlmv2Response) reads it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the structure")]
#[doc(alias = "NTLMv2_CLIENT_CHALLENGE")]
pub struct ClientChallenge<'a> {
    /// `TimeStamp`.
    pub time: FileTime,
    /// `ChallengeFromClient`: 8 random bytes.
    pub client_challenge: [u8; 8],
    /// `AvPairs`, including the bytes after `MsvAvEOL`.
    pub target_info: AvPairs<'a>,
}

#[cfg(feature = "hazmat")]
impl ClientChallenge<'_> {
    /// Appends the structure to `out`. `RespType` and `HiRespType` are 1, and reserved bytes are
    /// zero.
    pub fn emit(&self, out: &mut Vec<u8>) {
        emit_fixed(out, self.time, self.client_challenge);
        out.extend_from_slice(self.target_info.as_bytes());
    }
}

/// Appends the fields of `NTLMv2_CLIENT_CHALLENGE` before the AV pairs.
pub(crate) fn emit_fixed(out: &mut Vec<u8>, time: FileTime, client_challenge: [u8; 8]) {
    out.extend_from_slice(&[1, 1, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&time.ticks().to_le_bytes());
    out.extend_from_slice(&client_challenge);
    out.extend_from_slice(&[0; 4]);
}

#[cfg(all(test, feature = "hazmat"))]
mod tests {
    use alloc::vec;

    use super::super::Ntlmv2Response;
    use super::*;

    #[test]
    fn written_client_challenge_is_parsed_back() {
        let target_info = AvPairs::parse(&[1, 0, 2, 0, b'S', 0, 0, 0, 0, 0, 0xee]).unwrap();
        let written = ClientChallenge {
            time: FileTime::from_ticks(7),
            client_challenge: [0xcc; 8],
            target_info,
        };
        let mut bytes = vec![0xaa; 16];
        written.emit(&mut bytes);
        let read = Ntlmv2Response::parse(&bytes).unwrap();
        assert_eq!((read.time(), read.client_challenge()), (written.time, [0xcc; 8]));
        assert_eq!(read.target_info(), target_info);
    }
}
