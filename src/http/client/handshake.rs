//! The state of a client's handshake between two requests, with bare messages or SPNEGO.

use alloc::vec::Vec;

use crate::client::AwaitChallenge;
#[cfg(feature = "spnego")]
use crate::client::Client;
use crate::environment::Environment;
use crate::http::connection::bare;
use crate::http::{Error, Scheme};
use crate::session::SessionKeys;
#[cfg(feature = "spnego")]
use crate::spnego::{AwaitServer, Initiated, Initiator};

/// The client has sent the NEGOTIATE.
#[derive(Debug)]
pub(super) enum Handshake {
    Bare(AwaitChallenge, Scheme),
    #[cfg(feature = "spnego")]
    Spnego(AwaitServer),
}

/// The token with the AUTHENTICATE, to be sent, and the next state.
pub(super) enum Answer {
    Bare(Vec<u8>, SessionKeys),
    #[cfg(feature = "spnego")]
    Spnego(Vec<u8>, AwaitServer),
}

impl Handshake {
    /// Begins a handshake in SPNEGO, and returns its first token.
    #[cfg(feature = "spnego")]
    pub(super) fn spnego(client: &Client) -> Result<(Vec<u8>, Self), Error> {
        let (token, handshake) = Initiator::new(client.clone()).initiate()?;
        Ok((token, Self::Spnego(handshake)))
    }

    pub(super) const fn scheme(&self) -> Scheme {
        match self {
            Self::Bare(_, scheme) => *scheme,
            #[cfg(feature = "spnego")]
            Self::Spnego(_) => Scheme::Negotiate,
        }
    }

    /// Answers the token with the CHALLENGE.
    pub(super) fn answer(
        self,
        token: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Answer, Error> {
        match self {
            Self::Bare(handshake, _) => {
                let answer = handshake.answer(bare(token)?, environment)?;
                Ok(Answer::Bare(answer.token, answer.keys))
            }
            #[cfg(feature = "spnego")]
            Self::Spnego(handshake) => match handshake.read(token, environment)? {
                Initiated::Send(token, handshake) => Ok(Answer::Spnego(token, handshake)),
                Initiated::Done(_) => Err(Error::NoChallenge),
            },
        }
    }
}
