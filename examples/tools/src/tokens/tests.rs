//! Tokens as people paste them, and input without tokens.

use ntlm::spnego::hazmat::acceptor::{First, Start};
use ntlm::spnego::hazmat::initiator::AwaitReply;
use ntlm::{Client, Credentials, Os, Server, server::Names};

use super::*;
use ntlm_net_examples::encoding::{base64, hex};

const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x07\x82\x08\0";
const CHALLENGE: &[u8] = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x30\0\0\0\x05\x82\x08\0\
                           \x01\x02\x03\x04\x05\x06\x07\x08";

/// A long message that is invalid if any byte is missing.
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

/// The only message in the input, and the report of what is wrong with it.
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
fn surrounding_words_and_quotes_are_ignored() {
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
fn a_message_may_span_lines() {
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
fn offsets_and_letters_of_a_dump_are_ignored() {
    let authenticate = authenticate();
    // A packet that contains the message at an odd position.
    let packet = [&[0x60; 21][..], &authenticate].concat();
    let dump = |line: fn(usize, &[u8]) -> String| {
        let lines = packet.chunks(16).enumerate().map(|(number, b)| line(16 * number, b));
        lines.collect::<String>()
    };
    // The formats of Wireshark, hexdump -C, and xxd.
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

#[test]
fn a_dump_may_begin_in_the_middle_and_messages_end_where_spnego_says() {
    let packet =
        [&[0x60; 21][..], &[0x04, 16], NEGOTIATE, b"\x04\x20", CHALLENGE, b"more"].concat();
    let lines = packet.chunks(16).enumerate();
    let dump: String = lines
        .map(|(number, b)| format!("{:04x}   {}\n", 0x40 + 16 * number, spaced(b, 1)))
        .collect();
    assert_found(&dump, &[NEGOTIATE, CHALLENGE]);
    assert_found(&packet, &[NEGOTIATE, CHALLENGE]);
    assert_found(hex(&packet), &[NEGOTIATE, CHALLENGE]);
}

#[test]
fn a_distant_offset_does_not_fill_memory() {
    let dump = format!("00000000  {}\n*\nfffffff0  00\n", spaced(NEGOTIATE, 1));
    assert_eq!(find(dump.as_bytes()).tokens, [NEGOTIATE]);
}

#[test]
fn the_line_after_a_dump_or_an_array_is_not_part_of_it() {
    let dump = format!("00000000  {}\n00000010\ncafe\n", spaced(NEGOTIATE, 1));
    assert_found(dump, &[NEGOTIATE]);
    assert_found(format!("{NEGOTIATE:?}\ncafe"), &[NEGOTIATE]);
}

#[test]
fn surrounding_quotes_and_numbers_are_ignored() {
    let signed: Vec<_> =
        NEGOTIATE.iter().map(|byte| i8::from_be_bytes([*byte]).to_string()).collect();
    assert_found(format!("12 bytes: [{}]", signed.join(",")), &[NEGOTIATE]);
    let literal = r#"it's b'NTLMSSP\x00\x01\x00\x00\x00\x07\x82\x08\0' or "not""#;
    assert_found(literal, &[NEGOTIATE]);
    let octal = r#""NTLMSSP\0\1\0\0\0\7\202\b\000""#;
    assert_found(octal, &[NEGOTIATE]);
    assert!(find(br"NTLMSSP\x00 is how they begin").tokens.is_empty());
}

#[test]
fn a_message_that_comes_twice_is_shown_once() {
    let header = format!("WWW-Authenticate: NTLM {}\n", base64(CHALLENGE));
    assert_found(header.repeat(2), &[CHALLENGE]);
}

fn spaced(bytes: &[u8], len: usize) -> String {
    bytes.chunks(len).map(hex).collect::<Vec<_>>().join(" ")
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|b| if b.is_ascii_graphic() { *b as char } else { '.' }).collect()
}

#[test]
fn messages_are_extracted_from_spnego() {
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
fn truncated_messages_are_shown_and_reported() {
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
    // One extra character is reported.
    let longer = [CHALLENGE, b"\0"].concat();
    let (token, said) = trouble(&format!("{}A", base64(&longer)));
    assert_eq!(token, longer);
    assert!(said.contains("superfluous"), "{said}");
}

#[test]
fn input_without_a_message_is_returned_whole_or_not_at_all() {
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
