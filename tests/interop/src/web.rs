//! The example `web_application`.

use std::collections::HashMap;

use crate::accounts;
use crate::certificates::Certificate;
use crate::connection::Connection;
use crate::log::Line;
use crate::process::Process;
use crate::programs::example;
use crate::scratch::Directory;

/// The example `web_application`: a notebook for each user.
#[derive(Debug)]
pub struct WebApplication {
    process: Process,
    /// `http://127.0.0.1:PORT`, or with `https`.
    pub url: String,
    _directory: Directory,
}

impl WebApplication {
    /// With all accounts in a file.
    pub fn start(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let users = accounts::ALL.map(|account| account.nt_hash_line()).concat();
        let users = directory.write("users", &users).display().to_string();
        Self::start_in(directory, &[&["--users", &users], arguments].concat())
    }

    /// Over HTTPS, with all accounts in a file.
    pub fn start_with_tls(certificate: &Certificate, arguments: &[&str]) -> Self {
        let [file, key] = [certificate.file(), certificate.key_file()];
        let [file, key] = [file, key].map(|path| path.display().to_string());
        Self::start(&[&["--certificate", &file, "--key", &key], arguments].concat())
    }

    /// A domain knows the users, through winbind.
    pub fn start_in_domain(arguments: &[&str]) -> Self {
        Self::start_in(Directory::new(), &[&["--winbind"], arguments].concat())
    }

    fn start_in(directory: Directory, arguments: &[&str]) -> Self {
        let mut command = example("web_application");
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        // Most tests need not wait.
        if !arguments.contains(&"--reject-after") {
            command.args(["--reject-after", "0"]);
        }
        let mut process = Process::start(&mut command);
        let url = process.wait_for("listening on ");
        Self { process, url, _directory: directory }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        self.url.split_once("://").map_or(&self.url, |(_, address)| address)
    }

    /// Waits for this many logins.
    pub fn logins(&mut self, count: usize) -> Vec<Line> {
        self.lines("login ", count)
    }

    /// Waits for this many refusals.
    pub fn refusals(&mut self, count: usize) -> Vec<Line> {
        self.lines("refused ", count)
    }

    /// Waits for this many lines that begin so.
    pub fn lines(&mut self, beginning: &str, count: usize) -> Vec<Line> {
        let lines = self.process.wait_for_lines(beginning, count);
        lines.iter().map(|line| Line::parse(line)).collect()
    }

    /// What it counted: `ntlm_logins_total` and others.
    ///
    /// # Panics
    /// If it does not say.
    pub fn metrics(&self) -> HashMap<String, u64> {
        let response = Connection::open(&self.url).get("/metrics");
        assert_eq!(response.status, 200);
        let lines = response.body.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(name, value)| (name.into(), value.parse().expect("a number"))).collect()
    }
}
