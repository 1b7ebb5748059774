//! Which signing flags a client requests in SPNEGO.

use super::{Client, Policy};
use crate::credentials::Credentials;
use crate::policy::LmCompatibility;
use crate::session::Protection;
use crate::wire::{Negotiate, NegotiateFlags as Flags};

/// gss-ntlmssp 1.2.0 crashes in SPNEGO if the server grants SIGN without extended session
/// security and the client does not sign.
#[test]
fn sign_is_not_requested_for_mech_list_mic_without_extended_session_security() {
    for (level, signs) in [
        (LmCompatibility::SendLmAndNtlm, false),
        (LmCompatibility::SendLmAndNtlmWithExtendedSessionSecurity, true),
    ] {
        let mut policy = Policy::default();
        policy.shared.lm_compatibility = level;
        let client = Client::new(Credentials::password("alice", "secret")).with_policy(policy);
        let (negotiate, _) = client.with_signing_if_granted(true).initiate().unwrap();
        let flags = Negotiate::parse(&negotiate).unwrap().flags;
        assert_eq!(flags.contains(Flags::NEGOTIATE_SIGN), signs, "{level:?}");
    }
}

/// LDAP servers understand SIGN as a request to sign all messages.
#[test]
fn sign_is_requested_only_for_protection_unless_mech_list_mic_needs_it() {
    for (protection, signs) in [(Protection::None, false), (Protection::Sign, true)] {
        let client = Client::new(Credentials::password("alice", "secret"));
        let client = client.with_protection(protection).with_signing_if_granted(false);
        let (negotiate, _) = client.initiate().unwrap();
        let flags = Negotiate::parse(&negotiate).unwrap().flags;
        assert_eq!(flags.contains(Flags::NEGOTIATE_SIGN), signs, "{protection:?}");
    }
}
