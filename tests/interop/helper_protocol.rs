//! Our `ntlm_auth` in the place of Samba's: as the helper of Squid and Dovecot, and in both
//! roles against Samba's own.

use ntlm_interop::accounts::{ALICE, Account, JURGEN, nt_hash_line};
use ntlm_interop::clients::http_client;
use ntlm_interop::dovecot::Dovecot;
use ntlm_interop::helper::{Helper, log_in};
use ntlm_interop::http::{HttpServer, PAGE};
use ntlm_interop::process::{Finished, run, wait_until};
use ntlm_interop::programs::installed;
use ntlm_interop::squid::Squid;

const WRONG: Account = Account { password: "battery staple", ..ALICE };
const UNKNOWN: Account = Account { user: "nobody", ..ALICE };
const REFUSAL: &str = "NA NT_STATUS_LOGON_FAILURE";

fn users() -> String {
    ALICE.nt_hash_line() + &JURGEN.nt_hash_line()
}

#[test]
fn curl_logs_in_to_squid_and_through_it_to_a_server() {
    let squid = Squid::start_with_our_helper(&users(), "");
    let server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    let got = through_squid(&squid, ALICE, &["--ntlm", "--user", &ALICE.with_password(), &page]);
    assert_eq!((got.status.code(), got.stdout.as_str()), (Some(0), PAGE), "{got:#?}");
    // Its log doubles backslashes.
    assert!(squid.log().contains(r"EXAMPLE\\alice"), "{}", squid.log());
}

#[test]
fn squid_refuses_a_wrong_password_and_an_unknown_user_alike_and_its_log_tells_them_apart() {
    let squid = Squid::start_with_our_helper(&users(), "");
    let server = HttpServer::start(&[]);
    for (account, detail) in
        [(WRONG, "Denied(WrongPassword)"), (UNKNOWN, "Denied(Rejected(UnknownUser))")]
    {
        let got = through_squid(&squid, account, &["--fail", &server.url]);
        assert_eq!(got.status.code(), Some(22), "{got:#?}");
        assert!(got.stderr.contains("407"), "{got:#?}");
        wait_until(|| squid.helper_log().contains(detail).then_some(()));
    }
    assert_eq!(server.logged().iter().filter(|l| l.is_login() || l.is_refusal()).count(), 0);
    // A refusal does no harm to whoever comes next.
    let got = through_squid(&squid, ALICE, &[&server.url]);
    assert!(got.stdout.contains("NTLM"), "{got:#?}");
}

#[test]
fn a_user_outside_ascii_logs_in_to_squid_with_our_client() {
    let squid = Squid::start_with_our_helper(&users(), "");
    let server = HttpServer::start(&[]);
    let user = JURGEN.with_password();
    let page = format!("{}/page.txt", server.url);
    let got = http_client(ALICE, &["--proxy", &squid.url, "--proxy-user", &user, &page]);
    assert_eq!(got.expect_success().stdout, PAGE);
}

/// Whatever the setting says, Squid keeps a helper for one client until that is done, and sends no
/// channel-ID.
#[test]
fn squid_does_not_share_helpers_of_ntlm() {
    let squid = Squid::start_with_our_helper(&users(), "concurrency=4");
    let server = HttpServer::start(&[]);
    let got = through_squid(&squid, ALICE, &[&server.url]);
    assert!(got.stdout.contains("NTLM"), "{got:#?}");
}

/// Our client sends bare NTLM under Negotiate, which the wrapper passes on to our helper.
#[test]
fn clients_log_in_to_squid_under_negotiate_through_its_wrapper() {
    let squid = Squid::start_with_negotiate_wrapper(&users());
    let server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    for account in [ALICE, JURGEN] {
        let user = account.with_password();
        let got = http_client(ALICE, &["--proxy", &squid.url, "--proxy-user", &user, &page]);
        assert_eq!(got.expect_success().stdout, PAGE, "{}", squid.helper_log());
    }
    assert!(squid.log().contains(r"EXAMPLE\\alice"), "{}", squid.log());
    for account in [WRONG, UNKNOWN] {
        let user = account.with_password();
        let got = http_client(ALICE, &["--proxy", &squid.url, "--proxy-user", &user, &page]);
        assert!(!got.status.success(), "{got:#?}");
    }
    wait_until(|| squid.helper_log().contains("Denied(WrongPassword)").then_some(()));
}

/// The second one knows the password too, and is not in the group.
#[test]
fn squid_runs_our_helper_with_the_command_line_of_sambas() {
    let users = ALICE.nt_hash_line().replace('\n', ":EXAMPLE\\Proxy Users,Domain Users\n")
        + &JURGEN.nt_hash_line().replace('\n', ":Domain Users\n");
    // Squid takes quotes for such only where a word begins, and one backslash of two away.
    let group = r#""--require-membership-of=EXAMPLE\\Proxy Users""#;
    let options = format!("--diagnostics --domain=EXAMPLE -d 3 --offline-logon {group}");
    let squid = Squid::start_with_sambas_command_line(&users, &options);
    let server = HttpServer::start(&[]);
    let user = JURGEN.with_password();
    for scheme in ["--proxy-ntlm", "--proxy-basic"] {
        let got = through_squid_with(&squid, scheme, ALICE, &[&server.url]);
        assert!(got.stdout.contains("NTLM"), "{scheme}: {got:#?} {}", squid.helper_log());
        let wrong = through_squid_with(&squid, scheme, WRONG, &["--fail", &server.url]);
        assert!(wrong.stderr.contains("407"), "{scheme}: {wrong:#?}");
    }
    let page = format!("{}/page.txt", server.url);
    let got = http_client(ALICE, &["--proxy", &squid.url, "--proxy-user", &user, &page]);
    assert!(!got.status.success(), "{got:#?}");
    wait_until(|| {
        squid.helper_log().contains("Denied(Rejected(AccountRestriction))").then_some(())
    });
    assert!(squid.helper_log().contains("ntlm_auth: without effect: --diagnostics"));
}

#[test]
fn squid_lets_nobody_in_if_nobody_is_in_the_group() {
    let options = "--domain EXAMPLE --require-membership-of S-1-5-21-1-2-3-513";
    let squid = Squid::start_with_sambas_command_line(&users(), options);
    let server = HttpServer::start(&[]);
    for scheme in ["--proxy-ntlm", "--proxy-basic"] {
        let got = through_squid_with(&squid, scheme, ALICE, &["--fail", &server.url]);
        assert!(got.stderr.contains("407"), "{scheme}: {got:#?}");
    }
    let log = squid.helper_log();
    assert!(log.contains("users is in the group S-1-5-21-1-2-3-513"), "{log}");
}

#[test]
fn curl_logs_in_to_dovecot() {
    let dovecot = Dovecot::start(&users());
    let got = over_imap(&dovecot, ALICE);
    assert!(got.status.success() && got.stdout.contains("INBOX"), "{got:#?} {}", dovecot.log());
    assert!(dovecot.log().contains("user=<alice>, method=NTLM"), "{}", dovecot.log());
}

#[test]
fn dovecot_refuses_a_wrong_password_and_an_unknown_user() {
    let dovecot = Dovecot::start(&users());
    for account in [WRONG, UNKNOWN] {
        let got = over_imap(&dovecot, account);
        // CURLE_LOGIN_DENIED
        assert_eq!(got.status.code(), Some(67), "{got:#?} {}", dovecot.log());
    }
    assert!(over_imap(&dovecot, ALICE).status.success(), "{}", dovecot.log());
}

#[test]
fn sambas_client_logs_in_to_our_server() {
    for (features, settings) in [
        (None, &[][..]),
        (Some("NTLMSSP_FEATURE_SESSION_KEY"), &[]),
        (Some("NTLMSSP_FEATURE_SIGN NTLMSSP_FEATURE_SEAL"), &[]),
        (None, &["--option=client ntlmv2 auth=no"]),
        (Some("NTLMSSP_FEATURE_SEAL"), &["--option=client ntlmv2 auth=no"]),
        (None, &NTLMV1_WITHOUT_ESS),
    ] {
        for level in ["0", "3", "4"] {
            let mut server = Helper::our_server(&users(), &["--level", level]);
            let mut client = Helper::samba_client("ALICE", Some(ALICE.password), settings);
            ask_for(features, &mut client, &mut server);
            let context = format!("{features:?} {settings:?} {level}");
            assert_eq!(log_in(&mut client, &mut server), r"AF EXAMPLE\alice", "{context}");
            assert_same_key(&mut client, &mut server);
        }
    }
}

/// So the level of our server says, and its policy, where messages are protected.
#[test]
fn sambas_client_is_refused_without_extended_session_security_at_level_5() {
    for features in [None, Some("NTLMSSP_FEATURE_SEAL")] {
        let mut server = Helper::our_server(&users(), &[]);
        let mut client = Helper::samba_client("alice", Some(ALICE.password), &NTLMV1_WITHOUT_ESS);
        ask_for(features, &mut client, &mut server);
        let negotiate = client.ask("YR");
        let answer = server.ask(&negotiate);
        let refused = match features {
            None => server.ask(&client.ask(&answer).replace("AF ", "KK ")),
            Some(_) => answer,
        };
        assert_eq!(refused, REFUSAL, "{features:?}");
    }
}

/// Below level 5 NTLMv1 is let in. Messages are protected with its constant key at level 0 alone.
#[test]
fn sambas_client_seals_without_extended_session_security_at_level_0_alone() {
    for level in ["0", "3", "4"] {
        let mut server = Helper::our_server(&users(), &["--level", level]);
        let mut client = Helper::samba_client("alice", Some(ALICE.password), &NTLMV1_WITHOUT_ESS);
        ask_for(Some("NTLMSSP_FEATURE_SEAL"), &mut client, &mut server);
        if level == "0" {
            assert_eq!(log_in(&mut client, &mut server), r"AF EXAMPLE\alice");
            assert_same_key(&mut client, &mut server);
        } else {
            assert_eq!(server.ask(&client.ask("YR")), REFUSAL, "{level}");
        }
    }
}

/// What makes Samba's client send the oldest response.
const NTLMV1_WITHOUT_ESS: [&str; 2] =
    ["--option=client ntlmv2 auth=no", "--option=ntlmssp_client:ntlm2=no"];

#[test]
fn our_client_logs_in_to_sambas_server() {
    for (features, arguments) in [
        (None, &[][..]),
        (Some("NTLMSSP_FEATURE_SESSION_KEY"), &[]),
        (Some("NTLMSSP_FEATURE_SIGN NTLMSSP_FEATURE_SEAL"), &["--workstation", "LAPTOP"]),
        (None, &["--target-service", "HTTP", "--target-hostname", "www.example.com"]),
        (None, &["--level", "2"]),
        (Some("NTLMSSP_FEATURE_SEAL"), &["--level", "1"]),
        (None, &["--level", "0"]),
        (Some("NTLMSSP_FEATURE_SESSION_KEY"), &["--level", "0"]),
        (Some("NTLMSSP_FEATURE_SEAL"), &["--level", "0"]),
    ] {
        let mut server = Helper::samba_server(ALICE.password, "ntlmv1-permitted");
        let mut client = Helper::our_client(ALICE.user, Some(ALICE.password), arguments);
        ask_for(features, &mut client, &mut server);
        assert_eq!(log_in(&mut client, &mut server), r"AF EXAMPLE\alice", "{features:?}");
        assert_same_key(&mut client, &mut server);
    }
}

/// Level 0 does without, all others do not where messages are protected.
#[test]
fn our_client_wants_extended_session_security_of_sambas_server_unless_its_level_is_0() {
    let settings = ["--option=ntlmssp_server:ntlm2=no"];
    for level in ["0", "1", "2", "3"] {
        for features in [None, Some("NTLMSSP_FEATURE_SEAL")] {
            let mut server =
                Helper::samba_server_with(ALICE.password, "ntlmv1-permitted", &settings);
            let mut client =
                Helper::our_client(ALICE.user, Some(ALICE.password), &["--level", level]);
            ask_for(features, &mut client, &mut server);
            if level == "0" || features.is_none() {
                assert_eq!(log_in(&mut client, &mut server), r"AF EXAMPLE\alice", "{level}");
                continue;
            }
            let challenge = server.ask(&client.ask("YR"));
            assert_eq!(client.ask(&challenge), REFUSAL, "{level}");
        }
    }
}

/// Whoever tries Samba's program in this way should not think that it checks more.
#[test]
fn sambas_server_with_a_password_takes_ntlmv1_whatever_is_set_and_any_name() {
    for level in ["0", "1", "2"] {
        let mut server = Helper::samba_server(ALICE.password, "ntlmv2-only");
        let mut client = Helper::our_client("anybody", Some(ALICE.password), &["--level", level]);
        assert_eq!(log_in(&mut client, &mut server), r"AF EXAMPLE\anybody", "{level}");
    }
}

#[test]
fn each_server_refuses_the_others_client_with_the_same_words() {
    let mut ours = Helper::our_server(&users(), &[]);
    let mut sambas = Helper::samba_server(ALICE.password, "ntlmv2-only");
    let mut client = Helper::samba_client("alice", Some(WRONG.password), &[]);
    assert_eq!(log_in(&mut client, &mut ours), REFUSAL);
    let mut client = Helper::samba_client("nobody", Some(ALICE.password), &[]);
    assert_eq!(log_in(&mut client, &mut ours), REFUSAL);
    let mut client = Helper::our_client("alice", Some(WRONG.password), &[]);
    assert_eq!(log_in(&mut client, &mut sambas), REFUSAL);
    let old = ["--option=client ntlmv2 auth=no"];
    let mut client = Helper::samba_client("alice", Some(ALICE.password), &old);
    assert_eq!(log_in(&mut client, &mut ours), REFUSAL);
    // The helpers go on.
    let mut client = Helper::our_client("alice", Some(ALICE.password), &[]);
    assert_eq!(log_in(&mut client, &mut ours), r"AF EXAMPLE\alice");
    assert_eq!(log_in(&mut client, &mut sambas), r"AF EXAMPLE\alice");
}

#[test]
fn a_password_is_asked_for_as_samba_does() {
    for mut client in
        [Helper::samba_client("alice", None, &[]), Helper::our_client("alice", None, &[])]
    {
        let mut server = Helper::our_server(&users(), &[]);
        let challenge = server.ask(&client.ask("YR"));
        assert_eq!(client.ask(&challenge), "PW");
        assert_eq!(client.ask("PW Y29ycmVjdCBob3JzZQ=="), "OK");
        let authenticate = client.receive();
        let token = authenticate.strip_prefix("AF ").unwrap_or_else(|| panic!("{authenticate}"));
        assert_eq!(server.ask(&format!("KK {token}")), r"AF EXAMPLE\alice");
        // It was for this login; one that was not asked for is for all that follow.
        let challenge = server.ask(&client.ask("YR"));
        assert_eq!(client.ask(&challenge), "PW");
        client.ask("PW d3Jvbmc=");
        client.receive();
        assert_eq!(client.ask("PW Y29ycmVjdCBob3JzZQ=="), "OK");
        assert_eq!(log_in(&mut client, &mut server), r"AF EXAMPLE\alice");
    }
}

#[test]
fn nonsense_gets_the_same_answers_from_both() {
    let lines = [
        "Y",
        "XX",
        "OK",
        "KK",
        "TT",
        "SF",
        "PW",
        "GK",
        "YR ?",
        "YR AAAA",
        "KK AAAA",
        "TT AAAA",
        "YR TlRMTVNTUAADAAAA",
        "GK",
        "PW AAAA",
        "SF NTLMSSP_FEATURE_SEAL",
        "yr",
    ];
    let mut ours = Helper::our_server(&users(), &[]);
    let mut sambas = Helper::samba_server(ALICE.password, "ntlmv2-only");
    for line in lines {
        assert_eq!(ours.ask(line), sambas.ask(line), "server, {line:?}");
    }
    let mut ours = Helper::our_client("alice", Some(ALICE.password), &[]);
    let mut sambas = Helper::samba_client("alice", Some(ALICE.password), &[]);
    for line in lines.into_iter().filter(|line| !line.starts_with("YR")) {
        assert_eq!(ours.ask(line), sambas.ask(line), "client, {line:?}");
    }
}

/// A domain that only the client claims does not get into the answer, nor does a line break.
#[test]
fn the_name_in_the_answer_is_that_of_the_file() {
    let mut server = Helper::our_server(&nt_hash_line("alice", ALICE.password), &[]);
    let mut client = Helper::samba_client("ALICE", Some(ALICE.password), &[]);
    assert_eq!(log_in(&mut client, &mut server), "AF alice");
    let mut client =
        Helper::our_client("alice", Some(ALICE.password), &["--domain", "EVIL\nAF admin"]);
    assert_eq!(log_in(&mut client, &mut server), "AF alice");
}

/// Tells both what the session shall do.
fn ask_for(features: Option<&str>, client: &mut Helper, server: &mut Helper) {
    if let Some(features) = features {
        assert_eq!(client.ask(&format!("SF {features}")), "OK");
        assert_eq!(server.ask(&format!("SF {features}")), "OK");
    }
}

fn assert_same_key(client: &mut Helper, server: &mut Helper) {
    let key = client.ask("GK");
    assert!(key.starts_with("GK ") && key.len() == 27, "{key}");
    assert_eq!(server.ask("GK"), key);
    for side in [client, server] {
        let flags = side.ask("GF");
        assert!(flags.starts_with("GF 0x") && flags.len() == 13, "{flags}");
    }
}

fn through_squid(squid: &Squid, account: Account, arguments: &[&str]) -> Finished {
    through_squid_with(squid, "--proxy-ntlm", account, arguments)
}

fn through_squid_with(
    squid: &Squid,
    scheme: &str,
    account: Account,
    arguments: &[&str],
) -> Finished {
    let user = account.with_password();
    let mut command = installed("curl");
    command.args(["--silent", "--show-error", "--max-time", "30", "--proxy", &squid.url]);
    run(command.args([scheme, "--proxy-user", &user]).args(arguments))
}

fn over_imap(dovecot: &Dovecot, account: Account) -> Finished {
    let user = account.with_password();
    let mut command = installed("curl");
    command.args(["--silent", "--show-error", "--max-time", "30"]);
    run(command.args(["--login-options", "AUTH=NTLM", "--user", &user, &dovecot.url]))
}
