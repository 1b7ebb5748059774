//! fetchmail, msmtp and mpop, which have NTLMv1 alone, log in over IMAP, SMTP and POP3 to small
//! servers of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ntlm::{LmCompatibility, Server, server};
use ntlm_interop::identities::Identity;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::installed;
use ntlm_interop::scratch::Directory;
use ntlm_interop::service::{Protocol, Service};
use ntlm_interop::{imap, modes, pop3, smtp};

/// A program, the protocol that it speaks, and how it logs in to a port.
type Client = (&'static str, Protocol, fn(&str, Identity) -> Finished);

const CLIENTS: [Client; 3] = [
    ("fetchmail", imap::serve, fetchmail),
    ("msmtp", smtp::serve, msmtp),
    ("mpop", pop3::serve, mpop),
];

#[test]
fn they_log_in_at_the_levels_that_take_ntlmv1() {
    for (name, protocol, log_in) in CLIENTS {
        for level in
            [LmCompatibility::SendLmAndNtlm, LmCompatibility::SendNtlmv2, LmCompatibility::RefuseLm]
        {
            let service = Service::start(protocol, at(level), &[Identity::ALICE]);
            let got = log_in(&service.port(), Identity::ALICE);
            let login = service.only_login();
            assert_eq!(login.field("response"), "Ntlmv1", "{name} at {level:?}: {got:#?}");
            assert_eq!(got.status.code(), Some(0), "{name} at {level:?}: {got:#?}");
        }
    }
}

#[test]
fn they_are_rejected_by_default_and_the_log_names_the_setting() {
    for (name, protocol, log_in) in CLIENTS {
        let service = Service::start(protocol, modes::server(), &[Identity::ALICE]);
        let got = log_in(&service.port(), Identity::ALICE);
        assert!(!got.status.success(), "{name}: {got:#?}");
        let rejection = service.only_rejection();
        assert_eq!(rejection.field("detail"), "Refused(ResponseKind)", "{name}");
        assert!(rejection.field("hint").contains("lm_compatibility"), "{}", rejection.text());
    }
}

#[test]
fn they_are_rejected_with_a_wrong_password() {
    for (name, protocol, log_in) in CLIENTS {
        let service = Service::start(protocol, at(LmCompatibility::RefuseLm), &[Identity::ALICE]);
        let got = log_in(&service.port(), Identity::MALLORY);
        assert!(!got.status.success(), "{name}: {got:#?}");
        assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)", "{name}");
    }
}

/// They have no UTF-16 of letters outside ASCII, but the bytes of UTF-8 with zeros between.
#[test]
fn they_are_rejected_with_a_user_outside_ascii() {
    for (name, protocol, log_in) in CLIENTS {
        let server = at(LmCompatibility::RefuseLm);
        let service = Service::start(protocol, server, &[Identity::JURGEN]);
        let got = log_in(&service.port(), Identity::JURGEN);
        assert!(!got.status.success(), "{name}: {got:#?}");
        let rejection = service.only_rejection();
        assert_eq!(rejection.field("detail"), "Denied(Rejected(UnknownUser))", "{name}");
        assert_eq!(rejection.field("user"), r"EXAMPLE\jÃ¼rgen", "{name}");
    }
}

fn at(level: LmCompatibility) -> Server {
    let mut policy = server::Policy::default();
    policy.shared.lm_compatibility = level;
    modes::server().with_policy(policy)
}

/// Counts the messages of a mailbox.
fn fetchmail(port: &str, identity: Identity) -> Finished {
    let directory = Directory::new();
    let Identity { user, domain, password } = identity;
    let configuration = format!(
        "poll 127.0.0.1 protocol IMAP port {port} auth ntlm user \"{user}@{domain}\" \
         password \"{password}\" sslproto \"\"\n"
    );
    let configuration = secret(&directory, "fetchmailrc", &configuration);
    let fetchmail = &mut installed("fetchmail");
    fetchmail.args(["--check", "--nosyslog", "--nodetach", "--pidfile"]);
    fetchmail.arg(directory.path().join("pid")).env("HOME", directory.path());
    run(fetchmail.arg("--fetchmailrc").arg(configuration))
}

/// Sends a message, which is empty.
fn msmtp(port: &str, identity: Identity) -> Finished {
    let directory = Directory::new();
    let configuration = account(port, identity) + "from alice@example.com\n";
    let configuration = secret(&directory, "msmtprc", &configuration);
    run(installed("msmtp").arg("--file").arg(configuration).arg("bob@example.com"))
}

/// Retrieves messages, of which there are none.
fn mpop(port: &str, identity: Identity) -> Finished {
    let directory = Directory::new();
    let mailbox = directory.path().join("mailbox");
    let uidls = directory.path().join("uidls");
    let configuration = account(port, identity)
        + &format!("delivery mbox {}\nuidls_file {}\n", mailbox.display(), uidls.display());
    let configuration = secret(&directory, "mpoprc", &configuration);
    run(installed("mpop").arg("--file").arg(configuration))
}

/// What the two have in common, which are of one author.
fn account(port: &str, Identity { user, domain, password }: Identity) -> String {
    format!(
        "account default\nhost 127.0.0.1\nport {port}\ntls off\nauth ntlm\nntlmdomain {domain}\n\
         user {user}\npassword {password}\ntimeout 20\n"
    )
}

/// Writes a file that only its owner may read, because the programs require that.
fn secret(directory: &Directory, name: &str, content: &str) -> PathBuf {
    let path = directory.write(name, content);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    path
}
