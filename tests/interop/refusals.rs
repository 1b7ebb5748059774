//! To refuse a hostile message costs no more than its length warrants: in proportion to it, and no
//! more than the costliest honest message that is like it.
//!
//! callgrind counts the instructions of `src/bin/refuse.rs`, as optimised as users run it.

use std::collections::BTreeMap;

use ntlm_interop::instructions;

/// About the longest that the default policies allow, and half of it.
const LENGTHS: [usize; 2] = [32_000, 64_000];

/// Honest messages, which are accepted.
const HONEST: [&str; 9] = [
    "one pair",
    "many pairs",
    "names",
    "proof without domain",
    "many pairs, proof without domain",
    "names, proof without domain",
    "challenge, one pair",
    "challenge, many pairs",
    "sealed",
];

/// Hostile ones, each with an honest one of the same length that costs as much or more. Which domain
/// a proof covers, the server finds out by trying: a wrong one costs as much as the last that can
/// be right.
const HOSTILE: [(&str, &str); 9] = [
    ("cut", "one pair"),
    ("wrong proof, one pair", "proof without domain"),
    ("wrong proof, many pairs", "many pairs, proof without domain"),
    ("wrong proof, names", "names, proof without domain"),
    ("list without end", "many pairs"),
    ("pair twice", "many pairs"),
    ("challenge, list without end", "challenge, many pairs"),
    ("sealed, changed", "sealed"),
    ("overlapping fields", "one pair"),
];

#[test]
fn a_refusal_costs_no_more_than_an_honest_message() {
    let mut honest = BTreeMap::new();
    println!("{:<28} {:>10} {:>10}", "instructions", LENGTHS[0], LENGTHS[1]);
    for kind in HONEST {
        let (outcome, instructions) = count_in_proportion(kind);
        assert_eq!(outcome, "accepted", "{kind}");
        honest.insert(kind, instructions);
    }
    for (kind, like) in HOSTILE {
        let (outcome, instructions) = count_in_proportion(kind);
        assert_ne!(outcome, "accepted", "{kind}");
        // What was decrypted in vain is wiped: an instruction for each byte.
        let most = honest[like] + u64::try_from(LENGTHS[1]).expect("it is small") + 2_000;
        assert!(instructions <= most, "{kind}: {instructions}, but {like}: {}", honest[like]);
    }
}

/// What comes of the longer message, and its instructions: at most twice those of the shorter one.
fn count_in_proportion(kind: &str) -> (String, u64) {
    let [(_, half), (outcome, whole)] =
        LENGTHS.map(|length| instructions::count("refuse", &[kind, &length.to_string()]));
    println!("{kind:<28} {half:>10} {whole:>10}  {outcome}");
    assert!(whole * 100 <= half * 205, "{kind}: {half}, {whole}");
    (outcome, whole)
}
