//! The examples `smb_client`, `ldap_client` and `rpc_client`, which log in to the controller of the
//! domain.

use std::process::Command;

use crate::identities::Identity;
use crate::process::{Finished, run};
use crate::programs::example;
use crate::samba_servers::DomainController;

/// The controller.
pub const SERVER: &str = "127.0.0.1";
/// Its share.
pub const SHARE: &str = "//127.0.0.1/share";
/// The root of its directory.
pub const BASE: &str = "DC=example,DC=com";
/// As `ldap_client` takes it.
pub const SEARCH_FOR_ALICE: [&str; 5] = [SERVER, "--base", BASE, "(sAMAccountName=alice)", "cn"];
/// What `ldap_client` prints of it.
pub const ALICE: &str = "dn: CN=alice,CN=Users,DC=example,DC=com\ncn: alice\n";
/// How the lines begin that `rpc_client` prints of `samr`, over TCP.
pub const SAMR: &str = "12345778-1234-abcd-ef00-0123456789ac 1.0 ncacn_ip_tcp:";

/// Reads `notes.txt`.
pub fn smb_client(identity: Identity, arguments: &[&str]) -> Finished {
    run(log_in("smb_client", identity).args([SHARE, "notes.txt"]).args(arguments))
}

/// Asks which interfaces there are.
pub fn rpc_client(identity: Identity, arguments: &[&str]) -> Finished {
    run(log_in("rpc_client", identity).arg(SERVER).args(arguments))
}

/// Searches for something.
pub fn ldap_client(identity: Identity, arguments: &[&str]) -> Finished {
    run(log_in("ldap_client", identity).arg(SERVER).args(arguments))
}

/// Searches for a user.
pub fn find_alice(identity: Identity, arguments: &[&str]) -> Finished {
    run(log_in("ldap_client", identity).args(SEARCH_FOR_ALICE).args(arguments))
}

/// The example, with a password from the environment.
fn log_in(name: &str, identity: Identity) -> Command {
    DomainController::shared();
    let mut command = client(name);
    let user = match identity.domain {
        "" => identity.user.to_owned(),
        domain => format!(r"{domain}\{}", identity.user),
    };
    command.args(["--user", &user]).env("NTLM_PASSWORD", identity.password);
    command
}

/// The example, without any of it.
pub fn client(name: &str) -> Command {
    DomainController::shared();
    let mut command = example(name);
    command.env_remove("NTLM_PASSWORD");
    command
}
