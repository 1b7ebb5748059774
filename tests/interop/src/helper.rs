//! The programs `ntlm_auth`, which log in for others that speak to them line by line: Samba's, and
//! ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::accounts::DOMAIN;
use crate::conversation::Conversation;
use crate::programs::{installed, tool};
use crate::scratch::Directory;

/// One of the two programs, which runs and answers.
#[derive(Debug)]
pub struct Helper {
    conversation: Conversation,
    _directory: Directory,
}

impl Helper {
    /// Samba's server, which compares with this password and needs no domain that runs.
    pub fn samba_server(password: &str, levels: &str) -> Self {
        Self::samba_server_with(password, levels, &[])
    }

    /// The same with settings.
    pub fn samba_server_with(password: &str, levels: &str, settings: &[&str]) -> Self {
        let password = format!("--password={password}");
        let arguments = ["--helper-protocol=squid-2.5-ntlmssp", &password];
        Self::samba(levels, &[&arguments, settings].concat())
    }

    /// Samba's client. Without a password it asks for it.
    pub fn samba_client(user: &str, password: Option<&str>, settings: &[&str]) -> Self {
        let user = format!("--username={user}");
        let password = password.map(|password| format!("--password={password}"));
        let mut arguments = vec!["--helper-protocol=ntlmssp-client-1", &user];
        arguments.extend(password.as_deref());
        arguments.extend(settings);
        Self::samba("ntlmv2-only", &arguments)
    }

    fn samba(levels: &str, arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let configuration = samba_configuration(&directory, levels);
        let mut command = installed("ntlm_auth");
        command.arg("--configfile").arg(configuration).arg("--domain").arg(DOMAIN).args(arguments);
        Self { conversation: Conversation::start(&mut command), _directory: directory }
    }

    /// Our server, with such a file of users.
    pub fn our_server(users: &str, arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let users = directory.write("users", users);
        let mut command = tool("ntlm_auth");
        command.args(["--helper-protocol=squid-2.5-ntlmssp", "--domain", DOMAIN]);
        command.arg("--users").arg(users).args(arguments);
        Self { conversation: Conversation::start(&mut command), _directory: directory }
    }

    /// Our client. Without a password it asks for it.
    pub fn our_client(user: &str, password: Option<&str>, arguments: &[&str]) -> Self {
        let mut command = tool("ntlm_auth");
        command.args(["--helper-protocol=ntlmssp-client-1", "--domain", DOMAIN]);
        command.args(["--username", user]).args(arguments);
        // Not where everybody can see it.
        command.env_remove("NTLM_PASSWORD");
        if let Some(password) = password {
            command.env("NTLM_PASSWORD", password);
        }
        let conversation = Conversation::start(&mut command);
        Self { conversation, _directory: Directory::new() }
    }

    /// Says a line, and returns the line that comes back.
    pub fn ask(&mut self, line: &str) -> String {
        self.conversation.ask(line)
    }

    /// Waits for a line more.
    pub fn receive(&mut self) -> String {
        self.conversation.receive()
    }
}

/// Lets the client of one program log in to the server of another: what the server says in the end.
///
/// # Panics
/// If one of them does not answer as it should.
pub fn log_in(client: &mut Helper, server: &mut Helper) -> String {
    let negotiate = client.ask("YR");
    assert!(negotiate.starts_with("YR "), "{negotiate}");
    let challenge = server.ask(&negotiate);
    assert!(challenge.starts_with("TT "), "{challenge}");
    let authenticate = client.ask(&challenge);
    let token = authenticate.strip_prefix("AF ").unwrap_or_else(|| panic!("{authenticate}"));
    server.ask(&format!("KK {token}"))
}

/// The command line of our program with such a file of users, where users without rights can run it.
pub(crate) fn our_helper(directory: &Directory, users: &str) -> String {
    let users = directory.write("users", users);
    let program = directory.copy(tool("ntlm_auth").get_program());
    format!("{} --domain {DOMAIN} --users {}", program.display(), users.display())
}

/// A script that others can run.
pub(crate) fn write_script(directory: &Directory, name: &str, command: &str) -> PathBuf {
    let script = directory.write(name, &format!("#!/bin/sh\n{command}\n"));
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&script, executable).expect("its own file");
    script
}

/// What Samba's program needs, with a value of `ntlm auth`.
pub(crate) fn samba_configuration(directory: &Directory, levels: &str) -> PathBuf {
    let place = directory.path().display();
    directory.write(
        "smb.conf",
        &format!(
            "[global]\n    workgroup = {DOMAIN}\n    netbios name = PROXY\n\
             \x20   ntlm auth = {levels}\n    private dir = {place}\n\
             \x20   lock directory = {place}\n    state directory = {place}\n\
             \x20   cache directory = {place}\n    pid directory = {place}\n"
        ),
    )
}
