//! The proof in an AUTHENTICATE, and the kinds of response that it can be ([MS-NLMP] 3.2.5.1.2).

use crate::crypto::ntlm2_session_challenge;
use crate::error::Unexpected;
use crate::policy::ResponseKind;
use crate::wire::{Authenticate, NegotiateFlags, NtResponse};

/// The proof in an AUTHENTICATE. If there is an NT response, the LM response is not accepted as
/// proof, because it can be of a weaker kind (CVE-2019-1338, CVE-2018-1139).
#[derive(Clone, Copy)]
pub(super) enum Proof {
    /// An anonymous client, which sends no proof.
    Anonymous,
    /// `NTProofStr`. The bytes that it covers follow it in the NT response.
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
    /// An `LmChallengeResponse` without a usable NT response: LMv2 (Cyrus SASL 2.1.28) or LM (cntlm
    /// 0.92.3), which look alike.
    ///
    /// With extended session security it is LMv2, because LM has no session key there. Beside a short
    /// NT response it is LMv2 too, because tedious 18.6.2 sends that.
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
        let is_lm_key = flags.contains(NegotiateFlags::NEGOTIATE_LM_KEY);
        match message.nt_response {
            // 3.2.5.1.2 decides by these fields. Like Windows, ignore the flag ANONYMOUS (J).
            NtResponse::Empty if message.user.is_empty() && lm.is_anonymous() => {
                Ok(Self::Anonymous)
            }
            NtResponse::V2(response) => Ok(Self::Ntlmv2 { proof: *response.proof() }),
            NtResponse::V1(response) if is_extended => {
                let client_challenge =
                    *lm.client_challenge().ok_or(Unexpected::NoClientChallenge)?;
                Ok(Self::Ntlm2Session { response: *response, client_challenge })
            }
            // With LM_KEY, the session key is derived from the LM response. Check that it is
            // present before the proof is verified, so that the error does not show whether the
            // password is right.
            NtResponse::V1(_) if is_lm_key && lm.as_v1().is_none() => Err(Unexpected::NoResponse),
            NtResponse::V1(response) => Ok(Self::Ntlmv1 { response: *response }),
            NtResponse::Empty | NtResponse::Short(_) => {
                let can_be_lm = message.nt_response == NtResponse::Empty && !is_extended;
                let response = *lm.as_v1().ok_or(Unexpected::NoResponse)?;
                Ok(Self::LmField { response, can_be_lm })
            }
        }
    }

    /// The kinds of response that it can be.
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

    /// Returns the challenge to use in the computation of the response, or to pass on.
    pub(super) fn challenge(self, server_challenge: &[u8; 8]) -> [u8; 8] {
        match self {
            Self::Ntlm2Session { client_challenge, .. } => {
                ntlm2_session_challenge(server_challenge, &client_challenge)
            }
            _ => *server_challenge,
        }
    }
}
