//! Adds a log, counters, a limit for wrong passwords and a fixed time of rejections to the
//! accounts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ::http::Extensions;
use ntlm::error::{Denied, Error, Rejection};
use ntlm::http::{self, LookUp, Outcome, Refusal};
use ntlm_net_examples::spans::until_next;
use ntlm_net_examples::winbind::Unvouched;
use tokio::time::{sleep, timeout};

use crate::accounts::Accounts;
use crate::guesses::{Attempt, Guesses};
use crate::layer::Users;

/// Verifies clients, and logs and counts the outcomes.
pub struct Gate {
    accounts: Accounts,
    guesses: Guesses,
    reject_after: Duration,
    logins: AtomicU64,
    rejections: AtomicU64,
    /// The number of 401s that are steps of a handshake, not failures.
    steps: AtomicU64,
}

impl Gate {
    /// `guesses` wrong passwords in a row are allowed before an account must wait. A client that was
    /// looked up is rejected after the span `reject_after`, or if the look-up took longer, after the next
    /// multiple of it: so the time does not reveal whether the user is unknown, the password wrong, or
    /// the account must wait.
    pub fn new(accounts: Accounts, guesses: u32, reject_after: Duration) -> Self {
        let [logins, rejections, steps] = [const { AtomicU64::new(0) }; 3];
        let guesses = Guesses::new(guesses);
        Self { accounts, guesses, reject_after, logins, rejections, steps }
    }

    /// The counters in the format of Prometheus.
    pub fn metrics(&self) -> String {
        format!(
            "ntlm_logins_total {}\nntlm_refusals_total {}\nntlm_handshake_401_total {}\n",
            self.logins.load(Relaxed),
            self.rejections.load(Relaxed),
            self.steps.load(Relaxed),
        )
    }

    /// Verifies a client, and returns details of a rejection for the log.
    async fn decide<'a>(
        &self,
        client: LookUp<'a>,
        extensions: &mut Extensions,
    ) -> (Outcome<'a>, String) {
        let (attempt, proof) = match self.look_up(&client, extensions).await {
            Ok(attempt) => {
                let proof = self.accounts.proof(client.claim()).await;
                (Some(attempt), proof)
            }
            Err(reason) => (None, Err(reason)),
        };
        let (outcome, detail) = match proof {
            Ok(proof) => (client.verify(|claim| proof.verify(claim)), String::new()),
            Err(Unvouched { reason, status }) => (client.reject(reason), status),
        };
        if let Some(attempt) = attempt {
            settle(attempt, &outcome);
        }
        (outcome, detail)
    }

    /// Begins an attempt at the account that the client claims.
    async fn look_up(
        &self,
        client: &LookUp<'_>,
        extensions: &mut Extensions,
    ) -> Result<Attempt<'_>, Unvouched> {
        let account = self.accounts.find(client.claimed_user()).await?;
        extensions.insert(account.id.clone());
        let begun = timeout(MOST_WAITING, self.guesses.begin(&account)).await;
        let begun = begun.map_err(|_| Unvouched {
            reason: Rejection::LookupFailed,
            status: "other logins of the account take too long".into(),
        })?;
        begun.map_err(|wait| Unvouched {
            reason: Rejection::AccountLocked,
            status: format!("too many wrong passwords: wait {} s", wait.as_secs_f32().ceil()),
        })
    }

    fn log(&self, outcome: &Outcome<'_>, from: SocketAddr, detail: &str) {
        match outcome {
            Outcome::Authenticated(client) if client.is_new => {
                self.logins.fetch_add(1, Relaxed);
                // Only SPNEGO has a last token.
                let spnego = yes_or_no(client.header.is_some());
                println!("login {} from={from} spnego={spnego}", client.accepted.log());
            }
            Outcome::Authenticated(_) => {}
            Outcome::Refused(refusal) => {
                self.rejections.fetch_add(1, Relaxed);
                let guess = yes_or_no(is_guess(refusal));
                println!("refused {} from={from} guess={guess} detail={detail:?}", refusal.log());
            }
            Outcome::Continue(_) => {
                self.steps.fetch_add(1, Relaxed);
            }
        }
    }
}

impl Users for Gate {
    async fn verify<'a>(
        &self,
        client: LookUp<'a>,
        from: SocketAddr,
        account: &mut Extensions,
    ) -> Outcome<'a> {
        let start = Instant::now();
        let (outcome, detail) = self.decide(client, account).await;
        self.log(&outcome, from, &detail);
        if matches!(outcome, Outcome::Refused(_)) {
            sleep(until_next(self.reject_after, start.elapsed())).await;
        }
        outcome
    }

    fn observe(&self, outcome: &Outcome<'_>, from: SocketAddr) {
        self.log(outcome, from, "");
    }
}

/// Ends an attempt. In SPNEGO, a client with the right password may have to send another token.
fn settle(attempt: Attempt<'_>, outcome: &Outcome<'_>) {
    match outcome {
        Outcome::Authenticated(_) | Outcome::Continue(_) => attempt.right(),
        Outcome::Refused(refusal) if is_guess(refusal) => attempt.wrong(),
        Outcome::Refused(_) => attempt.no_guess(),
    }
}

/// Whether a rejection counts as a guess at a password. A rejection by winbind with an unknown text counts,
/// because the password may be wrong.
fn is_guess(refusal: &Refusal) -> bool {
    let unclear = Denied::Rejected(Rejection::DomainController);
    let is_unclear = matches!(&refusal.reason, http::Error::Exchange(Error::Denied(reason)) if *reason == unclear);
    is_unclear || refusal.is_wrong_password()
}

fn yes_or_no(fact: bool) -> &'static str {
    if fact { "yes" } else { "no" }
}

/// How long a client waits for parallel logins of its account.
const MOST_WAITING: Duration = Duration::from_secs(60);
