//! Searches a directory over LDAP, signed and sealed without TLS.
//!
//! ```text
//! cargo run --example ldap_client -- --user 'EXAMPLE\alice' dc.example.com \
//!     --base DC=example,DC=com '(sAMAccountName=alice)' cn memberOf
//! ```
//!
//! What to copy is [`bind`], a SASL bind with the mechanism GSS-SPNEGO ([MS-ADTS] 5.1.1.1.1.3), and
//! [`Connection`], which wraps the messages after the bind (RFC 4752, 3.3; RFC 4513, 5.2.2). An
//! anonymous client has no session key, so nothing is wrapped.

use std::io::Write;
use std::net::TcpStream;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Parser, ValueEnum};
use ntlm::session::{Protection, Session, Signature};
use ntlm_net_examples::bytes::printable;
use ntlm_net_examples::der;
use ntlm_net_examples::ldap::{Entry, Filter, Reply, ResultCode, Search, bind_request};
use ntlm_net_examples::login::{Framing, LoginClient, NtlmOptions};
use ntlm_net_examples::tcp::{Address, read_onto};

/// Searches a directory over LDAP, and prints the entries in a format like LDIF.
///
/// Messages are signed and sealed by NTLM, without TLS. Without a user they are not, because an
/// anonymous client has no session key.
#[derive(Parser)]
struct Options {
    /// The server: HOST[:PORT]
    #[arg(value_parser = |text: &str| Address::parse(text, 389))]
    server: Address,

    /// Which entries to print: (NAME=VALUE), or (NAME=*) for all that have the attribute
    #[arg(default_value = "(objectClass=*)")]
    filter: Filter,

    /// Which attributes to print; all if none is given
    attributes: Vec<String>,

    /// Where the search begins; the server's own entry by default
    #[arg(short, long, default_value = "")]
    base: String,

    /// How deep to search; by default sub with a base, base without
    #[arg(short, long, value_enum)]
    scope: Option<Scope>,

    #[command(flatten)]
    ntlm: NtlmOptions,

    /// Send bare NTLM messages, without SPNEGO
    #[arg(long)]
    raw: bool,

    /// Do not protect messages; directories can reject that, and Samba's does
    #[arg(long)]
    plain: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scope {
    Base,
    One,
    Sub,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ldap_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    // Signing without sealing is not offered, because Samba seals LDAP messages even if only
    // signing was negotiated.
    let protection = if options.plain { Protection::None } else { Protection::Seal };
    let target = format!("ldap/{}", options.server.host);
    let client = options.ntlm.client(&target, protection)?;
    let mut connection = Connection::open(&options.server)?;
    bind(&mut connection, options, &client).context("cannot log in")?;
    search(&mut connection, options).context("cannot search")
}

/// Logs in with one bind request for each of our tokens (RFC 4513, 5.2.1), and then starts to
/// protect messages.
fn bind(
    connection: &mut Connection,
    options: &Options,
    client: &LoginClient,
) -> anyhow::Result<()> {
    let framing = if options.raw { Framing::Raw } else { Framing::Spnego };
    let (mut token, mut login) = client.start(framing)?;
    let reply = loop {
        connection.send(&bind_request(connection.message_id, &token))?;
        let reply = connection.receive()?;
        let (result, answer) = reply.bind_response()?;
        if result.code != ResultCode::SASL_BIND_IN_PROGRESS {
            break reply;
        }
        (token, login) = login.read(answer)?;
    };
    let (result, token) = reply.bind_response()?;
    ensure!(result.code == ResultCode::SUCCESS, "the server says {result}");
    connection.session = login.finish(token)?.session;
    // Otherwise, bytes that a man in the middle appended to the answer would count as protected.
    ensure!(connection.received.is_empty(), "the server sends something that is not protected");
    Ok(())
}

/// A connection, and the session that protects its messages after the login.
struct Connection {
    stream: TcpStream,
    /// Bytes that were read and not parsed yet; they begin with the next message.
    received: Vec<u8>,
    message_id: u32,
    session: Option<Session>,
}

impl Connection {
    fn open(server: &Address) -> anyhow::Result<Self> {
        Ok(Self { stream: server.connect()?, received: Vec::new(), message_id: 1, session: None })
    }

    /// Sends a message, wrapped if there is a session: a length, and the signature in front of the
    /// message (RFC 4752, 3.3; [MS-NLMP] 3.4.6.1).
    fn send(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let Some(session) = &mut self.session else {
            return Ok(self.stream.write_all(message)?);
        };
        let mut message = message.to_vec();
        let signature = session.seal(&mut message)?;
        let len = u32::try_from(16 + message.len())?;
        let frame = [&len.to_be_bytes(), signature.as_bytes().as_slice(), &message].concat();
        Ok(self.stream.write_all(&frame)?)
    }

    /// Waits for the next message, which must answer our last one.
    fn receive(&mut self) -> anyhow::Result<Reply> {
        // A wrapped buffer can contain several messages, or a part of one.
        let len = loop {
            match der::len_of_first(&self.received)? {
                Some(len) if len <= self.received.len() => break len,
                _ if self.session.is_some() => self.receive_wrapped()?,
                len => {
                    let missing = len.map_or(1, |len| len - self.received.len());
                    read_onto(&mut self.stream, &mut self.received, missing, MAX_LEN)?;
                }
            }
        };
        let rest = self.received.split_off(len);
        let message = std::mem::replace(&mut self.received, rest);
        let reply = Reply::parse(&message)?;
        ensure!(reply.message_id == self.message_id, "the server answers something else");
        Ok(reply)
    }

    /// Reads a wrapped buffer, and appends its content to `received`.
    fn receive_wrapped(&mut self) -> anyhow::Result<()> {
        let (mut len, mut frame) = (Vec::new(), Vec::new());
        read_onto(&mut self.stream, &mut len, 4, 4)?;
        let len = len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        read_onto(&mut self.stream, &mut frame, len, MAX_LEN - self.received.len().min(MAX_LEN))?;
        let split = frame.split_at_mut_checked(16);
        let (signature, message) = split.context("the server's message is too short")?;
        let signature = Signature::try_from(&*signature)?;
        let session = self.session.as_mut().context("there is no session: log in first")?;
        session.unseal(message, &signature)?;
        self.received.extend_from_slice(message);
        Ok(())
    }
}

/// Searches, and prints the entries found.
fn search(connection: &mut Connection, options: &Options) -> anyhow::Result<()> {
    let Options { base, filter, attributes, .. } = options;
    let scope = match options.scope {
        Some(Scope::Base) => 0,
        Some(Scope::One) => 1,
        Some(Scope::Sub) => 2,
        None => {
            if base.is_empty() {
                0
            } else {
                2
            }
        }
    };
    connection.message_id += 1;
    let search = Search { base, scope, filter, attributes };
    connection.send(&search.request(connection.message_id))?;
    let mut output = std::io::stdout().lock();
    loop {
        let reply = connection.receive()?;
        match reply.tag {
            Reply::SEARCH_RESULT_ENTRY => print(&mut output, &reply.entry()?)?,
            // A referral to another server.
            Reply::SEARCH_RESULT_REFERENCE => {}
            Reply::SEARCH_RESULT_DONE => {
                let result = reply.result()?;
                ensure!(result.code == ResultCode::SUCCESS, "the server says {result}");
                return Ok(output.flush()?);
            }
            tag => bail!("the server answers a search with {tag:#04x}"),
        }
    }
}

/// Like LDIF (RFC 2849), but for people: non-ASCII text is printed as it is, and for binary values
/// only the length.
fn print(output: &mut impl Write, entry: &Entry) -> anyhow::Result<()> {
    writeln!(output, "dn: {}", printable(&entry.name))?;
    for (attribute, values) in &entry.attributes {
        for value in values {
            match std::str::from_utf8(value) {
                Ok(text) => writeln!(output, "{}: {}", printable(attribute), printable(text))?,
                Err(_) => writeln!(output, "{}: [{} bytes]", printable(attribute), value.len())?,
            }
        }
    }
    Ok(writeln!(output)?)
}

/// More than a server sends in one message, because each entry is a message of its own.
const MAX_LEN: usize = 0x100_0000;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ntlm::crypto::{ExportedSessionKey, Side};
    use ntlm::wire::NegotiateFlags;

    use super::*;

    fn session(side: Side) -> Session {
        let flags = NegotiateFlags::from_bits_retain(0xe208_8235);
        Session::new(flags, &ExportedSessionKey::from([7; 16]), side)
    }

    /// A client that has sent its first message and reads these bytes next.
    fn client(received: &[u8]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Address { host: "127.0.0.1".into(), port };
        let mut connection = Connection::open(&server).unwrap();
        listener.accept().unwrap().0.write_all(received).unwrap();
        connection.session = Some(session(Side::Client));
        connection
    }

    fn wrap(server: &mut Session, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        let signature = server.seal(&mut message).unwrap();
        let len = u32::try_from(16 + message.len()).unwrap().to_be_bytes();
        [&len, signature.as_bytes().as_slice(), &message].concat()
    }

    /// `SearchResultDone`
    const DONE: [u8; 14] = *b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00";

    #[test]
    fn messages_are_read_across_buffer_boundaries() {
        let mut server = session(Side::Server);
        let three = [DONE, DONE, DONE].concat();
        let buffers = [&three[..5], &three[5..30], &three[30..]].map(|b| wrap(&mut server, b));
        let mut client = client(&buffers.concat());
        for _ in 0..3 {
            assert_eq!(client.receive().unwrap().tag, Reply::SEARCH_RESULT_DONE);
        }
        assert!(client.receive().is_err());
    }

    #[test]
    fn changed_and_unprotected_messages_are_rejected() {
        let wrapped = wrap(&mut session(Side::Server), &DONE);
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(client(&changed).receive().is_err(), "byte {at}");
        }
        assert!(client(&DONE).receive().is_err());
    }
}
