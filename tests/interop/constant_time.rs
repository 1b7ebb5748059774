//! Comparing something secret with what a peer sent takes as many instructions wherever the two
//! differ: nobody learns from the time how much of a guess was right.
//!
//! callgrind counts the instructions of `src/bin/compare.rs`, as optimised as users run it. Counts
//! are exact, and the same in each run; time is not measured.

use ntlm_interop::instructions;

/// What is compared.
const KINDS: [&str; 16] = [
    "key",
    "ntlmv2",
    "matches",
    "ntlm2-session",
    "ntlmv1",
    "lm",
    "lmv2",
    "mic",
    "bindings",
    "verify",
    "verify-legacy",
    "unseal",
    "unseal-legacy",
    "unseal-text",
    "mechListMIC",
    "datagram",
];

/// Where what was sent is wrong.
const PLACES: [&str; 3] = ["first", "middle", "last"];

#[test]
fn a_comparison_does_not_tell_how_much_was_right() {
    println!("{:<14} {:>9} {:>9} {:>9}", "instructions", "first", "middle", "last");
    for kind in KINDS {
        assert_eq!(count(kind, "nowhere").0, "equal", "{kind}: nothing else is wrong");
        let counts = PLACES.map(|place| {
            let (outcome, instructions) = count(kind, place);
            assert_eq!(outcome, "refused", "{kind}, {place}");
            instructions
        });
        let [first, middle, last] = counts;
        println!("{kind:<14} {first:>9} {middle:>9} {last:>9}");
        assert!(first == middle && middle == last, "{kind}: {counts:?}");
    }
}

/// So that the test can fail.
#[test]
fn a_comparison_that_stops_early_is_seen() {
    let [first, middle, last] = PLACES.map(|place| count("control", place).1);
    println!("{:<14} {first:>9} {middle:>9} {last:>9}", "control");
    assert!(first < middle && middle < last, "{first}, {middle}, {last}");
}

/// Otherwise the time would show which accounts exist, and which of them have an LM hash.
#[test]
fn unknown_user_and_wrong_password_take_the_same_instructions() {
    for response in ["NTLMv2", "NTLM2 session", "NTLMv1", "LM"] {
        let counts = ["nobody", "a user", "a user with an LM hash"].map(|account| {
            let (outcome, instructions) = count(&format!("{response} of {account}"), "nowhere");
            assert_eq!(outcome, "refused", "{response} of {account}");
            instructions
        });
        println!("{response:<14} {counts:?}");
        let [nobody, user, user_with_lm_hash] = counts;
        assert!(nobody == user && user == user_with_lm_hash, "{response}: {counts:?}");
    }
}

/// What comes of it, and how many instructions it takes.
fn count(kind: &str, place: &str) -> (String, u64) {
    instructions::count("compare", &[kind, place])
}
