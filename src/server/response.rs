//! What an AUTHENTICATE contains as proof, and what it can be ([MS-NLMP] 3.2.5.1.2).

use crate::crypto::ntlm2_session_challenge;
use crate::error::Unexpected;
use crate::policy::ResponseKind;
use crate::wire::{Authenticate, NegotiateFlags, NtResponse};

/// The proof. If there is an NT response, the LM response proves nothing:
/// it may stand for less (CVE-2019-1338, CVE-2018-1139).
#[derive(Clone, Copy)]
pub(super) enum Proof {
    /// Nothing: the marks of an anonymous client.
    Anonymous,
    /// `NTProofStr`. What it covers follows it in the NT response.
    Ntlmv2 {
        proof: [u8; 16],
    },
    Ntlm2Session {
        response: [u8; 24],
        client_challenge: [u8; 8],
    },
    Ntlmv1 {
        response: [u8; 24],
    },
    /// No NT response that proves anything: LMv2 (Cyrus SASL) or LM (cntlm), which look alike.
    ///
    /// With extended session security LM has no key, and a short NT response was seen beside LMv2
    /// alone (tedious).
    LmField {
        response: [u8; 24],
        can_be_lm: bool,
    },
}

impl Proof {
    pub(super) fn new(
        message: &Authenticate<'_>,
        flags: NegotiateFlags,
    ) -> Result<Self, Unexpected> {
        let lm = message.lm_response;
        let is_extended = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        match message.nt_response {
            // 3.2.5.1.2. The flag J says nothing, as in Windows.
            NtResponse::Empty if message.user.is_empty() && lm.is_anonymous() => {
                Ok(Self::Anonymous)
            }
            NtResponse::V2(response) => Ok(Self::Ntlmv2 { proof: *response.proof() }),
            NtResponse::V1(response) if is_extended => {
                let client_challenge =
                    *lm.client_challenge().ok_or(Unexpected::NoClientChallenge)?;
                Ok(Self::Ntlm2Session { response: *response, client_challenge })
            }
            NtResponse::V1(response) => Ok(Self::Ntlmv1 { response: *response }),
            NtResponse::Empty | NtResponse::Short(_) => {
                let can_be_lm = message.nt_response == NtResponse::Empty && !is_extended;
                let response = *lm.as_v1().ok_or(Unexpected::NoResponse)?;
                Ok(Self::LmField { response, can_be_lm })
            }
        }
    }

    /// Which kinds of response it can be.
    pub(super) const fn possible_kinds(self) -> &'static [ResponseKind] {
        match self {
            Self::Anonymous => &[],
            Self::Ntlmv2 { .. } => &[ResponseKind::Ntlmv2],
            Self::Ntlm2Session { .. } => &[ResponseKind::Ntlm2Session],
            Self::Ntlmv1 { .. } => &[ResponseKind::Ntlmv1],
            Self::LmField { can_be_lm: true, .. } => &[ResponseKind::Lmv2, ResponseKind::Lm],
            Self::LmField { can_be_lm: false, .. } => &[ResponseKind::Lmv2],
        }
    }

    /// What stands for the server's challenge where the response is computed or passed on.
    pub(super) fn challenge(self, server_challenge: &[u8; 8]) -> [u8; 8] {
        match self {
            Self::Ntlm2Session { client_challenge, .. } => {
                ntlm2_session_challenge(server_challenge, &client_challenge)
            }
            _ => *server_challenge,
        }
    }
}
