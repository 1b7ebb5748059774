//! The contents of an AUTHENTICATE ([MS-NLMP] 3.2.5.1.2, 3.2.5.2.2).

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

/// Everything that is needed from an AUTHENTICATE. The message is parsed once, when it arrives.
/// This type owns its contents, so it can wait while the user is looked up.
pub(super) struct Received {
    pub(super) config: Arc<Config>,
    /// The channel bindings of the connection on which the message arrived.
    pub(super) bindings: ChannelBindings,
    /// Exactly as sent and received, because the MIC and the NTLMv2 proof cover these bytes.
    pub(super) messages: Messages,
    /// The negotiated flags.
    pub(super) flags: NegotiateFlags,
    pub(super) server_challenge: [u8; 8],
    /// The time in the CHALLENGE.
    pub(super) sent_time: Option<FileTime>,
    pub(super) user: UserName,
    pub(super) workstation: Text,
    pub(super) proof: Proof,
    /// The ranges of bytes of the responses in the AUTHENTICATE.
    pub(super) nt_response: Range<usize>,
    pub(super) lm_response: Range<usize>,
    /// `EncryptedRandomSessionKey`, if it has 16 bytes.
    pub(super) encrypted_session_key: Option<[u8; 16]>,
    pub(super) mic: Option<Mic>,
    /// What the AV pairs of an NTLMv2 response announce; `None` for other responses.
    pub(super) announced: Option<Announced>,
    /// When the message arrived.
    pub(super) now: FileTime,
}

/// A MIC, and its offset in the AUTHENTICATE.
#[derive(Clone, Copy)]
pub(super) struct Mic {
    pub(super) value: [u8; 16],
    pub(super) offset: usize,
}

/// What the AV pairs of an NTLMv2 response announce. The proof covers them.
pub(super) struct Announced {
    /// Whether `MsvAvFlags` announces a MIC.
    pub(super) has_mic: bool,
    /// `MsvAvChannelBindings`, unless it is 16 zeros.
    pub(super) bindings: Option<[u8; 16]>,
    /// `MsvAvTargetName`; empty if it is absent or marked as unverified.
    pub(super) spn: Text,
    /// Whether the AV pairs of the CHALLENGE's `TargetInfo` are repeated.
    pub(super) repeats_target_info: bool,
    /// `MsvAvTimestamp`.
    #[cfg(feature = "http")]
    pub(super) server_time: Option<FileTime>,
    /// The time to compare with the server's: see [`time_of`].
    pub(super) time: FileTime,
}

impl Received {
    /// Takes what is needed from a parsed AUTHENTICATE. It rejects only messages that are
    /// inconsistent; the policy is checked later.
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

    /// Whether the policy accepts this kind of response and the key that follows from it.
    pub(super) fn accepts(&self, kind: ResponseKind) -> bool {
        self.policy().accepts(kind) && allows_key(self.policy(), self.flags, kind)
    }

    /// Whether messages can be protected. An anonymous client has no secret key.
    pub(super) fn has_usable_key(&self) -> bool {
        !matches!(self.proof, Proof::Anonymous)
            || self.policy().shared.allow_insecure_anonymous_keys
    }

    /// Whether the session key is derived from the user's LM hash (3.4.5.1), or the response can
    /// only be an LM response.
    pub(super) fn needs_lm_hash(&self) -> bool {
        let from_lm_hash =
            NegotiateFlags::NEGOTIATE_LM_KEY | NegotiateFlags::REQUEST_NON_NT_SESSION_KEY;
        match self.proof {
            Proof::Ntlmv1 { .. } => self.flags.intersects(from_lm_hash),
            Proof::LmField { .. } => !self.accepts(ResponseKind::Lmv2),
            Proof::Anonymous | Proof::Ntlmv2 { .. } | Proof::Ntlm2Session { .. } => false,
        }
    }

    /// Returns `ExportedSessionKey`: decrypted if the client sent it, and otherwise the key
    /// exchange key.
    ///
    /// If KEY_EXCH but neither SIGN nor SEAL was negotiated, 3.2.5.1.2 says that the key exchange
    /// key is used. gss-ntlmssp 1.2.0 and Samba 4.17.12 send a key nevertheless and use it;
    /// pyspnego 0.12.4 sends one byte and does not use it. So we use the field if it has 16 bytes.
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
            // A value that is not UTF-16 was rejected when the message was parsed, so only an
            // absent one is empty here.
            spn: pairs.text(AvId::TARGET_NAME).filter(|_| is_verified).unwrap_or_default(),
            repeats_target_info: repeats(sent.target_info(messages.challenge()), pairs),
            #[cfg(feature = "http")]
            server_time,
            time: time_of(response, sent.time, server_time),
        }
    }
}

/// Whether the client repeats the server's AV pairs. `MsvAvFlags`, channel bindings and SPN are
/// excluded, because the client sets them.
fn repeats(ours: AvPairs<'_>, theirs: AvPairs<'_>) -> bool {
    let clients = [AvId::FLAGS, AvId::TARGET_NAME, AvId::CHANNEL_BINDINGS];
    let is_ours = |id: AvId| id.name().is_some() && !clients.contains(&id);
    ours.iter().filter(|(id, _)| is_ours(*id)).all(|(id, value)| theirs.get(id) == Some(value))
}

/// Returns the time to compare with the server's.
///
/// 3.2.5.1.2 compares the `TimeStamp` of the response. pysmb and Perl's Authen::NTLM 1.09 send no
/// time there or some seconds after 1601, and Samba 4.17.12 accepts them. Their responses repeat
/// the `MsvAvTimestamp` of our CHALLENGE, so they cannot be older than the CHALLENGE. If it is
/// repeated, we compare that time instead.
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

/// Decodes the names of the user and the workstation. A workstation name that cannot be decoded
/// becomes empty, because it proves nothing.
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

/// Rejects messages whose fields overlap: a short one could cause as much hashing as a long one.
fn check_shared_bytes(bytes: &[u8], message: &Authenticate<'_>) -> Result<(), Unexpected> {
    let Authenticate { user, domain, workstation, nt_response, .. } = message;
    let fields = [user, domain, workstation, nt_response.as_bytes()];
    let sum: usize = fields.into_iter().map(<[u8]>::len).sum();
    if sum > bytes.len() { Err(Unexpected::SharedBytes) } else { Ok(()) }
}

/// Whether the policy allows the key exchange key of this kind of response.
pub(super) fn allows_key(policy: &Policy, flags: NegotiateFlags, kind: ResponseKind) -> bool {
    policy.shared.allow_constant_key_exchange_key
        || !flags.intersects(NegotiateFlags::PROTECTION)
        || !has_constant_key_exchange_key(flags, kind)
}

impl fmt::Debug for Received {
    /// Does not print the bytes of the responses, the session key and the MIC.
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
