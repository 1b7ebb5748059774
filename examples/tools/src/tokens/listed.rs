//! Messages in lists of decimal numbers, as programs print arrays: `[78, 84, 76, ...]`.

use ntlm_net_examples::encoding::hex;

use super::{END, carried};

/// Replaces each list that contains a message by its hexadecimal form on a line of its own.
pub(super) fn in_hex(text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (other, after) = rest.split_at(rest.find(is_listed).unwrap_or(rest.len()));
        let end = after.find(|c| !is_listed(c)).unwrap_or(after.len());
        let (list, after) = after.split_at(end);
        written.push_str(other);
        match bytes(list).filter(|bytes| carried::is_there(bytes)) {
            Some(bytes) => written.push_str(&format!("\n{}{END}\n", hex(&bytes))),
            None => written.push_str(list),
        }
        rest = after;
    }
    written
}

fn is_listed(c: char) -> bool {
    c.is_ascii_digit() || is_between(c) || c == '-'
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || c == ','
}

fn bytes(list: &str) -> Option<Vec<u8>> {
    list.split(is_between).filter(|number| !number.is_empty()).map(byte).collect()
}

/// Parses a byte, which is signed in Java.
fn byte(number: &str) -> Option<u8> {
    let signed = number.parse::<i8>().map(|byte| byte.to_be_bytes()[0]);
    number.parse::<u8>().or(signed).ok()
}
