//! The mechanism NTLM of OpenJDK's SASL: both roles. It has no security layer.

use std::fmt::Debug;

use ntlm::error::{Denied, Refused};
use ntlm::session::Protection;
use ntlm::{Error, LmCompatibility, ResponseKind, Server, server};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LetIn, Refusal, let_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{Framing, Outcome, Peer};
use ntlm_interop::programs::java;
use serde_json::{Value, json};

/// What its client calls a response, as we call it, and up to which level it is accepted. Without a
/// name, it sends the last one.
const VERSIONS: [(&str, ResponseKind, u8); 7] = [
    ("LM", ResponseKind::Lm, 3),
    ("NTLM", ResponseKind::Ntlmv1, 4),
    ("LM/NTLM", ResponseKind::Ntlmv1, 4),
    ("NTLM2", ResponseKind::Ntlm2Session, 4),
    ("LMv2", ResponseKind::Lmv2, 5),
    ("NTLMv2", ResponseKind::Ntlmv2, 5),
    ("LMv2/NTLMv2", ResponseKind::Ntlmv2, 5),
];

/// How our client logs in to it: it grants no protection.
const UNPROTECTED: Mode = modes::DEFAULT.protected_by(Protection::None);

/// What its server says of a wrong password.
const NOT_VERIFIED: &str = "None of LM and NTLM verified";

#[test]
fn its_client_logs_in_with_each_response_at_the_levels_that_take_it() {
    let mut sasl = sasl();
    for (version, response, highest_level) in VERSIONS {
        for level in 0..6 {
            // An LM response could be an LMv2 response where these are allowed.
            let server = at_level(level, version == "LMv2");
            match let_in_as(&mut sasl, version, &server, Identity::ALICE) {
                Ok(let_in) if level <= highest_level => {
                    assert_eq!(let_in.accepted.identity.response(), Some(response), "{version}");
                }
                Err(Refusal::Ours(Error::Refused(Refused::ResponseKind)))
                    if level > highest_level => {}
                result => panic!("{version} at level {level}: {result:?}"),
            }
        }
    }
}

#[test]
fn its_lmv2_response_is_rejected_by_default() {
    let result = let_in_as(&mut sasl(), "LMv2", &modes::server(), Identity::ALICE);
    let refused = Error::Refused(Refused::ResponseKind);
    assert!(matches!(&result, Err(Refusal::Ours(error)) if *error == refused), "{result:?}");
}

#[test]
fn everybody_logs_in_with_it() {
    sasl().sends_everybody(UNPROTECTED, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn its_client_is_rejected_with_a_wrong_password() {
    let mut sasl = sasl();
    for (version, ..) in VERSIONS {
        let result = let_in_as(&mut sasl, version, &at_level(0, true), Identity::MALLORY);
        let denied = Error::Denied(Denied::WrongPassword);
        assert!(matches!(&result, Err(Refusal::Ours(error)) if *error == denied), "{result:?}");
    }
}

#[test]
fn our_client_logs_in_at_every_level() {
    let mut sasl = sasl();
    for level in 0..6 {
        let mode = unprotected_at(level);
        let result = sasl.log_in(&mode, &mode.client(Identity::ALICE.credentials()));
        let (_, user) = result.unwrap_or_else(|refusal| panic!("{mode:?}: {refusal:?}"));
        assert_eq!(user.as_deref(), Some("alice"), "{mode:?}");
    }
}

/// Its server takes the responses of one name alone, if it has one.
#[test]
fn our_client_logs_in_at_the_levels_that_send_what_its_server_takes() {
    let mut sasl = sasl();
    for (version, response, _) in VERSIONS {
        let levels = match response {
            ResponseKind::Lm | ResponseKind::Ntlmv1 => 0..=0,
            ResponseKind::Ntlm2Session => 1..=2,
            _ => 3..=5,
        };
        for level in 0..6 {
            let mode = unprotected_at(level);
            let mut arguments = acceptor(&mode);
            arguments["version"] = version.into();
            let client = mode.client(Identity::ALICE.credentials());
            let result = sasl.log_in_silently(arguments, &client);
            if levels.contains(&level) {
                assert!(result.is_ok(), "{version} at level {level}: {result:?}");
            } else {
                assert_not_verified(&result);
            }
        }
    }
}

#[test]
fn everybody_logs_in_to_it() {
    sasl().takes_everybody(UNPROTECTED, |identity| match identity {
        Identity::GROSS => Outcome::PeerRefuses(NOT_VERIFIED),
        _ => Outcome::Works,
    });
}

#[test]
fn our_client_is_rejected_with_a_wrong_password() {
    let mut sasl = sasl();
    let client = UNPROTECTED.client(Identity::MALLORY.credentials());
    assert_not_verified(&sasl.log_in(&UNPROTECTED, &client));
}

#[test]
fn our_client_rejects_it_where_messages_must_be_protected() {
    let mut sasl = sasl();
    for protection in [Protection::Sign, Protection::Seal] {
        let mode = UNPROTECTED.protected_by(protection);
        let result = sasl.log_in(&mode, &mode.client(Identity::ALICE.credentials()));
        assert!(matches!(&result, Err(Refusal::Ours(Error::Refused(_)))), "{result:?}");
    }
}

#[track_caller]
fn assert_not_verified<T: Debug>(result: &Result<T, Refusal>) {
    let says = |why: &str| why.contains(NOT_VERIFIED);
    assert!(matches!(result, Err(Refusal::Theirs(why)) if says(why)), "{result:?}");
}

fn unprotected_at(level: u8) -> Mode {
    let level = LmCompatibility::try_from(level).expect("a level");
    Mode { level, ..UNPROTECTED }
}

fn at_level(level: u8, allow_lmv2_alone: bool) -> Server {
    let mut policy = server::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::try_from(level).expect("a level");
    policy.allow_lmv2_alone = allow_lmv2_alone;
    modes::server().with_policy(policy)
}

fn let_in_as(
    sasl: &mut Peer,
    version: &str,
    server: &Server,
    identity: Identity,
) -> Result<LetIn, Refusal> {
    let mut arguments = initiator(&UNPROTECTED, identity);
    arguments["version"] = version.into();
    sasl.bridge.begin(arguments).expect("it begins");
    let users = if identity == Identity::MALLORY { [Identity::ALICE] } else { [identity] };
    let_in(&mut sasl.bridge, server, &users)
}

fn sasl() -> Peer {
    Peer {
        bridge: Bridge::start(java("JdkSasl.java", &["gson.jar"])),
        abilities: Abilities::NONE,
        acceptor,
        initiator,
        framing: Framing::Bare,
        files: None,
    }
}

fn acceptor(_: &Mode) -> Value {
    let users: serde_json::Map<_, _> = Identity::ALL
        .iter()
        .map(|identity| (identity.user.to_owned(), identity.password.into()))
        .collect();
    json!({ "role": "acceptor", "users": users })
}

fn initiator(_: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
    })
}
