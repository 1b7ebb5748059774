//! Tokens, names and passwords that are longer than a product's buffer.

use ntlm::crypto::{LmHash, primitives};
use ntlm::error::{Refused, Unexpected};
use ntlm::wire::{Authenticate, AvId, Challenge, ErrorKind, NtResponse};
use ntlm::{Ascii, Client, Credentials, LmCompatibility, NtHash, Text, TextError, UserName};
use ntlm_testkit::fields::{challenge::TARGET_NAME, with_payload};
use ntlm_testkit::{
    Fixed, PASSWORD, alice, alice_at, alice_with, answer, challenged, claim, hex, log_in, ntlmv2,
    peers::USER, server, server_with,
};

use crate::{named, receive, token, wire};

/// curl decoded a token of any length onto its stack. This crate checks the length first.
#[test]
fn cve_2005_0490_token_longer_than_64_kib_is_rejected() {
    let mut long = token("H-100");
    long.resize(65_536, 0);
    let challenge = |token: &[u8]| server().challenge(token, &mut Fixed::default());
    assert!(challenge(&long).is_ok());
    long.push(0);
    let counted = allocation_counter::measure(|| {
        assert_eq!(challenge(&long).unwrap_err(), Refused::TooLong.into());
        let (_, handshake) = challenged(&server());
        let error = handshake.read(&long, &mut Fixed::default()).unwrap_err();
        assert_eq!(error, Refused::TooLong.into());
        assert_eq!(answer(&alice(), &long).unwrap_err(), Refused::TooLong.into());
    });
    assert!(
        counted.bytes_max < 8192,
        "the length is checked before anything is copied: {}",
        counted.bytes_max
    );
    #[cfg(feature = "http")]
    {
        use ntlm::http::{AuthHeader, Error, MAX_TOKEN_LEN, Scheme, header_value};
        let value = header_value(Scheme::Ntlm, &vec![0; MAX_TOKEN_LEN + 1]);
        let header = AuthHeader::credentials(&value).unwrap();
        assert_eq!(header.token(), Err(Error::TooLong));
    }
}

/// curl copied names into buffers of 192 and 1024 bytes (CVE-2005-3185), and the doubled sum of
/// their lengths wrapped around (CVE-2017-8816); libntlm had 1024 bytes for the whole payload
/// (CVE-2019-17455); Squid's helper (CVE-2004-0541) and its group look-up (CVE-2020-8517) had
/// buffers of a fixed size.
#[test]
fn cve_2005_3185_2017_8816_2019_17455_2004_0541_2020_8517_names_are_sent_whole_or_rejected() {
    let server = server_with(|policy| policy.shared.max_message_len = 1 << 20);
    for length in [193, 1024, 4000, 10_000, 15_000, 30_000, 32_767] {
        let long = "x".repeat(length);
        for (user, domain) in [(&*long, ""), ("alice", &long), (&long, &long)] {
            let name = UserName::new(user).with_domain(domain);
            let (claim, _) = claim(&named(user, domain), &server);
            assert_eq!(*claim.claimed_user(), name);
            assert_eq!(claim.claimed_user().to_string().len(), name.to_string().len());
            let accepted = claim.verify_password(PASSWORD).unwrap();
            assert_eq!(accepted.user(), Some(&name), "{length}");
        }
    }
    for length in [32_768, 40_000, 1 << 20] {
        let long = "x".repeat(length);
        for client in [named(&long, "EXAMPLE"), named("alice", &long), named(&long, &long)] {
            let error = answer(&client, &token("H-200")).unwrap_err();
            assert_eq!(error, Refused::OurName(TextError::TooLong).into(), "{length}");
        }
    }
    let message = token("H-340");
    assert_eq!(Authenticate::parse(&message).unwrap().user.len(), 8000);
    assert_eq!(receive(&message), Err(Unexpected::NoResponse.into()), "the whole message is read");
}

/// curl built the type 3 message in 1024 bytes, whatever the length of the server's `TargetInfo`
/// (CVE-2019-3822); Exim's client copied the server's fields into a buffer of a fixed size
/// (CVE-2023-42116).
#[test]
fn cve_2019_3822_2023_42116_large_challenge_is_answered_or_rejected() {
    let name = [b'N', 0].repeat(15_000);
    let challenge = with_payload(&token("H-231"), TARGET_NAME, &name);
    let theirs = Challenge::parse(&challenge).unwrap().target_info.unwrap();
    assert!(theirs.as_bytes().len() > 2000);
    let token = answer(&alice(), &challenge).unwrap().token;
    let message = Authenticate::parse(&token).unwrap();
    assert_eq!(message.user, Text::from("alice").to_utf16le());
    assert_eq!(message.domain, Text::from("EXAMPLE").to_utf16le(), "the client's own domain");
    assert_eq!(message.encoded_len(), token.len());
    let repeated = ntlmv2(&token).target_info();
    assert!(theirs.iter().all(|(id, value)| repeated.get(id) == Some(value)));

    let challenge = crate::token("H-232");
    let theirs = Challenge::parse(&challenge).unwrap().target_info.unwrap();
    let with_spn = |target: &str| {
        let client = alice_with(|policy| policy.shared.max_message_len = challenge.len());
        answer(&client.with_spn(target), &challenge)
    };
    let token = with_spn("HTTP/files").unwrap().token;
    let sent = ntlmv2(&token);
    assert!(sent.as_bytes().len() > theirs.as_bytes().len() + 44);
    assert_eq!(sent.target_info().text(AvId::TARGET_NAME), Some("HTTP/files".into()));
    assert_eq!(wire(with_spn(&"x".repeat(200))).0, ErrorKind::FieldTooLong);
}

/// curl doubled the length of a password, which wrapped around (CVE-2018-14618); libsoup
/// (CVE-2026-0719) and Squid's helper (CVE-2004-0541) put passwords of any length on the stack.
#[test]
fn cve_2018_14618_2026_0719_2004_0541_long_passwords_are_hashed_whole() {
    for length in [256, 257, 10_000, 1 << 16, 1 << 20] {
        assert_hashed_whole(&"p".repeat(length));
        assert_hashed_whole(&"ä".repeat(length));
    }
    /// A password that reports more UTF-16 units than can be counted in bytes.
    struct Endless<'a>(core::str::EncodeUtf16<'a>);
    impl Iterator for Endless<'_> {
        type Item = u16;
        fn next(&mut self) -> Option<u16> {
            self.0.next()
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX / 2 + 1, None)
        }
    }
    let hash = NtHash::from_utf16(Endless(PASSWORD.encode_utf16()));
    assert_eq!(hash, NtHash::from_password(PASSWORD));
    assert!(LmHash::from_utf16(Endless(PASSWORD.encode_utf16()), &Ascii).is_some());
}

/// libsoup padded 28 characters wrongly for MD4; rubyntlm counted characters instead of bytes.
#[test]
fn libsoup_rubyntlm_0_6_5_passwords_of_any_length_are_padded_for_md4() {
    for length in 0..=64 {
        let password = &"0123456789abcdef".repeat(4)[..length];
        assert_hashed_whole(password);
        assert_eq!(primitives::md4(password.as_bytes()), md4(password.as_bytes()), "{length}");
    }
    for password in ["é", "café", "naïve façade, 28 characters!", "🔑", "パスワード"] {
        assert_hashed_whole(password);
    }
}

/// FreeRDP and sspi-rs guessed from its length whether a password was a hash.
#[test]
fn freerdp_6ae81e57d_sspi_rs_c607a229_passwords_that_look_like_hashes_are_passwords() {
    let hash = NtHash::from_password(PASSWORD);
    let digits = hex(hash.expose());
    let with_digits = Client::new(Credentials::password(USER, &digits));
    let error = log_in(&with_digits, &server(), PASSWORD).unwrap_err();
    assert_eq!(error, ntlm::error::Denied::WrongPassword.into(), "the digits are a password");
    for password in [&*digits, &digits.to_uppercase(), &digits.repeat(17), &"a".repeat(513)] {
        assert_hashed_whole(password);
    }
    let with_hash = Client::new(Credentials::nt_hash(USER, hash));
    assert!(log_in(&with_hash, &server(), PASSWORD).is_ok(), "a hash must be passed as a hash");
}

/// curl's DES wrote 24 bytes into a buffer of 21. In this crate the type fixes the length, and the
/// bytes of the message after the response are intact. `vectors.rs` checks the values.
#[test]
fn curl_2004_responses_have_24_bytes() {
    let token = answer(&alice_at(LmCompatibility::SendLmAndNtlm), &token("H-200")).unwrap().token;
    let message = Authenticate::parse(&token).unwrap();
    assert!(matches!(message.nt_response, NtResponse::V1(_)));
    assert!(message.lm_response.as_v1().is_some());
    assert_eq!(message.user, Text::from("alice").to_utf16le());
}

/// Compares the hash of a password with that of the other implementation, and logs in with it.
#[track_caller]
fn assert_hashed_whole(password: &str) {
    let right = NtHash::from(md4(&Text::from(password).to_utf16le()));
    assert_eq!(NtHash::from_password(password), right, "{} characters", password.len());
    let client = Client::new(Credentials::password(USER, password));
    assert!(claim(&client, &server()).0.proof_matches(&right));
}

/// MD4 (RFC 1320), reimplemented for comparison.
fn md4(message: &[u8]) -> [u8; 16] {
    const ORDER: [usize; 16] = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15];
    const SHIFTS: [[u32; 4]; 3] = [[3, 7, 11, 19], [3, 5, 9, 13], [3, 9, 11, 15]];
    let mut padded = [message, &[0x80]].concat();
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend_from_slice(&(message.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let words: Vec<u32> = block
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        let [mut a, mut b, mut c, mut d] = state;
        for (round, i) in (0..48).map(|step| (step / 16, step % 16)) {
            let (mixed, word, constant) = match round {
                0 => ((b & c) | (!b & d), i, 0),
                1 => ((b & c) | (b & d) | (c & d), i / 4 + i % 4 * 4, 0x5a82_7999),
                _ => (b ^ c ^ d, ORDER[i], 0x6ed9_eba1),
            };
            let sum = a.wrapping_add(mixed).wrapping_add(words[word]).wrapping_add(constant);
            (a, b, c, d) = (d, sum.rotate_left(SHIFTS[round][i % 4]), b, c);
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(word);
        }
    }
    let mut hash = [0; 16];
    for (place, word) in hash.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    hash
}
