//! Our clients log in to the controller of a Samba domain: over SMB, LDAP and DCE/RPC, with NTLM's
//! messages bare and in SPNEGO. What comes is signed, or signed and sealed, by both.

use ntlm::NtHash;
use ntlm_interop::client_modes;
use ntlm_interop::domain_clients::{
    ALICE, BASE, SAMR, SEARCH_FOR_ALICE, SERVER, SHARE, client, find_alice, ldap_client,
    rpc_client, smb_client,
};
use ntlm_interop::hex::hex;
use ntlm_interop::identities::Identity;
use ntlm_interop::modes::Mode;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::samba_servers::NOTES;

/// How NTLM's messages travel, as options.
type Framing = &'static [&'static str];

const RAW: Framing = &["--raw"];
/// Bare, and in SPNEGO.
const FRAMINGS: [Framing; 2] = [RAW, &[]];
const RPC_RAW: Framing = &[];
/// The same of `rpc_client`: with an Auth3, and with an AlterContext.
const RPC_FRAMINGS: [Framing; 2] = [RPC_RAW, &["--spnego"]];

#[test]
fn every_user_reads_a_file_over_smb() {
    for identity in Identity::ALL {
        for framing in FRAMINGS {
            let got = smb_client(identity, framing).expect_success();
            assert_eq!(got.stdout, NOTES, "{identity:?} {framing:?}");
        }
    }
}

#[test]
fn every_user_finds_an_entry_over_ldap() {
    for identity in Identity::ALL {
        for framing in FRAMINGS {
            let got = find_alice(identity, framing).expect_success();
            assert_eq!(got.stdout, ALICE, "{identity:?} {framing:?}");
        }
    }
}

#[test]
fn every_user_looks_endpoints_up_over_dce_rpc() {
    for identity in Identity::ALL {
        for framing in RPC_FRAMINGS {
            for protection in ["integrity", "privacy"] {
                let arguments = [&["--protection", protection], framing].concat();
                let got = rpc_client(identity, &arguments).expect_success();
                assert!(names_samr(&got), "{identity:?} {arguments:?} {got:#?}");
            }
        }
    }
}

#[test]
fn names_outside_ascii_are_found_over_ldap() {
    let arguments = ["--base", BASE, "(sAMAccountName=σίσυφος)", "cn"];
    let got = ldap_client(Identity::ALICE, &arguments).expect_success();
    assert_eq!(got.stdout, "dn: CN=σίσυφος,CN=Users,DC=example,DC=com\ncn: σίσυφος\n");
}

#[test]
fn many_entries_come_over_ldap() {
    for framing in FRAMINGS {
        let arguments = [&["--base", BASE, "(objectClass=*)"], framing].concat();
        let got = ldap_client(Identity::ALICE, &arguments).expect_success();
        let count = got.stdout.lines().filter(|line| line.starts_with("dn: ")).count();
        assert!(count > 100, "{count}");
    }
}

#[test]
fn an_nt_hash_does_instead_of_a_password() {
    let hash = hex(NtHash::from_password(Identity::ALICE.password).expose());
    for framing in FRAMINGS {
        let login = [&["--user", r"EXAMPLE\alice", "--nt-hash", &hash], framing].concat();
        let run_with =
            |name: &str, arguments: &[&str]| run(client(name).args(&login).args(arguments));
        let got = run_with("smb_client", &[SHARE, "notes.txt"]).expect_success();
        assert_eq!(got.stdout, NOTES);
        let got = run_with("ldap_client", &SEARCH_FOR_ALICE).expect_success();
        assert_eq!(got.stdout, ALICE);
    }
    for framing in RPC_FRAMINGS {
        let mut command = client("rpc_client");
        command.args(["--user", r"EXAMPLE\alice", "--nt-hash", &hash, SERVER]).args(framing);
        let got = run(&mut command).expect_success();
        assert!(names_samr(&got), "{got:#?}");
    }
}

#[test]
fn a_wrong_password_is_refused() {
    for framing in FRAMINGS {
        let got = smb_client(Identity::MALLORY, framing);
        assert_refused(&got, "STATUS_LOGON_FAILURE");
        let got = find_alice(Identity::MALLORY, framing);
        assert_refused(&got, "invalidCredentials (49)");
    }
    for framing in RPC_FRAMINGS {
        for protection in ["integrity", "privacy"] {
            let arguments = [&["--protection", protection], framing].concat();
            assert_refused(&rpc_client(Identity::MALLORY, &arguments), rpc_refusal(framing));
        }
    }
}

/// Samba takes none unless it is set so.
#[test]
fn ntlmv1_is_refused() {
    for level in ["0", "1", "2"] {
        for framing in FRAMINGS {
            let arguments = [&["--level", level], framing].concat();
            let got = smb_client(Identity::ALICE, &arguments);
            assert_refused(&got, "STATUS_LOGON_FAILURE");
            let got = find_alice(Identity::ALICE, &arguments);
            assert_refused(&got, "invalidCredentials (49)");
        }
        for framing in RPC_FRAMINGS {
            let arguments = [&["--level", level], framing].concat();
            assert_refused(&rpc_client(Identity::ALICE, &arguments), rpc_refusal(framing));
        }
    }
}

#[test]
fn a_file_is_read_over_smb_in_every_mode_of_ntlmv2() {
    for (mode, framing, options) in modes(FRAMINGS) {
        let got = smb_client(Identity::ALICE, &options);
        client_modes::assert_negotiated(&mode, &got);
        if framing != RAW && client_modes::has_weak_mech_list_mic(&mode) {
            assert_refused(&got, client_modes::WEAK_MECH_LIST_MIC);
        } else {
            assert_eq!(got.expect_success().stdout, NOTES, "{options:?}");
        }
    }
}

#[test]
fn an_entry_is_found_over_ldap_in_every_mode_of_ntlmv2() {
    for (mode, framing, options) in modes(FRAMINGS) {
        let got = find_alice(Identity::ALICE, &options);
        client_modes::assert_negotiated(&mode, &got);
        if framing != RAW && client_modes::has_weak_mech_list_mic(&mode) {
            assert_refused(&got, client_modes::WEAK_MECH_LIST_MIC);
        } else {
            assert_eq!(got.expect_success().stdout, ALICE, "{options:?}");
        }
    }
}

#[test]
fn endpoints_are_looked_up_over_dce_rpc_in_every_mode_of_ntlmv2() {
    for (mode, framing, options) in modes(RPC_FRAMINGS) {
        for protection in ["integrity", "privacy"] {
            let options = [&options[..], &["--protection", protection]].concat();
            let got = rpc_client(Identity::ALICE, &options);
            client_modes::assert_negotiated(&mode, &got);
            if framing != RPC_RAW && client_modes::has_weak_mech_list_mic(&mode) {
                assert_refused(&got, client_modes::WEAK_MECH_LIST_MIC);
            } else {
                assert!(names_samr(&got.expect_success()), "{options:?}");
            }
        }
    }
}

/// Each with its options, in each framing.
fn modes(framings: [Framing; 2]) -> impl Iterator<Item = (Mode, Framing, Vec<&'static str>)> {
    client_modes::all().filter(Mode::is_ntlmv2).flat_map(move |mode| {
        framings
            .map(|framing| (mode, framing, [&client_modes::options(&mode)[..], framing].concat()))
    })
}

#[test]
fn a_directory_wants_messages_to_be_protected() {
    for framing in FRAMINGS {
        let arguments = [&["--plain"], framing].concat();
        let got = find_alice(Identity::ALICE, &arguments);
        assert_refused(&got, "strongerAuthRequired (8)");
    }
}

/// In SPNEGO, Samba says so.
#[test]
fn an_anonymous_client_has_nothing_to_protect_calls_with() {
    let got = run(client("rpc_client").arg(SERVER));
    assert_refused(&got, "cannot log in: without a user there is no protection");
    let got = run(client("rpc_client").args([SERVER, "--spnego"]));
    assert_refused(&got, "cannot log in: the server says that security failed");
}

/// An Auth3 is not answered, but the first call is; an AlterContext is.
fn rpc_refusal(framing: Framing) -> &'static str {
    match framing == RPC_RAW {
        true => "cannot look up: the server says protocol error: the login failed",
        false => "cannot log in: the server says that security failed",
    }
}

fn names_samr(got: &Finished) -> bool {
    got.stdout.lines().any(|line| line.starts_with(SAMR))
}

fn assert_refused(got: &Finished, reason: &str) {
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stdout.is_empty(), "{got:#?}");
    assert!(got.stderr.contains(reason), "{got:#?}");
}
