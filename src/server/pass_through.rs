//! Asking a domain controller ([MS-NLMP] 3.2.5.1.2, [MS-NRPC] 2.2.1.4.5).

use core::fmt;

use super::received::{Received, allows_key};
use super::response::Proof;
use crate::credentials::UserName;
use crate::crypto::{LmSessionKey, SessionBaseKey};
use crate::error::{Error, Refused};
use crate::policy::ResponseKind;
use crate::secret::Counted;
use crate::text::Text;

/// What a domain controller is asked: `NETLOGON_NETWORK_INFO`.
///
/// It holds no more than the policy allows: next to an NT response, an LM response that could prove
/// the password with less is left out.
#[derive(Clone)]
#[non_exhaustive]
pub struct NetworkLogon<'a> {
    /// Who the client says it is.
    pub user: &'a UserName,
    /// Which machine the client says it is.
    pub workstation: &'a Text,
    /// `LmChallenge`: the challenge to send, which for NTLMv1 with extended session security is not
    /// the server's own.
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
    /// What kind of response a domain controller vouches for, if the policy allows it to be asked.
    ///
    /// It does not say whether it took an LM field without an NT response for LM or for LMv2, so
    /// the policy must accept both. Without extended session security the session keys of both are
    /// the same, or made of the LM hash. With it the response counts as LMv2: a client with LM there
    /// gets other keys. (Samba 4.17 rejects LM anyway unless `lanman auth` is set.)
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

/// What a domain controller answers about a client that it believes:
/// `NETLOGON_VALIDATION_SAM_INFO`, or winbind's `NT_KEY`.
#[derive(Clone, Debug)]
pub struct Validation {
    pub(super) user: Option<UserName>,
    user_flags: u32,
    pub(super) session_base_key: SessionBaseKey,
    pub(super) lm_session_key: Option<LmSessionKey>,
}

impl Validation {
    /// The bit of `UserFlags` that says that the domain controller took the client for a guest
    /// (\[MS-NRPC\] 2.2.1.4.11).
    pub const LOGON_GUEST: u32 = 1;

    /// The logon is good, with its `UserSessionKey` of 16 bytes, which is what \[MS-NLMP\] calls
    /// `SessionBaseKey`, and its `UserFlags`. If those contain
    /// [`LOGON_GUEST`](Self::LOGON_GUEST), the client proved nothing and is a guest. Winbind's
    /// `ntlm_auth --request-nt-key` does not report the flags: give 0, and keep the guest account of
    /// the domain disabled.
    #[must_use]
    pub fn new(user_session_key: [u8; 16], user_flags: u32) -> Self {
        let session_base_key = SessionBaseKey::from(user_session_key);
        Self { user: None, user_flags, session_base_key, lm_session_key: None }
    }

    pub(super) fn is_guest(&self) -> bool {
        self.user_flags & Self::LOGON_GUEST != 0
    }

    /// Adds whom the domain controller found (`EffectiveName` and `LogonDomainName`), which is who
    /// is accepted then, instead of who was claimed.
    #[must_use]
    pub fn with_user(self, user: UserName) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Adds the `LmSessionKey` of 8 bytes, for session keys that are made of the LM hash.
    #[must_use]
    pub fn with_lm_session_key(self, key: [u8; 8]) -> Self {
        Self { lm_session_key: Some(LmSessionKey::from(key)), ..self }
    }
}
