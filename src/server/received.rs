//! What one AUTHENTICATE says ([MS-NLMP] 3.2.5.1.2, 3.2.5.2.2).

use alloc::sync::Arc;
use core::fmt;
use core::ops::Range;

use super::config::Config;
use super::messages::Messages;
use super::policy::Policy;
use super::response::Proof;
use super::sent::Sent;
use crate::channel_bindings::ChannelBindings;
use crate::credentials::UserName;
use crate::crypto::{ExportedSessionKey, KeyExchangeKey};
use crate::environment::FileTime;
use crate::error::{Error, Unexpected};
use crate::negotiation::{agree_server, has_constant_key_exchange_key};
use crate::policy::ResponseKind;
use crate::text::Text;
use crate::wire::{
    Authenticate, AvFlags, AvId, AvPairs, NegotiateFlags, NtResponse, Ntlmv2Response, range_within,
};

/// Everything that one AUTHENTICATE says. It is made when the message arrives, which is parsed then
/// and never again, and is owned, so that it can wait for a look-up.
pub(super) struct Received {
    pub(super) config: Arc<Config>,
    /// The channel bindings of the connection on which it arrived.
    pub(super) bindings: ChannelBindings,
    /// As sent and received: the MIC and the NTLMv2 proof are computed over these bytes.
    pub(super) messages: Messages,
    /// What was negotiated in the end.
    pub(super) flags: NegotiateFlags,
    pub(super) server_challenge: [u8; 8],
    /// The time in the CHALLENGE.
    pub(super) sent_time: Option<FileTime>,
    pub(super) user: UserName,
    pub(super) workstation: Text,
    pub(super) proof: Proof,
    /// Where the responses are in the AUTHENTICATE.
    pub(super) nt_response: Range<usize>,
    pub(super) lm_response: Range<usize>,
    /// `EncryptedRandomSessionKey`, if it has its 16 bytes.
    pub(super) encrypted_session_key: Option<[u8; 16]>,
    pub(super) mic: Option<Mic>,
    /// What an NTLMv2 response carries besides the proof; other responses carry nothing.
    pub(super) announced: Option<Announced>,
    /// When the message arrived.
    pub(super) now: FileTime,
}

/// A MIC, and where it is in the AUTHENTICATE.
#[derive(Clone, Copy)]
pub(super) struct Mic {
    pub(super) value: [u8; 16],
    pub(super) offset: usize,
}

/// What the client announces in the AV pairs of an NTLMv2 response, which its proof covers.
pub(super) struct Announced {
    /// Whether the message has a MIC (`MsvAvFlags`).
    pub(super) has_mic: bool,
    /// `MsvAvChannelBindings`, unless they are zeros.
    pub(super) bindings: Option<[u8; 16]>,
    /// `MsvAvTargetName`; empty if there is none or the client marks it as unverified.
    pub(super) spn: Text,
    /// Whether it repeats what the CHALLENGE says in its `TargetInfo`.
    pub(super) repeats_target_info: bool,
    /// `MsvAvTimestamp`.
    #[cfg(feature = "http")]
    pub(super) server_time: Option<FileTime>,
    /// The time that the response was made.
    pub(super) time: FileTime,
}

impl Received {
    /// Takes from a parsed AUTHENTICATE what it says. Only what cannot be read is rejected here.
    pub(super) fn new(
        config: Arc<Config>,
        bindings: ChannelBindings,
        mut messages: Messages,
        sent: &Sent,
        authenticate: &[u8],
        message: &Authenticate<'_>,
        now: FileTime,
    ) -> Result<Self, Error> {
        let policy = &config.policy;
        check_shared_bytes(authenticate, message)?;
        let flags = agree_server(sent.flags, message.flags)?;
        let (user, workstation) = names(message, flags, policy)?;
        let proof = Proof::new(message, flags)?;
        messages.push_authenticate(authenticate);
        let announced = match message.nt_response {
            NtResponse::V2(response) => Some(Announced::new(response, sent, &messages)),
            _ => None,
        };
        let mic = message.mic_offset().zip(message.mic);
        Ok(Self {
            flags,
            server_challenge: sent.server_challenge,
            sent_time: sent.time,
            user,
            workstation,
            proof,
            nt_response: range_within(authenticate, message.nt_response.as_bytes()),
            lm_response: range_within(authenticate, message.lm_response.as_bytes()),
            encrypted_session_key: message.encrypted_random_session_key.try_into().ok(),
            mic: mic.map(|(offset, value)| Mic { value, offset }),
            announced,
            now,
            messages,
            bindings,
            config,
        })
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.config.policy
    }

    /// `NtChallengeResponse`, as received.
    pub(super) fn nt_response(&self) -> &[u8] {
        self.messages.within_authenticate(&self.nt_response)
    }

    /// `LmChallengeResponse`, as received.
    pub(super) fn lm_response(&self) -> &[u8] {
        self.messages.within_authenticate(&self.lm_response)
    }

    /// Whether the policy accepts a kind of response, and the key that follows from it.
    pub(super) fn accepts(&self, kind: ResponseKind) -> bool {
        self.policy().accepts(kind) && allows_key(self.policy(), self.flags, kind)
    }

    /// Whether messages can be protected afterwards: an anonymous client has no secret key.
    pub(super) fn has_usable_key(&self) -> bool {
        !matches!(self.proof, Proof::Anonymous)
            || self.policy().shared.allow_insecure_anonymous_keys
    }

    /// Whether the session key is made of the user's LM hash (3.4.5.1), or nothing but the LM hash
    /// can prove the response.
    pub(super) fn needs_lm_hash(&self) -> bool {
        let from_lm_hash =
            NegotiateFlags::NEGOTIATE_LM_KEY | NegotiateFlags::REQUEST_NON_NT_SESSION_KEY;
        match self.proof {
            Proof::Ntlmv1 { .. } => self.flags.intersects(from_lm_hash),
            Proof::LmField { .. } => !self.accepts(ResponseKind::Lmv2),
            Proof::Anonymous | Proof::Ntlmv2 { .. } | Proof::Ntlm2Session { .. } => false,
        }
    }

    /// `ExportedSessionKey`: what the client sent encrypted, or the key exchange key itself.
    ///
    /// With KEY_EXCH but neither SIGN nor SEAL, the specification takes the key exchange key, and
    /// peers disagree: gss-ntlmssp and Samba send a key all the same and use it; pyspnego sends one
    /// byte and does not. So the length of the field decides.
    pub(super) fn exported_session_key(
        &self,
        key_exchange_key: &KeyExchangeKey,
    ) -> ExportedSessionKey {
        let is_exchanged = self.flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH);
        match &self.encrypted_session_key {
            Some(encrypted) if is_exchanged => key_exchange_key.decrypt(encrypted),
            _ => key_exchange_key.as_exported_session_key(),
        }
    }
}

impl Announced {
    fn new(response: Ntlmv2Response<'_>, sent: &Sent, messages: &Messages) -> Self {
        let pairs = response.target_info();
        let flags = pairs.flags();
        let server_time = pairs.timestamp();
        let is_verified = !flags.contains(AvFlags::UNTRUSTED_SPN);
        Self {
            has_mic: flags.contains(AvFlags::MIC_PRESENT),
            bindings: pairs.channel_bindings().copied(),
            // A value that is not UTF-16 was rejected with the list, so only an absent one is empty.
            spn: pairs.text(AvId::TARGET_NAME).filter(|_| is_verified).unwrap_or_default(),
            repeats_target_info: repeats(sent.target_info(messages.challenge()), pairs),
            #[cfg(feature = "http")]
            server_time,
            time: time_of(response, sent.time, server_time),
        }
    }
}

/// Whether a client repeats the server's pairs. `MsvAvFlags`, bindings and SPN are the client's to
/// set.
fn repeats(ours: AvPairs<'_>, theirs: AvPairs<'_>) -> bool {
    let clients = [AvId::FLAGS, AvId::TARGET_NAME, AvId::CHANNEL_BINDINGS];
    let is_ours = |id: AvId| id.name().is_some() && !clients.contains(&id);
    ours.iter().filter(|(id, _)| is_ours(*id)).all(|(id, value)| theirs.get(id) == Some(value))
}

/// 3.2.5.1.2 compares TimeStamp with the present. pysmb and Perl's Authen::NTLM 1.09 send no time, or
/// some seconds after 1601, and are accepted by Samba 4.17. Their responses repeat the
/// `MsvAvTimestamp` of our CHALLENGE, so they are no older than that; then it is the time that is
/// compared.
fn time_of(
    response: Ntlmv2Response<'_>,
    sent: Option<FileTime>,
    repeated: Option<FileTime>,
) -> FileTime {
    match repeated {
        Some(time) if sent == repeated => time,
        _ => response.time(),
    }
}

/// Who the client claims to be, and its workstation. That proves nothing, so it counts as none if it is
/// no text.
fn names(
    message: &Authenticate<'_>,
    flags: NegotiateFlags,
    policy: &Policy,
) -> Result<(UserName, Text), Unexpected> {
    let character_set = flags.character_set().ok_or(Unexpected::CharacterSet)?;
    let text = |bytes| {
        Text::decode(bytes, character_set, policy.shared.code_page).map_err(Unexpected::Text)
    };
    let user = UserName::new(text(message.user)?).with_domain(text(message.domain)?);
    Ok((user, text(message.workstation).unwrap_or_default()))
}

/// Otherwise a message could make more work than an honest one of its length.
fn check_shared_bytes(bytes: &[u8], message: &Authenticate<'_>) -> Result<(), Unexpected> {
    let Authenticate { user, domain, workstation, nt_response, .. } = message;
    let fields = [user, domain, workstation, nt_response.as_bytes()];
    let sum: usize = fields.into_iter().map(<[u8]>::len).sum();
    if sum > bytes.len() { Err(Unexpected::SharedBytes) } else { Ok(()) }
}

/// Whether the policy allows the key that follows from a kind of response.
pub(super) fn allows_key(policy: &Policy, flags: NegotiateFlags, kind: ResponseKind) -> bool {
    policy.shared.allow_constant_key_exchange_key
        || !flags.intersects(NegotiateFlags::PROTECTION)
        || !has_constant_key_exchange_key(flags, kind)
}

impl fmt::Debug for Received {
    /// Shows no byte of the responses, the session key and the MIC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("messages", &self.messages)
            .field("flags", &self.flags)
            .field("user", &self.user)
            .field("workstation", &self.workstation)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
