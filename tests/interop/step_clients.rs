//! Clients whose protocol code knows one function of a login, as crates for LDAP, SMB, DCE/RPC, TDS and
//! WinRM have it: it takes the server's token and returns the next one. With `spnego::Initiator` behind it they
//! need no SPNEGO of their own. They log in to a Samba
//! domain.

use std::process::Command;

use ntlm_interop::identities::{self, Identity};
use ntlm_interop::process::{Finished, Process, run};
use ntlm_interop::programs::python;
use ntlm_interop::samba_servers::DomainController;
use ntlm_interop::scratch::Directory;
use ntlm_interop::service::Service;
use ntlm_interop::{modes, tds};

const LDAP: &str = env!("CARGO_BIN_EXE_step_ldap");
const RPC: &str = env!("CARGO_BIN_EXE_step_rpc");
const SMB: &str = env!("CARGO_BIN_EXE_step_smb");
const TDS: &str = env!("CARGO_BIN_EXE_step_tds");
const WINRM: &str = env!("CARGO_BIN_EXE_step_winrm");

#[test]
fn a_client_of_ldap_logs_in() {
    for identity in [Identity::ALICE, Identity::JURGEN] {
        let got = log_in(LDAP, identity).expect_success();
        assert_eq!(got.stdout, "CN=alice,CN=Users,DC=example,DC=com");
    }
}

#[test]
fn a_client_of_smb_logs_in() {
    for identity in [Identity::ALICE, Identity::JURGEN] {
        assert_eq!(log_in(SMB, identity).expect_success().stdout, "connected to the share");
    }
}

#[test]
fn a_client_of_dce_rpc_logs_in() {
    for identity in [Identity::ALICE, Identity::JURGEN] {
        assert_eq!(log_in(RPC, identity).expect_success().stdout, "found endpoints");
    }
}

#[test]
fn a_wrong_password_is_refused() {
    for (program, why) in [
        (LDAP, "invalidCredentials"),
        (SMB, "STATUS_LOGON_FAILURE"),
        (RPC, "the server says that security failed"),
    ] {
        let got = log_in(program, Identity::MALLORY);
        assert!(!got.status.success() && got.stderr.contains(why), "{got:?}");
    }
}

/// The server is one of the tests, behind pyspnego.
#[test]
fn a_client_of_winrm_logs_in_and_is_refused_with_a_wrong_password() {
    let users = Directory::new();
    let mut command = python("winrm_server.py");
    command.env("NTLM_USER_FILE", users.write("users", &identities::user_file()));
    command.env("NETBIOS_COMPUTER_NAME", "FILES").env("NETBIOS_DOMAIN_NAME", "EXAMPLE");
    let mut server = Process::start(&mut command);
    let address = server.wait_for("listening on http://");
    let log_in = |identity: Identity| {
        let mut command = Command::new(WINRM);
        run(command.args([&address, &identity.full_name(), identity.password]))
    };
    for identity in [Identity::ALICE, Identity::JURGEN] {
        let got = log_in(identity).expect_success();
        let name = identity.full_name();
        assert_eq!(got.stdout, format!("{name}: <hello/>\n{name}: <hello again=\"true\"/>"));
    }
    let got = log_in(Identity::MALLORY);
    assert!(!got.status.success() && got.stderr.contains("401 without a token"), "{got:?}");
    server.wait_for("refused ");
}

/// The server is one of the tests.
#[test]
fn a_client_of_tds_logs_in_and_is_refused_with_a_wrong_password() {
    let users = [Identity::ALICE, Identity::JURGEN];
    let service = Service::start(tds::serve, modes::server(), &users);
    let server = format!("127.0.0.1:{}", service.port());
    let log_in = |identity: Identity| {
        run(Command::new(TDS).args([&server, &identity.full_name(), identity.password]))
    };
    for identity in users {
        assert_eq!(log_in(identity).expect_success().stdout, identity.full_name());
    }
    let got = log_in(Identity::MALLORY);
    assert!(!got.status.success() && got.stderr.contains("the server rejects"), "{got:?}");
}

fn log_in(program: &str, identity: Identity) -> Finished {
    DomainController::shared();
    let mut command = Command::new(program);
    run(command.args(["127.0.0.1", &identity.full_name(), identity.password]))
}
