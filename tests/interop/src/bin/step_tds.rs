//! A client of SQL Server as winauth's users write it: `next_bytes` takes the server's token and returns
//! the next one. `step_tds SERVER USER PASSWORD` prints the name under which the server knows the user.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, bail, ensure};
use ntlm::spnego::{Initiator, InitiatorHandshake, InitiatorStep};
use ntlm::{Client, Credentials, Os};
use ntlm_interop::tds::WHO;

/// What such a client wants of a login.
trait NextBytes {
    fn next_bytes(&mut self, received: Option<&[u8]>) -> anyhow::Result<Option<Vec<u8>>>;
}

impl NextBytes for InitiatorHandshake {
    fn next_bytes(&mut self, received: Option<&[u8]>) -> anyhow::Result<Option<Vec<u8>>> {
        match self.step(received.unwrap_or_default(), &mut Os)? {
            InitiatorStep::Send(token) => Ok(Some(token)),
            InitiatorStep::Done(_) => Ok(None),
        }
    }
}

const LOGIN7: u8 = 0x10;
const SSPI_MESSAGE: u8 = 0x11;
const SQL_BATCH: u8 = 0x01;
const SSPI: u8 = 0xed;
const ERROR: u8 = 0xaa;
const LOGIN_ACK: u8 = 0xad;
const ROW: u8 = 0xd1;
const DONE_LENGTH: usize = 13;

fn main() -> anyhow::Result<()> {
    let [_, server, user, password] = &env::args().collect::<Vec<_>>()[..] else {
        bail!("SERVER USER PASSWORD")
    };
    let client = Client::new(Credentials::password(user.as_str(), password.as_str()))
        .with_spn("MSSQLSvc/files.example.com:1433");
    let mut spnego = Initiator::new(client).handshake();
    println!("{}", who(&mut TcpStream::connect(server)?, &mut spnego)?);
    Ok(())
}

/// Logs in, and asks who it is. It knows nothing of SPNEGO and NTLM.
fn who(stream: &mut TcpStream, login: &mut dyn NextBytes) -> anyhow::Result<String> {
    let first = login.next_bytes(None)?.context("there is no first token")?;
    send(stream, LOGIN7, &login7(&first)?)?;
    loop {
        let response = receive(stream)?;
        let mut tokens = &response[..];
        while let [kind, low, high, rest @ ..] = tokens {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let (token, after) = rest.split_at_checked(length).context("a cut token")?;
            match *kind {
                SSPI => {
                    if let Some(next) = login.next_bytes(Some(token))? {
                        send(stream, SSPI_MESSAGE, &next)?;
                    }
                }
                LOGIN_ACK => return ask(stream),
                ERROR => bail!("the server rejects the login"),
                // What changed, such as the database.
                _ => {}
            }
            tokens = after;
        }
    }
}

fn ask(stream: &mut TcpStream) -> anyhow::Result<String> {
    send(stream, SQL_BATCH, &utf16(WHO))?;
    let response = receive(stream)?;
    // The columns, a row of one text behind its length, and the end.
    let end = response.len().checked_sub(DONE_LENGTH).context("a cut response")?;
    let rows = (0..end).filter(|at| response[*at] == ROW);
    let mut texts = rows.filter_map(|at| {
        let (length, text) = response[at + 1..end].split_first_chunk()?;
        (text.len() == usize::from(u16::from_le_bytes(*length))).then_some(text)
    });
    let text = texts.next().context("there is no row")?;
    let units: Vec<_> = text.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    Ok(String::from_utf16(&units)?)
}

/// A LOGIN7 of TDS 7.4 with no names, and this token.
fn login7(token: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut login = vec![0; 94];
    let length = u32::try_from(login.len() + token.len())?;
    login[..4].copy_from_slice(&length.to_le_bytes());
    login[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
    login[25] = 0x80; // fIntSecurity
    login[78..80].copy_from_slice(&94_u16.to_le_bytes());
    login[80..82].copy_from_slice(&u16::try_from(token.len())?.to_le_bytes());
    login.extend_from_slice(token);
    Ok(login)
}

fn send(stream: &mut TcpStream, kind: u8, message: &[u8]) -> anyhow::Result<()> {
    let [high, low] = u16::try_from(message.len() + 8)?.to_be_bytes();
    Ok(stream.write_all(&[&[kind, 1, high, low, 0, 0, 1, 0], message].concat())?)
}

/// A response of one packet.
fn receive(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut header = [0; 8];
    stream.read_exact(&mut header)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    ensure!(header[1] == 1 && length >= 8, "a response of several packets");
    let mut response = vec![0; length - 8];
    stream.read_exact(&mut response)?;
    Ok(response)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
