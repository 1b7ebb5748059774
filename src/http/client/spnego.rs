//! The client's steps after its AUTHENTICATE in SPNEGO.

use core::mem;

use super::{ClientConnection, Next, RequestBody, State, is_interim};
use crate::environment::Environment;
use crate::http::connection::{Asker, Headers};
use crate::http::{Error, Scheme};
use crate::spnego::{self, AwaitServer, Initiated};

impl ClientConnection {
    /// Returns SPNEGO's state if this is the response to the AUTHENTICATE: not an interim response,
    /// and not from a proxy that asks for authentication of its own.
    pub(super) fn take_verdict(&mut self, status: u16) -> Option<AwaitServer> {
        let is_of_another =
            is_interim(status) || (status == Asker::Proxy.status() && self.asker != Asker::Proxy);
        if !matches!(self.state, State::AwaitVerdict(_)) || is_of_another {
            return None;
        }
        match mem::replace(&mut self.state, State::Rejected) {
            State::AwaitVerdict(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// Processes the response to an AUTHENTICATE in SPNEGO. It may contain the server's last token.
    /// With a token in a 401, the server asks for the client's `mechListMIC`.
    pub(super) fn on_verdict<V: AsRef<[u8]>>(
        &mut self,
        verdict: AwaitServer,
        status: u16,
        response: &Headers<V>,
        environment: &mut dyn Environment,
    ) -> Result<Next, Error> {
        let mut offers = response.offers().filter(|offer| offer.scheme() == Scheme::Negotiate);
        let is_rejected = status == self.asker.status();
        let token = match offers.find(|offer| !offer.is_bare()).map(|offer| offer.token()) {
            // In a rejection, this may be a parameter of the scheme instead of a token.
            Some(Err(_)) if is_rejected => None,
            token => token.transpose()?,
        };
        let next = match (&token, is_rejected) {
            (None, true) => return Ok(Next::Rejected),
            (None, false) => Ok(Initiated::Done(verdict.finish()?)),
            (Some(token), _) => verdict.read(token, environment),
        };
        match (next, is_rejected) {
            (Ok(Initiated::Done(keys)), false) => {
                self.state = State::Answered { keys: Some(keys), is_accepted: true };
                Ok(Next::Authenticated)
            }
            (Ok(Initiated::Send(..)), true) if !response.persists => Err(Error::ConnectionCloses),
            (Ok(Initiated::Send(token, verdict)), true) => {
                self.state = State::AwaitVerdict(verdict);
                Ok(Next::Send(self.header(Scheme::Negotiate, &token, RequestBody::Send)))
            }
            (Ok(Initiated::Send(..)), false) => Err(spnego::Error::NothingToSend.into()),
            (Err(spnego::Error::UnexpectedMessage), true) => Err(Error::OtherConnection),
            (Err(error @ spnego::Error::Mic(_)), _) | (Err(error), false) => Err(error.into()),
            (Ok(Initiated::Done(_)) | Err(_), true) => Ok(Next::Rejected),
        }
    }
}
