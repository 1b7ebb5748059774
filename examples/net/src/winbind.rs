//! Authenticates clients with a domain, through Samba's winbind.

use std::io::{self, Write};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ntlm::error::Rejection;
use ntlm::server::{NetworkLogon, Validation};
use ntlm::{Text, UserName};

use crate::encoding::{base64, hex, unhex};

/// A domain that authenticates clients.
pub trait Domain {
    /// Asks the domain to verify a logon.
    ///
    /// # Errors
    /// If the domain rejects the client, or cannot be asked.
    fn ask(&self, logon: &NetworkLogon<'_>) -> Result<Validation, Unvouched>;
}

/// The domain rejects the client, or could not be asked.
#[derive(Clone, Debug)]
pub struct Unvouched {
    pub reason: Rejection,
    /// The domain's status as text, for the log.
    pub status: String,
}

/// Samba's winbind, asked by its programs.
#[derive(Clone, Debug)]
pub struct Winbind {
    /// The program `ntlm_auth`, which asks about a logon.
    pub ntlm_auth: String,
    /// The program `wbinfo`, which looks up names.
    pub wbinfo: String,
}

impl Default for Winbind {
    /// The programs in the search path.
    fn default() -> Self {
        Self { ntlm_auth: "ntlm_auth".into(), wbinfo: "wbinfo".into() }
    }
}

impl Domain for Winbind {
    fn ask(&self, logon: &NetworkLogon<'_>) -> Result<Validation, Unvouched> {
        self.answer(run(self.question(logon)?, PATIENCE))
    }
}

/// The command to run, and its standard input. The command may hang while winbind hangs.
#[derive(Debug)]
pub struct Question {
    pub command: Command,
    pub input: String,
}

/// The questions and the meaning of the answers, for callers that run the programs in their own
/// way.
impl Winbind {
    /// The question about a logon. It is passed on standard input, because all users of a machine see
    /// the command lines of its processes, and could brute-force the password from a response.
    ///
    /// The protocol `ntlm-server-1` has no field for the client's workstation, so the domain
    /// controller receives the name of this machine. If an account may log on from certain
    /// workstations only (`userWorkstations`), this machine must be one of them.
    ///
    /// # Errors
    /// If no account can have such a name.
    pub fn question(&self, logon: &NetworkLogon<'_>) -> Result<Question, Unvouched> {
        let nobody = || Unvouched { reason: Rejection::UnknownUser, status: "no name".into() };
        let user = argument(logon.user.user()).ok_or_else(nobody)?;
        let domain = argument(logon.user.domain()).ok_or_else(nobody)?;
        // `::` announces base64, so that a line feed in a name ends no line.
        let mut lines = vec![format!("Username:: {}", base64(user.as_bytes()))];
        if !domain.is_empty() {
            lines.push(format!("NT-Domain:: {}", base64(domain.as_bytes())));
        }
        lines.push(format!("LANMAN-Challenge: {}", hex(&logon.challenge)));
        // Samba's program rejects an NT response of less than 24 bytes. Such a response proves
        // nothing; without it the domain checks only the LM response.
        if logon.nt_response.len() >= 24 {
            lines.push(format!("NT-Response: {}", hex(logon.nt_response)));
        }
        if !logon.lm_response.is_empty() {
            lines.push(format!("LANMAN-Response: {}", hex(logon.lm_response)));
        }
        lines.extend(["User", "LanMan"].map(|key| format!("Request-{key}-Session-Key: Yes")));
        lines.push(".\n".into());
        let mut command = Command::new(&self.ntlm_auth);
        command.arg("--helper-protocol=ntlm-server-1");
        Ok(Question { command, input: lines.join("\n") })
    }

    /// Interprets the output of [`question`](Self::question). Keep the guest account of the domain
    /// disabled: `ntlm_auth` does not report that the domain accepted a client as a guest.
    ///
    /// # Errors
    /// If the domain rejects the client, or could not be asked.
    pub fn answer(&self, output: io::Result<Output>) -> Result<Validation, Unvouched> {
        let output = output.map_err(|error| failed(&self.ntlm_auth, &error))?;
        validation(&output).ok_or_else(|| unvouched(&output))
    }

    /// The question for the SID of an account, which is the same for all names of the account.
    /// `winbind separator` must be a backslash, as it is by default.
    ///
    /// # Errors
    /// If no account can have such a name.
    pub fn sid_question(&self, name: &UserName) -> Result<Question, Unvouched> {
        let nobody = || Unvouched { reason: Rejection::UnknownUser, status: "no name".into() };
        let user = argument(name.user()).ok_or_else(nobody)?;
        let domain = argument(name.domain()).ok_or_else(nobody)?;
        let name = if domain.is_empty() { user.to_owned() } else { format!("{domain}\\{user}") };
        let mut command = Command::new(&self.wbinfo);
        // With `=`, so that a name cannot be mistaken for an option.
        command.arg(format!("--name-to-sid={name}"));
        Ok(Question { command, input: String::new() })
    }

    /// Interprets the output of [`sid_question`](Self::sid_question); `None` if winbind finds no user
    /// of that name. Winbind of Samba 4.17 finds no user principal names on a domain controller.
    ///
    /// # Errors
    /// If winbind could not be asked.
    pub fn sid(&self, output: io::Result<Output>) -> Result<Option<String>, Unvouched> {
        let output = output.map_err(|error| failed(&self.wbinfo, &error))?;
        if !output.is_success && is_unknown(&output) {
            return Ok(None);
        }
        match output.stdout.split_once(' ') {
            // Groups have SIDs too.
            Some((sid, kind)) if output.is_success && sid.starts_with("S-1-") => {
                Ok(kind.starts_with("SID_USER ").then(|| sid.to_owned()))
            }
            _ => {
                let status = output.text().trim().replace('\n', "; ");
                Err(Unvouched { reason: Rejection::LookupFailed, status })
            }
        }
    }
}

fn failed(program: &str, error: &io::Error) -> Unvouched {
    Unvouched { reason: Rejection::LookupFailed, status: format!("{program}: {error}") }
}

/// Whether winbind reports that there is no such user.
fn is_unknown(output: &Output) -> bool {
    let text = output.text();
    // Samba 4.17 also reports `WBC_ERR_DOMAIN_NOT_FOUND` for an unknown user.
    text.contains("WBC_ERR_DOMAIN_NOT_FOUND") || text.contains("WBC_ERR_NOT_MAPPED")
}

/// A name as an argument; `None` if no account can have this name. NUL would end the argument. Too long
/// names are rejected, because a domain may ignore spaces and find an account with a shorter name.
fn argument(name: &Text) -> Option<&str> {
    name.as_str().filter(|name| name.len() <= MAX_NAME_LEN && !name.contains('\0'))
}

/// The answer of `ntlm-server-1` to an accepted logon: `Authenticated: Yes`, and session keys of 32
/// and 16 digits.
fn validation(output: &Output) -> Option<Validation> {
    if !output.is_success || output.field("Authenticated") != Some("Yes") {
        return None;
    }
    let key = |name| output.field(name).and_then(unhex);
    let validation = Validation::new(key("User-Session-Key")?.try_into().ok()?, 0);
    Some(match key("LANMAN-Session-Key").and_then(|key| key.try_into().ok()) {
        Some(key) => validation.with_lm_session_key(key),
        None => validation,
    })
}

/// The answer to a rejected logon: `Authentication-Error: ` and the status as text.
fn unvouched(output: &Output) -> Unvouched {
    let no = output.field("Authenticated") == Some("No");
    let Some(status) = output.field("Authentication-Error").filter(|_| no) else {
        let status = output.text().trim().replace('\n', "; ");
        return Unvouched { reason: Rejection::LookupFailed, status };
    };
    let reason = match STATUSES.iter().find(|(words, _)| status.contains(words)) {
        Some((_, code)) => Rejection::from_ntstatus(*code),
        None if CANNOT_ASK.iter().any(|words| status.contains(words)) => Rejection::LookupFailed,
        None => Rejection::DomainController,
    };
    Unvouched { reason, status: status.into() }
}

/// Samba's texts of a status: Samba 4.17 uses the texts of \[MS-ERREF\] 2.3.1; the second text of a
/// status is that of older versions.
const STATUSES: [(&str, u32); 18] = [
    ("The specified account does not exist", 0xc000_0064),
    ("No such user", 0xc000_0064),
    ("the current password is not correct", 0xc000_006a),
    ("Wrong Password", 0xc000_006a),
    ("The attempted logon is invalid", 0xc000_006d),
    ("Logon failure", 0xc000_006d),
    ("some user account restriction", 0xc000_006e),
    ("has time restrictions", 0xc000_006f),
    ("from the source workstation", 0xc000_0070),
    ("account password has expired", 0xc000_0071),
    ("currently disabled", 0xc000_0072),
    ("has requested a type of logon", 0xc000_015b),
    ("user account has expired", 0xc000_0193),
    ("must be changed before", 0xc000_0224),
    ("automatically locked", 0xc000_0234),
    ("Account locked out", 0xc000_0234),
    ("NTLM was blocked", 0xc000_0418),
    ("No logon servers", 0xc000_005e),
];
/// Texts of a status that concerns winbind, its domain controller or the network between them. Samba 4.17
/// reports the first if winbind does not run or denies access to its privileged pipe.
const CANNOT_ASK: [&str; 9] = [
    "Reading winbind reply failed",
    "has requested access to an object",
    "The requested operation was unsuccessful",
    "domain controller",
    "trust ",
    "time-out",
    "connection",
    "not reachable",
    "pipe",
];

/// How a program ended, and its output.
pub struct Output {
    is_success: bool,
    stdout: String,
    stderr: String,
}

impl From<process::Output> for Output {
    fn from(output: process::Output) -> Self {
        Self {
            is_success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Output {
    /// The value of a line `name: value`.
    fn field(&self, name: &str) -> Option<&str> {
        self.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

fn run(question: Question, patience: Duration) -> io::Result<Output> {
    let Question { mut command, input } = question;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    // In a thread of its own, because a program that hangs reads nothing. The thread ends with the
    // program.
    thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let ended = wait(&mut child, patience);
    if ended.is_err() {
        child.kill()?;
    }
    let output = child.wait_with_output()?;
    ended?;
    Ok(output.into())
}

fn wait(child: &mut Child, patience: Duration) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The longest name in bytes. Windows creates users with names of at most 20 characters, and names of domains
/// have at most 255 (RFC 1035 section 2.3.4).
const MAX_NAME_LEN: usize = 256;
/// How long winbind may take; it asks other machines.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
