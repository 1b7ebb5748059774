//! Dumps with offsets, as printed by xxd, hexdump, od and Wireshark.

use ntlm_net_examples::encoding::{hex, unhex};

use super::{END, MAX_LEN, carried};

/// The lines of a text, in which each dump becomes one line of hexadecimal without offsets and
/// letters. Comments of C are removed.
pub(super) fn lines(text: &str) -> Vec<String> {
    let all: Vec<_> = text.lines().collect();
    let mut next = all.as_slice();
    let mut lines = Vec::new();
    while let Some((line, rest)) = next.split_first() {
        let dump = Dump::begin(line, rest.first()).map(|dump| dump.read(rest));
        let (line, rest) = dump.unwrap_or_else(|| (without_comment(line), rest));
        lines.push(line);
        next = rest;
    }
    lines
}

/// Removes a comment; Wireshark writes the letters into comments.
fn without_comment(line: &str) -> String {
    match (line.find("/*"), line.rfind("*/")) {
        (Some(start), Some(end)) if start < end => {
            [line.get(..start), line.get(end + 2..)].into_iter().flatten().collect()
        }
        _ => line.into(),
    }
}

/// A dump that is being read.
struct Dump {
    start: usize,
    digits: String,
    /// The digits of the last line, which a `*` repeats.
    last: String,
    /// The possible radices of the offsets: those of od are octal by default.
    radices: Vec<u32>,
}

impl Dump {
    /// A line begins a dump if its offset is zero, or if the next line continues at its end.
    fn begin(line: &str, next: Option<&&str>) -> Option<Self> {
        let (offset, last) = split(line)?;
        let radices = match offset.len() {
            7 => vec![8, 10, 16],
            _ => vec![16],
        };
        let start = usize::from_str_radix(offset, 16).ok().filter(|_| !last.is_empty())?;
        let dump = Self { start, digits: last.clone(), last, radices };
        let goes_on = || next.is_some_and(|next| dump.radices_of(next).is_some());
        (start == 0 || goes_on()).then_some(dump)
    }

    /// The radices in which a line's offset equals the number of bytes so far.
    fn radices_of(&self, line: &str) -> Option<Vec<u32>> {
        let (offset, _) = split(line)?;
        let fits = |radix: &u32| self.distance(offset, *radix) == Some(0);
        let radices: Vec<_> = self.radices.iter().copied().filter(fits).collect();
        (!radices.is_empty()).then_some(radices)
    }

    /// How many bytes are missing before this offset.
    fn distance(&self, offset: &str, radix: u32) -> Option<usize> {
        let offset = usize::from_str_radix(offset, radix).ok()?;
        offset.checked_sub(self.start + self.digits.len() / 2)
    }

    /// Reads the dump; returns its digits and the lines after it.
    fn read<'a>(mut self, lines: &'a [&'a str]) -> (String, &'a [&'a str]) {
        let mut next = lines;
        while let Some((line, rest)) = next.split_first() {
            let rest = match line.trim() == "*" {
                true => rest.first().and_then(|line| self.repeat(line)).map(|()| rest),
                false => self.add(line).map(|()| rest),
            };
            let Some(rest) = rest else { break };
            next = rest;
        }
        let has_odd_length = next.first().is_some_and(|line| self.ends_in_half_a_word(line));
        if has_odd_length {
            next = next.get(1..).unwrap_or_default();
        }
        (in_order(self.digits, has_odd_length) + END, next)
    }

    /// Whether the offset on the last line is in the middle of the last word.
    fn ends_in_half_a_word(&self, line: &str) -> bool {
        let Some((offset, digits)) = split(line) else { return false };
        let end = self.start + self.digits.len() / 2;
        let is_before = |radix: &u32| usize::from_str_radix(offset, *radix).ok() == Some(end - 1);
        digits.is_empty() && self.radices.iter().any(is_before)
    }

    /// Adds a line; the last line has only an offset.
    fn add(&mut self, line: &str) -> Option<()> {
        self.radices = self.radices_of(line)?;
        let (_, digits) = split(line)?;
        self.digits.push_str(&digits);
        self.last = digits;
        Some(())
    }

    /// Repeats the last line up to the offset of this line.
    fn repeat(&mut self, line: &str) -> Option<()> {
        let (offset, _) = split(line)?;
        let missing = self.radices.iter().find_map(|radix| self.distance(offset, *radix))?;
        let repeated = self.last.len() / 2;
        if repeated == 0 || missing % repeated != 0 || missing > MAX_LEN {
            return None;
        }
        self.digits.push_str(&self.last.repeat(missing / repeated));
        Some(())
    }
}

/// The digits; with the bytes of each word swapped if only that results in a message, because hexdump
/// and `od -x` print little-endian words.
fn in_order(digits: String, has_odd_length: bool) -> String {
    let bytes = unhex(&digits).unwrap_or_default();
    let mut swapped: Vec<_> = bytes.chunks(2).flat_map(|word| word.iter().rev()).copied().collect();
    if carried::is_there(&bytes) || !carried::is_there(&swapped) {
        return digits;
    }
    if has_odd_length {
        swapped.pop();
    }
    hex(&swapped)
}

/// The offset and the digits of a line, at most 32, without the letters.
fn split(line: &str) -> Option<(&str, String)> {
    let line = line.trim_start();
    let (offset, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let offset = offset.trim_end_matches(':');
    let is_offset = offset.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_offset || !(4..=8).contains(&offset.len()) {
        return None;
    }
    let rest = rest.trim_start();
    // The last line has spaces in place of missing bytes.
    let rest = rest.split_once("   ").map_or(rest, |(bytes, _)| bytes);
    let is_bytes = |word: &&str| word.len() % 2 == 0 && unhex(word).is_some();
    let mut digits = String::new();
    for word in rest.split_whitespace().take_while(is_bytes) {
        if digits.len() + word.len() > 32 {
            break;
        }
        digits.push_str(word);
    }
    (!digits.is_empty() || rest.is_empty()).then_some((offset, digits))
}
