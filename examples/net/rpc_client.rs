//! Lists the DCE/RPC interfaces of a server and their addresses from its endpoint mapper, signed
//! and sealed: NTLM with packet privacy.
//!
//! ```text
//! cargo run --example rpc_client -- --user 'EXAMPLE\alice' dc.example.com
//! ```
//!
//! What to copy is [`log_in`], which carries NTLM's messages in Bind, BindAck and Auth3, and
//! [`Protected`], which seals the stub data of a request and signs the whole request ([MS-RPCE]
//! 3.3.1.5.2).

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use ntlm::session::{Part, Protection, Session, Signature};
use ntlm::wire::NegotiateFlags;
use ntlm_net_examples::login::{Framing, LoginClient, NtlmOptions};
use ntlm_net_examples::rpc::epm::{self, EPM};
use ntlm_net_examples::rpc::pdu::{self, Kind, Pdu, Security, Verifier};
use ntlm_net_examples::rpc::{CONTEXT_ID, Connection, Interface};
use ntlm_net_examples::tcp::Address;

/// Asks the endpoint mapper of a server for its DCE/RPC interfaces, and prints them with their
/// addresses.
#[derive(Parser)]
struct Options {
    /// The server: HOST[:PORT]
    #[arg(value_parser = |text: &str| Address::parse(text, 135))]
    server: Address,

    #[command(flatten)]
    ntlm: NtlmOptions,

    /// Log in with SPNEGO: its last token goes into an AlterContext, which the server answers,
    /// instead of an Auth3, which it does not answer
    #[arg(long)]
    spnego: bool,

    /// How to protect calls
    #[arg(long, value_enum, default_value = "privacy")]
    protection: Level,
}

/// `auth_level`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Signed.
    Integrity = 5,
    /// Signed and sealed.
    Privacy = 6,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rpc_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let Options { server, ntlm, protection: level, .. } = options;
    let protection = match level {
        Level::Integrity => Protection::Sign,
        Level::Privacy => Protection::Seal,
    };
    let client = ntlm.client(&format!("host/{}", server.host), protection)?;
    let connection = Connection::open(server)?;
    let mut mapper = log_in(connection, EPM, options, &client).context("cannot log in")?;

    let mut output = std::io::stdout().lock();
    let mut position = epm::BEGINNING;
    loop {
        // The server does not answer an Auth3, so the first call shows whether the login succeeded.
        let found = mapper.call(epm::LOOKUP, &epm::lookup(position)).context("cannot look up")?;
        let found = epm::found(&found)?;
        for entry in &found.entries {
            writeln!(output, "{entry}")?;
        }
        match found.next {
            Some(next) => position = next,
            None => return Ok(output.flush()?),
        }
    }
}

/// Logs in while binding the interface ([MS-RPCE] 3.3.1.5.2.2): NTLM's NEGOTIATE goes into the
/// Bind, the CHALLENGE comes in the BindAck, and the AUTHENTICATE goes into an Auth3, which is not
/// answered. In SPNEGO the server sends one more token, so the AUTHENTICATE goes into an
/// AlterContext.
fn log_in(
    mut connection: Connection,
    interface: Interface,
    options: &Options,
    client: &LoginClient,
) -> anyhow::Result<Protected> {
    let level = options.protection;
    let (provider, framing) = match options.spnego {
        false => (WINNT, Framing::Raw),
        true => (GSS_NEGOTIATE, Framing::Spnego),
    };
    let security = Security { provider, level: level as u8, context_id: 1 };
    let with = |token| Verifier { security, pad_len: 0, token };

    let (token, login) = client.start(framing)?;
    let answer = connection.bind(Kind::Bind, interface, Some(with(&token)))?;
    ensure!(answer.signs_headers(), "the server does not sign headers");
    let (token, login) = login.read(token_of(&answer, security)?)?;

    let established = match framing {
        Framing::Raw => {
            // The body of an Auth3 is four bytes of padding (2.2.2.5).
            let call_id = connection.next_call();
            connection.send(&Pdu::write(Kind::Auth3, call_id, &[0; 4], Some(with(&token)))?)?;
            login.finish(&[])?
        }
        Framing::Spnego => {
            let answer = connection.bind(Kind::AlterContext, interface, Some(with(&token)))?;
            login.finish(token_of(&answer, security)?)?
        }
    };
    let session = established.session.context("without a user there is no protection")?;
    let covers = match established.flags.contains(EXTENDED) {
        true => Covers::All,
        false => Covers::Stub,
    };
    Ok(Protected { connection, session, security, level, covers })
}

fn token_of(answer: &Pdu, security: Security) -> anyhow::Result<&[u8]> {
    let (verifier, _) = answer.verifier()?;
    ensure!(verifier.security == security, "the server chose other security");
    Ok(verifier.token)
}

/// A connection whose calls are protected.
struct Protected {
    connection: Connection,
    session: Session,
    security: Security,
    level: Level,
    covers: Covers,
}

/// What signatures cover: header, stub data and trailer. Without extended session security, only
/// the stub data, sealed or not, as in Samba.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Covers {
    All,
    Stub,
}

impl Protected {
    /// Calls an operation, and returns the stub data of its response.
    fn call(&mut self, operation: u16, stub: &[u8]) -> anyhow::Result<Vec<u8>> {
        let request = self.request(operation, stub)?;
        self.connection.send(&request)?;
        let mut stub = Vec::new();
        loop {
            let response = self.connection.receive()?;
            ensure!(response.kind == Kind::Response, "the server answers {:?}", response.kind);
            stub.extend(self.unprotect(&response)?);
            ensure!(stub.len() <= MAX_STUB_LEN, "the response is too long");
            if response.is_last() {
                return Ok(stub);
            }
        }
    }

    /// Makes a request: the header and the trailer are signed, the stub data and its padding are
    /// also sealed, and the signature is at the end.
    fn request(&mut self, operation: u16, stub: &[u8]) -> anyhow::Result<Vec<u8>> {
        // 2.2.2.11: the trailer is aligned; Windows pads to a multiple of 16 bytes.
        let pad_len = stub.len().next_multiple_of(16) - stub.len();
        let trailer = self.security.trailer(u8::try_from(pad_len)?);
        let mut stub = [stub, &vec![0; pad_len]].concat();
        let body = pdu::request_body(CONTEXT_ID, operation, &stub)?;
        let call_id = self.connection.next_call();
        let body_len = body.len() + trailer.len();
        let header = pdu::header(Kind::Request, call_id, body_len, SIGNATURE_LEN)?;
        let header = [header, body[..body.len() - stub.len()].to_vec()].concat();

        let mut parts = self.covers.parts(&header, self.level.part(&mut stub), &trailer);
        let signature = self.session.seal_parts(&mut parts)?;
        Ok([&header, &*stub, &trailer, signature.as_bytes()].concat())
    }

    /// Verifies and unseals a fragment of the server's response, and returns its stub data.
    fn unprotect(&mut self, response: &Pdu) -> anyhow::Result<Vec<u8>> {
        let (verifier, trailer_at) = response.verifier()?;
        ensure!(verifier.security == self.security, "the server protects in another way");
        let signature = Signature::try_from(verifier.token)?;
        let (header, rest) =
            response.bytes().split_at_checked(pdu::STUB_AT).context("the response is too short")?;
        let stub_len = trailer_at.checked_sub(pdu::STUB_AT).context("the response is too short")?;
        let mut stub = rest.get(..stub_len).unwrap_or_default().to_vec();
        let trailer =
            rest.get(stub_len..rest.len().saturating_sub(SIGNATURE_LEN)).unwrap_or_default();

        let mut parts = self.covers.parts(header, self.level.part(&mut stub), trailer);
        self.session.unseal_parts(&mut parts, &signature)?;
        let len = stub_len.checked_sub(verifier.pad_len.into());
        stub.truncate(len.context("the response has more padding than stub data")?);
        Ok(stub)
    }
}

impl Level {
    const fn part(self, stub: &mut [u8]) -> Part<'_> {
        match self {
            Self::Integrity => Part::Clear(stub),
            Self::Privacy => Part::Sealed(stub),
        }
    }
}

impl Covers {
    const fn parts<'a>(self, header: &'a [u8], stub: Part<'a>, trailer: &'a [u8]) -> [Part<'a>; 3] {
        match self {
            Self::All => [Part::Clear(header), stub, Part::Clear(trailer)],
            Self::Stub => [Part::Unsigned(header), stub, Part::Unsigned(trailer)],
        }
    }
}

const EXTENDED: NegotiateFlags = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
/// `RPC_C_AUTHN_WINNT` and `RPC_C_AUTHN_GSS_NEGOTIATE` (2.2.1.1.7).
const WINNT: u8 = 0x0a;
const GSS_NEGOTIATE: u8 = 0x09;
const SIGNATURE_LEN: usize = 16;
const MAX_STUB_LEN: usize = 0x10_0000;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ntlm::crypto::{ExportedSessionKey, Side};

    use super::*;

    const SECURITY: Security = Security { provider: WINNT, level: 6, context_id: 1 };

    fn session(side: Side) -> Session {
        let flags = NegotiateFlags::from_bits_retain(0xe208_8235);
        Session::new(flags, &ExportedSessionKey::from([7; 16]), side)
    }

    fn client(level: Level) -> Protected {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connection = Connection::open(&Address { host: "127.0.0.1".into(), port }).unwrap();
        let security = Security { level: level as u8, ..SECURITY };
        let (session, covers) = (session(Side::Client), Covers::All);
        Protected { connection, session, security, level, covers }
    }

    /// A server's response with four bytes of padding.
    fn response(level: Level) -> Vec<u8> {
        let trailer = Security { level: level as u8, ..SECURITY }.trailer(4);
        let mut stub = *b"twelve bytes\0\0\0\0";
        let mut header = pdu::header(Kind::Response, 1, 8 + stub.len() + 8, 16).unwrap();
        header.extend([0; 8]);
        let mut server = session(Side::Server);
        let parts = &mut [Part::Clear(&header), level.part(&mut stub), Part::Clear(&trailer)];
        let signature = server.seal_parts(parts).unwrap();
        [&header, &stub[..], &trailer, signature.as_bytes()].concat()
    }

    #[test]
    fn a_response_is_unsealed_and_its_padding_removed() {
        for level in [Level::Integrity, Level::Privacy] {
            let bytes = response(level);
            let is_readable = bytes.windows(12).any(|bytes| bytes == b"twelve bytes");
            assert_eq!(is_readable, level == Level::Integrity);
            let response = Pdu::read(&mut &*bytes).unwrap();
            assert_eq!(client(level).unprotect(&response).unwrap(), b"twelve bytes");
        }
    }

    #[test]
    fn a_response_that_was_changed_anywhere_is_rejected() {
        for level in [Level::Integrity, Level::Privacy] {
            let bytes = response(level);
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                let Ok(response) = Pdu::read(&mut &*changed) else { continue };
                assert!(client(level).unprotect(&response).is_err(), "{level:?}, byte {at}");
            }
        }
    }

    #[test]
    fn a_response_with_weaker_protection_is_rejected() {
        let response = response(Level::Integrity);
        let response = Pdu::read(&mut &*response).unwrap();
        assert!(client(Level::Privacy).unprotect(&response).is_err());
        let bare = Pdu::write(Kind::Response, 1, &[0; 24], None).unwrap();
        let bare = Pdu::read(&mut &*bare).unwrap();
        assert!(client(Level::Integrity).unprotect(&bare).is_err());
    }
}
