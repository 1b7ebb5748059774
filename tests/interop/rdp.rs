//! CredSSP behind the negotiation of RDP: our server lets FreeRDP and pyspnego log in, and our client logs in to theirs.

use ntlm_interop::accounts::{ALICE, Account, JURGEN};
use ntlm_interop::certificates::{Certificate, Signature};
use ntlm_interop::rdp::{
    CredsspServer, Display, PyspnegoServer, credssp_client, pyspnego_client,
    pyspnego_client_hybrid_ex,
};
use serde_json::{Value, json};

const WRONG: Account = Account { password: "wrong", ..ALICE };

/// How `xfreerdp` ends: with a transport error where the server ends the session after the login, and
/// with another one where the login failed.
const SESSION_ENDED: i32 = 147;
const LOGON_FAILURE: i32 = 134;
/// The two sides agree on no protocol.
const NEGOTIATION_FAILED: i32 = 133;

/// The NT hash of an account.
fn hash(account: Account) -> String {
    let line = account.nt_hash_line();
    line.trim_end().rsplit_once(':').expect("it ends in the hash").1.to_owned()
}

#[test]
fn xfreerdp_logs_in_to_our_server() {
    let display = Display::start();
    for account in [ALICE, JURGEN] {
        let mut server = CredsspServer::start(&[]);
        let secret = format!("/p:{}", account.password);
        let got = display.xfreerdp(account.user, &secret, &server.port, &["+auth-only"]);
        let login = server.only_login();
        assert_eq!(login.field("user"), account.name());
        assert_eq!(login.field("delegated"), account.name());
        assert_eq!((login.field("version"), login.field("spnego")), ("6", "no"));
        assert_eq!(login.field("mic"), "yes");
        // It accepts what our server proves, and begins a session.
        server.wait_for_session();
        assert_eq!(got.status.code(), Some(SESSION_ENDED), "{got:#?}");
    }
}

#[test]
fn xfreerdp_logs_in_with_an_nt_hash_and_in_restricted_admin_mode() {
    let display = Display::start();
    let hash = format!("/pth:{}", hash(ALICE));
    for (secret, arguments) in
        [(&hash[..], &[][..]), ("/p:correct horse", &["/restricted-admin", "+auth-only"])]
    {
        let mut server = CredsspServer::start(&[]);
        let got = display.xfreerdp(ALICE.user, secret, &server.port, arguments);
        // Without `+auth-only`, it tries again when the session ends.
        let login = server.login();
        assert_eq!(login.field("user"), ALICE.name());
        assert_eq!(login.field("delegated"), "nothing");
        server.wait_for_session();
        assert_eq!(got.status.code(), Some(SESSION_ENDED), "{got:#?}");
    }
}

#[test]
fn xfreerdp_logs_in_in_each_version_and_with_an_ecdsa_key() {
    let display = Display::start();
    for version in ["2", "3", "4", "5", "6"] {
        let certificate = Certificate::signed_with(match version {
            "3" | "5" => Signature::EcdsaSha256,
            _ => Signature::RsaSha256,
        });
        let arguments = ["--min-version", "2", "--max-version", version];
        let mut server = CredsspServer::start_with(certificate, &arguments);
        let secret = format!("/p:{}", ALICE.password);
        let got = display.xfreerdp(ALICE.user, &secret, &server.port, &["+auth-only"]);
        assert_eq!(server.only_login().field("version"), version, "{got:#?}");
        server.wait_for_session();
    }
}

#[test]
fn xfreerdp_is_rejected_with_a_wrong_password() {
    let display = Display::start();
    let mut server = CredsspServer::start(&[]);
    let got = display.xfreerdp(ALICE.user, "/p:wrong", &server.port, &["+auth-only"]);
    assert_eq!(got.status.code(), Some(LOGON_FAILURE), "{got:#?}");
    assert!(got.stderr.contains("STATUS_LOGON_FAILURE"), "{got:#?}");
    let rejection = server.only_rejection();
    assert_eq!(rejection.field("user"), ALICE.name());
    assert!(rejection.field("reason").contains("wrong password"), "{rejection:?}");
}

/// FreeRDP 2 requests HYBRID_EX if it is set so. It does not support it: it ends as soon as a server
/// chooses it.
#[test]
fn xfreerdp_requests_hybrid_ex_only_if_it_is_set_so_and_ends() {
    let display = Display::start();
    let mut server = CredsspServer::start(&[]);
    let arguments = ["+sec-ext", "+auth-only"];
    let got = display.xfreerdp(ALICE.user, "/p:correct horse", &server.port, &arguments);
    assert_eq!(got.status.code(), Some(NEGOTIATION_FAILED), "{got:#?}");
    let reason = server.only_rejection().field("reason").to_owned();
    assert!(reason.contains("no TSRequest"), "{reason}");
}

#[test]
fn our_client_logs_in_to_freerdp() {
    let display = Display::start();
    let server = display.shadow();
    for version in ["2", "3", "4", "5", "6"] {
        let arguments = ["--bare", "--min-version", "2", "--max-version", version];
        let got = credssp_client(ALICE, &server.port, &arguments).expect_success();
        let expected =
            format!(r"logged in to 127.0.0.1 as EXAMPLE\alice, CredSSP version {version}");
        assert_eq!(got.stdout, expected);
    }
    let arguments = ["--bare", "--nt-hash", &hash(ALICE)];
    let _ = credssp_client(Account { password: "", ..ALICE }, &server.port, &arguments)
        .expect_success();
}

#[test]
fn our_client_is_rejected_by_freerdp() {
    let display = Display::start();
    let server = display.shadow();
    let got = credssp_client(WRONG, &server.port, &["--bare"]);
    // It closes without a word.
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stderr.contains("cannot log in"), "{got:#?}");
    // FreeRDP 2 does not know SPNEGO.
    let got = credssp_client(ALICE, &server.port, &[]);
    assert!(got.stderr.contains("rejects the login with 0xc00700ea"), "{got:#?}");
    let got = credssp_client(ALICE, &server.port, &["--bare", "--restricted-admin"]);
    assert!(got.stderr.contains("does not support the Restricted Admin mode"), "{got:#?}");
}

#[test]
fn pyspnego_logs_in_to_our_server() {
    for (protocol, has_spnego) in [("ntlm", "no"), ("negotiate", "yes")] {
        for account in [ALICE, JURGEN] {
            let mut server = CredsspServer::start(&[]);
            let got = pyspnego_client(account, &server.port, protocol, "6");
            assert_eq!(got, json!({ "error": null }));
            let login = server.only_login();
            assert_eq!(login.field("user"), account.name());
            assert_eq!(login.field("delegated"), account.name());
            assert_eq!((login.field("spnego"), login.field("mic")), (has_spnego, "yes"));
        }
        for version in ["2", "3", "4", "5"] {
            let mut server = CredsspServer::start(&["--min-version", "2"]);
            let got = pyspnego_client(ALICE, &server.port, protocol, version);
            assert_eq!(got, json!({ "error": null }), "{version}");
            assert_eq!(server.only_login().field("version"), version);
        }
    }
}

#[test]
fn pyspnego_is_rejected_with_a_wrong_password_and_an_old_version() {
    for protocol in ["ntlm", "negotiate"] {
        let mut server = CredsspServer::start(&[]);
        let got = pyspnego_client(WRONG, &server.port, protocol, "6");
        let error = got["error"].as_str().unwrap_or_default();
        assert!(error.contains("Received NTStatus"), "{got}");
        let rejection = server.only_rejection();
        assert!(rejection.field("reason").contains("wrong password"), "{rejection:?}");

        let mut server = CredsspServer::start(&[]);
        let got = pyspnego_client(ALICE, &server.port, protocol, "4");
        assert_eq!(got, json!({ "error": "closed" }));
        assert!(server.only_rejection().field("reason").contains("version 4"));
    }
}

#[test]
fn our_client_logs_in_to_pyspnego() {
    for (protocol, framing) in [("ntlm", &["--bare"][..]), ("negotiate", &[])] {
        for version in ["2", "3", "4", "5", "6"] {
            let mut server = PyspnegoServer::start(protocol, version);
            let arguments = [framing, &["--min-version", "2"]].concat();
            let got = credssp_client(ALICE, &server.port, &arguments).expect_success();
            assert!(got.stdout.ends_with(&format!("CredSSP version {version}")), "{got:#?}");
            let login = server.login();
            assert_eq!(login["error"], Value::Null, "{login}");
            assert_eq!(login["user"], r"EXAMPLE\alice");
            assert_eq!(login["delegated"], json!(["EXAMPLE", "alice", "correct horse"]));
        }
        let mut server = PyspnegoServer::start(protocol, "6");
        let _ = credssp_client(JURGEN, &server.port, framing).expect_success();
        assert_eq!(server.login()["delegated"], json!(["EXAMPLE", "jürgen", "Pässwörd€1"]));
    }
}

#[test]
fn our_client_is_rejected_by_pyspnego_and_rejects_old_versions() {
    for (protocol, framing) in [("ntlm", &["--bare"][..]), ("negotiate", &[])] {
        let server = PyspnegoServer::start(protocol, "6");
        let got = credssp_client(WRONG, &server.port, framing);
        // It sends a SECURITY_STATUS in the place of an NTSTATUS.
        assert!(got.stderr.contains("0x8009030c: wrong user name or password"), "{got:#?}");
        let server = PyspnegoServer::start(protocol, "4");
        let got = credssp_client(ALICE, &server.port, framing);
        assert!(got.stderr.contains("speaks version 4"), "{got:#?}");
    }
}

/// HYBRID_EX: the server sends after the login whether the user may begin a session.
#[test]
fn pyspnego_is_authorized_by_our_server() {
    let mut server = CredsspServer::start(&[]);
    let got = pyspnego_client_hybrid_ex(ALICE, &server.port);
    assert_eq!(got, json!({ "error": null, "authorization": "00000000" }));
    assert_eq!(server.only_login().field("user"), ALICE.name());
}

#[test]
fn our_client_waits_for_the_authorization_of_pyspnego() {
    for (authorization, error) in [
        ("00000000", None),
        ("05000000", Some("the user may not begin a session on this server")),
        ("01000000", Some("unknown result 0x1")),
        ("", Some("the server does not authorize the user")),
    ] {
        let mut server = PyspnegoServer::start_hybrid_ex(authorization);
        let got = credssp_client(ALICE, &server.port, &["--bare"]);
        assert_eq!(server.login()["user"], r"EXAMPLE\alice");
        assert_eq!(got.status.success(), error.is_none(), "{got:#?}");
        assert!(got.stderr.contains(error.unwrap_or_default()), "{got:#?}");
    }
}

#[test]
fn our_client_logs_in_to_our_server() {
    for framing in [&["--bare"][..], &[]] {
        let mut server = CredsspServer::start(&[]);
        let _ = credssp_client(ALICE, &server.port, framing).expect_success();
        assert_eq!(server.only_login().field("delegated"), ALICE.name());

        let mut server = CredsspServer::start(&[]);
        let arguments = [framing, &["--restricted-admin"]].concat();
        let _ = credssp_client(JURGEN, &server.port, &arguments).expect_success();
        let login = server.only_login();
        assert_eq!((login.field("user"), login.field("delegated")), (&*JURGEN.name(), "nothing"));

        let mut server = CredsspServer::start(&[]);
        let got = credssp_client(WRONG, &server.port, framing);
        assert!(got.stderr.contains("0xc000006d: wrong user name or password"), "{got:#?}");
        assert!(server.only_rejection().field("reason").contains("wrong password"));
    }
}
