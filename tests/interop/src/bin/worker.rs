//! A process that goes on where another one of ours was. It takes `verb hex` by lines, and answers
//! each with bytes, or with `error: ` and the reason.

use std::io::{BufRead, Write, stdin, stdout};

use ntlm::session::{Session, SessionKeys};
use ntlm::{Os, Server};
use ntlm_interop::exchange::verify;
use ntlm_interop::hex::{hex, unhex};
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::{seal, unseal};
use ntlm_interop::modes::DEFAULT;

fn main() -> std::io::Result<()> {
    let mut worker = Worker { server: DEFAULT.server(), handshake: Vec::new(), session: None };
    for line in stdin().lock().lines() {
        let line = line?;
        let (verb, bytes) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = worker.does(verb, &unhex(bytes));
        writeln!(stdout(), "{}", answer.map_or_else(|why| format!("error: {why}"), |ok| hex(&ok)))?;
    }
    Ok(())
}

struct Worker {
    server: Server,
    handshake: Vec<u8>,
    session: Option<Session>,
}

impl Worker {
    fn does(&mut self, verb: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
        match verb {
            "handshake" => self.handshake = bytes.to_vec(),
            "authenticate" => self.session = Some(self.log_in(bytes)?),
            "keys" => {
                let keys = SessionKeys::import(bytes).map_err(text)?;
                self.session = Some(keys.into_session().map_err(text)?);
            }
            "session" => self.session = Some(Session::import(bytes).map_err(text)?),
            "seal" => return Ok(seal(self.session.as_mut().ok_or("no session")?, bytes)),
            "unseal" => {
                return unseal(self.session.as_mut().ok_or("no session")?, bytes).map_err(text);
            }
            "export" => {
                return Ok(self.session.take().ok_or("no session")?.export().as_bytes().to_vec());
            }
            _ => return Err(format!("what is {verb}?")),
        }
        Ok(Vec::new())
    }

    fn log_in(&self, authenticate: &[u8]) -> Result<Session, String> {
        let handshake = self.server.import(&self.handshake).map_err(text)?;
        let claim = handshake.read(authenticate, &mut Os).map_err(text)?;
        verify(claim, &[Identity::ALICE]).map_err(text)?.keys.into_session().map_err(text)
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
