//! Perl's Authen::NTLM, on its own and with LWP, which logs in to our server.

use ntlm::error::{Denied, Unexpected};
use ntlm::{Error, LmCompatibility, ResponseKind};
use ntlm_interop::accounts::{ALICE, nt_hash_line};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{LetIn, Refusal, let_in};
use ntlm_interop::fields::{authenticate::NT, payload};
use ntlm_interop::http::{HttpServer, PAGE};
use ntlm_interop::identities::Identity;
use ntlm_interop::modes;
use ntlm_interop::process::run;
use ntlm_interop::programs::perl;
use serde_json::{Value, json};

/// Letters of Latin-1 alone: it makes two bytes of each character.
const JURGEN: Identity = Identity { user: "jürgen", domain: "", password: "Pässwörd" };

/// Its time is the number of seconds since 1601 in the place of a number of 100 ns, so that its
/// response is dated some minutes after 1601. But it repeats the time of the CHALLENGE.
#[test]
fn ntlmv2_logs_in_without_knowing_the_time() {
    let result = log_in(true, LmCompatibility::RefuseLmAndNtlm, Identity::HOMELESS);
    let let_in = result.expect("it is accepted");
    assert_eq!(let_in.accepted.identity.response(), Some(ResponseKind::Ntlmv2));
    assert_eq!(let_in.accepted.user(), Some(Identity::HOMELESS.name()).as_ref());
    // The time is after the proof (16 bytes) and the versions (8).
    let time = payload(&let_in.authenticate, NT)[24..32].try_into().expect("eight bytes");
    let one_hour = 3600 * 10_000_000;
    assert!(u64::from_le_bytes(time) < one_hour, "it knows the time: {time:?}");
}

#[test]
fn a_user_and_a_password_of_latin1_log_in() {
    let result = log_in(true, LmCompatibility::RefuseLmAndNtlm, JURGEN);
    assert_eq!(result.expect("it is accepted").accepted.user(), Some(JURGEN.name()).as_ref());
}

#[test]
fn a_wrong_password_is_rejected() {
    for (is_ntlmv2, level) in
        [(true, LmCompatibility::RefuseLmAndNtlm), (false, LmCompatibility::RefuseLm)]
    {
        let mallory = Identity { domain: "", ..Identity::MALLORY };
        let result = log_in(is_ntlmv2, level, mallory);
        let denied = Error::Denied(Denied::WrongPassword);
        assert!(matches!(&result, Err(Refusal::Ours(error)) if *error == denied), "{result:?}");
    }
}

/// With NTLMv2, it writes its domain in ASCII although UTF-16 was negotiated: seven bytes, which is
/// no length of UTF-16.
#[test]
fn ntlmv2_with_a_domain_is_rejected() {
    let result = log_in(true, LmCompatibility::RefuseLmAndNtlm, Identity::ALICE);
    assert!(
        matches!(&result, Err(Refusal::Ours(Error::Unexpected(Unexpected::Text(_))))),
        "{result:?}"
    );
}

/// With NTLMv1, it takes the name of the server for its domain.
#[test]
fn ntlmv1_logs_in_at_each_level_that_takes_it() {
    for level in (0..6).map(|level| LmCompatibility::try_from(level).expect("a level")) {
        let result = log_in(false, level, Identity::ALICE);
        if level == LmCompatibility::RefuseLmAndNtlm {
            assert!(matches!(&result, Err(Refusal::Ours(Error::Refused(_)))), "{result:?}");
            continue;
        }
        let accepted = result.expect("it is accepted").accepted;
        assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv1));
        assert_eq!(accepted.user(), Some(Identity::ALICE.name()).as_ref());
    }
}

#[test]
fn lwp_gets_a_page_with_ntlmv2() {
    let mut server = http_server();
    let got = get(&server, ALICE.password);
    assert_eq!(got["status"], 200, "{got} {:#?}", server.logged());
    assert_eq!(got["body"], format!("{PAGE}\n"));
    assert_eq!(server.only_login().field("response"), "Ntlmv2");
}

#[test]
fn lwp_does_not_get_a_page_with_a_wrong_password() {
    let mut server = http_server();
    assert_eq!(get(&server, "wrong")["status"], 401);
    assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"));
}

/// Knows a user without a domain.
fn http_server() -> HttpServer {
    HttpServer::start_with_users(&nt_hash_line(ALICE.user, ALICE.password), None, &[])
}

fn get(server: &HttpServer, password: &str) -> Value {
    let url = format!("{}/page.txt", server.url);
    // LWP takes what is before the backslash for the domain, which is empty.
    let user = format!("\\{}", ALICE.user);
    let finished = run(perl("http_client.pl").args([&url, &user, password])).expect_success();
    finished.json().pop().expect("it prints JSON")
}

fn log_in(is_ntlmv2: bool, level: LmCompatibility, identity: Identity) -> Result<LetIn, Refusal> {
    let mut bridge = Bridge::start(perl("bridge_authen_ntlm.pl"));
    let arguments = json!({
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "ntlmv2": is_ntlmv2,
    });
    bridge.begin(arguments).expect("it begins");
    let mut policy = ntlm::server::Policy::default();
    policy.shared.lm_compatibility = level;
    let server = modes::server().with_policy(policy);
    let is_mallory = identity.password == Identity::MALLORY.password;
    let user = if is_mallory { Identity::HOMELESS } else { identity };
    let_in(&mut bridge, &server, &[user])
}
