//! The NTLM plugin of Cyrus SASL: both roles. It has no security layer.

use ntlm::error::{Denied, Refused, Rejection};
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Error, LmCompatibility, ResponseKind};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LetIn, Refusal, let_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{Framing, Outcome, Peer};
use ntlm_interop::programs::system_python;
use serde_json::{Value, json};

/// How the plugin does it: nothing is protected, and there is no extended session security.
const NTLMV2: Mode = modes::DEFAULT
    .protected_by(Protection::None)
    .without(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
const NTLMV1: Mode = Mode { level: LmCompatibility::SendLmAndNtlm, ..NTLMV2 };
const OEM: Mode = NTLMV1.without(Flags::NEGOTIATE_UNICODE);

/// It has no security layer, but there are no NetBIOS names in its challenge either.
#[test]
fn our_client_logs_in() {
    let mut sasl = sasl();
    for mode in [NTLMV2, NTLMV2.without(Flags::NEGOTIATE_UNICODE), NTLMV1, OEM] {
        let result = sasl.log_in(&mode, &mode.client(Identity::ALICE.credentials()));
        let (_, user) = result.unwrap_or_else(|refusal| panic!("{mode:?}: {refusal:?}"));
        assert_eq!(user.as_deref(), Some("alice"), "{mode:?}");
    }
    for (mode, protection, refusal) in [
        (NTLMV2, Protection::Sign, Some("NetbiosNames")),
        (NTLMV2, Protection::Seal, Some("NetbiosNames")),
        // It grants these all the same, but could never keep it.
        (NTLMV1, Protection::Sign, None),
        (NTLMV1, Protection::Seal, None),
    ] {
        let mode = mode.protected_by(protection);
        let result = sasl.log_in(&mode, &mode.client(Identity::ALICE.credentials()));
        match (result, refusal) {
            (Ok(_), None) => {}
            (Err(Refusal::Ours(error)), Some(why)) if format!("{error:?}").contains(why) => {}
            (result, _) => panic!("{mode:?}: {result:?}"),
        }
    }
}

/// With `ntlm_v2` it sends an LMv2 response alone.
#[test]
fn its_client_logs_in() {
    let mut sasl = sasl();
    for (mode, allow_lmv2_alone, expected) in [
        (NTLMV2, true, Some(ResponseKind::Lmv2)),
        (NTLMV2, false, None),
        (NTLMV2.without(Flags::NEGOTIATE_UNICODE), true, Some(ResponseKind::Lmv2)),
        (NTLMV1, false, Some(ResponseKind::Ntlmv1)),
        (OEM, false, Some(ResponseKind::Ntlmv1)),
    ] {
        let result = let_in_if(&mut sasl, &mode, allow_lmv2_alone, Identity::ALICE);
        match (result, expected) {
            (Ok(let_in), Some(kind)) => assert_eq!(let_in.accepted.identity.response(), Some(kind)),
            (Err(Refusal::Ours(Error::Refused(Refused::ResponseKind))), None) => {}
            (result, _) => panic!("{mode:?}: {result:?}"),
        }
    }
}

/// It knows the lower bytes of names alone.
#[test]
fn everybody_with_an_ascii_name_logs_in_to_it() {
    sasl().takes_everybody(NTLMV2, |identity| match identity {
        identity if identity.user.is_ascii() => Outcome::Works,
        _ => Outcome::PeerRefuses("user not found"),
    });
}

#[test]
fn everybody_with_an_ascii_name_logs_in_with_it() {
    let mut sasl = sasl();
    for identity in Identity::ALL {
        for mode in [NTLMV2, NTLMV1] {
            match let_in_if(&mut sasl, &mode, true, identity) {
                Ok(let_in) => {
                    let user = let_in.accepted.user().expect("it is somebody");
                    assert_eq!(user.user().to_string(), identity.user);
                    // It takes the server's domain if it has none.
                    assert_eq!(user.domain().to_string(), "EXAMPLE");
                }
                Err(Refusal::Ours(Error::Denied(Denied::Rejected(Rejection::UnknownUser))))
                    if !identity.user.is_ascii() => {}
                Err(refusal) => panic!("{identity:?}: {refusal:?}"),
            }
        }
    }
}

#[test]
fn a_wrong_password_is_refused() {
    let mut sasl = sasl();
    for (mode, why) in [
        (NTLMV2, "incorrect NTLMv2 response"),
        (NTLMV1, "incorrect NTLM response"),
        (OEM, "incorrect NTLM response"),
    ] {
        let refusal = sasl.log_in(&mode, &mode.client(Identity::MALLORY.credentials()));
        let says = |error: &str| error.contains(why);
        assert!(matches!(&refusal, Err(Refusal::Theirs(error)) if says(error)), "{refusal:?}");
        let refusal = let_in_if(&mut sasl, &mode, true, Identity::MALLORY);
        let wrong_password = Refusal::from(Error::Denied(Denied::WrongPassword));
        assert_eq!(format!("{refusal:?}"), format!("Err({wrong_password:?})"));
    }
}

#[test]
fn nobody_is_refused_by_it() {
    let refusal = sasl().take_nobody().expect_err("it takes nobody");
    let says = |why: &str| why.contains("incorrect/nonexistent responses");
    assert!(matches!(&refusal, Refusal::Theirs(why) if says(why)), "{refusal:?}");
}

fn let_in_if(
    sasl: &mut Peer,
    mode: &Mode,
    allow_lmv2_alone: bool,
    identity: Identity,
) -> Result<LetIn, Refusal> {
    let mut policy = mode.server_policy();
    policy.allow_lmv2_alone = allow_lmv2_alone;
    sasl.bridge.begin(initiator(mode, identity)).expect("it begins");
    let users = if identity == Identity::MALLORY { [Identity::ALICE] } else { [identity] };
    let_in(&mut sasl.bridge, &modes::server().with_policy(policy), &users)
}

fn sasl() -> Peer {
    Peer {
        bridge: Bridge::start(system_python("bridge_cyrus_sasl.py")),
        abilities: Abilities::NONE,
        acceptor,
        initiator,
        framing: Framing::Bare,
        files: None,
    }
}

fn acceptor(_: &Mode) -> Value {
    let users = Identity::ALL.map(|identity| [identity.user, identity.password]);
    json!({ "role": "acceptor", "users": users })
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "ntlmv2": mode.is_ntlmv2(),
    })
}
