//! Wrong identity: repeated challenges, services and channels that were not compared, and local
//! calls.

use ntlm::error::{Denied, Refused, Unexpected};
use ntlm::server::Policy;
use ntlm::session::Protection;
use ntlm::wire::{Authenticate, Challenge, NegotiateFlags as Flags};
use ntlm::{ChannelBindings, Client, Credentials, Enforcement, EnvironmentError, Error, Text};
use ntlm_testkit::fields::authenticate::{MIC, NT};
use ntlm_testkit::fields::challenge::{self, RESERVED, SERVER_CHALLENGE};
use ntlm_testkit::fields::offset;
use ntlm_testkit::peers::USER;
use ntlm_testkit::{
    Emit, Exchange, Fixed, PASSWORD, alice, alice_with, answer, challenged, exchange,
    log_in_changed, ntlmv2, server, server_with, verdict,
};

use crate::logic::{judge, log_in};
use crate::{default, token};

/// Windows repeated challenges. `server.rs` draws many.
#[test]
fn cve_2010_0231_challenges_do_not_repeat() {
    let mut environment = Fixed::default();
    for next in [1, 9, 17] {
        let (negotiate, _) = alice().initiate().unwrap();
        let (challenge, _) = server().challenge(&negotiate, &mut environment).unwrap();
        let drawn: [u8; 8] = core::array::from_fn(|i| next + u8::try_from(i).unwrap());
        assert_eq!(
            challenge[SERVER_CHALLENGE..][..8],
            drawn,
            "the random bytes of the environment"
        );
    }
    let broken = &mut Fixed::lacking(EnvironmentError::Randomness);
    let error = server().challenge_datagram(broken).unwrap_err();
    assert_eq!(error, EnvironmentError::Randomness.into());
}

/// Windows answered a challenge of its own server that an attacker reflected to it. A server that
/// knows its SPNs rejects a client that asked for another service.
#[test]
fn cve_2008_4037_answer_for_another_service_is_rejected() {
    let server = server().with_spns(["cifs/victim"]);
    let reflected = log_in(&alice().with_spn("cifs/evil"), &server);
    assert_eq!(reflected.unwrap_err(), Denied::Spn.into());
    assert!(log_in(&alice().with_spn("CIFS/Victim"), &server).is_ok());
    // The proof covers the name.
    let evil = alice().with_spn("cifs/evil");
    let (mut sent, handshake) = exchange(&evil, &server, &mut Fixed::default()).unwrap();
    let evil = Text::from("cifs/evil").to_utf16le();
    let mut windows = sent.authenticate.windows(evil.len());
    let at = windows.position(|window| window == evil).unwrap();
    sent.authenticate[at] ^= 0x20;
    let error = verdict(handshake, &sent.authenticate).unwrap_err();
    assert_eq!(error, Denied::WrongPassword.into());
}

/// Windows did not compare channel bindings for LDAP, or only if the client sent them.
#[test]
fn cve_2017_8563_channel_bindings_are_enforced_as_the_policy_says() {
    let bad = Some(Error::from(Denied::ChannelBindings));
    let with = |binding| move |policy: &mut Policy| policy.channel_bindings = binding;
    assert!(judge("H-440", with(Enforcement::Required)).unwrap().bindings_checked);
    let wrong = |binding| {
        let server = server_with(with(binding));
        let server = server.with_channel_bindings(ChannelBindings::application_data(b"ours"));
        let theirs = ChannelBindings::application_data(b"theirs");
        log_in(&alice().with_channel_bindings(theirs), &server).err()
    };
    assert_eq!(wrong(Enforcement::Required), bad);
    assert_eq!(wrong(Enforcement::IfPresent), bad);
    assert_eq!(wrong(Enforcement::Off), None);
}

/// Exchange required no channel bindings, so a man in the middle could relay logins.
#[test]
fn cve_2024_21410_login_from_another_channel_is_rejected() {
    let server = server().with_channel_bindings(ChannelBindings::application_data(b"server"));
    let client = alice();
    let in_between = ChannelBindings::application_data(b"whoever stands in between");
    let relayed = log_in(&client.clone().with_channel_bindings(in_between), &server);
    assert_eq!(relayed.unwrap_err(), Denied::ChannelBindings.into());
    let direct = client.with_channel_bindings(ChannelBindings::application_data(b"server"));
    assert!(log_in(&direct, &server).unwrap().bindings_checked);
    // The proof covers the bindings, so changing them invalidates it.
    let (Exchange { authenticate: mut message, .. }, handshake) =
        exchange(&direct, &server, &mut Fixed::default()).unwrap();
    let at = message.windows(4).position(|header| header == [10, 0, 16, 0]).unwrap() + 4;
    message[at] ^= 1;
    assert_eq!(verdict(handshake, &message).unwrap_err(), Denied::WrongPassword.into());
}

/// pyspnego's acceptor treated bindings of zeros as valid.
#[test]
fn pyspnego_bindings_of_zeros_are_treated_as_absent() {
    let require = |policy: &mut Policy| policy.channel_bindings = Enforcement::Required;
    let require_any = |policy: &mut Policy| {
        require(policy);
        policy.allow_any_channel_bindings = true;
    };
    assert_eq!(judge("H-441", require_any).unwrap_err(), Denied::ChannelBindingsMissing.into());
    // If bindings are optional, zeros count as none.
    assert!(!judge("H-441", default).unwrap().bindings_checked);
    let any = server_with(require_any);
    let zero = alice().with_channel_bindings(ChannelBindings::from_md5([0; 16]));
    assert_eq!(log_in(&zero, &any).unwrap_err(), Denied::ChannelBindingsMissing.into());
}

/// LocalPotato: Windows skips the password for a local call, whose context is in the reserved bytes
/// of the type 2 message. This crate ignores these bytes.
#[test]
fn cve_2023_21746_cve_2025_58726_local_call_context_is_ignored() {
    let local = Flags::from_bits_retain(0x4000);
    let (plain, handshake) = challenged(&server());
    assert_eq!(plain[RESERVED..][..8], [0; 8]);
    assert!(!Challenge::parse(&plain).unwrap().flags.contains(local));
    let mut swapped = plain.clone();
    swapped[challenge::FLAGS + 1] |= 0x40;
    swapped[RESERVED..][..8].copy_from_slice(b"context\0");
    let [swapped, honest] = [&swapped, &plain].map(|it| answer(&alice(), it).unwrap().token);
    let message = Authenticate::parse(&swapped).unwrap();
    assert!(!message.flags.unwrap().contains(local));
    let [swapped, honest] = [&swapped, &honest].map(|token| *ntlmv2(token).proof());
    assert_eq!(swapped, honest, "the same response as to any server");

    // A client that sets the local-call flag is not accepted without a password either.
    let flags = Challenge::parse(&plain).unwrap().flags | local;
    let nobody = Authenticate { flags: Some(flags), ..Authenticate::default() }.to_bytes();
    assert_eq!(verdict(handshake, &nobody).unwrap_err(), Refused::Anonymous.into());
    let user = Text::from("alice").to_utf16le();
    let named = Authenticate { flags: Some(flags), user: &user, ..Default::default() }.to_bytes();
    let error = verdict(challenged(&server()).1, &named).unwrap_err();
    assert_eq!(error, Unexpected::NoResponse.into());
    let wrong = Client::new(Credentials::password(USER, "wrong"));
    let error = log_in_changed(&wrong, &server(), PASSWORD, |message| message.flags = Some(flags));
    assert_eq!(error.unwrap_err(), Denied::WrongPassword.into());
}

/// Windows trusted target names with marshalled data after them. This crate compares the whole
/// name.
#[test]
fn cve_2025_33073_cve_2025_54918_name_with_trailing_data_is_rejected() {
    let server = server().with_spns(["cifs/srv"]);
    for name in [
        "cifs/srv1UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA",
        "cifs/srv.example.com",
        "cifs/srv/",
        "cifs/srv\0",
        "cifs/sr",
        "srv",
    ] {
        let error = log_in(&alice().with_spn(name), &server).unwrap_err();
        assert_eq!(error, Denied::Spn.into(), "{name:?}");
    }
}

/// curl's random numbers overwrote the pointer to the nonce instead of the nonce.
#[test]
fn cve_2016_9594_nonces_are_random() {
    let client = alice().with_protection(Protection::Seal);
    let response = answer(&client, &token("H-200")).unwrap();
    let drawn: [u8; 24] = core::array::from_fn(|i| 1 + u8::try_from(i).unwrap());
    assert_eq!(ntlmv2(&response.token).client_challenge(), drawn[..8]);
    assert_eq!(response.keys.exported_session_key().expose()[..], drawn[8..]);
    let broken = &mut Fixed::lacking(EnvironmentError::Randomness);
    let (_, handshake) = client.initiate().unwrap();
    let error = handshake.answer(&token("H-200"), broken).unwrap_err();
    assert_eq!(error, EnvironmentError::Randomness.into());
    #[cfg(feature = "std")]
    {
        let once = || {
            let (negotiate, handshake) = client.initiate().unwrap();
            let (challenge, _) = server().challenge(&negotiate, &mut ntlm::Os).unwrap();
            let response = handshake.answer(&challenge, &mut ntlm::Os).unwrap();
            let key = *response.keys.exported_session_key().expose();
            let nonce = ntlmv2(&response.token).client_challenge();
            [&challenge[SERVER_CHALLENGE..][..8], &nonce, &key].map(<[u8]>::to_vec)
        };
        for (one, other) in once().into_iter().zip(once()) {
            assert_ne!(one, other);
            assert_ne!(one, vec![0; one.len()]);
        }
    }
}

/// curl and others sent credentials to any server that a redirect named. This crate binds a login
/// to the client's target, and a policy can block all other servers.
#[test]
fn cve_2022_27774_redirect_to_another_server_is_blocked() {
    let client = alice_with(|policy| {
        policy.shared.blocked = true;
        policy.block_exceptions = vec!["www.example.com".into()];
    });
    assert!(client.clone().with_spn("HTTP/www.example.com").initiate().is_ok());
    for target in
        ["HTTP/www.evil.com", "HTTP/www.example.com.evil.com", "HTTP/evil/www.example.com"]
    {
        let error = client.clone().with_spn(target).initiate().unwrap_err();
        assert_eq!(error, Refused::Blocked.into(), "{target}");
    }
    assert_eq!(client.initiate().unwrap_err(), Refused::Blocked.into());
}

/// gss-ntlmssp compared MIC and responses with `memcmp`, whose running time depends on the position
/// of the first difference.
#[test]
fn gss_ntlmssp_difference_at_any_position_gives_the_same_error() {
    // `tests/interop/constant_time.rs` counts the instructions of each comparison.
    // The result is the same wherever the difference is.
    let (sent, handshake) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    let whole = sent.authenticate;
    assert!(verdict(handshake, &whole).is_ok());
    for (start, denied) in [(MIC, Denied::Mic), (offset(&whole, NT), Denied::WrongPassword)] {
        for byte in start..start + 16 {
            let handshake = server().resume(&sent.negotiate, &sent.challenge).unwrap();
            let mut flipped = whole.clone();
            flipped[byte] ^= 0x80;
            assert_eq!(verdict(handshake, &flipped).unwrap_err(), denied.into(), "{byte}");
        }
    }
}
