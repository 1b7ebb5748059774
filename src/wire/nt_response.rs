//! NtChallengeResponse: NTLM_RESPONSE or NTLMv2_RESPONSE, told apart by its length
//! ([MS-NLMP] 2.2.2.6, 2.2.2.8).

use core::fmt;

use super::{Error, Ntlmv2Response};
use crate::secret::Counted;

/// `NtChallengeResponse`: its length decides what it is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the specification has these forms")]
#[doc(alias("NtChallengeResponse", "NTLM_RESPONSE"))]
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
        if bytes.len() == Ntlmv2Response::FIXED_LEN {
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
            Self::V2(response) => response.as_bytes(),
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::ErrorKind;
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
}
