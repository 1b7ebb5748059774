//! NtChallengeResponse: NTLM_RESPONSE or NTLMv2_RESPONSE, depending on its length ([MS-NLMP]
//! 2.2.2.6, 2.2.2.8).

use core::fmt;

use super::{Error, Ntlmv2Response};
use crate::secret::Counted;

/// `NtChallengeResponse`: the NT response field of the AUTHENTICATE. Its length determines its
/// kind.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the specification has these forms")]
#[doc(alias("NtChallengeResponse", "NTLM_RESPONSE"))]
pub enum NtResponse<'a> {
    /// No response: the client is anonymous, or sends only an LM or LMv2 response.
    #[default]
    Empty,
    /// 1 to 23 bytes, which prove nothing. tedious (a driver for SQL Server in Node.js) sends 16
    /// bytes in addition to an LMv2 response.
    Short(&'a [u8]),
    /// `NTLM_RESPONSE` (\[MS-NLMP\] 2.2.2.6): NTLMv1, with or without extended session security.
    V1(&'a [u8; 24]),
    /// `NTLMv2_RESPONSE` (\[MS-NLMP\] 2.2.2.8).
    V2(Ntlmv2Response<'a>),
}

impl<'a> NtResponse<'a> {
    /// Parses the field.
    ///
    /// # Errors
    /// [`ErrorKind::NtResponseLength`](super::ErrorKind::NtResponseLength) if it has 25 to 43
    /// bytes. The errors of [`Ntlmv2Response::parse`] if it is longer.
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

    /// Parses the field as [`parse`](Self::parse) does, except that an NTLMv2 response of 44 bytes
    /// counts as one with an empty list of AV pairs.
    ///
    /// [MS-NLMP] 2.2.2.7 requires at least `MsvAvEOL`. A client that received no `TargetInfo` may
    /// send an empty list instead. Samba 4.17 accepts that too, and like this crate it rejects a
    /// longer list without `MsvAvEOL`.
    #[inline]
    pub(crate) fn parse_for_server(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() == Ntlmv2Response::FIXED_LEN {
            Ntlmv2Response::parse_fixed(bytes).map(|(response, _)| Self::V2(response))
        } else {
            Self::parse(bytes)
        }
    }

    /// Returns the bytes of the field.
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

    /// An NTLMv2 response: proof, versions and reserved bytes, time, challenge, reserved bytes, one
    /// AV pair and `MsvAvEOL`, trailing bytes.
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
    fn length_determines_the_kind_of_response() {
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
    fn server_accepts_an_empty_list_without_msv_av_eol() {
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
    fn unknown_resp_type_is_rejected() {
        let mut bytes = ntlmv2();
        bytes[16] = 2;
        let error = Error::new(ErrorKind::ResponseVersion, 16);
        assert_eq!(NtResponse::parse(&bytes), Err(error));
    }

    /// Only `RespType` defines the format; `HiRespType` is the highest version that the client
    /// supports.
    #[test]
    fn hi_resp_type_is_ignored() {
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
    fn error_offset_of_an_av_pair_counts_from_the_start_of_the_response() {
        let mut bytes = ntlmv2();
        bytes[46] = 0xff; // the length of the first pair
        let error = Error::new(ErrorKind::AvPairOutside, 44);
        assert_eq!(NtResponse::parse(&bytes), Err(error));
    }
}
