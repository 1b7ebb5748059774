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
/// // For a filer from 2001.
/// let mut policy = client::Policy::default();
/// policy.lm_compatibility = LmCompatibility::SendNtlm;
/// policy.offer -= NegotiateFlags::NEGOTIATE_KEY_EXCH;
/// policy.require_when_protected = NegotiateFlags::empty();
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
    /// says so. 128, 56 and KEY_EXCH are offered only where messages are to be protected.
    pub offer: NegotiateFlags,
    /// Flags without which there is no exchange, besides SIGN and SEAL where they were
    /// [asked](crate::Client::with_protection) for: any that [`offer`](Self::offer) can hold.
    /// Others are ignored here. Default: none.
    ///
    /// 128, 56 and KEY_EXCH belong in [`require_when_protected`](Self::require_when_protected):
    /// they are never negotiated where nothing is protected (2.2.2.5, U and W).
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
    /// Whether the application must name a [target](crate::Client::with_target): otherwise the
    /// exchange does not begin ([`Misuse::NoTargetName`](crate::error::Misuse::NoTargetName)).
    /// Default: no.
    pub require_target: bool,
    /// Whether the application must give [bindings](crate::Client::with_channel_bindings):
    /// otherwise the exchange does not begin
    /// ([`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings)). Default: no.
    pub require_channel_bindings: bool,
    /// The version to tell, `None` to tell none. Default: that of Windows Server 2022.
    pub version: Option<Version>,
    /// The OEM code page, for servers without UNICODE, and for LM hashes. Default: ASCII.
    pub code_page: &'static dyn CodePage,
    /// How many bytes a message may have. Default: 65 536; real ones have some hundred.
    pub max_message_len: usize,
    /// Whether NTLM is blocked (`ClientBlocked`). Default: no.
    pub blocked: bool,
    /// The servers that are exempt from `blocked` (`ClientBlockExceptions`): each the whole target
    /// of [`with_target`](crate::Client::with_target), or the host in it, in any case.
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
            require_target: false,
            require_channel_bindings: false,
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
    ///     .with_target("ldap/files.example.com")
    ///     .with_channel_bindings(ChannelBindings::tls_server_end_point(&certificate_hash))
    ///     .with_protection(Protection::Seal);
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
    /// A client that was given no [target](Self::require_target), or no
    /// [bindings](Self::require_channel_bindings), does not begin: [`Misuse::NoTargetName`],
    /// [`Misuse::NoChannelBindings`]. Outside TLS, where there are none, set
    /// `require_channel_bindings` to `false` and ask for [`Protection::Seal`].
    ///
    /// [`Misuse::NoTargetName`]: crate::error::Misuse::NoTargetName
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
            require_target: true,
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
    pub(super) fn blocks(&self, target: Option<&Text>) -> bool {
        let is_exempt = |exception: &String| {
            let Some(target) = target else { return false };
            let exception = Text::from(exception.as_str());
            exception.eq_ignore_case(target)
                || host_of(target).is_some_and(|host| exception.eq_ignore_case(&host))
        };
        self.blocked && !self.block_exceptions.iter().any(is_exempt)
    }
}

/// The host in a service principal name, as in `HTTP/host:port` or `ldap/host/domain`.
fn host_of(target: &Text) -> Option<Text> {
    let mut host = target.as_str()?.split('/').nth(1)?;
    if let Some((name, port)) = host.rsplit_once(':') {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            host = name;
        }
    }
    Some(Text::from(host))
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
    fn exceptions_name_the_target_or_its_host() {
        let mut policy = Policy { blocked: true, ..Policy::default() };
        policy.block_exceptions =
            ["Files.example.com".into(), "ldap/DC1/example.com".into()].into();
        let blocks = |target: &str| policy.blocks(Some(&target.into()));
        assert!(!blocks("cifs/files.EXAMPLE.com"));
        assert!(!blocks("HTTP/files.example.com:8080"));
        assert!(!blocks("LDAP/dc1/example.com"));
        assert!(blocks("ldap/dc1/other.com"));
        assert!(blocks("cifs/files.example.com.evil.com"));
        assert!(blocks("files"));
        assert!(policy.blocks(None));
        policy.blocked = false;
        assert!(!policy.blocks(None));
    }
}
