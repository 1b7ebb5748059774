//! A small SQL Server, which speaks TDS 7.1 and later ([MS-TDS]): it logs clients in with NTLM
//! alone, and knows the answers to few queries.

mod login;
mod packet;
mod token;

use std::io::{self, Read, Write};

use login::Login;
use ntlm::ChannelBindings;
use ntlm::server::Accepted;
use ntlm::spnego::Outcome;
use packet::{Kind, Packets};
use token::Tokens;

use crate::authenticator::Authenticator;
use crate::hex::unhex;

/// The query to which the answer is the name of the user who logged in.
pub const WHO: &str = "SELECT SUSER_SNAME()";

/// What the first token of SPNEGO begins with (RFC 2743, section 3.1).
const NEG_TOKEN_INIT: u8 = 0x60;

/// What jTDS asks first: how many digits numbers may have.
const PRECISION: &str = "@@MAX_PRECISION";

/// Serves one connection, without TLS in its packets.
///
/// # Errors
/// What the connection says; `InvalidData` if the client breaks the protocol.
pub fn serve(stream: impl Read + Write, authenticator: &Authenticator) -> io::Result<()> {
    serve_bound(stream, authenticator, None)
}

/// As [`serve`], behind the peer `tds_tls.py`, which first sends a line with the channel bindings of the
/// client's TLS connection.
///
/// # Errors
/// As [`serve`].
pub fn serve_behind_tls(
    mut stream: impl Read + Write,
    authenticator: &Authenticator,
) -> io::Result<()> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.extend(byte);
    }
    let finished = String::from_utf8(line).map_err(|_| invalid("a line of digits was expected"))?;
    let bindings = ChannelBindings::tls_unique(&unhex(finished.trim_end()));
    serve_bound(stream, authenticator, Some(bindings))
}

fn serve_bound(
    stream: impl Read + Write,
    authenticator: &Authenticator,
    bindings: Option<ChannelBindings>,
) -> io::Result<()> {
    let mut packets = Packets::new(stream);
    let (mut kind, mut message) = packets.receive()?;
    if kind == Kind::PRELOGIN {
        packets.send(&login::prelogin_response())?;
        (kind, message) = packets.receive()?;
    }
    if kind != Kind::LOGIN7 {
        return Err(invalid("a LOGIN7 was expected"));
    }
    let login = Login::parse(&message)
        .ok_or_else(|| invalid("a LOGIN7 of TDS 7.1 with SSPI was expected"))?;
    let is_spnego = login.sspi.first() == Some(&NEG_TOKEN_INIT);
    let log_in = if is_spnego { log_in_with_spnego } else { log_in };
    let Some(LoggedIn { user, last_token }) =
        log_in(&mut packets, &login, authenticator, bindings)?
    else {
        let rejection = Tokens::new(login.version).error("Login failed.").done_with_error();
        return packets.send(&rejection.into_bytes());
    };
    let tokens = Tokens::new(login.version);
    let tokens = last_token.iter().fold(tokens, |tokens, token| tokens.sspi(token));
    packets.send(&tokens.login_ack().done(0).into_bytes())?;
    loop {
        let (_, request) = packets.receive()?;
        let tokens = Tokens::new(login.version);
        let tokens = match answer(&request, &user) {
            Some(text) => tokens.column().row(text).done(1),
            None => tokens.done(0),
        };
        packets.send(&tokens.into_bytes())?;
    }
}

/// A client that was accepted.
struct LoggedIn {
    user: String,
    /// Of SPNEGO.
    last_token: Option<Vec<u8>>,
}

impl LoggedIn {
    fn new(accepted: &Accepted, last_token: Option<Vec<u8>>) -> Self {
        Self { user: accepted.user().map_or("anonymous".into(), ToString::to_string), last_token }
    }
}

/// `None` if the client is rejected.
fn log_in<S: Read + Write>(
    packets: &mut Packets<S>,
    login: &Login,
    authenticator: &Authenticator,
    bindings: Option<ChannelBindings>,
) -> io::Result<Option<LoggedIn>> {
    let Some((challenge, pending)) = authenticator.challenge(&login.sspi) else { return Ok(None) };
    let pending = match bindings {
        Some(bindings) => pending.with_channel_bindings(bindings),
        None => pending,
    };
    packets.send(&Tokens::new(login.version).sspi(&challenge).into_bytes())?;
    // Some clients send their last message as a packet of another kind.
    let (_, authenticate) = packets.receive()?;
    let accepted = authenticator.verify(pending, &authenticate);
    Ok(accepted.map(|accepted| LoggedIn::new(&accepted, None)))
}

/// As [`log_in`], for a client whose first token is of SPNEGO.
fn log_in_with_spnego<S: Read + Write>(
    packets: &mut Packets<S>,
    login: &Login,
    authenticator: &Authenticator,
    bindings: Option<ChannelBindings>,
) -> io::Result<Option<LoggedIn>> {
    let mut state = authenticator.start_spnego();
    if let Some(bindings) = bindings {
        state = state.with_channel_bindings(bindings);
    }
    let mut token = login.sspi.clone();
    loop {
        match authenticator.step(state, &token) {
            Some(Outcome::Send(reply, next)) => {
                packets.send(&Tokens::new(login.version).sspi(&reply).into_bytes())?;
                (_, token) = packets.receive()?;
                state = next;
            }
            Some(Outcome::Done(done)) => {
                return Ok(Some(LoggedIn::new(&done.accepted, done.token)));
            }
            None => return Ok(None),
        }
    }
}

/// What a batch or a call asks for, if it asks for anything that this server knows.
fn answer<'a>(request: &[u8], user: &'a str) -> Option<&'a str> {
    let asks_for = |query: &str| {
        let query = token::utf16(query);
        request.windows(query.len()).any(|window| window == query)
    };
    if asks_for(WHO) {
        return Some(user);
    }
    asks_for(PRECISION).then_some("38")
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
