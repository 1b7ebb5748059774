//! A client's handshake between two requests, bare or in SPNEGO.

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

/// The NEGOTIATE was sent.
#[derive(Debug)]
pub(super) enum Handshake {
    Bare(AwaitChallenge, Scheme),
    #[cfg(feature = "spnego")]
    Spnego(AwaitServer),
}

/// The AUTHENTICATE is to be sent.
pub(super) enum Answer {
    Bare(Vec<u8>, SessionKeys),
    #[cfg(feature = "spnego")]
    Spnego(Vec<u8>, AwaitServer),
}

impl Handshake {
    /// The first token of SPNEGO, under `Negotiate`.
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

    /// Answers the CHALLENGE.
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
