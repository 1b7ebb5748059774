//! Our client logs in to servers and proxies whose acceptor is another implementation.

use ntlm::wire::{Authenticate, NtResponse};
use ntlm_interop::accounts::{ALICE, Account, JURGEN};
use ntlm_interop::certificates::Certificate;
use ntlm_interop::clients::http_client;
use ntlm_interop::http::{Acceptor, HttpServer, Implementation, PAGE, token};
use ntlm_interop::process::run;
use ntlm_interop::programs::example;
use serde_json::Value;

const WRONG: Account = Account { password: "wrong", ..ALICE };

#[test]
fn our_client_gets_a_page() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &[]);
        let got = http_client(ALICE, &[&format!("{}/page", server.url)]).expect_success();
        assert_eq!(got.stdout, r"GET /page with 0 bytes from EXAMPLE\alice", "{implementation:?}");
        assert_one_login(&mut server, r"EXAMPLE\alice");
    }
}

#[test]
fn our_client_posts_a_body() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &[]);
        let got = http_client(ALICE, &["--data", "twelve bytes", &server.url]).expect_success();
        assert_eq!(got.stdout, r"POST / with 12 bytes from EXAMPLE\alice", "{implementation:?}");
        assert_one_login(&mut server, r"EXAMPLE\alice");
    }
}

#[test]
fn our_client_follows_a_redirect_on_the_same_connection() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &[]);
        let redirect = format!("{}/redirect", server.url);
        let got = http_client(ALICE, &["--location", &redirect]).expect_success();
        assert_eq!(
            got.stdout, r"GET /target with 0 bytes from EXAMPLE\alice",
            "{implementation:?}"
        );
        let got = http_client(ALICE, &["--location", "--head", &redirect]).expect_success();
        assert!(got.stdout.contains("HTTP/1.1 200"), "{implementation:?}: {got:#?}");
        // One for each run.
        assert_eq!(server.events("accepted", 2).len(), 2, "{implementation:?}");
        assert_eq!(server.count("connection"), 2, "{implementation:?}");
    }
}

#[test]
fn our_client_gets_a_page_over_tls() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start_with_tls(implementation, &certificate, &[]);
        let got = http_client(ALICE, &["--cacert", &authority, &server.url]).expect_success();
        assert_eq!(got.stdout, r"GET / with 0 bytes from EXAMPLE\alice", "{implementation:?}");
        assert_one_login(&mut server, r"EXAMPLE\alice");
    }
}

#[test]
fn our_client_logs_in_as_a_user_outside_ascii() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &[]);
        let got = http_client(JURGEN, &[&server.url]).expect_success();
        assert_eq!(got.stdout, r"GET / with 0 bytes from EXAMPLE\jürgen", "{implementation:?}");
        assert_one_login(&mut server, r"EXAMPLE\jürgen");
    }
}

#[test]
fn our_client_logs_in_with_an_nt_hash() {
    let line = ALICE.nt_hash_line();
    let (_, hash) = line.trim_end().rsplit_once(':').expect("it ends in the hash");
    for implementation in Implementation::ALL {
        let server = Acceptor::start(implementation, &[]);
        let client = &mut example("http_client");
        client.args(["--user", r"EXAMPLE\alice", "--nt-hash", hash, &server.url]);
        let got = run(client).expect_success();
        assert_eq!(got.stdout, r"GET / with 0 bytes from EXAMPLE\alice", "{implementation:?}");
    }
}

#[test]
fn our_client_says_that_the_password_is_wrong() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &[]);
        let got = http_client(WRONG, &[&server.url]);
        assert_eq!(got.status.code(), Some(22), "{implementation:?}: {got:#?}");
        assert!(got.stderr.contains("not accepted"), "{implementation:?}: {got:#?}");
        // It does not try again, which could lock the account.
        assert_eq!(server.events("refused", 1).len(), 1, "{implementation:?}");
        assert_eq!(server.count("accepted"), 0, "{implementation:?}");
    }
}

#[test]
fn our_client_sends_the_response_of_its_level() {
    for implementation in Implementation::ALL {
        for (level, version) in [("0", 1), ("1", 1), ("2", 1), ("3", 2), ("4", 2), ("5", 2)] {
            let mut server = Acceptor::start(implementation, &[]);
            let _ = http_client(ALICE, &["--level", level, &server.url]).expect_success();
            let message = token(&server.events("accepted", 1)[0], "authenticate");
            let authenticate = Authenticate::parse(&message).expect("it is an AUTHENTICATE");
            let sent = match authenticate.nt_response {
                NtResponse::V1(_) => 1,
                NtResponse::V2(_) => 2,
                NtResponse::Empty | NtResponse::Short(_) => 0,
            };
            assert_eq!(sent, version, "{implementation:?} at level {level}");
        }
    }
}

#[test]
fn our_client_sends_bare_ntlm_under_negotiate() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &["--scheme", "Negotiate"]);
        let got = http_client(ALICE, &[&server.url]).expect_success();
        assert_eq!(got.stdout, r"GET / with 0 bytes from EXAMPLE\alice", "{implementation:?}");
        assert_one_login(&mut server, r"EXAMPLE\alice");
    }
}

#[test]
fn our_client_logs_in_to_a_proxy_and_through_it_to_a_server() {
    let mut server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    for (index, implementation) in Implementation::ALL.into_iter().enumerate() {
        let mut proxy = Acceptor::start(implementation, &["--proxy"]);
        // Different users at the proxy and at the server.
        let got = through_proxy(&proxy, ALICE, &[&page]).expect_success();
        assert_eq!(got.stdout, PAGE, "{implementation:?}");
        assert_one_login(&mut proxy, r"EXAMPLE\jürgen");
        assert_eq!(server.logins(index + 1)[index].field("user"), r"EXAMPLE\alice");
    }
}

#[test]
fn our_client_logs_in_to_a_server_through_a_tunnel() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    let mut server = HttpServer::start_with_tls(&certificate, &["--channel-bindings", "require"]);
    let page = format!("{}/page.txt", server.tls_url());
    for (index, implementation) in Implementation::ALL.into_iter().enumerate() {
        let mut proxy = Acceptor::start(implementation, &["--proxy"]);
        let got = through_proxy(&proxy, ALICE, &["--cacert", &authority, &page]).expect_success();
        assert_eq!(got.stdout, PAGE, "{implementation:?}");
        assert_one_login(&mut proxy, r"EXAMPLE\jürgen");
        let login = &server.logins(index + 1)[index];
        assert_eq!((login.field("user"), login.field("bindings")), (r"EXAMPLE\alice", "yes"));
    }
}

#[test]
fn our_client_posts_through_a_tunnel_to_another_implementation() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start_with_tls(implementation, &certificate, &[]);
        let mut proxy = Acceptor::start(implementation, &["--proxy"]);
        let arguments = ["--cacert", &authority, "--data", "twelve bytes", &server.url];
        let got = through_proxy(&proxy, ALICE, &arguments).expect_success();
        assert_eq!(got.stdout, r"POST / with 12 bytes from EXAMPLE\alice", "{implementation:?}");
        assert_one_login(&mut proxy, r"EXAMPLE\jürgen");
        assert_one_login(&mut server, r"EXAMPLE\alice");
    }
}

#[test]
fn our_client_says_that_the_proxy_does_not_accept_it() {
    let server = HttpServer::start(&[]);
    for implementation in Implementation::ALL {
        let mut proxy = Acceptor::start(implementation, &["--proxy"]);
        let arguments =
            ["--proxy", &proxy.url, "--proxy-user", &WRONG.with_password(), &server.url];
        let got = http_client(ALICE, &arguments);
        assert!(!got.status.success(), "{implementation:?}: {got:#?}");
        assert!(got.stderr.contains("not accepted"), "{implementation:?}: {got:#?}");
        assert_eq!(proxy.events("refused", 1).len(), 1, "{implementation:?}");
    }
}

#[test]
fn reqwest_logs_in_once_for_its_connection() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &[]);
        let client = &mut example("reqwest_client");
        client.args(["--user", &ALICE.with_password(), "--count", "3", &server.url]);
        let got = run(client).expect_success();
        assert!(got.stdout.contains(r"GET / with 0 bytes from EXAMPLE\alice"), "{got:#?}");
        assert_one_login(&mut server, r"EXAMPLE\alice");
    }
}

#[test]
fn hyper_logs_in_once_and_is_rejected_with_a_wrong_password() {
    for implementation in Implementation::ALL {
        let hyper = |account: Account, arguments: &[&str]| {
            let client = &mut example("hyper_client");
            run(client.args(["--user", &account.with_password()]).args(arguments))
        };
        let mut server = Acceptor::start(implementation, &[]);
        let got = hyper(ALICE, &["--count", "3", &server.url]).expect_success();
        assert_eq!(got.stdout, r"GET / with 0 bytes from EXAMPLE\alice", "{implementation:?}");
        assert_one_login(&mut server, r"EXAMPLE\alice");

        let server = Acceptor::start(implementation, &[]);
        let got = hyper(JURGEN, &["--data", "twelve bytes", &server.url]).expect_success();
        assert_eq!(got.stdout, r"POST / with 12 bytes from EXAMPLE\jürgen", "{implementation:?}");

        let mut server = Acceptor::start(implementation, &[]);
        let got = hyper(WRONG, &[&server.url]);
        assert_eq!(got.status.code(), Some(1), "{implementation:?}: {got:#?}");
        assert!(got.stderr.contains("the credentials were not accepted"), "{got:#?}");
        // It does not try again, which could lock the account.
        assert_eq!(server.events("refused", 1).len(), 1, "{implementation:?}");
        assert_eq!(server.count("accepted"), 0, "{implementation:?}");
    }
}

#[test]
fn the_health_monitor_finds_servers_healthy_that_let_it_in() {
    for implementation in Implementation::ALL {
        let server = Acceptor::start(implementation, &[]);
        for (account, code, verdict) in [(ALICE, 0, "OK 200"), (WRONG, 1, "FAILED")] {
            let monitor = &mut example("health_monitor");
            monitor.env("HEALTH_USER", account.name()).env("HEALTH_PASSWORD", account.password);
            let got = run(monitor.arg(format!("{}/redirect", server.url)));
            assert_eq!(got.status.code(), Some(code), "{implementation:?}: {got:#?}");
            assert!(got.stdout.starts_with(verdict), "{implementation:?}: {got:#?}");
        }
    }
}

#[test]
fn the_examples_are_bound_to_the_channel_of_our_own_server() {
    let require = ["--channel-bindings", "require"];
    let mut server = HttpServer::start_with_tls(&Certificate::new(), &require);
    let page = format!("{}/page.txt", server.tls_url());
    let reqwest = &mut example("reqwest_client");
    reqwest.args(["--insecure", "--user", &ALICE.with_password(), "--count", "2", &page]);
    assert!(run(reqwest).expect_success().stdout.contains(PAGE));
    let monitor = &mut example("health_monitor");
    monitor.env("HEALTH_USER", ALICE.name()).env("HEALTH_PASSWORD", ALICE.password);
    let got = run(monitor.args(["--insecure", "--method", "GET", "--expect", "204,200", &page]));
    assert!(got.expect_success().stdout.starts_with("OK 200"));
    for login in server.logins(2) {
        assert_eq!((login.field("bindings"), login.field("mic")), ("yes", "yes"));
    }
}

/// A server that accepts connections and says nothing.
#[test]
fn the_health_monitor_does_not_wait_for_ever() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("its address"));
    let monitor = &mut example("health_monitor");
    let got = run(monitor.args(["--timeout", "0.2", &url]));
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stdout.starts_with("FAILED") && got.stdout.contains("0.2 s"), "{got:#?}");
    assert_eq!(got.stdout.lines().count(), 1, "{got:#?}");
}

#[test]
fn our_client_shows_the_exchange_if_it_is_asked_to() {
    let server = HttpServer::start(&[]);
    let got = http_client(ALICE, &["-v", &server.url]).expect_success();
    for shown in ["NEGOTIATE_MESSAGE", "CHALLENGE_MESSAGE", "AUTHENTICATE_MESSAGE", "401", "200"] {
        assert!(got.stderr.contains(shown), "{shown}: {got:#?}");
    }
    assert!(!got.stderr.contains(ALICE.password), "{got:#?}");
}

fn through_proxy(
    proxy: &Acceptor,
    account: Account,
    arguments: &[&str],
) -> ntlm_interop::process::Finished {
    let user = JURGEN.with_password();
    let proxy = ["--proxy", &proxy.url, "--proxy-user", &user];
    http_client(account, &[&proxy, arguments].concat())
}

/// There was one login, on the only connection.
#[track_caller]
fn assert_one_login(server: &mut Acceptor, user: &str) -> Value {
    let mut logins = server.events("accepted", 1);
    assert_eq!((logins.len(), server.count("connection")), (1, 1), "{logins:#?}");
    assert_eq!(logins[0]["user"], user);
    logins.remove(0)
}
