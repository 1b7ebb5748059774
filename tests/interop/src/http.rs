//! Servers over HTTP: our example, and those whose acceptor is another implementation.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::accounts;
use crate::certificates::Certificate;
use crate::log::Line;
use crate::process::Process;
use crate::programs::{example, python, system_python};
use crate::scratch::Directory;

/// The example `http_server`, which serves `page.txt` and `page.html` to all accounts.
#[derive(Debug)]
pub struct HttpServer {
    process: Process,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    tls_url: Option<String>,
    directory: Directory,
}

/// What the pages of [`HttpServer`] say.
pub const PAGE: &str = "only for those who logged in";

impl HttpServer {
    /// Over plain HTTP.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with_users(&accounts::ALL.map(|a| a.nt_hash_line()).concat(), None, arguments)
    }

    /// Over HTTPS too.
    pub fn start_with_tls(certificate: &Certificate, arguments: &[&str]) -> Self {
        let users = accounts::ALL.map(|account| account.nt_hash_line()).concat();
        Self::start_with_users(&users, Some(certificate), arguments)
    }

    /// With these users.
    pub fn start_with_users(
        users: &str,
        certificate: Option<&Certificate>,
        arguments: &[&str],
    ) -> Self {
        let directory = Directory::new();
        let users = directory.write("users", users);
        let pages = directory.path().join("pages");
        std::fs::create_dir(&pages).expect("a directory of pages");
        directory.write("pages/page.html", &format!("<title>page</title>{PAGE}\n"));
        directory.write("pages/page.txt", &format!("{PAGE}\n"));
        let mut command = example("http_server");
        command.args(["--listen", "127.0.0.1:0", "--users"]).arg(users).args(arguments).arg(pages);
        if let Some(certificate) = certificate {
            command.args(["--tls-listen", "127.0.0.1:0"]);
            command.arg("--certificate").arg(certificate.file());
            command.arg("--key").arg(certificate.key_file());
        }
        let mut process = Process::start(&mut command);
        let url = format!("http://{}", process.wait_for("listening on http://"));
        let tls_url =
            certificate.map(|_| format!("https://{}", process.wait_for("listening on https://")));
        Self { process, url, tls_url, directory }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// `https://127.0.0.1:PORT`
    ///
    /// # Panics
    /// If it was started without a certificate.
    pub fn tls_url(&self) -> &str {
        self.tls_url.as_deref().expect("it was started with a certificate")
    }

    /// `127.0.0.1:PORT` of the same.
    ///
    /// # Panics
    /// If it was started without a certificate.
    pub fn tls_address(&self) -> &str {
        self.tls_url().trim_start_matches("https://")
    }

    /// The directory that it serves.
    pub fn pages(&self) -> PathBuf {
        self.directory.path().join("pages")
    }

    /// Waits for this many logins.
    pub fn logins(&mut self, count: usize) -> Vec<Line> {
        parse(&self.process.wait_for_lines("login ", count))
    }

    /// Waits for a login, which must be the only one so far.
    ///
    /// # Panics
    /// If there were more.
    pub fn only_login(&mut self) -> Line {
        let mut logins = self.logins(1);
        assert_eq!(logins.len(), 1, "{logins:#?}");
        logins.remove(0)
    }

    /// Waits for a refusal.
    pub fn refusal(&mut self) -> Line {
        self.refusals(1).remove(0)
    }

    /// The first refusal, if there was one.
    pub fn refusal_so_far(&self) -> Option<Line> {
        self.logged().into_iter().find(|line| line.is_refusal())
    }

    /// Waits for this many refusals.
    pub fn refusals(&mut self, count: usize) -> Vec<Line> {
        parse(&self.process.wait_for_lines("refused ", count))
    }

    /// Waits for a refusal, which must be for wrong or missing channel bindings.
    ///
    /// # Panics
    /// If it is for another reason.
    #[track_caller]
    pub fn assert_bindings_denied(&mut self) {
        let refusal = self.refusal();
        // The second is `ChannelBindingsMissing`.
        assert!(refusal.field("detail").contains("Denied(ChannelBindings"), "{}", refusal.text());
    }

    /// All that was logged so far.
    pub fn logged(&self) -> Vec<Line> {
        parse(&self.process.lines())
    }
}

fn parse(lines: &[String]) -> Vec<Line> {
    lines.iter().map(|line| Line::parse(line)).collect()
}

/// A server or proxy of `peers/http_acceptor.py`.
#[derive(Debug)]
pub struct Acceptor {
    process: Process,
    /// `http://127.0.0.1:PORT`, or with `https`.
    pub url: String,
    _directory: Directory,
}

/// Another implementation of the server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implementation {
    GssNtlmssp,
    Pyspnego,
    /// pyspnego in SPNEGO, and where the client did not sign the list of mechanisms, it asks for that
    /// after the AUTHENTICATE.
    PyspnegoAsking,
    Samba,
}

impl Implementation {
    /// All that behave as they do by themselves.
    pub const ALL: [Self; 3] = [Self::GssNtlmssp, Self::Pyspnego, Self::Samba];

    fn command(self) -> Command {
        let (mut command, name) = match self {
            Self::GssNtlmssp => (system_python("http_acceptor.py"), "gss-ntlmssp"),
            Self::Pyspnego => (python("http_acceptor.py"), "pyspnego"),
            Self::PyspnegoAsking => (python("http_acceptor.py"), "pyspnego-asking"),
            Self::Samba => (system_python("http_acceptor.py"), "samba"),
        };
        command.args(["--acceptor", name]);
        command
    }
}

impl Acceptor {
    /// Over plain HTTP.
    pub fn start(implementation: Implementation, arguments: &[&str]) -> Self {
        Self::start_command(implementation.command(), arguments)
    }

    /// Over HTTPS.
    pub fn start_with_tls(
        implementation: Implementation,
        certificate: &Certificate,
        arguments: &[&str],
    ) -> Self {
        let mut command = implementation.command();
        command.arg("--certificate").arg(certificate.file());
        command.arg("--key").arg(certificate.key_file());
        Self::start_command(command, arguments)
    }

    fn start_command(mut command: Command, arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let users = directory.write("users", &accounts::password_lines());
        command.arg("--users").arg(users).args(arguments);
        let mut process = Process::start(&mut command);
        let url = process.wait_for("listening on ");
        Self { process, url, _directory: directory }
    }

    /// Waits for this many events of this kind: `connection`, `accepted` or `refused`.
    pub fn events(&mut self, kind: &str, count: usize) -> Vec<Value> {
        let beginning = format!(r#"{{"event": "{kind}""#);
        let lines = self.process.wait_for_lines(&beginning, count);
        lines.iter().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
    }

    /// How many events of this kind there were so far.
    pub fn count(&self, kind: &str) -> usize {
        let beginning = format!(r#"{{"event": "{kind}""#);
        self.process.lines().iter().filter(|line| line.starts_with(&beginning)).count()
    }
}

/// The token of this name that an [`Acceptor`]'s event tells of: `negotiate`, `challenge` or
/// `authenticate`.
///
/// # Panics
/// If it tells of none.
pub fn token(event: &Value, name: &str) -> Vec<u8> {
    let digits = event[name].as_str().unwrap_or_else(|| panic!("no {name} in {event}"));
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("it is hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}
