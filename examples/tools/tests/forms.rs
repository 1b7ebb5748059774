//! The messages of `tests/data` in every form in which people paste messages.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use ntlm::wire::SIGNATURE;
use ntlm_net_examples::encoding::{base64, hex, unhex};
use ntlm_tools::tokens;
use serde_json::Value;

/// The name of a form, and the function that writes a message in it.
type Form = (&'static str, fn(&[u8]) -> String);

/// Forms for bare messages and for SPNEGO.
const FORMS: [Form; 18] = [
    ("hexadecimal, as Wireshark's hex stream", hex),
    ("hexadecimal, 32 digits a line, as xxd -p -c 16", |message| wrapped(&hex(message), 32, "\n")),
    ("hexadecimal, 60 digits a line, as xxd -p", |message| wrapped(&hex(message), 60, "\n")),
    ("bytes with colons", |message| pairs(message, "").join(":")),
    ("base64", base64),
    ("base64, 64 characters a line", |message| wrapped(&base64(message), 64, "\n")),
    ("base64, 76 characters a line", |message| wrapped(&base64(message), 76, "\r\n")),
    ("xxd", xxd),
    ("hexdump -C", |message| dump(message, |at| format!("{at:08x}"), hexdump_line)),
    ("od -A o -t x1", |message| dump(message, |at| format!("{at:07o}"), od_line)),
    ("od -A d -t x1", |message| dump(message, |at| format!("{at:07}"), od_line)),
    ("hexdump", |message| dump(message, |at| format!("{at:07x}"), words)),
    ("Wireshark's dump", wireshark_dump),
    ("Wireshark's escaped string", escaped),
    ("array of C, as xxd -i", |message| {
        let body = wrapped_list(&pairs(message, "0x"), 12, ",\n  ");
        format!("unsigned char t[] = {{\n  {body}\n}};\nunsigned int t_len = {};\n", message.len())
    }),
    ("array of C, as Wireshark", array_with_letters),
    ("headers of curl -v", |message| {
        format!("> GET / HTTP/1.1\n> Authorization: NTLM {}\n> Accept: */*\n", base64(message))
    }),
    ("headers of wget -d, which come twice", |message| {
        let response = format!("  WWW-Authenticate: NTLM {}\n", base64(message));
        format!("---response begin---\n{response}---response end---\nServer response:\n{response}")
    }),
];

/// Forms for bare messages only: in decimal numbers and string literals, SPNEGO is not supported.
const BARE_FORMS: [Form; 5] = [
    ("literal of Python", |message| format!("token = {}\n", literal(message))),
    ("literal of Python over several lines", |message| {
        let lines: Vec<_> = message.chunks(20).map(literal).collect();
        format!("({})", lines.join("\n "))
    }),
    ("list of Python", |message| format!("bytes({message:?})")),
    ("list of Rust", |message| format!("token = {message:#?}")),
    ("string of JSON", |message| {
        let text: String = message.iter().map(|byte| char::from(*byte)).collect();
        format!("{{\"token\": {}}}", Value::String(text))
    }),
];

/// Each form is tested with a seventh of the messages, so the test takes seconds instead of
/// minutes.
#[test]
fn messages_survive_every_form() {
    let messages = messages(is_message);
    assert!(messages.len() > 1000, "{}", messages.len());
    for (number, message) in messages.iter().enumerate() {
        for (name, form) in FORMS.iter().chain(&BARE_FORMS).skip(number % 7).step_by(7) {
            let pasted = form(message);
            assert_eq!(tokens::find(pasted.as_bytes()).tokens, [&message[..]], "{name}: {pasted}");
        }
    }
}

/// Cut at any position, each form is read without a panic, and the beginning of the message is
/// found.
#[test]
fn truncated_forms_are_read_up_to_their_end() {
    let messages = messages(|bytes| is_message(bytes) && (100..120).contains(&bytes.len()));
    let message = messages.first().unwrap();
    for (name, form) in FORMS.iter().chain(&BARE_FORMS) {
        let pasted = form(message);
        for len in (0..pasted.len()).filter(|len| pasted.is_char_boundary(*len)) {
            for token in tokens::find(&pasted.as_bytes()[..len]).tokens {
                // The last digit of a decimal number may be missing.
                let all_but_last = &token[..token.len() - 1];
                let is_beginning =
                    message.starts_with(all_but_last) || !token.starts_with(&SIGNATURE);
                assert!(is_beginning, "{name}: {}", &pasted[..len]);
            }
        }
    }
}

/// Messages that contain another header are attacks on the border between two messages. Over several
/// lines they cannot be distinguished from two messages.
fn is_message(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE) && bytes.windows(8).filter(|part| *part == SIGNATURE).count() == 1
}

#[test]
fn messages_in_spnego_survive_every_form() {
    let is_spnego =
        |bytes: &[u8]| matches!(bytes, [0x60 | 0xa1, ..]) && tokens::find(bytes).tokens.len() == 1;
    let tokens = messages(is_spnego);
    assert!(tokens.len() > 100, "{}", tokens.len());
    for (number, token) in tokens.iter().enumerate() {
        let expected = tokens::find(token).tokens;
        for (name, form) in FORMS.iter().skip(number % 7).step_by(7) {
            let pasted = form(token);
            assert_eq!(tokens::find(pasted.as_bytes()).tokens, expected, "{name}: {pasted}");
        }
    }
}

/// The messages in the data that satisfy this condition.
fn messages(is_such: fn(&[u8]) -> bool) -> BTreeSet<Vec<u8>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let mut found = BTreeSet::new();
    for directory in [&data, &data.join("transcripts")] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = fs::read_to_string(path).unwrap();
                collect(&serde_json::from_str(&text).unwrap(), is_such, &mut found);
            }
        }
    }
    found
}

fn collect(value: &Value, is_such: fn(&[u8]) -> bool, found: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::String(text) => found.extend(unhex(text).filter(|bytes| is_such(bytes))),
        Value::Array(values) => values.iter().for_each(|value| collect(value, is_such, found)),
        Value::Object(map) => map.values().for_each(|value| collect(value, is_such, found)),
        _ => {}
    }
}

fn wrapped(digits: &str, width: usize, between: &str) -> String {
    let lines = digits.as_bytes().chunks(width).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join(between)
}

fn pairs(bytes: &[u8], prefix: &str) -> Vec<String> {
    bytes.iter().map(|byte| format!("{prefix}{byte:02x}")).collect()
}

fn wrapped_list(words: &[String], width: usize, between: &str) -> String {
    words.chunks(width).map(|line| line.join(", ")).collect::<Vec<_>>().join(between)
}

fn letters(bytes: &[u8]) -> String {
    let letter = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
    bytes.iter().map(letter).collect()
}

fn xxd(message: &[u8]) -> String {
    let line = |(number, bytes): (usize, &[u8])| {
        let words: Vec<_> = bytes.chunks(2).map(hex).collect();
        format!("{:08x}: {:<39}  {}\n", 16 * number, words.join(" "), letters(bytes))
    };
    message.chunks(16).enumerate().map(line).collect()
}

/// Writes a dump in which a `*` replaces repeated lines, and the last line is an offset.
fn dump(message: &[u8], offset: fn(usize) -> String, line: fn(&[u8]) -> String) -> String {
    let mut text = String::new();
    let mut last: Option<&[u8]> = None;
    let mut is_repeated = false;
    for (number, bytes) in message.chunks(16).enumerate() {
        if last == Some(bytes) {
            text.push_str(if is_repeated { "" } else { "*\n" });
            is_repeated = true;
            continue;
        }
        (last, is_repeated) = (Some(bytes), false);
        writeln!(text, "{}{}", offset(16 * number), line(bytes)).unwrap();
    }
    text + &offset(message.len()) + "\n"
}

fn hexdump_line(bytes: &[u8]) -> String {
    let half = |bytes: &[u8]| pairs(bytes, "").join(" ");
    let (left, right) = bytes.split_at(bytes.len().min(8));
    format!("  {:<23}  {:<23}  |{}|", half(left), half(right), letters(bytes))
}

fn od_line(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!(" {byte:02x}")).collect()
}

/// Words of a little-endian machine.
fn words(bytes: &[u8]) -> String {
    let word = |word: &[u8]| format!(" {:02x}{:02x}", word.get(1).unwrap_or(&0), word[0]);
    bytes.chunks(2).map(word).collect()
}

fn wireshark_dump(message: &[u8]) -> String {
    let line = |(number, bytes): (usize, &[u8])| {
        format!("{:04x}   {:<47}   {}\n", 16 * number, pairs(bytes, "").join(" "), letters(bytes))
    };
    message.chunks(16).enumerate().map(line).collect()
}

fn escaped(message: &[u8]) -> String {
    let line = |bytes: &[u8]| format!("\"{}\"", pairs(bytes, "\\x").concat());
    message.chunks(16).map(line).collect::<Vec<_>>().join(" \\\n")
}

fn array_with_letters(message: &[u8]) -> String {
    let line =
        |bytes: &[u8]| format!("{}, /* {} */\n", pairs(bytes, "0x").join(", "), letters(bytes));
    let lines: String = message.chunks(8).map(line).collect();
    format!("static const unsigned char pkt1[{}] = {{\n{lines}}};\n", message.len())
}

/// The format of Python's `repr`.
fn literal(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\\' => text.push_str("\\\\"),
            byte if char::from(*byte) == quote => write!(text, "\\{quote}").unwrap(),
            0x20..0x7f => text.push(char::from(*byte)),
            _ => write!(text, "\\x{byte:02x}").unwrap(),
        }
    }
    text.push(quote);
    text
}
