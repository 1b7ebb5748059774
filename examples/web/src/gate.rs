//! The log, the counters, and the limit of wrong passwords, around the accounts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use ntlm::error::Rejection;
use ntlm::server::UserClaim;

use crate::accounts::Accounts;
use crate::guesses::Guesses;
use crate::layer::{Event, NotFound, Proof, Users};

/// Verifies clients, and logs and counts what became of them.
pub struct Gate {
    accounts: Accounts,
    guesses: Guesses,
    logins: AtomicU64,
    refusals: AtomicU64,
    /// The 401s of handshakes, which are no failures.
    steps: AtomicU64,
}

impl Gate {
    /// An account has this many wrong passwords in a row before it must wait.
    pub fn new(accounts: Accounts, guesses: u32) -> Self {
        let [logins, refusals, steps] = [const { AtomicU64::new(0) }; 3];
        Self { accounts, guesses: Guesses::new(guesses), logins, refusals, steps }
    }

    /// What was counted, as Prometheus reads it.
    pub fn metrics(&self) -> String {
        format!(
            "ntlm_logins_total {}\nntlm_refusals_total {}\nntlm_handshake_401_total {}\n",
            self.logins.load(Relaxed),
            self.refusals.load(Relaxed),
            self.steps.load(Relaxed),
        )
    }
}

impl Users for Gate {
    async fn look_up(&self, claim: &UserClaim) -> Result<Proof, NotFound> {
        let account = self.accounts.name(claim.claimed_user());
        self.guesses.begin(&account, Instant::now()).map_err(|wait| NotFound {
            reason: Rejection::AccountLocked,
            detail: format!("too many wrong passwords: wait {} s", wait.as_secs_f32().ceil()),
        })?;
        let found = self.accounts.look_up(claim).await;
        if found.as_ref().is_err_and(|not_found| not_found.reason != Rejection::WrongPassword) {
            self.guesses.no_guess(&account, Instant::now());
        }
        found
    }

    fn observe(&self, from: SocketAddr, event: Event<'_>) {
        match event {
            Event::LoggedIn { accepted, uses_spnego } => {
                self.logins.fetch_add(1, Relaxed);
                if let Some(user) = accepted.user() {
                    self.guesses.right(user, Instant::now());
                }
                let user = accepted.user().map(ToString::to_string).unwrap_or_default();
                let bindings = yes_or_no(accepted.bindings_checked);
                let spnego = yes_or_no(uses_spnego);
                println!("login user={user:?} from={from} bindings={bindings} spnego={spnego}");
            }
            Event::Refused { refusal, was_found, detail } => {
                self.refusals.fetch_add(1, Relaxed);
                let is_guess = refusal.is_wrong_password();
                let claimed = refusal.claimed.as_ref().and_then(|claimed| claimed.user.as_ref());
                if let Some(user) = claimed.filter(|_| was_found && !is_guess) {
                    // The password was right, and something else was wrong.
                    self.guesses.no_guess(&self.accounts.name(user), Instant::now());
                }
                let guess = yes_or_no(is_guess);
                println!("refused {} from={from} guess={guess} detail={detail:?}", refusal.log());
            }
            Event::Step(_) => {
                self.steps.fetch_add(1, Relaxed);
            }
        }
    }
}

fn yes_or_no(fact: bool) -> &'static str {
    if fact { "yes" } else { "no" }
}
