//! Messages that are cut, out of order, or not messages at all, and the memory that malformed ones
//! leave behind.

use ntlm::error::{Denied, Refused, Unexpected};
use ntlm::wire::{Authenticate, AvId, ErrorKind, NegotiateFlags};
use ntlm::{Error, inspect};
use ntlm_testkit::fields::authenticate::{LM, MIC, USER};
use ntlm_testkit::fields::challenge::TARGET_NAME;
use ntlm_testkit::fields::{self, change_flags, described, with_payload};
use ntlm_testkit::{
    Fixed, PASSWORD, Proof, alice, answer, challenged, list, log_in, pairs_of, server, verdict,
};

use crate::{assert_leaks_nothing, receive, refusal, token, tokens, well_formed, wire};

/// FreeRDP read beyond the end of a type 1 message (CVE-2020-11088) and a type 3 message
/// (CVE-2020-11087), libsoup (CVE-2019-17266) and go-ntlm (issue 5) beyond that of a type 2.
#[test]
fn cve_2020_11087_2020_11088_2019_17266_go_ntlm_issue_5_truncated_messages_are_rejected() {
    for (message, header) in well_formed().iter().zip([32, 48, 52]) {
        for length in 12..header {
            assert_eq!(refusal(&message[..length]), (ErrorKind::TooShort, length), "{length}");
        }
    }
    let [_, challenge, authenticate] = well_formed();
    for length in [52, 59, 60, 63, 71, 80, 87] {
        assert_eq!(refusal(&authenticate[..length]), (ErrorKind::FieldOutside, LM), "{length}");
    }
    for length in 0..challenge.len() {
        let kind = if length < 48 { ErrorKind::TooShort } else { ErrorKind::FieldOutside };
        assert_eq!(wire(answer(&alice(), &challenge[..length])).0, kind, "{length}");
    }
    let mut without = described(&challenge[..40], TARGET_NAME, 0, 0);
    change_flags(&mut without, NegotiateFlags::NEGOTIATE_TARGET_INFO, NegotiateFlags::empty());
    for length in 32..=40 {
        assert_eq!(receive(&without[..length]), Ok(()), "{length}");
    }
}

/// If there is no payload, only the length of a message shows which fields are present.
#[test]
fn cve_2020_11087_header_of_each_length_is_parsed_or_rejected() {
    let mut empty = token("H-300")[..88].to_vec();
    empty[LM..60].fill(0);
    for length in (12..52).chain(53..64) {
        assert_eq!(refusal(&empty[..length]), (ErrorKind::TooShort, length));
    }
    for length in [52].into_iter().chain(64..=88) {
        let message = Authenticate::parse(&empty[..length]).unwrap();
        assert_eq!(message.flags.is_some(), length >= 64, "{length}");
        assert_eq!(message.version.is_some(), matches!(length, 72..80 | 88), "{length}");
        assert_eq!(message.mic.is_some(), length >= 80, "{length}");
    }
}

/// An acceptor of gss-ntlmssp before 1.3.2 freed its caller's context after a malformed message;
/// Squid's helper (CVE-2005-0096, -0097) leaked memory or dereferenced null.
#[test]
fn gss_ntlmssp_1_3_2_cve_2005_0096_0097_malformed_messages_do_not_hurt_the_acceptor() {
    let server = server();
    assert_leaks_nothing(|| {
        for message in tokens("H-3") {
            // Some are malformed only in parts that a server does not read, and prove nothing.
            let error = verdict(challenged(&server).1, &message).unwrap_err();
            let proves_nothing =
                [Refused::ResponseKind.into(), Unexpected::NoResponse.into(), WRONG_PASSWORD];
            assert!(
                matches!(error, Error::Wire(_)) || proves_nothing.contains(&error),
                "{error:?}"
            );
            assert!(log_in(&alice(), &server, PASSWORD).is_ok());
        }
    });
    let message = token("H-300");
    let nothing = fields::descriptors(&message)
        .fold(message, |message, descriptor| described(&message, descriptor, 0, 0));
    assert_eq!(receive(&nothing), Err(Refused::Anonymous.into()));
    let named = with_payload(&nothing, USER, b"a\0l\0i\0c\0e\0");
    assert_eq!(receive(&named), Err(Unexpected::NoResponse.into()));
}

const WRONG_PASSWORD: Error = Error::Denied(Denied::WrongPassword);

/// FreeRDP's hardening of 2026: short signatures, a copy of the type 1 message, and a MIC beyond
/// the end of the message.
#[test]
fn freerdp_2026_short_signatures_and_absent_mics_are_rejected() {
    for length in [0, 1, 15, 17] {
        let error = ntlm::session::Signature::try_from(&[1; 17][..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SignatureLength, "{length}");
    }
    // 4 KiB after the type 1 message, which the MIC covers.
    let negotiate = token("H-109");
    let (challenge, handshake) = server().challenge(&negotiate, &mut Fixed::default()).unwrap();
    let mut promised = pairs_of(&challenge);
    promised.push((AvId::FLAGS, vec![2, 0, 0, 0]));
    let proof = Proof::new(list(&promised));
    // The MIC is announced, but the message has no room for it or ends before it.
    let without = proof.authenticate(&challenge);
    assert_eq!(verdict(handshake, &without).unwrap_err(), Denied::MicMissing.into());
    let message = proof.with_mic(&negotiate, &challenge, Some(Default::default()));
    let resume = |negotiate: &[u8]| server().resume(negotiate, &challenge).unwrap();
    assert!(verdict(resume(&negotiate), &message).unwrap().mic_checked);
    let cut = &negotiate[..negotiate.len() - 1];
    assert_eq!(verdict(resume(cut), &message).unwrap_err(), Denied::Mic.into());
    let cut = resume(&negotiate).read(&message[..MIC], &mut Fixed::default());
    assert_eq!(wire(cut).0, ErrorKind::FieldOutside);
}

/// libsoup treated a scheme without a token as a token.
#[test]
fn libsoup_scheme_without_a_token_starts_a_login() {
    let result = server().challenge(&[], &mut Fixed::default());
    assert_eq!(wire(result), (ErrorKind::TooShort, 0));
    #[cfg(feature = "http")]
    for value in ["NTLM", "NTLM ", "Negotiate"] {
        use ntlm::http::{AuthHeader, HttpVersion, Outcome, ServerConnection, Step};
        assert!(AuthHeader::credentials(value).unwrap().is_bare());
        let mut connection = ServerConnection::new(server());
        let headers = [("Authorization", value)];
        let step = connection.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
        let Step::Outcome(Outcome::Continue(reply)) = step else { panic!("{step:?}") };
        assert_eq!(reply.values, ["NTLM"]);
    }
}

/// Squid crashed on a type 3 message without a type 1. In this crate the types enforce the order;
/// what remains is a message of the wrong type.
#[test]
fn cve_2005_2917_messages_out_of_order_are_rejected() {
    let messages = well_formed();
    let environment = &mut Fixed::default();
    for (number, message) in messages.iter().enumerate() {
        let results = [
            server().challenge(message, environment).map(drop),
            answer(&alice(), message).map(drop),
            challenged(&server()).1.read(message, environment).map(drop),
        ];
        for (receiver, result) in results.into_iter().enumerate() {
            if receiver != number {
                assert_eq!(wire(result), (ErrorKind::MessageType, 8));
            }
        }
    }
    #[cfg(feature = "http")]
    {
        use ntlm::http::{
            Error, HttpVersion, Outcome, Scheme, ServerConnection, Step, header_value,
        };
        let mut connection = ServerConnection::new(server());
        let headers = [("Authorization", header_value(Scheme::Ntlm, &messages[2]))];
        let step = connection.on_request(HttpVersion::Http11, headers, environment);
        let Step::Outcome(Outcome::Refused(refusal)) = step else { panic!("{step:?}") };
        assert_eq!(refusal.reason, Error::NoPendingChallenge);
    }
}

/// fetchmail decoded a server's error text as a type 2 message.
#[test]
fn cve_2012_3482_text_instead_of_a_challenge_is_rejected() {
    let long = "NO such mechanism. ".repeat(3000);
    for text in ["-ERR authentication failed", "+OK", "NTLMSSP ", &long] {
        assert_eq!(refusal(text.as_bytes()), (ErrorKind::Signature, 0), "{text:.20}");
    }
}

/// Wireshark's dissector overflowed. This crate's table shows any message, whichever byte of it was
/// changed.
#[test]
fn cve_2013_1590_changed_messages_give_a_table() {
    for message in ["H-100", "H-200", "H-300"].map(token) {
        for length in 0..message.len() {
            show(&message[..length]);
        }
        for byte in 0..message.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = message.clone();
                changed[byte] = value;
                show(&changed);
                let _ = receive(&changed);
            }
        }
    }
}

/// Prints the table of a message, whose length is proportional to that of the message.
fn show(message: &[u8]) {
    let table = inspect::annotate(message).to_string();
    assert!(table.len() < 4096 + 200 * message.len(), "{}", table.len());
}

/// MailEnable crashed on malformed tokens.
#[cfg(feature = "http")]
#[test]
fn cve_2006_5176_5177_malformed_tokens_are_rejected() {
    for value in ["NTLM A", "NTLM TlRMT", "NTLM TlRMTVNTUAAB\u{ff}", "NTLM TlRM=TVN"] {
        use ntlm::http::{AuthHeader, Error};
        let header = AuthHeader::credentials(value).unwrap();
        assert_eq!(header.token(), Err(Error::NotBase64), "{value}");
    }
}
