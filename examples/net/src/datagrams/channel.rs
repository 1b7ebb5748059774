//! The two ends of a session.

use std::fmt::{self, Display};
use std::io::{self, Write, stdout};

use anyhow::Context;
use ntlm::session::Signature;
use ntlm::{DatagramSession, Error};

use super::Datagram;
use crate::replay::{Replay, Window};

/// One end of a session: it uses each sequence number once, and accepts each once.
pub struct Channel {
    session: DatagramSession,
    next: Option<u32>,
    received: Window,
}

/// Why a datagram was rejected.
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

    /// Seals this text into a datagram.
    pub fn seal(&mut self, text: &str) -> anyhow::Result<Vec<u8>> {
        let sequence = self.next.context("all numbers are used up: log in again")?;
        self.next = sequence.checked_add(1);
        let mut message = text.as_bytes().to_vec();
        let signature = self.session.seal(sequence, &mut message)?;
        Ok(Datagram::Sealed { sequence, signature, message: &message }.to_bytes())
    }

    /// Unseals the text of a datagram that was not received before.
    pub fn unseal(
        &mut self,
        sequence: u32,
        signature: &Signature,
        message: &[u8],
    ) -> Result<String, Unreadable> {
        self.received.check(sequence).map_err(Unreadable::Replayed)?;
        let mut message = message.to_vec();
        self.session.unseal(sequence, &mut message, signature).map_err(Unreadable::Forged)?;
        // Mark the number only after verification, so that a forged message cannot use it up.
        self.received.mark(sequence);
        Ok(String::from_utf8_lossy(&message).into_owned())
    }

    /// Like [`unseal`](Self::unseal), and logs the result.
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
