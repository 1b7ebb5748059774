//! Limits wrong passwords per account.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ntlm::UserName;
use tokio::sync::Notify;

use crate::accounts::AccountId;

/// Makes an account wait after wrong passwords: a few in a row are free, then each makes the account wait
/// twice as long as the one before, up to [`LONGEST_WAIT`]. The wait always ends by itself. Nevertheless
/// an attacker who continues also makes the account's user wait, except on connections on which the user
/// is already logged in.
///
/// Parallel attempts allow no more guesses than sequential ones: at most as many attempts as guesses are
/// left, but at least one, run at the same time, and others wait until one of them ends. So parallel logins
/// with the right password never cause a rejection.
///
/// Only accounts with a wrong password or a running attempt have a note, and a note is removed [a
/// day](FORGOTTEN_AFTER) after the last wrong password. Memory is bounded: if 50 000 accounts have notes, a
/// new one replaces the one with the fewest wrong passwords, the oldest of these first. So an attacker can
/// displace the note of an account only with as many wrong passwords at 50 000 others. This does not limit
/// an attacker who tries one password at each of more than 50 000 accounts, nor guesses at accounts without
/// a note once an attacker has filled all notes; the domain controller sees both.
///
/// The count is kept in memory, so a restart resets it.
#[derive(Debug)]
pub struct Guesses {
    free: u32,
    most_notes: usize,
    notes: Mutex<HashMap<AccountId, Note>>,
    /// An attempt at any account has ended.
    ended: Notify,
}

/// An account whose wrong passwords are counted together.
#[derive(Clone, Debug)]
pub struct Account {
    /// The same for all names that belong or may belong to the account.
    pub counted_as: AccountId,
    /// Identifies the account in this attempt. A right password resets only the count of this
    /// identifier: if a name may belong to another account, that account's user must not reset the
    /// count of `counted_as`.
    pub id: AccountId,
}

impl Account {
    /// An account whose identifier is certain.
    pub fn new(id: AccountId) -> Self {
        Self { counted_as: id.clone(), id }
    }
}

/// The state that is kept for an account.
#[derive(Debug)]
struct Note {
    /// The wrong passwords of each [id](Account::id).
    wrong: Vec<(AccountId, u32)>,
    /// The number of running attempts.
    running: u32,
    waits_until: Instant,
    /// The time of the last wrong password, or of the first attempt.
    time: Instant,
}

/// Whether an attempt may begin.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    Now,
    /// The account must wait.
    After(Duration),
    /// Too many other attempts are running.
    WhenOneEnds,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Right,
    Wrong,
    NoGuess,
}

/// A running attempt. Dropped without a verdict, it counts as a wrong password, because the client may
/// have closed its connection after the domain controller was asked.
#[derive(Debug)]
#[must_use]
pub struct Attempt<'a> {
    guesses: &'a Guesses,
    account: Account,
    verdict: Verdict,
}

impl Attempt<'_> {
    /// The password was right: resets the count.
    pub fn right(mut self) {
        self.verdict = Verdict::Right;
    }

    /// The password was wrong.
    pub fn wrong(self) {}

    /// The attempt was not a guess at a password, or was not answered: the count does not change.
    pub fn no_guess(mut self) {
        self.verdict = Verdict::NoGuess;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.guesses.end(&self.account, self.verdict, Instant::now());
    }
}

impl Guesses {
    /// Allows `free` wrong passwords in a row before an account must wait.
    pub fn new(free: u32) -> Self {
        Self { free, most_notes: MOST_NOTES, notes: Mutex::default(), ended: Notify::new() }
    }

    /// Begins an attempt at an account.
    ///
    /// # Errors
    /// The remaining wait. This attempt does not count.
    pub async fn begin(&self, account: &Account) -> Result<Attempt<'_>, Duration> {
        loop {
            // Registered before the check, so that the end of an attempt is not missed.
            let ended = self.ended.notified();
            match self.start(&account.counted_as, Instant::now()) {
                Start::Now => {
                    let (account, verdict) = (account.clone(), Verdict::Wrong);
                    return Ok(Attempt { guesses: self, account, verdict });
                }
                Start::After(wait) => return Err(wait),
                Start::WhenOneEnds => ended.await,
            }
        }
    }

    fn start(&self, account: &AccountId, now: Instant) -> Start {
        let mut notes = self.lock();
        if notes.len() >= self.most_notes && !notes.contains_key(account) {
            make_room(&mut notes, self.most_notes, now);
        }
        let new = Note { wrong: Vec::new(), running: 0, waits_until: now, time: now };
        let note = notes.entry(account.clone()).or_insert(new);
        if note.is_old(now) {
            note.wrong.clear();
        }
        if now < note.waits_until {
            return Start::After(note.waits_until - now);
        }
        if note.running >= self.free.saturating_sub(note.wrong()).max(1) {
            return Start::WhenOneEnds;
        }
        note.running += 1;
        Start::Now
    }

    fn end(&self, account: &Account, verdict: Verdict, now: Instant) {
        let mut notes = self.lock();
        if let Some(note) = notes.get_mut(&account.counted_as) {
            note.running = note.running.saturating_sub(1);
            match verdict {
                Verdict::Right => note.forget(&account.id, now),
                Verdict::Wrong => note.add_wrong(&account.id, self.free, now),
                Verdict::NoGuess => {}
            }
            if note.wrong.is_empty() && note.running == 0 {
                notes.remove(&account.counted_as);
            }
        }
        drop(notes);
        self.ended.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Note {
    fn wrong(&self) -> u32 {
        self.wrong.iter().fold(0, |sum, (_, wrong)| sum.saturating_add(*wrong))
    }

    fn add_wrong(&mut self, id: &AccountId, free: u32, now: Instant) {
        let is_full = self.wrong.len() >= MOST_NAMES && self.wrong.iter().all(|it| it.0 != *id);
        // No account has an empty name, so no right password resets this count.
        let id = if is_full { &AccountId::Name(UserName::default()) } else { id };
        match self.wrong.iter_mut().find(|it| it.0 == *id) {
            Some((_, wrong)) => *wrong = wrong.saturating_add(1),
            None => {
                // Most accounts have one name, but `Vec` would reserve space for four.
                self.wrong.reserve_exact(1);
                self.wrong.push((id.clone(), 1));
            }
        }
        self.time = now;
        if let Some(more) = self.wrong().checked_sub(free).filter(|more| *more > 0) {
            self.waits_until = now + wait(more);
        }
    }

    fn forget(&mut self, id: &AccountId, now: Instant) {
        self.wrong.retain(|it| it.0 != *id);
        if self.wrong.is_empty() {
            self.waits_until = now;
        }
    }

    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.time) >= FORGOTTEN_AFTER
    }
}

/// Removes old notes, or if there are none, the least valuable one. Notes with running attempts stay;
/// their number is bounded by the number of connections.
fn make_room(notes: &mut HashMap<AccountId, Note>, most: usize, now: Instant) {
    notes.retain(|_, note| note.running > 0 || !note.is_old(now));
    if notes.len() < most {
        return;
    }
    let idle = notes.iter().filter(|(_, note)| note.running == 0);
    let least = idle.min_by_key(|(_, note)| (note.wrong(), note.time));
    if let Some(account) = least.map(|(account, _)| account.clone()) {
        notes.remove(&account);
    }
}

/// Seconds: 1, 2, 4, 8 ...
fn wait(more: u32) -> Duration {
    let seconds = 1_u64.checked_shl(more - 1).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

/// The longest time that an account waits.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// An attacker gains nothing by waiting this long, unless more than 96 guesses are free: at the longest wait,
/// an account allows 96 guesses in this time.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// They use 20 MB, or 100 MB if an attacker uses several long names for each account.
const MOST_NOTES: usize = 50_000;
/// The most names of an account that are counted separately; further names are counted together.
const MOST_NAMES: usize = 4;

#[cfg(test)]
mod tests;
