//! Clients of LDAP log in to a small server of ours with SASL's GSS-SPNEGO, and then search, sealed. The
//! first sealed messages have the number 1, because both sides have signed the list of mechanisms.

use ntlm_interop::identities::{Identity, user_file};
use ntlm_interop::ldap::{self, BASE, WHO};
use ntlm_interop::modes;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::{example, installed};
use ntlm_interop::scratch::Directory;
use ntlm_interop::service::Service;

const UNKNOWN: Identity = Identity { user: "nobody", ..Identity::ALICE };

#[test]
fn ldbsearch_logs_in_and_finds_an_entry_sealed() {
    for identity in Identity::ALL.into_iter().filter(|identity| !identity.domain.is_empty()) {
        let server = start();
        let got = ldbsearch(&server, identity, &[]).expect_success();
        assert!(got.stdout.contains("# returned 1 records"), "{got:#?}");
        // Samba prints text outside ASCII in base64.
        let line = format!("{WHO}: {}", identity.full_name());
        assert!(got.stdout.lines().any(|l| l == line) || !identity.user.is_ascii(), "{got:#?}");
        let login = server.only_login();
        assert_eq!(login.field("user"), identity.full_name());
        assert_eq!(login.field("mic"), "yes");
        assert_eq!(login.field("protection"), "Seal");
    }
}

#[test]
fn ldbsearch_finds_an_entry_unprotected_if_it_does_not_want_signing() {
    let server = start();
    let plain = ["--option=client ldap sasl wrapping = plain"];
    let got = ldbsearch(&server, Identity::ALICE, &plain).expect_success();
    assert!(got.stdout.contains(r"description: EXAMPLE\alice"), "{got:#?}");
    assert_eq!(server.only_login().field("protection"), "None");
}

#[test]
fn ldbsearch_is_rejected_with_a_wrong_password() {
    for (identity, detail) in REJECTED {
        let server = start();
        let got = ldbsearch(&server, identity, &[]);
        assert_eq!(got.status.code(), Some(1), "{got:#?}");
        assert!(got.stderr.contains("Failed to bind - LDAP error 49"), "{got:#?}");
        assert_eq!(server.only_rejection().field("detail"), detail);
    }
}

const REJECTED: [(Identity, &str); 2] = [
    (Identity::MALLORY, "Exchange(Denied(WrongPassword))"),
    (UNKNOWN, "Exchange(Denied(Rejected(UnknownUser)))"),
];

#[test]
fn ldapsearch_logs_in_with_gss_ntlmssp_and_finds_an_entry_sealed() {
    let server = start();
    let got = ldapsearch(&server, &user_file()).expect_success();
    assert!(got.stdout.contains(r"description: EXAMPLE\alice"), "{got:#?}");
    assert!(got.stderr.contains("SASL data security layer installed."), "{got:#?}");
    let login = server.only_login();
    assert_eq!(login.field("user"), r"EXAMPLE\alice");
    assert_eq!(login.field("mic"), "yes");
    assert_eq!(login.field("protection"), "Seal");
}

#[test]
fn ldapsearch_is_rejected_with_a_wrong_password() {
    let server = start();
    let got = ldapsearch(&server, "EXAMPLE:alice:battery staple\n");
    assert_eq!(got.status.code(), Some(49), "{got:#?}");
    assert!(got.stderr.contains("Invalid credentials (49)"), "{got:#?}");
    assert_eq!(server.only_rejection().field("detail"), "Exchange(Denied(WrongPassword))");
}

#[test]
fn our_client_logs_in_and_finds_an_entry_sealed_and_unprotected() {
    for (arguments, protection) in [(&[][..], "Seal"), (&["--plain"], "None")] {
        for identity in Identity::ALL {
            let server = start();
            let got = ldap_client(&server, identity, arguments).expect_success();
            let user = identity.name();
            assert!(got.stdout.contains(&format!("{WHO}: {user}\n")), "{got:#?}");
            let login = server.only_login();
            assert_eq!(login.field("user"), user.to_string());
            assert_eq!(login.field("protection"), protection);
        }
    }
}

#[test]
fn our_client_is_rejected_with_a_wrong_password_and_without_spnego() {
    for (identity, detail) in REJECTED {
        let server = start();
        assert_rejected(&ldap_client(&server, identity, &[]));
        assert_eq!(server.only_rejection().field("detail"), detail);
    }
    let server = start();
    assert_rejected(&ldap_client(&server, Identity::ALICE, &["--raw"]));
    assert_eq!(server.only_rejection().field("detail"), "Unexpected(Ntlm)");
}

fn assert_rejected(got: &Finished) {
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    let expected = "ldap_client: cannot log in: the server says invalidCredentials (49)";
    assert_eq!(got.stderr, expected);
}

fn start() -> Service {
    Service::start(ldap::serve, modes::server(), &Identity::ALL)
}

fn ldbsearch(server: &Service, identity: Identity, arguments: &[&str]) -> Finished {
    let mut client = installed("ldbsearch");
    client.env("LC_ALL", "C.UTF-8").args(["--configfile=/dev/null", "--use-kerberos=off"]);
    client.arg(format!("--user={}%{}", identity.full_name(), identity.password));
    client.arg(format!("--url=ldap://127.0.0.1:{}", server.port())).args(arguments);
    run(client.args(["--basedn", BASE, "--scope=base", "(objectClass=*)", WHO]))
}

/// It has the users and passwords of such a file, and logs in as the first one.
fn ldapsearch(server: &Service, users: &str) -> Finished {
    let directory = Directory::new();
    let mut client = installed("ldapsearch");
    client.env("NTLM_USER_FILE", directory.write("users", users));
    // It has no ticket.
    client.env("KRB5CCNAME", directory.path().join("none"));
    client.args(["-LLL", "-Y", "GSS-SPNEGO", "-H"]);
    client.arg(format!("ldap://localhost:{}", server.port()));
    run(client.args(["-b", BASE, "-s", "base", "(objectClass=*)", WHO]))
}

fn ldap_client(server: &Service, identity: Identity, arguments: &[&str]) -> Finished {
    let mut client = example("ldap_client");
    client.args(["--user", &identity.name().to_string()]).env("NTLM_PASSWORD", identity.password);
    client.arg(format!("127.0.0.1:{}", server.port())).args(arguments);
    run(client.args(["--base", BASE, "--scope", "base"]))
}
