//! WinRM: our server and client, pywinrm and pypsrp.

use std::process::Command;

use serde_json::Value;

use crate::accounts::{self, Account};
use crate::certificates::Certificate;
use crate::log::Line;
use crate::process::{Finished, Process, run};
use crate::programs::{example, python};
use crate::scratch::Directory;

/// The example `winrm_server`, which knows all accounts.
#[derive(Debug)]
pub struct WinrmServer {
    process: Process,
    /// `http://127.0.0.1:PORT/wsman`, or `https`
    pub url: String,
    _directory: Directory,
}

impl WinrmServer {
    /// Over HTTP.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_command(example("winrm_server"), "http", arguments)
    }

    /// Over HTTPS.
    pub fn start_with_tls(certificate: &Certificate, arguments: &[&str]) -> Self {
        let mut command = example("winrm_server");
        command.arg("--certificate").arg(certificate.file());
        command.arg("--key").arg(certificate.key_file());
        Self::start_command(command, "https", arguments)
    }

    fn start_command(mut command: Command, scheme: &str, arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let users = accounts::ALL.map(|account| account.nt_hash_line()).concat();
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.arg("--users").arg(directory.write("users", &users));
        let mut process = Process::start(&mut command);
        let address = process.wait_for(&format!("listening on {scheme}://"));
        let url = format!("{scheme}://{address}/wsman");
        Self { process, url, _directory: directory }
    }

    /// Waits for the first line of this kind: `login`, `refused`, `command` or `expired`.
    pub fn first(&mut self, kind: &str) -> Line {
        Line::parse(&self.process.wait_for_lines(&format!("{kind} "), 1)[0])
    }

    /// How many lines of this kind there were so far.
    pub fn count(&self, kind: &str) -> usize {
        let beginning = format!("{kind} ");
        self.process.lines().iter().filter(|line| line.starts_with(&beginning)).count()
    }
}

/// The example `winrm_client`.
pub fn winrm_client(account: Account, url: &str, arguments: &[&str], line: &[&str]) -> Finished {
    let mut command = example("winrm_client");
    command.env("NTLM_PASSWORD", account.password).args(["--user", &account.name()]);
    run(command.args(arguments).arg(url).args(line))
}

/// A library that runs commands with WinRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Pywinrm,
    PypsrpNtlm,
    /// SPNEGO.
    PypsrpNegotiate,
}

impl Library {
    pub const ALL: [Self; 3] = [Self::Pywinrm, Self::PypsrpNtlm, Self::PypsrpNegotiate];

    /// Runs `COMMAND ARGUMENTS`: `stdout`, `stderr` and `code`, or `error`.
    pub fn run(self, account: Account, url: &str, line: [&str; 2]) -> Value {
        self.run_with(account, url, ["auto", "any"], line)
    }

    /// The same, with an encryption and a trust of `peers/winrm_command.py`.
    pub fn run_with(self, account: Account, url: &str, how: [&str; 2], line: [&str; 2]) -> Value {
        let library = match self {
            Self::Pywinrm => "pywinrm",
            Self::PypsrpNtlm => "pypsrp-ntlm",
            Self::PypsrpNegotiate => "pypsrp-negotiate",
        };
        let mut command = python("winrm_command.py");
        command.args([library, url, &account.name(), account.password]).args(how).args(line);
        run(&mut command).expect_success().json().remove(0)
    }
}
