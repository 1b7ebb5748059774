//! NTLM's messages in whatever people have at hand: hexadecimal, base64, headers, logs, dumps, raw
//! bytes.

mod base64;
mod hex;

use ntlm::wire::{Message, SIGNATURE};

use ntlm_net_examples::der;
use ntlm_net_examples::encoding::{unbase64, unhex};

/// What an input holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// All messages, without SPNEGO around them, in their order. If there is none, but the input is
    /// hexadecimal or base64 as a whole, then its bytes.
    pub tokens: Vec<Vec<u8>>,
    /// What is wrong with them, or why there are none, for whoever pasted them.
    pub troubles: Vec<String>,
}

/// Looks for messages.
pub fn find(input: &[u8]) -> Found {
    if let Some(message) = message(input) {
        return Found { tokens: vec![message.into()], troubles: Vec::new() };
    }
    let text = String::from_utf8_lossy(input);
    let lines = hex::without_offsets(&text);
    let mut found = Found::default();
    let mut next = lines.as_slice();
    while let Some((line, rest)) = next.split_first() {
        next = rest;
        for candidate in hex::candidate(line).into_iter().chain(base64::candidates(line)) {
            next = found.add(candidate, rest).unwrap_or(next);
        }
    }
    if found.tokens.is_empty() {
        found.tokens = whole(&text).into_iter().collect();
    }
    if found.tokens.is_empty() && found.troubles.is_empty() {
        found.troubles.push(why_not(&text));
    }
    found
}

/// What may be a message, or its beginning.
struct Candidate {
    digits: String,
    /// Whether nothing comes after it in its line: then it may go on in the next one.
    ends_line: bool,
    trouble: Option<String>,
    decode: fn(&str) -> Vec<u8>,
    /// The digits in a line that has nothing else.
    continuation: fn(&str) -> Option<String>,
}

impl Found {
    /// Adds the message of a candidate, if it is one, and returns the lines that are not of it.
    fn add<'a>(
        &mut self,
        mut candidate: Candidate,
        mut next: &'a [String],
    ) -> Option<&'a [String]> {
        let mut bytes = (candidate.decode)(&candidate.digits);
        let is_short = |digits: &str| digits.len() < MAX_LEN;
        while candidate.ends_line && is_short(&candidate.digits) && !is_whole(&bytes) {
            let Some((line, rest)) = next.split_first() else { break };
            let Some(more) = (candidate.continuation)(line) else { break };
            next = rest;
            candidate.digits.push_str(&more);
            bytes = (candidate.decode)(&candidate.digits);
        }
        let token = message(&bytes).or_else(|| beginning(&bytes))?;
        let incomplete = || {
            let error = Message::parse(token).err()?;
            let len = token.len();
            Some(format!("it is not all there, or malformed: {len} bytes, {error}"))
        };
        let trouble = candidate.trouble.or_else(incomplete);
        self.tokens.push(token.into());
        let number = self.tokens.len();
        self.troubles.extend(trouble.map(|trouble| format!("message {number}: {trouble}")));
        Some(next)
    }
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

/// What there is of a message in SPNEGO that was cut short.
fn beginning(bytes: &[u8]) -> Option<&[u8]> {
    let at = bytes.windows(SIGNATURE.len()).position(|window| window == SIGNATURE)?;
    bytes.get(at..)
}

fn is_whole(bytes: &[u8]) -> bool {
    message(bytes).is_some_and(|message| Message::parse(message).is_ok())
}

/// The bytes of a text that is nothing else, whatever they mean.
fn whole(text: &str) -> Option<Vec<u8>> {
    let joined = without_separators(text);
    // Hexadecimal digits are base64 too, but nobody means that.
    let bytes = if is_hexadecimal(&joined) { unhex(&joined) } else { unbase64(&joined) };
    bytes.filter(|bytes| !bytes.is_empty())
}

fn why_not(text: &str) -> String {
    let joined = without_separators(text);
    if joined.is_empty() {
        return "there is nothing to look at".into();
    }
    if is_hexadecimal(&joined) {
        let len = joined.len();
        return format!("hexadecimal of {len} digits: bytes have two each, so one is missing");
    }
    if base64::names_other_mechanism(text) {
        return "there is a token of SPNEGO or Kerberos, and no NTLM message in it".into();
    }
    "there is no NTLM message: they begin with TlRMTVNTUA in base64, and with 4e544c4d53535000 in \
     hexadecimal"
        .into()
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect()
}

/// More digits than a message has.
const MAX_LEN: usize = 0x4_0000;

#[cfg(test)]
mod tests {
    use ntlm::spnego::hazmat::acceptor::{First, Start};
    use ntlm::spnego::hazmat::initiator::AwaitReply;
    use ntlm::{Client, Credentials, Os, Server, server::Names};

    use super::*;
    use ntlm_net_examples::encoding::{base64, hex};

    const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x07\x82\x08\0";
    const CHALLENGE: &[u8] = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x30\0\0\0\x05\x82\x08\0\
                               \x01\x02\x03\x04\x05\x06\x07\x08";

    /// Long, and in need of all its bytes.
    fn authenticate() -> Vec<u8> {
        let client = Client::new(Credentials::password(r"EXAMPLE\alice", "correct horse"));
        let (negotiate, state) = client.initiate().unwrap();
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        let (challenge, _) = server.challenge(&negotiate, &mut Os).unwrap();
        state.answer(&challenge, &mut Os).unwrap().token
    }

    #[track_caller]
    fn assert_found(input: impl AsRef<[u8]>, expected: &[&[u8]]) {
        let found = find(input.as_ref());
        assert_eq!(found.tokens, expected);
        assert_eq!(found.troubles, Vec::<String>::new());
    }

    /// What is found, which is one, and what is said of it.
    #[track_caller]
    fn trouble(input: &str) -> (Vec<u8>, String) {
        let mut found = find(input.as_bytes());
        assert_eq!((found.tokens.len(), found.troubles.len()), (1, 1), "{found:?}");
        (found.tokens.remove(0), found.troubles.remove(0))
    }

    #[test]
    fn one_message_is_found_in_any_form() {
        assert_found(NEGOTIATE, &[NEGOTIATE]);
        assert_found(hex(NEGOTIATE), &[NEGOTIATE]);
        assert_found(hex(NEGOTIATE).to_uppercase() + "\n", &[NEGOTIATE]);
        let pairs = NEGOTIATE.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
        for separator in [" ", ":", "-", ", 0x", "\\x", "  "] {
            assert_found(pairs.join(separator), &[NEGOTIATE]);
        }
        assert_found(format!("token = {{0x{}}};", pairs.join(", 0x")), &[NEGOTIATE]);
        assert_found(base64(NEGOTIATE), &[NEGOTIATE]);
        assert_found(base64(NEGOTIATE).trim_end_matches('='), &[NEGOTIATE]);
        assert_found(format!("Authorization: NTLM {}\r\n", base64(NEGOTIATE)), &[NEGOTIATE]);
    }

    #[test]
    fn words_and_quotes_around_it_are_left_out() {
        let token = base64(NEGOTIATE);
        for pasted in [
            format!("it sends \"Authorization: NTLM {token}\", and hangs."),
            format!("`NTLM {token}`"),
            format!("“{token}”"),
            format!("<td>{token}</td>"),
            format!("auth={token}&x=1"),
            format!("[NTLM:{token}]"),
            format!("{{\"header\": \"NTLM {token}\"}}"),
            format!("curl -H 'Authorization: NTLM {token}' \\"),
        ] {
            assert_eq!(find(pasted.as_bytes()).tokens, [NEGOTIATE], "{pasted}");
        }
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
        assert_found(base64(NEGOTIATE) + "\n" + &base64(CHALLENGE), &[NEGOTIATE, CHALLENGE]);
    }

    #[test]
    fn a_message_may_go_on_in_the_next_lines() {
        let authenticate = authenticate();
        let broken = |digits: &str, len, between| {
            let lines = digits.as_bytes().chunks(len).map(String::from_utf8_lossy);
            lines.collect::<Vec<_>>().join(between)
        };
        for len in [60, 64, 76, 79] {
            for between in ["\n", "\r\n\t", "\"\n  \"", " \\\n"] {
                let pasted = broken(&base64(&authenticate), len, between);
                let pasted = format!("WWW-Authenticate: NTLM {pasted}\nand so on\n");
                assert_found(pasted, &[&authenticate]);
            }
        }
        let pasted = format!("{}\nadded", broken(&hex(&authenticate), 60, "\n"));
        assert_found(pasted, &[&authenticate]);
        let in_spnego = in_spnego(&authenticate);
        assert_found(broken(&base64(&in_spnego), 64, "\n"), &[&authenticate]);
        assert_found(broken(&hex(&in_spnego), 60, "\n"), &[&authenticate]);
    }

    #[test]
    fn offsets_and_letters_of_a_dump_are_left_out() {
        let authenticate = authenticate();
        // A packet, in which the message begins somewhere.
        let packet = [&[0x60; 21][..], &authenticate].concat();
        let dump = |line: fn(usize, &[u8]) -> String| {
            let lines = packet.chunks(16).enumerate().map(|(number, b)| line(16 * number, b));
            lines.collect::<String>()
        };
        // As of Wireshark, hexdump -C, and xxd.
        assert_found(
            dump(|at, b| format!("{at:04x}   {:<47}   {}\n", spaced(b, 1), shown(b))),
            &[&authenticate],
        );
        assert_found(
            dump(|at, b| format!("{at:08x}  {:<49} |{}|\n", spaced(b, 1), shown(b))),
            &[&authenticate],
        );
        assert_found(
            dump(|at, b| format!("{at:08x}: {:<39}  {}\n", spaced(b, 2), shown(b))),
            &[&authenticate],
        );
    }

    fn spaced(bytes: &[u8], len: usize) -> String {
        bytes.chunks(len).map(hex).collect::<Vec<_>>().join(" ")
    }

    fn shown(bytes: &[u8]) -> String {
        bytes.iter().map(|b| if b.is_ascii_graphic() { *b as char } else { '.' }).collect()
    }

    #[test]
    fn spnego_is_taken_off() {
        let (token, _) = AwaitReply::offer(NEGOTIATE);
        assert_found(&token, &[NEGOTIATE]);
        assert_found(format!("Authorization: Negotiate {}", base64(&token)), &[NEGOTIATE]);
    }

    /// A later token.
    fn in_spnego(message: &[u8]) -> Vec<u8> {
        let (init, _) = AwaitReply::offer(NEGOTIATE);
        let start = Start { takes_ntlm: false, has_sent_hints: false };
        match start.read(&init).unwrap() {
            First::Negotiate(_, offer) => offer.challenge(message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_cut_off_is_shown_as_far_as_it_goes() {
        let digits = base64(&authenticate());
        let (token, said) = trouble(&format!("NTLM {}...", &digits[..60]));
        assert_eq!(token.len(), 45);
        assert!(said.starts_with("message 1: it is abbreviated"), "{said}");
        let (_, said) = trouble(&format!("NTLM {}…", &digits[..60]));
        assert!(said.starts_with("message 1: it is abbreviated"), "{said}");
        let (token, said) = trouble(&digits[..61]);
        assert_eq!(token.len(), 45);
        assert!(said.contains("61 characters"), "{said}");
        let (_, said) = trouble(&digits[..62]);
        assert!(said.contains("not all there"), "{said}");
        let (token, said) = trouble(&format!("{}?{}", &digits[..60], &digits[60..]));
        assert_eq!(token.len(), 45);
        assert!(said.contains("'?'"), "{said}");
        let (_, said) = trouble(&hex(&authenticate())[..61]);
        assert!(said.contains("digit"), "{said}");
        let in_spnego = in_spnego(&authenticate());
        let (_, said) = trouble(&base64(&in_spnego)[..160]);
        assert!(said.contains("not all there"), "{said}");
        // One character too many is one too many.
        let longer = [CHALLENGE, b"\0"].concat();
        let (token, said) = trouble(&format!("{}A", base64(&longer)));
        assert_eq!(token, longer);
        assert!(said.contains("too many"), "{said}");
    }

    #[test]
    fn what_is_no_message_is_taken_as_a_whole_or_not_at_all() {
        assert_found("01000000 00000000", &[&[1, 0, 0, 0, 0, 0, 0, 0]]);
        for (input, reason) in [
            ("", "nothing to look at"),
            (" \n", "nothing to look at"),
            ("4e544c4", "7 digits"),
            ("hello, world", "begin with TlRMTVNTUA"),
            ("Authorization: Negotiate YIIG/w==", "SPNEGO or Kerberos"),
        ] {
            let found = find(input.as_bytes());
            assert!(found.tokens.is_empty(), "{input:?}: {found:?}");
            assert!(found.troubles[0].contains(reason), "{input:?}: {found:?}");
        }
    }
}
