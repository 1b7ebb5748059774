//! What a server accepts.

use core::time::Duration;

use crate::policy::{Enforcement, ResponseKind, SharedPolicy};
use crate::wire::NegotiateFlags;

/// A server's policy. The default is safe: NTLMv2 only, a MIC if one is promised, 128 bits and
/// extended session security where messages are protected, channel bindings and SPN right
/// if they are there, and neither anonymous clients nor guests.
///
/// ```
/// use ntlm::{ChannelBindings, Enforcement, Server, server};
///
/// // Inside TLS, for clients that all send channel bindings.
/// # let certificate_hash = [7; 32];
/// let mut policy = server::Policy::default();
/// policy.channel_bindings = Enforcement::Required;
/// policy.shared.require_mic = true;
/// let server = Server::new(server::Names::standalone("FILES"))
///     .with_policy(policy)
///     .with_channel_bindings(ChannelBindings::tls_server_end_point(&certificate_hash)?)
///     .checked()?;
/// # Ok::<(), ntlm::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// What a client's policy has too: responses, flags, MIC, version, code page, length.
    pub shared: SharedPolicy,
    /// Whether an LMv2 response without an NTLMv2 response is accepted. Cyrus SASL's client sends
    /// it alone; tedious, SQL Server's driver for Node, sends it beside an NT response of 16 bytes
    /// that proves nothing. LMv2 covers neither a MIC nor channel bindings. Default: no.
    pub allow_lmv2_alone: bool,
    /// Whether anonymous clients are accepted. Default: no.
    pub allow_anonymous: bool,
    /// Whether [`accept_as_guest`](super::UserClaim::accept_as_guest) is allowed. Default: no.
    ///
    /// Nothing that a guest sends is proven, so that its channel bindings and SPN are not
    /// looked at; where they are required, there are no guests.
    pub allow_guest: bool,
    /// How strictly the client's channel bindings are compared with
    /// [this server's](crate::Server::with_channel_bindings). Default:
    /// [`Enforcement::IfPresent`], with which NTLMv1, that carries none, is not checked either
    /// where it is allowed. Bindings of all zeros count as none.
    ///
    /// With [`Enforcement::Required`] and no bindings of this server, no handshake begins
    /// ([`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings)), unless
    /// [`allow_any_channel_bindings`](Self::allow_any_channel_bindings) is set.
    ///
    /// Set [`require_mic`](SharedPolicy::require_mic) too if you require bindings or a
    /// [SPN](Self::spn): a client that sends no MIC and copies the CHALLENGE's AV
    /// pairs, such as curl, also copies pairs that a man in the middle inserted.
    #[doc(alias("EPA", "extended protection", "channel binding", "ApplicationRequiresCBT"))]
    pub channel_bindings: Enforcement,
    /// Whether a server that has no bindings of its own accepts any that are not zero where
    /// [`channel_bindings`](Self::channel_bindings) are required (`ApplicationRequiresCBT`). That
    /// shows that the client supports them, and protects against nothing. Default: no.
    pub allow_any_channel_bindings: bool,
    /// How strictly the service that the client asked for is compared with
    /// [this server's names](crate::Server::with_spns). Default:
    /// [`Enforcement::IfPresent`], which has no effect without such names.
    /// [`Enforcement::Required`] without them begins no handshake
    /// ([`Misuse::NoSpn`](crate::error::Misuse::NoSpn)).
    #[doc(alias("SPN", "service principal name"))]
    pub spn: Enforcement,
    /// Whether an NTLMv2 client must repeat what the server said in its `TargetInfo`: its names
    /// and its time. So a response that was made for another server is refused (CVE-2015-0005,
    /// CVE-2019-1019). Default: yes; all implementations seen do so.
    pub require_target_info: bool,
    /// How far the time in an NTLMv2 response may be from the server's (`MaxLifetime`), `None` for
    /// any. Default: 36 hours.
    ///
    /// If the response repeats the `MsvAvTimestamp` of this server's CHALLENGE, that is the time
    /// that counts, because it shows how old the response can be. So clients without a clock, such
    /// as pysmb and Perl's Authen::NTLM, are not rejected.
    pub max_time_difference: Option<Duration>,
    /// How old the challenge may be when it is answered, `None` for any age. Default: 36 hours, as
    /// Windows had it until it stopped checking; Samba takes 30 minutes.
    pub max_challenge_age: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        let max_lifetime = Some(Duration::from_secs(36 * 60 * 60));
        Self {
            shared: SharedPolicy::default(),
            allow_lmv2_alone: false,
            allow_anonymous: false,
            allow_guest: false,
            channel_bindings: Enforcement::IfPresent,
            allow_any_channel_bindings: false,
            spn: Enforcement::IfPresent,
            require_target_info: true,
            max_time_difference: max_lifetime,
            max_challenge_age: max_lifetime,
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
    /// policy.shared.require |= NegotiateFlags::PROTECTION;
    /// let server = Server::new(server::Names::member("FILES", "EXAMPLE"))
    ///     .with_policy(policy)
    ///     .with_spns(["ldap/files.example.com", "ldap/files"])
    ///     .with_channel_bindings(ChannelBindings::tls_server_end_point(&certificate_hash)?)
    ///     .checked()?;
    /// # Ok::<(), ntlm::Error>(())
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
    /// - There must be a [MIC](SharedPolicy::require_mic) ([`Denied::MicMissing`]): Firefox, impacket,
    ///   httpntlm, Samba's `ntlm_auth` helper, and gss-ntlmssp outside SPNEGO send none.
    /// - There must be the [channel bindings](Self::channel_bindings) of this server
    ///   ([`Denied::ChannelBindings`]): clients behind a proxy that ends TLS. Clients without TLS and
    ///   those that know no bindings send none ([`Denied::ChannelBindingsMissing`]).
    /// - The client must have asked for one of this server's [names](Self::spn)
    ///   ([`Denied::Spn`]): clients that know the server by an alias or an address that is
    ///   not among them. Clients such as ntlm-auth name none ([`Denied::SpnMissing`]).
    /// - The server must have been given both: otherwise no handshake begins, with
    ///   [`Misuse::NoChannelBindings`] or [`Misuse::NoSpn`].
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
    /// that [`require`](SharedPolicy::require) does not hold SIGN and SEAL: add them, as above, where it
    /// does. Outside TLS that is what stands against relaying in the place of bindings: set
    /// `channel_bindings` to [`Enforcement::IfPresent`] there.
    ///
    /// [`Denied::MicMissing`]: crate::error::Denied::MicMissing
    /// [`Denied::ChannelBindings`]: crate::error::Denied::ChannelBindings
    /// [`Denied::ChannelBindingsMissing`]: crate::error::Denied::ChannelBindingsMissing
    /// [`Denied::Spn`]: crate::error::Denied::Spn
    /// [`Denied::SpnMissing`]: crate::error::Denied::SpnMissing
    /// [`Denied::Time`]: crate::error::Denied::Time
    /// [`Denied::ChallengeExpired`]: crate::error::Denied::ChallengeExpired
    /// [`Misuse::NoChannelBindings`]: crate::error::Misuse::NoChannelBindings
    /// [`Misuse::NoSpn`]: crate::error::Misuse::NoSpn
    /// [`Refused::MissingFlags`]: crate::error::Refused::MissingFlags
    /// [`Unexpected::CharacterSet`]: crate::error::Unexpected::CharacterSet
    #[doc(alias = "relay")]
    #[must_use]
    pub fn strict() -> Self {
        let five_minutes = Some(Duration::from_secs(5 * 60));
        // What the default does not allow, this one does not either.
        Self {
            shared: SharedPolicy::strict(),
            channel_bindings: Enforcement::Required,
            spn: Enforcement::Required,
            max_time_difference: five_minutes,
            max_challenge_age: five_minutes,
            ..Self::default()
        }
    }

    /// A policy that accepts whatever can be verified: any kind of response, anonymous clients, guests,
    /// keys of any strength, recordings of any age. For tests and for the analysis of recordings. **Do
    /// not deploy it**: it protects against nothing but a wrong password.
    #[must_use]
    pub fn insecure_for_analysis() -> Self {
        Self {
            shared: SharedPolicy::insecure(),
            allow_lmv2_alone: true,
            allow_anonymous: true,
            allow_guest: true,
            channel_bindings: Enforcement::Off,
            spn: Enforcement::Off,
            require_target_info: false,
            max_time_difference: None,
            max_challenge_age: None,
            ..Self::default()
        }
    }

    /// The flags that a NEGOTIATE must offer if messages are to be protected. A client that turns out to
    /// be anonymous protects nothing, and Samba's offers SIGN without extended session security; so
    /// where anonymous clients are allowed, only the AUTHENTICATE shows whether that is needed.
    pub(super) const fn required_of_offers(&self) -> NegotiateFlags {
        if self.allow_anonymous && !self.shared.allow_insecure_anonymous_keys {
            NegotiateFlags::empty()
        } else {
            self.shared.require_when_protected
        }
    }

    /// Whether a kind of response may prove a password.
    pub(super) fn accepts(&self, kind: ResponseKind) -> bool {
        let carries_what_is_required = kind == ResponseKind::Ntlmv2
            || !self.shared.require_mic
                && self.channel_bindings != Enforcement::Required
                && self.spn != Enforcement::Required;
        self.shared.lm_compatibility.accepts(kind)
            && (kind != ResponseKind::Lmv2 || self.allow_lmv2_alone)
            && carries_what_is_required
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

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
        assert!(!policy.allow_any_channel_bindings);
        assert!(policy.require_target_info);
    }
}
