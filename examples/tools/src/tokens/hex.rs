//! Messages in hexadecimal, with any separators, in source code and in dumps.

use ntlm::wire::SIGNATURE;

use super::{Candidate, END, carried};
use ntlm_net_examples::encoding::unhex;

/// A candidate: a line that is entirely hexadecimal and may contain messages, or a message that
/// begins within a line.
pub(super) fn candidate(line: &str) -> Option<Candidate> {
    whole(line).or_else(|| beginning(line))
}

fn whole(line: &str) -> Option<Candidate> {
    let (digits, rest) = run(line, usize::MAX);
    let bytes = decode(&digits);
    let is_likely = carried::is_there(&bytes) || carried::is_gss(&bytes);
    let is_alone = rest.is_empty() || rest == END;
    (is_likely && is_alone).then(|| Candidate { ends_line: rest.is_empty(), ..new(digits) })
}

fn beginning(line: &str) -> Option<Candidate> {
    let start = line.char_indices().find(|(at, _)| line.get(*at..).is_some_and(begins));
    let (digits, rest) = run(line.get(start?.0..)?, usize::MAX);
    let mut next = rest.chars();
    let is_odd = next.next().is_some_and(|c| c.is_ascii_hexdigit())
        && !next.next().is_some_and(char::is_alphanumeric);
    let trouble = is_odd.then(|| "its last digit has no other: a byte has two".into());
    Some(Candidate { ends_line: rest.is_empty(), trouble, ..new(digits) })
}

fn new(digits: String) -> Candidate {
    let continuation = |line: &str| {
        let (digits, rest) = run(line, usize::MAX);
        (rest.is_empty() && !digits.is_empty()).then_some(digits)
    };
    Candidate { digits, ends_line: true, trouble: None, decode, begins, continuation }
}

fn begins(text: &str) -> bool {
    let is_likely = text.get(..2).is_some_and(|pair| pair.eq_ignore_ascii_case("4e"));
    is_likely && decode(&run(text, 2 * SIGNATURE.len()).0) == SIGNATURE
}

/// The pairs of digits at the beginning, up to `most` digits, and the rest of the text.
fn run(text: &str, most: usize) -> (String, &str) {
    let mut digits = String::new();
    let mut rest = text;
    loop {
        let is_between = |c: char| c.is_whitespace() || ":,;-\"'\\{}".contains(c);
        rest = rest.trim_start_matches(is_between);
        let unmarked = rest.strip_prefix("0x").or_else(|| rest.strip_prefix('x')).unwrap_or(rest);
        match unmarked.split_at_checked(2) {
            Some((pair, next))
                if digits.len() < most && pair.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                digits.push_str(pair);
                rest = next;
            }
            _ => return (digits, rest),
        }
    }
}

fn decode(digits: &str) -> Vec<u8> {
    unhex(digits).unwrap_or_default()
}
