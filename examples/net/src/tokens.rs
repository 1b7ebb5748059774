//! NTLM's messages in whatever people have at hand: hexadecimal, base64, headers, logs, raw bytes.

use ntlm::wire::SIGNATURE;

use crate::der;
use crate::encoding::{unbase64, unhex};

/// All messages that the input holds, without SPNEGO around them, in their order. If there is none,
/// but the input is hexadecimal or base64 as a whole, then its bytes.
pub fn find(input: &[u8]) -> Vec<Vec<u8>> {
    if let Some(message) = message(input) {
        return vec![message.into()];
    }
    let text = String::from_utf8_lossy(input);
    let found: Vec<_> = text.lines().flat_map(in_line).collect();
    if !found.is_empty() {
        return found;
    }
    let joined = without_separators(&text);
    unhex(&joined).or_else(|| unbase64(text.trim())).filter(|b| !b.is_empty()).into_iter().collect()
}

/// A line that is hexadecimal as a whole, such as `4e:54:4c ...`, or words that are a message:
/// `< WWW-Authenticate: NTLM TlRMTVNTUAAC...`.
fn in_line(line: &str) -> Vec<Vec<u8>> {
    let whole = unhex(&without_separators(line));
    if let Some(message) = whole.as_deref().and_then(message) {
        return vec![message.into()];
    }
    let is_between = |c: char| c.is_whitespace() || ",;\"'".contains(c);
    let words = line.split(is_between).filter_map(|word| unhex(word).or_else(|| unbase64(word)));
    words.filter_map(|bytes| message(&bytes).map(Into::into)).collect()
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect()
}

/// The message that the bytes are, or that they carry as SPNEGO does: in an OCTET STRING.
fn message(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.starts_with(&SIGNATURE) {
        return Some(bytes);
    }
    (0..bytes.len()).find_map(|at| {
        let (tag, content) = der::read(&mut bytes.get(at..)?).ok()?;
        (tag == der::OCTET_STRING && content.starts_with(&SIGNATURE)).then_some(content)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{base64, hex};

    const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x07\x82\x08\0";
    const CHALLENGE: &[u8] = b"NTLMSSP\0\x02\0\0\0\0\0\0\0";

    #[track_caller]
    fn assert_found(input: impl AsRef<[u8]>, expected: &[&[u8]]) {
        assert_eq!(find(input.as_ref()), expected);
    }

    #[test]
    fn one_message_is_found_in_any_form() {
        assert_found(NEGOTIATE, &[NEGOTIATE]);
        assert_found(hex(NEGOTIATE), &[NEGOTIATE]);
        assert_found(hex(NEGOTIATE).to_uppercase() + "\n", &[NEGOTIATE]);
        let spaced = NEGOTIATE.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
        assert_found(spaced.join(" "), &[NEGOTIATE]);
        assert_found(spaced.join(":"), &[NEGOTIATE]);
        assert_found(base64(NEGOTIATE), &[NEGOTIATE]);
        assert_found(format!("Authorization: NTLM {}\r\n", base64(NEGOTIATE)), &[NEGOTIATE]);
    }

    #[test]
    fn all_messages_of_a_log_are_found_in_their_order() {
        let log = format!(
            "> GET / HTTP/1.1\n> Authorization: NTLM {}\n< HTTP/1.1 401\n\
             < WWW-Authenticate: Negotiate, NTLM {}\n",
            base64(NEGOTIATE),
            base64(CHALLENGE)
        );
        assert_found(log, &[NEGOTIATE, CHALLENGE]);
        assert_found(hex(NEGOTIATE) + "\n" + &hex(CHALLENGE), &[NEGOTIATE, CHALLENGE]);
    }

    #[test]
    fn spnego_is_taken_off() {
        let token = crate::spnego::init(NEGOTIATE);
        assert_found(&token, &[NEGOTIATE]);
        assert_found(format!("Authorization: Negotiate {}", base64(&token)), &[NEGOTIATE]);
    }

    #[test]
    fn what_is_no_message_is_taken_as_a_whole_or_not_at_all() {
        assert_found("01000000 00000000", &[&[1, 0, 0, 0, 0, 0, 0, 0]]);
        assert_found("hello, world", &[]);
        assert_found("", &[]);
        assert_found("\n", &[]);
    }
}
