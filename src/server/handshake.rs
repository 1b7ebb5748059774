//! A server's handshake as one value that is advanced step by step.

use alloc::vec::Vec;

use super::{AwaitAuthenticate, Claim, Server};
use crate::channel_bindings::ChannelBindings;
use crate::environment::Environment;
use crate::error::{Error, Misuse};

/// A server's handshake as one value, for code that keeps it behind `&mut self`.
///
/// It does the same as [`Server::challenge`] and [`AwaitAuthenticate::read`]. Prefer those if your
/// code can hold a different type for each state, because then a wrong order does not compile.
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// # use ntlm::{Client, Credentials, Error, Os, Server};
/// use ntlm::server::{Claim, Names, Step};
///
/// # let mut client = Client::new(Credentials::password("alice", "secret")).handshake();
/// # let mut exchange = |token: &[u8]| match client.step(token, &mut Os)? {
/// #     ntlm::client::Step::Send(token) => Ok::<_, Error>(token),
/// #     ntlm::client::Step::Done(answer) => Ok(answer.token),
/// # };
/// let server = Server::new(Names::standalone("FILES"));
/// let mut handshake = server.handshake();
/// let mut received = exchange(&[])?;
/// let claim = loop {
///     match handshake.step(&received, &mut Os)? {
///         Step::Send(challenge) => received = exchange(&challenge)?,
///         Step::Done(claim) => break claim,
///     }
/// };
/// let accepted = match claim {
///     Claim::User(claim) => claim.verify_password("secret")?,
///     Claim::Anonymous(claim) => claim.accept()?,
/// };
/// # let _ = accepted;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Handshake(State);

#[derive(Debug)]
enum State {
    Connection(Server),
    Datagram(Server),
    Await(AwaitAuthenticate),
    Over,
}

/// What to do after a step of a server's [`Handshake`].
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a handshake continues or ends")]
#[expect(clippy::large_enum_variant, reason = "it is matched at once")]
pub enum Step {
    /// Send this token, and pass the client's reply to the next step.
    Send(Vec<u8>),
    /// The messages are complete. Verify the claim.
    Done(Claim),
}

impl Server {
    /// Starts a connection-oriented handshake as one value. Pass the NEGOTIATE to the first step.
    #[doc(alias("AcceptSecurityContext", "gss_accept_sec_context"))]
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        Handshake(State::Connection(self.clone()))
    }

    /// Starts a connectionless handshake as one value. Pass no bytes to the first step, because the
    /// server speaks first.
    #[must_use]
    pub fn handshake_datagram(&self) -> Handshake {
        Handshake(State::Datagram(self.clone()))
    }
}

impl Handshake {
    /// Sets the channel bindings of this connection. Call it before the step that takes the
    /// AUTHENTICATE. See [`AwaitAuthenticate::with_channel_bindings`].
    #[must_use]
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        let with = |server: Server| match bindings.is_none() {
            true => server,
            false => server.with_channel_bindings(bindings.clone()),
        };
        Self(match self.0 {
            State::Connection(server) => State::Connection(with(server)),
            State::Datagram(server) => State::Datagram(with(server)),
            State::Await(handshake) => State::Await(handshake.with_channel_bindings(bindings)),
            State::Over => State::Over,
        })
    }

    /// Takes the bytes that the client sent, and returns what to do. The first AUTHENTICATE ends
    /// the handshake, whether or not it is accepted.
    ///
    /// # Errors
    /// - [`Misuse::HandshakeOver`]: an earlier step completed the handshake or failed.
    /// - [`Misuse::WrongMode`]: there are bytes, and the server has to speak first.
    /// - All errors of [`Server::challenge`] (connectionless: [`Server::challenge_datagram`]) and of
    ///   [`AwaitAuthenticate::read`].
    pub fn step(
        &mut self,
        received: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Step, Error> {
        let (token, handshake) = match core::mem::replace(&mut self.0, State::Over) {
            State::Connection(server) => server.challenge(received, environment)?,
            State::Datagram(_) if !received.is_empty() => return Err(Misuse::WrongMode.into()),
            State::Datagram(server) => server.challenge_datagram(environment)?,
            State::Await(handshake) => {
                return handshake.read(received, environment).map(Step::Done);
            }
            State::Over => return Err(Misuse::HandshakeOver.into()),
        };
        self.0 = State::Await(handshake);
        Ok(Step::Send(token))
    }
}
