//! The server's steps with SPNEGO under `Negotiate`.

use super::{Authenticated, Outcome, Pending, ResponseHeader, ServerConnection, Step, look_up};
use crate::environment::Environment;
use crate::http::{Error, Scheme, header_value};
use crate::spnego::{self, Accepting, Acceptor, Token};

impl ServerConnection {
    /// Processes a SPNEGO token. A `NegTokenResp` continues the pending negotiation; any other
    /// token begins one.
    pub(super) fn on_spnego(
        &mut self,
        token: &[u8],
        pending: Option<Pending>,
        persists: bool,
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        let begins = !matches!(Token::parse(token), Ok(Token::Response(_)));
        let negotiation = match pending {
            _ if begins => Acceptor::new(self.server.clone()).start(),
            Some(Pending::Spnego(negotiation)) => negotiation,
            _ => return self.refuse(Error::NoPendingChallenge, None).into(),
        };
        match negotiation.read_or_claimed(token, environment) {
            Ok(Accepting::LookUp(look_up)) => {
                self.look_up(look_up::Claim::Spnego { look_up, persists })
            }
            Ok(Accepting::Outcome(outcome)) => self.went(outcome, persists).into(),
            Err((reason, claimed)) => self.refuse(reason.into(), claimed).into(),
        }
    }

    /// Converts SPNEGO's outcome.
    pub(super) fn went(&mut self, outcome: spnego::Outcome, persists: bool) -> Outcome<'_> {
        match outcome {
            spnego::Outcome::Send(token, next) => {
                self.wait(Pending::Spnego(next), Scheme::Negotiate, &token, persists)
            }
            spnego::Outcome::Done(done) => {
                let name = self.asker.offer_header();
                let spnego::Established { client_preferred, list_checked, .. } = done;
                let header = done.token.map(|token| ResponseHeader {
                    name,
                    value: header_value(Scheme::Negotiate, &token),
                });
                let new = self.accept(done.accepted);
                Outcome::Authenticated(Authenticated {
                    header,
                    client_preferred,
                    list_checked,
                    ..new
                })
            }
        }
    }
}
