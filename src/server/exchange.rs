//! The three messages of an exchange, frozen while the user is looked up.

use alloc::sync::Arc;
use core::fmt;

use super::messages::Messages;
use super::proof::SentProof;
use super::verify::{Claim, VerifyAnonymous, VerifyUser};
use super::{AwaitAuthenticate, Config, Policy};
use crate::credentials::UserName;
use crate::crypto::{ExportedSessionKey, KeyExchangeKey};
use crate::environment::FileTime;
use crate::error::{Denied, Error, Refused, Unexpected};
use crate::handshake::flags::{demand, has_constant_key_exchange_key, settle_server};
use crate::policy::ResponseKind;
use crate::text::Text;
use crate::wire::{Authenticate, AvPairs, Challenge, NegotiateFlags, NtResponse};

/// An exchange of which all messages are there. They are kept as received: what is verified are
/// these bytes.
pub(super) struct Exchange {
    pub(super) config: Arc<Config>,
    pub(super) messages: Messages,
    /// What was negotiated in the end.
    pub(super) flags: NegotiateFlags,
    /// When the AUTHENTICATE came.
    pub(super) now: FileTime,
}

/// What its messages say.
pub(super) struct Parsed<'a> {
    /// The server's own.
    pub(super) sent: Challenge<'a>,
    pub(super) received: Authenticate<'a>,
    pub(super) flags: NegotiateFlags,
}

impl<'a> Parsed<'a> {
    pub(super) fn proof(&self) -> Result<SentProof<'a>, Unexpected> {
        SentProof::of(&self.received, self.flags)
    }

    /// Whether the session key of this response is made of the user's LM hash (3.4.5.1).
    pub(super) fn needs_lm_hash(&self) -> Result<bool, Unexpected> {
        let is_ntlmv1 = matches!(self.proof()?, SentProof::Ntlmv1(_));
        let from_lm_hash =
            NegotiateFlags::NEGOTIATE_LM_KEY | NegotiateFlags::REQUEST_NON_NT_SESSION_KEY;
        Ok(is_ntlmv1 && self.flags.intersects(from_lm_hash))
    }

    /// `ExportedSessionKey`: what the client sent encrypted, or the key exchange key itself.
    ///
    /// With KEY_EXCH but neither SIGN nor SEAL, the text takes the key exchange key and peers
    /// disagree: gss-ntlmssp and Samba send a key all the same and use it; pyspnego sends one byte
    /// and does not. So the length of the field decides.
    pub(super) fn exported_session_key(
        &self,
        key_exchange_key: &KeyExchangeKey,
    ) -> ExportedSessionKey {
        let is_exchanged = self.flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH);
        match self.received.encrypted_random_session_key.try_into() {
            Ok(encrypted) if is_exchanged => key_exchange_key.decrypt(encrypted),
            _ => key_exchange_key.as_exported_session_key(),
        }
    }
}

impl Exchange {
    /// Reads the AUTHENTICATE and refuses what no proof could save.
    pub(super) fn read(
        handshake: AwaitAuthenticate,
        authenticate: &[u8],
        now: FileTime,
    ) -> Result<Claim, Error> {
        let AwaitAuthenticate { config, mut messages } = handshake;
        let policy = &config.policy;
        let sent = Challenge::parse_for_client(messages.challenge())?;
        let received = Authenticate::parse_for_server(authenticate)?;
        check_shared_bytes(authenticate, &received)?;
        let flags = settle_server(sent.flags, received.flags)?;
        check_age(policy, &sent, now)?;
        demand(flags, policy.require, policy.require_when_protected)?;

        let character_set = flags.character_set().ok_or(Unexpected::CharacterSet)?;
        let text =
            |bytes| Text::decode(bytes, character_set, policy.code_page).map_err(Unexpected::Text);
        let user = UserName::new(text(received.user)?, text(received.domain)?);
        // It proves nothing, so a workstation that is no text counts as none.
        let workstation = text(received.workstation).unwrap_or_default();

        let is_anonymous = is_anonymous(&received);
        if is_anonymous && !policy.allow_anonymous {
            return Err(Refused::Anonymous.into());
        }
        if !is_anonymous {
            let kinds = SentProof::of(&received, flags)?.possible_kinds();
            let mut accepted = kinds.iter().filter(|kind| policy.accepts(**kind)).peekable();
            if accepted.peek().is_none() {
                return Err(Refused::ResponseKind.into());
            }
            if !accepted.any(|kind| allows_key(policy, flags, *kind)) {
                return Err(Refused::ConstantKeyExchangeKey.into());
            }
        }
        if !is_anonymous || policy.allow_insecure_anonymous_keys {
            check_encrypted_key(flags, &received)?;
        }
        messages.push_authenticate(authenticate);
        let exchange = Self { config, messages, flags, now };
        Ok(if is_anonymous {
            Claim::Anonymous(VerifyAnonymous { exchange, workstation })
        } else {
            Claim::User(VerifyUser { exchange, user, account: None, workstation })
        })
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.config.policy
    }

    pub(super) fn parsed(&self) -> Result<Parsed<'_>, Error> {
        Ok(Parsed {
            sent: Challenge::parse_for_client(self.messages.challenge())?,
            received: Authenticate::parse_for_server(self.messages.authenticate())?,
            flags: self.flags,
        })
    }

    /// Whether the policy accepts a kind of response, and the key that follows from it.
    pub(super) fn accepts(&self, kind: ResponseKind) -> bool {
        self.policy().accepts(kind) && allows_key(self.policy(), self.flags, kind)
    }

    /// What kind of response a domain controller vouches for, if the policy allows it to be asked.
    ///
    /// It does not say whether it took an LM field without an NT response for LM or for LMv2, so
    /// the policy must accept both. Without extended session security the session keys of both are
    /// the same, or made of the LM hash. With it the response counts as LMv2: a client with LM there
    /// gets other keys. (Samba 4.17 rejects LM anyway unless `lanman auth` is set.)
    pub(super) fn kind_to_pass_on(&self, parsed: &Parsed<'_>) -> Result<ResponseKind, Error> {
        let proof = parsed.proof()?;
        let (kinds, kind) = match proof.possible_kinds() {
            [kind] if *kind != ResponseKind::Lmv2 => (&[*kind][..], *kind),
            [kind] => (&[ResponseKind::Lmv2, ResponseKind::Lm][..], *kind),
            kinds => (kinds, ResponseKind::Lm),
        };
        if !kinds.iter().all(|kind| self.policy().accepts(*kind)) {
            return Err(Refused::ResponseKind.into());
        }
        if !allows_key(self.policy(), self.flags, kind) {
            return Err(Refused::ConstantKeyExchangeKey.into());
        }
        Ok(kind)
    }
}

/// Whether the policy allows the key that follows from a kind of response.
fn allows_key(policy: &Policy, flags: NegotiateFlags, kind: ResponseKind) -> bool {
    policy.allow_constant_key_exchange_key
        || !flags.intersects(NegotiateFlags::PROTECTION)
        || !has_constant_key_exchange_key(flags, kind)
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("messages", &self.messages)
            .field("flags", &self.flags)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Otherwise a message could make more work than an honest one of its length.
fn check_shared_bytes(bytes: &[u8], message: &Authenticate<'_>) -> Result<(), Unexpected> {
    let Authenticate { user, domain, workstation, nt_response, .. } = message;
    let fields = [user, domain, workstation, nt_response.as_bytes()];
    let sum: usize = fields.into_iter().map(<[u8]>::len).sum();
    if sum > bytes.len() { Err(Unexpected::SharedBytes) } else { Ok(()) }
}

/// 3.2.5.1.2. The flag J says nothing, as Windows has it.
fn is_anonymous(message: &Authenticate<'_>) -> bool {
    message.user.is_empty()
        && message.nt_response == NtResponse::Empty
        && message.lm_response.is_anonymous()
}

fn check_age(policy: &Policy, sent: &Challenge<'_>, now: FileTime) -> Result<(), Denied> {
    match (policy.max_challenge_age, sent.target_info.and_then(AvPairs::timestamp)) {
        (Some(age), Some(sent)) if sent.abs_diff(now) > age => Err(Denied::ChallengeExpired),
        _ => Ok(()),
    }
}

/// Where messages will be protected, or each stands alone, the key must have been sent.
fn check_encrypted_key(
    flags: NegotiateFlags,
    message: &Authenticate<'_>,
) -> Result<(), Unexpected> {
    let needs = NegotiateFlags::PROTECTION | NegotiateFlags::NEGOTIATE_DATAGRAM;
    let is_needed = flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH) && flags.intersects(needs);
    if is_needed && message.encrypted_random_session_key.len() != 16 {
        return Err(Unexpected::EncryptedSessionKey);
    }
    Ok(())
}
