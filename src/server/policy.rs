//! What a server accepts.

use core::time::Duration;

use crate::handshake::flags::{DEFAULT_OFFER, DEFAULT_STRENGTH, STRICT_ALWAYS, STRICT_OFFER};
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
    ///
    /// To require them goes with [`require_mic`](Self::require_mic), and so it does for
    /// [`target_name`](Self::target_name): a client without a MIC that repeats what the CHALLENGE
    /// says, such as curl, repeats also what somebody put there on the way.
    pub channel_bindings: Binding,
    /// Whether the client must have asked for one of
    /// [this server's names](crate::Server::with_target_names). Default:
    /// [`Binding::WhenPresent`], which without such names says nothing.
    pub target_name: Binding,
    /// Whether this server must have been given what it is to compare with, where clients are
    /// required to send it: its [bindings](Self::channel_bindings), its
    /// [names](Self::target_name). Otherwise no exchange begins
    /// ([`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings),
    /// [`Misuse::NoTargetName`](crate::error::Misuse::NoTargetName)). Default: no.
    pub require_own_identity: bool,
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
            require_own_identity: false,
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
    /// All that a server can demand, for services inside TLS whose clients are current: Windows
    /// since Vista with extended protection (as the specification has it), Chromium, Samba, WinPR,
    /// pyspnego and others of that kind. The application gives what clients are compared with:
    ///
    /// ```
    /// use ntlm::wire::NegotiateFlags;
    /// use ntlm::{ChannelBindings, Server, server};
    ///
    /// # let certificate_hash = [7; 32];
    /// let mut policy = server::Policy::strict();
    /// // For protocols that seal messages, such as LDAP.
    /// policy.require |= NegotiateFlags::PROTECTION;
    /// let server = Server::new(server::Names::member("FILES", "EXAMPLE"))
    ///     .with_policy(policy)
    ///     .with_target_names(["ldap/files.example.com", "ldap/files"])
    ///     .with_channel_bindings(ChannelBindings::tls_server_end_point(&certificate_hash));
    /// ```
    ///
    /// What differs from the default, and whom it locks out, as they were recorded
    /// (`tests/strict.rs` holds what comes of each):
    /// - UNICODE must be negotiated, and OEM is not granted. Clients that offer OEM alone are
    ///   refused with their first message ([`Unexpected::CharacterSet`]): curl, axios-ntlm, wget.
    /// - EXTENDED_SESSIONSECURITY must be negotiated even if nothing will be protected, and
    ///   KEY_EXCH too if something will: with it, what signatures show is encrypted. 128 bits are
    ///   demanded there as by default, and 56 is not granted. Clients that do not ask for all that
    ///   are refused with their first message ([`Refused::MissingFlags`]): libntlm, Cyrus SASL and
    ///   cntlm for want of the first, Heimdal of 128.
    /// - There must be a [MIC](Self::require_mic) ([`Denied::MicMissing`]): Firefox, impacket,
    ///   httpntlm, Samba's `ntlm_auth` helper, and gss-ntlmssp outside SPNEGO send none.
    /// - There must be the [channel bindings](Self::channel_bindings) of this server
    ///   ([`Denied::ChannelBindings`]): clients without TLS, behind a proxy that ends TLS, or that
    ///   know no bindings.
    /// - The client must have asked for one of this server's [names](Self::target_name)
    ///   ([`Denied::TargetName`]): clients that know the server by an alias or an address that is
    ///   not among them, and clients that name none, such as ntlm-auth.
    /// - The server must have been [given](Self::require_own_identity) both: otherwise no exchange
    ///   begins, with [`Misuse::NoChannelBindings`] or [`Misuse::NoTargetName`].
    /// - The [time](Self::max_time_difference) in the response, and the
    ///   [age](Self::max_challenge_age) of the challenge, may be five minutes off
    ///   ([`Denied::Time`], [`Denied::ChallengeExpired`]): clients that do not repeat the server's
    ///   time, and whose clock goes wrong. An answer takes one round trip, so that an honest one
    ///   is never so late; five minutes is also what Kerberos allows to clocks.
    ///
    /// As by default, there are no anonymous clients, no guests, and no responses but NTLMv2, which
    /// must repeat what this server said.
    ///
    /// What a client asks to have signed or sealed, nobody can take away on the way, since the MIC
    /// covers it. But only the application knows whether its protocol protects messages at all, so
    /// that [`require`](Self::require) does not hold SIGN and SEAL: add them, as above, where it
    /// does. Outside TLS that is what stands against relaying in the place of bindings: set
    /// `channel_bindings` to [`Binding::WhenPresent`] there.
    ///
    /// [`Denied::MicMissing`]: crate::error::Denied::MicMissing
    /// [`Denied::ChannelBindings`]: crate::error::Denied::ChannelBindings
    /// [`Denied::TargetName`]: crate::error::Denied::TargetName
    /// [`Denied::Time`]: crate::error::Denied::Time
    /// [`Denied::ChallengeExpired`]: crate::error::Denied::ChallengeExpired
    /// [`Misuse::NoChannelBindings`]: crate::error::Misuse::NoChannelBindings
    /// [`Misuse::NoTargetName`]: crate::error::Misuse::NoTargetName
    /// [`Refused::MissingFlags`]: crate::error::Refused::MissingFlags
    /// [`Unexpected::CharacterSet`]: crate::error::Unexpected::CharacterSet
    #[must_use]
    pub fn strict() -> Self {
        let five_minutes = Some(Duration::from_secs(5 * 60));
        // What the default does not allow, this one does not either.
        Self {
            offer: STRICT_OFFER,
            require: STRICT_ALWAYS,
            require_when_protected: STRICT_OFFER,
            require_mic: true,
            channel_bindings: Binding::Require,
            target_name: Binding::Require,
            require_own_identity: true,
            max_time_difference: five_minutes,
            max_challenge_age: five_minutes,
            ..Self::default()
        }
    }

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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_strict_policy_demands_all_that_it_grants() {
        let policy = Policy::strict();
        let strength = NegotiateFlags::NEGOTIATE_128 | NegotiateFlags::NEGOTIATE_KEY_EXCH;
        assert_eq!(policy.require | policy.require_when_protected, policy.offer);
        assert_eq!(policy.offer - policy.require, strength);
    }

    #[test]
    fn a_strict_policy_waits_no_longer_than_five_minutes() {
        let five_minutes = Some(Duration::from_secs(300));
        let policy = Policy::strict();
        assert_eq!(policy.max_time_difference, five_minutes);
        assert_eq!(policy.max_challenge_age, five_minutes);
    }

    #[test]
    fn a_strict_policy_takes_ntlmv2_alone_and_nobody_who_proves_nothing() {
        let policy = Policy::strict();
        let kinds = [
            ResponseKind::Lm,
            ResponseKind::Lmv2,
            ResponseKind::Ntlmv1,
            ResponseKind::Ntlm2Session,
            ResponseKind::Ntlmv2,
        ];
        let accepted: Vec<_> = kinds.into_iter().filter(|kind| policy.accepts(*kind)).collect();
        assert_eq!(accepted, [ResponseKind::Ntlmv2]);
        assert!(!policy.allow_anonymous && !policy.allow_guest && !policy.allow_lmv2_alone);
        assert!(policy.require_target_info);
    }
}
