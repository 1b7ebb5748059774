//! Heimdal's client, which logs in to our server with NTLMv1 alone.
//! What it signs and seals nobody understands; its server asks a KDC, and is not here.

use ntlm::error::{Denied, Refused, Unexpected};
use ntlm::session::{Protection, Signature};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Error, LmCompatibility, ResponseKind, UserName};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LetIn, Refusal, let_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::programs::system_python;
use serde_json::{Value, json};

const NTLMV1: Mode = Mode::new(LmCompatibility::SendNtlm, Flags::empty(), Protection::None);

#[test]
fn it_logs_in_at_each_level_that_takes_ntlmv1() {
    let mut heimdal = heimdal();
    for level in (0..6).map(|level| LmCompatibility::try_from(level).expect("a level")) {
        for protection in [Protection::None, Protection::Sign, Protection::Seal] {
            let mode = NTLMV1.protected_by(protection);
            match attempt(&mut heimdal, &mode, level, Identity::ALICE) {
                Ok(LetIn { accepted, .. }) => {
                    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlm2Session));
                    assert_eq!(accepted.keys.protection(), protection);
                    // It never asks for more.
                    let strength = Flags::NEGOTIATE_128 | Flags::NEGOTIATE_56;
                    assert!(!accepted.keys.flags().intersects(strength));
                    assert!(level < LmCompatibility::RefuseLmAndNtlm);
                }
                Err(Refusal::Ours(Error::Refused(Refused::ResponseKind))) => {
                    assert_eq!(level, LmCompatibility::RefuseLmAndNtlm);
                }
                Err(refusal) => panic!("{level:?} {protection:?}: {refusal:?}"),
            }
        }
    }
}

#[test]
fn it_logs_in_without_extended_session_security_too() {
    let mode = NTLMV1.without(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
    let result = attempt(&mut heimdal(), &mode, LmCompatibility::SendNtlm, Identity::ALICE);
    let accepted = result.expect("it logs in").accepted;
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv1));
}

#[test]
fn it_does_not_log_in_without_unicode() {
    let mode = NTLMV1.without(Flags::NEGOTIATE_UNICODE);
    let result = attempt(&mut heimdal(), &mode, LmCompatibility::SendNtlm, Identity::ALICE);
    let is_refused = |error: &Error| *error == Error::Unexpected(Unexpected::CharacterSet);
    assert!(matches!(&result, Err(Refusal::Ours(error)) if is_refused(error)), "{result:?}");
}

#[test]
fn everybody_with_a_domain_logs_in_with_it() {
    let mut heimdal = heimdal();
    for identity in Identity::ALL.into_iter().filter(|identity| !identity.domain.is_empty()) {
        match attempt(&mut heimdal, &NTLMV1, LmCompatibility::SendNtlm, identity) {
            Ok(LetIn { accepted, .. }) if identity != Identity::ZOE => {
                assert_eq!(
                    accepted.user(),
                    Some(UserName::new(identity.user).with_domain("EXAMPLE")).as_ref()
                );
            }
            // It knows two bytes of a character.
            Err(Refusal::Theirs(why)) if identity == Identity::ZOE => {
                assert!(why.contains("gss_init_sec_context:  Miscellaneous failure"), "{why}");
            }
            result => panic!("{identity:?}: {result:?}"),
        }
    }
}

/// It names users `user@DOMAIN`: these two have no such name.
#[test]
fn nobody_without_a_domain_logs_in_with_it() {
    let mut heimdal = heimdal();
    for (identity, why) in [
        (Identity::PRINCIPAL, "part after realm in principal name"),
        (Identity::HOMELESS, "No credentials"),
    ] {
        assert!(identity.domain.is_empty());
        let refusal = heimdal.begin(initiator(&NTLMV1, identity)).expect_err("it has no name");
        assert!(refusal.contains(why), "{identity:?}: {refusal}");
    }
    // And goes on.
    let level = LmCompatibility::SendNtlm;
    attempt(&mut heimdal, &NTLMV1, level, Identity::ALICE).expect("it logs in");
}

#[test]
fn it_is_refused_with_a_wrong_password() {
    let level = LmCompatibility::SendNtlm;
    let result = attempt(&mut heimdal(), &NTLMV1, level, Identity::MALLORY);
    let is_denied = |error: &Error| *error == Error::Denied(Denied::WrongPassword);
    assert!(matches!(&result, Err(Refusal::Ours(error)) if is_denied(error)), "{result:?}");
}

#[test]
fn what_it_signs_is_not_understood() {
    let mut heimdal = heimdal();
    let mode = NTLMV1.protected_by(Protection::Seal);
    let let_in = attempt(&mut heimdal, &mode, LmCompatibility::SendNtlm, Identity::ALICE);
    let keys = let_in.expect("it logs in").accepted.keys;
    let mut session = keys.into_session().expect("a session");
    let signature = heimdal.sign(b"a message").expect("it signs");
    let signature = Signature::try_from(&signature[..]).expect("a signature");
    let refusal = session.verify(b"a message", &signature);
    assert!(matches!(refusal, Err(Error::Integrity(_))), "{refusal:?}");
    // Nor has it this in front of the message.
    let sealed = heimdal.seal(b"abc").expect("it seals");
    assert_eq!(sealed.len(), 19);
    assert_ne!(sealed[..4], [1, 0, 0, 0]);
}

fn heimdal() -> Bridge {
    Bridge::start(system_python("bridge_heimdal.py"))
}

fn attempt(
    heimdal: &mut Bridge,
    mode: &Mode,
    level: LmCompatibility,
    identity: Identity,
) -> Result<LetIn, Refusal> {
    heimdal.begin(initiator(mode, identity)).expect("it begins");
    let mut policy = mode.server_policy();
    policy.shared.lm_compatibility = level;
    let users = if identity == Identity::MALLORY { [Identity::ALICE] } else { [identity] };
    let_in(heimdal, &modes::server().with_policy(policy), &users)
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "target": "HTTP@files.example.com",
        "protection": mode.protection_name(),
    })
}
