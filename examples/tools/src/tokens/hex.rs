//! Messages in hexadecimal, with any separators, in source code and in dumps.

use ntlm::wire::SIGNATURE;

use super::Candidate;
use ntlm_net_examples::encoding::unhex;

/// A message that begins in a line, or a line that is hexadecimal alone and may be SPNEGO.
pub(super) fn candidate(line: &str) -> Option<Candidate> {
    let start = line.char_indices().find(|(at, _)| line.get(*at..).is_some_and(begins));
    let (digits, rest) = match start {
        Some((at, _)) => run(line.get(at..)?, usize::MAX),
        None => run(line, usize::MAX),
    };
    let is_gss = matches!(decode(&digits).first(), Some(0x60 | 0xa0 | 0xa1)) && rest.is_empty();
    if start.is_none() && !is_gss {
        return None;
    }
    let mut next = rest.chars();
    let is_odd = next.next().is_some_and(|c| c.is_ascii_hexdigit())
        && !next.next().is_some_and(char::is_alphanumeric);
    Some(Candidate {
        digits,
        ends_line: rest.is_empty(),
        trouble: is_odd.then(|| "its last digit has no other: a byte has two".into()),
        decode,
        continuation: |line| {
            let (digits, rest) = run(line, usize::MAX);
            (rest.is_empty() && !digits.is_empty() && !begins(line)).then_some(digits)
        },
    })
}

fn begins(text: &str) -> bool {
    let is_likely = text.get(..2).is_some_and(|pair| pair.eq_ignore_ascii_case("4e"));
    is_likely && decode(&run(text, 2 * SIGNATURE.len()).0) == SIGNATURE
}

/// All pairs of digits from the beginning on, up to so many digits, and what follows them.
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

/// The lines of a text, and of those that are a dump, as of hexdump, xxd and Wireshark, only the
/// bytes.
pub(super) fn without_offsets(text: &str) -> Vec<String> {
    let mut len = 0;
    let mut lines = Vec::new();
    for line in text.lines() {
        // Offsets count the bytes, or it is no dump.
        let bytes = dump_line(line).filter(|(offset, _)| *offset == len || *offset == 0);
        match bytes {
            Some((offset, digits)) => {
                len = offset + digits.len() / 2;
                lines.push(digits);
            }
            None => lines.push(line.into()),
        }
    }
    lines
}

/// Offset and bytes, of which there are 16 at most, before their letters.
fn dump_line(line: &str) -> Option<(usize, String)> {
    let (offset, rest) = line.trim_start().split_once([' ', '\t'])?;
    let offset = offset.trim_end_matches(':');
    if !(4..=8).contains(&offset.len()) {
        return None;
    }
    let offset = usize::from_str_radix(offset, 16).ok()?;
    let rest = rest.trim_start();
    // Where bytes are missing in the last line there is room.
    let rest = rest.split_once("   ").map_or(rest, |(bytes, _)| bytes);
    let is_bytes = |word: &&str| word.len() % 2 == 0 && unhex(word).is_some();
    let mut digits = String::new();
    for word in rest.split_whitespace().take_while(is_bytes) {
        if digits.len() + word.len() > 32 {
            break;
        }
        digits.push_str(word);
    }
    (!digits.is_empty()).then_some((offset, digits))
}
