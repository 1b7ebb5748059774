//! What a domain controller is asked, and what it answers ([MS-NLMP] 3.2.5.1.2, [MS-NRPC]
//! 2.2.1.4.5).

use core::fmt;

use super::received::{Received, allows_key};
use super::response::Proof;
use crate::credentials::UserName;
use crate::crypto::{LmSessionKey, SessionBaseKey};
use crate::error::{Error, Refused};
use crate::policy::ResponseKind;
use crate::secret::Counted;
use crate::text::Text;

/// The question for a domain controller: `NETLOGON_NETWORK_INFO`.
///
/// It contains no more than the policy allows: an LM response is left out if there is an NT
/// response, unless the policy accepts LM responses.
#[derive(Clone)]
#[non_exhaustive]
pub struct NetworkLogon<'a> {
    /// The name that the client claims.
    pub user: &'a UserName,
    /// The workstation name that the client claims.
    pub workstation: &'a Text,
    /// `LmChallenge`: the server's challenge. For NTLMv1 with extended session security it is
    /// instead a hash that includes the client's challenge.
    pub challenge: [u8; 8],
    /// `NtChallengeResponse`, as received.
    pub nt_response: &'a [u8],
    /// `LmChallengeResponse`, as received, or empty.
    pub lm_response: &'a [u8],
}

impl<'a> NetworkLogon<'a> {
    pub(super) fn new(received: &'a Received) -> Result<Self, Error> {
        received.kind_to_pass_on()?;
        let lm_response = match received.proof {
            Proof::LmField { .. } => received.lm_response(),
            Proof::Ntlmv1 { .. } if received.policy().accepts(ResponseKind::Lm) => {
                received.lm_response()
            }
            _ => &[],
        };
        Ok(Self {
            user: &received.user,
            workstation: &received.workstation,
            challenge: received.proof.challenge(&received.server_challenge),
            nt_response: received.nt_response(),
            lm_response,
        })
    }
}

impl Received {
    /// Returns the kind of response that a domain controller verifies, if the policy allows it.
    ///
    /// Without an NT response, the domain controller does not report whether it verified LM or
    /// LMv2, so the policy must accept both. Without extended session security, the session keys of
    /// both are equal or derived from the LM hash. With it, the response counts as LMv2; a client
    /// that sent LM derives another key. (Samba 4.17.12 rejects LM unless `lanman auth` is set.)
    pub(super) fn kind_to_pass_on(&self) -> Result<ResponseKind, Refused> {
        let (kinds, kind) = match self.proof {
            Proof::LmField { can_be_lm, .. } => {
                let kind = if can_be_lm { ResponseKind::Lm } else { ResponseKind::Lmv2 };
                (&[ResponseKind::Lmv2, ResponseKind::Lm][..], kind)
            }
            _ => {
                let kinds = self.proof.possible_kinds();
                (kinds, *kinds.first().ok_or(Refused::Anonymous)?)
            }
        };
        if !kinds.iter().all(|kind| self.policy().accepts(*kind)) {
            return Err(Refused::ResponseKind);
        }
        if !allows_key(self.policy(), self.flags, kind) {
            return Err(Refused::ConstantKeyExchangeKey);
        }
        Ok(kind)
    }
}

impl fmt::Debug for NetworkLogon<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkLogon")
            .field("user", &self.user)
            .field("workstation", &self.workstation)
            .field("challenge", &self.challenge)
            .field("nt_response", &Counted(self.nt_response))
            .field("lm_response", &Counted(self.lm_response))
            .finish()
    }
}

/// A domain controller's answer that the proof is right: `NETLOGON_VALIDATION_SAM_INFO`, or
/// winbind's `NT_KEY`.
#[derive(Clone, Debug)]
pub struct Validation {
    pub(super) user: Option<UserName>,
    user_flags: u32,
    pub(super) session_base_key: SessionBaseKey,
    pub(super) lm_session_key: Option<LmSessionKey>,
}

impl Validation {
    /// The bit of `UserFlags` which says that the domain controller accepted the client as a guest
    /// (\[MS-NRPC\] 2.2.1.4.11).
    pub const LOGON_GUEST: u32 = 1;

    /// Creates it from the 16 bytes of `UserSessionKey`, which \[MS-NLMP\] calls `SessionBaseKey`,
    /// and from `UserFlags`.
    ///
    /// If the flags contain [`LOGON_GUEST`](Self::LOGON_GUEST), the client proved nothing and is a
    /// guest. Winbind's `ntlm_auth --request-nt-key` does not report the flags: pass 0, and keep
    /// the guest account of the domain disabled.
    #[must_use]
    pub fn new(user_session_key: [u8; 16], user_flags: u32) -> Self {
        let session_base_key = SessionBaseKey::from(user_session_key);
        Self { user: None, user_flags, session_base_key, lm_session_key: None }
    }

    pub(super) fn is_guest(&self) -> bool {
        self.user_flags & Self::LOGON_GUEST != 0
    }

    /// Adds the user that the domain controller found (`EffectiveName` and `LogonDomainName`).
    /// [`Identity::User`](super::Identity::User) then contains this name instead of the claimed
    /// one.
    #[must_use]
    pub fn with_user(self, user: UserName) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Adds the 8 bytes of `LmSessionKey`, which session keys derived from the LM hash need.
    #[must_use]
    pub fn with_lm_session_key(self, key: [u8; 8]) -> Self {
        Self { lm_session_key: Some(LmSessionKey::from(key)), ..self }
    }
}
