//! Messages in string literals with escapes, as Python prints bytes: `b'NTLMSSP\x00\x01...'`.

use std::str::Chars;

use ntlm_net_examples::encoding::hex;

use super::{END, carried};

/// The signature, whose last byte is escaped.
const BEGINNING: &str = r"NTLMSSP\";

/// Replaces each literal that contains a message by its hexadecimal form on a line of its own.
pub(super) fn in_hex(text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGINNING) {
        let (before, after) = match literal_around(rest, at) {
            Some((start, bytes, after)) => {
                written.push_str(rest.get(..start).unwrap_or_default());
                (format!("\n{}{END}\n", hex(&bytes)), after)
            }
            None => {
                let (before, after) = rest.split_at(at + BEGINNING.len());
                (before.to_owned(), after)
            }
        };
        written.push_str(&before);
        rest = after;
    }
    written + rest
}

/// The literal around this position: where it begins, its bytes, and the text after it.
fn literal_around(text: &str, at: usize) -> Option<(usize, Vec<u8>, &str)> {
    let before = text.get(..at)?;
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let quotes = before.match_indices(['\'', '"']).map(|(quote, _)| quote);
    quotes.filter(|quote| *quote >= line).find_map(|quote| {
        let (mut bytes, mut after) = literal(text.get(quote..)?)?;
        while let Some((more, behind)) = next_line(after) {
            bytes.extend(more);
            after = behind;
        }
        carried::is_there(&bytes).then_some((quote, bytes, after))
    })
}

/// A literal on the next line, which a compiler joins with the previous one.
fn next_line(text: &str) -> Option<(Vec<u8>, &str)> {
    let next = text.trim_start_matches([' ', '\t', '\\', '\r']).strip_prefix('\n')?;
    let next = next.trim_start();
    let (bytes, after) = literal(next.strip_prefix('b').unwrap_or(next))?;
    (!carried::is_there(&bytes)).then_some((bytes, after))
}

/// The bytes of a literal that begins with a quote, and the text after its closing quote.
fn literal(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut chars = text.chars();
    let quote = chars.next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut bytes = Vec::new();
    loop {
        match chars.next()? {
            '\n' => return None,
            '\\' => bytes.push(escaped(&mut chars)?),
            c if c == quote => return Some((bytes, chars.as_str())),
            c => bytes.push(u8::try_from(c).ok()?),
        }
    }
}

/// Decodes an escape sequence, after its backslash.
fn escaped(chars: &mut Chars<'_>) -> Option<u8> {
    Some(match chars.next()? {
        'x' => number(chars, 2, 16)?,
        'u' => number(chars, 4, 16)?,
        c @ '0'..='7' => {
            let first = c.to_digit(8)?;
            let more = chars.as_str().bytes().take(2).take_while(|b| matches!(b, b'0'..=b'7'));
            let count = more.count();
            let rest = u32::from(if count > 0 { number(chars, count, 8)? } else { 0 });
            u8::try_from(first * 8_u32.pow(u32::try_from(count).ok()?) + rest).ok()?
        }
        'a' => 7,
        'b' => 8,
        't' => b'\t',
        'n' => b'\n',
        'v' => 11,
        'f' => 12,
        'r' => b'\r',
        c @ ('\\' | '\'' | '"' | '/') => u8::try_from(c).ok()?,
        _ => return None,
    })
}

/// Reads a number of this many digits.
fn number(chars: &mut Chars<'_>, len: usize, radix: u32) -> Option<u8> {
    let (digits, rest) = chars.as_str().split_at_checked(len)?;
    *chars = rest.chars();
    u8::from_str_radix(digits, radix).ok()
}
