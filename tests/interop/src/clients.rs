//! Clients over HTTP that the tests drive.

use std::process::Command;

use serde_json::{Value, json};

use crate::accounts::{Account, DOMAIN};
use crate::kerberos::Realm;
use crate::process::{Finished, run};
use crate::programs::{example, installed, node, python, required};
use crate::scratch::Directory;

/// curl, which prints the status and how many connections it opened for each transfer.
pub fn curl(arguments: &[&str]) -> Transfers {
    let mut command = curl_command(arguments);
    Transfers::of(run(&mut command))
}

/// As [`curl`] with `--user :`, so that it logs in with the GSS-API credentials of an account.
pub fn curl_with_gss(account: Account, arguments: &[&str]) -> Transfers {
    let directory = Directory::new();
    let mut command = curl_command(arguments);
    command.args(["--user", ":"]);
    give_gss_credentials(&mut command, account, &directory);
    Transfers::of(run(&mut command))
}

/// As [`curl_with_gss`], with a ticket of Kerberos for the service too. Each URL is of
/// `files.example.com`, which is at this address, `127.0.0.1:PORT`.
pub fn curl_with_ticket(
    realm: &Realm,
    account: Account,
    address: &str,
    arguments: &[&str],
) -> Transfers {
    let directory = Directory::new();
    let (host, port) = address.split_once(':').expect("a port");
    let mut command = curl_command(arguments);
    command.args(["--user", ":", "--resolve", &format!("files.example.com:{port}:{host}")]);
    give_gss_credentials(&mut command, account, &directory);
    realm.give_ticket(&mut command);
    Transfers::of(run(&mut command))
}

/// Lets a program log in as an account with gss-ntlmssp, which finds it in a file of the directory.
pub fn give_gss_credentials(command: &mut Command, account: Account, directory: &Directory) {
    required("/etc/gss/mech.d/mech.ntlmssp.conf");
    let user = directory.write("ntlm-user", &account.password_line());
    // And with no ticket of Kerberos that may lie around.
    command.env("NTLM_USER_FILE", user).env("KRB5CCNAME", directory.path().join("no-tickets"));
}

fn curl_command(arguments: &[&str]) -> Command {
    let mut command = installed("curl");
    // GSS-API's credentials are those that a test gives.
    command.env_remove("NTLM_USER_FILE");
    command.args(["--silent", "--show-error", "--max-time", "30"]);
    command.args(["--write-out", "%{stderr}%{http_code} %{num_connects}\n"]).args(arguments);
    command
}

/// What curl did.
#[derive(Debug)]
pub struct Transfers {
    pub body: String,
    /// The status of each transfer; 0 if there was no response.
    pub statuses: Vec<u16>,
    /// How many connections were opened in all.
    pub connections: u32,
    finished: Finished,
}

impl Transfers {
    fn of(finished: Finished) -> Self {
        let numbers = |line: &str| {
            let (status, connections) = line.split_once(' ')?;
            Some((status.parse::<u16>().ok()?, connections.parse::<u32>().ok()?))
        };
        let transfers: Vec<_> = finished.stderr.lines().filter_map(numbers).collect();
        Self {
            body: finished.stdout.clone(),
            statuses: transfers.iter().map(|(status, _)| *status).collect(),
            connections: transfers.iter().map(|(_, connections)| connections).sum(),
            finished,
        }
    }

    /// The status of the only transfer.
    ///
    /// # Panics
    /// If there was not one.
    pub fn status(&self) -> u16 {
        let [status] = self.statuses[..] else { panic!("not one transfer: {:#?}", self.finished) };
        status
    }
}

/// The example `http_client`, with the account's password.
pub fn http_client(account: Account, arguments: &[&str]) -> Finished {
    let user = account.with_password();
    run(example("http_client").args(["--fail", "--user", &user]).args(arguments))
}

/// A library that logs in to HTTP servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    RequestsNtlm,
    RequestsNtlm2,
    HttpxNtlm,
    AxiosNtlm,
    Httpntlm,
}

impl Library {
    pub const ALL: [Self; 5] =
        [Self::RequestsNtlm, Self::RequestsNtlm2, Self::HttpxNtlm, Self::AxiosNtlm, Self::Httpntlm];

    /// GET: `status`, `user` and `body` of the response, or `error`.
    pub fn get(self, url: &str, account: Account) -> Value {
        self.request(url, account, None)
    }

    /// POST, as [`get`](Self::get).
    pub fn post(self, url: &str, account: Account, data: &str) -> Value {
        self.request(url, account, Some(data))
    }

    fn request(self, url: &str, account: Account, data: Option<&str>) -> Value {
        let mut command = match self {
            Self::RequestsNtlm => in_python("requests_ntlm", url, account, data),
            Self::RequestsNtlm2 => in_python("requests-ntlm2", url, account, data),
            Self::HttpxNtlm => in_python("httpx-ntlm", url, account, data),
            Self::AxiosNtlm => in_node("axios-ntlm", url, account, data),
            Self::Httpntlm => in_node("httpntlm", url, account, data),
        };
        let finished = run(&mut command);
        finished.json().pop().unwrap_or_else(|| json!({ "error": finished.stderr }))
    }
}

/// Requests the URL some times in one session, which keeps its connection.
pub fn requests_ntlm_session(url: &str, account: Account, times: u32) -> Vec<Value> {
    let mut command = in_python("requests_ntlm", url, account, None);
    run(command.args(["--times", &times.to_string()])).expect_success().json()
}

/// As [`requests_ntlm_session`], with the `HTTPNegotiateAuth` of pypsrp, which sends SPNEGO under
/// `Negotiate`. With data, it sends them in a POST.
pub fn pypsrp_session(url: &str, account: Account, times: u32, data: Option<&str>) -> Vec<Value> {
    let mut command = in_python("pypsrp", url, account, data);
    run(command.args(["--times", &times.to_string()])).expect_success().json()
}

/// As [`pypsrp_session`], with one POST. It is made to leave its signature of the list of mechanisms out
/// until the server asks for it.
pub fn pypsrp_unsigned(url: &str, account: Account, data: &str) -> Value {
    let mut command = in_python("pypsrp-unsigned", url, account, Some(data));
    run(&mut command).expect_success().json().remove(0)
}

fn in_python(client: &str, url: &str, account: Account, data: Option<&str>) -> Command {
    let mut command = python("http_client.py");
    command.args([client, url, "--user", &account.name(), "--password", account.password]);
    if let Some(data) = data {
        command.args(["--method", "POST", "--data", data]);
    }
    command
}

fn in_node(client: &str, url: &str, account: Account, data: Option<&str>) -> Command {
    let mut command = node("http_client.js");
    command.args([client, url, DOMAIN, account.user, account.password]).args(data);
    command
}
