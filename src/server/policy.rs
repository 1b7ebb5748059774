//! What a server accepts and requires.

use core::time::Duration;

use crate::policy::{Enforcement, ResponseKind, SharedPolicy};
use crate::wire::NegotiateFlags;

/// A server's policy: what it accepts, and what it requires of clients.
///
/// The default is safe. The server accepts only NTLMv2, and no anonymous clients or guests. It
/// verifies the MIC (message integrity code) if the client announced one, and channel bindings and
/// SPN if the client sent them. If messages are to be protected, it requires 128 bits and extended
/// session security (ESS).
/// ```
/// use ntlm::{ChannelBindings, Enforcement, Server, server};
///
/// // Inside TLS, for clients that all send channel bindings:
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
    /// The fields that a client's policy has too: LM compatibility level, flags, MIC, version, code
    /// page, message length.
    pub shared: SharedPolicy,
    /// Whether LMv2 is accepted if there is no NTLMv2 response. Default: no, because LMv2 covers
    /// neither a MIC nor channel bindings.
    ///
    /// Cyrus SASL 2.1.28 sends only LMv2. tedious 18.6.2, SQL Server's driver for Node.js, sends it
    /// beside an NT response of 16 bytes that proves nothing.
    pub allow_lmv2_alone: bool,
    /// Whether anonymous clients are accepted. Default: no.
    pub allow_anonymous: bool,
    /// Whether [`accept_as_guest`](super::UserClaim::accept_as_guest) is allowed. Default: no.
    ///
    /// Nothing that a guest sends is proven, so its channel bindings and SPN are not checked. If
    /// the policy requires them, guests are rejected.
    pub allow_guest: bool,
    /// How strictly the client's channel bindings are compared with
    /// [this server's](crate::Server::with_channel_bindings). Default: [`Enforcement::IfPresent`].
    /// Bindings of 16 zeros count as absent, and NTLMv1 cannot carry bindings.
    ///
    /// [`Enforcement::Required`] needs bindings of this server. Without them, no handshake begins
    /// ([`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings)), unless
    /// [`allow_any_channel_bindings`](Self::allow_any_channel_bindings) is set.
    ///
    /// If you require channel bindings or an [SPN](Self::spn), set
    /// [`require_mic`](SharedPolicy::require_mic) too. Clients that send no MIC and copy the AV
    /// pairs of the CHALLENGE, such as curl 7.88.1, also copy pairs that a man in the middle
    /// inserted.
    #[doc(alias("EPA", "extended protection", "channel binding", "ApplicationRequiresCBT"))]
    pub channel_bindings: Enforcement,
    /// Whether a server without channel bindings accepts any that are not zero, if
    /// [`channel_bindings`](Self::channel_bindings) are required (`ApplicationRequiresCBT`).
    /// Default: no.
    ///
    /// This shows only that the client supports channel bindings. It does not protect against
    /// anything.
    pub allow_any_channel_bindings: bool,
    /// How strictly the client's SPN (service principal name) is compared with
    /// [this server's](crate::Server::with_spns). Default: [`Enforcement::IfPresent`], which checks
    /// nothing if this server has no SPN.
    ///
    /// [`Enforcement::Required`] needs an SPN of this server. Without one, no handshake begins
    /// ([`Misuse::NoSpn`](crate::error::Misuse::NoSpn)).
    #[doc(alias("SPN", "service principal name"))]
    pub spn: Enforcement,
    /// Whether an NTLMv2 response must repeat the names and the time of this server's `TargetInfo`.
    /// A response to another server is then rejected (CVE-2015-0005, CVE-2019-1019). Default: yes;
    /// every known implementation repeats them.
    pub require_target_info: bool,
    /// How far the time of an NTLMv2 response may differ from this server's clock (`MaxLifetime`);
    /// `None` for any time. Default: 36 hours.
    ///
    /// If the response repeats the `MsvAvTimestamp` of the CHALLENGE, that time is compared, because it
    /// shows how old the response can be. So clients with a wrong clock or without one, such as pysmb
    /// and Perl's Authen::NTLM 1.09, are accepted. Otherwise the `TimeStamp` of the client is compared.
    pub max_time_difference: Option<Duration>,
    /// How old the CHALLENGE may be when the AUTHENTICATE arrives; `None` for any age. Default: 36
    /// hours, which was the limit of Windows until it removed the check. Samba's limit is 30
    /// minutes.
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
    /// Every requirement that a server can make, for services inside TLS with current clients:
    /// Windows since Vista with extended protection (according to the specification), Chromium,
    /// Samba, WinPR, pyspnego and similar ones. The application must set SPNs and channel bindings:
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
    /// Differences from the default, with the clients that each of them rejects according to
    /// recordings (`tests/strict.rs`):
    /// - UNICODE is required, and OEM is not granted. Clients that offer only OEM are rejected at
    ///   their first message ([`Unexpected::CharacterSet`]): curl, axios-ntlm, wget.
    /// - EXTENDED_SESSIONSECURITY is required even if messages are not protected. KEY_EXCH is
    ///   required if messages are protected; it also encrypts the checksum in each signature. 128
    ///   is required then too, as by default, and 56 is not granted. Clients that do not offer
    ///   these flags are rejected at their first message ([`Refused::MissingFlags`]): libntlm,
    ///   Cyrus SASL and cntlm do not offer the first, Heimdal does not offer 128.
    /// - A [MIC](SharedPolicy::require_mic) is required ([`Denied::MicMissing`]). Firefox,
    ///   impacket, httpntlm, Samba's `ntlm_auth` helper, and gss-ntlmssp without SPNEGO send none.
    /// - The [channel bindings](Self::channel_bindings) of this server are required. Clients behind
    ///   a proxy that ends TLS send others ([`Denied::ChannelBindings`]). Clients without TLS and
    ///   clients that do not support channel bindings send none
    ///   ([`Denied::ChannelBindingsMissing`]).
    /// - One of this server's [SPNs](Self::spn) is required. Clients that use an alias or an
    ///   address without an SPN of its own send another ([`Denied::Spn`]). Clients such as
    ///   ntlm-auth send none ([`Denied::SpnMissing`]).
    /// - The application must have set SPNs and channel bindings. Otherwise no handshake begins
    ///   ([`Misuse::NoChannelBindings`], [`Misuse::NoSpn`]).
    /// - The [time](Self::max_time_difference) of the response may differ by at most five minutes,
    ///   and the [CHALLENGE](Self::max_challenge_age) may be at most five minutes old
    ///   ([`Denied::Time`], [`Denied::ChallengeExpired`]). This rejects clients that do not repeat the
    ///   server's time and whose clock is wrong. A handshake takes only one round trip, and Kerberos
    ///   allows clocks the same difference.
    ///
    /// As by default, the server accepts only NTLMv2, and no anonymous clients or guests. The
    /// response must repeat what this server sent.
    ///
    /// A man in the middle cannot remove a client's request for signing or sealing, because the MIC
    /// covers it. But only the application knows whether its protocol protects messages, so
    /// [`require`](SharedPolicy::require) does not contain SIGN and SEAL: add them, as above, if it
    /// does. Without TLS, they replace channel bindings as the protection against relaying: add
    /// them, and set `channel_bindings` to [`Enforcement::IfPresent`].
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
        // Fields that are not listed are already as strict as possible by default.
        Self {
            shared: SharedPolicy::strict(),
            channel_bindings: Enforcement::Required,
            spn: Enforcement::Required,
            max_time_difference: five_minutes,
            max_challenge_age: five_minutes,
            ..Self::default()
        }
    }

    /// A policy that accepts everything that can be verified, for tests and for the analysis of
    /// recordings: any kind of response, anonymous clients, guests, keys of any strength,
    /// recordings of any age. **Do not deploy it**: it rejects only wrong passwords.
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

    /// The flags that a NEGOTIATE must offer if it requests protection. If anonymous clients are
    /// allowed, only the AUTHENTICATE shows whether messages will be protected: Samba's client
    /// requests SIGN without extended session security, and if it is anonymous, it protects
    /// nothing.
    pub(super) const fn required_of_offers(&self) -> NegotiateFlags {
        if self.allow_anonymous && !self.shared.allow_insecure_anonymous_keys {
            NegotiateFlags::empty()
        } else {
            self.shared.require_when_protected
        }
    }

    /// Whether this kind of response may prove a password.
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
    fn strict_policy_allows_five_minutes() {
        let five_minutes = Some(Duration::from_secs(300));
        let policy = Policy::strict();
        assert_eq!(policy.max_time_difference, five_minutes);
        assert_eq!(policy.max_challenge_age, five_minutes);
    }

    #[test]
    fn strict_policy_accepts_only_ntlmv2_and_no_unproven_clients() {
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
