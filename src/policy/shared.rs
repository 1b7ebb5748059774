//! The policy fields that client and server share.

use super::LmCompatibility;
use crate::text::{Ascii, CodePage};
use crate::wire::{NegotiateFlags as Flags, Version};

/// The policy fields that [client](crate::client::Policy::shared) and
/// [server](crate::server::Policy::shared) have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharedPolicy {
    /// The responses that a client sends and a server accepts. Default: only NTLMv2 (level 5). To
    /// accept NTLMv1 from old clients, set level 4 (`RefuseLm`); LM needs level 3 or lower.
    pub lm_compatibility: LmCompatibility,
    /// The optional flags that a client offers or a server grants. Default: all but LM_KEY,
    /// IDENTIFY and NON_NT_SESSION_KEY.
    ///
    /// The optional flags are UNICODE, OEM, LM_KEY, EXTENDED_SESSIONSECURITY, IDENTIFY,
    /// NON_NT_SESSION_KEY, 128, 56 and KEY_EXCH; other flags have no effect here. A flag that is
    /// not offered is not used, even if the peer sets it. A client offers KEY_EXCH only if messages
    /// are to be protected. A server always grants SIGN and SEAL.
    pub offer: Flags,
    /// The flags that must be negotiated, otherwise the handshake fails
    /// ([`Refused::MissingFlags`](crate::error::Refused::MissingFlags)). Default: none. SIGN, SEAL
    /// and the flags that [`offer`](Self::offer) can contain are possible; other flags have no
    /// effect here.
    ///
    /// A client requires SIGN and SEAL in any case if it [requests
    /// protection](crate::Client::with_protection). A server whose protocol signs or seals messages
    /// should require them here, because otherwise a man in the middle can clear them. Do not
    /// require 128, 56 and KEY_EXCH here but in
    /// [`require_when_protected`](Self::require_when_protected): they have no effect without SIGN
    /// or SEAL, and some peers do not negotiate them then.
    pub require: Flags,
    /// The flags that must be negotiated if messages are signed or sealed. Default:
    /// EXTENDED_SESSIONSECURITY and 128 (`ClientRequire128bitEncryption`,
    /// `ServerRequire128bitEncryption`).
    pub require_when_protected: Flags,
    /// Whether the AUTHENTICATE must have a MIC (message integrity code). Default: no. A MIC needs
    /// NTLMv2 and a CHALLENGE with the time, which servers since Windows Vista send.
    ///
    /// On a client: without this field, a man in the middle can remove the server's `TargetInfo`,
    /// and then the response carries neither channel bindings nor an SPN. On a server: without it,
    /// a MIC is verified only if the client announces one.
    #[doc(alias("MIC", "message integrity code"))]
    pub require_mic: bool,
    /// Whether anonymous clients may sign and seal messages with a key that everyone knows: it is
    /// sent encrypted under 16 zeros. Default: no
    /// ([`Misuse::NoSessionSecurity`](crate::error::Misuse::NoSessionSecurity)).
    ///
    /// This does not protect anything. It is for protocols that do not work without signatures,
    /// such as Windows event forwarding.
    /// [`SessionKeys::is_known_to_everyone`](crate::SessionKeys::is_known_to_everyone) marks such
    /// keys.
    ///
    /// An anonymous client still cannot have a MIC, channel bindings or an SPN, and a server whose
    /// [`require`](Self::require) contains SIGN or SEAL rejects it.
    pub allow_insecure_anonymous_keys: bool,
    /// Whether messages may be signed or sealed if the key exchange key does not depend on the
    /// challenge. Default: no
    /// ([`Refused::ConstantKeyExchangeKey`](crate::error::Refused::ConstantKeyExchangeKey)).
    ///
    /// This is the case with NTLMv1 and LM without EXTENDED_SESSIONSECURITY and LM_KEY. All
    /// sessions of a user then start from the same key. Without KEY_EXCH they even use the same RC4
    /// key stream; with it, anyone who knows the key of one session can compute those of all
    /// others.
    pub allow_constant_key_exchange_key: bool,
    /// The Version field to send; `None` sends none. Default: that of Windows Server 2022, because
    /// some peers require one.
    pub version: Option<Version>,
    /// The OEM code page, for names sent to or received from peers without UNICODE and for LM
    /// hashes. Default: ASCII.
    pub code_page: &'static dyn CodePage,
    /// Maximum length of a received message in bytes. Default: 65 536; real messages have some
    /// hundred.
    pub max_message_len: usize,
    /// Whether NTLM is blocked (`ClientBlocked`, `ServerBlock`). Default: no.
    pub blocked: bool,
}

/// The flags for the strength of keys. Without SIGN or SEAL they have no effect (2.2.2.5, U and W).
/// We offer and grant them nevertheless, because peers do so, and ldap3 2.9.1 fails if a server
/// does not grant them.
pub(crate) const STRENGTH: Flags = Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56);

/// All optional flags but IDENTIFY and those for session keys that are derived from LM hashes.
const DEFAULT_OFFER: Flags = Flags::NEGOTIATE_UNICODE
    .union(Flags::NEGOTIATE_OEM)
    .union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    .union(STRENGTH)
    .union(Flags::NEGOTIATE_KEY_EXCH);

const DEFAULT_STRENGTH: Flags =
    Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);

/// The stronger one of UNICODE and OEM, and of 128 and 56.
const STRICT_OFFER: Flags = Flags::NEGOTIATE_UNICODE
    .union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    .union(Flags::NEGOTIATE_128)
    .union(Flags::NEGOTIATE_KEY_EXCH);

/// The part of `STRICT_OFFER` that is required even if messages are not protected.
const STRICT_ALWAYS: Flags =
    Flags::NEGOTIATE_UNICODE.union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);

impl Default for SharedPolicy {
    fn default() -> Self {
        Self {
            lm_compatibility: LmCompatibility::RefuseLmAndNtlm,
            offer: DEFAULT_OFFER,
            require: Flags::empty(),
            require_when_protected: DEFAULT_STRENGTH,
            require_mic: false,
            allow_insecure_anonymous_keys: false,
            allow_constant_key_exchange_key: false,
            version: Some(Version::new(10, 0, 20_348)),
            code_page: &Ascii,
            max_message_len: 65_536,
            blocked: false,
        }
    }
}

impl SharedPolicy {
    /// Requires everything that both sides can require.
    pub(crate) fn strict() -> Self {
        Self {
            offer: STRICT_OFFER,
            require: STRICT_ALWAYS,
            require_when_protected: STRICT_OFFER,
            require_mic: true,
            ..Self::default()
        }
    }

    /// Requires nothing, and offers every optional flag.
    pub(crate) fn insecure() -> Self {
        Self {
            lm_compatibility: LmCompatibility::SendLmAndNtlm,
            offer: DEFAULT_OFFER
                .union(Flags::NEGOTIATE_LM_KEY)
                .union(Flags::REQUEST_NON_NT_SESSION_KEY)
                .union(Flags::NEGOTIATE_IDENTIFY),
            require_when_protected: Flags::empty(),
            allow_insecure_anonymous_keys: true,
            allow_constant_key_exchange_key: true,
            max_message_len: 1 << 24,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flag that is not offered is not negotiated, so no weaker choice remains.
    #[test]
    fn strict_policy_requires_all_that_it_offers() {
        let policy = SharedPolicy::strict();
        let strength = Flags::NEGOTIATE_128 | Flags::NEGOTIATE_KEY_EXCH;
        assert_eq!(policy.require | policy.require_when_protected, policy.offer);
        assert_eq!(policy.offer - policy.require, strength);
        assert!(policy.require_mic && policy.lm_compatibility.sends_ntlmv2());
        assert!(!policy.allow_insecure_anonymous_keys && !policy.allow_constant_key_exchange_key);
    }
}
