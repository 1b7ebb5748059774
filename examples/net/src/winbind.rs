//! A domain that vouches for clients: Samba's winbind.

use std::io;
use std::process::{Child, Command, Stdio};
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
        let nobody = || Unvouched { reason: Rejection::UnknownUser, status: "no name".into() };
        let user = argument(logon.user.user()).ok_or_else(nobody)?;
        let domain = argument(logon.user.domain()).ok_or_else(nobody)?;
        let output = run(&mut self.question(user, domain, logon), PATIENCE);
        let output = output.map_err(|error| Unvouched {
            reason: Rejection::LookupFailed,
            status: format!("{}: {error}", self.ntlm_auth),
        })?;
        if let Some(validation) = validation(&output) {
            return Ok(validation);
        }
        let mut unvouched = unvouched(&output.text());
        // winbind may say the same of a wrong password and of an unknown user. The log shall tell.
        if unvouched.reason == Rejection::WrongPassword && !self.may_know(user, domain) {
            unvouched.reason = Rejection::UnknownUser;
        }
        Err(unvouched)
    }
}

impl Winbind {
    fn question(&self, user: &str, domain: &str, logon: &NetworkLogon<'_>) -> Command {
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
        command
    }

    /// Whether there may be such a user: winbind does not say that there is none, which it may only
    /// of names that it looks up, so not of user principal names.
    fn may_know(&self, user: &str, domain: &str) -> bool {
        let name = if domain.is_empty() { user.to_owned() } else { format!("{domain}\\{user}") };
        let mut command = Command::new(&self.wbinfo);
        let found = run(command.arg(format!("--name-to-sid={name}")), PATIENCE);
        // `WBC_ERR_DOMAIN_NOT_FOUND` of Samba 4.17 means the user too.
        let is_unknown = |output: Output| {
            let text = output.text();
            text.contains("WBC_ERR_DOMAIN_NOT_FOUND") || text.contains("WBC_ERR_NOT_MAPPED")
        };
        user.contains('@') || !found.is_ok_and(is_unknown)
    }
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
struct Output {
    is_success: bool,
    stdout: String,
    stderr: String,
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
    Ok(Output {
        is_success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
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
