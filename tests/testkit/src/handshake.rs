//! Both sides of a handshake in memory.

use ntlm::client::Answer;
use ntlm::crypto::LmHash;
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, UserClaim};
use ntlm::session::SessionKeys;
use ntlm::wire::Authenticate;
use ntlm::{Client, Environment, Error, NtHash, Server};

use crate::environment::Fixed;
use crate::messages;
use crate::peers::{PASSWORD, alice};

/// The three messages of a handshake, and the client's keys.
#[derive(Debug)]
pub struct Exchange {
    pub negotiate: Vec<u8>,
    pub challenge: Vec<u8>,
    pub authenticate: Vec<u8>,
    pub client_keys: SessionKeys,
}

/// A handshake up to its last message.
pub fn exchange(
    client: &Client,
    server: &Server,
    environment: &mut dyn Environment,
) -> Result<(Exchange, AwaitAuthenticate), Error> {
    let (negotiate, await_challenge) = client.initiate()?;
    let (challenge, await_authenticate) = server.challenge(&negotiate, environment)?;
    let Answer { token, keys, .. } = await_challenge.answer(&challenge, environment)?;
    let exchange = Exchange { negotiate, challenge, authenticate: token, client_keys: keys };
    Ok((exchange, await_authenticate))
}

/// A client's answer to a CHALLENGE that belongs to no NEGOTIATE of its own.
pub fn answer(client: &Client, challenge: &[u8]) -> Result<Answer, Error> {
    client.initiate()?.1.answer(challenge, &mut Fixed::default())
}

/// This server after it has sent its CHALLENGE to Alice.
pub fn challenged(server: &Server) -> (Vec<u8>, AwaitAuthenticate) {
    let (negotiate, _) = alice().initiate().expect("a NEGOTIATE");
    server.challenge(&negotiate, &mut Fixed::default()).expect("a CHALLENGE")
}

/// What a client claims to a server, and the client's keys.
pub fn claim(client: &Client, server: &Server) -> (UserClaim, SessionKeys) {
    let environment = &mut Fixed::default();
    let (sent, handshake) = exchange(client, server, environment).expect("three messages");
    let claim = handshake.read(&sent.authenticate, environment).expect("a claim");
    (user_of(claim), sent.client_keys)
}

/// The claim of a client that is not anonymous.
#[track_caller]
pub fn user_of(claim: Claim) -> UserClaim {
    match claim {
        Claim::User(claim) => claim,
        claim => panic!("{claim:?}"),
    }
}

/// Verifies a claim with a password.
pub fn accept(claim: Claim, password: &str) -> Result<Accepted, Error> {
    let nt_hash = NtHash::from_password(password);
    let lm_hash = LmHash::from_password(password, &ntlm::Ascii);
    match claim {
        Claim::User(claim) => claim.verify_hashes(&nt_hash, lm_hash.as_ref()),
        Claim::Anonymous(claim) => claim.accept(),
    }
}

/// The verdict of a server for which every user has Alice's password.
pub fn verdict(handshake: AwaitAuthenticate, authenticate: &[u8]) -> Result<Accepted, Error> {
    accept(handshake.read(authenticate, &mut Fixed::default())?, PASSWORD)
}

/// A complete handshake. For the server, every user has this password.
pub fn log_in(client: &Client, server: &Server, password: &str) -> Result<Outcome, Error> {
    let environment = &mut Fixed::default();
    let (exchange, handshake) = exchange(client, server, environment)?;
    let accepted = accept(handshake.read(&exchange.authenticate, environment)?, password)?;
    Ok(Outcome { client: exchange.client_keys, accepted })
}

/// The state of both sides at the end of a handshake.
#[derive(Debug)]
pub struct Outcome {
    pub client: SessionKeys,
    pub accepted: Accepted,
}

/// A complete handshake in which a man in the middle changes the AUTHENTICATE.
pub fn log_in_changed(
    client: &Client,
    server: &Server,
    password: &str,
    change: impl FnOnce(&mut Authenticate<'_>),
) -> Result<Accepted, Error> {
    let environment = &mut Fixed::default();
    let (exchange, handshake) = exchange(client, server, environment)?;
    let message = messages::changed(&exchange.authenticate, change);
    accept(handshake.read(&message, environment)?, password)
}
