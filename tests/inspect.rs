//! The table of a token: complete for a good one, helpful for a broken one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::inspect::annotate;
use ntlm::wire::{Authenticate, NegotiateFlags, Signature};
use ntlm_testkit::{
    Fields, Fixed, alice, cases, exchange, fields, json, read_json, server, transcript,
    transcripts, unhex, vector,
};
use serde_json::Value;

/// The lines of a table, without the padding between columns.
fn lines(token: &[u8]) -> Vec<String> {
    let table = annotate(token).to_string();
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// `data/inspect.json` contains tokens and what their tables must contain: all rows, the first
/// ones, the last one, some rows, and words that must not occur.
#[test]
fn recorded_tokens_are_explained_as_listed() {
    let cases = cases("inspect.json").iter();
    for case in cases.filter(|case| case["needs"].is_null() || cfg!(feature = "spnego")) {
        let shown = lines(&token_of(case));
        let listed = |name: &str| -> Vec<_> {
            case[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let (rows, first) = (listed("rows"), listed("first"));
        assert!(rows.is_empty() || shown == rows, "{case}: {shown:#?}");
        assert_eq!(shown[..first.len()], first, "{case}");
        assert!(case["last"].is_null() || case["last"] == shown[shown.len() - 1], "{case}");
        for row in listed("has") {
            assert!(shown.iter().any(|shown| shown == row), "{row}: {shown:#?}");
        }
        for word in listed("lacks") {
            assert!(!shown.iter().any(|shown| shown.contains(word)), "{word}: {shown:#?}");
        }
    }
}

fn token_of(case: &Value) -> Vec<u8> {
    let recorded = |name: &str| case[name].as_str();
    if let Some(id) = recorded("vector") {
        return vector(id);
    }
    if let Some(id) = recorded("transcript") {
        return transcript(id).bytes("authenticate").unwrap();
    }
    if let Some(id) = recorded("negotiation") {
        let handshakes = read_json("spnego.json")["handshakes"].as_array().unwrap();
        let number = usize::try_from(case["number"].as_u64().unwrap()).unwrap();
        return json::find(handshakes, id)["tokens"][number].bytes("token").unwrap();
    }
    case.bytes("token").unwrap()
}

/// A message that ends with its name: the flags that announce the name are found in such a short
/// message.
#[test]
fn short_negotiate_shows_its_name() {
    let mut token = vector("davenport-type1-min");
    token.resize(32, 0);
    token[12..16].copy_from_slice(&0x1002_u32.to_le_bytes()); // OEM, a domain is present
    token[16..24].copy_from_slice(&[1, 0, 1, 0, 32, 0, 0, 0]);
    token.push(b'D');
    let table = lines(&token);
    assert!(table.contains(&"32..33 DomainName \"D\"".to_owned()), "{table:#?}");
}

#[test]
fn missing_field_is_shown_with_its_offsets() {
    let challenge = vector("nlmp-4.2.4.3-challenge");
    let table = lines(&challenge[..52]);
    assert!(table.contains(&"48..56 Version missing".to_owned()), "{table:#?}");
    let (negotiate, _) = ntlm::Client::new(ntlm::Credentials::anonymous()).initiate().unwrap();
    let table = lines(&negotiate[..36]);
    assert!(table.contains(&"32..40 Version missing".to_owned()), "{table:#?}");
    // A list of pairs without its end, and one with nothing after it.
    let end = challenge.len();
    let whole = lines(&challenge);
    assert!(whole.contains(&format!("{}..{end} MsvAvEOL end of the list", end - 4)), "{whole:#?}");
    assert!(!whole.iter().any(|line| line.contains("after the list")), "{whole:#?}");
    let mut unended = challenge[..end - 4].to_vec();
    let length = unended[40] - 4;
    (unended[40], unended[42]) = (length, length);
    let table = lines(&unended);
    assert!(table.contains(&format!("{}..{end} AV pair missing", end - 4)), "{table:#?}");
}

#[test]
fn sixteen_bytes_with_another_version_are_not_a_signature() {
    assert_eq!(lines(&[2; 16])[0], "not an NTLM message, 16 bytes");
}

/// An offset into the header, or of a field that is not used, hides nothing: the table shows the
/// same header that is parsed.
#[test]
fn odd_offsets_hide_no_part_of_the_header() {
    let mut token = vector("epa-authenticate");
    token[32..36].copy_from_slice(&8_u32.to_le_bytes()); // the domain, in the signature
    let table = lines(&token);
    assert!(table.contains(&"72..88 MIC [16 bytes]".to_owned()), "{table:#?}");
    assert!(table.contains(&"88..104 16 bytes in no field".to_owned()), "{table:#?}");

    let mut token = vector("nlmp-4.2.2.3-challenge"); // without TARGET_INFO
    token[40..48].copy_from_slice(&[4, 0, 4, 0, 48, 0, 0, 0]);
    let table = lines(&token);
    assert!(table.contains(&"40..48 TargetInfoFields 4 bytes at 48, ignored".to_owned()));
    assert!(table.contains(&"48..56 Version 6.0.6000 revision 15".to_owned()), "{table:#?}");
}

/// The other tests have a table of fields and offsets; the table of this crate must agree with it.
#[test]
fn each_field_of_a_header_is_shown_at_its_offset() {
    let (sent, _) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    for message in [sent.negotiate, sent.challenge, sent.authenticate] {
        let table = lines(&message);
        for (at, name) in fields::of(&message) {
            let shown = format!("{at}..");
            let is_shown = |line: &String| line.starts_with(&shown) && line.contains(name);
            assert!(table.iter().any(is_shown), "{name} at {at}: {table:#?}");
        }
    }
}

/// Each byte of a message is in a row of its table.
#[test]
fn every_byte_is_in_a_row() {
    for transcript in transcripts() {
        for name in ["negotiate", "challenge", "authenticate"] {
            let token = transcript.bytes(name).unwrap();
            let mut shown = vec![false; token.len()];
            for line in lines(&token).iter().filter(|line| !line.ends_with(" missing")) {
                let range = line.split(' ').next().unwrap().split_once("..");
                let Some((start, end)) = range else { continue };
                shown[start.parse().unwrap()..end.parse().unwrap()].fill(true);
            }
            assert!(shown.iter().all(|shown| *shown), "{} {name}", transcript["id"]);
        }
    }
}

#[test]
fn truncated_token_is_shown_up_to_its_end() {
    let token = vector("epa-authenticate");
    for len in 0..token.len() {
        let lines = lines(&token[..len]);
        assert!(!lines.is_empty());
        if len >= 8 {
            assert_eq!(lines[1], "0..8 Signature \"NTLMSSP\\0\"", "{len}");
        }
        if (36..552).contains(&len) {
            let outside = lines.iter().filter(|line| line.ends_with("outside the message"));
            assert!(outside.count() > 0 || len < 52, "{len}: {lines:#?}");
        }
    }
    assert_eq!(lines(&token[..9])[2], "8..12 MessageType missing");
    let cut = lines(&token[..70]);
    assert!(cut.contains(&"64..72 Version missing".to_owned()), "{cut:#?}");
    assert!(
        cut.contains(&"28..36 DomainNameFields 16 bytes at 88, outside the message".to_owned())
    );
}

#[test]
fn malformed_av_pairs_are_shown_up_to_the_error() {
    let mut token = vector("nlmp-4.2.4.3-challenge");
    token[70] = 0xff; // the length of the first pair
    let table = lines(&token);
    assert!(table.contains(&"68..327 MsvAvNbDomainName missing".to_owned()), "{table:#?}");
    token[70] = 0x0b; // odd
    let table = lines(&token);
    assert!(table.iter().any(|line| line.ends_with("is not UTF-16")), "{table:#?}");
}

#[test]
fn input_that_is_not_a_message_is_identified() {
    let starts = |token: &[u8], start: &str| {
        let table = annotate(token).to_string();
        assert!(table.starts_with(start), "{table}");
    };
    starts(b"", "not an NTLM message, 0 bytes");
    starts(b"-ERR go away", "not an NTLM message, 12 bytes\n     0..12");
    starts(b"NTLM TlRMTVNTUAABAAAA", "not an NTLM message, 21 bytes\nit is in base64");
    starts(&Signature::DUMMY.as_bytes()[..], "NTLMSSP_MESSAGE_SIGNATURE, 16 bytes");
    starts(b"NTLMSSP\0\x04\0\0\0abc", "NTLM message of unknown type, 15 bytes");
    let transcript = transcript("spnego-gss-gss");
    let token = transcript["spnego_tokens"][1].bytes("token").unwrap();
    let around =
        "SPNEGO around an NTLM message at byte 29:\nCHALLENGE_MESSAGE, 114 bytes\n     0..8 ";
    if cfg!(feature = "spnego") {
        starts(&token, "NegTokenResp, 143 bytes");
        // One more byte: only the message inside is found.
        let cut = format!(
            "not an NTLM message, 144 bytes\nmalformed SPNEGO token: bytes follow where an element must end, at byte 143\n{around}"
        );
        starts(&[&token[..], &[0]].concat(), &cut.replace("114", "115"));
    } else {
        starts(&token, &format!("not an NTLM message, 143 bytes\n{around}"));
    }
}

#[cfg(feature = "spnego")]
mod in_spnego {
    use super::*;
    use ntlm::spnego::{Acceptor, Token};
    use ntlm_testkit::hex;

    #[test]
    fn mech_list_mic_is_shown_with_secrets() {
        let handshakes = read_json("spnego.json")["handshakes"].as_array().unwrap();
        let token = json::find(handshakes, "lib-gss-samba")["tokens"][3].bytes("token").unwrap();
        let with_secrets = annotate(&token).with_secrets().to_string();
        assert!(with_secrets.contains(&hex(&token[13..])), "{with_secrets}");
    }

    #[test]
    fn hints_are_shown() {
        assert_eq!(
            lines(&Acceptor::hints())[3..],
            [
                "10..74 NegTokenInit2 SPNEGO",
                "16..30 mechTypes in the order of preference",
                "20..30 mechType NTLM",
                "32..74 negHints not protected",
                "38..74 hintName \"not_defined_in_RFC4178@please_ignore\"",
            ]
        );
    }

    /// Malformed `negHints` are shown up to the error, because no other code parses them.
    #[test]
    fn malformed_hints_are_shown_up_to_the_error() {
        for (at, rows) in [(32, 2), (33, 2), (34, 2), (36, 1)] {
            let mut token = Acceptor::hints();
            token[at] = 0x7f;
            assert!(lines(&token).len() < 8 + rows, "{at}");
        }
    }

    #[test]
    fn every_recorded_token_is_shown_to_the_last_byte() {
        let mut count = 0_usize;
        each_recorded_token(|id, bytes| {
            let table = lines(bytes);
            let is_empty = bytes.is_empty();
            if Token::parse(bytes).is_err() {
                assert!(table[1].starts_with("malformed SPNEGO token: "), "{id}: {table:#?}");
                assert!(id.contains("trailing") || id.contains("framed-resp"), "{id}");
                return;
            }
            let has_unknown = table.iter().any(|line| line.ends_with("in no field"));
            // gss-ntlmssp leaves two bytes before the names if their offset is odd.
            let leaves_a_gap = id == "unicode-gss-samba" && table[0] == "NegTokenResp, 371 bytes";
            assert_eq!(has_unknown, leaves_a_gap, "{id}: {table:#?}");
            assert!(is_empty || !table[0].starts_with("not an NTLM message"), "{id}: {table:#?}");
            // The message inside ends within the token.
            for line in &table {
                let range = line.split(' ').next().unwrap().split_once("..");
                let Some((start, end)) = range else { continue };
                let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
                assert!(start <= end && end <= bytes.len(), "{id}: {line}");
            }
            count += 1;
        });
        assert_ne!(count, 0);
    }

    #[test]
    fn each_truncation_of_a_token_gives_a_table() {
        let mut seen = std::collections::BTreeSet::new();
        each_recorded_token(|id, bytes| {
            // Peers of the same implementation send tokens of the same structure.
            let shape = (bytes.len(), bytes.first().copied());
            if Token::parse(bytes).is_err() || !seen.insert(shape) {
                return;
            }
            for len in 0..bytes.len() {
                let table = annotate(&bytes[..len]).with_secrets().to_string();
                assert!(table.ends_with('\n') && table.len() < 8192 + 200 * len, "{id}: {table}");
                let is_malformed = table.contains("\nmalformed SPNEGO token: ");
                let is_wrapped = matches!(bytes[0], 0x60 | 0xa0 | 0xa1) && len > 0;
                assert_eq!(is_malformed, is_wrapped, "{id}, {len} bytes: {table}");
            }
        });
    }

    fn each_recorded_token(mut look: impl FnMut(&str, &[u8])) {
        let file = read_json("spnego.json");
        for group in ["handshakes", "public_tokens"] {
            for case in file[group].as_array().unwrap() {
                for token in case["tokens"].as_array().unwrap() {
                    look(case.text("id").unwrap(), &token.bytes("token").unwrap());
                }
            }
        }
    }
}

/// A table has a bounded length and complete lines, whatever the input is.
#[test]
fn arbitrary_bytes_give_a_table() {
    let mut token = unhex("4e544c4d5353500003000000");
    for round in 0..200_u32 {
        for i in 0..24_u32 {
            token.push(u8::try_from((round * 31 + i * 17) % 251).unwrap());
        }
        let table = annotate(&token).with_secrets().to_string();
        assert!(table.ends_with('\n'));
        assert!(table.len() < 8192 + 200 * token.len());
    }
}

/// wget sets UNICODE in its flags and sends OEM names; libntlm does the opposite.
#[test]
fn name_in_the_other_character_set_is_shown_in_both() {
    let shown = |user: &[u8], flags| {
        let message = Authenticate { user, flags: Some(flags), ..Authenticate::default() };
        let mut token = Vec::new();
        message.emit(&mut token).unwrap();
        let lines = lines(&token);
        let line = lines.into_iter().find(|line| line.contains(" UserName ")).unwrap();
        line.split_once(" UserName ").unwrap().1.to_owned()
    };
    let (unicode, oem) = (NegotiateFlags::NEGOTIATE_UNICODE, NegotiateFlags::NEGOTIATE_OEM);
    assert_eq!(shown(b"alice", unicode), r#"616c696365 is not UTF-16; as OEM: "alice""#);
    assert_eq!(shown(b"CORP", unicode), r#""佃偒"; as OEM: "CORP""#);
    assert_eq!(shown(b"b\0o\0b\0", unicode), r#""bob""#);
    assert_eq!(shown(&[0xea, 0x96], unicode), r#""雪""#);
    assert_eq!(shown(b"b\0o\0b\0", oem), r#""b\x00o\x00b\x00"; as UTF-16: "bob""#);
    assert_eq!(shown(b"alice", oem), r#""alice""#);
    assert_eq!(shown(b"odd\0", oem), r#""odd\x00""#);
}
