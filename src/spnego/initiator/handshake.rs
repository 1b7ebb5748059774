//! An initiator's negotiation in one value.

use alloc::vec::Vec;
use core::{fmt, mem};

use super::{AwaitServer, Initiated, Initiator};
use crate::environment::Environment;
use crate::secret::Counted;
use crate::session::SessionKeys;
use crate::spnego::Error;

/// An initiator's negotiation in one value, for owners of `&mut self`. It does what
/// [`Initiator::initiate`] and [`AwaitServer::read`] do; use those where a state per type is as easy.
#[derive(Debug)]
pub struct InitiatorHandshake(State);

#[derive(Debug)]
enum State {
    Initial(Initiator),
    Await(AwaitServer),
    Over,
}

/// What a step of an [`InitiatorHandshake`] returns.
#[expect(clippy::exhaustive_enums, reason = "a negotiation continues or ends")]
#[must_use]
pub enum InitiatorStep {
    /// Send this token. The server's answer goes into the next step.
    Send(Vec<u8>),
    /// The negotiation is complete. Sessions of these keys start after the `mechListMIC`s.
    Done(SessionKeys),
}

impl fmt::Debug for InitiatorStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(token) => f.debug_tuple("Send").field(&Counted(token)).finish(),
            Self::Done(keys) => f.debug_tuple("Done").field(keys).finish(),
        }
    }
}

impl Initiator {
    /// Begins a negotiation in one value. The first step takes no bytes, or what the server sent if it
    /// speaks first ([`check_hints`](Self::check_hints)).
    #[must_use]
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    pub fn handshake(&self) -> InitiatorHandshake {
        InitiatorHandshake(State::Initial(self.clone()))
    }
}

impl InitiatorHandshake {
    /// Takes what the server sent, and returns what to do.
    ///
    /// # Errors
    /// The errors of [`Initiator::initiate`], [`Initiator::check_hints`] and [`AwaitServer::read`], and
    /// [`Error::Over`] after the end or an error.
    pub fn step(
        &mut self,
        received: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<InitiatorStep, Error> {
        let next = match mem::replace(&mut self.0, State::Over) {
            State::Initial(initiator) => {
                if !received.is_empty() {
                    initiator.check_hints(received)?;
                }
                let (token, next) = initiator.initiate()?;
                Initiated::Send(token, next)
            }
            State::Await(state) => state.read(received, environment)?,
            State::Over => return Err(Error::Over),
        };
        match next {
            Initiated::Send(token, next) => {
                self.0 = State::Await(next);
                Ok(InitiatorStep::Send(token))
            }
            Initiated::Done(keys) => Ok(InitiatorStep::Done(keys)),
        }
    }

    /// Ends the negotiation without a last token: see [`AwaitServer::finish`].
    ///
    /// # Errors
    /// The errors of [`AwaitServer::finish`], [`Error::NoMessage`] before the first step, and
    /// [`Error::Over`] after the end or an error.
    pub fn finish(&mut self) -> Result<SessionKeys, Error> {
        match mem::replace(&mut self.0, State::Over) {
            State::Initial(_) => Err(Error::NoMessage),
            State::Await(state) => state.finish(),
            State::Over => Err(Error::Over),
        }
    }
}
