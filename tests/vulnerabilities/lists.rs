//! Names that are not valid text, and lists of AV pairs that are malformed, empty or contradictory.

use ntlm::error::{Denied, Unexpected};
use ntlm::wire::{Authenticate, AvId, AvPairs, Challenge, ErrorKind, NegotiateFlags};
use ntlm::{Client, Credentials, Text, TextError, UserName};
use ntlm_testkit::fields::authenticate::{DOMAIN, USER, WORKSTATION};
use ntlm_testkit::fields::challenge::{TARGET_INFO, TARGET_NAME};
use ntlm_testkit::fields::{change_flags, with_payload};
use ntlm_testkit::{
    Fixed, PASSWORD, Proof, alice, answer, challenged, list, log_in_changed, ntlmv2, server,
    user_of, verdict,
};

use crate::{assert_leaks_nothing, receive, refusal, token, wire};

fn with_list(list: &[u8]) -> Vec<u8> {
    with_payload(&token("H-200"), TARGET_INFO, list)
}

/// gss-ntlmssp wrote out of bounds for a name that could not be converted. This crate keeps lone
/// surrogates unchanged, also in what is hashed, and rejects half a code unit.
#[test]
fn cve_2023_25564_ill_formed_utf16_is_preserved() {
    let odd = with_payload(&token("H-200"), TARGET_NAME, &[0x00, 0xdc, 0x41]);
    assert_eq!(refusal(&odd), (ErrorKind::OddLength, TARGET_NAME));
    let lone = with_payload(&token("H-200"), TARGET_NAME, &[0x00, 0xd8]);
    assert_eq!(Challenge::parse(&lone).unwrap().target_name, [0x00, 0xd8]);
    assert_eq!(receive(&lone), Ok(()));

    for units in [&[0xd800][..], &[0xdc00, 0x41]] {
        let user = Text::from_utf16(units);
        let (challenge, handshake) = challenged(&server());
        let message = Proof { user, ..Proof::repeating(&challenge) }.authenticate(&challenge);
        let accepted = verdict(handshake, &message).unwrap();
        assert!(accepted.user().unwrap().user().utf16_units().eq(units.iter().copied()));
        // The name with a replacement character has another proof.
        let (_, handshake) = challenged(&server());
        let lossy = Text::from(String::from_utf16_lossy(units)).to_utf16le();
        let error = verdict(handshake, &with_payload(&message, USER, &lossy)).unwrap_err();
        assert_eq!(error, Denied::WrongPassword.into());
    }
    let error = log_in_changed(&alice(), &server(), PASSWORD, |message| message.user = b"abc");
    assert_eq!(error.unwrap_err(), Unexpected::Text(TextError::OddLength).into());
}

/// gss-ntlmssp freed memory that it did not own if a list could not be decoded.
#[test]
fn cve_2023_25565_malformed_lists_are_rejected_without_a_leak() {
    let challenges = [
        (with_list(&[1, 0, 2, 0, b'A', 0]), ErrorKind::AvPairsUnended),
        (with_list(&[7, 0, 1, 0, 9, 0, 0, 0, 0]), ErrorKind::AvPairLength(AvId::TIMESTAMP)),
        (token("H-220"), ErrorKind::AvPairLength(AvId::TIMESTAMP)),
        (token("H-222"), ErrorKind::AvPairLength(AvId::FLAGS)),
        (token("H-223"), ErrorKind::AvPairLength(AvId::TIMESTAMP)),
        (token("H-224"), ErrorKind::AvPairOutside),
        (token("H-226"), ErrorKind::AvPairOutside),
    ];
    assert_leaks_nothing(|| {
        for (challenge, kind) in challenges.iter().cycle().take(10_000) {
            assert_eq!(wire(answer(&alice(), challenge)).0, *kind);
        }
    });
}

/// gss-ntlmssp leaked memory if a name had both separators. `client.rs` tests how names are parsed.
#[test]
fn cve_2023_25566_names_with_both_separators_are_parsed_without_a_leak() {
    assert_leaks_nothing(|| {
        for (name, user, domain) in
            [("A\\b@c", "b@c", "A"), ("\\", "", ""), ("@", "@", ""), ("A\\B\\c", "B\\c", "A")]
        {
            assert_eq!(UserName::from(name), UserName::new(user).with_domain(domain), "{name}");
            let client = Client::new(Credentials::password(name, PASSWORD));
            let token = answer(&client, &token("H-200")).unwrap().token;
            let message = Authenticate::parse(&token).unwrap();
            let sent = (message.user, message.domain);
            let (user, domain) = (Text::from(user).to_utf16le(), Text::from(domain).to_utf16le());
            assert_eq!(sent, (&user[..], &domain[..]), "{name}");
        }
    });
}

/// gss-ntlmssp read 8 and 4 bytes of a value without checking its length.
#[test]
fn cve_2023_25567_values_shorter_than_their_type_are_rejected() {
    for (id, right) in [(AvId::TIMESTAMP, 8), (AvId::FLAGS, 4)] {
        for length in 0..right {
            let ended = list(&[(id, vec![1; length])]);
            for list in [&ended[..], &ended[..4 + length]] {
                let (challenge, _) = challenged(&server());
                let authenticate = Proof::new(list.to_vec()).authenticate(&challenge);
                for message in [with_list(list), authenticate] {
                    let expected = (ErrorKind::AvPairLength(id), message.len() - list.len());
                    assert_eq!(refusal(&message), expected, "{id} of {length}");
                }
            }
        }
        let last = [&id.0.to_le_bytes()[..], &[u8::try_from(right).unwrap(), 0, 1, 1, 1]].concat();
        assert_eq!(refusal(&with_list(&last)).0, ErrorKind::AvPairOutside);
    }
}

/// FreeRDP read past the end of a list of AV pairs, and used their ids as an index.
#[test]
fn cve_2020_11097_unended_list_is_rejected_and_unknown_ids_are_repeated() {
    let unended = with_list(&list(&[(AvId::NB_DOMAIN_NAME, b"D\0")])[..6]);
    assert_eq!(refusal(&unended), (ErrorKind::AvPairsUnended, unended.len()));
    assert_eq!(receive(&token("H-227")), Ok(()));
    for id in [11, 12, 0x7fff, 0x8000, u16::MAX].map(AvId) {
        let pairs = list(&[(id, b"abc")]);
        assert_eq!(AvPairs::parse(&pairs).unwrap().get(id), Some(&b"abc"[..]));
        assert_eq!(id.name(), None);
        let token = answer(&alice(), &with_list(&pairs)).unwrap().token;
        assert_eq!(ntlmv2(&token).target_info().get(id), Some(&b"abc"[..]));
    }
}

/// Linux dereferenced null for a `TargetInfo` that was announced and empty.
#[test]
fn cve_2018_1066_empty_target_info_is_treated_as_absent() {
    let mut without = token("H-200");
    change_flags(&mut without, NegotiateFlags::NEGOTIATE_TARGET_INFO, NegotiateFlags::empty());
    for challenge in [without, with_list(&[0; 4]), token("H-230")] {
        let token = answer(&alice(), &challenge).unwrap().token;
        assert!(ntlmv2(&token).target_info().iter().all(|(id, _)| id == AvId::TARGET_NAME));
    }
}

/// OpenVPN treated bytes as signed numbers, and sent part of its stack to the proxy.
#[test]
fn cve_2017_7520_only_the_list_of_the_server_is_repeated() {
    let pairs = |length| list(&[(AvId(0x7fff), vec![0xab; length])]);
    for (list, gap) in [(pairs(0x8080), 0), (pairs(0x80), 0x8080)] {
        let response = |around: u8| {
            let challenge = [&token("H-200")[..], &vec![around; gap]].concat();
            let challenge = with_payload(&challenge, TARGET_INFO, &list);
            answer(&alice(), &[&challenge[..], &[around; 100]].concat()).unwrap().token
        };
        let bytes = response(0xcd);
        let ours = [&list[..list.len() - 4], &[9, 0, 0, 0], &[0; 8]].concat();
        assert_eq!(ntlmv2(&bytes).target_info().as_bytes(), ours);
        assert_eq!(bytes, response(0x11), "the answer depends only on the list");
    }
}

/// Squid in 2025: a signature that was never compared, names that end with the message, and flags
/// in the byte order of the machine.
#[test]
fn squid_2025_signature_names_and_byte_order_are_correct() {
    for id in ["H-100", "H-200", "H-300"] {
        for byte in 0..8 {
            let mut message = token(id);
            message[byte] ^= 1;
            assert_eq!(refusal(&message), (ErrorKind::Signature, 0), "{id}, byte {byte}");
        }
    }
    for descriptor in [DOMAIN, USER, WORKSTATION] {
        let message = with_payload(&token("H-300"), descriptor, b"E\0N\0D\0");
        let claim = challenged(&server()).1.read(&message, &mut Fixed::default()).unwrap();
        let claim = user_of(claim);
        let user = claim.claimed_user();
        let names = [user.domain(), user.user(), claim.claimed_workstation()];
        assert_eq!(names.iter().filter(|name| ***name == "END").count(), 1);
    }
    let [challenge, authenticate] = ["H-200", "H-300"].map(token);
    assert_eq!(Challenge::parse(&challenge).unwrap().flags.bits(), 0xe28a_8235);
    let message = Authenticate::parse(&authenticate).unwrap();
    assert_eq!(message.flags.unwrap().bits(), 0xe288_8235);
}
