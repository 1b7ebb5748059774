//! The mechanism `NTLM` of SASL, as protocols made of lines carry it.

use std::io::{self, BufRead, BufReader, Read, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ntlm::UserName;

use crate::authenticator::Authenticator;

/// The longest line that is read.
const MAX_LINE_LEN: u64 = 64 << 10;

/// A connection that carries lines, each of which ends with CR and LF.
#[derive(Debug)]
pub struct Lines<S> {
    stream: BufReader<S>,
}

impl<S: Read + Write> Lines<S> {
    pub fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// # Errors
    /// `UnexpectedEof` at the end of the stream, or if the line is too long.
    pub fn receive(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.by_ref().take(MAX_LINE_LEN).read_line(&mut line)?;
        let content = line.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(content.trim_end_matches('\r').to_owned())
    }

    /// # Errors
    /// What the stream says.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes())?;
        stream.flush()
    }

    /// Logs a client in that asked for NTLM, perhaps with its first message in the command. Each
    /// message of the server follows the `prompt`. The result is `None` if the client is rejected.
    ///
    /// # Errors
    /// What the stream says; `InvalidData` if a message is not BASE64.
    pub fn authenticate(
        &mut self,
        initial: Option<&str>,
        prompt: &str,
        authenticator: &Authenticator,
    ) -> io::Result<Option<UserName>> {
        let negotiate = match initial {
            Some(initial) => decode(initial)?,
            None => self.ask(prompt, &[])?,
        };
        let Some((challenge, pending)) = authenticator.challenge(&negotiate) else {
            return Ok(None);
        };
        let authenticate = self.ask(prompt, &challenge)?;
        let accepted = authenticator.verify(pending, &authenticate);
        Ok(accepted.and_then(|accepted| accepted.user().cloned()))
    }

    fn ask(&mut self, prompt: &str, message: &[u8]) -> io::Result<Vec<u8>> {
        self.send(&format!("{prompt}{}", BASE64_STANDARD.encode(message)))?;
        decode(&self.receive()?)
    }
}

fn decode(text: &str) -> io::Result<Vec<u8>> {
    BASE64_STANDARD.decode(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
