//! Exim's authenticator `spa`, to which our client logs in with NTLMv1; it knows nothing else.

use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Error, LmCompatibility};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LoggedIn, Refusal, log_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::modes::Mode;
use ntlm_interop::programs::system_python;
use serde_json::json;

const NTLMV1: Mode = Mode::new(LmCompatibility::SendNtlm, Flags::empty(), Protection::None);

#[test]
fn our_client_logs_in_with_ntlmv1_alone() {
    let mut exim = exim();
    for level in (0..6).map(|level| LmCompatibility::try_from(level).expect("a level")) {
        let mode = Mode { level, ..NTLMV1 };
        let result = attempt(&mut exim, &mode, Identity::ALICE);
        if level.sends_ntlmv2() {
            assert_refused(&result);
            continue;
        }
        let flags = result.unwrap_or_else(|why| panic!("{level:?}: {why:?}")).keys.flags();
        assert!(!flags.contains(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY), "{level:?}");
    }
}

/// Whatever is asked, its challenge is the same.
#[test]
fn our_client_refuses_what_it_cannot_do() {
    let mut exim = exim();
    for (mode, expected) in [
        (NTLMV1.protected_by(Protection::Sign), "MissingFlags"),
        (NTLMV1.protected_by(Protection::Seal), "MissingFlags"),
        (NTLMV1.without(Flags::NEGOTIATE_UNICODE), "Unexpected(CharacterSet)"),
    ] {
        let result = attempt(&mut exim, &mode, Identity::ALICE);
        let says = |error: &Error| format!("{error:?}").contains(expected);
        assert!(matches!(&result, Err(Refusal::Ours(error)) if says(error)), "{result:?}");
    }
}

/// It knows the lower bytes of names alone.
#[test]
fn everybody_with_an_ascii_name_logs_in() {
    let mut exim = exim();
    for identity in Identity::ALL {
        let result = attempt(&mut exim, &NTLMV1, identity);
        if identity.user.is_ascii() {
            assert!(result.is_ok(), "{identity:?}: {result:?}");
        } else {
            assert_refused(&result);
        }
    }
}

#[test]
fn a_wrong_password_is_refused() {
    assert_refused(&attempt(&mut exim(), &NTLMV1, Identity::MALLORY));
}

fn assert_refused(result: &Result<LoggedIn, Refusal>) {
    let says = |why: &str| why.contains("535 Incorrect authentication data");
    assert!(matches!(result, Err(Refusal::Theirs(why)) if says(why)), "{result:?}");
}

fn attempt(exim: &mut Bridge, mode: &Mode, identity: Identity) -> Result<LoggedIn, Refusal> {
    let users = Identity::ALL.map(|identity| [identity.user, identity.password]);
    exim.begin(json!({ "role": "acceptor", "users": users })).expect("it begins");
    log_in(exim, &mode.client(identity.credentials()))
}

fn exim() -> Bridge {
    Bridge::start(system_python("bridge_exim.py"))
}
