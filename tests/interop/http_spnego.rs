//! SPNEGO under `Negotiate`: clients log in to our server, and our client to other implementations.

use ntlm_interop::accounts::{ALICE, Account, JURGEN};
use ntlm_interop::certificates::Certificate;
use ntlm_interop::clients::{
    curl_with_gss, curl_with_ticket, http_client, pypsrp_session, pypsrp_unsigned,
};
use ntlm_interop::http::{Acceptor, HttpServer, Implementation, PAGE};
use ntlm_interop::kerberos::Realm;
use ntlm_interop::log::Line;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::example;
use ntlm_interop::scratch::Directory;
use serde_json::Value;

const WRONG: Account = Account { password: "wrong", ..ALICE };

/// What our server offers.
const SCHEMES: [&str; 3] = ["negotiate", "negotiate,ntlm", "ntlm,negotiate"];

#[test]
fn curl_logs_in_once_for_several_requests_on_a_connection() {
    for schemes in SCHEMES {
        for how in ["--negotiate", "--anyauth"] {
            let mut server = HttpServer::start(&["--schemes", schemes]);
            let page = format!("{}/page.txt", server.url);
            let got = curl_with_gss(ALICE, &[how, &page, &page, &page]);
            assert_eq!(got.statuses, [200; 3], "{how} where {schemes} is offered");
            assert_eq!(got.connections, 1, "{how} where {schemes} is offered");
            assert_eq!(got.body, [PAGE; 3].join("\n"));
            assert_spnego(&server.only_login(), r"EXAMPLE\alice");
        }
    }
}

#[test]
fn curl_sends_the_body_of_a_post() {
    let mut server = HttpServer::start(&["--schemes", "negotiate"]);
    let directory = Directory::new();
    let body = directory.write("body", &"x".repeat(1_000_000));
    let data = format!("@{}", body.display());
    let got = curl_with_gss(ALICE, &["--negotiate", "--data-binary", &data, &server.url]);
    assert_eq!((got.status(), got.connections), (200, 1));
    assert_eq!(got.body, r"1000000 bytes from EXAMPLE\alice");
    assert_spnego(&server.only_login(), r"EXAMPLE\alice");
}

#[test]
fn curl_follows_a_redirect_with_head_on_one_login() {
    let mut server = HttpServer::start(&["--schemes", "negotiate"]);
    let redirect = format!("{}/redirect", server.url);
    let got = curl_with_gss(ALICE, &["--negotiate", "-I", "-L", &redirect]);
    assert_eq!((got.status(), got.connections), (200, 1));
    server.only_login();
}

#[test]
fn curl_logs_in_as_a_user_outside_ascii() {
    let mut server = HttpServer::start(&["--schemes", "negotiate"]);
    let got = curl_with_gss(JURGEN, &["--negotiate", &server.url]);
    assert_eq!((got.status(), got.connections), (200, 1));
    assert_spnego(&server.only_login(), r"EXAMPLE\jürgen");
}

#[test]
fn curl_logs_in_to_a_proxy() {
    let mut proxy = HttpServer::start(&["--proxy", "--schemes", "negotiate"]);
    let url = "http://www.example.com/page.txt";
    let arguments = ["--proxy", &proxy.url, "--proxy-negotiate", "--proxy-user", ":", url, url];
    let got = curl_with_gss(ALICE, &arguments);
    assert_eq!((&got.statuses[..], got.connections), (&[200; 2][..], 1));
    assert_spnego(&proxy.only_login(), r"EXAMPLE\alice");
}

#[test]
fn curl_is_rejected_with_a_wrong_password() {
    for schemes in SCHEMES {
        let mut server = HttpServer::start(&["--schemes", schemes]);
        let got = curl_with_gss(WRONG, &["--negotiate", &server.url]);
        assert_eq!((got.status(), got.connections), (401, 1), "where {schemes} is offered");
        assert_wrong_password(&mut server);
    }
}

/// It passes no bindings to GSS-API.
#[test]
fn curl_sends_no_channel_bindings() {
    let certificate = Certificate::new();
    let file = certificate.file().display().to_string();
    for (bindings, status) in [("if-present", 200), ("require", 401)] {
        let arguments = ["--schemes", "negotiate", "--channel-bindings", bindings];
        let mut server = HttpServer::start_with_tls(&certificate, &arguments);
        let page = format!("{}/page.txt", server.tls_url());
        let got = curl_with_gss(ALICE, &["--negotiate", "--cacert", &file, "--http1.1", &page]);
        assert_eq!((got.status(), got.connections), (status, 1), "{bindings}");
        if status == 200 {
            assert_eq!(server.only_login().field("bindings"), "no");
        } else {
            server.assert_bindings_denied();
        }
    }
}

/// It sends a ticket first, which our server does not read, and then signs the list of mechanisms.
#[test]
fn curl_with_a_ticket_of_kerberos_logs_in_with_ntlm() {
    let realm = Realm::start();
    for (account, status) in [(ALICE, 200), (WRONG, 401)] {
        let mut server = HttpServer::start(&["--schemes", "negotiate"]);
        let (_, port) = server.address().split_once(':').expect("a port");
        let page = format!("http://files.example.com:{port}/page.txt");
        let arguments = ["--negotiate", &page, &page];
        let got = curl_with_ticket(&realm, account, server.address(), &arguments);
        assert_eq!((&got.statuses[..], got.connections), (&[status; 2][..], 1), "{got:#?}");
        if status == 200 {
            let login = server.only_login();
            let fields = ["user", "spnego", "preferred", "mic"].map(|name| login.field(name));
            assert_eq!(fields, [r"EXAMPLE\alice", "yes", "Kerberos", "yes"], "{}", login.text());
        } else {
            assert_wrong_password(&mut server);
        }
    }
}

#[test]
fn pypsrp_logs_in_once_for_a_session() {
    for schemes in SCHEMES {
        for (account, user) in [(ALICE, r"EXAMPLE\alice"), (JURGEN, r"EXAMPLE\jürgen")] {
            let mut server = HttpServer::start(&["--schemes", schemes]);
            let page = format!("{}/page.txt", server.url);
            let got = pypsrp_session(&page, account, 3, None);
            let pages: Vec<_> = got.iter().map(|got| (&got["status"], &got["body"])).collect();
            assert_eq!(pages, [(&200.into(), &format!("{PAGE}\n").into()); 3], "{schemes}");
            assert_spnego(&server.only_login(), user);
        }
    }
}

#[test]
fn pypsrp_posts_a_body() {
    let mut server = HttpServer::start(&["--schemes", "negotiate"]);
    let got = pypsrp_session(&server.url, ALICE, 2, Some("twelve bytes"));
    for response in got {
        assert_eq!(response["body"], "12 bytes from EXAMPLE\\alice\n");
    }
    server.only_login();
}

#[test]
fn pypsrp_is_bound_to_the_channel() {
    let arguments = ["--schemes", "negotiate", "--channel-bindings", "require", "--require-mic"];
    let mut server = HttpServer::start_with_tls(&Certificate::new(), &arguments);
    let page = format!("{}/page.txt", server.tls_url());
    assert_eq!(pypsrp_session(&page, ALICE, 1, None)[0]["status"], 200);
    let login = server.only_login();
    assert_spnego(&login, r"EXAMPLE\alice");
    assert_eq!(login.field("bindings"), "yes");
}

#[test]
fn pypsrp_is_rejected_with_a_wrong_password() {
    let mut server = HttpServer::start(&["--schemes", "negotiate"]);
    assert_eq!(pypsrp_session(&server.url, WRONG, 1, None)[0]["status"], 401);
    assert_wrong_password(&mut server);
}

/// Our server replies 401 once more, and reads the body once more with the signature.
#[test]
fn pypsrp_signs_the_list_of_mechanisms_when_our_server_asks() {
    for (account, status) in [(ALICE, 200), (WRONG, 401)] {
        let mut server = HttpServer::start(&["--schemes", "negotiate", "--verbose"]);
        let got = pypsrp_unsigned(&server.url, account, "twelve bytes");
        assert_eq!(got["status"], status, "{got}");
        // The offer and the CHALLENGE, and then the request for the signature.
        let steps = |server: &HttpServer| {
            server.logged().iter().filter(|line| line.text().starts_with("step ")).count()
        };
        if status == 200 {
            assert_eq!(got["body"], "12 bytes from EXAMPLE\\alice\n");
            assert_spnego(&server.only_login(), r"EXAMPLE\alice");
            assert_eq!(steps(&server), 3);
        } else {
            assert_wrong_password(&mut server);
            assert_eq!(steps(&server), 2);
        }
    }
}

/// Servers that send the last token, and servers that leave it out.
const LAST_TOKEN: [&[&str]; 2] = [&["--spnego"], &["--spnego", "--omit-last-token"]];

#[test]
fn our_client_gets_a_page_with_or_without_a_last_token() {
    for implementation in Implementation::ALL {
        for arguments in LAST_TOKEN {
            for (account, user) in [(ALICE, r"EXAMPLE\alice"), (JURGEN, r"EXAMPLE\jürgen")] {
                let mut server = Acceptor::start(implementation, arguments);
                let got = spnego_client(account, &[&server.url]).expect_success();
                let expected = format!("GET / with 0 bytes from {user}");
                assert_eq!(got.stdout, expected, "{implementation:?} {arguments:?}");
                let login = assert_one_login(&mut server, user);
                // In hexadecimal. It has a signature, because the client sent one.
                let length = login["last"].as_str().map(str::len);
                assert_eq!(length, Some(if arguments.len() == 1 { 58 } else { 0 }), "{login}");
            }
        }
    }
}

#[test]
fn our_client_posts_a_body() {
    for implementation in Implementation::ALL {
        for arguments in LAST_TOKEN {
            let mut server = Acceptor::start(implementation, arguments);
            let got = spnego_client(ALICE, &["--data", "twelve bytes", &server.url]);
            let got = got.expect_success();
            let expected = r"POST / with 12 bytes from EXAMPLE\alice";
            assert_eq!(got.stdout, expected, "{implementation:?} {arguments:?}");
            assert_one_login(&mut server, r"EXAMPLE\alice");
        }
    }
}

/// A client without a MIC in its AUTHENTICATE does not sign the list of mechanisms by itself. A server
/// that wants the signature replies 401 to a request that had its body, and gets it once more.
#[test]
fn our_client_sends_the_body_again_if_the_server_asks_for_a_signature() {
    let asking = Implementation::PyspnegoAsking;
    for arguments in LAST_TOKEN {
        let mut server = Acceptor::start(asking, arguments);
        let post = ["--level", "1", "-v", "--data", "twelve bytes", &server.url];
        let got = spnego_client(ALICE, &post).expect_success();
        assert_eq!(got.stdout, r"POST / with 12 bytes from EXAMPLE\alice");
        assert_eq!(got.stderr.matches("< HTTP/1.1 401").count(), 3, "{got:#?}");
        // For nothing at first; then with the AUTHENTICATE, and with the signature.
        assert_eq!(got.stderr.matches("> content-length: 12").count(), 3, "{got:#?}");
        assert_one_login(&mut server, r"EXAMPLE\alice");
    }
}

#[test]
fn our_client_says_that_the_password_is_wrong() {
    for implementation in Implementation::ALL {
        let mut server = Acceptor::start(implementation, &["--spnego"]);
        let got = spnego_client(WRONG, &[&server.url]);
        assert_eq!(got.status.code(), Some(22), "{implementation:?}: {got:#?}");
        assert!(got.stderr.contains("not accepted"), "{implementation:?}: {got:#?}");
        assert_eq!(server.events("refused", 1).len(), 1, "{implementation:?}");
        assert_eq!(server.count("accepted"), 0, "{implementation:?}");
    }
}

#[test]
fn our_client_logs_in_to_a_proxy_and_through_its_tunnel_to_a_server() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    for implementation in Implementation::ALL {
        for arguments in LAST_TOKEN {
            let mut proxy = Acceptor::start(implementation, &[arguments, &["--proxy"]].concat());
            let mut server = Acceptor::start(implementation, arguments);
            let mut secure = Acceptor::start_with_tls(implementation, &certificate, arguments);
            let user = JURGEN.with_password();
            let through = ["--proxy", &proxy.url, "--proxy-user", &user, "--cacert", &authority];
            let post = ["--data", "twelve bytes"];
            for url in [&server.url, &secure.url] {
                let got = spnego_client(ALICE, &[&through, &post[..], &[url]].concat());
                let expected = r"POST / with 12 bytes from EXAMPLE\alice";
                assert_eq!(got.expect_success().stdout, expected, "{implementation:?}");
            }
            for login in proxy.events("accepted", 2) {
                assert_eq!(login["user"], r"EXAMPLE\jürgen", "{implementation:?}");
            }
            assert_one_login(&mut server, r"EXAMPLE\alice");
            assert_one_login(&mut secure, r"EXAMPLE\alice");
        }
    }
}

/// Samba does not look at bindings.
#[test]
fn our_client_is_bound_to_the_channel() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    for implementation in [Implementation::GssNtlmssp, Implementation::Pyspnego] {
        for (bindings, code) in [("certificate", 0), ("other", 22)] {
            let arguments = ["--spnego", "--channel-bindings", bindings];
            let server = Acceptor::start_with_tls(implementation, &certificate, &arguments);
            let got = spnego_client(ALICE, &["--cacert", &authority, &server.url]);
            assert_eq!(got.status.code(), Some(code), "{implementation:?} {bindings}: {got:#?}");
        }
    }
}

#[test]
fn reqwest_logs_in_once_for_its_connection() {
    for implementation in Implementation::ALL {
        for arguments in LAST_TOKEN {
            let mut server = Acceptor::start(implementation, arguments);
            let client = &mut example("reqwest_client");
            client.args(["--spnego", "--user", &ALICE.with_password()]);
            let got = run(client.args(["--count", "3", &server.url])).expect_success();
            assert!(got.stdout.contains(r"GET / with 0 bytes from EXAMPLE\alice"), "{got:#?}");
            assert_one_login(&mut server, r"EXAMPLE\alice");
        }
    }
}

#[test]
fn our_client_logs_in_to_our_server_bound_to_the_channel() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    let arguments = ["--schemes", "negotiate", "--channel-bindings", "require", "--require-mic"];
    let mut server = HttpServer::start_with_tls(&certificate, &arguments);
    let (url, page) = (server.tls_url().to_owned(), format!("{}/page.txt", server.tls_url()));
    let trust = ["--cacert", authority.as_str()];
    let got = spnego_client(ALICE, &[&trust[..], &["--data", "twelve bytes", &url]].concat());
    assert_eq!(got.expect_success().stdout, r"12 bytes from EXAMPLE\alice");
    let got = spnego_client(ALICE, &[&trust[..], &[&page]].concat());
    assert_eq!(got.expect_success().stdout, PAGE);
    for login in server.logins(2) {
        assert_spnego(&login, r"EXAMPLE\alice");
        assert_eq!(login.field("bindings"), "yes");
    }
    let got = spnego_client(WRONG, &[&trust[..], &[&url]].concat());
    assert_eq!(got.status.code(), Some(22), "{got:#?}");
    assert_wrong_password(&mut server);
}

/// Where `NTLM` is offered too, it is preferred, and bare.
#[test]
fn our_client_sends_no_spnego_where_ntlm_is_offered() {
    let mut server = HttpServer::start(&["--schemes", "negotiate,ntlm"]);
    let page = format!("{}/page.txt", server.url);
    assert_eq!(spnego_client(ALICE, &[&page]).expect_success().stdout, PAGE);
    assert_eq!(server.only_login().field("spnego"), "no");
}

#[test]
fn our_client_shows_the_tokens_and_hides_what_proves_the_password() {
    let server = HttpServer::start(&["--schemes", "negotiate"]);
    let got = spnego_client(ALICE, &["-v", &server.url]).expect_success();
    for shown in ["NegTokenInit", "mechTypes", "NegTokenResp", "accept-completed", "mechListMIC"] {
        assert!(got.stderr.contains(shown), "{shown}: {got:#?}");
    }
    for shown in ["NEGOTIATE_MESSAGE", "CHALLENGE_MESSAGE", "AUTHENTICATE_MESSAGE", "shown with"] {
        assert_eq!(got.stderr.matches(shown).count(), 1, "{shown}: {got:#?}");
    }
    assert!(!got.stderr.contains(ALICE.password), "{got:#?}");
}

fn spnego_client(account: Account, arguments: &[&str]) -> Finished {
    http_client(account, &[&["--spnego"], arguments].concat())
}

/// A login in SPNEGO, with NTLM as the client's first choice.
#[track_caller]
fn assert_spnego(login: &Line, user: &str) {
    let fields = ["user", "spnego", "preferred", "response", "mic"].map(|name| login.field(name));
    assert_eq!(fields, [user, "yes", "NTLM", "Ntlmv2", "yes"], "{}", login.text());
}

#[track_caller]
fn assert_wrong_password(server: &mut HttpServer) {
    let refusal = server.refusal();
    assert_eq!(refusal.field("user"), r"EXAMPLE\alice");
    assert!(refusal.field("detail").contains("Denied(WrongPassword)"), "{}", refusal.text());
}

/// There was one login, on the only connection.
#[track_caller]
fn assert_one_login(server: &mut Acceptor, user: &str) -> Value {
    let mut logins = server.events("accepted", 1);
    assert_eq!((logins.len(), server.count("connection")), (1, 1), "{logins:#?}");
    assert_eq!(logins[0]["user"], user);
    logins.remove(0)
}
