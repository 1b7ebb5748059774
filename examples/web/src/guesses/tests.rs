//! Attacks on an account, and logins of its user.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn id(name: &str) -> AccountId {
    AccountId::Name(name.into())
}

fn account(name: &str) -> Account {
    Account::new(id(name))
}

fn guess(guesses: &Guesses, name: &str, now: Instant) -> Start {
    let start = guesses.start(&id(name), now);
    if start == Start::Now {
        guesses.end(&account(name), Verdict::Wrong, now);
    }
    start
}

async fn is_pending(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[test]
fn an_account_waits_twice_as_long_after_each_wrong_password() {
    let (guesses, mut now) = (Guesses::new(2), Instant::now());
    for _ in 0..2 {
        assert_eq!(guess(&guesses, "alice", now), Start::Now);
    }
    for wait in [1, 2, 4, 8] {
        assert_eq!(guess(&guesses, "alice", now), Start::Now);
        assert_eq!(guess(&guesses, "alice", now), Start::After(SECOND * wait));
        now += SECOND * wait;
    }
    for _ in 0..100 {
        assert_eq!(guess(&guesses, "alice", now), Start::Now);
        now += LONGEST_WAIT;
    }
    assert_eq!(guess(&guesses, "bob", now), Start::Now);
}

#[tokio::test]
async fn a_right_password_resets_the_count() {
    let (guesses, alice) = (Guesses::new(1), account("alice"));
    for _ in 0..5 {
        guesses.begin(&alice).await.unwrap().wrong();
        guesses.begin(&alice).await.unwrap().right();
    }
    assert!(guesses.lock().is_empty());
}

#[tokio::test]
async fn attempts_that_are_not_guesses_do_not_count() {
    let (guesses, alice) = (Guesses::new(1), account("alice"));
    for _ in 0..5 {
        guesses.begin(&alice).await.unwrap().no_guess();
    }
    assert!(guesses.lock().is_empty());
    guesses.begin(&alice).await.unwrap().wrong();
    guesses.begin(&alice).await.unwrap().no_guess();
    assert_eq!(guesses.lock()[&id("alice")].wrong(), 1);
}

#[test]
fn a_right_password_under_one_name_does_not_reset_the_count_of_others() {
    let (guesses, now) = (Guesses::new(2), Instant::now());
    let under = |name: &str| Account { counted_as: id("alice"), id: id(name) };
    let attempt = |name: &str, verdict| {
        assert_eq!(guesses.start(&id("alice"), now), Start::Now, "{name}");
        guesses.end(&under(name), verdict, now);
    };
    attempt("alice", Verdict::Wrong);
    // The user of this name may be another one, whose wrong passwords count too.
    attempt("ALICE@PARTNER", Verdict::Right);
    attempt("ALICE@PARTNER", Verdict::Wrong);
    attempt("ALICE@PARTNER", Verdict::Right);
    attempt("alice", Verdict::Wrong);
    attempt("ALICE@PARTNER", Verdict::Right);
    attempt("alice", Verdict::Wrong);
    assert_eq!(guesses.start(&id("alice"), now), Start::After(SECOND));
    let now = now + SECOND;
    assert_eq!(guesses.start(&id("alice"), now), Start::Now);
    guesses.end(&under("alice"), Verdict::Right, now);
    assert!(guesses.lock().is_empty());
}

#[test]
fn names_of_an_account_are_bounded_and_all_count() {
    let (guesses, now) = (Guesses::new(100), Instant::now());
    let under = |name: &str| Account { counted_as: id("alice"), id: id(name) };
    for number in 0..100 {
        assert_eq!(guesses.start(&id("alice"), now), Start::Now);
        guesses.end(&under(&format!("ALICE@{number}")), Verdict::Wrong, now);
    }
    let notes = guesses.lock();
    assert_eq!(
        (notes[&id("alice")].wrong.len(), notes[&id("alice")].wrong()),
        (MOST_NAMES + 1, 100)
    );
}

#[tokio::test]
async fn an_attempt_that_is_cancelled_counts_as_wrong() {
    let (guesses, alice) = (Guesses::new(1), account("alice"));
    for _ in 0..2 {
        drop(guesses.begin(&alice).await.unwrap());
    }
    assert!(guesses.begin(&alice).await.is_err());
}

#[tokio::test]
async fn right_passwords_in_parallel_wait_for_each_other_and_are_not_rejected() {
    let (guesses, alice) = (Guesses::new(2), account("alice"));
    let running = [guesses.begin(&alice).await.unwrap(), guesses.begin(&alice).await.unwrap()];
    let mut others = [(); 50].map(|()| Box::pin(guesses.begin(&alice)));
    for other in &mut others {
        assert!(is_pending(other.as_mut()).await);
    }
    guesses.begin(&account("bob")).await.unwrap().right();
    running.into_iter().for_each(Attempt::right);
    for other in others {
        other.await.unwrap().right();
    }
    assert!(guesses.lock().is_empty());
}

#[tokio::test]
async fn parallel_attempts_allow_no_more_guesses_than_sequential_ones() {
    let (guesses, alice) = (Guesses::new(3), account("alice"));
    let mut waiting: Vec<_> = (0..50).map(|_| Box::pin(guesses.begin(&alice))).collect();
    let (mut guessed, mut rejected) = (0, 0);
    while !waiting.is_empty() {
        let (mut running, mut still) = (Vec::new(), Vec::new());
        for mut begin in waiting {
            match poll_fn(|context| Poll::Ready(begin.as_mut().poll(context))).await {
                Poll::Ready(Ok(attempt)) => running.push(attempt),
                Poll::Ready(Err(_)) => rejected += 1,
                Poll::Pending => still.push(begin),
            }
        }
        guessed += running.len();
        running.into_iter().for_each(Attempt::wrong);
        waiting = still;
    }
    // Three are free, and the fourth makes the account wait.
    assert_eq!((guessed, rejected), (4, 46));
}

#[tokio::test]
async fn a_client_that_stops_waiting_leaves_no_note() {
    let (guesses, alice) = (Guesses::new(1), account("alice"));
    let running = guesses.begin(&alice).await.unwrap();
    {
        let mut other = pin!(guesses.begin(&alice));
        assert!(is_pending(other.as_mut()).await);
    }
    running.right();
    assert!(guesses.lock().is_empty());
}

#[test]
fn wrong_passwords_are_forgotten_a_day_after_the_last() {
    let (guesses, now) = (Guesses::new(1), Instant::now());
    for _ in 0..2 {
        assert_eq!(guess(&guesses, "alice", now), Start::Now);
    }
    let later = now + FORGOTTEN_AFTER - SECOND;
    assert_eq!(guess(&guesses, "alice", later), Start::Now);
    assert_eq!(guess(&guesses, "alice", later), Start::After(SECOND * 2));
    let later = later + FORGOTTEN_AFTER;
    for _ in 0..2 {
        assert_eq!(guess(&guesses, "alice", later), Start::Now);
    }
    assert_eq!(guess(&guesses, "alice", later), Start::After(SECOND));
}

fn small(free: u32) -> Guesses {
    Guesses { most_notes: 100, ..Guesses::new(free) }
}

#[test]
fn notes_are_bounded_and_those_with_most_wrong_passwords_stay() {
    let (guesses, now) = (small(2), Instant::now());
    for _ in 0..3 {
        assert_eq!(guess(&guesses, "alice", now), Start::Now);
    }
    for number in 0..500 {
        let later = now + Duration::from_millis(number);
        assert_eq!(guess(&guesses, &format!("user{number}"), later), Start::Now);
        assert!(guesses.lock().len() <= 100);
    }
    assert_eq!(guess(&guesses, "alice", now + SECOND / 2), Start::After(SECOND / 2));
    // An attempt at an account with a note displaces no other note.
    assert_eq!(guess(&guesses, "user499", now + SECOND / 2), Start::Now);
    assert_eq!(guesses.lock().len(), 100);
}

#[test]
fn the_note_of_a_running_attempt_is_not_displaced() {
    let (guesses, now) = (small(1), Instant::now());
    assert_eq!(guesses.start(&id("runs"), now), Start::Now);
    for number in 0..1000 {
        assert_eq!(guess(&guesses, &format!("user{number}"), now), Start::Now);
    }
    assert_eq!(guesses.start(&id("runs"), now), Start::WhenOneEnds);
}

#[test]
fn the_end_of_one_attempt_allows_another_to_begin() {
    let (guesses, now) = (Guesses::new(2), Instant::now());
    for start in [Start::Now, Start::Now, Start::WhenOneEnds] {
        assert_eq!(guesses.start(&id("alice"), now), start);
    }
    guesses.end(&account("alice"), Verdict::Right, now);
    for start in [Start::Now, Start::WhenOneEnds] {
        assert_eq!(guesses.start(&id("alice"), now), start);
    }
}

#[test]
fn a_right_password_under_another_name_does_not_end_the_wait() {
    let (guesses, now) = (Guesses::new(2), Instant::now());
    let other = Account { counted_as: id("alice"), id: id("ALICE@PARTNER") };
    assert_eq!(guess(&guesses, "alice", now), Start::Now);
    assert_eq!(guess(&guesses, "alice", now), Start::Now);
    assert_eq!(guesses.start(&id("alice"), now), Start::Now);
    guesses.end(&account("alice"), Verdict::Wrong, now);
    // This attempt began earlier.
    guesses.end(&other, Verdict::Right, now);
    assert_eq!(guesses.start(&id("alice"), now), Start::After(SECOND));
}

#[test]
fn old_notes_are_removed_first_and_running_attempts_stay() {
    let (guesses, now) = (small(1), Instant::now());
    assert_eq!(guesses.start(&id("runs"), now), Start::Now);
    for number in 0..99 {
        assert_eq!(guess(&guesses, &format!("user{number}"), now), Start::Now);
    }
    let later = now + FORGOTTEN_AFTER;
    assert_eq!(guess(&guesses, "alice", later), Start::Now);
    assert_eq!(guesses.lock().len(), 2);
    guesses.end(&account("runs"), Verdict::Right, later);
    assert_eq!(guesses.lock().len(), 1);
}
