//! An LDAP client as those that were written for GSS-API: `step` takes the server's token and returns
//! the next one, `wrap` and `unwrap` protect messages. `step_ldap SERVER USER PASSWORD` prints the
//! name of an entry that it finds.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, ensure};
use ntlm::session::{Protection, Session, Signature};
use ntlm::spnego::{Initiator, InitiatorHandshake, InitiatorStep};
use ntlm::{Client, Credentials, Os};
use ntlm_net_examples::der;
use ntlm_net_examples::ldap::{Reply, ResultCode, Search, bind_request};
use ntlm_net_examples::tcp::Address;

/// What such a client wants of GSS-API.
trait Mechanism {
    fn step(&mut self, token: Option<&[u8]>) -> anyhow::Result<Option<Vec<u8>>>;
    fn wrap(&mut self, message: &[u8]) -> anyhow::Result<Vec<u8>>;
    fn unwrap(&mut self, wrapped: &[u8]) -> anyhow::Result<Vec<u8>>;
}

struct Spnego(InitiatorHandshake, Option<Session>);

impl Mechanism for Spnego {
    fn step(&mut self, token: Option<&[u8]>) -> anyhow::Result<Option<Vec<u8>>> {
        match self.0.step(token.unwrap_or_default(), &mut Os)? {
            InitiatorStep::Send(token) => Ok(Some(token)),
            InitiatorStep::Done(keys) => {
                self.1 = Some(keys.into_session()?);
                Ok(None)
            }
        }
    }

    fn wrap(&mut self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut message = message.to_vec();
        let signature = self.1.as_mut().context("nobody logged in")?.seal(&mut message)?;
        Ok([signature.as_bytes(), &message[..]].concat())
    }

    fn unwrap(&mut self, wrapped: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (signature, message) = wrapped.split_at_checked(16).context("too short")?;
        let (signature, mut message) = (Signature::try_from(signature)?, message.to_vec());
        self.1.as_mut().context("nobody logged in")?.unseal(&mut message, &signature)?;
        Ok(message)
    }
}

fn main() -> anyhow::Result<()> {
    let [_, server, user, password] = &env::args().collect::<Vec<_>>()[..] else {
        anyhow::bail!("SERVER USER PASSWORD")
    };
    let client = Client::new(Credentials::password(user.as_str(), password.as_str()))
        .with_spn(format!("ldap/{server}"))
        .with_protection(Protection::Seal);
    let mut spnego = Spnego(Initiator::new(client).handshake(), None);
    println!("{}", find(&mut Address::parse(server, 389)?.connect()?, &mut spnego)?);
    Ok(())
}

/// Logs in, and searches for a user. It knows nothing of SPNEGO and NTLM.
fn find(stream: &mut TcpStream, mechanism: &mut dyn Mechanism) -> anyhow::Result<String> {
    let mut token = mechanism.step(None)?;
    while let Some(ours) = token {
        stream.write_all(&bind_request(1, &ours))?;
        let reply = Reply::parse(&receive(stream)?)?;
        let (result, answer) = reply.bind_response()?;
        let continues = result.code == ResultCode::SASL_BIND_IN_PROGRESS;
        ensure!(continues || result.code == ResultCode::SUCCESS, "the server says {result}");
        token = mechanism.step(Some(answer))?;
        ensure!(token.is_some() == continues, "the server and SPNEGO disagree about the end");
    }
    let filter = "(sAMAccountName=alice)".parse()?;
    let search = Search { base: "DC=example,DC=com", scope: 2, filter: &filter, attributes: &[] };
    let wrapped = mechanism.wrap(&search.request(2))?;
    stream.write_all(&[&u32::try_from(wrapped.len())?.to_be_bytes(), &wrapped[..]].concat())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut wrapped = vec![0; usize::try_from(u32::from_be_bytes(length))?.min(MAX_LEN)];
    stream.read_exact(&mut wrapped)?;
    let replies = mechanism.unwrap(&wrapped)?;
    let len = der::len_of_first(&replies)?.context("there is no reply")?;
    let first = Reply::parse(replies.get(..len).context("the reply is cut")?)?;
    ensure!(first.tag == Reply::SEARCH_RESULT_ENTRY, "nothing is found");
    Ok(first.entry()?.name)
}

/// Reads a message that is not protected.
fn receive(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        match der::len_of_first(&message)? {
            Some(len) if len == message.len() => return Ok(message),
            len => {
                let missing = len.map_or(1, |len| len - message.len());
                ensure!(message.len() + missing <= MAX_LEN, "the answer is too long");
                let start = message.len();
                message.resize(start + missing, 0);
                stream.read_exact(&mut message[start..])?;
            }
        }
    }
}

const MAX_LEN: usize = 0x1_0000;
