//! The library's SPNEGO and a peer behind a bridge, with a man in the middle where a test has one.

use std::fmt;

use ntlm::crypto::Side;
use ntlm::session::SessionKeys;
use ntlm::spnego::{
    Acceptor, AcceptorOutcome, AcceptorStep, AwaitServer, Established, Initiated, Initiator,
    NegTokenResp, Token,
};
use ntlm::{Os, Server};

use crate::bridge::{Bridge, Step};
use crate::exchange::{Refusal, verify_user};
use crate::identities::Identity;

/// What carries the tokens of one negotiation between us and a peer.
pub struct Carrier<'a> {
    bridge: &'a mut Bridge,
    change: Box<dyn FnMut(Side, Vec<u8>) -> Vec<u8> + 'a>,
    /// What was sent so far, as [`describe`] says it.
    pub tokens: Vec<String>,
}

/// Our client has all that it waits for.
#[derive(Debug)]
pub struct LoggedIn {
    pub keys: SessionKeys,
    /// Who logged in, if the peer says so.
    pub user: Option<String>,
}

impl<'a> Carrier<'a> {
    pub fn new(bridge: &'a mut Bridge) -> Self {
        Self { bridge, change: Box::new(|_, token| token), tokens: Vec::new() }
    }

    /// Adds a man in the middle: a function of a token's sender and the token, which returns the token
    /// that arrives. The receiver answers as if the sender had sent it.
    #[must_use]
    pub fn with_change(self, change: impl FnMut(Side, Vec<u8>) -> Vec<u8> + 'a) -> Self {
        Self { change: Box::new(change), ..self }
    }

    /// Logs our client in to the peer's acceptor, which has begun.
    ///
    /// # Errors
    /// Who refused, and why.
    ///
    /// # Panics
    /// If the peer is done before our client, or the other way round.
    pub fn log_in(&mut self, initiator: &Initiator) -> Result<LoggedIn, Refusal> {
        let first = initiator.initiate()?;
        self.continue_from(first)
    }

    /// The same, from a first token that was made elsewhere, and what our client makes of the answer.
    ///
    /// # Errors
    /// Who refused, and why.
    ///
    /// # Panics
    /// If the peer is done before our client, or the other way round.
    pub fn continue_from(
        &mut self,
        (mut token, mut state): (Vec<u8>, AwaitServer),
    ) -> Result<LoggedIn, Refusal> {
        loop {
            let Step { token: answer, is_done, user } = self.send(Side::Client, token)?;
            match state.read(&answer, &mut Os)? {
                Initiated::Send(next, next_state) => (token, state) = (next, next_state),
                Initiated::Done(keys) => {
                    assert!(is_done, "the peer wants more: {self:?}");
                    return Ok(LoggedIn { keys, user });
                }
            }
        }
    }

    /// Lets the peer's initiator, which has begun, in to our server if it is one of these.
    ///
    /// # Errors
    /// Who refused, and why.
    pub fn let_in(&mut self, server: &Server, users: &[Identity]) -> Result<Established, Refusal> {
        self.let_in_to(&Acceptor::new(server.clone()), users)
    }

    /// The same with an acceptor of one's own.
    ///
    /// # Errors
    /// Who refused, and why.
    ///
    /// # Panics
    /// If the peer wants more than the last token.
    pub fn let_in_to(
        &mut self,
        acceptor: &Acceptor,
        users: &[Identity],
    ) -> Result<Established, Refusal> {
        let first = self.bridge.step(None)?.token;
        self.let_in_from(first, acceptor, users)
    }

    /// The same after the peer's initiator has made its first token.
    ///
    /// # Errors
    /// Who refused, and why.
    ///
    /// # Panics
    /// If the peer wants more than the last token.
    pub fn let_in_from(
        &mut self,
        first: Vec<u8>,
        acceptor: &Acceptor,
        users: &[Identity],
    ) -> Result<Established, Refusal> {
        let mut token = self.pass(Side::Client, first);
        let mut handshake = acceptor.handshake();
        loop {
            let outcome = match handshake.step(&token, &mut Os)? {
                AcceptorStep::LookUp(look_up) => {
                    look_up.verify(|claim| verify_user(claim, users))?
                }
                AcceptorStep::Outcome(outcome) => outcome,
            };
            match outcome {
                AcceptorOutcome::Send(answer) => token = self.send(Side::Server, answer)?.token,
                AcceptorOutcome::Done(done) => {
                    if let Some(last) = done.token.clone() {
                        let step = self.send(Side::Server, last)?;
                        assert!(step.is_done && step.token.is_empty(), "it wants more: {self:?}");
                    }
                    return Ok(done);
                }
            }
        }
    }

    /// Sends our token, and returns the peer's answer as it arrives.
    fn send(&mut self, ours: Side, token: Vec<u8>) -> Result<Step, Refusal> {
        let token = self.pass(ours, token);
        let mut step = self.bridge.step(Some(&token))?;
        if !step.token.is_empty() {
            let theirs = if ours == Side::Client { Side::Server } else { Side::Client };
            step.token = self.pass(theirs, step.token);
        }
        Ok(step)
    }

    fn pass(&mut self, from: Side, token: Vec<u8>) -> Vec<u8> {
        self.tokens.push(format!("{from:?}: {}", describe(&token)));
        (self.change)(from, token)
    }
}

impl fmt::Debug for Carrier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.fmt(f)
    }
}

/// What a token has, such as `[Ntlm] token` or `AcceptIncomplete Ntlm token mic`.
///
/// # Panics
/// If it is no token of SPNEGO.
pub fn describe(token: &[u8]) -> String {
    let mut words = Vec::new();
    match Token::parse(token).unwrap_or_else(|error| panic!("{error}: {token:02x?}")) {
        Token::Init(init) => {
            words.push(format!("{:?}", init.mech_types.iter().collect::<Vec<_>>()));
            words.extend(init.mech_token.map(|_| "token".into()));
            words.extend(init.has_hints.then(|| "hints".into()));
        }
        Token::Response(response) => {
            words.extend(response.neg_state.map(|state| format!("{state:?}")));
            words.extend(response.supported_mech.map(|mechanism| format!("{mechanism:?}")));
            words.extend(response.response_token.map(|_| "token".into()));
            words.extend(response.mech_list_mic.map(|_| "mic".into()));
        }
        other => words.push(other.kind().to_string()),
    }
    words.join(" ")
}

/// A `NegTokenInit` with these mechanisms, given as object identifiers without tag and length.
pub fn init(mechanisms: &[&[u8]], token: Option<&[u8]>) -> Vec<u8> {
    let oids: Vec<_> = mechanisms.iter().map(|oid| der(0x06, oid)).collect();
    let list = der(0xa0, &der(0x30, &oids.concat()));
    let token = token.map(|token| der(0xa2, &der(0x04, token))).unwrap_or_default();
    let fields = der(0xa0, &der(0x30, &[list, token].concat()));
    der(0x60, &[der(0x06, SPNEGO), fields].concat())
}

/// A `NegTokenResp` with these fields.
pub fn response(fields: &NegTokenResp<'_>) -> Vec<u8> {
    let state = fields.neg_state.map(|state| der(0xa0, &der(0x0a, &[state as u8])));
    let mechanism = fields.supported_mech.map(|_| der(0xa1, &der(0x06, NTLM)));
    let token = fields.response_token.map(|token| der(0xa2, &der(0x04, token)));
    let mic = fields.mech_list_mic.map(|mic| der(0xa3, &der(0x04, mic)));
    let fields: Vec<_> = [state, mechanism, token, mic].into_iter().flatten().collect();
    der(0xa1, &der(0x30, &fields.concat()))
}

/// Changes a token that is a `NegTokenResp`.
pub fn change_response(token: Vec<u8>, change: impl FnOnce(&mut NegTokenResp<'_>)) -> Vec<u8> {
    let Ok(Token::Response(mut fields)) = Token::parse(&token) else { return token };
    change(&mut fields);
    response(&fields)
}

/// 1.3.6.1.5.5.2
const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";
/// 1.3.6.1.4.1.311.2.2.10
pub const NTLM: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
/// 1.2.840.113554.1.2.2
pub const KERBEROS: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";

/// An element of DER.
///
/// # Panics
/// If it is longer than 65,535 bytes.
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("tokens are short");
    let [high, low] = length.to_be_bytes();
    let head = if length < 0x80 { vec![tag, low] } else { vec![tag, 0x82, high, low] };
    [&head, content].concat()
}
