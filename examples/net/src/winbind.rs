//! A domain that vouches for clients: Samba's winbind.

use std::io;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ntlm::Text;
use ntlm::error::Rejection;
use ntlm::server::{NetworkLogon, Validation};

use crate::encoding::{hex, unhex};

/// Who vouches for clients.
pub trait Domain {
    /// Asks about a claim.
    ///
    /// # Errors
    /// If the domain does not vouch for the client, or cannot be asked.
    fn ask(&self, logon: &NetworkLogon<'_>) -> Result<Validation, Unvouched>;
}

/// The domain does not vouch for a client.
#[derive(Clone, Debug)]
pub struct Unvouched {
    pub reason: Rejection,
    /// In the domain's own words, for the log.
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

impl Domain for Winbind {
    /// The responses are in the command line, where the users of this machine can see them for a
    /// moment; if there are others than the server's, `--helper-protocol=ntlm-server-1` takes them
    /// on standard input, but says less of refusals.
    fn ask(&self, logon: &NetworkLogon<'_>) -> Result<Validation, Unvouched> {
        let output = run(&mut self.question(logon)?, PATIENCE);
        let mut unvouched = match self.answer(output) {
            Ok(validation) => return Ok(validation),
            Err(unvouched) => unvouched,
        };
        if let Some(mut question) = self.second_question(logon, &unvouched) {
            if run(&mut question, PATIENCE).is_ok_and(|output| is_unknown(&output)) {
                unvouched.reason = Rejection::UnknownUser;
            }
        }
        Err(unvouched)
    }
}

/// The questions and what the answers mean, for callers that run the programs in their own way. The
/// programs read nothing from standard input, and may hang as long as winbind does.
impl Winbind {
    /// The program to run about a logon.
    ///
    /// # Errors
    /// If no account can have such a name.
    pub fn question(&self, logon: &NetworkLogon<'_>) -> Result<Command, Unvouched> {
        let nobody = || Unvouched { reason: Rejection::UnknownUser, status: "no name".into() };
        let user = argument(logon.user.user()).ok_or_else(nobody)?;
        let domain = argument(logon.user.domain()).ok_or_else(nobody)?;
        let mut command = Command::new(&self.ntlm_auth);
        // With `=`, so that no name is taken for an option.
        command.args(["--request-nt-key", "--request-lm-key"]);
        command.arg(format!("--username={user}"));
        if !domain.is_empty() {
            command.arg(format!("--domain={domain}"));
        }
        if let Some(workstation) = argument(logon.workstation).filter(|name| !name.is_empty()) {
            command.arg(format!("--workstation={workstation}"));
        }
        command.arg(format!("--challenge={}", hex(&logon.challenge)));
        // Samba's program takes none of less than 24 bytes. Such a response proves nothing, and the
        // domain looks at the LM field alone without it too.
        if logon.nt_response.len() >= 24 {
            command.arg(format!("--nt-response={}", hex(logon.nt_response)));
        }
        if !logon.lm_response.is_empty() {
            command.arg(format!("--lm-response={}", hex(logon.lm_response)));
        }
        Ok(command)
    }

    /// What the output of [`question`](Self::question) means, or that there is none.
    ///
    /// # Errors
    /// If the domain does not vouch for the client, or could not be asked.
    pub fn answer(&self, output: io::Result<Output>) -> Result<Validation, Unvouched> {
        let output = output.map_err(|error| Unvouched {
            reason: Rejection::LookupFailed,
            status: format!("{}: {error}", self.ntlm_auth),
        })?;
        validation(&output).ok_or_else(|| unvouched(&output.text()))
    }

    /// The program to run about a client that is not vouched for, if the log would not tell a wrong
    /// password from an unknown user otherwise: winbind may say the same of both. The user is unknown
    /// if the output [says so](is_unknown).
    pub fn second_question(
        &self,
        logon: &NetworkLogon<'_>,
        unvouched: &Unvouched,
    ) -> Option<Command> {
        let (user, domain) = (argument(logon.user.user())?, argument(logon.user.domain())?);
        // It looks up account names, and no user principal names.
        if unvouched.reason != Rejection::WrongPassword || user.contains('@') {
            return None;
        }
        let name = if domain.is_empty() { user.to_owned() } else { format!("{domain}\\{user}") };
        let mut command = Command::new(&self.wbinfo);
        command.arg(format!("--name-to-sid={name}"));
        Some(command)
    }
}

/// Whether winbind reports that there is no such user.
pub fn is_unknown(output: &Output) -> bool {
    let text = output.text();
    // `WBC_ERR_DOMAIN_NOT_FOUND` of Samba 4.17 means the user too.
    text.contains("WBC_ERR_DOMAIN_NOT_FOUND") || text.contains("WBC_ERR_NOT_MAPPED")
}

/// A name as an argument. NUL would end it, and no account is called so.
fn argument(name: &Text) -> Option<&str> {
    name.as_str().filter(|name| !name.contains('\0'))
}

/// `NT_KEY: ` and 32 digits: the user session key. `LM_KEY: ` and 16.
fn validation(output: &Output) -> Option<Validation> {
    if !output.is_success {
        return None;
    }
    let key = |name| output.stdout.lines().find_map(|line| unhex(line.strip_prefix(name)?.trim()));
    let validation = Validation::new(key("NT_KEY:")?.try_into().ok()?, 0);
    Some(match key("LM_KEY:").and_then(|key| key.try_into().ok()) {
        Some(key) => validation.with_lm_session_key(key),
        None => validation,
    })
}

/// What the status says, such as `NT_STATUS_WRONG_PASSWORD: ... (0xc000006a)` ([MS-ERREF] 2.3.1).
fn unvouched(output: &str) -> Unvouched {
    let status = output.lines().find(|line| line.contains("(0x")).unwrap_or(output).trim();
    let code = status.rsplit_once("(0x").and_then(|(_, code)| code.strip_suffix(')'));
    let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
    let reason = match code {
        // STATUS_UNSUCCESSFUL: Samba 4.17's `ntlm_auth` prints it if winbind does not run, and if
        // winbind denies access to its privileged pipe. STATUS_ACCESS_DENIED, OBJECT_NAME_NOT_FOUND,
        // and output without a status.
        None | Some(0xc000_0001 | 0xc000_0022 | 0xc000_0034) => Rejection::LookupFailed,
        Some(status) => Rejection::from_ntstatus(status),
    };
    Unvouched { reason, status: status.into() }
}

/// How a program ended, and what it printed, which is little.
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
    fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

fn run(command: &mut Command, patience: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
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

/// How long winbind may take, which asks other machines.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(output: &str) -> Rejection {
        unvouched(output).reason
    }

    #[test]
    fn reasons_are_told_apart_by_the_status() {
        for (output, expected) in [
            ("NT_STATUS_NO_SUCH_USER: ... (0xc0000064)\n", Rejection::UnknownUser),
            ("NT_STATUS_WRONG_PASSWORD: ... (0xc000006a)", Rejection::WrongPassword),
            ("NT_STATUS_LOGON_FAILURE: ... (0xc000006d)", Rejection::WrongPassword),
            ("The user account ... locked (0xc0000234)", Rejection::AccountLocked),
            ("NT_STATUS_ACCOUNT_DISABLED (0xc0000072)", Rejection::AccountDisabled),
            ("NTLM blocked (0xc0000418)", Rejection::NtlmBlocked),
            ("no logon servers (0xc000005e)", Rejection::Unreachable),
            ("Reading winbind reply failed! (0xc0000001)", Rejection::LookupFailed),
            ("Access denied (0xc0000022)", Rejection::LookupFailed),
            ("what is this? (0xc0000002)", Rejection::DomainController),
            ("could not obtain winbind interface details", Rejection::LookupFailed),
            ("", Rejection::LookupFailed),
        ] {
            assert_eq!(reason(output), expected, "{output}");
        }
    }

    #[test]
    fn a_key_is_needed_to_be_vouched_for() {
        let printed = |is_success, stdout: &str, stderr: &str| {
            let output = Output { is_success, stdout: stdout.into(), stderr: stderr.into() };
            validation(&output).is_some()
        };
        let key = "NT_KEY: 000102030405060708090A0B0C0D0E0F\n";
        assert!(printed(true, key, ""));
        assert!(printed(true, &(key.to_owned() + "LM_KEY: 0001020304050607\n"), ""));
        assert!(!printed(false, key, ""));
        assert!(!printed(true, "", key));
        for stdout in ["", "NT_KEY: \n", "NT_KEY: 00\n", "NT_STATUS_OK: (0x0)\n"] {
            assert!(!printed(true, stdout, ""), "{stdout}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let start = Instant::now();
        let ended = run(Command::new("sleep").arg("60"), Duration::from_millis(50));
        assert!(ended.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(run(&mut Command::new("/does/not/exist"), PATIENCE).is_err());
    }
}
