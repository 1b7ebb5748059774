//! MIT's Kerberos server, so that clients have a ticket and prefer Kerberos.

use std::path::PathBuf;
use std::process::Command;

use crate::identities::Identity;
use crate::ports::free_port;
use crate::process::{Process, run};
use crate::programs::installed;
use crate::scratch::Directory;

/// The server of the realm `EXAMPLE.COM`.
#[derive(Debug)]
pub struct Kdc {
    configuration: PathBuf,
    _process: Process,
    _directory: Directory,
}

impl Kdc {
    /// Starts a server that knows these users, and gives out tickets for these services, such as
    /// `cifs/files.example.com`.
    pub fn start(users: &[Identity], services: &[&str]) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let place = directory.path().display();
        let profile = directory.write(
            "kdc.conf",
            &format!(
                "[kdcdefaults]\n    kdc_listen = 127.0.0.1:{port}\n\
                 \x20   kdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n    EXAMPLE.COM = {{\n\
                 \x20       database_name = {place}/principals\n\
                 \x20       key_stash_file = {place}/stash\n    }}\n"
            ),
        );
        let configuration = directory.write(
            "krb5.conf",
            &format!(
                "[libdefaults]\n    default_realm = EXAMPLE.COM\n    dns_lookup_kdc = false\n\
                 \x20   dns_lookup_realm = false\n[realms]\n    EXAMPLE.COM = {{\n\
                 \x20       kdc = 127.0.0.1:{port}\n    }}\n\
                 [domain_realm]\n    .example.com = EXAMPLE.COM\n"
            ),
        );
        let program = |name: &str| {
            let mut command = installed(name);
            command.env("KRB5_CONFIG", &configuration).env("KRB5_KDC_PROFILE", &profile);
            command
        };
        let do_with = |name: &str, arguments: &[&str]| {
            let got = run(program(name).args(arguments));
            assert!(got.status.success(), "{got:#?}");
        };
        do_with("kdb5_util", &["create", "-s", "-P", "master"]);
        for Identity { user, password, .. } in users {
            do_with("kadmin.local", &["add_principal", "-pw", password, user]);
        }
        for service in services {
            do_with("kadmin.local", &["add_principal", "-randkey", service]);
        }
        let mut process = Process::start(program("krb5kdc").arg("-n"));
        process.wait_for_port(port);
        Self { configuration, _process: process, _directory: directory }
    }

    /// Lets a client find the server.
    pub fn configure(&self, client: &mut Command) {
        client.env("KRB5_CONFIG", &self.configuration);
    }
}
