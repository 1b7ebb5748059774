//! The server's end of a connection: the part that a login needs. Responses are signed once a client
//! has logged in.

mod negotiate;
mod session;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use anyhow::{Context, ensure};
use ntlm::crypto::ExportedSessionKey;

use super::signing::{PreauthIntegrity, Signer};
use super::{Command, Dialect, FLAGS_SERVER_TO_REDIR, FLAGS_SIGNED, HEADER_LEN, PROTOCOL_ID};
use super::{MAX_MESSAGE_LEN, Status};
use crate::bytes::Reader;
use crate::tcp::{DeadlineStream, read_onto};
use negotiate::Negotiated;

/// A connection, and the key that signs its messages.
pub struct ServerConnection {
    stream: DeadlineStream,
    /// `Connection.CommandSequenceWindow`: each response grants one credit, so this is the only
    /// `MessageId` that the next request may have.
    next_message_id: u64,
    negotiated: Option<Negotiated>,
    /// The hash of the session being set up.
    preauth: PreauthIntegrity,
    signer: Option<Signer>,
}

/// A request (2.2.1.2). In a session, its signature has been checked.
#[derive(Debug)]
pub struct Request {
    /// The command; `None` if this server does not support it.
    pub command: Option<Command>,
    flags: u32,
    message_id: u64,
    tree_id: u32,
    session_id: u64,
    message: Vec<u8>,
}

impl ServerConnection {
    pub fn new(stream: DeadlineStream) -> Self {
        let preauth = PreauthIntegrity::default();
        Self { stream, next_message_id: 0, negotiated: None, preauth, signer: None }
    }

    /// Restarts the time limit for the client's next messages.
    pub fn restart_deadline(&mut self, patience: Duration) {
        self.stream.restart(patience);
    }

    /// Reads the next request; `None` if the client has ended the connection.
    ///
    /// # Errors
    /// The caller must close the connection then.
    pub fn receive(&mut self) -> anyhow::Result<Option<Request>> {
        let Some(message) = self.read_message()? else { return Ok(None) };
        let request = Request::parse(message)?;
        // 3.3.5.2.3. This check detects replayed requests. CANCEL repeats a MessageId too, but is not
        // supported, because no request is pending while the next one is read.
        ensure!(
            request.message_id == self.next_message_id,
            "the client sends message {} in the place of {}",
            request.message_id,
            self.next_message_id
        );
        self.next_message_id += 1;
        // Without a dialect nothing can be signed, so a login would be useless. 3.3.5.4: the dialect
        // cannot be negotiated again.
        ensure!(
            self.negotiated.is_none() == (request.command == Some(Command::Negotiate)),
            "the client does not negotiate first, and once"
        );
        self.verify(&request)?;
        Ok(Some(request))
    }

    fn read_message(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut prefix = [0; 4];
        match self.stream.read_exact(&mut prefix) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let mut message = Vec::new();
        let len = usize::try_from(u32::from_be_bytes(prefix))?;
        read_onto(&mut self.stream, &mut message, len, MAX_MESSAGE_LEN)?;
        Ok(Some(message))
    }

    /// Checks the signature. Messages before the first signature are hashed for the keys of SMB
    /// 3.1.1.
    fn verify(&mut self, request: &Request) -> anyhow::Result<()> {
        if let Some(signer) = &self.signer {
            ensure!(request.flags & FLAGS_SIGNED != 0, "the client does not sign");
            return signer.verify(&request.message);
        }
        // 3.3.5.5: each session begins with the hash of the negotiation.
        let begins = request.command == Some(Command::SessionSetup) && request.session_id == 0;
        if let (true, Some(negotiated)) = (begins, &self.negotiated) {
            self.preauth = negotiated.preauth.clone();
        }
        self.preauth.update(&request.message);
        Ok(())
    }

    /// Sends the response to a request, in this session and tree.
    fn respond(
        &mut self,
        request: &Request,
        (session_id, tree_id): (u64, u32),
        status: Status,
        body: &[u8],
    ) -> anyhow::Result<()> {
        let mut response = request.message[..HEADER_LEN].to_vec();
        response[8..12].copy_from_slice(&status.0.to_le_bytes());
        // Grants one credit, however many the client asks for, because requests are served one at a
        // time.
        response[14..16].copy_from_slice(&1u16.to_le_bytes());
        let signed = if self.signer.is_some() { FLAGS_SIGNED } else { 0 };
        response[16..20].copy_from_slice(&(FLAGS_SERVER_TO_REDIR | signed).to_le_bytes());
        response[36..40].copy_from_slice(&tree_id.to_le_bytes());
        response[40..48].copy_from_slice(&session_id.to_le_bytes());
        response[48..].fill(0);
        response.extend(body);
        match &self.signer {
            Some(signer) => signer.sign(&mut response),
            None => self.preauth.update(&response),
        }
        let frame = [&u32::try_from(response.len())?.to_be_bytes(), &*response].concat();
        Ok(self.stream.write_all(&frame)?)
    }

    /// Sends a success, in the session and tree of the request.
    fn respond_with(&mut self, request: &Request, body: &[u8]) -> anyhow::Result<()> {
        self.respond(request, (request.session_id, request.tree_id), Status::SUCCESS, body)
    }

    /// Sends an error, which has no token (2.2.2).
    pub fn respond_with_error(&mut self, request: &Request, status: Status) -> anyhow::Result<()> {
        let body = [&9u16.to_le_bytes()[..], &[0; 7]].concat();
        self.respond(request, (request.session_id, request.tree_id), status, &body)
    }

    /// Starts to sign with keys derived from the session key, beginning with the response that ends
    /// the login.
    pub fn start_signing(&mut self, session_key: &ExportedSessionKey) -> anyhow::Result<()> {
        self.signer = Some(Signer::new(self.dialect()?, session_key.expose(), &self.preauth)?);
        Ok(())
    }

    /// The negotiated version.
    pub fn dialect(&self) -> anyhow::Result<Dialect> {
        Ok(self.negotiated()?.dialect)
    }

    fn negotiated(&self) -> anyhow::Result<&Negotiated> {
        self.negotiated.as_ref().context("nothing was negotiated")
    }
}

impl Request {
    fn parse(message: Vec<u8>) -> anyhow::Result<Self> {
        // A response repeats the header.
        ensure!(message.len() >= HEADER_LEN, "the client sends a message without a header");
        let mut fields = Reader::new(&message);
        ensure!(fields.array()? == PROTOCOL_ID, "the client does not speak SMB 2");
        fields.take(8)?; // StructureSize, CreditCharge, Status
        let command = Command::of(fields.u16()?);
        fields.take(2)?; // CreditRequest
        let (flags, next) = (fields.u32()?, fields.u32()?);
        ensure!(next == 0, "compounded requests are left out");
        let message_id = fields.u64()?;
        fields.take(4)?; // Reserved
        let (tree_id, session_id) = (fields.u32()?, fields.u64()?);
        Ok(Self { command, flags, message_id, tree_id, session_id, message })
    }

    /// The fields that follow the header.
    fn body(&self) -> Reader<'_> {
        Reader::at(&self.message, HEADER_LEN)
    }

    /// A variable part, whose offset counts from the header.
    fn buffer(&self, offset: u32, len: u32) -> anyhow::Result<&[u8]> {
        Reader::at(&self.message, usize::try_from(offset)?).take(usize::try_from(len)?)
    }
}

#[cfg(test)]
mod tests;
