//! What a client sends, demands and refuses.

use alloc::string::String;
use alloc::vec::Vec;

use crate::handshake::flags::{DEFAULT_OFFER, DEFAULT_STRENGTH};
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
            version: Some(Version::new(10, 0, 20_348)),
            code_page: &Ascii,
            max_message_len: 65_536,
            blocked: false,
            block_exceptions: Vec::new(),
        }
    }
}

impl Policy {
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
