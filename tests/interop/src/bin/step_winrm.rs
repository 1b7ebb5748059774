//! A WinRM client as those that were written by hand: a function takes the value of the server's
//! `WWW-Authenticate` and returns that of the next `Authorization`; then each body is sealed
//! ([MS-WSMV] 2.2.9.1). `step_winrm ADDRESS:PORT USER PASSWORD` prints the bodies that come back.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ntlm::session::{Protection, Session, Signature};
use ntlm::spnego::{Initiator, InitiatorStep};
use ntlm::{Client, Credentials, Os};
use ntlm_net_examples::tcp::Address;

fn main() -> anyhow::Result<()> {
    let [_, server, user, password] = &env::args().collect::<Vec<_>>()[..] else {
        bail!("ADDRESS:PORT USER PASSWORD")
    };
    let client = Client::new(Credentials::password(user.as_str(), password.as_str()))
        .with_spn("HTTP/localhost")
        .with_protection(Protection::Seal);
    let mut handshake = Initiator::new(client).handshake();
    let mut session: Option<Session> = None;
    // The server's first value has no token.
    let mut step = |value: &str| -> anyhow::Result<Option<String>> {
        let token = value.strip_prefix("Negotiate").context("no Negotiate")?.trim();
        match handshake.step(&BASE64_STANDARD.decode(token)?, &mut Os)? {
            InitiatorStep::Send(token) => {
                Ok(Some(format!("Negotiate {}", BASE64_STANDARD.encode(token))))
            }
            InitiatorStep::Done(keys) => {
                session = Some(keys.into_session()?);
                Ok(None)
            }
        }
    };

    let mut connection = BufReader::new(Address::parse(server, 5985)?.connect()?);
    let mut value = step("Negotiate")?;
    while let Some(ours) = value {
        let (status, theirs, _) = post(&mut connection, &format!("Authorization: {ours}"), &[])?;
        value = step(&theirs.with_context(|| format!("{status} without a token"))?)?;
        ensure!(value.is_some() == (status == 401), "the server answers {status}");
    }
    let session = session.as_mut().context("nobody logged in")?;
    for message in ["<hello/>", "<hello again=\"true\"/>"] {
        let kind = format!("multipart/encrypted;protocol=\"{ENCRYPTED}\";boundary=\"{BOUNDARY}\"");
        let body = wrap(session, message.as_bytes())?;
        let (status, _, body) = post(&mut connection, &format!("Content-Type: {kind}"), &body)?;
        ensure!(status == 200, "the server answers {status}");
        println!("{}", String::from_utf8(unwrap(session, &body)?)?);
    }
    Ok(())
}

fn wrap(session: &mut Session, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut sealed = message.to_vec();
    let signature = session.seal(&mut sealed)?;
    let head = format!(
        "--{BOUNDARY}\r\n\tContent-Type: {ENCRYPTED}\r\n\tOriginalContent: \
         type=application/soap+xml;charset=UTF-8;Length={}\r\n--{BOUNDARY}\r\n\t{OCTETS}",
        message.len()
    );
    let end = format!("--{BOUNDARY}--\r\n");
    let length = 16u32.to_le_bytes();
    Ok([head.as_bytes(), &length, signature.as_bytes(), &sealed, end.as_bytes()].concat())
}

fn unwrap(session: &mut Session, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let at = body.windows(OCTETS.len()).position(|window| window == OCTETS.as_bytes());
    let content = &body[at.context("nothing is encrypted")? + OCTETS.len()..];
    let content = content.strip_suffix(format!("--{BOUNDARY}--\r\n").as_bytes());
    let content = content.context("the end is missing")?.strip_prefix(&16u32.to_le_bytes());
    let sealed = content.context("another signature")?.split_at_checked(16);
    let (signature, message) = sealed.context("it is too short")?;
    let (signature, mut message) = (Signature::try_from(signature)?, message.to_vec());
    session.unseal(&mut message, &signature)?;
    Ok(message)
}

/// Status, `WWW-Authenticate` if it has a token, and body.
fn post(
    connection: &mut BufReader<TcpStream>,
    header: &str,
    body: &[u8],
) -> anyhow::Result<(u16, Option<String>, Vec<u8>)> {
    let head = format!(
        "POST /wsman HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.get_mut().write_all(&[head.as_bytes(), body].concat())?;
    let (mut status, mut token, mut length) = (None, None, 0);
    loop {
        let mut line = String::new();
        connection.by_ref().take(0x1_0000).read_line(&mut line)?;
        let line = line.trim_end();
        if status.is_none() {
            status = Some(line.split(' ').nth(1).context("no status")?.parse()?);
        } else if let Some(value) = line.strip_prefix("WWW-Authenticate: ") {
            token = Some(value.to_owned()).filter(|value| value.contains(' '));
        } else if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse::<u16>()?.into();
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((status.context("no status")?, token, body))
}

const BOUNDARY: &str = "Encrypted Boundary";
const ENCRYPTED: &str = "application/HTTP-SPNEGO-session-encrypted";
const OCTETS: &str = "Content-Type: application/octet-stream\r\n";
