//! The table of a token: complete for a good one, helpful for a broken one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use common::{Fields, unhex, vector};
use ntlm::inspect::annotate;
use ntlm::wire::Signature;

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
196..204 TimeStamp 2012-12-19 17:10:36.5364091
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
    has("382..394 MsvAvTimestamp 2012-12-19 17:10:36.5364091");
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
    starts(
        &token,
        "no NTLM message, 143 bytes\nSPNEGO around an NTLM message at byte 29:\nCHALLENGE",
    );
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
