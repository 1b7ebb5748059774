//! A realm of Kerberos: clients that prefer Kerberos have tickets of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::identities::Identity;
use crate::ports::free_port;
use crate::process::{Process, run};
use crate::programs::installed;
use crate::scratch::Directory;

/// The service that a client has a ticket for, as MIT's library takes it. No server has its key.
pub const SERVICE: &str = "HTTP@files.example.com";

/// A configuration without a realm: without it, MIT's library would ask the one of the machine.
pub const NO_REALM: &str = "[libdefaults]\n dns_lookup_kdc = false\n dns_lookup_realm = false\n";

/// The key distribution center of a realm, on a free port of the loopback interface.
#[derive(Debug)]
pub struct Realm {
    /// What is set for those that use it.
    environment: [(&'static str, PathBuf); 3],
    _process: Process,
    _directory: Directory,
}

impl Realm {
    /// Starts it, and gets a ticket for `alice`.
    ///
    /// # Panics
    /// If there is none.
    pub fn start() -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let place = directory.path().display();
        let configuration = directory.write(
            "krb5.conf",
            &format!(
                "[libdefaults]\n default_realm = EXAMPLE.COM\n dns_lookup_kdc = false\n \
                 dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n\
                 [realms]\n EXAMPLE.COM = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
            ),
        );
        let center = directory.write(
            "kdc.conf",
            &format!(
                "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
                 [realms]\n EXAMPLE.COM = {{\n  database_name = {place}/principal\n  \
                 key_stash_file = {place}/stash\n  acl_file = {place}/acl\n }}\n\
                 [logging]\n default = FILE:{place}/log\n"
            ),
        );
        let environment = [
            ("KRB5_CONFIG", configuration),
            ("KRB5_KDC_PROFILE", center),
            ("KRB5CCNAME", directory.path().join("tickets")),
        ];
        let program = |name: &str| {
            let mut command = installed(name);
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            command
        };
        let create = ["create", "-s", "-r", "EXAMPLE.COM", "-P", "master"];
        let _ = run(program("kdb5_util").args(create)).expect_success();
        let Identity { user, password, .. } = Identity::ALICE;
        let keys = directory.path().join("keys");
        for order in [
            format!("addprinc -pw \"{password}\" {user}"),
            format!("ktadd -norandkey -k {} {user}", keys.display()),
            "addprinc -randkey HTTP/files.example.com".to_owned(),
            "addprinc -randkey cifs/files.example.com".to_owned(),
            // Samba asks for this one, whatever the service.
            "addprinc -randkey host/files.example.com".to_owned(),
        ] {
            let _ = run(program("kadmin.local").args(["-q", &order])).expect_success();
        }
        let mut process = Process::start(program("krb5kdc").arg("-n"));
        process.wait_for_port(port);
        let _ = run(program("kinit").args(["-k", "-t"]).arg(keys).arg(user)).expect_success();
        Self { environment, _process: process, _directory: directory }
    }

    /// Lets a client use the ticket.
    pub fn give_ticket(&self, client: &mut Command) {
        client.envs(self.environment.iter().map(|(name, value)| (name, Path::new(value))));
    }
}
