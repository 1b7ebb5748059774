//! Our clients log in to express-ntlm, a server of Node. Without a domain controller it verifies
//! nothing, but it reads the names, and gives out a CHALLENGE of its own.

use ntlm_interop::accounts::{ALICE, Account, JURGEN};
use ntlm_interop::clients::http_client;
use ntlm_interop::process::{Process, run};
use ntlm_interop::programs::{example, node};
use serde_json::{Value, json};

#[test]
fn our_client_logs_in_on_one_connection() {
    for account in [ALICE, JURGEN] {
        let (server, url) = start();
        let got = get(account, &[&url]);
        assert_eq!(got, json!({ "domain": "EXAMPLE", "user": account.user, "length": 0 }));
        assert_eq!(connections(&server), 1);
    }
}

#[test]
fn our_client_posts_a_body() {
    let (server, url) = start();
    let got = get(ALICE, &["--data", "twelve bytes", &url]);
    assert_eq!(got, json!({ "domain": "EXAMPLE", "user": "alice", "length": 12 }));
    assert_eq!(connections(&server), 1);
}

/// The server does not verify the response.
#[test]
fn a_wrong_password_is_accepted() {
    let (_server, url) = start();
    let wrong = Account { password: "wrong", ..ALICE };
    assert_eq!(get(wrong, &[&url])["user"], "alice");
}

/// Its CHALLENGE has no time and does not grant `NEGOTIATE_NTLM`.
#[test]
fn our_client_sends_ntlmv2_without_a_mic() {
    let (_server, url) = start();
    let got = http_client(ALICE, &["-v", &url]).expect_success();
    let (_, authenticate) = got.stderr.split_once("AUTHENTICATE_MESSAGE").expect("it is shown");
    assert!(authenticate.contains("NTLMv2 response"), "{authenticate}");
    assert!(!authenticate.contains("MIC"), "{authenticate}");
}

#[test]
fn reqwest_logs_in_once_for_its_connection() {
    let (server, url) = start();
    let user = ALICE.with_password();
    let client = &mut example("reqwest_client");
    let got = run(client.args(["--user", &user, "--count", "3", &url])).expect_success();
    assert!(got.stdout.contains(r#""user":"alice""#), "{got:#?}");
    assert_eq!(connections(&server), 1);
}

/// What the server says of the client.
fn get(account: Account, arguments: &[&str]) -> Value {
    http_client(account, arguments).expect_success().json().remove(0)
}

fn connections(server: &Process) -> usize {
    server.lines().iter().filter(|line| *line == "connection").count()
}

fn start() -> (Process, String) {
    let mut server = Process::start(&mut node("express_ntlm.js"));
    let url = server.wait_for("listening on ");
    (server, url)
}
