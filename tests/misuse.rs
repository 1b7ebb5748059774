//! API misuse is a compile error where possible and a descriptive error otherwise; it never panics,
//! and never yields a message that only looks protected.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::error::{Denied, Error, Misuse, Refused};
use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, LmCompatibility, Server, TextError};
use ntlm_testkit::{Fixed, accept, alice, alice_with, exchange, log_in, server, verdict};

/// Zeros on the wire mean that there are no bindings, so bindings of zeros are treated as absent.
#[test]
fn bindings_of_zeros_are_treated_as_absent() {
    let zeros = ntlm::ChannelBindings::from_md5([0; 16]);
    let client = alice_with(|policy| policy.require_channel_bindings = true)
        .with_channel_bindings(zeros.clone());
    assert_eq!(client.initiate().unwrap_err(), Misuse::NoChannelBindings.into());

    let mut policy = ntlm::server::Policy::strict();
    policy.spn = ntlm::Enforcement::IfPresent;
    let server = server().with_policy(policy).with_channel_bindings(zeros);
    let error = server.challenge_datagram(&mut Fixed::default()).unwrap_err();
    assert_eq!(error, Misuse::NoChannelBindings.into());
}

#[test]
fn protection_cannot_be_asked_for_after_the_handshake() {
    let outcome = log_in(&alice(), &server(), "secret").unwrap();
    let mut session = outcome.client.into_session().unwrap();
    let mut message = *b"message";
    assert_eq!(session.seal(&mut message), Err(Misuse::NotNegotiated.into()));
    assert_eq!(&message, b"message");
}

#[test]
fn anonymous_client_cannot_protect_messages() {
    let client = Client::new(Credentials::anonymous()).with_protection(Protection::Sign);
    let result = exchange(&client, &server(), &mut Fixed::default());
    assert_eq!(result.err(), Some(Misuse::NoSessionSecurity.into()));
}

/// Each handshake has its own state, so an answer to one challenge is invalid for another.
#[test]
fn answer_to_another_challenge_is_rejected() {
    let environment = &mut Fixed::default();
    let (first, _) = exchange(&alice(), &server(), environment).unwrap();
    let (_, second) = exchange(&alice(), &server(), environment).unwrap();
    assert_eq!(verdict(second, &first.authenticate).unwrap_err(), Denied::WrongPassword.into());
}

/// Setting something twice keeps the last value; clones of clients and servers are independent.
#[test]
fn setters_change_only_one_clone() {
    let first = alice().with_spn("HTTP/first");
    let second = first.clone().with_spn("HTTP/second");
    let target = |client: &Client| {
        let outcome = log_in(client, &server(), "secret").unwrap();
        outcome.accepted.spn().unwrap().to_string()
    };
    assert_eq!(target(&first), "HTTP/first");
    assert_eq!(target(&second), "HTTP/second");
}

/// One client and one server serve several handshakes at the same time.
#[test]
fn one_client_and_server_serve_several_handshakes_at_once() {
    let (client, server) = (alice().with_protection(Protection::Sign), server());
    let exchanges: Vec<_> =
        (0..20).map(|_| exchange(&client, &server, &mut Fixed::default()).unwrap()).collect();
    for (exchange, handshake) in exchanges.into_iter().rev() {
        let claim = handshake.read(&exchange.authenticate, &mut Fixed::default()).unwrap();
        let accepted = accept(claim, "secret").unwrap();
        let keys = (exchange.client_keys, accepted.keys);
        assert_eq!(keys.0.exported_session_key().expose(), keys.1.exported_session_key().expose());
    }
}

/// `check` reports each mistake in the configuration, and so does the first handshake.
#[test]
fn check_reports_each_mistake_of_a_client() {
    use ntlm::client::Policy;
    let oem_only = |policy: &mut Policy| policy.shared.offer -= NegotiateFlags::NEGOTIATE_UNICODE;
    let with = |client: Client, set: &dyn Fn(&mut Policy)| {
        let mut policy = Policy::default();
        set(&mut policy);
        client.with_policy(policy)
    };
    let greek = Client::new(Credentials::password("αλίκη", "secret"));
    let long = "x".repeat(32_768);
    let sealing = Client::new(Credentials::anonymous()).with_protection(Protection::Seal);
    for (client, error) in [
        (with(alice(), &|policy| policy.require_spn = true), Misuse::NoSpn.into()),
        (
            with(alice(), &|policy| policy.require_channel_bindings = true),
            Misuse::NoChannelBindings.into(),
        ),
        (
            with(alice(), &|policy| {
                oem_only(policy);
                policy.shared.offer -= NegotiateFlags::NEGOTIATE_OEM;
            }),
            Error::from(Misuse::NoCharacterSet),
        ),
        (sealing.clone(), Misuse::NoSessionSecurity.into()),
        (with(greek.clone(), &oem_only), Refused::OurName(TextError::NotInCodePage).into()),
        (alice().with_workstation(&*long), Refused::OurName(TextError::TooLong).into()),
        (alice().with_spn(&*long), Refused::OurName(TextError::TooLong).into()),
        (
            with(alice(), &|policy| policy.shared.require = NegotiateFlags::NEGOTIATE_SIGN),
            Refused::MissingFlags(NegotiateFlags::NEGOTIATE_SIGN).into(),
        ),
        (
            with(alice(), &|policy| policy.shared.require = NegotiateFlags::NEGOTIATE_LM_KEY),
            Refused::MissingFlags(NegotiateFlags::NEGOTIATE_LM_KEY).into(),
        ),
        (
            with(alice(), &|policy| {
                policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
                policy.shared.require_mic = true;
            }),
            Refused::NoMic.into(),
        ),
        (
            with(Client::new(Credentials::anonymous()).with_spn("HTTP/www"), &|policy| {
                policy.require_spn = true;
            }),
            Refused::NoTargetInfo.into(),
        ),
        (with(alice(), &|policy| policy.shared.blocked = true), Refused::Blocked.into()),
    ] {
        assert_eq!(client.clone().checked().unwrap_err(), error);
        assert!(exchange(&client, &server(), &mut Fixed::default()).is_err(), "{error}");
    }
    let allowed = with(sealing, &|policy| policy.shared.allow_insecure_anonymous_keys = true);
    for client in [alice(), greek, Client::new(Credentials::anonymous()), allowed] {
        client.checked().unwrap();
    }
}

#[test]
fn check_reports_each_mistake_of_a_server() {
    use ntlm::Enforcement::Required;
    use ntlm::server::Policy;
    let with = |set: &dyn Fn(&mut Policy)| {
        let mut policy = Policy::default();
        set(&mut policy);
        server().with_policy(policy)
    };
    let both = NegotiateFlags::NEGOTIATE_UNICODE | NegotiateFlags::NEGOTIATE_OEM;
    for (server, error) in [
        (Server::new(Names::standalone("")), Error::from(Misuse::NoServerName)),
        (Server::new(Names::member("FILES", "")), Misuse::NoServerName.into()),
        (with(&|policy| policy.spn = Required), Misuse::NoSpn.into()),
        (with(&|policy| policy.channel_bindings = Required), Misuse::NoChannelBindings.into()),
        (with(&|policy| policy.shared.offer -= both), Misuse::NoCharacterSet.into()),
        (
            Server::new(Names::standalone("x".repeat(32_768))),
            Refused::OurName(TextError::TooLong).into(),
        ),
        (
            with(&|policy| policy.shared.require = NegotiateFlags::NEGOTIATE_IDENTIFY),
            Refused::MissingFlags(NegotiateFlags::NEGOTIATE_IDENTIFY).into(),
        ),
        (with(&|policy| policy.shared.blocked = true), Refused::Blocked.into()),
    ] {
        assert_eq!(server.clone().checked().unwrap_err(), error);
        assert!(exchange(&alice(), &server, &mut Fixed::default()).is_err(), "{error}");
    }
    server().checked().unwrap();
    let any = with(&|policy| {
        policy.channel_bindings = Required;
        policy.allow_any_channel_bindings = true;
    });
    any.checked().unwrap();
    let lm_key = with(&|policy| {
        policy.shared.offer |= NegotiateFlags::NEGOTIATE_LM_KEY;
        policy.shared.require = NegotiateFlags::NEGOTIATE_LM_KEY;
        policy.shared.require_when_protected = NegotiateFlags::empty();
    });
    lm_key.checked().unwrap();
}

/// The result of a call to `Handshake` out of order.
#[test]
fn handshake_in_one_value_ends_once() {
    use ntlm::{client, server::Step};
    let environment = &mut Fixed::default();
    let over = Error::from(Misuse::HandshakeOver);

    let mut first = alice().handshake();
    let mut second = server().handshake();
    let client::Step::Send(negotiate) = first.step(&[], environment).unwrap() else { panic!() };
    let Step::Send(challenge) = second.step(&negotiate, environment).unwrap() else { panic!() };
    let client::Step::Done(answer) = first.step(&challenge, environment).unwrap() else { panic!() };
    let Step::Done(claim) = second.step(&answer.token, environment).unwrap() else { panic!() };
    let accepted = accept(claim, "secret").unwrap();
    assert_eq!(accepted.keys.exported_session_key(), answer.keys.exported_session_key());
    assert_eq!(first.step(&challenge, environment).unwrap_err(), over);
    assert_eq!(second.step(&answer.token, environment).unwrap_err(), over);

    // An error ends it too: each challenge allows one attempt.
    let mut second = server().handshake();
    let Step::Send(_) = second.step(&negotiate, environment).unwrap() else { panic!() };
    assert!(matches!(second.step(b"NTLMSSP", environment).unwrap_err(), Error::Wire(_)));
    assert_eq!(second.step(&answer.token, environment).unwrap_err(), over);

    // The client speaks first; in the connectionless mode, the server does.
    let wrong = Error::from(Misuse::WrongMode);
    assert_eq!(alice().handshake().step(&challenge, environment).unwrap_err(), wrong);
    let mut connectionless = server().handshake_datagram();
    assert_eq!(connectionless.step(&negotiate, environment).unwrap_err(), wrong);
}

#[test]
fn connectionless_handshake_in_one_value_completes() {
    use ntlm::{client, server::Step};
    let environment = &mut Fixed::default();
    let mut server = server().handshake_datagram();
    let Step::Send(challenge) = server.step(&[], environment).unwrap() else { panic!() };
    let mut client = alice().with_protection(Protection::Seal).handshake_datagram();
    let client::Step::Done(answer) = client.step(&challenge, environment).unwrap() else {
        panic!()
    };
    let Step::Done(claim) = server.step(&answer.token, environment).unwrap() else { panic!() };
    accept(claim, "secret").unwrap().keys.into_datagram_session().unwrap();
    answer.keys.into_datagram_session().unwrap();
}
