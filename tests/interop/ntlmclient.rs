//! The client of the crate ntlmclient, which logs in to our server.

use std::process::Command;

use ntlm::error::Denied;
use ntlm::{Error, LmCompatibility, ResponseKind, server};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LetIn, Refusal, let_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::modes;
use ntlm_interop::programs::{interop_directory, required};
use serde_json::json;

#[test]
fn it_logs_in_with_ntlmv2() {
    for level in [LmCompatibility::SendNtlmv2, LmCompatibility::RefuseLmAndNtlm] {
        let let_in = log_in("Ntlmv2", level, Identity::ALICE).expect("it is accepted");
        assert_eq!(let_in.accepted.identity.response(), Some(ResponseKind::Ntlmv2));
    }
}

/// It gives a key of seven bytes to DES, which wants eight with their parity.
#[test]
#[should_panic(expected = "InvalidLength")]
fn it_crashes_with_ntlmv1() {
    let _ = log_in("Ntlmv1", LmCompatibility::SendLmAndNtlm, Identity::ALICE);
}

#[test]
#[should_panic(expected = "InvalidLength")]
fn it_crashes_with_ntlmv1_and_extended_session_security() {
    let _ = log_in("Ntlm2Session", LmCompatibility::SendLmAndNtlm, Identity::ALICE);
}

#[test]
fn users_log_in_whose_names_have_no_sharp_s() {
    for identity in Identity::ALL {
        let result = log_in("Ntlmv2", LmCompatibility::RefuseLmAndNtlm, identity);
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        if identity == Identity::GROSS {
            assert_wrong_password(&result);
            continue;
        }
        let accepted = result.unwrap_or_else(|why| panic!("{identity:?}: {why:?}")).accepted;
        assert_eq!(accepted.user(), Some(identity.name()).as_ref());
    }
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    let level = LmCompatibility::RefuseLmAndNtlm;
    assert_wrong_password(&log_in("Ntlmv2", level, Identity::MALLORY));
}

#[track_caller]
fn assert_wrong_password(result: &Result<LetIn, Refusal>) {
    let denied = Error::Denied(Denied::WrongPassword);
    assert!(matches!(result, Err(Refusal::Ours(error)) if *error == denied), "{result:?}");
}

fn log_in(response: &str, level: LmCompatibility, identity: Identity) -> Result<LetIn, Refusal> {
    let program = interop_directory().join("rust/release/bridge-ntlmclient");
    let mut bridge = Bridge::start(Command::new(required(program)));
    let arguments = json!({
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "response": response,
    });
    bridge.begin(arguments).expect("it begins");
    let mut policy = server::Policy::default();
    policy.shared.lm_compatibility = level;
    let users = if identity == Identity::MALLORY { [Identity::ALICE] } else { [identity] };
    let_in(&mut bridge, &modes::server().with_policy(policy), &users)
}
