//! What a client sends and requires.

use alloc::string::String;
use alloc::vec::Vec;

use crate::policy::SharedPolicy;
use crate::text::Text;
use crate::wire::NegotiateFlags;

/// A client's policy: what it sends, and what it requires of the server.
///
/// The default is safe and works with Windows: the client sends only NTLMv2, and if messages are to
/// be protected, it requires 128 bits and extended session security (ESS).
/// ```
/// use ntlm::wire::NegotiateFlags;
/// use ntlm::{Client, Credentials, LmCompatibility, client};
///
/// // For a filer from 2001 that does not support NTLMv2, 128 bits or KEY_EXCH.
/// let mut policy = client::Policy::default();
/// policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
/// policy.shared.offer -= NegotiateFlags::NEGOTIATE_KEY_EXCH;
/// policy.shared.require_when_protected = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
/// let client =
///     Client::new(Credentials::password("alice", "secret")).with_policy(policy).checked()?;
/// # Ok::<(), ntlm::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Policy {
    /// The fields that a server's policy has too: LM compatibility level, flags, MIC, version, code
    /// page, message length.
    pub shared: SharedPolicy,
    /// Whether the response must carry an [SPN](crate::Client::with_spn) (service principal name).
    /// Default: no.
    ///
    /// If no SPN was set, the handshake does not begin
    /// ([`Misuse::NoSpn`](crate::error::Misuse::NoSpn)). If the CHALLENGE has no `TargetInfo` or
    /// the client does not send NTLMv2, it does not answer
    /// ([`Refused::NoTargetInfo`](crate::error::Refused::NoTargetInfo)).
    pub require_spn: bool,
    /// Whether the response must carry [channel bindings](crate::Client::with_channel_bindings).
    /// Default: no.
    ///
    /// If none were set, the handshake does not begin
    /// ([`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings)). If the CHALLENGE
    /// has no `TargetInfo` or the client does not send NTLMv2, it does not answer
    /// ([`Refused::NoTargetInfo`](crate::error::Refused::NoTargetInfo)).
    pub require_channel_bindings: bool,
    /// Whether messages may be protected if the CHALLENGE lacks the server's NetBIOS names.
    /// Default: no ([`Unexpected::NetbiosNames`](crate::error::Unexpected::NetbiosNames)).
    ///
    /// \[MS-NLMP\] 3.1.5.1.2 says that the client then ends the handshake. Set this field for
    /// network storage devices and home routers that send no names.
    pub allow_missing_netbios_names: bool,
    /// The servers that [`blocked`](SharedPolicy::blocked) does not apply to
    /// (`ClientBlockExceptions`). Default: none.
    ///
    /// Each entry is either a whole SPN as given to [`with_spn`](crate::Client::with_spn) or only
    /// its host without the port. Letter case is ignored. An IPv6 address may have brackets, and
    /// must have them if a port follows.
    pub block_exceptions: Vec<String>,
}

impl Policy {
    /// Every requirement that a client can make. It works with Windows since Vista (according to
    /// the specification) and with Samba. The application must set an SPN and channel bindings:
    /// ```
    /// use ntlm::session::Protection;
    /// use ntlm::{ChannelBindings, Client, Credentials, client};
    ///
    /// # let certificate_hash = [7; 32];
    /// let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"))
    ///     .with_policy(client::Policy::strict())
    ///     .with_spn("ldap/files.example.com")
    ///     .with_channel_bindings(ChannelBindings::tls_server_end_point(&certificate_hash)?)
    ///     .with_protection(Protection::Seal)
    ///     .checked()?;
    /// # Ok::<(), ntlm::Error>(())
    /// ```
    ///
    /// Differences from the default:
    /// - A [MIC](SharedPolicy::require_mic) (message integrity code) is required. Servers
    ///   that do not send the time, which are those before Windows Vista, are rejected with
    ///   [`Refused::NoMic`]. Anonymous credentials fail with the same error.
    /// - EXTENDED_SESSIONSECURITY is required even if messages are not protected. KEY_EXCH is
    ///   required if messages are protected; it also encrypts the checksum in each signature. Servers
    ///   that do not grant these flags are rejected with [`Refused::MissingFlags`].
    /// - The weaker flags OEM and 56 are not offered. Servers that do not grant UNICODE are
    ///   rejected with [`Unexpected::CharacterSet`].
    /// - An [SPN](Self::require_spn) and [channel bindings](Self::require_channel_bindings) are
    ///   required. If they were not set, the handshake does not begin ([`Misuse::NoSpn`],
    ///   [`Misuse::NoChannelBindings`]).
    ///
    /// As by default, the client sends only NTLMv2, and
    /// [protection](crate::Client::with_protection) must be granted with 128 bits if it was
    /// requested. Request it whenever the application protocol supports it, because a MIC does not
    /// authenticate the server to the client.
    ///
    /// Without TLS there are no channel bindings: set `require_channel_bindings` to `false`, and
    /// request [`Protection::Seal`].
    ///
    /// [`Misuse::NoSpn`]: crate::error::Misuse::NoSpn
    /// [`Misuse::NoChannelBindings`]: crate::error::Misuse::NoChannelBindings
    /// [`Protection::Seal`]: crate::session::Protection::Seal
    /// [`Refused::NoMic`]: crate::error::Refused::NoMic
    /// [`Refused::MissingFlags`]: crate::error::Refused::MissingFlags
    /// [`Unexpected::CharacterSet`]: crate::error::Unexpected::CharacterSet
    #[must_use]
    pub fn strict() -> Self {
        Self {
            shared: SharedPolicy::strict(),
            require_spn: true,
            require_channel_bindings: true,
            ..Self::default()
        }
    }

    /// A policy that answers every CHALLENGE that can be answered, with any response and any key,
    /// for tests and for the analysis of recordings. **Do not deploy it**: a man in the middle can
    /// choose the weakest response and the weakest key.
    ///
    /// The client sends LM and NTLMv1 responses unless you set
    /// [`lm_compatibility`](SharedPolicy::lm_compatibility).
    #[must_use]
    pub fn insecure_for_analysis() -> Self {
        Self {
            shared: SharedPolicy::insecure(),
            allow_missing_netbios_names: true,
            ..Self::default()
        }
    }

    /// The flags that this policy offers; EXTENDED_SESSIONSECURITY only if the level offers it.
    pub(super) fn offered(&self) -> NegotiateFlags {
        if self.shared.lm_compatibility.offers_extended_session_security() {
            self.shared.offer
        } else {
            self.shared.offer - NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY
        }
    }

    /// Whether NTLM is blocked for this SPN ([MS-NLMP] 3.1.1.1). The specification does not say
    /// whether an exception is an SPN or a host name, so we accept both.
    pub(super) fn blocks(&self, target: &Text) -> bool {
        let is_exempt = |exception: &String| {
            let address = exception.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let host = Text::from(address.unwrap_or(exception));
            Text::from(exception.as_str()).eq_ignore_case(target)
                || host_of(target).is_some_and(|target| host.eq_ignore_case(&target))
        };
        self.shared.blocked && (target.is_empty() || !self.block_exceptions.iter().any(is_exempt))
    }
}

/// Returns the host of an SPN such as `HTTP/host:port`, `HTTP/[fe80::1]:port` or
/// `ldap/host/domain`.
fn host_of(target: &Text) -> Option<Text> {
    let host = target.as_str()?.split('/').nth(1)?;
    // An IPv6 address contains colons, so a port can follow it only after brackets.
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, ""),
        Some((address, rest)) => (address, rest.strip_prefix(':')?),
        None => host.split_once(':').filter(|(_, port)| !port.contains(':')).unwrap_or((host, "")),
    };
    port.bytes().all(|byte| byte.is_ascii_digit()).then(|| Text::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_exception_matches_a_whole_spn_or_its_host() {
        let mut policy = Policy::default();
        policy.shared.blocked = true;
        policy.block_exceptions =
            ["Files.example.com".into(), "ldap/DC1/example.com".into()].into();
        let blocks = |target: &str| policy.blocks(&target.into());
        assert!(!blocks("cifs/files.EXAMPLE.com"));
        assert!(!blocks("HTTP/files.example.com:8080"));
        assert!(!blocks("LDAP/dc1/example.com"));
        assert!(blocks("ldap/dc1/other.com"));
        assert!(blocks("HTTP/files.example.com:80x"));
        assert!(blocks("cifs/files.example.com.evil.com"));
        assert!(blocks("files"));
        assert!(blocks(""));
        policy.shared.blocked = false;
        assert!(!policy.blocks(&Text::default()));
    }
    #[test]
    fn block_exception_for_an_ipv6_address_does_not_match_a_longer_address() {
        let mut policy = Policy::default();
        policy.shared.blocked = true;
        for exception in ["fe80::1", "[fe80::1]"] {
            policy.block_exceptions = [exception.into()].into();
            for (target, is_blocked) in [
                ("HTTP/fe80::1", false),
                ("HTTP/[fe80::1]", false),
                ("HTTP/[FE80::1]:8080", false),
                ("HTTP/fe80::1:2", true),
                ("HTTP/[fe80::1:2]", true),
                ("HTTP/[fe80::1]x", true),
                ("HTTP/[fe80::1]8080", true),
                ("HTTP/[fe80::1]:80x", true),
                ("HTTP/[fe80::1", true),
            ] {
                assert_eq!(policy.blocks(&target.into()), is_blocked, "{exception} {target}");
            }
        }
    }
}
