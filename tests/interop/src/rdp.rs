//! Both sides of CredSSP behind the negotiation of RDP: our examples, FreeRDP, and pyspnego behind `peers/rdp.py`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::accounts::{self, Account, DOMAIN};
use crate::certificates::Certificate;
use crate::log::Line;
use crate::ports::free_port;
use crate::process::{Finished, Process, run};
use crate::programs::{example, installed, python};
use crate::scratch::Directory;

/// The example `credssp_server`, which knows all accounts.
#[derive(Debug)]
pub struct CredsspServer {
    process: Process,
    pub port: String,
    _files: (Directory, Certificate),
}

impl CredsspServer {
    /// With a certificate of an RSA key.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(Certificate::new(), arguments)
    }

    pub fn start_with(certificate: Certificate, arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let users = accounts::ALL.map(|account| account.nt_hash_line()).concat();
        let mut command = example("credssp_server");
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.arg("--users").arg(directory.write("users", &users));
        command.arg("--certificate").arg(certificate.file());
        command.arg("--key").arg(certificate.key_file());
        let mut process = Process::start(&mut command);
        let port = process.wait_for("listening on 127.0.0.1:");
        Self { process, port, _files: (directory, certificate) }
    }

    /// Waits for a login, and returns the first.
    pub fn login(&mut self) -> Line {
        Line::parse(&self.process.wait_for_lines("login ", 1)[0])
    }

    /// Waits for a login, which must be all that was logged but what the client did next.
    ///
    /// # Panics
    /// If there was more.
    pub fn only_login(&mut self) -> Line {
        let line = self.login();
        assert!(self.logged("login ") == 1 && self.logged("refused ") == 0, "{:?}", self.lines());
        line
    }

    /// Waits for a rejection, without a login.
    ///
    /// # Panics
    /// If there was a login.
    pub fn only_rejection(&mut self) -> Line {
        let line = Line::parse(&self.process.wait_for_lines("refused ", 1)[0]);
        assert_eq!(self.logged("login "), 0, "{:?}", self.lines());
        line
    }

    /// Waits until a client that logged in begins an RDP session.
    pub fn wait_for_session(&mut self) {
        self.process.wait_for("continues ");
    }

    fn logged(&self, beginning: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(beginning)).count()
    }

    fn lines(&self) -> Vec<String> {
        self.process.lines()
    }
}

/// The example `credssp_client`, at a port of this machine.
pub fn credssp_client(account: Account, port: &str, arguments: &[&str]) -> Finished {
    let mut command = example("credssp_client");
    command.env("NTLM_PASSWORD", account.password).args(["--user", &account.name()]);
    run(command.args(arguments).arg(format!("127.0.0.1:{port}")))
}

/// A screen that nobody sees, for FreeRDP.
#[derive(Debug)]
pub struct Display {
    _process: Process,
    name: String,
    /// FreeRDP keeps certificates in the home directory.
    home: Directory,
}

impl Display {
    pub fn start() -> Self {
        let mut command = installed("Xvfb");
        // Where two programs choose a number at the same time, both can get the same one.
        let number = free_port().to_string();
        let name = format!(":{number}");
        // It prints the number when it is ready. Without `-noreset` it refuses connections for a moment
        // when its last client leaves, and FreeRDP's server opens the display more than once.
        command.args([&name, "-displayfd", "1", "-noreset", "-nolisten", "tcp"]);
        command.args(["-screen", "0", "640x480x24"]);
        let mut process = Process::start(&mut command);
        process.wait_for(&number);
        Self { _process: process, name, home: Directory::new() }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = installed(program);
        command.env("DISPLAY", &self.name).env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// `xfreerdp`, with this secret: `/p:PASSWORD` or `/pth:HASH`.
    pub fn xfreerdp(&self, user: &str, secret: &str, port: &str, arguments: &[&str]) -> Finished {
        let mut command = self.command("xfreerdp");
        command.args([format!("/v:127.0.0.1:{port}"), format!("/u:{user}"), secret.to_owned()]);
        command.args([&format!("/d:{DOMAIN}"), "/cert:ignore", "/sec:nla"]).args(arguments);
        run(&mut command)
    }

    /// `freerdp-shadow-cli`, which knows all accounts.
    pub fn shadow(&self) -> Shadow {
        let port = free_port();
        let directory = Directory::new();
        let lines = accounts::ALL.map(|account| {
            let line = account.nt_hash_line();
            let (_, hash) = line.trim_end().rsplit_once(':').expect("it ends in the hash");
            format!("{}:{DOMAIN}::{hash}:::\n", account.user)
        });
        let mut command = self.command("freerdp-shadow-cli");
        command.args([&format!("/port:{port}"), "/bind-address:127.0.0.1", "+auth", "/sec:nla"]);
        let sam: PathBuf = directory.write("sam", &lines.concat());
        let mut process = Process::start(command.arg(format!("/sam-file:{}", sam.display())));
        process.wait_for_port(port);
        Shadow { _process: process, port: port.to_string(), _directory: directory }
    }
}

/// FreeRDP's server.
#[derive(Debug)]
pub struct Shadow {
    _process: Process,
    pub port: String,
    _directory: Directory,
}

/// pyspnego's client: `error` of what it prints is null if it logged in.
pub fn pyspnego_client(account: Account, port: &str, protocol: &str, version: &str) -> Value {
    pyspnego_client_with(account, port, &[protocol, version])
}

/// The same if the client requests HYBRID_EX too: `authorization` is then what the server sent.
pub fn pyspnego_client_hybrid_ex(account: Account, port: &str) -> Value {
    pyspnego_client_with(account, port, &["ntlm", "6", "11"])
}

fn pyspnego_client_with(account: Account, port: &str, arguments: &[&str]) -> Value {
    let mut command = python("rdp.py");
    command.args(["client", port, &account.name(), account.password]).args(arguments);
    run(&mut command).expect_success().json().remove(0)
}

/// pyspnego's server, which knows all accounts.
#[derive(Debug)]
pub struct PyspnegoServer {
    process: Process,
    pub port: String,
    _directory: Directory,
}

impl PyspnegoServer {
    pub fn start(protocol: &str, version: &str) -> Self {
        Self::start_with(&[protocol, version])
    }

    /// Chooses HYBRID_EX, and sends this authorization in hexadecimal digits.
    pub fn start_hybrid_ex(authorization: &str) -> Self {
        Self::start_with(&["ntlm", "6", authorization])
    }

    fn start_with(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let users = directory.write("users", &accounts::password_lines());
        let mut command = python("rdp.py");
        command.arg("server").args(arguments).env("NTLM_USER_FILE", users);
        let mut process = Process::start(&mut command);
        let port = process.wait_for("listening on ");
        Self { process, port, _directory: directory }
    }

    /// What it made of the first login.
    ///
    /// # Panics
    /// If it prints something else.
    pub fn login(&mut self) -> Value {
        let line = &self.process.wait_for_lines("{", 1)[0];
        serde_json::from_str(line).expect("it is JSON")
    }
}
