//! Finds messages in base64 within any text.

use super::{Candidate, carried};
use ntlm_net_examples::encoding::unbase64_cut;

/// Words that begin like a message, or like SPNEGO.
pub(super) fn candidates(line: &str) -> Vec<Candidate> {
    words(line).filter_map(|(word, after)| candidate(word, after)).collect()
}

/// Whether the text contains a GSS-API or SPNEGO token without NTLM.
pub(super) fn names_other_mechanism(text: &str) -> bool {
    words(text).any(|(word, _)| word.len() >= 8 && digits(word).len() == word.len() && is_gss(word))
}

fn begins(word: &str) -> bool {
    word.starts_with("TlRMTVNTU")
}

/// Whether it begins with a tag of SPNEGO or GSS-API.
fn is_gss(word: &str) -> bool {
    carried::is_gss(&word.get(..4).map(unbase64_cut).unwrap_or_default())
}

/// Each word, and the text after it.
fn words(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.trim_start_matches(is_between);
        let (word, after) = start.split_at(start.find(is_between).unwrap_or(start.len()));
        rest = after;
        // The value in `token=TlRM...`; other equals signs are padding at the end.
        let value = word.trim_end_matches('=').rfind('=').and_then(|at| word.get(at + 1..));
        (!word.is_empty()).then(|| (value.unwrap_or(word), after))
    })
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`“”„‘’«»,;:()[]{}<>|*&\\".contains(c)
}

fn candidate(word: &str, after: &str) -> Option<Candidate> {
    let digits = digits(word);
    if !begins(word) && !is_gss(digits) {
        return None;
    }
    let rest = word.get(digits.len()..).unwrap_or_default();
    Some(Candidate {
        trouble: trouble(digits, rest),
        digits: digits.trim_end_matches('=').into(),
        // A backslash or a quote may precede the end of the line.
        ends_line: rest.is_empty() && after.chars().all(is_between) && !digits.ends_with('='),
        decode: unbase64_cut,
        begins: |line| begins(line.trim_start_matches(is_between)),
        continuation,
    })
}

/// The part of a word that is base64, with its padding.
fn digits(word: &str) -> &str {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    let len = word.find(|c| !is_digit(c)).unwrap_or(word.len());
    let padding = word.bytes().skip(len).take_while(|byte| *byte == b'=').count();
    word.get(..len + padding).unwrap_or_default()
}

fn trouble(digits: &str, rest: &str) -> Option<String> {
    if rest.starts_with(['.', '…']) {
        return Some("it is abbreviated: what the dots stand for is missing".into());
    }
    if let Some(c) = rest.chars().next() {
        return Some(format!("{c:?} is not base64: only the text before it is read"));
    }
    let len = digits.trim_end_matches('=').len();
    (len % 4 == 1).then(|| {
        format!(
            "base64 of {len} characters: the last one is superfluous, or others are missing after it"
        )
    })
}

/// A line that continues a message consists of one word.
fn continuation(line: &str) -> Option<String> {
    let mut words = line.split(is_between).filter(|word| !word.is_empty());
    let word = words.next().filter(|word| digits(word).len() == word.len())?;
    words.next().is_none().then(|| word.trim_end_matches('=').into())
}
