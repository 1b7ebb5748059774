//! A client's negotiation in one value.

use alloc::vec::Vec;
use core::{fmt, mem};

use super::{AwaitServer, Initiated, Initiator};
use crate::environment::Environment;
use crate::secret::Counted;
use crate::session::SessionKeys;
use crate::spnego::Error;

/// A client's negotiation in one value, for code that has only `&mut self`. It does the same as
/// [`Initiator::initiate`] and [`AwaitServer::read`]; prefer those if you can store a new state
/// after each step.
#[derive(Debug)]
pub struct InitiatorHandshake(State);

#[derive(Debug)]
enum State {
    Initial(Initiator),
    Await(AwaitServer),
    Over,
}

/// The result of a step of an [`InitiatorHandshake`].
#[expect(clippy::exhaustive_enums, reason = "a negotiation continues or ends")]
#[must_use]
pub enum InitiatorStep {
    /// Send this token, and pass the server's answer to the next step.
    Send(Vec<u8>),
    /// The negotiation is complete. Sessions made from these keys skip the sequence numbers of the
    /// `mechListMIC`s.
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
    /// Begins a negotiation in one value. Pass no bytes to the first step or, if the server sends
    /// the first token, that token, which is checked as [`check_hints`](Self::check_hints) does.
    #[must_use]
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    pub fn handshake(&self) -> InitiatorHandshake {
        InitiatorHandshake(State::Initial(self.clone()))
    }
}

impl InitiatorHandshake {
    /// Processes the server's token, and returns what to do next.
    ///
    /// # Errors
    /// The errors of [`Initiator::initiate`], [`Initiator::check_hints`] and [`AwaitServer::read`].
    /// [`Error::Over`] if the negotiation was completed or has failed.
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

    /// Completes the negotiation if the server sends no last token: see [`AwaitServer::finish`].
    ///
    /// # Errors
    /// The errors of [`AwaitServer::finish`]. [`Error::NoMessage`] before the first step.
    /// [`Error::Over`] if the negotiation was completed or has failed.
    pub fn finish(&mut self) -> Result<SessionKeys, Error> {
        match mem::replace(&mut self.0, State::Over) {
            State::Initial(_) => Err(Error::NoMessage),
            State::Await(state) => state.finish(),
            State::Over => Err(Error::Over),
        }
    }
}
