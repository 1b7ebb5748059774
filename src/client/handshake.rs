//! A client's handshake in one value.

use alloc::vec::Vec;

use super::{Answer, AwaitChallenge, Client};
use crate::environment::Environment;
use crate::error::{Error, Misuse};

/// A client's handshake in one value, for owners of `&mut self`. It does what [`Client::initiate`]
/// and [`AwaitChallenge::answer`] do; use those where a state per type is as easy.
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// # use ntlm::{Client, Credentials, Error, Os, Server, server};
/// use ntlm::client::Step;
///
/// # let mut server = Server::new(server::Names::standalone("FILES")).handshake();
/// # let mut exchange = |token: &[u8]| match server.step(token, &mut Os)? {
/// #     server::Step::Send(challenge) => Ok::<_, Error>(challenge),
/// #     server::Step::Done(_) => Ok(Vec::new()),
/// # };
/// let client = Client::new(Credentials::password("alice", "secret"));
/// let mut handshake = client.handshake();
/// let mut received = Vec::new(); // The client speaks first, so nothing is there yet.
/// let keys = loop {
///     match handshake.step(&received, &mut Os)? {
///         Step::Send(token) => received = exchange(&token)?,
///         Step::Done(answer) => {
///             exchange(&answer.token)?;
///             break answer.keys;
///         }
///     }
/// };
/// # let _ = keys;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Handshake(State);

#[derive(Debug)]
enum State {
    Connection(Client),
    Datagram(Client),
    Await(AwaitChallenge),
    Over,
}

/// What a step of a client's [`Handshake`] returns.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a handshake goes on or ends")]
pub enum Step {
    /// Send this token. The server's answer goes into the next step.
    Send(Vec<u8>),
    /// Send the token in it. The handshake is over.
    Done(Answer),
}

impl Client {
    /// Begins a handshake in one value. The first step takes no bytes.
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        Handshake(State::Connection(self.clone()))
    }

    /// Begins a connectionless handshake in one value. The first step takes the CHALLENGE, since the
    /// server speaks first.
    #[must_use]
    pub fn handshake_datagram(&self) -> Handshake {
        Handshake(State::Datagram(self.clone()))
    }
}

impl Handshake {
    /// Takes what the server sent, no bytes at first, and returns what to send.
    ///
    /// # Errors
    /// As [`Client::initiate`] and [`AwaitChallenge::answer`], and [`Misuse::HandshakeOver`] after
    /// the end or an error. [`Misuse::WrongMode`] if there are bytes before the client has spoken.
    pub fn step(
        &mut self,
        received: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Step, Error> {
        match core::mem::replace(&mut self.0, State::Over) {
            State::Connection(_) if !received.is_empty() => Err(Misuse::WrongMode.into()),
            State::Connection(client) => {
                let (token, handshake) = client.initiate()?;
                self.0 = State::Await(handshake);
                Ok(Step::Send(token))
            }
            State::Datagram(client) => {
                client.answer_datagram(received, environment).map(Step::Done)
            }
            State::Await(handshake) => handshake.answer(received, environment).map(Step::Done),
            State::Over => Err(Misuse::HandshakeOver.into()),
        }
    }
}
