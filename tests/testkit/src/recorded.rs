//! Recorded handshakes, verified again.

use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, Policy};
use ntlm::wire::{Authenticate, Challenge, NtResponse};
use ntlm::{Error, FileTime, Server};
use serde_json::Value;

use crate::environment::Fixed;
use crate::handshake::accept;
use crate::replay::{Outcome, optional_bytes};

/// The messages of a recorded handshake. A message that was not recorded is empty.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub negotiate: Vec<u8>,
    pub challenge: Vec<u8>,
    pub authenticate: Vec<u8>,
}

impl Recorded {
    pub fn read(value: &Value) -> Outcome<Self> {
        let message = |name| Ok::<_, String>(optional_bytes(value, name)?.unwrap_or_default());
        Ok(Self {
            negotiate: message("negotiate")?,
            challenge: message("challenge")?,
            authenticate: message("authenticate")?,
        })
    }

    #[track_caller]
    pub fn of(value: &Value) -> Self {
        Self::read(value).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The time of the handshake: the server's time, or the client's if the server announced none.
    pub fn time(&self) -> Option<FileTime> {
        let challenge = Challenge::parse(&self.challenge).ok();
        let server = challenge.and_then(|message| message.target_info?.timestamp());
        let client = || match Authenticate::parse(&self.authenticate).ok()?.nt_response {
            NtResponse::V2(response) => Some(response.time()),
            _ => None,
        };
        server.or_else(client)
    }

    /// A clock fixed at the time of the handshake.
    pub fn environment(&self) -> Fixed {
        self.time().map_or_else(Fixed::default, Fixed::at)
    }

    /// This server after it has sent the CHALLENGE.
    pub fn resume(&self, server: &Server) -> Result<AwaitAuthenticate, Error> {
        server.resume(&self.negotiate, &self.challenge)
    }

    /// What the client claims to this server.
    pub fn claim(&self, server: &Server) -> Result<Claim, Error> {
        self.resume(server)?.read(&self.authenticate, &mut self.environment())
    }

    /// The verdict of this server if the user has this password.
    pub fn verify(&self, server: &Server, password: &str) -> Result<Accepted, Error> {
        accept(self.claim(server)?, password)
    }
}

/// A server that accepts everything that it can parse.
pub fn lenient_server() -> Server {
    Server::new(Names::standalone("REPLAY")).with_policy(Policy::insecure_for_analysis())
}
