//! Wrong passwords, counted for each account.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ntlm::{Text, UserName};

/// Makes an account wait after wrong passwords: a few are free, then each makes the account wait twice
/// as long as the one before, up to [`LONGEST_WAIT`].
///
/// An attempt counts as wrong until it succeeds, so parallel attempts give no more guesses than
/// sequential ones. An account always opens again by itself,
/// because otherwise an attacker could lock its user out for good.
#[derive(Debug)]
pub struct Guesses {
    free: u32,
    accounts: Mutex<HashMap<Text, Account>>,
}

/// The users that have a name, of all domains: they wait together.
#[derive(Debug)]
struct Account {
    /// The wrong passwords of each user, by the full name in upper case.
    wrong: HashMap<UserName, u32>,
    waits_until: Instant,
}

impl Account {
    fn wrong(&self) -> u32 {
        self.wrong.values().fold(0, |sum, wrong| sum.saturating_add(*wrong))
    }
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
        let key = key(user);
        if accounts.len() >= MOST_ACCOUNTS && !accounts.contains_key(&key) {
            // An attacker can fill the map with one guess each for names that do not exist.
            let next = accounts.iter().min_by_key(|(_, it)| (it.wrong() > 1, it.waits_until));
            if let Some(name) = next.map(|(name, _)| name.clone()) {
                accounts.remove(&name);
            }
        }
        let new = || Account { wrong: HashMap::new(), waits_until: now };
        let account = accounts.entry(key).or_insert_with(new);
        if now < account.waits_until {
            return Err(account.waits_until - now);
        }
        let wrong = account.wrong.entry(user.to_uppercase()).or_default();
        *wrong = wrong.saturating_add(1);
        if let Some(more) = account.wrong().checked_sub(self.free).filter(|more| *more > 0) {
            account.waits_until = now + wait(more);
        }
        Ok(())
    }

    /// The password was right. Only the wrong passwords of this user, in this domain, are forgotten:
    /// otherwise a login as `OTHER\alice` would give free guesses at `EXAMPLE\alice`.
    pub fn right(&self, user: &UserName, now: Instant) {
        self.lower(user, now, |_| 0);
    }

    /// The attempt that was begun was no guess at a password: there is no such account, or it was not
    /// compared with anything.
    pub fn no_guess(&self, user: &UserName, now: Instant) {
        self.lower(user, now, |wrong| wrong.saturating_sub(1));
    }

    fn lower(&self, user: &UserName, now: Instant, change: impl Fn(u32) -> u32) {
        let (mut accounts, key, name) = (self.lock(), key(user), user.to_uppercase());
        let Some(account) = accounts.get_mut(&key) else { return };
        let Some(wrong) = account.wrong.get_mut(&name) else { return };
        *wrong = change(*wrong);
        // The account did not wait when the attempt began.
        account.waits_until = now;
        account.wrong.retain(|_, wrong| *wrong > 0);
        if account.wrong.is_empty() {
            accounts.remove(&key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Text, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user's name without the domain, in upper case: a client can write one account with many domains,
/// as `EXAMPLE\alice` and `alice@example.com`.
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
/// How many accounts are remembered. When the map is full, the account whose wait ends first is forgotten,
/// of those with one wrong password if there are any.
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
            guesses.right(&alice, now);
        }
    }

    #[test]
    fn a_login_of_a_user_of_another_domain_does_not_end_the_count() {
        let (guesses, mut now) = (Guesses::new(2), Instant::now());
        let [alice, other] = [r"EXAMPLE\alice", r"OTHER\alice"].map(UserName::from);
        let mut wait = Ok(());
        for _ in 0..5 {
            assert_eq!(guesses.begin(&alice, now), Ok(()));
            wait = guesses.begin(&other, now);
            now += wait.err().unwrap_or_default();
            if wait.is_err() {
                assert_eq!(guesses.begin(&other, now), Ok(()));
            }
            guesses.right(&other, now);
        }
        assert_eq!(wait, Err(SECOND * 4));
        // The user's own login does, in any case.
        assert_eq!(guesses.begin(&alice, now), Ok(()));
        guesses.right(&UserName::from(r"example\ALICE"), now);
        assert!(guesses.lock().is_empty());
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

    #[test]
    fn many_names_with_one_guess_do_not_end_the_count_of_an_account() {
        let (guesses, alice, now) = (Guesses::new(2), UserName::from("alice"), Instant::now());
        for _ in 0..2 {
            assert_eq!(guesses.begin(&alice, now), Ok(()));
        }
        for number in 0..MOST_ACCOUNTS + 100 {
            let name = UserName::from(format!("user{number}").as_str());
            assert_eq!(guesses.begin(&name, now + SECOND), Ok(()));
        }
        assert_eq!(guesses.begin(&alice, now + SECOND), Ok(()));
        assert!(guesses.begin(&alice, now + SECOND).is_err());
    }

    #[test]
    fn an_attempt_at_an_account_that_is_counted_ends_no_other_count() {
        let (guesses, now) = (Guesses::new(2), Instant::now());
        for number in 0..MOST_ACCOUNTS {
            let name = UserName::from(format!("user{number}").as_str());
            assert_eq!(guesses.begin(&name, now), Ok(()));
        }
        assert_eq!(guesses.begin(&UserName::from("user7"), now), Ok(()));
        assert_eq!(guesses.lock().len(), MOST_ACCOUNTS);
    }
}
