//! WinRM: our server and client, pywinrm and pypsrp.

use serde_json::Value;

use crate::accounts::{self, Account};
use crate::log::Line;
use crate::process::{Finished, Process, run};
use crate::programs::{example, python};
use crate::scratch::Directory;

/// The example `winrm_server`, which knows all accounts.
#[derive(Debug)]
pub struct WinrmServer {
    process: Process,
    /// `http://127.0.0.1:PORT/wsman`
    pub url: String,
    _directory: Directory,
}

impl WinrmServer {
    pub fn start(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let users = accounts::ALL.map(|account| account.nt_hash_line()).concat();
        let mut command = example("winrm_server");
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.arg("--users").arg(directory.write("users", &users));
        let mut process = Process::start(&mut command);
        let url = format!("http://{}/wsman", process.wait_for("listening on http://"));
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
        self.run_with(account, url, "auto", line)
    }

    /// The same, without sealing.
    pub fn run_unencrypted(self, account: Account, url: &str, line: [&str; 2]) -> Value {
        self.run_with(account, url, "never", line)
    }

    fn run_with(self, account: Account, url: &str, encryption: &str, line: [&str; 2]) -> Value {
        let library = match self {
            Self::Pywinrm => "pywinrm",
            Self::PypsrpNtlm => "pypsrp-ntlm",
            Self::PypsrpNegotiate => "pypsrp-negotiate",
        };
        let mut command = python("winrm_command.py");
        command.args([library, url, &account.name(), account.password, encryption]).args(line);
        run(&mut command).expect_success().json().remove(0)
    }
}
