//! Dovecot, a server for IMAP that logs in with the help of `ntlm_auth`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::helper::{our_helper, write_script};
use crate::ports::free_port;
use crate::process::Process;
use crate::programs::installed;
use crate::scratch::Directory;

/// A server for IMAP with our helper, which lets users of its file in.
#[derive(Debug)]
pub struct Dovecot {
    /// `imap://127.0.0.1:PORT/`
    pub url: String,
    _process: Process,
    directory: Directory,
}

impl Dovecot {
    pub fn start(users: &str) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let place = directory.path().display().to_string();
        // It passes an argument of its own, and no other.
        let helper = our_helper(&directory, users);
        let helper = write_script(&directory, "helper", &format!("exec {helper} \"$@\""));
        let mail = directory.path().join("mail");
        fs::create_dir(&mail).expect("its own directory");
        for path in [directory.path(), &mail] {
            let permissions = fs::Permissions::from_mode(0o777);
            fs::set_permissions(path, permissions).expect("its own directory");
        }
        let configuration = directory.write(
            "dovecot.conf",
            &format!(
                "base_dir = {place}/run\nstate_dir = {place}/state\nlog_path = {place}/log\n\
                 protocols = imap\nlisten = 127.0.0.1\nssl = no\n\
                 auth_mechanisms = ntlm\nauth_use_winbind = yes\n\
                 auth_winbind_helper_path = {}\nauth_username_format = %Ln\n\
                 default_internal_user = nobody\ndefault_internal_group = nogroup\n\
                 default_login_user = nobody\nmail_location = maildir:{place}/mail/%n\n\
                 first_valid_uid = 1\n\
                 service auth {{\n  user = root\n  chroot =\n}}\n\
                 service imap-login {{\n  chroot =\n\
                 \x20 inet_listener imap {{\n    port = {port}\n  }}\n\
                 \x20 inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
                 passdb {{\n  driver = static\n  args = nopassword\n}}\n\
                 userdb {{\n  driver = static\n  args = uid=65534 gid=65534 home={place}/mail\n}}\n",
                helper.display()
            ),
        );
        let mut process =
            Process::start(installed("dovecot").args(["-F", "-c"]).arg(configuration));
        process.wait_for_port(port);
        Self { url: format!("imap://127.0.0.1:{port}/"), _process: process, directory }
    }

    /// What it logged, with what its helper said on its standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}
