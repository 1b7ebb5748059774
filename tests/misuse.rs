//! What a caller gets wrong is a compile error where that is possible, and otherwise an error that
//! says so; never a panic, and never a message that looks protected.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use common::{Fixed, exchange};
use ntlm::error::{Denied, Misuse};
use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::{Client, Credentials, Server};

fn server() -> Server {
    Server::new(Names::standalone("FILES"))
}

fn alice() -> Client {
    Client::new(Credentials::password("alice", "secret"))
}

/// Zeros on the wire mean that there are no bindings, so that to give them is to give none.
#[test]
fn bindings_of_zeros_are_none() {
    let zeros = ntlm::ChannelBindings::from_md5([0; 16]);
    let mut policy = ntlm::client::Policy::default();
    policy.require_channel_bindings = true;
    let client = Client::new(Credentials::password("alice", "secret"))
        .with_policy(policy)
        .with_channel_bindings(zeros.clone());
    assert_eq!(client.initiate().unwrap_err(), Misuse::NoChannelBindings.into());

    let mut policy = ntlm::server::Policy::strict();
    policy.spn = ntlm::Enforcement::IfPresent;
    let server =
        Server::new(Names::standalone("FILES")).with_policy(policy).with_channel_bindings(zeros);
    let error = server.challenge_datagram(&mut Fixed::default()).unwrap_err();
    assert_eq!(error, Misuse::NoChannelBindings.into());
}

#[test]
fn protection_cannot_be_asked_for_after_the_exchange() {
    let outcome = common::log_in(&alice(), &server(), "secret").unwrap();
    let mut session = outcome.client.into_session().unwrap();
    let mut message = *b"message";
    assert_eq!(session.seal(&mut message), Err(Misuse::NotNegotiated.into()));
    assert_eq!(&message, b"message");
}

#[test]
fn an_anonymous_client_cannot_protect_anything() {
    let client = Client::new(Credentials::anonymous()).with_protection(Protection::Sign);
    let result = exchange(&client, &server(), &mut Fixed::default());
    assert_eq!(result.err(), Some(Misuse::NoSessionSecurity.into()));
}

/// An answer to one challenge does not fit another: each exchange has its own state.
#[test]
fn answers_do_not_fit_other_challenges() {
    let environment = &mut Fixed::default();
    let (first, _) = exchange(&alice(), &server(), environment).unwrap();
    let (_, second) = exchange(&alice(), &server(), environment).unwrap();
    let claim = second.read(&first.authenticate, environment).unwrap();
    assert_eq!(common::accept(claim, "secret").unwrap_err(), Denied::WrongPassword.into());
}

/// Setting something twice keeps the last; clients and servers can be shared and changed apart.
#[test]
fn setters_change_one_clone_and_not_the_other() {
    let first = alice().with_spn("HTTP/first");
    let second = first.clone().with_spn("HTTP/second");
    let target = |client: &Client| {
        let outcome = common::log_in(client, &server(), "secret").unwrap();
        outcome.accepted.spn().unwrap().to_string()
    };
    assert_eq!(target(&first), "HTTP/first");
    assert_eq!(target(&second), "HTTP/second");
}

/// One client and one server serve many exchanges at a time.
#[test]
fn many_exchanges_at_a_time() {
    let (client, server) = (alice().with_protection(Protection::Sign), server());
    let exchanges: Vec<_> =
        (0..20).map(|_| exchange(&client, &server, &mut Fixed::default()).unwrap()).collect();
    for (exchange, handshake) in exchanges.into_iter().rev() {
        let claim = handshake.read(&exchange.authenticate, &mut Fixed::default()).unwrap();
        let accepted = common::accept(claim, "secret").unwrap();
        let keys = (exchange.client_keys, accepted.keys);
        assert_eq!(keys.0.exported_session_key().expose(), keys.1.exported_session_key().expose());
    }
}
