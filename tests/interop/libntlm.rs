//! GNU libntlm's client, which logs in to our server with NTLMv1, and protects nothing.

use ntlm::error::{Denied, Refused, Rejection};
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Error, LmCompatibility, ResponseKind, UserName};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LetIn, Refusal, let_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::programs::system_python;
use serde_json::json;

/// What it knows.
const NTLMV1: Mode = modes::DEFAULT
    .protected_by(Protection::None)
    .without(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);

#[test]
fn it_logs_in_at_each_level_that_takes_ntlmv1() {
    let mut libntlm = libntlm();
    for level in (0..6).map(|level| LmCompatibility::try_from(level).expect("a level")) {
        match attempt(&mut libntlm, &NTLMV1, level, Identity::ALICE) {
            Ok(let_in) => {
                assert_eq!(let_in.accepted.identity.response(), Some(ResponseKind::Ntlmv1));
                assert!(level < LmCompatibility::RefuseLmAndNtlm);
            }
            Err(Refusal::Ours(Error::Refused(Refused::ResponseKind))) => {
                assert_eq!(level, LmCompatibility::RefuseLmAndNtlm);
            }
            Err(refusal) => panic!("{level:?}: {refusal:?}"),
        }
    }
}

/// It offers this character set, but sends UTF-16 all the same.
#[test]
fn it_does_not_log_in_with_oem_names() {
    let oem = NTLMV1.without(Flags::NEGOTIATE_UNICODE);
    let result = attempt(&mut libntlm(), &oem, LmCompatibility::SendNtlm, Identity::ALICE);
    assert_denied(&result, Denied::Rejected(Rejection::UnknownUser));
}

/// It makes two bytes of each byte of a name.
#[test]
fn everybody_with_an_ascii_name_logs_in_with_it() {
    let mut libntlm = libntlm();
    for identity in Identity::ALL {
        let result = attempt(&mut libntlm, &NTLMV1, LmCompatibility::SendNtlm, identity);
        if !identity.user.is_ascii() {
            assert_denied(&result, Denied::Rejected(Rejection::UnknownUser));
            continue;
        }
        let accepted = result.unwrap_or_else(|why| panic!("{identity:?}: {why:?}")).accepted;
        // Without a domain of its own it takes the server's.
        let expected = UserName::new(identity.user).with_domain("EXAMPLE");
        assert_eq!(accepted.user(), Some(expected).as_ref());
    }
}

#[test]
fn it_is_refused_with_a_wrong_password() {
    let mallory = Identity::MALLORY;
    let result = attempt(&mut libntlm(), &NTLMV1, LmCompatibility::SendNtlm, mallory);
    assert_denied(&result, Denied::WrongPassword);
}

fn assert_denied(result: &Result<LetIn, Refusal>, expected: Denied) {
    let is_denied = |error: &Error| *error == Error::Denied(expected);
    assert!(matches!(result, Err(Refusal::Ours(error)) if is_denied(error)), "{result:?}");
}

fn libntlm() -> Bridge {
    Bridge::start(system_python("bridge_libntlm.py"))
}

fn attempt(
    libntlm: &mut Bridge,
    mode: &Mode,
    level: LmCompatibility,
    identity: Identity,
) -> Result<LetIn, Refusal> {
    let arguments = json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
    });
    libntlm.begin(arguments).expect("it begins");
    let mut policy = mode.server_policy();
    policy.shared.lm_compatibility = level;
    let users = if identity == Identity::MALLORY { [Identity::ALICE] } else { [identity] };
    let_in(libntlm, &modes::server().with_policy(policy), &users)
}
