//! The accounts: in a file, or in a domain that is queried through winbind.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use ntlm::error::{Error, Rejection};
use ntlm::server::{Accepted, NetworkLogon, UserClaim, Validation};
use ntlm::{NtHash, UserName};
use ntlm_http_examples::users;
use ntlm_net_examples::winbind::{Output, Question, Unvouched, Winbind};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::guesses::Account;

/// The source of accounts.
pub enum Accounts {
    /// Lines `DOMAIN\user:NT hash`.
    File(users::Users),
    Domain(Domain),
}

/// Identifies an account in the application's own records. The layer adds it to the extensions of
/// requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccountId {
    /// The name in the file of users, in upper case. In a domain, a claimed name for which winbind finds
    /// no SID: no other account has this name, but the account may have other names.
    Name(UserName),
    /// The SID, which is the same under all names of the account.
    Sid(String),
}

/// The data to verify a client with.
pub enum Proof {
    /// The account's name in the file, and its hash.
    NtHash(UserName, NtHash),
    /// The answer of a domain controller, which does not contain the name.
    Domain(Validation),
}

impl Proof {
    /// Verifies a client.
    ///
    /// # Errors
    /// Those of [`UserClaim::verify_nt_hash`] and [`UserClaim::verify_by_domain`].
    pub fn verify(self, claim: UserClaim) -> Result<Accepted, Error> {
        match self {
            Self::NtHash(name, hash) => claim.with_account(name).verify_nt_hash(&hash),
            Self::Domain(answer) => claim.verify_by_domain(&answer),
        }
    }
}

impl Accounts {
    /// Finds the account whose name a client claims.
    ///
    /// # Errors
    /// If the file does not contain it, or winbind could not be asked.
    pub async fn find(&self, claimed: &UserName) -> Result<Account, Unvouched> {
        match self {
            Self::File(users) => {
                let user = users.find(claimed).ok_or_else(unknown)?;
                Ok(Account::new(AccountId::Name(user.name.to_uppercase())))
            }
            Self::Domain(domain) => domain.find(claimed).await,
        }
    }

    /// Returns the data to verify the client with.
    ///
    /// # Errors
    /// If there is no such user, the domain controller rejects the client, or it could not be asked.
    pub async fn proof(&self, claim: &UserClaim) -> Result<Proof, Unvouched> {
        match self {
            Self::File(users) => {
                let user = users.find(claim.claimed_user()).ok_or_else(unknown)?;
                Ok(Proof::NtHash(user.name.clone(), user.hash.clone()))
            }
            Self::Domain(domain) => {
                let logon = claim.network_logon().map_err(|error| {
                    // The server's policy has already rejected responses that must not be passed
                    // on.
                    Unvouched { reason: Rejection::LookupFailed, status: error.log().to_string() }
                })?;
                domain.ask(&logon).await.map(Proof::Domain)
            }
        }
    }
}

fn unknown() -> Unvouched {
    Unvouched { reason: Rejection::UnknownUser, status: String::new() }
}

/// A domain that is queried through Samba's winbind, without a thread per query.
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

    /// The account of a name, by its SID, which winbind finds by the rules of the domain: `alice`,
    /// `example\ALICE` and `example.com\alice` are one account. So are `alice` with spaces before and
    /// after it in Samba, and names with and without accents in Windows.
    ///
    /// Winbind may find no SID for `alice@example.com`. Wrong passwords of that name are counted for
    /// `alice`, most likely the same account. Only if the account has a user principal name of another
    /// form, such as `a.smith@example.com` for `asmith`, does an attacker have twice as many guesses.
    async fn find(&self, claimed: &UserName) -> Result<Account, Unvouched> {
        if let Some(sid) = self.sid(claimed).await? {
            return Ok(Account::new(sid));
        }
        let name = claimed.to_uppercase();
        let principal = name.user().as_str().and_then(|user| user.rsplit_once('@'));
        let short = principal.map_or_else(|| name.user().clone(), |(user, _)| user.into());
        let short = UserName::new(short);
        let sid = if principal.is_some() { self.sid(&short).await? } else { None };
        let counted_as = sid.unwrap_or(AccountId::Name(short));
        Ok(Account { counted_as, id: AccountId::Name(name) })
    }

    async fn sid(&self, name: &UserName) -> Result<Option<AccountId>, Unvouched> {
        let output = self.run(self.winbind.sid_question(name)?).await;
        Ok(self.winbind.sid(output)?.map(AccountId::Sid))
    }

    async fn ask(&self, logon: &NetworkLogon<'_>) -> Result<Validation, Unvouched> {
        self.winbind.answer(self.run(self.winbind.question(logon)?).await)
    }

    /// Runs a program, and kills it if it takes too long or the client has disconnected.
    async fn run(&self, question: Question) -> io::Result<Output> {
        let run = async {
            let _place = self.places.acquire().await.map_err(io::Error::other)?;
            let mut command = Command::from(question.command);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.kill_on_drop(true).spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // If the program has already ended, its output contains the reason.
                let _ = stdin.write_all(question.input.as_bytes()).await;
            }
            child.wait_with_output().await.map(Into::into)
        };
        let too_slow = format!("no answer in {} s", self.patience.as_secs_f32());
        timeout(self.patience, run)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, too_slow)))
    }
}

/// The most queries, each a process, at a time.
const MOST_QUESTIONS: usize = 32;
