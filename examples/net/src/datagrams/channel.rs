//! The two ends of a session.

use std::fmt::{self, Display};
use std::io::{self, Write, stdout};

use anyhow::Context;
use ntlm::session::Signature;
use ntlm::{DatagramSession, Error};

use super::Datagram;
use crate::replay::{Replay, Window};

/// One end of a session: it uses each number once, and takes each number once.
pub struct Channel {
    session: DatagramSession,
    next: Option<u32>,
    received: Window,
}

/// Why a datagram was not read.
#[derive(Debug)]
pub enum Unreadable {
    Replayed(Replay),
    Forged(Error),
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replayed(replay) => write!(f, "{replay:?}"),
            Self::Forged(error) => write!(f, "{error:?}"),
        }
    }
}

impl Channel {
    pub fn new(session: DatagramSession) -> Self {
        Self { session, next: Some(0), received: Window::default() }
    }

    /// The datagram that carries this text.
    pub fn seal(&mut self, text: &str) -> anyhow::Result<Vec<u8>> {
        let sequence = self.next.context("all numbers are used up: log in again")?;
        self.next = sequence.checked_add(1);
        let mut message = text.as_bytes().to_vec();
        let signature = self.session.seal(sequence, &mut message)?;
        Ok(Datagram::Sealed { sequence, signature, message: &message }.to_bytes())
    }

    /// The text of a datagram that was not read before.
    pub fn unseal(
        &mut self,
        sequence: u32,
        signature: &Signature,
        message: &[u8],
    ) -> Result<String, Unreadable> {
        self.received.check(sequence).map_err(Unreadable::Replayed)?;
        let mut message = message.to_vec();
        self.session.unseal(sequence, &mut message, signature).map_err(Unreadable::Forged)?;
        // Only now: a forged message must not use up the number.
        self.received.mark(sequence);
        Ok(String::from_utf8_lossy(&message).into_owned())
    }

    /// As [`unseal`](Self::unseal), and says what came of it.
    pub fn read(
        &mut self,
        reader: impl Display,
        sequence: u32,
        signature: &Signature,
        message: &[u8],
    ) -> io::Result<Option<String>> {
        match self.unseal(sequence, signature, message) {
            Ok(text) => {
                writeln!(stdout(), "{reader}: arrived sequence={sequence} {text:?}")?;
                Ok(Some(text))
            }
            Err(reason) => {
                writeln!(stdout(), "{reader}: refused sequence={sequence} reason={reason}")?;
                Ok(None)
            }
        }
    }
}
