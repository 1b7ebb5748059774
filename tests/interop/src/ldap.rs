//! A small LDAP server with SASL's GSS-SPNEGO (RFC 4511, [MS-ADTS] 5.1.1.1.1.3). Its directory has one
//! entry, which says who logged in.

use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use ntlm::session::{Protection, Session};
use ntlm::spnego::{AwaitClient, Outcome};
use ntlm_net_examples::der::{
    self, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, application, context, element,
};

use crate::authenticator::Authenticator;

/// The entry of the directory, for clients that logged in.
pub const BASE: &str = "DC=example,DC=com";
/// Its attribute with the user's name.
pub const WHO: &str = "description";

/// Serves one connection.
///
/// # Errors
/// What the connection says; `InvalidData` if the client breaks the protocol.
pub fn serve(stream: TcpStream, authenticator: &Authenticator) -> io::Result<()> {
    let mut server = Server { stream, received: Vec::new(), session: None, user: None };
    let mut binding = None;
    loop {
        let message = server.receive()?;
        let mut fields = expect(&mut &*message, SEQUENCE)?;
        let id = element(INTEGER, &[expect(&mut fields, INTEGER)?]);
        match der::read(&mut fields).map_err(invalid)? {
            (BIND_REQUEST, request) => {
                let state = binding.take().unwrap_or_else(|| authenticator.start_spnego());
                let Some(token) = sasl_token(request)? else {
                    server.send_result(&id, BIND_RESPONSE, AUTH_METHOD_NOT_SUPPORTED, &[])?;
                    continue;
                };
                binding = server.bind(&id, authenticator.step(state, token))?;
            }
            (SEARCH_REQUEST, mut request) => {
                let base = expect(&mut request, OCTET_STRING)?;
                server.search(&id, &String::from_utf8_lossy(base))?;
            }
            (UNBIND_REQUEST, _) => return Ok(()),
            (tag, _) => return Err(invalid(format!("operation {tag:#04x}"))),
        }
    }
}

/// A connection, and who logged in on it.
struct Server {
    stream: TcpStream,
    /// What was read, and begins with the next message.
    received: Vec<u8>,
    /// Wraps all that follows the bind.
    session: Option<Session>,
    user: Option<String>,
}

impl Server {
    /// Answers a bind request: what the client has to send next is in the response, and what both wrap
    /// comes after it.
    fn bind(&mut self, id: &[u8], outcome: Option<Outcome>) -> io::Result<Option<AwaitClient>> {
        match outcome {
            Some(Outcome::Send(token, state)) => {
                self.send_result(id, BIND_RESPONSE, SASL_BIND_IN_PROGRESS, &sasl_creds(&token))?;
                Ok(Some(state))
            }
            Some(Outcome::Done(done)) => {
                let token = done.token.unwrap_or_default();
                self.send_result(id, BIND_RESPONSE, SUCCESS, &sasl_creds(&token))?;
                self.user = Some(done.accepted.user().map(|u| u.to_string()).unwrap_or_default());
                let keys = done.accepted.keys;
                if keys.protection() != Protection::None {
                    self.session = Some(keys.into_session().map_err(invalid)?);
                }
                Ok(None)
            }
            // A rejected client is sent no token.
            None => {
                self.send_result(id, BIND_RESPONSE, INVALID_CREDENTIALS, &[])?;
                Ok(None)
            }
        }
    }

    /// Sends the entry that was asked for: the server's own to everyone, the other to users.
    fn search(&mut self, id: &[u8], base: &str) -> io::Result<()> {
        let user = self.user.clone();
        match (base, user) {
            ("", _) => {
                // Samba insists on exactly this one, for which it asks.
                self.send_entry(id, "", &[("supportedSASLMechanisms", "GSS-SPNEGO")])?;
            }
            (_, Some(user)) if base.eq_ignore_ascii_case(BASE) => {
                self.send_entry(id, BASE, &[("objectClass", "domain"), (WHO, &user)])?;
            }
            (_, Some(_)) => return self.send_result(id, SEARCH_DONE, NO_SUCH_OBJECT, &[]),
            (_, None) => return self.send_result(id, SEARCH_DONE, INSUFFICIENT_ACCESS_RIGHTS, &[]),
        }
        self.send_result(id, SEARCH_DONE, SUCCESS, &[])
    }

    fn send_entry(&mut self, id: &[u8], name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        let text = |text: &str| element(OCTET_STRING, &[text.as_bytes()]);
        let attributes = attributes
            .iter()
            .map(|(name, value)| element(SEQUENCE, &[&text(name), &element(SET, &[&text(value)])]));
        let attributes = element(SEQUENCE, &[&attributes.collect::<Vec<_>>().concat()]);
        self.send(&element(SEQUENCE, &[id, &element(SEARCH_ENTRY, &[&text(name), &attributes])]))
    }

    /// Sends a result, without a message, and what follows it.
    fn send_result(&mut self, id: &[u8], tag: u8, code: u32, more: &[u8]) -> io::Result<()> {
        let code = der::unsigned(ENUMERATED, code);
        let nothing = element(OCTET_STRING, &[]);
        let operation = element(tag, &[&code, &nothing, &nothing, more]);
        self.send(&element(SEQUENCE, &[id, &operation]))
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let Some(session) = &mut self.session else { return self.stream.write_all(message) };
        let wrapped = session.wrap(message).map_err(invalid)?;
        let len = u32::try_from(wrapped.len()).map_err(invalid)?;
        self.stream.write_all(&[&len.to_be_bytes(), &*wrapped].concat())
    }

    /// Reads the next message, of which a wrapped buffer can have several.
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match der::len_of_first(&self.received).map_err(invalid)? {
                Some(len) if len <= self.received.len() => {
                    let rest = self.received.split_off(len);
                    return Ok(std::mem::replace(&mut self.received, rest));
                }
                _ => self.receive_more()?,
            }
        }
    }

    fn receive_more(&mut self) -> io::Result<()> {
        let Some(session) = &mut self.session else {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            self.received.extend(byte);
            return Ok(());
        };
        let mut len = [0; 4];
        self.stream.read_exact(&mut len)?;
        let len = u64::from(u32::from_be_bytes(len));
        let mut wrapped = Vec::new();
        (&self.stream).take(len).read_to_end(&mut wrapped)?;
        self.received.extend(session.unwrap(&wrapped).map_err(invalid)?);
        Ok(())
    }
}

/// The token of a bind request with GSS-SPNEGO, which may be empty; `None` if it has another mechanism.
fn sasl_token(mut request: &[u8]) -> io::Result<Option<&[u8]>> {
    expect(&mut request, INTEGER)?; // version
    expect(&mut request, OCTET_STRING)?; // name
    let Some(mut sasl) = der::optional(&mut request, context(3)).map_err(invalid)? else {
        return Ok(None);
    };
    if expect(&mut sasl, OCTET_STRING)? != b"GSS-SPNEGO" {
        return Ok(None);
    }
    let token = der::optional(&mut sasl, OCTET_STRING).map_err(invalid)?;
    Ok(Some(token.unwrap_or_default()))
}

/// `serverSaslCreds`
fn sasl_creds(token: &[u8]) -> Vec<u8> {
    element(0x87, &[token])
}

fn expect<'a>(input: &mut &'a [u8], tag: u8) -> io::Result<&'a [u8]> {
    der::expect(input, tag).map_err(invalid)
}

fn invalid(error: impl Display) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error.to_string())
}

const BIND_REQUEST: u8 = application(0);
const BIND_RESPONSE: u8 = application(1);
/// Primitive.
const UNBIND_REQUEST: u8 = 0x42;
const SEARCH_REQUEST: u8 = application(3);
const SEARCH_ENTRY: u8 = application(4);
const SEARCH_DONE: u8 = application(5);

const SUCCESS: u32 = 0;
const AUTH_METHOD_NOT_SUPPORTED: u32 = 7;
const SASL_BIND_IN_PROGRESS: u32 = 14;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_CREDENTIALS: u32 = 49;
const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
