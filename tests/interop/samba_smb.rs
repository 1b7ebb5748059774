//! Our client logs in to Samba's file server, and reads files: over each version of SMB, with
//! NTLM's messages bare and in SPNEGO. What comes is signed with a key that both have.

use ntlm::NtHash;
use ntlm_interop::client_modes;
use ntlm_interop::hex::hex;
use ntlm_interop::process::Finished;
use ntlm_interop::samba_servers::{
    FILE_SERVER_PASSWORD, FILE_SERVER_USER, FileServer, LONG, NOTES,
};
use ntlm_interop::smb::{Direction, in_between, smb_client};

const VERSIONS: [&str; 5] = ["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"];

#[test]
fn a_file_is_read_over_each_version_with_and_without_spnego() {
    let server = FileServer::start(&[]);
    for version in VERSIONS {
        for framing in [&[][..], &["--raw"]] {
            let arguments = [&["--newest", version, "notes.txt"], framing].concat();
            let got = log_in(server.port, &arguments).expect_success();
            assert_eq!(got.stdout, NOTES, "{version} {framing:?}");
            assert_eq!(got.stderr, format!("logged in, over SMB {version}"), "{framing:?}");
        }
    }
}

#[test]
fn directories_are_listed_whatever_the_names_are() {
    let server = FileServer::start(&[]);
    let got = log_in(server.port, &[]).expect_success();
    for line in ["28  notes.txt", "200000  long.bin", "0  folder/"] {
        assert!(got.stdout.contains(line), "{got:#?}");
    }
    let got = log_in(server.port, &["folder"]).expect_success();
    assert!(got.stdout.contains("9  grüße 😀.txt"), "{got:#?}");
    let got = log_in(server.port, &["folder/grüße 😀.txt"]).expect_success();
    assert_eq!(got.stdout, "from afar");
}

#[test]
fn a_long_file_comes_in_pieces() {
    let server = FileServer::start(&[]);
    let got = log_in(server.port, &["long.bin"]).expect_success();
    assert_eq!(got.stdout.len(), LONG);
}

#[test]
fn an_nt_hash_does_instead_of_a_password() {
    let server = FileServer::start(&[]);
    let share = share(server.port);
    let hash = hex(NtHash::from_password(FILE_SERVER_PASSWORD).expose());
    let user = FILE_SERVER_USER;
    let got = smb_client(&["--user", user, "--nt-hash", &hash, &share, "notes.txt"]);
    assert_eq!(got.expect_success().stdout, NOTES);
    let hash = hex(NtHash::from_password("wrong").expose());
    let got = smb_client(&["--user", user, "--nt-hash", &hash, &share, "notes.txt"]);
    assert_refused(&got, "STATUS_LOGON_FAILURE");
}

#[test]
fn a_wrong_password_is_refused() {
    let server = FileServer::start(&[]);
    let user = format!("{FILE_SERVER_USER}:wrong");
    for framing in [&[][..], &["--raw"]] {
        let share = share(server.port);
        let got = smb_client(&[&["--user", &user, &share], framing].concat());
        assert_refused(&got, "STATUS_LOGON_FAILURE");
    }
}

#[test]
fn a_server_may_insist_on_signatures() {
    let server = FileServer::start(&["server signing = mandatory"]);
    for version in VERSIONS {
        let got = log_in(server.port, &["--newest", version, "notes.txt"]).expect_success();
        assert_eq!(got.stdout, NOTES, "{version}");
    }
}

#[test]
fn ntlmv1_is_let_in_where_the_server_is_set_so() {
    let strict = FileServer::start(&["ntlm auth = ntlmv2-only"]);
    let lax = FileServer::start(&["ntlm auth = ntlmv1-permitted"]);
    for framing in [&[][..], &["--raw"]] {
        for level in ["0", "1", "2"] {
            let arguments = [&["--level", level, "notes.txt"], framing].concat();
            assert_refused(&log_in(strict.port, &arguments), "STATUS_LOGON_FAILURE");
            assert_eq!(log_in(lax.port, &arguments).expect_success().stdout, NOTES);
        }
        for level in ["3", "5"] {
            let arguments = [&["--level", level, "notes.txt"], framing].concat();
            assert_eq!(log_in(strict.port, &arguments).expect_success().stdout, NOTES);
        }
    }
}

/// Nothing but the key depends on what was negotiated, and all is signed with it.
#[test]
fn a_file_is_read_in_every_mode() {
    let server = FileServer::start(&["ntlm auth = ntlmv1-permitted"]);
    for mode in client_modes::all() {
        for framing in [&[][..], &["--raw"]] {
            let options = client_modes::options(&mode);
            let got = log_in(server.port, &[&options[..], &["notes.txt"], framing].concat());
            client_modes::assert_negotiated(&mode, &got);
            if framing.is_empty() && client_modes::has_weak_mech_list_mic(&mode) {
                let reason = client_modes::WEAK_MECH_LIST_MIC;
                assert!(got.stdout.is_empty() && got.stderr.ends_with(reason), "{got:#?}");
            } else {
                assert_eq!(got.expect_success().stdout, NOTES, "{mode:?} {framing:?}");
            }
        }
    }
}

/// Unless it is told so, our client takes less strength from nobody, also not from a server that
/// grants no more.
#[test]
fn a_server_that_grants_too_little_is_refused() {
    for (setting, flag) in [
        ("ntlmssp_server:128bit = no", "NEGOTIATE_128"),
        ("ntlmssp_server:ntlm2 = no", "NEGOTIATE_EXTENDED_SESSIONSECURITY"),
    ] {
        let server = FileServer::start(&[setting, "ntlm auth = ntlmv1-permitted"]);
        for level in ["1", "2", "3", "5"] {
            let got = log_in(server.port, &["--level", level, "notes.txt"]);
            assert_eq!(got.status.code(), Some(1), "{got:#?}");
            assert!(got.stderr.contains("required flags were not negotiated"), "{got:#?}");
            let arguments = ["--level", level, "--without", flag, "--raw", "notes.txt"];
            assert_eq!(log_in(server.port, &arguments).expect_success().stdout, NOTES);
        }
    }
}

/// The server would let anybody in as a guest, and whoever stands in between could say so.
#[test]
fn our_client_does_not_want_to_be_a_guest() {
    let server = FileServer::start(&["map to guest = bad user", "guest account = nobody"]);
    for framing in [&[][..], &["--raw"]] {
        let share = share(server.port);
        let got = smb_client(&[&["--user", r"EXAMPLE\mallory:x", &share], framing].concat());
        assert_eq!(got.status.code(), Some(1), "{got:#?}");
        assert_eq!(got.stderr, "smb_client: cannot log in: the server let us in as a guest");
    }
}

#[test]
fn an_anonymous_client_gets_what_nobody_may_have() {
    let server = FileServer::start(&["map to guest = bad user", "guest account = nobody"]);
    let got = smb_client(&[&share(server.port)]);
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stderr.contains("STATUS_ACCESS_DENIED"), "{got:#?}");
}

/// Our example cannot encrypt, and does not say that it could.
#[test]
fn a_server_that_insists_on_encryption_refuses() {
    let server = FileServer::start(&["smb encrypt = required"]);
    assert_refused(&log_in(server.port, &["notes.txt"]), "STATUS_ACCESS_DENIED");
}

#[test]
fn what_was_changed_on_the_way_is_refused() {
    let server = FileServer::start(&[]);
    for version in VERSIONS {
        let port = in_between(server.port, |direction, message| {
            // A letter in the response to the READ.
            if direction == Direction::ToClient && message.ends_with(NOTES.as_bytes()) {
                *message.last_mut().expect("it has letters") ^= 1;
            }
        });
        let got = log_in(port, &["--newest", version, "notes.txt"]);
        assert_eq!(got.status.code(), Some(1), "{got:#?}");
        assert!(got.stdout.is_empty(), "{got:#?}");
        assert!(got.stderr.contains("signature is wrong"), "{version}: {got:#?}");
    }
}

/// SMB 3.1.1 knows by its keys. Without it, the server is asked again, signed.
#[test]
fn whoever_takes_newer_versions_out_of_the_offer_is_found_out() {
    let server = FileServer::start(&[]);
    for newest in ["3.0.2", "3.1.1"] {
        let port = in_between(server.port, |direction, message| {
            let (command, count) = (message[12], 64 + 2);
            if direction == Direction::ToServer && command == 0 {
                // The older two of the versions are left.
                message[count] = 2;
            }
        });
        let got = log_in(port, &["--newest", newest, "notes.txt"]);
        assert_eq!(got.status.code(), Some(1), "{got:#?}");
        assert!(got.stdout.is_empty(), "{newest}: {got:#?}");
        assert!(got.stderr.contains("SMB 2.1"), "it gets that far: {got:#?}");
    }
}

#[test]
fn what_was_said_before_the_first_signature_cannot_be_changed() {
    let server = FileServer::start(&[]);
    let port = in_between(server.port, |direction, message| {
        let (command, server_guid) = (message[12], 64 + 8);
        if direction == Direction::ToClient && command == 0 {
            message[server_guid] ^= 1;
        }
    });
    let got = log_in(port, &["notes.txt"]);
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stderr.contains("signature is wrong"), "{got:#?}");
}

fn log_in(port: u16, arguments: &[&str]) -> Finished {
    let user = format!("{FILE_SERVER_USER}:{FILE_SERVER_PASSWORD}");
    smb_client(&[&["--user", &user, &share(port)], arguments].concat())
}

fn share(port: u16) -> String {
    format!("//127.0.0.1:{port}/share")
}

fn assert_refused(got: &Finished, status: &str) {
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stdout.is_empty(), "{got:#?}");
    // Before it there can be a warning about the keys of NTLMv1.
    let last = got.stderr.lines().last();
    assert_eq!(last, Some(&*format!("smb_client: cannot log in: the server says {status}")));
}
