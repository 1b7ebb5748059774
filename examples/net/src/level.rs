//! The LAN Manager authentication level: as a command-line option, and in policies.

use ntlm::wire::NegotiateFlags;
use ntlm::{LmCompatibility, client, server};

/// Parses a level, 0 to 5.
pub fn parse(text: &str) -> Result<LmCompatibility, &'static str> {
    let level = text.parse::<u8>().ok().and_then(|level| LmCompatibility::try_from(level).ok());
    level.ok_or("it is a number from 0 to 5")
}

/// A client's policy at this level.
///
/// At level 0 the client does not offer extended session security, so the policy cannot require it,
/// and all sessions of a user start from one key. At all other levels, including the default, the
/// policy requires it for protected messages, so a man in the middle gains nothing by clearing the
/// flag. 128-bit keys are required at every level.
pub fn client_policy(level: LmCompatibility) -> client::Policy {
    let mut policy = client::Policy::default();
    policy.shared.lm_compatibility = level;
    if !level.offers_extended_session_security() {
        policy.shared.require_when_protected -= EXTENDED;
        policy.shared.allow_constant_key_exchange_key = true;
    }
    policy
}

/// A server's policy at this level.
///
/// Below level 5 clients may log in with NTLMv1, and those of level 0 without extended session
/// security. All sessions of such a user start from one key, so messages are protected with it only if
/// the server is at level 0 too. At all other levels, including the default, extended session security
/// is required for protected messages. 128-bit keys are required at every level.
pub fn server_policy(level: LmCompatibility) -> server::Policy {
    let mut policy = server::Policy::default();
    policy.shared.lm_compatibility = level;
    if !level.offers_extended_session_security() {
        policy.shared.require_when_protected -= EXTENDED;
        policy.shared.allow_constant_key_exchange_key = true;
    }
    policy
}

const EXTENDED: NegotiateFlags = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_require_extended_session_security_except_at_level_0() {
        for level in 0..=5 {
            let policy = client_policy(parse(&level.to_string()).unwrap());
            assert_eq!(
                policy.shared.require_when_protected.contains(EXTENDED),
                level > 0,
                "{level}"
            );
            assert!(policy.shared.require_when_protected.contains(NegotiateFlags::NEGOTIATE_128));
        }
        assert!(parse("6").is_err());
    }

    #[test]
    fn servers_require_extended_session_security_except_at_level_0() {
        for level in 0..=5 {
            let policy = server_policy(parse(&level.to_string()).unwrap());
            assert_eq!(
                policy.shared.require_when_protected.contains(EXTENDED),
                level > 0,
                "{level}"
            );
            assert_eq!(policy.shared.allow_constant_key_exchange_key, level == 0, "{level}");
            assert!(policy.shared.require_when_protected.contains(NegotiateFlags::NEGOTIATE_128));
        }
    }
}
