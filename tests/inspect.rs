//! The table of a token: complete for a good one, helpful for a broken one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use common::{Fields, unhex, vector};
use ntlm::inspect::annotate;
use ntlm::wire::{Authenticate, NegotiateFlags, Signature};

/// The lines of a table, without the padding between columns.
fn lines(token: &[u8]) -> Vec<String> {
    let table = annotate(token).to_string();
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_windows_7_authenticate_is_explained_to_the_last_byte() {
    let expected = r#"
AUTHENTICATE_MESSAGE, 552 bytes
0..8 Signature "NTLMSSP\0"
8..12 MessageType 3
12..20 LmChallengeResponseFields 24 bytes at 148
20..28 NtChallengeResponseFields 380 bytes at 172
28..36 DomainNameFields 16 bytes at 88
36..44 UserNameFields 26 bytes at 104
44..52 WorkstationFields 18 bytes at 130
52..60 EncryptedRandomSessionKeyFields 0 bytes at 552
60..64 NegotiateFlags 0xa2888205
NTLMSSP_NEGOTIATE_UNICODE
NTLMSSP_REQUEST_TARGET
NTLMSSP_NEGOTIATE_NTLM
NTLMSSP_NEGOTIATE_ALWAYS_SIGN
NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY
NTLMSSP_NEGOTIATE_TARGET_INFO
NTLMSSP_NEGOTIATE_VERSION
NTLMSSP_NEGOTIATE_128
NTLMSSP_NEGOTIATE_56
64..72 Version 6.1.7600 revision 15
72..88 MIC [16 bytes]
88..104 DomainName "WS2008R2"
104..130 UserName "Administrator"
130..148 Workstation "WIN7-2-PC"
148..172 LmChallengeResponse 000000000000000000000000000000000000000000000000
172..552 NtChallengeResponse NTLMv2 response
172..188 NTProofStr [16 bytes]
188..190 RespType, HiRespType 0101
190..196 Reserved 000000000000
196..204 TimeStamp 2012-12-19 17:10:36.5364091 (the client's)
204..212 ChallengeFromClient 27fc118082c2fbdd
212..216 Reserved 00000000
"#;
    let lines = lines(&vector("epa-authenticate"));
    let expected: Vec<&str> = expected.trim().lines().collect();
    assert_eq!(lines[..expected.len()], expected);
    let has = |line: &str| assert!(lines.iter().any(|l| l == line), "{line}: {lines:#?}");
    has("216..236 MsvAvNbDomainName \"WS2008R2\"");
    has("394..402 MsvAvFlags 0x2 MIC_PRESENT");
    has("454..474 MsvAvChannelBindings 6586e99d81c2fc984e47172fd4dd0310");
    has("540..544 MsvAvEOL end of the list");
    has("382..394 MsvAvTimestamp 2012-12-19 17:10:36.5364091 (the server's)");
    has("544..552 8 bytes after the list");
}

#[test]
fn each_form_of_header_is_shown_as_it_is() {
    let has = |id: &str, line: &str| {
        let lines = lines(&vector(id));
        assert!(lines.iter().any(|l| l.contains(line)), "{id}: {line}: {lines:#?}");
    };
    let has_not = |id: &str, line: &str| {
        let lines = lines(&vector(id));
        assert!(!lines.iter().any(|l| l.contains(line)), "{id}: {line}: {lines:#?}");
    };
    has_not("davenport-type1-min", "DomainName");
    has("davenport-type1", "51..57 DomainName \"DOMAIN\"");
    has_not("chromium-negotiate", "Version");
    has("curl-type2-oem", "48..50 TargetName \"CC\"");
    has_not("curl-type2-oem", "48..56 Version");
    has_not("davenport-type3", "MIC");
    has("curl-type3-67", "112..120 UserName \"testuser\"");
    has("chromium-v2-authenticate", "72..88 MIC [16 bytes]");
    has("heimdal-type3", "310..413 103 bytes in no field");
    // pyspnego without a version: the MIC, here empty, comes right after the flags.
    let pyspnego = common::data("transcripts/smtp-pyspnego-exim-v1.json");
    let token = common::read_json(&pyspnego).bytes("authenticate").unwrap();
    let mic = format!("64..80 MIC {}", "00".repeat(16));
    assert!(lines(&token).contains(&mic), "{:#?}", lines(&token));
    assert!(!lines(&token).iter().any(|line| line.contains(" Version ")), "{:#?}", lines(&token));
}

/// A message that ends with its name: the flags that say so are found in so short a one.
#[test]
fn a_short_negotiate_shows_its_name() {
    let mut token = vector("davenport-type1-min");
    token.resize(32, 0);
    token[12..16].copy_from_slice(&0x1002_u32.to_le_bytes()); // OEM, a domain is supplied
    token[16..24].copy_from_slice(&[1, 0, 1, 0, 32, 0, 0, 0]);
    token.push(b'D');
    let table = lines(&token);
    assert!(table.contains(&"32..33 DomainName \"D\"".to_owned()), "{table:#?}");
}

#[test]
fn what_is_missing_is_said_with_its_place() {
    let challenge = vector("nlmp-4.2.4.3-challenge");
    let table = lines(&challenge[..52]);
    assert!(table.contains(&"48..56 Version missing".to_owned()), "{table:#?}");
    let (negotiate, _) = ntlm::Client::new(ntlm::Credentials::anonymous()).initiate().unwrap();
    let table = lines(&negotiate[..36]);
    assert!(table.contains(&"32..40 Version missing".to_owned()), "{table:#?}");
    // A list of pairs without its end, and one with nothing behind it.
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
fn sixteen_bytes_of_another_version_are_no_signature() {
    assert_eq!(lines(&[2; 16])[0], "no NTLM message, 16 bytes");
}

/// An offset into the header, or of a field that does not count, hides nothing: the table shows the
/// same header that is read.
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

/// Each byte of a message is in a row of its table.
#[test]
fn no_byte_is_left_out() {
    for file in std::fs::read_dir(common::data("transcripts")).unwrap() {
        let path = file.unwrap().path();
        let transcript = common::read_json(&path);
        for name in ["negotiate", "challenge", "authenticate"] {
            let token = transcript.bytes(name).unwrap();
            let mut shown = vec![false; token.len()];
            for line in lines(&token).iter().filter(|line| !line.ends_with(" missing")) {
                let range = line.split(' ').next().unwrap().split_once("..");
                let Some((start, end)) = range else { continue };
                shown[start.parse().unwrap()..end.parse().unwrap()].fill(true);
            }
            assert!(shown.iter().all(|shown| *shown), "{} {name}", path.display());
        }
    }
}

#[test]
fn a_truncated_token_is_shown_as_far_as_it_goes() {
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

/// wget's flags say UNICODE, and its names are OEM; libntlm does the opposite.
#[test]
fn a_name_in_the_other_character_set_is_shown_in_both() {
    let shown = |user: &[u8], flags| {
        let message = Authenticate { user, flags: Some(flags), ..Authenticate::default() };
        let mut token = Vec::new();
        message.emit(&mut token).unwrap();
        let lines = lines(&token);
        let line = lines.into_iter().find(|line| line.contains(" UserName ")).unwrap();
        line.split_once(" UserName ").unwrap().1.to_owned()
    };
    let (unicode, oem) = (NegotiateFlags::NEGOTIATE_UNICODE, NegotiateFlags::NEGOTIATE_OEM);
    assert_eq!(shown(b"alice", unicode), r#"616c696365 is no UTF-16; as OEM: "alice""#);
    assert_eq!(shown(b"CORP", unicode), r#""佃偒"; as OEM: "CORP""#);
    assert_eq!(shown(b"b\0o\0b\0", unicode), r#""bob""#);
    assert_eq!(shown(&[0xea, 0x96], unicode), r#""雪""#);
    assert_eq!(shown(b"b\0o\0b\0", oem), r#""b\x00o\x00b\x00"; as UTF-16: "bob""#);
    assert_eq!(shown(b"alice", oem), r#""alice""#);
    assert_eq!(shown(b"odd\0", oem), r#""odd\x00""#);
}

#[test]
fn broken_av_pairs_end_where_they_break() {
    let mut token = vector("nlmp-4.2.4.3-challenge");
    token[70] = 0xff; // the length of the first pair
    let table = lines(&token);
    assert!(table.contains(&"68..327 MsvAvNbDomainName missing".to_owned()), "{table:#?}");
    token[70] = 0x0b; // odd
    let table = lines(&token);
    assert!(table.iter().any(|line| line.ends_with("is no UTF-16")), "{table:#?}");
}

#[test]
fn what_is_no_message_is_named_if_it_can_be() {
    let starts = |token: &[u8], start: &str| {
        let table = annotate(token).to_string();
        assert!(table.starts_with(start), "{table}");
    };
    starts(b"", "no NTLM message, 0 bytes");
    starts(b"-ERR go away", "no NTLM message, 12 bytes\n     0..12");
    starts(b"NTLM TlRMTVNTUAABAAAA", "no NTLM message, 21 bytes\nit is in base64");
    starts(&Signature::DUMMY.as_bytes()[..], "NTLMSSP_MESSAGE_SIGNATURE, 16 bytes");
    starts(b"NTLMSSP\0\x04\0\0\0abc", "NTLM message of unknown type, 15 bytes");
    let transcript = common::read_json(&common::data("transcripts/spnego-gss-gss.json"));
    let token = transcript["spnego_tokens"][1].bytes("token").unwrap();
    let around =
        "SPNEGO around an NTLM message at byte 29:\nCHALLENGE_MESSAGE, 114 bytes\n     0..8 ";
    if cfg!(feature = "spnego") {
        starts(&token, "NegTokenResp, 143 bytes");
        // A byte more, in which nothing is found but the message.
        let cut = format!(
            "no NTLM message, 144 bytes\nmalformed SPNEGO token: bytes follow where an element must end, at byte 143\n{around}"
        );
        starts(&[&token[..], &[0]].concat(), &cut.replace("114", "115"));
    } else {
        starts(&token, &format!("no NTLM message, 143 bytes\n{around}"));
    }
}

#[cfg(feature = "spnego")]
mod in_spnego {
    use super::*;
    use ntlm::spnego::{Acceptor, Token};

    #[test]
    fn each_token_of_a_negotiation_is_explained_with_the_message_inside() {
        let file = common::read_json(&common::data("spnego.json"));
        let handshakes = file["handshakes"].as_array().unwrap();
        let handshake = |id: &str| handshakes.iter().find(|h| h.text("id") == Some(id)).unwrap();
        let tokens = &handshake("lib-gss-samba")["tokens"];
        let shown = |at: usize| lines(&tokens[at].bytes("token").unwrap());
        assert_eq!(
            shown(0)[..9],
            [
                "NegTokenInit, 74 bytes",
                "0..74 InitialContextToken GSS-API framing",
                "4..10 thisMech SPNEGO",
                "10..74 NegTokenInit SPNEGO",
                "16..30 mechTypes in the order of preference",
                "20..30 mechType NTLM",
                "34..74 mechToken NTLM, see below",
                "NEGOTIATE_MESSAGE, 40 bytes",
                "34..42 Signature \"NTLMSSP\\0\"",
            ]
        );
        assert_eq!(shown(0).last().unwrap(), "66..74 Version 6.2.0 revision 15");
        assert_eq!(
            shown(1)[..6],
            [
                "NegTokenResp, 189 bytes",
                "0..189 NegTokenResp SPNEGO",
                "10..11 negState accept-incomplete",
                "15..25 supportedMech NTLM",
                "31..189 responseToken NTLM, see below",
                "CHALLENGE_MESSAGE, 158 bytes",
            ]
        );
        let table = shown(2);
        assert_eq!(
            table[3..6],
            [
                "21..347 responseToken NTLM, see below",
                "351..367 mechListMIC [16 bytes]",
                "AUTHENTICATE_MESSAGE, 326 bytes",
            ]
        );
        assert!(table.contains(&"93..109 MIC [16 bytes]".into()), "{table:#?}");
        assert!(table.contains(&"311..321 UserName \"alice\"".into()), "{table:#?}");
        assert_eq!(
            shown(3),
            [
                "NegTokenResp, 29 bytes",
                "0..29 NegTokenResp SPNEGO",
                "8..9 negState accept-completed",
                "13..29 mechListMIC [16 bytes]",
            ]
        );
        let token = tokens[3].bytes("token").unwrap();
        let with_secrets = annotate(&token).with_secrets().to_string();
        assert!(with_secrets.contains(&common::hex(&token[13..])), "{with_secrets}");
    }

    #[test]
    fn hints_and_unknown_parts_are_shown() {
        let table = lines(&Acceptor::hints());
        assert_eq!(
            table[3..],
            [
                "10..74 NegTokenInit2 SPNEGO",
                "16..30 mechTypes in the order of preference",
                "20..30 mechType NTLM",
                "32..74 negHints not protected",
                "38..74 hintName \"not_defined_in_RFC4178@please_ignore\"",
            ]
        );
        // Without framing, with flags, an unknown mechanism, a message of it, a MIC and an unknown field.
        let token = "a0353033a0073005060388377fa10403020700a20a0408746f6b656e212121\
                     a30a04084d4943206d696321a90a0408756e6b6e6f776e21";
        let table = lines(&unhex(token));
        assert_eq!(
            table,
            [
                "NegTokenInit, 55 bytes",
                "0..55 NegTokenInit SPNEGO",
                "6..13 mechTypes in the order of preference",
                "10..13 mechType 88377f",
                "17..19 reqFlags 0700",
                "23..31 mechToken [8 bytes]",
                "35..43 mechListMIC [8 bytes]",
                "43..55 unknown field 9",
            ]
        );
        let table = lines(&unhex("601406092a864886f71201020201006b65726265726f"));
        assert_eq!(
            table,
            [
                "GSS-API token, 22 bytes",
                "0..22 InitialContextToken GSS-API framing",
                "4..13 thisMech Kerberos",
                "13..22 innerContextToken [9 bytes]",
            ]
        );
        assert_eq!(lines(&unhex("a10a3008a2060404aabbccdd"))[2], "8..12 responseToken [4 bytes]");
        assert_eq!(lines(&unhex("a1063004a2020400"))[2], "8..8 responseToken empty");
    }

    /// Malformed `negHints` end where they break: nothing else reads them.
    #[test]
    fn broken_hints_are_shown_as_far_as_they_go() {
        for (at, rows) in [(32, 2), (33, 2), (34, 2), (36, 1)] {
            let mut token = Acceptor::hints();
            token[at] = 0x7f;
            assert!(lines(&token).len() < 8 + rows, "{at}");
        }
    }

    #[test]
    fn every_recorded_token_is_explained_to_the_last_byte() {
        let mut count = 0;
        each_recorded_token(|id, bytes| {
            let table = lines(bytes);
            let is_empty = bytes.is_empty();
            if Token::parse(bytes).is_err() {
                assert!(table[1].starts_with("malformed SPNEGO token: "), "{id}: {table:#?}");
                assert!(id.contains("trailing") || id.contains("framed-resp"), "{id}");
                return;
            }
            let has_unknown = table.iter().any(|line| line.ends_with("in no field"));
            // gss-ntlmssp leaves two bytes before the names, if they have an odd place.
            let leaves_a_gap = id == "unicode-gss-samba" && table[0] == "NegTokenResp, 371 bytes";
            assert_eq!(has_unknown, leaves_a_gap, "{id}: {table:#?}");
            assert!(is_empty || !table[0].starts_with("no NTLM message"), "{id}: {table:#?}");
            // What is inside ends within the token.
            for line in &table {
                let range = line.split(' ').next().unwrap().split_once("..");
                let Some((start, end)) = range else { continue };
                let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
                assert!(start <= end && end <= bytes.len(), "{id}: {line}");
            }
            count += 1;
        });
        assert!(count > 700, "{count}");
    }

    #[test]
    fn each_truncation_of_a_token_makes_a_table() {
        let mut seen = std::collections::BTreeSet::new();
        each_recorded_token(|id, bytes| {
            // Peers of the same make send tokens of the same shape.
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
        let file = common::read_json(&common::data("spnego.json"));
        for group in ["handshakes", "public_tokens"] {
            for case in file[group].as_array().unwrap() {
                for token in case["tokens"].as_array().unwrap() {
                    look(case.text("id").unwrap(), &token.bytes("token").unwrap());
                }
            }
        }
    }
}

/// A table is of bounded length and made of whole lines, whatever it is made from.
#[test]
fn nonsense_makes_a_table_too() {
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
