//! What client and server decide alike: which responses they use, which flags they offer and require,
//! and how strict a check is.

mod shared;

pub(crate) use shared::STRENGTH;
pub use shared::SharedPolicy;

/// `LmCompatibilityLevel`: which responses a client sends and a server accepts ([MS-NLMP] 3.1.1.1
/// and its note on the registry value).
///
/// Its numbers are those of the Windows registry. The text says of level 4 that clients send NTLM;
/// Windows and all others send NTLMv2 from level 3 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Windows has these levels")]
#[doc(alias("LmCompatibilityLevel", "NTLMv1"))]
pub enum LmCompatibility {
    /// 0: sends LM and NTLM responses, never with extended session security; accepts all.
    SendLmAndNtlm = 0,
    /// 1: sends LM and NTLM responses, with extended session security if negotiated; accepts all.
    SendLmAndNtlmWithExtendedSessionSecurity = 1,
    /// 2: sends NTLM responses, with extended session security if negotiated; accepts all.
    SendNtlm = 2,
    /// 3: sends NTLMv2 responses; accepts all.
    SendNtlmv2 = 3,
    /// 4: sends NTLMv2 responses; accepts no LM responses.
    RefuseLm = 4,
    /// 5: sends NTLMv2 responses, and accepts nothing else.
    RefuseLmAndNtlm = 5,
}

impl LmCompatibility {
    /// Whether a client of this level sends NTLMv2 responses, and nothing else.
    #[must_use]
    pub fn sends_ntlmv2(self) -> bool {
        self >= Self::SendNtlmv2
    }

    /// Whether a client of this level sends LM responses next to NTLM ones. If it does not, it
    /// repeats the NTLM response in their place (`NoLMResponseNTLMv1`).
    pub(crate) fn sends_lm(self) -> bool {
        self < Self::SendNtlm
    }

    /// Whether a client of this level offers extended session security.
    #[must_use]
    pub fn offers_extended_session_security(self) -> bool {
        self > Self::SendLmAndNtlm
    }

    /// Whether a server of this level accepts a kind of response.
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

    /// The level of this number in the registry; the number itself if there is no such level.
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

/// The kinds of responses that prove a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the specification has these")]
pub enum ResponseKind {
    /// An LM response without an NTLM response.
    Lm,
    /// An LMv2 response alone. It covers neither MIC nor channel bindings (CVE-2019-1338).
    Lmv2,
    /// NTLMv1.
    Ntlmv1,
    /// NTLMv1 with extended session security: the "NTLM2 session response".
    Ntlm2Session,
    /// NTLMv2.
    Ntlmv2,
}

/// How strictly a server checks what a client may leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between the three")]
pub enum Enforcement {
    /// The server does not check it.
    Off,
    /// It must be right if the client sends it.
    #[default]
    IfPresent,
    /// The client must send it, and it must be right.
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_numbers_of_the_registry() {
        for number in 0..6 {
            assert_eq!(LmCompatibility::try_from(number).map(|level| level as u8), Ok(number));
        }
        assert_eq!(LmCompatibility::try_from(6), Err(6));
    }
}
