//! A server's handshake in one value.

use alloc::vec::Vec;

use super::{AwaitAuthenticate, Claim, Server};
use crate::channel_bindings::ChannelBindings;
use crate::environment::Environment;
use crate::error::{Error, Misuse};

/// A server's handshake in one value, for owners of `&mut self`. It does what [`Server::challenge`]
/// and [`AwaitAuthenticate::read`] do; use those where a state per type is as easy.
///
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

/// What a step of a server's [`Handshake`] returns.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a handshake goes on or ends")]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Step {
    /// Send this token. The client's answer goes into the next step.
    Send(Vec<u8>),
    /// The messages are complete: verify the claim.
    Done(Claim),
}

impl Server {
    /// Begins a handshake in one value. The first step takes the NEGOTIATE.
    #[doc(alias("AcceptSecurityContext", "gss_accept_sec_context"))]
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        Handshake(State::Connection(self.clone()))
    }

    /// Begins a connectionless handshake in one value. The first step takes no bytes, since the
    /// server speaks first.
    #[must_use]
    pub fn handshake_datagram(&self) -> Handshake {
        Handshake(State::Datagram(self.clone()))
    }
}

impl Handshake {
    /// Sets the channel bindings of this connection, at any time before the last step: see
    /// [`AwaitAuthenticate::with_channel_bindings`].
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

    /// Takes what the client sent, and returns what to do. One attempt ends it.
    ///
    /// # Errors
    /// As [`Server::challenge`] and [`AwaitAuthenticate::read`], and [`Misuse::HandshakeOver`] after
    /// the end or an error. [`Misuse::WrongMode`] if there are bytes before a connectionless server
    /// has spoken.
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
