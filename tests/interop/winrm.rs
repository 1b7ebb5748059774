//! WinRM: other clients run commands on our server, and our client does, in sealed messages or over TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ntlm::session::Protection;
use ntlm::{Client, Credentials, Os};
use ntlm_interop::accounts::{ALICE, Account, JURGEN};
use ntlm_interop::certificates::Certificate;
use ntlm_interop::winrm::{Library, WinrmServer, winrm_client};
use serde_json::json;

const WRONG: Account = Account { password: "wrong", ..ALICE };
const BOUND: &[&str] = &["--require-channel-bindings"];
const FRAMINGS: [&[&str]; 2] = [&[], &["--bare"]];

#[test]
fn libraries_run_a_command_on_our_server() {
    for library in Library::ALL {
        for account in [ALICE, JURGEN] {
            let mut server = WinrmServer::start(&[]);
            let got = library.run(account, &server.url, ["echo", "héllo <wörld> & more"]);
            let expected = json!({ "stdout": "héllo <wörld> & more\r\n", "stderr": "", "code": 0 });
            assert_eq!(got, expected, "{library:?}");
            let login = server.first("login");
            assert_eq!(login.field("user"), account.name(), "{library:?}");
            assert_eq!(login.field("mic"), "yes", "{library:?}");
            let has_spnego = library == Library::PypsrpNegotiate;
            assert_eq!(login.field("spnego"), if has_spnego { "yes" } else { "no" });
            assert_eq!(server.count("login"), 1, "{library:?}");
        }
    }
}

#[test]
fn libraries_send_and_receive_20_kilobytes() {
    let text = "0123456789".repeat(2000);
    for library in Library::ALL {
        let server = WinrmServer::start(&[]);
        let got = library.run(ALICE, &server.url, ["echo", &text]);
        assert_eq!(got["stdout"], format!("{text}\r\n"), "{library:?}");
    }
}

#[test]
fn libraries_are_rejected_with_a_wrong_password_and_without_encryption() {
    for library in Library::ALL {
        let mut server = WinrmServer::start(&[]);
        let got = library.run(WRONG, &server.url, ["echo", "x"]);
        let error = got["error"].as_str().unwrap_or_default();
        assert!(error.contains("Credentials") || error.contains("Authentication"), "{got}");
        assert!(server.first("refused").field("reason").contains("wrong password"));
        assert_eq!(server.count("login"), 0, "{library:?}");

        let mut server = WinrmServer::start(&[]);
        let got = library.run_with(ALICE, &server.url, ["never", "any"], ["echo", "x"]);
        assert!(got["error"].is_string(), "{got}");
        assert_eq!(server.first("refused").field("reason"), "unencrypted");
        assert_eq!(server.count("command"), 0, "{library:?}");
    }
}

/// After a 401 in the middle of a session, they log in again, and send the body that they sealed for the
/// session before.
#[test]
fn libraries_send_the_old_body_after_another_login_and_are_rejected() {
    for library in Library::ALL {
        let mut server = WinrmServer::start(&["--requests", "2"]);
        let got = library.run(ALICE, &server.url, ["echo", "x"]);
        assert!(got["error"].as_str().unwrap_or_default().contains("400"), "{library:?}: {got}");
        server.first("expired");
        let refusal = server.first("refused");
        assert!(refusal.field("reason").contains("message integrity"), "{refusal:?}");
    }
}

#[test]
fn our_client_runs_a_command_on_our_server() {
    for framing in FRAMINGS {
        for account in [ALICE, JURGEN] {
            let mut server = WinrmServer::start(&[]);
            let line = ["echo", "héllo", "<wörld>"];
            let got = winrm_client(account, &server.url, framing, &line).expect_success();
            assert_eq!(got.stdout, "héllo <wörld>");
            let login = server.first("login");
            assert_eq!(login.field("user"), account.name());
            assert_eq!(login.field("spnego"), if framing.is_empty() { "yes" } else { "no" });
            assert_eq!(server.count("login"), 1);
        }
        let server = WinrmServer::start(&[]);
        let got = winrm_client(ALICE, &server.url, framing, &["nonsense"]);
        assert_eq!(got.status.code(), Some(1));
        assert!(got.stderr.contains("'nonsense' is not recognized"), "{got:#?}");
    }
}

#[test]
fn our_client_is_rejected_with_a_wrong_password() {
    for framing in FRAMINGS {
        let mut server = WinrmServer::start(&[]);
        let got = winrm_client(WRONG, &server.url, framing, &["echo"]);
        assert!(got.stderr.contains("the server rejects the login"), "{got:#?}");
        assert!(server.first("refused").field("reason").contains("wrong password"));
        // It does not try again, which could lock the account.
        assert_eq!(server.count("refused"), 1);
    }
}

#[test]
fn our_client_seals_its_request_anew_after_a_401_in_the_middle() {
    for framing in FRAMINGS {
        let mut server = WinrmServer::start(&["--requests", "2"]);
        let got = winrm_client(ALICE, &server.url, framing, &["whoami"]).expect_success();
        assert_eq!(got.stdout, r"example\alice");
        server.first("expired");
        // Create and Command, Receive and Signal, Delete.
        assert_eq!((server.count("login"), server.count("command")), (3, 1));
        assert_eq!(server.count("refused"), 0);
    }
}

#[test]
fn libraries_run_a_command_over_tls() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    for library in Library::ALL {
        // `always` seals the bodies all the same.
        for how in [["auto", &authority], ["auto", "any"], ["always", "any"]] {
            let mut server = WinrmServer::start_with_tls(&certificate, BOUND);
            let got = library.run_with(JURGEN, &server.url, how, ["echo", "héllo <wörld>"]);
            let expected = json!({ "stdout": "héllo <wörld>\r\n", "stderr": "", "code": 0 });
            assert_eq!(got, expected, "{library:?} {how:?}");
            let login = server.first("login");
            assert_eq!(login.field("user"), JURGEN.name(), "{library:?} {how:?}");
            assert_eq!(login.field("bindings"), "yes", "{library:?} {how:?}");
            assert_eq!(server.count("login"), 1, "{library:?} {how:?}");
        }
    }
}

#[test]
fn libraries_are_rejected_over_tls_with_a_wrong_password_and_without_bindings() {
    let certificate = Certificate::new();
    for library in Library::ALL {
        for (account, trust, reason) in
            [(WRONG, "any", "wrong password"), (ALICE, "unbound", "channel bindings")]
        {
            let mut server = WinrmServer::start_with_tls(&certificate, BOUND);
            let got = library.run_with(account, &server.url, ["auto", trust], ["echo", "x"]);
            assert!(got["error"].is_string(), "{library:?} {trust}: {got}");
            let refusal = server.first("refused");
            assert!(refusal.field("reason").contains(reason), "{library:?}: {}", refusal.text());
            assert_eq!(server.count("login") + server.count("command"), 0, "{library:?} {trust}");
        }
    }
}

/// Over TLS nothing is sealed, so that the body of the session before is as good as another.
#[test]
fn libraries_log_in_again_in_the_middle_over_tls() {
    let certificate = Certificate::new();
    for library in Library::ALL {
        let mut server = WinrmServer::start_with_tls(&certificate, &["--requests", "2"]);
        let got = library.run(ALICE, &server.url, ["echo", "x"]);
        assert_eq!(got["stdout"], "x\r\n", "{library:?}: {got}");
        server.first("expired");
        assert_eq!(server.count("refused"), 0, "{library:?}");
    }
}

#[test]
fn our_client_runs_a_command_over_tls() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    for framing in FRAMINGS {
        for trust in [&["--cacert", &authority][..], &["--insecure"]] {
            let mut server = WinrmServer::start_with_tls(&certificate, BOUND);
            let arguments = [framing, trust].concat();
            let line = ["echo", "héllo", "<wörld>"];
            let got = winrm_client(JURGEN, &server.url, &arguments, &line).expect_success();
            assert_eq!(got.stdout, "héllo <wörld>");
            let login = server.first("login");
            assert_eq!((login.field("bindings"), login.field("mic")), ("yes", "yes"));
            assert_eq!(server.count("login"), 1);
            let got = winrm_client(ALICE, &server.url, &arguments, &["nonsense"]);
            assert_eq!(got.status.code(), Some(1));
            assert!(got.stderr.contains("'nonsense' is not recognized"), "{got:#?}");
        }
    }
}

#[test]
fn our_client_is_rejected_over_tls_with_a_wrong_password_and_rejects_an_unknown_certificate() {
    let certificate = Certificate::new();
    for framing in FRAMINGS {
        let mut server = WinrmServer::start_with_tls(&certificate, &[]);
        let insecure = [framing, &["--insecure"]].concat();
        let got = winrm_client(WRONG, &server.url, &insecure, &["echo"]);
        assert!(got.stderr.contains("the server rejects the login"), "{got:#?}");
        assert!(server.first("refused").field("reason").contains("wrong password"));
        assert_eq!(server.count("refused"), 1);
        let got = winrm_client(ALICE, &server.url, framing, &["echo"]);
        assert!(!got.status.success() && got.stderr.contains("cannot connect"), "{got:#?}");
        assert_eq!(server.count("login"), 0);
    }
}

#[test]
fn our_client_sends_its_request_again_after_a_401_in_the_middle_over_tls() {
    let mut server = WinrmServer::start_with_tls(&Certificate::new(), &["--requests", "2"]);
    let got = winrm_client(ALICE, &server.url, &["--insecure"], &["whoami"]).expect_success();
    assert_eq!(got.stdout, r"example\alice");
    server.first("expired");
    // Create and Command, Receive and Signal, Delete.
    assert_eq!((server.count("login"), server.count("command")), (3, 1));
}

/// PowerShell may send its first sealed body together with the AUTHENTICATE.
#[test]
fn body_beside_the_authenticate_is_unsealed() {
    let mut server = WinrmServer::start(&[]);
    let address = server.url.trim_start_matches("http://").trim_end_matches("/wsman");
    let mut connection = BufReader::new(TcpStream::connect(address).expect("it listens"));
    connection.get_ref().set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let client = Client::new(Credentials::password(ALICE.name().as_str(), ALICE.password))
        .with_protection(Protection::Seal);
    let (negotiate, handshake) = client.initiate().expect("a NEGOTIATE");
    let (head, _) = post(&mut connection, &negotiate, "application/soap+xml", &[]);
    let challenge = head.split("egotiate ").nth(1).and_then(|rest| rest.lines().next());
    let challenge = BASE64_STANDARD.decode(challenge.expect("a CHALLENGE")).expect("base64");
    let answer = handshake.answer(&challenge, &mut Os).expect("an AUTHENTICATE");
    let mut session = answer.keys.into_session().expect("a session");

    // Any envelope: it is answered with a fault.
    let mut envelope = *b"<a/>";
    let signature = session.seal(&mut envelope).expect("it is sealed");
    let kind = "application/HTTP-SPNEGO-session-encrypted";
    let start = format!(
        "--Encrypted Boundary\r\n\tContent-Type: {kind}\r\n\tOriginalContent: \
         type=application/soap+xml;charset=UTF-8;Length=4\r\n--Encrypted Boundary\r\n\
         \tContent-Type: application/octet-stream\r\n\x10\0\0\0"
    );
    let end = b"--Encrypted Boundary--\r\n";
    let body = [start.as_bytes(), signature.as_bytes(), &envelope, end].concat();
    let kind = format!("multipart/encrypted;protocol=\"{kind}\";boundary=\"Encrypted Boundary\"");
    let (head, body) = post(&mut connection, &answer.token, &kind, &body);
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    assert_eq!(server.first("login").field("user"), ALICE.name());
    let sealed = body.strip_suffix(end).expect("the end");
    let at = sealed.windows(4).position(|bytes| bytes == b"\x10\0\0\0").expect("a signature");
    let fault = session.unwrap(&sealed[at + 4..]).expect("it is sealed");
    assert!(String::from_utf8_lossy(&fault).contains("the request has no action"));
}

/// Sends a token under `Negotiate` with a body, and returns the head and the body of the response.
fn post(
    connection: &mut BufReader<TcpStream>,
    token: &[u8],
    content_type: &str,
    body: &[u8],
) -> (String, Vec<u8>) {
    let head = format!(
        "POST /wsman HTTP/1.1\r\nHost: localhost\r\nAuthorization: Negotiate {}\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        BASE64_STANDARD.encode(token),
        body.len()
    );
    connection.get_mut().write_all(&[head.as_bytes(), body].concat()).expect("it is sent");
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(connection.read_line(&mut head).expect("a line"), 0, "{head}");
    }
    let len = head.to_lowercase().split("content-length: ").nth(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().expect("a length")
    });
    let mut body = vec![0; len.unwrap_or_default()];
    connection.read_exact(&mut body).expect("a body");
    (head, body)
}
