//! Our client `smb_client` logs in to impacket's file server, and reads files. It speaks SMB 2.0.2.

use ntlm::NtHash;
use ntlm_interop::hex::hex;
use ntlm_interop::identities::Identity;
use ntlm_interop::process::{Finished, Process};
use ntlm_interop::programs::python;
use ntlm_interop::samba_servers::{LONG, NOTES, write_share};
use ntlm_interop::scratch::Directory;
use ntlm_interop::smb::{Direction, in_between, smb_client};

const FRAMINGS: [&[&str]; 2] = [&[], &["--raw"]];

#[test]
fn files_are_read_and_directories_are_listed_with_and_without_spnego() {
    let server = Server::start();
    for framing in FRAMINGS {
        let read = |path| server.read(Identity::ALICE, &[&[path], framing].concat());
        let notes = read("notes.txt").expect_success();
        assert_eq!(notes.stdout, NOTES);
        assert_eq!(notes.stderr, "logged in, over SMB 2.0.2");
        let list = read("").expect_success().stdout;
        for line in ["28  notes.txt", "200000  long.bin", "folder/"] {
            assert!(list.contains(line), "{list}");
        }
        assert_eq!(read("folder/grüße 😀.txt").expect_success().stdout, "from afar");
        assert_eq!(read("long.bin").expect_success().stdout.len(), LONG);
    }
}

#[test]
fn everybody_logs_in() {
    let server = Server::start();
    for identity in Identity::ALL {
        let got = server.read(identity, &["notes.txt"]);
        match identity {
            // It takes the upper case of `ß` for `SS`, as Windows does not.
            Identity::GROSS => assert_rejected(&got),
            _ => assert_eq!(got.expect_success().stdout, NOTES, "{identity:?}"),
        }
    }
}

#[test]
fn an_nt_hash_does_instead_of_a_password() {
    let server = Server::start();
    let hash = hex(NtHash::from_password(Identity::ALICE.password).expose());
    let share = share(server.port);
    let got = smb_client(&["--user", r"EXAMPLE\alice", "--nt-hash", &hash, &share, "notes.txt"]);
    assert_eq!(got.expect_success().stdout, NOTES);
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_rejected() {
    let server = Server::start();
    let unknown = Identity { user: "nobody", ..Identity::ALICE };
    for framing in FRAMINGS {
        for identity in [Identity::MALLORY, unknown] {
            assert_rejected(&server.read(identity, framing));
        }
    }
}

#[test]
fn a_response_that_is_changed_in_transit_is_rejected() {
    let server = Server::start();
    let port = in_between(server.port, |direction, message| {
        // A letter in the response to the READ, which ends in padding.
        let at = message.windows(NOTES.len()).position(|bytes| bytes == NOTES.as_bytes());
        if let (Direction::ToClient, Some(at)) = (direction, at) {
            message[at] ^= 1;
        }
    });
    let got = log_in(port, Identity::ALICE, &["notes.txt"]);
    assert!(got.stdout.is_empty(), "{got:#?}");
    assert!(got.stderr.contains("the signature is wrong"), "{got:#?}");
}

/// impacket's server, which runs.
struct Server {
    port: u16,
    _process: Process,
    _directory: Directory,
}

impl Server {
    fn start() -> Self {
        let directory = Directory::new();
        write_share(&directory);
        let mut server = python("smb_server.py");
        server.arg(directory.path().join("share"));
        for Identity { user, password, .. } in Identity::ALL {
            server.args([user, password]);
        }
        let mut process = Process::start(&mut server);
        let port = process.wait_for("listening on ").parse().expect("a port");
        Self { port, _process: process, _directory: directory }
    }

    fn read(&self, identity: Identity, arguments: &[&str]) -> Finished {
        log_in(self.port, identity, arguments)
    }
}

fn log_in(port: u16, identity: Identity, arguments: &[&str]) -> Finished {
    let Identity { user, domain, password } = identity;
    let name = if domain.is_empty() { user.to_owned() } else { format!(r"{domain}\{user}") };
    let user = format!("{name}:{password}");
    smb_client(&[&["--user", &user, &share(port)], arguments].concat())
}

fn share(port: u16) -> String {
    format!("//127.0.0.1:{port}/share")
}

fn assert_rejected(got: &Finished) {
    let expected = "smb_client: cannot log in: the server says STATUS_LOGON_FAILURE";
    assert_eq!((got.status.code(), &*got.stderr), (Some(1), expected), "{got:#?}");
}
