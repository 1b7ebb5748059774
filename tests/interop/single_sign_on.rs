//! Clients that log in without asking for a password: they run `ntlm_auth`, which is ours here, as a
//! client.

use ntlm_interop::accounts::{ALICE, Account, JURGEN, nt_hash_line};
use ntlm_interop::browsers::firefox_with_helper;
use ntlm_interop::http::{HttpServer, PAGE};
use ntlm_interop::process::run;
use ntlm_interop::programs::{system_python, tool};
use serde_json::Value;

const WRONG: Account = Account { password: "battery staple", ..ALICE };

#[test]
fn libsoup_logs_in_once_without_a_password() {
    for (account, shown) in [(ALICE, "alice"), (JURGEN, "j%C3%BCrgen")] {
        let mut server = HttpServer::start(&[]);
        let page = format!("{}/page.txt", server.url);
        let got = libsoup(account, &[&page, &page]);
        for seen in &got {
            assert_eq!(seen["status"], 200, "{got:#?}");
            assert_eq!(seen["body"], PAGE, "{got:#?}");
            assert!(seen["user"].as_str().is_some_and(|user| user.ends_with(shown)), "{got:#?}");
        }
        let login = server.only_login();
        assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "yes"));
    }
}

#[test]
fn libsoup_is_rejected_with_a_wrong_password() {
    let mut server = HttpServer::start(&[]);
    let got = libsoup(WRONG, &[&server.url]);
    assert_eq!(got[0]["status"], 401, "{got:#?}");
    assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"));
}

/// Firefox names no domain: the users of the server have none either.
#[test]
fn firefox_logs_in_without_a_password() {
    let mut server =
        HttpServer::start_with_users(&nt_hash_line(ALICE.user, ALICE.password), None, &[]);
    let page = format!("{}/page.html", server.url);
    let seen = firefox_with_helper(ALICE, &[&page]);
    assert_eq!(seen[0]["status"], 200, "{seen:#?}");
    assert_eq!(seen[0]["user"], "alice", "{seen:#?}");
    // Firefox's own NTLM sends none.
    let login = &server.logins(1)[0];
    assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "yes"));
}

#[test]
fn firefox_is_rejected_with_a_wrong_password() {
    let mut server =
        HttpServer::start_with_users(&nt_hash_line(ALICE.user, ALICE.password), None, &[]);
    let seen = firefox_with_helper(WRONG, &[&server.url]);
    assert_ne!(seen[0]["status"], 200, "{seen:#?}");
    assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"));
}

/// Its user is in NTLMUSER, and the password in the variable of our helper.
fn libsoup(account: Account, urls: &[&str]) -> Vec<Value> {
    let mut command = system_python("soup.py");
    command.env("SOUP_NTLM_AUTH_DEBUG", tool("ntlm_auth").get_program());
    command.env("NTLMUSER", account.name()).env("NTLM_PASSWORD", account.password);
    let finished = run(command.args(urls));
    let seen = finished.json();
    assert_eq!(seen.len(), urls.len(), "{finished:#?}");
    seen
}
