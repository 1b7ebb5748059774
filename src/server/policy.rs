//! What a server accepts.

use core::time::Duration;

use crate::handshake::flags::{DEFAULT_OFFER, DEFAULT_STRENGTH};
use crate::policy::{Binding, LmCompatibility, ResponseKind};
use crate::text::{Ascii, CodePage};
use crate::wire::{NegotiateFlags, Version};

/// A server's policy. The default is safe: NTLMv2 only, a MIC if one is promised, 128 bits and
/// extended session security where messages are protected, channel bindings and target name right
/// if they are there, and neither anonymous clients nor guests.
///
/// ```
/// use ntlm::{Binding, Server, server};
///
/// // Behind TLS, for clients that all know channel bindings.
/// let mut policy = server::Policy::default();
/// policy.channel_bindings = Binding::Require;
/// policy.require_mic = true;
/// let server = Server::new(server::Names::standalone("FILES")).with_policy(policy);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// Which kinds of responses are accepted: at level 5 (`RefuseLmAndNtlm`) NTLMv2 alone, at 4
    /// (`RefuseLm`) NTLMv1 too, below all. Default: level 5.
    pub lm_compatibility: LmCompatibility,
    /// Whether an LMv2 response without an NTLMv2 response is accepted, as Cyrus SASL's client
    /// sends it. It covers neither MIC nor channel bindings. Default: no.
    pub allow_lmv2_alone: bool,
    /// Whether anonymous clients are accepted. Default: no.
    pub allow_anonymous: bool,
    /// Whether [`accept_as_guest`](super::VerifyUser::accept_as_guest) is allowed. Default: no.
    ///
    /// Nothing that a guest sends is proven, so that its channel bindings and target name are not
    /// looked at; where they are required, there are no guests.
    pub allow_guest: bool,
    /// Which optional flags are granted: UNICODE, OEM, LM_KEY, EXTENDED_SESSIONSECURITY, IDENTIFY,
    /// NON_NT_SESSION_KEY, 128, 56 and KEY_EXCH; others are ignored here. Default: all but LM_KEY,
    /// IDENTIFY and NON_NT_SESSION_KEY. SIGN and SEAL are granted to whoever asks.
    pub offer: NegotiateFlags,
    /// Flags without which there is no exchange: NEGOTIATE_SIGN, NEGOTIATE_SEAL, and any that
    /// [`offer`](Self::offer) can hold. Others are ignored here. Default: none.
    ///
    /// A server that signs or seals should require it: otherwise whoever clears the flag on the way
    /// gets an exchange without. 128 and 56 belong in
    /// [`require_when_protected`](Self::require_when_protected): they are never negotiated where
    /// nothing is protected (2.2.2.5, U and W).
    pub require: NegotiateFlags,
    /// Flags that must be negotiated where messages are signed or sealed. Default: 128
    /// (`ServerRequire128bitEncryption`) and EXTENDED_SESSIONSECURITY.
    pub require_when_protected: NegotiateFlags,
    /// Whether each client must send a MIC. Only NTLMv2 can. If not, a MIC counts if the client
    /// announces it: then it must be there and right. Default: no.
    pub require_mic: bool,
    /// Whether the client must be bound to this server's TLS channel. Default:
    /// [`Binding::WhenPresent`], with which NTLMv1, that carries none, goes unchecked too where it
    /// is allowed. All-zero bindings count as none. [`Binding::Require`] without
    /// [bindings of the server](crate::Server::with_channel_bindings) demands any that are not
    /// zero (`ApplicationRequiresCBT`).
    pub channel_bindings: Binding,
    /// Whether the client must have asked for one of
    /// [this server's names](crate::Server::with_target_names). Default:
    /// [`Binding::WhenPresent`], which without such names says nothing.
    pub target_name: Binding,
    /// Whether an NTLMv2 client must repeat what the server said in its `TargetInfo`: its names
    /// and its time. So a response that was made for another server is refused (CVE-2015-0005,
    /// CVE-2019-1019). Default: yes; all implementations seen do so.
    pub require_target_info: bool,
    /// How far the time in an NTLMv2 response may be from the server's (`MaxLifetime`), `None` for
    /// any. Default: 36 hours.
    pub max_time_difference: Option<Duration>,
    /// How old the challenge may be when it is answered, `None` for any age. Default: 36 hours, as
    /// Windows had it until it stopped checking; Samba takes 30 minutes.
    pub max_challenge_age: Option<Duration>,
    /// The version to tell, `None` to tell none. Default: that of Windows Server 2022.
    pub version: Option<Version>,
    /// The OEM code page, for clients without UNICODE. Default: ASCII.
    pub code_page: &'static dyn CodePage,
    /// How many bytes a message may have. Default: 65 536; real ones have some hundred.
    pub max_message_len: usize,
    /// Whether NTLM is blocked altogether (`ServerBlock`). Default: no.
    pub blocked: bool,
}

impl Default for Policy {
    fn default() -> Self {
        let max_lifetime = Some(Duration::from_secs(36 * 60 * 60));
        Self {
            lm_compatibility: LmCompatibility::RefuseLmAndNtlm,
            allow_lmv2_alone: false,
            allow_anonymous: false,
            allow_guest: false,
            offer: DEFAULT_OFFER,
            require: NegotiateFlags::empty(),
            require_when_protected: DEFAULT_STRENGTH,
            require_mic: false,
            channel_bindings: Binding::WhenPresent,
            target_name: Binding::WhenPresent,
            require_target_info: true,
            max_time_difference: max_lifetime,
            max_challenge_age: max_lifetime,
            version: Some(Version::new(10, 0, 20_348)),
            code_page: &Ascii,
            max_message_len: 65_536,
            blocked: false,
        }
    }
}

impl Policy {
    /// Whether a kind of response may prove a password.
    pub(super) fn accepts(&self, kind: ResponseKind) -> bool {
        let carries_what_is_required = kind == ResponseKind::Ntlmv2
            || !self.require_mic
                && self.channel_bindings != Binding::Require
                && self.target_name != Binding::Require;
        self.lm_compatibility.accepts(kind)
            && (kind != ResponseKind::Lmv2 || self.allow_lmv2_alone)
            && carries_what_is_required
    }
}
