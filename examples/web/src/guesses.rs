//! Wrong passwords, counted for each account.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ntlm::{Text, UserName};

/// Makes an account wait after wrong passwords: a few are free, then each makes the account wait twice
/// as long as the one before, up to [`LONGEST_WAIT`].
///
/// An attempt counts as wrong from its beginning, and no longer when it turns out to be right. So many
/// attempts at once are not more than many after each other. An account always opens again by itself,
/// because otherwise an attacker could lock its user out for good.
#[derive(Debug)]
pub struct Guesses {
    free: u32,
    accounts: Mutex<HashMap<Text, Account>>,
}

#[derive(Debug)]
struct Account {
    wrong: u32,
    waits_until: Instant,
}

impl Guesses {
    /// So many wrong passwords in a row are free.
    pub fn new(free: u32) -> Self {
        Self { free, accounts: Mutex::default() }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// How much longer the account must wait. This attempt does not count.
    pub fn begin(&self, user: &UserName, now: Instant) -> Result<(), Duration> {
        let mut accounts = self.lock();
        if accounts.len() >= MOST_ACCOUNTS {
            let next = accounts.iter().min_by_key(|(_, account)| account.waits_until);
            if let Some(name) = next.map(|(name, _)| name.clone()) {
                accounts.remove(&name);
            }
        }
        let account = accounts.entry(key(user)).or_insert(Account { wrong: 0, waits_until: now });
        if now < account.waits_until {
            return Err(account.waits_until - now);
        }
        account.wrong = account.wrong.saturating_add(1);
        if let Some(more) = account.wrong.checked_sub(self.free).filter(|more| *more > 0) {
            account.waits_until = now + wait(more);
        }
        Ok(())
    }

    /// The password was right.
    pub fn right(&self, user: &UserName) {
        self.lock().remove(&key(user));
    }

    /// The attempt that was begun was no guess at a password: there is no such account, or it was not
    /// compared with anything.
    pub fn no_guess(&self, user: &UserName, now: Instant) {
        let mut accounts = self.lock();
        let Some(account) = accounts.get_mut(&key(user)) else { return };
        account.wrong = account.wrong.saturating_sub(1);
        account.waits_until = now;
        if account.wrong == 0 {
            accounts.remove(&key(user));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Text, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the account alone, in any case: a client can write one account with many domains, as
/// `EXAMPLE\alice` and `alice@example.com`.
fn key(user: &UserName) -> Text {
    let name = user.user().to_uppercase();
    match name.as_str().and_then(|name| name.split_once('@')) {
        Some((name, _)) => name.into(),
        None => name,
    }
}

/// Seconds: 1, 2, 4, 8 ...
fn wait(more: u32) -> Duration {
    let seconds = 1_u64.checked_shl(more - 1).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

/// The longest time that an account waits.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// How many accounts are remembered. After them, the one is forgotten that waits least.
const MOST_ACCOUNTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_account_waits_twice_as_long_after_each_wrong_password() {
        let (guesses, alice) = (Guesses::new(2), UserName::from(r"EXAMPLE\alice"));
        let mut now = Instant::now();
        for _ in 0..2 {
            assert_eq!(guesses.begin(&alice, now), Ok(()));
        }
        for wait in [1, 2, 4, 8] {
            assert_eq!(guesses.begin(&alice, now), Ok(()));
            assert_eq!(guesses.begin(&alice, now), Err(SECOND * wait));
            now += SECOND * wait;
        }
        for _ in 0..100 {
            assert_eq!(guesses.begin(&alice, now), Ok(()));
            now += LONGEST_WAIT;
        }
    }

    #[test]
    fn a_right_password_is_the_end_of_the_count() {
        let (guesses, alice, now) = (Guesses::new(1), UserName::from("alice"), Instant::now());
        for _ in 0..5 {
            assert_eq!(guesses.begin(&alice, now), Ok(()));
            guesses.right(&alice);
        }
    }

    #[test]
    fn what_was_no_guess_does_not_count() {
        let (guesses, alice, now) = (Guesses::new(1), UserName::from("alice"), Instant::now());
        for _ in 0..5 {
            assert_eq!(guesses.begin(&alice, now), Ok(()));
            guesses.no_guess(&alice, now);
        }
        assert!(guesses.lock().is_empty());
    }

    #[test]
    fn all_spellings_of_a_name_are_one_account() {
        let (guesses, now) = (Guesses::new(0), Instant::now());
        assert_eq!(guesses.begin(&UserName::from(r"EXAMPLE\alice"), now), Ok(()));
        for name in [r"example\ALICE", "alice", r"OTHER\alice", "alice@example.com"] {
            assert!(guesses.begin(&UserName::from(name), now).is_err(), "{name}");
        }
        assert_eq!(guesses.begin(&UserName::from("bob"), now), Ok(()));
    }

    #[test]
    fn the_count_takes_little_memory_whatever_names_clients_send() {
        let (guesses, now) = (Guesses::new(0), Instant::now());
        for number in 0..MOST_ACCOUNTS + 100 {
            let _ = guesses.begin(&UserName::from(format!("user{number}").as_str()), now);
        }
        assert_eq!(guesses.lock().len(), MOST_ACCOUNTS);
    }
}
