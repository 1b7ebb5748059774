//! Channel bindings that a server receives for each connection, after its CHALLENGE.

#![allow(clippy::unwrap_used, clippy::panic)]

use ntlm::error::{Denied, Error, Misuse};
use ntlm::server::{Accepted, Claimed};
use ntlm::wire::{Authenticate, NegotiateFlags};
use ntlm::{ChannelBindings, Enforcement, ResponseKind, Server};
use ntlm_testkit::{Emit, Fixed, PASSWORD, accept, alice, exchange, server_with, user_of, verdict};

fn bindings(byte: u8) -> ChannelBindings {
    ChannelBindings::tls_server_end_point(&[byte; 32]).unwrap()
}

fn server(enforcement: Enforcement) -> Server {
    server_with(|policy| policy.channel_bindings = enforcement)
}

/// A login on a connection with these bindings; the client has those of certificate 1.
fn log_in(server: &Server, ours: Option<ChannelBindings>) -> Result<Accepted, Error> {
    let environment = &mut Fixed::default();
    let client = alice().with_channel_bindings(bindings(1));
    let (negotiate, await_challenge) = client.initiate()?;
    let (challenge, mut handshake) = server.challenge(&negotiate, environment)?;
    if let Some(ours) = ours {
        handshake = handshake.with_channel_bindings(ours);
    }
    let authenticate = await_challenge.answer(&challenge, environment)?.token;
    verdict(handshake, &authenticate)
}

#[test]
fn bindings_of_the_connection_are_compared() {
    for enforcement in [Enforcement::IfPresent, Enforcement::Required] {
        let promised = server(enforcement).with_channel_bindings_per_connection();
        let own = server(enforcement).with_channel_bindings(bindings(2));
        for server in [promised, own] {
            assert!(log_in(&server, Some(bindings(1))).unwrap().bindings_checked);
            let wrong = log_in(&server, Some(bindings(2))).unwrap_err();
            assert_eq!(wrong, Denied::ChannelBindings.into());
        }
    }
}

#[test]
fn announced_bindings_that_are_not_set_fail_closed() {
    let zeros = || ChannelBindings::from_md5([0; 16]);
    for enforcement in [Enforcement::IfPresent, Enforcement::Required] {
        let promised = server(enforcement).with_channel_bindings_per_connection();
        for ours in [None, Some(zeros())] {
            let error = log_in(&promised, ours).unwrap_err();
            assert_eq!(error, Misuse::NoChannelBindings.into());
        }
    }
    // Zeros do not replace the bindings of the server.
    let own = server(Enforcement::Required).with_channel_bindings(bindings(2));
    assert_eq!(log_in(&own, Some(zeros())).unwrap_err(), Denied::ChannelBindings.into());
    // If they are not checked, nothing is missing.
    let off = server(Enforcement::Off).with_channel_bindings_per_connection();
    assert!(!log_in(&off, None).unwrap().bindings_checked);
}

/// The announced bindings are needed even if the policy accepts any bindings of clients.
#[test]
fn announced_bindings_are_needed_even_if_the_policy_allows_any() {
    let server = server_with(|policy| {
        policy.channel_bindings = Enforcement::Required;
        policy.allow_any_channel_bindings = true;
    });
    assert!(!log_in(&server, None).unwrap().bindings_checked);
    let promised = server.with_channel_bindings_per_connection();
    assert_eq!(log_in(&promised, None).unwrap_err(), Misuse::NoChannelBindings.into());
}

#[test]
fn unannounced_bindings_are_needed_before_the_challenge() {
    let server = server(Enforcement::Required);
    let (negotiate, _) = alice().initiate().unwrap();
    let error = server.challenge(&negotiate, &mut Fixed::default()).unwrap_err();
    assert_eq!(error, Misuse::NoChannelBindings.into());
}

/// The bindings of the connection are exported with the handshake, even if the policy does not need
/// them.
#[test]
fn bindings_of_the_connection_are_exported() {
    let client = alice();
    for (theirs, expected) in [(1, Ok(true)), (2, Err(Denied::ChannelBindings.into()))] {
        let environment = &mut Fixed::default();
        let server = server(Enforcement::IfPresent);
        let client = client.clone().with_channel_bindings(bindings(theirs));
        let (negotiate, await_challenge) = client.initiate().unwrap();
        let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
        let exported = handshake.with_channel_bindings(bindings(1)).export();
        let authenticate = await_challenge.answer(&challenge, environment).unwrap().token;
        let claim = server.import(exported.as_bytes()).unwrap().read(&authenticate, environment);
        let accepted = accept(claim.unwrap(), PASSWORD);
        assert_eq!(accepted.map(|accepted| accepted.bindings_checked), expected);
    }
}

/// `Handshake` accepts them too, before and after the CHALLENGE.
#[test]
fn bindings_of_the_connection_are_given_to_a_handshake_in_one_value() {
    use ntlm::{client, server::Step};
    let environment = &mut Fixed::default();
    let server = server(Enforcement::Required).with_channel_bindings_per_connection();
    for (gives_late, ours, expected) in [
        (false, 1, Ok(true)),
        (true, 1, Ok(true)),
        (false, 2, Err(Denied::ChannelBindings.into())),
        (true, 2, Err(Denied::ChannelBindings.into())),
    ] {
        let client = alice();
        let mut client = client.with_channel_bindings(bindings(1)).handshake();
        let client::Step::Send(negotiate) = client.step(&[], environment).unwrap() else {
            panic!()
        };
        let mut handshake = server.handshake();
        if !gives_late {
            handshake = handshake.with_channel_bindings(bindings(ours));
        }
        let Step::Send(challenge) = handshake.step(&negotiate, environment).unwrap() else {
            panic!()
        };
        if gives_late {
            handshake = handshake.with_channel_bindings(bindings(ours));
        }
        let client::Step::Done(answer) = client.step(&challenge, environment).unwrap() else {
            panic!()
        };
        let Step::Done(claim) = handshake.step(&answer.token, environment).unwrap() else {
            panic!()
        };
        let accepted = accept(claim, PASSWORD);
        assert_eq!(accepted.map(|accepted| accepted.bindings_checked), expected);
    }
}

/// The message and its claim report the same client to the log.
#[test]
fn message_and_claim_have_the_same_log_text() {
    let environment = &mut Fixed::default();
    let client = alice().with_workstation("PC");
    let (sent, handshake) = exchange(&client, &server(Enforcement::Off), environment).unwrap();
    let parsed = Claimed::parse(&sent.authenticate).unwrap();
    assert_eq!(parsed.responses, [ResponseKind::Ntlmv2]);
    let claim = user_of(handshake.read(&sent.authenticate, environment).unwrap());
    assert_eq!(claim.claimed(), parsed);
}

/// The names in an unauthenticated message may be long and share their bytes: they must not fill
/// the log.
#[test]
fn long_name_is_shortened_in_the_log() {
    let name = vec![b'a'; 8000];
    let message = Authenticate {
        user: &name,
        domain: &name,
        workstation: &name,
        flags: Some(NegotiateFlags::NEGOTIATE_OEM),
        ..Authenticate::default()
    };
    let authenticate = message.to_bytes();
    let line = Claimed::parse(&authenticate).unwrap().to_string();
    assert!(line.contains("aaaa") && line.len() < 3 * 600, "{} bytes", line.len());
}

/// SPNEGO passes the bindings of the connection to the inner handshake, whether they are set before
/// its first token or after the CHALLENGE.
#[cfg(feature = "spnego")]
#[test]
fn bindings_of_the_connection_are_enforced_in_spnego() {
    use ntlm::spnego::{self, Accepting, Acceptor, AwaitClient, Initiated, Initiator, Outcome};

    let server = server(Enforcement::Required).with_channel_bindings_per_connection();
    let acceptor = Acceptor::new(server);
    let client = alice();
    let initiator = Initiator::new(client.with_channel_bindings(bindings(1)));
    let logs_in = |first: fn(AwaitClient) -> AwaitClient, then: fn(AwaitClient) -> AwaitClient| {
        let environment = &mut Fixed::default();
        let (token, waiting) = initiator.initiate().unwrap();
        let step = first(acceptor.start()).read(&token, environment).unwrap();
        let Accepting::Outcome(Outcome::Send(token, state)) = step else { panic!("{step:?}") };
        let step = waiting.read(&token, environment).unwrap();
        let Initiated::Send(token, _) = step else { panic!("{step:?}") };
        match then(state).read(&token, environment)? {
            Accepting::LookUp(user) => {
                user.verify(|claim| claim.verify_password(PASSWORD)).map(drop)
            }
            step => panic!("{step:?}"),
        }
    };
    let none = |state: AwaitClient| state;
    let right = |state: AwaitClient| state.with_channel_bindings(bindings(1));
    let wrong = |state: AwaitClient| state.with_channel_bindings(bindings(2));
    assert_eq!(logs_in(right, none), Ok(()));
    assert_eq!(logs_in(none, right), Ok(()));
    assert_eq!(logs_in(wrong, right), Ok(()), "the last ones count");
    let denied = spnego::Error::Exchange(Denied::ChannelBindings.into());
    assert_eq!(logs_in(right, wrong), Err(denied));
    assert!(logs_in(none, none).is_err(), "it fails closed");
}
