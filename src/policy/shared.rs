//! The part of a policy that client and server share.

use super::LmCompatibility;
use crate::text::{Ascii, CodePage};
use crate::wire::{NegotiateFlags as Flags, Version};

/// The fields that a [client's](crate::client::Policy::shared) and a
/// [server's](crate::server::Policy::shared) policy have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharedPolicy {
    /// Which kinds of responses a client sends, and which a server accepts. Default: NTLMv2 alone
    /// (level 5). A server accepts NTLMv1 at level 4 (`RefuseLm`), and LM below.
    pub lm_compatibility: LmCompatibility,
    /// Which optional flags are offered or granted: UNICODE, OEM, LM_KEY, EXTENDED_SESSIONSECURITY,
    /// IDENTIFY, NON_NT_SESSION_KEY, 128, 56 and KEY_EXCH; others are ignored here. Default: all but
    /// LM_KEY, IDENTIFY and NON_NT_SESSION_KEY. A flag that is not offered is not used, even if the
    /// peer sets it.
    ///
    /// A client offers KEY_EXCH only where messages are to be protected. A server grants SIGN and SEAL
    /// to each client that asks.
    pub offer: Flags,
    /// Flags without which there is no handshake: NEGOTIATE_SIGN, NEGOTIATE_SEAL, and any that
    /// [`offer`](Self::offer) can contain. Others are ignored here. Default: none, besides SIGN and
    /// SEAL where a [client asks for them](crate::Client::with_protection).
    ///
    /// A server that signs or seals should require it: otherwise a man in the middle can clear the
    /// flag. 128, 56 and KEY_EXCH belong in
    /// [`require_when_protected`](Self::require_when_protected): without SIGN or SEAL they have no
    /// effect, and not every peer negotiates them then.
    pub require: Flags,
    /// Flags that must be negotiated where messages are signed or sealed. Default: 128
    /// (`ClientRequire128bitEncryption`, `ServerRequire128bitEncryption`) and
    /// EXTENDED_SESSIONSECURITY.
    pub require_when_protected: Flags,
    /// Whether the handshake must have a MIC (message integrity code), which only NTLMv2 has, and only
    /// if the CHALLENGE contains the time, as all servers since Windows Vista send it. Default: no.
    ///
    /// On a client: without it, a man in the middle can take the server's `TargetInfo` away, and with
    /// it the channel bindings and the SPN that the response would carry. On a server: without it, a
    /// MIC is checked only if the client announces it; then it must be present and right.
    #[doc(alias("MIC", "message integrity code"))]
    pub require_mic: bool,
    /// Whether anonymous clients may sign and seal messages, although everyone knows the key they
    /// use: it is sent encrypted under a key of 16 zeros. That keeps protocols working that cannot
    /// do without signatures, such as Windows' event forwarding, and protects nothing: see
    /// [`SessionKeys::is_known_to_everyone`](crate::SessionKeys::is_known_to_everyone). Default: no
    /// ([`Misuse::NoSessionSecurity`](crate::error::Misuse::NoSessionSecurity)).
    ///
    /// Such a client never counts as one with a MIC, with channel bindings or with an SPN, and a server
    /// whose [`require`](Self::require) contains SIGN or SEAL still rejects it.
    pub allow_insecure_anonymous_keys: bool,
    /// Whether messages may be signed or sealed where the key exchange key does not depend on the
    /// challenge: with NTLMv1 and LM responses without EXTENDED_SESSIONSECURITY and LM_KEY. All
    /// sessions of a user then start from one key: without KEY_EXCH they share one RC4 key stream,
    /// and with it one known key reveals all others. Default: no
    /// ([`Refused::ConstantKeyExchangeKey`](crate::error::Refused::ConstantKeyExchangeKey)).
    pub allow_constant_key_exchange_key: bool,
    /// The Version field to send, `None` to send none. Default: that of Windows Server 2022, because
    /// some peers require a version.
    pub version: Option<Version>,
    /// The OEM code page, for peers without UNICODE, and for LM hashes. Default: ASCII.
    pub code_page: &'static dyn CodePage,
    /// How many bytes a received message may have. Default: 65 536; real ones have some hundred.
    pub max_message_len: usize,
    /// Whether NTLM is blocked (`ClientBlocked`, `ServerBlock`). Default: no.
    pub blocked: bool,
}

/// How strong the keys are. Without SIGN or SEAL it has no effect (2.2.2.5, U and W), but peers send it
/// all the same, and ldap3 gives up if a server does not grant it.
pub(crate) const STRENGTH: Flags = Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56);

/// All flags but those for session keys made of LM hashes, and IDENTIFY.
const DEFAULT_OFFER: Flags = Flags::NEGOTIATE_UNICODE
    .union(Flags::NEGOTIATE_OEM)
    .union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    .union(STRENGTH)
    .union(Flags::NEGOTIATE_KEY_EXCH);

const DEFAULT_STRENGTH: Flags =
    Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);

/// Of two flags that do the same, only the stronger.
const STRICT_OFFER: Flags = Flags::NEGOTIATE_UNICODE
    .union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    .union(Flags::NEGOTIATE_128)
    .union(Flags::NEGOTIATE_KEY_EXCH);

/// What strict policies require of it even where nothing is protected.
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
    /// Everything that both sides can require.
    pub(crate) fn strict() -> Self {
        Self {
            offer: STRICT_OFFER,
            require: STRICT_ALWAYS,
            require_when_protected: STRICT_OFFER,
            require_mic: true,
            ..Self::default()
        }
    }

    /// Nothing is required, and everything is offered that can be verified.
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

    /// What is not offered cannot be had, so nothing weaker is left.
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
