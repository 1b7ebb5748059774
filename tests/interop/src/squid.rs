//! Squid, a proxy that asks with the help of `ntlm_auth`: Samba's, or ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::accounts::{Account, DOMAIN};
use crate::helper::{our_helper, samba_configuration, write_script};
use crate::ports::free_port;
use crate::process::Process;
use crate::programs::{installed, required};
use crate::scratch::Directory;

/// A proxy that lets accounts in.
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
        let directory = Directory::new();
        let configuration = samba_configuration(&directory, "ntlmv2-only");
        let ntlm_auth = installed("ntlm_auth");
        let helper = format!(
            "{} --configfile={} --domain={DOMAIN} --password='{}'",
            ntlm_auth.get_program().to_string_lossy(),
            configuration.display(),
            account.password
        );
        Self::start_with(directory, &helper, "")
    }

    /// Our helper stands in the configuration as Samba's does, with these options of Samba's and no
    /// others, for the schemes NTLM and Basic.
    pub fn start_with_sambas_command_line(users: &str, options: &str) -> Self {
        let directory = Directory::new();
        let place = directory.path().display().to_string();
        our_helper(&directory, users);
        let schemes = format!(
            "auth_param ntlm program {place}/ntlm_auth --helper-protocol=squid-2.5-ntlmssp {options}\n\
             auth_param ntlm children 5 startup=1\n\
             auth_param basic program {place}/ntlm_auth --helper-protocol=squid-2.5-basic {options}\n\
             auth_param basic children 5 startup=1\n"
        );
        Self::start_with_schemes(directory, &schemes)
    }

    /// Our helper knows the users of such a file. The option is one of `auth_param ntlm children`.
    pub fn start_with_our_helper(users: &str, option: &str) -> Self {
        let directory = Directory::new();
        let helper = our_helper(&directory, users);
        Self::start_with(directory, &helper, option)
    }

    /// Our helper beneath Squid's own for the scheme Negotiate, which passes bare NTLM on to it, and
    /// Kerberos to another, which is not there.
    pub fn start_with_negotiate_wrapper(users: &str) -> Self {
        let directory = Directory::new();
        let helper = our_helper(&directory, users);
        let wrapper = required("/usr/lib/squid/negotiate_wrapper_auth");
        let schemes = format!(
            "auth_param negotiate program {} --ntlm {helper} \
             --helper-protocol=squid-2.5-ntlmssp --kerberos /bin/cat\n\
             auth_param negotiate children 5 startup=1\n",
            wrapper.display()
        );
        Self::start_with_schemes(directory, &schemes)
    }

    fn start_with(directory: Directory, helper: &str, option: &str) -> Self {
        let command = format!("exec {helper} --helper-protocol=squid-2.5-ntlmssp");
        let helper = write_script(&directory, "helper", &command);
        let schemes = format!(
            "auth_param ntlm program {}\nauth_param ntlm children 5 startup=1 {option}\n",
            helper.display()
        );
        Self::start_with_schemes(directory, &schemes)
    }

    fn start_with_schemes(directory: Directory, schemes: &str) -> Self {
        let port = free_port();
        let place = directory.path().display().to_string();
        // Squid and its helper run as a user of their own.
        make_writable(&directory);
        let configuration = directory.write(
            "squid.conf",
            &format!(
                "http_port 127.0.0.1:{port}\nvisible_hostname localhost\n\
                 {schemes}\
                 acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n\
                 access_log stdio:{place}/access.log\ncache_log {place}/cache.log\n\
                 cache deny all\npid_filename none\nnetdb_filename none\ncoredump_dir {place}\n\
                 shutdown_lifetime 0 seconds\n"
            ),
        );
        let mut squid = installed("squid");
        // Those that run at once have each a name, and by it a memory, of their own.
        squid.args(["-N", "-d", "0", "-n", &format!("ntlm{port}"), "-f"]).arg(configuration);
        // Where our helper looks for its users if it is not told.
        squid.env("NTLM_USERS", directory.path().join("users"));
        let mut process = Process::start(&mut squid);
        process.wait_for_port(port);
        Self { url: format!("http://127.0.0.1:{port}"), _process: process, directory }
    }

    /// What was requested, and by whom.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("access.log")).unwrap_or_default()
    }

    /// What its helpers said on their standard error, among much else.
    pub fn helper_log(&self) -> String {
        fs::read_to_string(self.directory.path().join("cache.log")).unwrap_or_default()
    }
}

fn make_writable(directory: &Directory) {
    let permissions = fs::Permissions::from_mode(0o777);
    fs::set_permissions(directory.path(), permissions).expect("its own directory");
}
