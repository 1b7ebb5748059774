//! A client of DCE/RPC that takes one function for its login: it calls it with the token of each answer
//! (first with none), and puts what it returns into the next `bind` or `alter_context`.
//! `step_rpc SERVER USER PASSWORD` makes a sealed call to the endpoint mapper.

use std::env;

use anyhow::{Context, ensure};
use ntlm::session::{Part, Protection, Session, SessionKeys, Signature};
use ntlm::spnego::{Initiator, InitiatorStep};
use ntlm::{Client, Credentials, Os};
use ntlm_net_examples::rpc::epm::{self, EPM};
use ntlm_net_examples::rpc::pdu::{self, Kind, Pdu, Security, Verifier};
use ntlm_net_examples::rpc::{CONTEXT_ID, Connection};
use ntlm_net_examples::tcp::Address;

fn main() -> anyhow::Result<()> {
    let [_, server, user, password] = &env::args().collect::<Vec<_>>()[..] else {
        anyhow::bail!("SERVER USER PASSWORD")
    };
    let client = Client::new(Credentials::password(user.as_str(), password.as_str()))
        .with_spn(format!("host/{server}"))
        .with_protection(Protection::Seal);
    let mut handshake = Initiator::new(client).handshake();
    let mut keys: Option<SessionKeys> = None;
    let mut step = |token: &[u8]| -> anyhow::Result<Vec<u8>> {
        match handshake.step(token, &mut Os)? {
            InitiatorStep::Send(token) => return Ok(token),
            InitiatorStep::Done(done) => keys = Some(done),
        }
        Ok(Vec::new())
    };
    let mut connection = Connection::open(&Address::parse(server, 135)?)?;
    log_in(&mut connection, &mut step)?;
    let mut session = keys.context("nobody logged in")?.into_session()?;
    let found = call(&mut connection, &mut session, epm::LOOKUP, &epm::lookup(epm::BEGINNING))?;
    ensure!(!epm::found(&found)?.entries.is_empty(), "the server has no endpoints");
    println!("found endpoints");
    Ok(())
}

/// Binds, and alters the context until there is nothing more to send.
fn log_in(
    connection: &mut Connection,
    step: &mut dyn FnMut(&[u8]) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<()> {
    let (mut kind, mut token) = (Kind::Bind, step(&[])?);
    while !token.is_empty() {
        let verifier = Verifier { security: SECURITY, pad_len: 0, token: &token };
        let answer = connection.bind(kind, EPM, Some(verifier))?;
        token = step(answer.verifier()?.0.token)?;
        kind = Kind::AlterContext;
    }
    Ok(())
}

/// Calls an operation, whose request fits one fragment.
fn call(
    connection: &mut Connection,
    session: &mut Session,
    operation: u16,
    stub: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let pad_len = stub.len().next_multiple_of(16) - stub.len();
    let mut stub = [stub, &vec![0; pad_len]].concat();
    let trailer = SECURITY.trailer(u8::try_from(pad_len)?);
    let body = pdu::request_body(CONTEXT_ID, operation, &stub)?;
    let (call_id, len) = (connection.next_call(), body.len() + trailer.len());
    let header = pdu::header(Kind::Request, call_id, len, 16)?;
    let header = [header, body[..body.len() - stub.len()].to_vec()].concat();
    let mut parts = [Part::Clear(&header), Part::Sealed(&mut stub), Part::Clear(&trailer)];
    let signature = session.seal_parts(&mut parts)?;
    connection.send(&[&header, &stub[..], &trailer, signature.as_bytes()].concat())?;

    let mut result = Vec::new();
    loop {
        let response = connection.receive()?;
        ensure!(response.kind == Kind::Response, "the server answers {:?}", response.kind);
        result.extend(unprotect(session, &response)?);
        if response.is_last() || result.len() > MAX_LEN {
            return Ok(result);
        }
    }
}

fn unprotect(session: &mut Session, response: &Pdu) -> anyhow::Result<Vec<u8>> {
    let (verifier, trailer_at) = response.verifier()?;
    let signature = Signature::try_from(verifier.token)?;
    let (clear, rest) = response.bytes().split_at(trailer_at);
    let (header, stub) = clear.split_at_checked(pdu::STUB_AT).context("it is too short")?;
    let (mut stub, trailer) = (stub.to_vec(), &rest[..rest.len() - verifier.token.len()]);
    let mut parts = [Part::Clear(header), Part::Sealed(&mut stub), Part::Clear(trailer)];
    session.unseal_parts(&mut parts, &signature)?;
    stub.truncate(stub.len().saturating_sub(verifier.pad_len.into()));
    Ok(stub)
}

/// `RPC_C_AUTHN_GSS_NEGOTIATE`, `RPC_C_AUTHN_LEVEL_PKT_PRIVACY` ([MS-RPCE] 2.2.1.1).
const SECURITY: Security = Security { provider: 9, level: 6, context_id: 1 };
const MAX_LEN: usize = 0x1_0000;
