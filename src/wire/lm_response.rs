//! LM_RESPONSE and LMv2_RESPONSE ([MS-NLMP] 2.2.2.3, 2.2.2.4).

use core::fmt;

use crate::secret::Counted;

/// `LmChallengeResponse`: the LM response field of the AUTHENTICATE. Its contents depend on the NT
/// response and the negotiated flags: `LM_RESPONSE`, `LMv2_RESPONSE`, a client challenge, or none
/// of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[doc(alias("LmChallengeResponse", "LM_RESPONSE"))]
pub struct LmResponse<'a>(&'a [u8]);

impl<'a> LmResponse<'a> {
    /// Wraps the bytes of the field. They can have any length.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the field.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the field if it has 24 bytes: an `LM_RESPONSE` (\[MS-NLMP\] 2.2.2.3), or an
    /// `LMv2_RESPONSE` (2.2.2.4), which consists of an HMAC-MD5 (16 bytes) and the client's
    /// challenge (8 bytes).
    #[doc(alias = "LMv2_RESPONSE")]
    #[must_use]
    pub fn as_v1(self) -> Option<&'a [u8; 24]> {
        self.0.try_into().ok()
    }

    /// Returns the client's challenge of NTLMv1 with extended session security (\[MS-NLMP\] 3.3.1):
    /// the first 8 bytes of 24. The others should be zero, which is not checked.
    #[must_use]
    pub fn client_challenge(self) -> Option<&'a [u8; 8]> {
        self.as_v1()?.first_chunk()
    }

    /// Returns whether the field is that of an anonymous client: empty, or one zero byte
    /// (\[MS-NLMP\] 3.2.5.1.2).
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
    fn only_24_bytes_are_an_lm_response() {
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
    fn only_an_empty_field_or_one_zero_is_anonymous() {
        for (bytes, anonymous) in [(&[][..], true), (&[0], true), (&[1], false), (&[0, 0], false)] {
            assert_eq!(LmResponse::new(bytes).is_anonymous(), anonymous);
        }
    }
}
