//! The client's proofs: LM, NTLM, LMv2 and NTLMv2 responses ([MS-NLMP] 2.2.2.3-8).

use alloc::vec::Vec;
use core::fmt;

use super::read::Reader;
use super::{AvPairs, Error, ErrorKind};
use crate::environment::FileTime;
use crate::secret::Counted;

/// `LmChallengeResponse`, whose meaning depends on what else was negotiated.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct LmResponse<'a>(&'a [u8]);

impl<'a> LmResponse<'a> {
    /// The bytes of the field, of any length.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes of the field.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// An `LM_RESPONSE` (2.2.2.3), or the field of the same length that takes its place.
    #[must_use]
    pub fn as_v1(self) -> Option<&'a [u8; 24]> {
        self.0.try_into().ok()
    }

    /// An `LMv2_RESPONSE` (2.2.2.4).
    #[must_use]
    pub fn as_v2(self) -> Option<Lmv2Response<'a>> {
        let (response, client_challenge) = self.as_v1()?.split_at(16);
        Some(Lmv2Response {
            response: response.try_into().ok()?,
            client_challenge: client_challenge.try_into().ok()?,
        })
    }

    /// The client's challenge, as NTLMv1 with extended session security has it (3.3.1): the first
    /// 8 of 24 bytes, of which the others should be zero.
    #[must_use]
    pub fn client_challenge(self) -> Option<&'a [u8; 8]> {
        self.as_v1()?.first_chunk()
    }

    /// Whether the field says that the client is anonymous: it is empty, or one zero (3.2.5.1.2).
    #[must_use]
    pub const fn is_anonymous(self) -> bool {
        matches!(self.0, [] | [0])
    }
}

impl fmt::Debug for LmResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LmResponse").field(&Counted(self.0)).finish()
    }
}

/// `LMv2_RESPONSE`: 24 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the structure")]
pub struct Lmv2Response<'a> {
    /// `Response`: HMAC-MD5 of the server's and the client's challenge.
    pub response: &'a [u8; 16],
    /// `ChallengeFromClient`.
    pub client_challenge: &'a [u8; 8],
}

impl fmt::Debug for Lmv2Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lmv2Response")
    }
}

/// `NtChallengeResponse`: its length decides what it is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the specification has these forms")]
pub enum NtResponse<'a> {
    /// No response: an anonymous client, or one that sends an LM or LMv2 response alone.
    #[default]
    Empty,
    /// 1 to 23 bytes, which prove nothing. tedious (SQL Server's driver for Node) sends 16 beside
    /// an LMv2 response.
    Short(&'a [u8]),
    /// `NTLM_RESPONSE` (2.2.2.6): NTLMv1, with or without extended session security.
    V1(&'a [u8; 24]),
    /// `NTLMv2_RESPONSE` (2.2.2.8).
    V2(Ntlmv2Response<'a>),
}

impl<'a> NtResponse<'a> {
    /// Tells what a field holds.
    ///
    /// # Errors
    /// [`ErrorKind::NtResponseLength`] if it has 25 to 43 bytes; otherwise as
    /// [`Ntlmv2Response::parse`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if let Ok(response) = bytes.try_into() {
            return Ok(Self::V1(response));
        }
        match bytes.len() {
            0 => Ok(Self::Empty),
            1..24 => Ok(Self::Short(bytes)),
            _ => Ntlmv2Response::parse(bytes).map(Self::V2),
        }
    }

    /// Parses a field as [`parse`](Self::parse) does, but takes an NTLMv2 response of 44 bytes for
    /// one with an empty list of AV pairs: a client that got no `TargetInfo` may repeat just that.
    /// Samba 4.17 reads such a response, and rejects a longer list without `MsvAvEOL`.
    #[inline]
    pub(crate) fn parse_for_server(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() == FIXED_LEN {
            Ntlmv2Response::parse_fixed(bytes).map(|(response, _)| Self::V2(response))
        } else {
            Self::parse(bytes)
        }
    }

    /// The bytes of the field.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Empty => &[],
            Self::Short(bytes) => bytes,
            Self::V1(response) => response,
            Self::V2(response) => response.bytes,
        }
    }
}

impl fmt::Debug for NtResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Short(bytes) => f.debug_tuple("Short").field(&Counted(bytes)).finish(),
            Self::V1(response) => f.debug_tuple("V1").field(&Counted(*response)).finish(),
            Self::V2(response) => response.fmt(f),
        }
    }
}

/// `NTLMv2_RESPONSE`: the proof, and the `NTLMv2_CLIENT_CHALLENGE` that it proves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ntlmv2Response<'a> {
    bytes: &'a [u8],
    proof: &'a [u8; 16],
    time: FileTime,
    client_challenge: [u8; 8],
    target_info: AvPairs<'a>,
}

/// `NTProofStr` before, and `RespType` to `Reserved3` of, the AV pairs.
const PROOF_LEN: usize = 16;
const FIXED_LEN: usize = PROOF_LEN + 28;

impl<'a> Ntlmv2Response<'a> {
    /// Parses a response; reserved bytes and bytes after the AV pairs are ignored.
    ///
    /// # Errors
    /// [`ErrorKind::NtResponseLength`] if it has less than 44 bytes, [`ErrorKind::ResponseVersion`]
    /// if `RespType` is not 1, or those of [`AvPairs::parse`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (response, list) = Self::parse_fixed(bytes)?;
        let target_info = AvPairs::parse(list).map_err(|error| error.at(FIXED_LEN))?;
        Ok(Self { target_info, ..response })
    }

    /// What comes before the AV pairs, and the bytes of those.
    #[inline]
    fn parse_fixed(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Error> {
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
        Ok((Self { bytes, proof, time, client_challenge, target_info }, reader.rest()))
    }

    /// `NTProofStr`: HMAC-MD5 of the server's challenge and the [`blob`](Self::blob).
    #[must_use]
    pub const fn proof(self) -> &'a [u8; 16] {
        self.proof
    }

    /// All that the proof covers, as received: `NTLMv2_CLIENT_CHALLENGE` with trailing bytes.
    #[must_use]
    pub fn blob(self) -> &'a [u8] {
        self.bytes.get(PROOF_LEN..).unwrap_or_default()
    }

    /// `TimeStamp`: the server's time if its CHALLENGE told it, otherwise the client's.
    #[must_use]
    pub const fn time(self) -> FileTime {
        self.time
    }

    /// `ChallengeFromClient`.
    #[must_use]
    pub const fn client_challenge(self) -> [u8; 8] {
        self.client_challenge
    }

    /// `AvPairs`: the server's, with those that the client added.
    #[must_use]
    pub const fn target_info(self) -> AvPairs<'a> {
        self.target_info
    }

    /// All bytes as received.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// `NTLMv2_CLIENT_CHALLENGE` (2.2.2.7), to be written: all that the proof covers. What
/// [`Ntlmv2Response`] takes apart.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the structure")]
pub struct ClientChallenge<'a> {
    /// `TimeStamp`.
    pub time: FileTime,
    /// `ChallengeFromClient`: 8 random bytes.
    pub client_challenge: [u8; 8],
    /// `AvPairs`, with the bytes after them.
    pub target_info: AvPairs<'a>,
}

impl ClientChallenge<'_> {
    /// Appends the structure to `out`, versions 1 and reserved bytes zero.
    pub fn emit(&self, out: &mut Vec<u8>) {
        emit_fixed(out, self.time, self.client_challenge);
        out.extend_from_slice(self.target_info.as_bytes());
    }
}

/// What comes before the AV pairs in an `NTLMv2_CLIENT_CHALLENGE`.
pub(crate) fn emit_fixed(out: &mut Vec<u8>, time: FileTime, client_challenge: [u8; 8]) {
    out.extend_from_slice(&[1, 1, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&time.ticks().to_le_bytes());
    out.extend_from_slice(&client_challenge);
    out.extend_from_slice(&[0; 4]);
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
    use alloc::vec;

    use super::*;

    /// Proof, versions, reserved bytes, time, challenge, reserved, one AV pair, trailing bytes.
    fn ntlmv2() -> Vec<u8> {
        [
            &[0xaa; 16][..],
            &[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &7_u64.to_le_bytes(),
            &[0xcc; 8],
            &[0xff; 4],
            &[1, 0, 2, 0, b'S', 0, 0, 0, 0, 0],
            &[0xee; 17],
        ]
        .concat()
    }

    #[test]
    fn an_ntlmv2_response_comes_apart() {
        let bytes = ntlmv2();
        let NtResponse::V2(response) = NtResponse::parse(&bytes).unwrap() else {
            panic!("not NTLMv2")
        };
        assert_eq!(response.proof(), &[0xaa; 16]);
        assert_eq!(response.blob(), &bytes[16..]);
        assert_eq!(response.time(), FileTime::from_ticks(7));
        assert_eq!(response.client_challenge(), [0xcc; 8]);
        assert_eq!(response.target_info().trailing(), [0xee; 17]);
        assert_eq!(NtResponse::V2(response).as_bytes(), bytes);
    }

    #[test]
    fn a_written_client_challenge_is_read_again() {
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

    #[test]
    fn the_length_tells_what_a_response_is() {
        let bytes = ntlmv2();
        for len in 0..48 {
            let result = NtResponse::parse(&bytes[..len]);
            match len {
                0 => assert_eq!(result, Ok(NtResponse::Empty)),
                1..24 => assert_eq!(result, Ok(NtResponse::Short(&bytes[..len]))),
                24 => assert!(matches!(result, Ok(NtResponse::V1(_)))),
                44 => assert_eq!(result.unwrap_err().kind(), ErrorKind::AvPairsUnended),
                45..48 => assert_eq!(result.unwrap_err().kind(), ErrorKind::AvPairOutside),
                _ => assert_eq!(result.unwrap_err().kind(), ErrorKind::NtResponseLength),
            }
        }
    }

    #[test]
    fn servers_read_an_empty_list_without_an_end() {
        let bytes = ntlmv2();
        for len in 0..48 {
            let (strict, lenient) =
                (NtResponse::parse(&bytes[..len]), NtResponse::parse_for_server(&bytes[..len]));
            if len != 44 {
                assert_eq!(lenient, strict, "{len}");
                continue;
            }
            let Ok(NtResponse::V2(response)) = lenient else { panic!("{lenient:?}") };
            assert_eq!(response.target_info().iter().count(), 0);
            assert_eq!((response.blob(), response.client_challenge()), (&bytes[16..44], [0xcc; 8]));
        }
    }

    #[test]
    fn an_unknown_version_is_refused() {
        let mut bytes = ntlmv2();
        bytes[16] = 2;
        let error = Error::new(ErrorKind::ResponseVersion, 16);
        assert_eq!(NtResponse::parse(&bytes), Err(error));
    }

    /// Of `RespType` and `HiRespType` only the first says how to read the response.
    #[test]
    fn hi_resp_type_is_not_looked_at() {
        let mut bytes = ntlmv2();
        for (resp_type, hi_resp_type, is_read) in
            [(1, 0, true), (1, 2, true), (1, 0xff, true), (0, 1, false), (2, 2, false)]
        {
            bytes[16..18].copy_from_slice(&[resp_type, hi_resp_type]);
            let is_v2 = matches!(NtResponse::parse(&bytes), Ok(NtResponse::V2(_)));
            assert_eq!(is_v2, is_read, "{resp_type} {hi_resp_type}");
        }
    }

    #[test]
    fn a_broken_list_is_located_within_the_response() {
        let mut bytes = ntlmv2();
        bytes[46] = 0xff; // the length of the first pair
        let error = Error::new(ErrorKind::AvPairOutside, 44);
        assert_eq!(NtResponse::parse(&bytes), Err(error));
    }

    #[test]
    fn an_lm_response_has_24_bytes() {
        for len in [0, 1, 23, 25, 65_535] {
            let bytes = vec![1; len];
            let lm = LmResponse::new(&bytes);
            assert_eq!((lm.as_v1(), lm.as_v2(), lm.client_challenge()), (None, None, None));
        }
        let bytes: Vec<u8> = (0..24).collect();
        let lmv2 = LmResponse::new(&bytes).as_v2().unwrap();
        assert_eq!((&lmv2.response[..], &lmv2.client_challenge[..]), bytes.split_at(16));
        assert_eq!(LmResponse::new(&bytes).client_challenge().unwrap(), &bytes[..8]);
    }

    #[test]
    fn one_zero_or_nothing_is_anonymous() {
        for (bytes, anonymous) in [(&[][..], true), (&[0], true), (&[1], false), (&[0, 0], false)] {
            assert_eq!(LmResponse::new(bytes).is_anonymous(), anonymous);
        }
    }
}
