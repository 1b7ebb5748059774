//! What a client sends, demands and refuses.

use alloc::string::String;
use alloc::vec::Vec;

use crate::handshake::flags::{DEFAULT_OFFER, DEFAULT_STRENGTH, STRICT_ALWAYS, STRICT_OFFER};
use crate::policy::LmCompatibility;
use crate::text::{Ascii, CodePage, Text};
use crate::wire::{NegotiateFlags, Version};

/// A client's policy. The default is safe and works with Windows: NTLMv2 only, 128 bits and
/// extended session security where messages are protected.
///
/// ```
/// use ntlm::wire::NegotiateFlags;
/// use ntlm::{Client, Credentials, LmCompatibility, client};
///
/// // For a filer from 2001 that does not support NTLMv2, 128 bits or KEY_EXCH.
/// let mut policy = client::Policy::default();
/// policy.lm_compatibility = LmCompatibility::SendNtlm;
/// policy.offer -= NegotiateFlags::NEGOTIATE_KEY_EXCH;
/// policy.require_when_protected = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
/// let client = Client::new(Credentials::password("alice", "secret")).with_policy(policy);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// Which responses are sent. Default: NTLMv2 alone.
    pub lm_compatibility: LmCompatibility,
    /// Which optional flags are offered: UNICODE, OEM, LM_KEY, EXTENDED_SESSIONSECURITY, IDENTIFY,
    /// NON_NT_SESSION_KEY, 128, 56 and KEY_EXCH; others are ignored here. Default: all but LM_KEY,
    /// IDENTIFY and NON_NT_SESSION_KEY. Whatever is not offered is not used, even if the server
    /// says so. KEY_EXCH is offered only where messages are to be protected.
    pub offer: NegotiateFlags,
    /// Flags without which there is no exchange, besides SIGN and SEAL where they were
    /// [asked](crate::Client::with_protection) for: any that [`offer`](Self::offer) can hold.
    /// Others are ignored here. Default: none.
    ///
    /// 128, 56 and KEY_EXCH belong in [`require_when_protected`](Self::require_when_protected):
    /// without SIGN or SEAL they have no effect, and not every server grants them then.
    pub require: NegotiateFlags,
    /// Flags that must be negotiated where messages are signed or sealed. Default: 128
    /// (`ClientRequire128bitEncryption`) and EXTENDED_SESSIONSECURITY.
    pub require_when_protected: NegotiateFlags,
    /// Whether the exchange must have a MIC, which only NTLMv2 has, and only if the CHALLENGE tells
    /// the time, as all servers since Windows Vista do. Default: no.
    ///
    /// Without it, whoever stands in between can take the server's `TargetInfo` away, and with it
    /// the channel bindings and the target name that the response would carry.
    pub require_mic: bool,
    /// Whether the response must carry a [target name](crate::Client::with_spn). If the
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
    /// Whether anonymous credentials may be used to sign and seal messages, although everyone knows
    /// the key: it is sent encrypted under a key of 16 zeros. That protects nothing; see
    /// [`SessionKeys::is_known_to_everyone`](crate::SessionKeys::is_known_to_everyone). Default: no
    /// ([`Misuse::NoSessionSecurity`](crate::error::Misuse::NoSessionSecurity)).
    pub allow_insecure_anonymous_keys: bool,
    /// Whether messages may be signed or sealed where the key exchange key does not depend on the
    /// challenge: with NTLMv1 where the server does not grant EXTENDED_SESSIONSECURITY. All
    /// sessions of a user then start from one key: without KEY_EXCH they share one RC4 key stream,
    /// and with it one known key reveals all others. Default: no
    /// ([`Refused::ConstantKeyExchangeKey`](crate::error::Refused::ConstantKeyExchangeKey)).
    pub allow_constant_key_exchange_key: bool,
    /// The version to tell, `None` to tell none. Default: that of Windows Server 2022.
    pub version: Option<Version>,
    /// The OEM code page, for servers without UNICODE, and for LM hashes. Default: ASCII.
    pub code_page: &'static dyn CodePage,
    /// How many bytes a message may have. Default: 65 536; real ones have some hundred.
    pub max_message_len: usize,
    /// Whether NTLM is blocked (`ClientBlocked`). Default: no.
    pub blocked: bool,
    /// The servers that are exempt from `blocked` (`ClientBlockExceptions`): each the whole target
    /// of [`with_spn`](crate::Client::with_spn), or the host in it without port, in any case.
    /// An IPv6 address may stand in brackets, and must where a port follows it.
    pub block_exceptions: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lm_compatibility: LmCompatibility::SendNtlmv2,
            offer: DEFAULT_OFFER,
            require: NegotiateFlags::empty(),
            require_when_protected: DEFAULT_STRENGTH,
            require_mic: false,
            require_spn: false,
            require_channel_bindings: false,
            allow_missing_netbios_names: false,
            allow_insecure_anonymous_keys: false,
            allow_constant_key_exchange_key: false,
            version: Some(Version::new(10, 0, 20_348)),
            code_page: &Ascii,
            max_message_len: 65_536,
            blocked: false,
            block_exceptions: Vec::new(),
        }
    }
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
    ///     .with_protection(Protection::Seal);
    /// # Ok::<(), ntlm::HashLengthError>(())
    /// ```
    ///
    /// What differs from the default:
    /// - There must be a [MIC](Self::require_mic). Servers that do not tell the time, those before
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
            offer: STRICT_OFFER,
            require: STRICT_ALWAYS,
            require_when_protected: STRICT_OFFER,
            require_mic: true,
            require_spn: true,
            require_channel_bindings: true,
            ..Self::default()
        }
    }

    /// The flags that this policy offers.
    pub(super) fn offered(&self) -> NegotiateFlags {
        if self.lm_compatibility.offers_extended_session_security() {
            self.offer
        } else {
            self.offer - NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY
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
        self.blocked && (target.is_empty() || !self.block_exceptions.iter().any(is_exempt))
    }
}

/// The host in a service principal name, as in `HTTP/host:port`, `HTTP/[fe80::1]:port` or
/// `ldap/host/domain`.
fn host_of(target: &Text) -> Option<Text> {
    let host = target.as_str()?.split('/').nth(1)?;
    // An IPv6 address has colons of its own, so a port can follow it only in brackets.
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or(rest)),
        None => host.split_once(':').filter(|(_, port)| !port.contains(':')).unwrap_or((host, "")),
    };
    port.bytes().all(|byte| byte.is_ascii_digit()).then(|| Text::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not offered cannot be had, so that nothing weaker is left.
    #[test]
    fn a_strict_policy_demands_all_that_it_offers() {
        let policy = Policy::strict();
        let strength = NegotiateFlags::NEGOTIATE_128 | NegotiateFlags::NEGOTIATE_KEY_EXCH;
        assert_eq!(policy.require | policy.require_when_protected, policy.offered());
        assert_eq!(policy.offered() - policy.require, strength);
        assert!(policy.require_mic && policy.lm_compatibility.sends_ntlmv2());
    }

    #[test]
    fn target_with_a_port_that_is_no_number_is_not_exempt() {
        let mut policy = Policy { blocked: true, ..Policy::default() };
        policy.block_exceptions = ["host".into()].into();
        let blocks = |target: &str| policy.blocks(&target.into());
        assert!(!blocks("HTTP/host:8080"));
        assert!(!blocks("ldap/host/domain"));
        assert!(blocks("HTTP/host:80x"));
    }

    #[test]
    fn exceptions_name_the_target_or_its_host() {
        let mut policy = Policy { blocked: true, ..Policy::default() };
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
        policy.blocked = false;
        assert!(!policy.blocks(&Text::default()));
    }
    #[test]
    fn exception_for_an_ipv6_address_exempts_no_longer_address() {
        let mut policy = Policy { blocked: true, ..Policy::default() };
        for exception in ["fe80::1", "[fe80::1]"] {
            policy.block_exceptions = [exception.into()].into();
            for (target, is_blocked) in [
                ("HTTP/fe80::1", false),
                ("HTTP/[fe80::1]", false),
                ("HTTP/[FE80::1]:8080", false),
                ("HTTP/fe80::1:2", true),
                ("HTTP/[fe80::1:2]", true),
                ("HTTP/[fe80::1]x", true),
                ("HTTP/[fe80::1", true),
            ] {
                assert_eq!(policy.blocks(&target.into()), is_blocked, "{exception} {target}");
            }
        }
    }
}
