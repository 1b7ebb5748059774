//! The policy types that client and server share: LM compatibility level, flags, enforcement.

mod shared;

pub(crate) use shared::STRENGTH;
pub use shared::SharedPolicy;

/// `LmCompatibilityLevel`: the responses that a client sends and a server accepts ([MS-NLMP]
/// 3.1.1.1 and the product note on the registry value).
///
/// The numbers are those of the Windows registry. The specification says that a client of level 4
/// sends NTLMv1. In practice Windows and every other known implementation send NTLMv2 from level 3,
/// and so does this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Windows has these levels")]
#[doc(alias("LmCompatibilityLevel", "NTLMv1"))]
pub enum LmCompatibility {
    /// 0: sends LM and NTLMv1 without extended session security; accepts everything.
    SendLmAndNtlm = 0,
    /// 1: sends LM and NTLMv1, with extended session security if negotiated; accepts everything.
    SendLmAndNtlmWithExtendedSessionSecurity = 1,
    /// 2: sends NTLMv1, with extended session security if negotiated; accepts everything.
    SendNtlm = 2,
    /// 3: sends NTLMv2; accepts everything.
    SendNtlmv2 = 3,
    /// 4: sends NTLMv2; accepts everything but LM.
    RefuseLm = 4,
    /// 5: sends NTLMv2; accepts only NTLMv2 and, if the server's policy allows it, LMv2.
    RefuseLmAndNtlm = 5,
}

impl LmCompatibility {
    /// Whether a client of this level sends only NTLMv2.
    #[must_use]
    pub fn sends_ntlmv2(self) -> bool {
        self >= Self::SendNtlmv2
    }

    /// Whether a client of this level sends an LM response beside NTLMv1. If not, it sends the
    /// NTLMv1 response in both fields (`NoLMResponseNTLMv1`).
    pub(crate) fn sends_lm(self) -> bool {
        self < Self::SendNtlm
    }

    /// Whether a client of this level offers extended session security.
    #[must_use]
    pub fn offers_extended_session_security(self) -> bool {
        self > Self::SendLmAndNtlm
    }

    /// Whether a server of this level accepts this kind of response.
    #[must_use]
    pub fn accepts(self, kind: ResponseKind) -> bool {
        match kind {
            ResponseKind::Lm => self < Self::RefuseLm,
            ResponseKind::Ntlmv1 | ResponseKind::Ntlm2Session => self < Self::RefuseLmAndNtlm,
            ResponseKind::Lmv2 | ResponseKind::Ntlmv2 => true,
        }
    }
}

impl TryFrom<u8> for LmCompatibility {
    type Error = u8;

    /// Returns the level with this number in the registry; the number itself as the error if there
    /// is none.
    fn try_from(level: u8) -> Result<Self, u8> {
        Ok(match level {
            0 => Self::SendLmAndNtlm,
            1 => Self::SendLmAndNtlmWithExtendedSessionSecurity,
            2 => Self::SendNtlm,
            3 => Self::SendNtlmv2,
            4 => Self::RefuseLm,
            5 => Self::RefuseLmAndNtlm,
            _ => return Err(level),
        })
    }
}

/// The kinds of response that prove a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the specification has these")]
pub enum ResponseKind {
    /// LM, without an NT response.
    Lm,
    /// LMv2, without an NTLMv2 response. It covers neither a MIC nor channel bindings
    /// (CVE-2019-1338).
    Lmv2,
    /// NTLMv1, without extended session security.
    Ntlmv1,
    /// NTLMv1 with extended session security, also called "NTLM2 session response".
    Ntlm2Session,
    /// NTLMv2.
    Ntlmv2,
}

/// How strictly a server checks a value that a client may omit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "these are all levels of strictness")]
pub enum Enforcement {
    /// The value is not checked.
    Off,
    /// The client may omit the value. If it sends one, it must be right.
    #[default]
    IfPresent,
    /// The client must send the value, and it must be right.
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lm_compatibility_levels_have_the_registry_numbers() {
        for number in 0..6 {
            assert_eq!(LmCompatibility::try_from(number).map(|level| level as u8), Ok(number));
        }
        assert_eq!(LmCompatibility::try_from(6), Err(6));
    }
}
