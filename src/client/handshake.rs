//! A client's handshake as one value that is advanced step by step.

use alloc::vec::Vec;

use super::{Answer, AwaitChallenge, Client};
use crate::environment::Environment;
use crate::error::{Error, Misuse};

/// A client's handshake as one value, for code that keeps it behind `&mut self`.
///
/// It does the same as [`Client::initiate`] and [`AwaitChallenge::answer`]. Prefer those if your
/// code can hold a different type for each state, because then a wrong order does not compile.
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
/// let mut received = Vec::new(); // The client speaks first, so this is empty.
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

/// What to do after a step of a client's [`Handshake`].
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a handshake continues or ends")]
pub enum Step {
    /// Send this token, and pass the server's reply to the next step.
    Send(Vec<u8>),
    /// Send the token in it. The handshake is complete.
    Done(Answer),
}

impl Client {
    /// Starts a connection-oriented handshake as one value. Pass no bytes to the first step,
    /// because the client speaks first.
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        Handshake(State::Connection(self.clone()))
    }

    /// Starts a connectionless handshake as one value. Pass the CHALLENGE to the first step,
    /// because the server speaks first.
    #[must_use]
    pub fn handshake_datagram(&self) -> Handshake {
        Handshake(State::Datagram(self.clone()))
    }
}

impl Handshake {
    /// Takes the bytes that the server sent, and returns what to do.
    ///
    /// # Errors
    /// - [`Misuse::HandshakeOver`]: an earlier step completed the handshake or failed.
    /// - [`Misuse::WrongMode`]: there are bytes, and the client has to speak first.
    /// - All errors of [`Client::initiate`] and [`AwaitChallenge::answer`] (connectionless:
    ///   [`Client::answer_datagram`]).
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
