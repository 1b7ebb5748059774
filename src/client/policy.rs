//! What a client sends, demands and refuses.

use alloc::string::String;
use alloc::vec::Vec;

use crate::policy::SharedPolicy;
use crate::text::Text;
use crate::wire::NegotiateFlags;

/// A client's policy. The default is safe and works with Windows: NTLMv2 only, 128 bits and
/// extended session security where messages are protected.
///
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
    /// What a server's policy has too: responses, flags, MIC, version, code page, length.
    pub shared: SharedPolicy,
    /// Whether the response must carry an [SPN](crate::Client::with_spn). If the
    /// application gave none, the handshake does not begin
    /// ([`Misuse::NoSpn`](crate::error::Misuse::NoSpn)). If the CHALLENGE has no
    /// `TargetInfo`, or the response is not NTLMv2, the client does not answer
    /// ([`Refused::NoTargetInfo`](crate::error::Refused::NoTargetInfo)). Default: no.
    pub require_spn: bool,
    /// Whether the response must carry [channel bindings](crate::Client::with_channel_bindings). If
    /// the application gave none, the handshake does not begin
    /// ([`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings)). If the CHALLENGE
    /// has no `TargetInfo`, or the response is not NTLMv2, the client does not answer
    /// ([`Refused::NoTargetInfo`](crate::error::Refused::NoTargetInfo)). Default: no.
    pub require_channel_bindings: bool,
    /// Whether messages may be protected although the CHALLENGE lacks the server's NetBIOS names.
    /// The specification ends the handshake then (3.1.5.1.2); some network storage devices and home
    /// routers send no names. Default: no
    /// ([`Unexpected::NetbiosNames`](crate::error::Unexpected::NetbiosNames)).
    pub allow_missing_netbios_names: bool,
    /// The servers that are exempt from [`blocked`](SharedPolicy::blocked) (`ClientBlockExceptions`): each the whole SPN
    /// of [`with_spn`](crate::Client::with_spn), or the host in it without port, in any case.
    /// An IPv6 address may stand in brackets, and must where a port follows it.
    pub block_exceptions: Vec<String>,
}

impl Policy {
    /// All that a client can demand. Servers that can do it are Windows since Vista (as the
    /// specification has it), Samba and others of their kind, if the application gives what belongs
    /// to it:
    ///
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
    /// What differs from the default:
    /// - There must be a [MIC](SharedPolicy::require_mic). Servers that do not tell the time, those before
    ///   Windows Vista, are refused with [`Refused::NoMic`], and so are anonymous credentials.
    /// - EXTENDED_SESSIONSECURITY must be negotiated even if nothing will be protected, and
    ///   KEY_EXCH too if something will: with it, what signatures show is encrypted. A server that
    ///   does not grant them is refused with [`Refused::MissingFlags`], as is, by default too, one
    ///   that does not grant 128 there.
    /// - The weaker choices OEM and 56 are not offered at all. A server that does not grant UNICODE
    ///   leaves none, and is refused with [`Unexpected::CharacterSet`].
    ///
    /// As by default, only NTLMv2 is sent, and the [protection](crate::Client::with_protection)
    /// that is asked for must be granted, with 128 bits. Ask for it wherever the application
    /// protocol can carry it: no MIC proves to the client who the server is.
    ///
    /// A client that was given no [target](Self::require_spn), or no
    /// [bindings](Self::require_channel_bindings), does not begin: [`Misuse::NoSpn`],
    /// [`Misuse::NoChannelBindings`]. Outside TLS, where there are none, set
    /// `require_channel_bindings` to `false` and ask for [`Protection::Seal`].
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

    /// A policy that answers any CHALLENGE that can be answered, with any response and any key: for
    /// tests and for the analysis of recordings. **Do not deploy it**: a man in the middle can choose
    /// the weakest response and the weakest key. NTLMv1 is sent unless
    /// [`lm_compatibility`](SharedPolicy::lm_compatibility) is set.
    #[must_use]
    pub fn insecure_for_analysis() -> Self {
        Self {
            shared: SharedPolicy::insecure(),
            allow_missing_netbios_names: true,
            ..Self::default()
        }
    }

    /// The flags that this policy offers.
    pub(super) fn offered(&self) -> NegotiateFlags {
        if self.shared.lm_compatibility.offers_extended_session_security() {
            self.shared.offer
        } else {
            self.shared.offer - NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY
        }
    }

    /// Whether NTLM to this target is blocked (3.1.1.1). The specification leaves open what name
    /// the exceptions hold; both readings count.
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

/// The host in a service principal name, as in `HTTP/host:port`, `HTTP/[fe80::1]:port` or
/// `ldap/host/domain`.
fn host_of(target: &Text) -> Option<Text> {
    let host = target.as_str()?.split('/').nth(1)?;
    // An IPv6 address has colons of its own, so a port can follow it only in brackets.
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
    fn exceptions_name_the_target_or_its_host() {
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
    fn exception_for_an_ipv6_address_exempts_no_longer_address() {
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
