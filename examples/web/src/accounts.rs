//! Where the accounts are: in a file, or in a domain that winbind asks.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use ntlm::UserName;
use ntlm::error::Rejection;
use ntlm::server::{NetworkLogon, UserClaim, Validation};
use ntlm_http_examples::users;
use ntlm_net_examples::winbind::{Output, Unvouched, Winbind, is_unknown};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::layer::{NotFound, Proof};

/// Where the accounts are.
pub enum Accounts {
    /// Lines `DOMAIN\user:NT hash`.
    File(users::Users),
    Domain(Domain),
}

impl Accounts {
    /// The name of the account that a client claims. Winbind returns none, so there it is the claimed name.
    pub fn name(&self, claimed: &UserName) -> UserName {
        let found = match self {
            Self::File(users) => users.find(claimed).map(|user| &user.name),
            Self::Domain(_) => None,
        };
        found.unwrap_or(claimed).clone()
    }

    /// Looks up the user that a client claims to be.
    ///
    /// # Errors
    /// If there is no such user, or the answer is not known.
    pub async fn look_up(&self, claim: &UserClaim) -> Result<Proof, NotFound> {
        match self {
            Self::File(users) => {
                let found = users.find(claim.claimed_user());
                let proof = found.map(|user| Proof::NtHash {
                    account: user.name.clone(),
                    hash: user.hash.clone(),
                });
                proof.ok_or(NotFound { reason: Rejection::UnknownUser, detail: String::new() })
            }
            Self::Domain(domain) => {
                // The layer's policy has rejected what must not be passed on.
                let logon = claim.network_logon().map_err(|error| NotFound {
                    reason: Rejection::LookupFailed,
                    detail: error.log().to_string(),
                })?;
                let answer = domain.ask(&logon).await.map(Proof::Domain);
                answer.map_err(|Unvouched { reason, status }| NotFound { reason, detail: status })
            }
        }
    }
}

/// A domain that is asked through Samba's winbind, without a thread for each question.
pub struct Domain {
    winbind: Winbind,
    /// How long an answer may take.
    patience: Duration,
    /// The number of winbind queries that run at the same time. Each is a process.
    places: Semaphore,
}

impl Domain {
    pub fn new(winbind: Winbind, patience: Duration) -> Self {
        Self { winbind, patience, places: Semaphore::new(MOST_QUESTIONS) }
    }

    async fn ask(&self, logon: &NetworkLogon<'_>) -> Result<Validation, Unvouched> {
        let output = self.run(self.winbind.question(logon)?).await;
        let mut unvouched = match self.winbind.answer(output) {
            Ok(validation) => return Ok(validation),
            Err(unvouched) => unvouched,
        };
        if let Some(question) = self.winbind.second_question(logon, &unvouched) {
            if self.run(question).await.is_ok_and(|output| is_unknown(&output)) {
                unvouched.reason = Rejection::UnknownUser;
            }
        }
        Err(unvouched)
    }

    /// Runs a program, and ends it if it takes too long or the client has gone.
    async fn run(&self, mut command: Command) -> io::Result<Output> {
        command.stdin(Stdio::null());
        let run = async {
            let _place = self.places.acquire().await.map_err(io::Error::other)?;
            let mut command = tokio::process::Command::from(command);
            command.kill_on_drop(true).output().await.map(Into::into)
        };
        let too_slow = format!("no answer in {} s", self.patience.as_secs_f32());
        timeout(self.patience, run)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, too_slow)))
    }
}

/// A machine can run so many processes besides others.
const MOST_QUESTIONS: usize = 32;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let domain = |patience| {
            let winbind = Winbind { ntlm_auth: "ntlm_auth".into(), wbinfo: "wbinfo".into() };
            Domain::new(winbind, patience)
        };
        let start = Instant::now();
        let mut command = Command::new("sleep");
        command.arg("60");
        let got = domain(Duration::from_millis(50)).run(command).await;
        assert!(got.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
        assert!(start.elapsed() < Duration::from_secs(10));
        let missing = domain(Duration::from_secs(10)).run(Command::new("/does/not/exist")).await;
        assert!(missing.is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    }
}
