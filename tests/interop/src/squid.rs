//! Squid, a proxy that asks with the help of Samba's `ntlm_auth`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::accounts::{Account, DOMAIN};
use crate::ports::free_port;
use crate::process::Process;
use crate::programs::installed;
use crate::scratch::Directory;

/// A proxy that lets an account in.
#[derive(Debug)]
pub struct Squid {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    _process: Process,
    directory: Directory,
}

impl Squid {
    /// Samba's helper compares with the account's password, and needs no domain that runs.
    pub fn start(account: Account) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let place = directory.path().display().to_string();
        // Squid and its helper run as a user of their own.
        make_writable(&directory);
        directory.write(
            "smb.conf",
            &format!(
                "[global]\n    workgroup = {DOMAIN}\n    netbios name = PROXY\n\
                 \x20   ntlm auth = ntlmv2-only\n    private dir = {place}\n\
                 \x20   lock directory = {place}\n    state directory = {place}\n\
                 \x20   cache directory = {place}\n    pid directory = {place}\n"
            ),
        );
        let ntlm_auth = installed("ntlm_auth");
        let helper = directory.write(
            "helper",
            &format!(
                "#!/bin/sh\nexec {} --helper-protocol=squid-2.5-ntlmssp \
                 --configfile={place}/smb.conf --domain={DOMAIN} --password='{}'\n",
                ntlm_auth.get_program().to_string_lossy(),
                account.password
            ),
        );
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("its own file");
        let configuration = directory.write(
            "squid.conf",
            &format!(
                "http_port 127.0.0.1:{port}\nvisible_hostname localhost\n\
                 auth_param ntlm program {place}/helper\n\
                 auth_param ntlm children 5 startup=1\n\
                 acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n\
                 access_log stdio:{place}/access.log\ncache_log {place}/cache.log\n\
                 cache deny all\npid_filename none\nnetdb_filename none\ncoredump_dir {place}\n\
                 shutdown_lifetime 0 seconds\n"
            ),
        );
        let mut squid = installed("squid");
        // Those that run at once have each a name, and by it a memory, of their own.
        squid.args(["-N", "-d", "0", "-n", &format!("ntlm{port}"), "-f"]).arg(configuration);
        let mut process = Process::start(&mut squid);
        process.wait_for_port(port);
        Self { url: format!("http://127.0.0.1:{port}"), _process: process, directory }
    }

    /// What was requested, and by whom.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("access.log")).unwrap_or_default()
    }
}

fn make_writable(directory: &Directory) {
    let permissions = fs::Permissions::from_mode(0o777);
    fs::set_permissions(directory.path(), permissions).expect("its own directory");
}
