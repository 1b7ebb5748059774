//! LM_RESPONSE and LMv2_RESPONSE ([MS-NLMP] 2.2.2.3, 2.2.2.4).

use core::fmt;

use crate::secret::Counted;

/// `LmChallengeResponse`, whose meaning depends on what else was negotiated.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[doc(alias("LmChallengeResponse", "LM_RESPONSE"))]
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

    /// An `LM_RESPONSE` (2.2.2.3), or the field of the same length that takes its place, such as an
    /// `LMv2_RESPONSE` (2.2.2.4): 16 bytes of HMAC-MD5 and the 8 bytes of the client's challenge.
    #[doc(alias = "LMv2_RESPONSE")]
    #[must_use]
    pub fn as_v1(self) -> Option<&'a [u8; 24]> {
        self.0.try_into().ok()
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

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn an_lm_response_has_24_bytes() {
        for len in [0, 1, 23, 25, 65_535] {
            let bytes = vec![1; len];
            let lm = LmResponse::new(&bytes);
            assert_eq!((lm.as_v1(), lm.client_challenge()), (None, None));
        }
        let bytes: Vec<u8> = (0..24).collect();
        assert_eq!(LmResponse::new(&bytes).as_v1().unwrap(), &bytes[..]);
        assert_eq!(LmResponse::new(&bytes).client_challenge().unwrap(), &bytes[..8]);
    }

    #[test]
    fn one_zero_or_nothing_is_anonymous() {
        for (bytes, anonymous) in [(&[][..], true), (&[0], true), (&[1], false), (&[0, 0], false)] {
            assert_eq!(LmResponse::new(bytes).is_anonymous(), anonymous);
        }
    }
}
