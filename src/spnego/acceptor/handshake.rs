//! A server's negotiation in one value.

use alloc::vec::Vec;
use core::{fmt, mem};

use super::{Accepting, Acceptor, AwaitClient, Established, LookUp, Outcome};
use crate::channel_bindings::ChannelBindings;
use crate::credentials::UserName;
use crate::environment::Environment;
use crate::error::{self, Rejection};
use crate::secret::Counted;
use crate::server::{Accepted, UserClaim};
use crate::spnego::Error;

/// A server's negotiation in one value, for code that has only `&mut self`. It does the same as
/// [`Acceptor::start`] and [`AwaitClient::read`]; prefer those if you can store a new state after
/// each step.
#[derive(Debug)]
pub struct AcceptorHandshake(Option<AwaitClient>);

/// The result of a step of an [`AcceptorHandshake`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is a user to look up or not")]
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and not kept")]
#[must_use]
pub enum AcceptorStep<'a> {
    /// The client claims to be a user: look that user up, and [verify](AcceptorLookUp::verify) the
    /// claim.
    LookUp(AcceptorLookUp<'a>),
    /// There is no user to look up.
    Outcome(AcceptorOutcome),
}

/// How an [`AcceptorHandshake`] continues or ends.
#[expect(clippy::exhaustive_enums, reason = "a negotiation continues or ends")]
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and not kept")]
#[must_use]
pub enum AcceptorOutcome {
    /// Send this token, and pass the client's answer to the next step.
    Send(Vec<u8>),
    /// The client is accepted.
    Done(Established),
}

impl fmt::Debug for AcceptorOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(token) => f.debug_tuple("Send").field(&Counted(token)).finish(),
            Self::Done(done) => f.debug_tuple("Done").field(done).finish(),
        }
    }
}

impl Acceptor {
    /// Begins a negotiation in one value. Pass the client's first token to the first step.
    #[must_use]
    #[doc(alias("AcceptSecurityContext", "gss_accept_sec_context"))]
    pub fn handshake(&self) -> AcceptorHandshake {
        AcceptorHandshake(Some(self.start()))
    }
}

impl AcceptorHandshake {
    /// Sets the channel bindings of this connection, before the step with the AUTHENTICATE: see
    /// [`AwaitClient::with_channel_bindings`].
    #[must_use]
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        Self(self.0.map(|state| state.with_channel_bindings(bindings)))
    }

    /// Processes the client's token, and returns what to do next.
    ///
    /// # Errors
    /// The errors of [`AwaitClient::read`]. [`Error::Over`] if the negotiation was completed or has
    /// failed.
    pub fn step(
        &mut self,
        received: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<AcceptorStep<'_>, Error> {
        let state = mem::take(&mut self.0).ok_or(Error::Over)?;
        match state.read(received, environment)? {
            Accepting::LookUp(look_up) => {
                Ok(AcceptorStep::LookUp(AcceptorLookUp { handshake: self, look_up }))
            }
            Accepting::Outcome(outcome) => Ok(AcceptorStep::Outcome(self.went(outcome))),
        }
    }

    fn went(&mut self, outcome: Outcome) -> AcceptorOutcome {
        match outcome {
            Outcome::Send(token, next) => {
                self.0 = Some(next);
                AcceptorOutcome::Send(token)
            }
            Outcome::Done(done) => AcceptorOutcome::Done(done),
        }
    }
}

/// A client that claims to be a user. The negotiation waits until the application has looked up
/// that user; if this value is dropped, the negotiation is over.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct AcceptorLookUp<'a> {
    handshake: &'a mut AcceptorHandshake,
    look_up: LookUp,
}

impl AcceptorLookUp<'_> {
    /// Returns the user name that the client claims: see [`UserClaim::claimed_user`].
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        self.look_up.claimed_user()
    }

    /// Returns everything that the client claims, and the mechanism that it prefers.
    pub const fn look_up(&self) -> &LookUp {
        &self.look_up
    }

    /// Verifies the claim: see [`LookUp::verify`].
    ///
    /// # Errors
    /// The errors of [`LookUp::verify`].
    pub fn verify(
        self,
        verify: impl FnOnce(UserClaim) -> Result<Accepted, error::Error>,
    ) -> Result<AcceptorOutcome, Error> {
        let outcome = self.look_up.verify(verify)?;
        Ok(self.handshake.went(outcome))
    }

    /// Rejects the client: see [`UserClaim::reject`].
    ///
    /// # Errors
    /// Always [`Error::Exchange`].
    pub fn reject(self, reason: Rejection) -> Result<AcceptorOutcome, Error> {
        self.verify(|claim| claim.reject(reason))
    }
}
