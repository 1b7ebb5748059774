//! Our clients over reqwest and ureq, which have a pool of connections, and over hyper, which has none,
//! log in to our servers.

use ntlm_interop::accounts::{ALICE, Account, JURGEN};
use ntlm_interop::certificates::Certificate;
use ntlm_interop::http::{HttpServer, PAGE};
use ntlm_interop::log::Line;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::example;
use ntlm_interop::squid::Squid;

const WRONG: Account = Account { password: "wrong", ..ALICE };

#[test]
fn clients_get_pages_and_post_bodies_on_one_login() {
    // reqwest's pool may take another connection, which logs in again; the others have only one.
    for (name, least) in [("reqwest_client", 1), ("ureq_client", 4), ("hyper_client", 4)] {
        let mut server = HttpServer::start(&[]);
        let page = format!("{}/page.txt", server.url);
        let got = client(name, JURGEN, &["--count", "5", &page]).expect_success();
        assert_eq!(got.stdout, PAGE);
        let requests = |line: &str| Line::parse(line).field("requests") == "1";
        assert!(got.stderr.lines().filter(|line| requests(line)).count() >= least, "{got:#?}");
        assert_eq!(server.logins(1)[0].field("user"), r"EXAMPLE\jürgen");
        let got = client(name, ALICE, &["--data", "twelve bytes", &server.url]).expect_success();
        assert_eq!(got.stdout, r"12 bytes from EXAMPLE\alice");
    }
}

#[test]
fn clients_are_rejected_with_a_wrong_password() {
    for name in ["reqwest_client", "ureq_client", "hyper_client"] {
        let mut server = HttpServer::start(&[]);
        let got = client(name, WRONG, &[&server.url]);
        assert_eq!(got.status.code(), Some(1), "{got:#?}");
        assert!(got.stderr.contains("the credentials were not accepted"), "{got:#?}");
        assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"));
    }
}

#[test]
fn ureq_reads_no_body_that_is_too_long() {
    let server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    // The page of a 401 is longer than that, too.
    let got = client("ureq_client", ALICE, &["--max-body", "20", &page]);
    assert!(!got.status.success() && got.stderr.contains("larger than request limit"), "{got:#?}");
    assert!(client("ureq_client", ALICE, &["--max-body", "100", &page]).status.success());
}

#[test]
fn hyper_is_bound_to_the_channel() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    let require = ["--channel-bindings", "require"];
    let mut server = HttpServer::start_with_tls(&certificate, &require);
    let page = format!("{}/page.txt", server.tls_url());
    let got = client("hyper_client", ALICE, &["--cacert", &authority, &page]).expect_success();
    assert_eq!(got.stdout, PAGE);
    assert_eq!(server.logins(1)[0].field("bindings"), "yes");
}

#[test]
fn reqwest_follows_a_redirect_and_is_bound_to_the_channel() {
    let require = ["--channel-bindings", "require"];
    let mut server = HttpServer::start_with_tls(&Certificate::new(), &require);
    let redirect = format!("{}/redirect", server.tls_url());
    let got = client("reqwest_client", ALICE, &["--insecure", &redirect]).expect_success();
    assert!(got.stdout.contains("page.txt"), "{got:#?}");
    assert_eq!(server.logins(1)[0].field("bindings"), "yes");
}

#[test]
fn reqwest_logs_in_to_a_proxy_and_through_it_to_a_server() {
    let squid = Squid::start(JURGEN);
    let mut server = HttpServer::start(&[]);
    let through = |account: Account, arguments: &[&str]| {
        let user = account.with_password();
        let proxy = ["--proxy", &squid.url, "--proxy-user", &user];
        client("reqwest_client", ALICE, &[&proxy, arguments].concat())
    };
    let page = format!("{}/page.txt", server.url);
    assert_eq!(through(JURGEN, &[&page]).expect_success().stdout, PAGE);
    let posted = through(JURGEN, &["--data", "twelve bytes", &server.url]).expect_success();
    assert_eq!(posted.stdout, r"12 bytes from EXAMPLE\alice");
    assert_eq!(server.logins(2)[1].field("user"), r"EXAMPLE\alice");
    let wrong = through(Account { password: "wrong", ..JURGEN }, &[&page]);
    assert!(wrong.stderr.contains("the credentials were not accepted"), "{wrong:#?}");
    // It says so before it tries.
    let tunnel = through(JURGEN, &["https://127.0.0.1:1/"]);
    assert!(tunnel.stderr.contains("use http_client"), "{tunnel:#?}");
}

fn client(name: &str, account: Account, arguments: &[&str]) -> Finished {
    run(example(name).args(["--user", &account.with_password()]).args(arguments))
}
