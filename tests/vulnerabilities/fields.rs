//! Offsets and lengths that lie outside the message.

use ntlm::LmCompatibility;
use ntlm::error::{Denied, Refused, Unexpected};
use ntlm::wire::{Authenticate, Challenge, ErrorKind, NegotiateFlags, NtResponse};
use ntlm_testkit::fields::authenticate::{DOMAIN, LM, NT, USER, WORKSTATION};
use ntlm_testkit::fields::challenge::{TARGET_INFO, TARGET_NAME};
use ntlm_testkit::fields::{self, described, with_payload};
use ntlm_testkit::{
    Emit, Fixed, PASSWORD, Proof, alice, challenged, exchange, server, server_with, user_of,
    verdict,
};

use crate::{receive, refusal, token, well_formed, wire};

/// Lengths and offsets whose sums wrap around in 32 bits, or that are negative as signed numbers.
const OUTSIDE: [(&str, &[usize], &[usize]); 5] = [
    ("CVE-2023-25563, gss-ntlmssp", &[24], &[0xffff_fff0]),
    ("CVE-2018-16890, curl", &[48], &[0x7fff_ffff, 0xffff_ffff - 48, 0xffff_ffff]),
    ("CVE-2023-42114, Exim", &[0xffff, 0xfffe, 0x8000], &[56]),
    ("CVE-2004-0832, Squid", &[0x8000, 0xff00, 0xfffe, 0xffff], &[64]),
    ("CVE-2013-1762, stunnel", &[8], &[0x8000_0000, 0x8000_0044, 0xffff_0000, 0xffff_fff8]),
];

#[test]
fn fields_outside_the_message_are_rejected() {
    for (what, lengths, offsets) in OUTSIDE {
        for length in lengths {
            offsets.iter().for_each(|offset| assert_outside(*length, *offset, what));
        }
    }
    // FreeRDP used one function to read fields, and it wrapped (CVE-2018-8789), so all fields were
    // affected.
    for length in [1, 2, 24, 0x7fff, 0x8000, 0xffff] {
        for sum in [0_u32, 1, 8, 12, 64] {
            let offset = sum.wrapping_sub(u32::try_from(length).unwrap());
            if offset > sum {
                assert_outside(length, usize::try_from(offset).unwrap(), "CVE-2018-8789, FreeRDP");
            }
        }
    }
}

/// In each field of each message.
fn assert_outside(length: usize, offset: usize, what: &str) {
    for message in well_formed() {
        for descriptor in fields::descriptors(&message) {
            let outside = described(&message, descriptor, length, offset);
            let expected = (ErrorKind::FieldOutside, descriptor);
            assert_eq!(refusal(&outside), expected, "{what}: {length} at {offset:#x}");
        }
    }
}

/// Dovecot compared a field's length with the length of a buffer instead of the message.
#[test]
fn cve_2020_12673_field_that_ends_one_byte_outside_is_rejected() {
    for message in well_formed() {
        for descriptor in fields::descriptors(&message) {
            let outside = described(&message, descriptor, 24, message.len() - 23);
            assert_eq!(refusal(&outside), (ErrorKind::FieldOutside, descriptor));
        }
    }
}

/// go-ntlmssp's sum wrapped around, and a slice from 4 GiB to 1 panicked.
#[test]
fn cve_2026_32952_field_whose_end_wraps_around_is_rejected() {
    let challenge = token("H-205");
    for length in 1..=0xffff {
        let message = described(&challenge, TARGET_INFO, length, 0xffff_ffff);
        assert_eq!(Challenge::parse(&message).unwrap_err().kind(), ErrorKind::FieldOutside);
    }
}

/// evolution-data-server sent back the memory after a short packet.
#[test]
fn cve_2009_0582_target_info_outside_the_message_is_rejected() {
    for length in 49..500 {
        let outside = described(&token("H-200"), TARGET_INFO, length, 68);
        assert_eq!(refusal(&outside), (ErrorKind::FieldOutside, TARGET_INFO), "{length}");
    }
}

/// Exim compared bytes beyond the message, which could be the right response itself.
#[test]
fn cve_2020_12783_response_beyond_the_message_is_rejected() {
    let server =
        server_with(|policy| policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm);
    let (challenge, handshake) = challenged(&server);
    let sent = Challenge::parse(&challenge).unwrap();
    let flags = sent.flags - NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let right = ntlm::NtHash::from_password(PASSWORD).ntlmv1_response(&sent.server_challenge);
    let message = Authenticate { user: b"a\0", flags: Some(flags), ..Authenticate::default() };
    let message = message.to_bytes();
    let buffer = with_payload(&message, NT, &right);
    let result = handshake.read(&buffer[..message.len()], &mut Fixed::default());
    assert_eq!(wire(result), (ErrorKind::FieldOutside, NT));
    let (_, handshake) = challenged(&server);
    assert!(verdict(handshake, &buffer).is_ok(), "within the message the response is valid");
}

/// FreeRDP (CVE-2020-11086) read proof and client challenge of an NTLMv2 response that was too
/// short for them; Windows (CVE-2009-2524) and ksmbd (CVE-2023-0210) subtracted a header's length
/// without a check.
#[test]
fn cve_2020_11086_2009_2524_2023_0210_short_nt_responses_are_rejected() {
    let message = token("H-300");
    let start = fields::offset(&message, NT);
    for length in (1..24).chain(25..60) {
        let cut = described(&message, NT, length, start);
        match length {
            1..=23 => assert_proves_nothing(&cut),
            25..=43 => assert_eq!(refusal(&cut), (ErrorKind::NtResponseLength, start), "{length}"),
            // A server accepts a response without a list; the proof covers more.
            44 => {
                assert_eq!(refusal(&cut), (ErrorKind::AvPairsUnended, start + 44));
                let denied = verdict(challenged(&server()).1, &cut).unwrap_err();
                assert_eq!(denied, Denied::WrongPassword.into());
            }
            // The first pair has a header of 4 bytes and a value of 12.
            _ => assert_eq!(refusal(&cut), (ErrorKind::AvPairOutside, start + 44), "{length}"),
        }
    }
    let response = &fields::payload(&message, NT)[..44];
    let without_eol = with_payload(&message, NT, &[response, &[2, 0, 0, 0]].concat());
    assert_eq!(refusal(&without_eol), (ErrorKind::AvPairsUnended, message.len() + 48));
    for length in 1..4 {
        let challenge = described(&token("H-200"), TARGET_INFO, length, 68);
        assert_eq!(refusal(&challenge), (ErrorKind::AvPairOutside, 68), "{length}");
    }
    for id in ["H-330", "H-332", "H-333"] {
        assert_proves_nothing(&token(id));
    }
}

/// A message with a short NT response parses, and the server rejects it by policy.
fn assert_proves_nothing(message: &[u8]) {
    let parsed = Authenticate::parse(message).unwrap();
    assert!(matches!(parsed.nt_response, NtResponse::Short(_)), "{parsed:?}");
    assert_eq!(receive(message), Err(Refused::ResponseKind.into()));
}

/// OpenVAS read 16 bytes of a hash of any length. In this crate the type of a hash fixes its
/// length.
#[test]
fn openvas_2285_ntlmv1_responses_have_24_bytes() {
    for length in [25, 32] {
        let error = NtResponse::parse(&[0; 32][..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NtResponseLength, "{length}");
    }
    for length in [1, 8, 15, 17, 23] {
        assert!(matches!(NtResponse::parse(&[0; 32][..length]), Ok(NtResponse::Short(_))));
    }
    assert!(matches!(NtResponse::parse(&[0; 24]), Ok(NtResponse::V1(_))));
}

/// winbindd copied an LM response of any length beside an NTLMv2 response.
#[test]
fn cve_2022_2127_lm_responses_of_any_length_are_ignored() {
    let server = server_with(|policy| policy.shared.max_message_len = 1 << 20);
    for length in [0, 1, 23, 25, 65_535] {
        let (challenge, handshake) = challenged(&server);
        let message = Proof::repeating(&challenge).authenticate(&challenge);
        let message = with_payload(&message, LM, &vec![7; length]);
        let claim = user_of(handshake.read(&message, &mut Fixed::default()).unwrap());
        assert_eq!(
            claim.network_logon().unwrap().lm_response,
            b"",
            "not sent to the domain controller"
        );
        assert!(claim.verify_password(PASSWORD).is_ok(), "{length}");
    }
    let outside = described(&token("H-300"), LM, 65_535, 88);
    assert_eq!(refusal(&outside), (ErrorKind::FieldOutside, LM));
}

/// FreeRDP computed a message's length from its fields, which is too large if they overlap.
#[test]
fn cve_2020_13396_overlapping_fields_are_read_within_the_message() {
    let (sent, _) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    let (_, await_challenge) = alice().initiate().unwrap();
    // The name covers the list too.
    let both = (sent.challenge.len() - 56) / 2 * 2;
    let overlapping = described(&sent.challenge, TARGET_NAME, both, 56);
    assert!(fields::offset(&overlapping, TARGET_INFO) < 56 + both);
    let mut response = None;
    let counted = allocation_counter::measure(|| {
        response = Some(await_challenge.answer(&overlapping, &mut Fixed::default()).unwrap());
    });
    assert!(counted.bytes_max < 4096, "{}", counted.bytes_max);
    // The MIC covers the bytes received.
    let handshake = server().resume(&sent.negotiate, &overlapping).unwrap();
    let token_of_it = response.unwrap().token;
    assert!(verdict(handshake, &token_of_it).unwrap().mic_checked);
    assert_eq!(receive(&token("H-214")), Ok(()));
    // A server would have to hash the same bytes for each name.
    let (at, length) = (fields::offset(&token_of_it, NT), fields::length(&token_of_it, NT) / 2 * 2);
    let names = [DOMAIN, USER, WORKSTATION];
    let shared =
        names.into_iter().fold(token_of_it, |message, name| described(&message, name, length, at));
    assert_eq!(receive(&shared), Err(Unexpected::SharedBytes.into()));
}
