//! ldap3, an LDAP client of PyPI, which logs in to our server: its messages without LDAP.

use ntlm::error::Denied;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Error, ResponseKind, Server, server};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LetIn, Refusal, let_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::modes;
use ntlm_interop::programs::python;
use serde_json::json;

/// It asks for keys of 128 bits though nothing will be protected, and insists on them.
#[test]
fn it_logs_in_because_the_server_grants_128_bits() {
    let let_in = log_in(&modes::server(), Identity::ALICE).expect("it is accepted");
    assert_eq!(let_in.accepted.identity.response(), Some(ResponseKind::Ntlmv2));
    assert_eq!(let_in.accepted.user(), Some(Identity::ALICE.name()).as_ref());
}

#[test]
fn it_gives_up_if_the_server_does_not_grant_128_bits() {
    let mut policy = server::Policy::default();
    policy.shared.offer -= Flags::NEGOTIATE_128;
    let result = log_in(&modes::server().with_policy(policy), Identity::ALICE);
    let has_given_up =
        matches!(&result, Err(Refusal::Theirs(why)) if why.contains("there is no AUTHENTICATE"));
    assert!(has_given_up, "{result:?}");
}

#[test]
fn users_log_in_whose_names_have_no_sharp_s() {
    for identity in Identity::ALL {
        let result = log_in(&modes::server(), identity);
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        if identity == Identity::GROSS {
            assert_denied(&result, Denied::WrongPassword);
            continue;
        }
        let accepted = result.unwrap_or_else(|why| panic!("{identity:?}: {why:?}")).accepted;
        assert_eq!(accepted.user(), Some(identity.name()).as_ref());
    }
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    assert_denied(&log_in(&modes::server(), Identity::MALLORY), Denied::WrongPassword);
}

fn assert_denied(result: &Result<LetIn, Refusal>, expected: Denied) {
    let is_denied = |error: &Error| *error == Error::Denied(expected);
    assert!(matches!(result, Err(Refusal::Ours(error)) if is_denied(error)), "{result:?}");
}

fn log_in(server: &Server, identity: Identity) -> Result<LetIn, Refusal> {
    let mut bridge = Bridge::start(python("bridge_ldap3.py"));
    let arguments = json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
    });
    bridge.begin(arguments).expect("it begins");
    let users = if identity == Identity::MALLORY { [Identity::ALICE] } else { [identity] };
    let_in(&mut bridge, server, &users)
}
