//! How much memory a busy server needs: a million connections that wait for their AUTHENTICATE, and a
//! million sessions that have sealed and unsealed a message.
//!
//! ```text
//! cargo run --release --example memory
//! ```

use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, Error, Os, Server, Session};

const COUNT: usize = 1_000_000;

fn main() -> Result<(), Error> {
    let server = Server::new(Names::member("FILES", "EXAMPLE").with_dns_computer("files.example"))
        .checked()?;
    let client = Client::new(Credentials::password("alice", "secret"))
        .with_protection(Protection::Seal)
        .checked()?;
    let (negotiate, _) = client.initiate()?;
    let before = resident();
    let waiting = (0..COUNT)
        .map(|_| server.challenge(&negotiate, &mut Os).map(|(_challenge, handshake)| handshake))
        .collect::<Result<Vec<_>, _>>()?;
    report("half-open connections", waiting.len(), before);
    drop(waiting);

    let before = resident();
    let sessions = (0..COUNT).map(|_| session()).collect::<Result<Vec<_>, _>>()?;
    report("sessions", sessions.len(), before);
    Ok(())
}

/// A session whose keys have been derived in both directions.
fn session() -> Result<Session, Error> {
    let (flags, key) = (NegotiateFlags::from_bits_retain(0xe208_8235), [7; 16].into());
    let mut session = Session::new(flags, &key, Side::Client);
    let mut message = *b"message";
    session.seal(&mut message)?;
    let signature =
        Session::new(flags, &ExportedSessionKey::clone(&key), Side::Server).seal(&mut message)?;
    session.unseal(&mut message, &signature)?;
    Ok(session)
}

fn report(what: &str, count: usize, before: u64) {
    let grown = resident().saturating_sub(before);
    println!("{count} {what}: {} MiB, {} bytes each", grown >> 20, grown / count as u64);
}

/// The resident memory of this process, in bytes; zero on systems other than Linux.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}
