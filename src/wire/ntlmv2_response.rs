//! Reading NTLMv2_RESPONSE ([MS-NLMP] 2.2.2.8).

use core::fmt;

use super::read::Reader;
use super::{AvPairs, Error, ErrorKind};
use crate::environment::FileTime;

/// `NTLMv2_RESPONSE` (\[MS-NLMP\] 2.2.2.8): the proof (`NTProofStr`), and the
/// `NTLMv2_CLIENT_CHALLENGE` that it covers.
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias("NTLMv2_RESPONSE", "NTLMv2_CLIENT_CHALLENGE", "NTProofStr"))]
pub struct Ntlmv2Response<'a> {
    bytes: &'a [u8],
    proof: &'a [u8; 16],
    blob: &'a [u8],
    time: FileTime,
    client_challenge: [u8; 8],
    target_info: AvPairs<'a>,
}

/// The length of `NTProofStr`.
const PROOF_LEN: usize = 16;

impl<'a> Ntlmv2Response<'a> {
    /// The length of the fields before the AV pairs: `NTProofStr`, and `RespType` to `Reserved3`.
    pub(super) const FIXED_LEN: usize = PROOF_LEN + 28;

    /// Parses a response. Reserved bytes and `HiRespType` are ignored.
    ///
    /// # Errors
    /// - [`ErrorKind::NtResponseLength`] if it has less than 44 bytes.
    /// - [`ErrorKind::ResponseVersion`] if `RespType` is not 1.
    /// - The errors of [`AvPairs::parse`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (response, list) = Self::parse_fixed(bytes)?;
        let target_info = AvPairs::parse(list).map_err(|error| error.at(Self::FIXED_LEN))?;
        Ok(Self { target_info, ..response })
    }

    /// Parses the fields before the AV pairs. Returns a response with an empty list, and the bytes
    /// of the list.
    #[inline]
    pub(super) fn parse_fixed(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Error> {
        let too_short = Error::new(ErrorKind::NtResponseLength, 0);
        let (proof, blob) = bytes.split_first_chunk().ok_or(too_short)?;
        let mut reader = Reader::at(blob, 0);
        let mut fixed = || -> Result<_, Error> {
            let [resp_type, _hi_resp_type] = reader.array()?;
            let _reserved_1_and_2 = reader.take(6)?;
            let time = FileTime::from_ticks(reader.u64()?);
            let client_challenge = reader.array()?;
            let _reserved_3 = reader.take(4)?;
            Ok((resp_type, time, client_challenge))
        };
        let (resp_type, time, client_challenge) = fixed().map_err(|_| too_short)?;
        if resp_type != 1 {
            return Err(Error::new(ErrorKind::ResponseVersion, PROOF_LEN));
        }
        let target_info = AvPairs::default();
        Ok((Self { bytes, proof, blob, time, client_challenge, target_info }, reader.rest()))
    }

    /// Returns `NTProofStr`: the HMAC-MD5 of the server's challenge and the [`blob`](Self::blob).
    #[must_use]
    pub const fn proof(self) -> &'a [u8; 16] {
        self.proof
    }

    /// Returns the bytes that the proof covers, as received: `NTLMv2_CLIENT_CHALLENGE`, including
    /// the bytes after the AV pairs.
    #[must_use]
    pub const fn blob(self) -> &'a [u8] {
        self.blob
    }

    /// Returns `TimeStamp`: the server's time if the CHALLENGE contained it, otherwise the
    /// client's. Some clients, such as curl, always send their own.
    #[must_use]
    pub const fn time(self) -> FileTime {
        self.time
    }

    /// Returns `ChallengeFromClient`.
    #[must_use]
    pub const fn client_challenge(self) -> [u8; 8] {
        self.client_challenge
    }

    /// Returns `AvPairs`: the pairs of the CHALLENGE, and those that the client added.
    #[must_use]
    pub const fn target_info(self) -> AvPairs<'a> {
        self.target_info
    }

    /// Returns all bytes as received.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }
}

impl fmt::Debug for Ntlmv2Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ntlmv2Response")
            .field("time", &self.time)
            .field("target_info", &self.target_info)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_their_offsets() {
        // Proof, versions and reserved bytes, time, challenge, reserved bytes, AV pairs, trailing
        // bytes.
        let bytes = [
            &[0xaa; 16][..],
            &[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &7_u64.to_le_bytes(),
            &[0xcc; 8],
            &[0xff; 4],
            &[1, 0, 2, 0, b'S', 0, 0, 0, 0, 0],
            &[0xee; 17],
        ]
        .concat();
        let response = Ntlmv2Response::parse(&bytes).unwrap();
        assert_eq!(response.proof(), &[0xaa; 16]);
        assert_eq!(response.blob(), &bytes[16..]);
        assert_eq!(response.time(), FileTime::from_ticks(7));
        assert_eq!(response.client_challenge(), [0xcc; 8]);
        assert_eq!(response.target_info().trailing(), [0xee; 17]);
        assert_eq!(response.as_bytes(), bytes);
    }
}
