//! The server's end of a connection, as much of it as a login takes: NEGOTIATE, and responses that are
//! signed once a client has logged in.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use anyhow::{Context, ensure};
use ntlm::crypto::ExportedSessionKey;

use super::negotiate::{SIGNING_REQUIRED, preauth_integrity_capabilities, random};
use super::signing::{PreauthIntegrity, Signer};
use super::{Command, Dialect, FLAGS_SERVER_TO_REDIR, FLAGS_SIGNED, HEADER_LEN, PROTOCOL_ID};
use super::{MAX_MESSAGE_LEN, Status, offset};
use crate::bytes::Reader;
use crate::tcp::{DeadlineStream, read_onto};

/// A connection, and what signs on it.
pub struct ServerConnection {
    stream: DeadlineStream,
    dialect: Option<Dialect>,
    /// The hash after the NEGOTIATE, and the one of the session that begins.
    negotiated: PreauthIntegrity,
    preauth: PreauthIntegrity,
    signer: Option<Signer>,
}

/// A request (2.2.1.2). Its signature was checked if there is a session.
#[derive(Debug)]
pub struct Request {
    /// What it asks for; `None` if it is a command that this server does not have.
    pub command: Option<Command>,
    pub session_id: u64,
    message: Vec<u8>,
}

impl ServerConnection {
    pub fn new(stream: DeadlineStream) -> Self {
        let (negotiated, preauth) = Default::default();
        Self { stream, dialect: None, negotiated, preauth, signer: None }
    }

    /// Gives the client this long for what it sends next.
    pub fn restart_deadline(&mut self, patience: Duration) {
        self.stream.restart(patience);
    }

    /// Reads the next request; `None` if the client has ended the connection.
    pub fn receive(&mut self) -> anyhow::Result<Option<Request>> {
        let mut prefix = [0; 4];
        match self.stream.read_exact(&mut prefix) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let mut message = Vec::new();
        let len = usize::try_from(u32::from_be_bytes(prefix))?;
        read_onto(&mut self.stream, &mut message, len, MAX_MESSAGE_LEN)?;
        // A response repeats the header.
        ensure!(message.len() >= HEADER_LEN, "the client sends a message without a header");
        let mut fields = Reader::new(&message);
        ensure!(fields.array()? == PROTOCOL_ID, "the client does not speak SMB 2");
        fields.take(8)?; // StructureSize, CreditCharge, Status
        let command = Command::of(fields.u16()?);
        // Without a dialect nothing could be signed, so a login would be of no use.
        ensure!(
            self.dialect.is_some() || command == Some(Command::Negotiate),
            "the client does not negotiate first"
        );
        fields.take(2)?; // CreditRequest
        let (flags, next) = (fields.u32()?, fields.u32()?);
        ensure!(next == 0, "compounded requests are left out");
        fields.take(16)?; // MessageId, Reserved, TreeId
        let session_id = fields.u64()?;
        match &self.signer {
            Some(signer) => {
                ensure!(flags & FLAGS_SIGNED != 0, "the client does not sign");
                signer.verify(&message)?;
            }
            None => {
                if command == Some(Command::SessionSetup) && session_id == 0 {
                    self.preauth = self.negotiated.clone();
                }
                self.preauth.update(&message);
            }
        }
        Ok(Some(Request { command, session_id, message }))
    }

    /// Sends the response to a request, in this session and tree.
    pub fn respond(
        &mut self,
        request: &Request,
        (session_id, tree_id): (u64, u32),
        status: Status,
        body: &[u8],
    ) -> anyhow::Result<()> {
        let mut response = request.message[..HEADER_LEN].to_vec();
        response[8..12].copy_from_slice(&status.0.to_le_bytes());
        // As many credits as the client asks for, but for one at least: it stays as it is.
        response[14] |= 1;
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

    /// Sends an error, which has no token (2.2.2).
    pub fn respond_with_error(&mut self, request: &Request, status: Status) -> anyhow::Result<()> {
        let body = [&9u16.to_le_bytes()[..], &[0; 7]].concat();
        self.respond(request, (request.session_id, request.tree_id()), status, &body)
    }

    /// Sends SPNEGO's next token in the response to a SESSION_SETUP (2.2.6).
    pub fn respond_to_session_setup(
        &mut self,
        request: &Request,
        session_id: u64,
        status: Status,
        flags: u16,
        token: &[u8],
    ) -> anyhow::Result<()> {
        let mut body = Vec::new();
        body.extend(9u16.to_le_bytes()); // StructureSize
        body.extend(flags.to_le_bytes());
        body.extend(offset(8).to_le_bytes());
        body.extend(u16::try_from(token.len())?.to_le_bytes());
        body.extend(token);
        self.respond(request, (session_id, 0), status, &body)
    }

    /// Answers a NEGOTIATE with the newest version that both speak, and with the token of a server that
    /// speaks first (3.3.5.4).
    ///
    /// SMB 3.0 is left out: it needs another message that protects the negotiation.
    pub fn negotiate(&mut self, request: &Request, hints: &[u8]) -> anyhow::Result<()> {
        let mut fields = request.body();
        fields.take(2)?; // StructureSize
        let count = fields.u16()?;
        fields.take(2 + 2 + 4 + 16 + 8)?; // up to the dialects
        let offered = (0..count).map(|_| fields.u16()).collect::<anyhow::Result<Vec<_>>>()?;
        let ours = [Dialect::Smb311, Dialect::Smb210, Dialect::Smb202];
        let Some(dialect) = ours.into_iter().find(|ours| offered.contains(&(*ours as u16))) else {
            return self.respond_with_error(request, Status::NOT_SUPPORTED);
        };
        let has_contexts = dialect == Dialect::Smb311;
        let contexts_at = (64 + hints.len()).next_multiple_of(8);
        let mut body = Vec::new();
        body.extend(65u16.to_le_bytes()); // StructureSize
        body.extend((SIGNING_ENABLED | SIGNING_REQUIRED).to_le_bytes());
        body.extend((dialect as u16).to_le_bytes());
        body.extend(u16::from(has_contexts).to_le_bytes());
        body.extend(random::<16>()?); // ServerGuid
        body.extend(0u32.to_le_bytes()); // Capabilities
        body.extend([0x1_0000u32; 3].map(u32::to_le_bytes).concat()); // the longest messages
        body.extend([0; 16]); // SystemTime, ServerStartTime
        body.extend(offset(64).to_le_bytes());
        body.extend(u16::try_from(hints.len())?.to_le_bytes());
        body.extend(
            if has_contexts { u32::try_from(HEADER_LEN + contexts_at)? } else { 0 }.to_le_bytes(),
        );
        body.extend(hints);
        if has_contexts {
            body.resize(contexts_at, 0);
            body.extend(preauth_integrity_capabilities()?);
        }
        self.dialect = Some(dialect);
        self.respond(request, (0, 0), Status::SUCCESS, &body)?;
        self.negotiated = self.preauth.clone();
        Ok(())
    }

    /// Signs from now on with keys of the session key, beginning with the response that ends the login.
    pub fn start_signing(&mut self, session_key: &ExportedSessionKey) -> anyhow::Result<()> {
        let dialect = self.dialect.context("nothing was negotiated")?;
        self.signer = Some(Signer::new(dialect, session_key.expose(), &self.preauth)?);
        Ok(())
    }

    /// Signs no more: the session has ended.
    pub fn stop_signing(&mut self) {
        self.signer = None;
    }
}

impl Request {
    /// The fields that follow the header.
    pub fn body(&self) -> Reader<'_> {
        Reader::at(&self.message, HEADER_LEN)
    }

    /// A variable part, whose offset counts from the header.
    pub fn buffer(&self, offset: u16, len: u16) -> anyhow::Result<&[u8]> {
        Reader::at(&self.message, offset.into()).take(len.into())
    }

    pub fn tree_id(&self) -> u32 {
        Reader::at(&self.message, 36).u32().unwrap_or_default()
    }
}

const SIGNING_ENABLED: u16 = 0x1;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A client's end of a connection, and the server's.
    fn connect() -> (TcpStream, ServerConnection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = DeadlineStream::new(listener.accept().unwrap().0, Duration::from_secs(20));
        (client, ServerConnection::new(stream))
    }

    fn send(client: &mut TcpStream, message: &[u8]) {
        let len = u32::try_from(message.len()).unwrap();
        client.write_all(&[&len.to_be_bytes(), message].concat()).unwrap();
    }

    fn header(command: Command) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[..4].copy_from_slice(&PROTOCOL_ID);
        header[12..14].copy_from_slice(&(command as u16).to_le_bytes());
        header
    }

    #[test]
    fn message_without_a_whole_header_is_rejected() {
        let header = header(Command::Negotiate);
        for len in 0..HEADER_LEN {
            let (mut client, mut server) = connect();
            send(&mut client, &header[..len]);
            assert!(server.receive().is_err(), "{len}");
        }
        let (mut client, mut server) = connect();
        send(&mut client, &header);
        let request = server.receive().unwrap().unwrap();
        server.respond_with_error(&request, Status::NOT_SUPPORTED).unwrap();
    }

    #[test]
    fn session_setup_before_negotiate_is_rejected() {
        let (mut client, mut server) = connect();
        send(&mut client, &header(Command::SessionSetup));
        let error = server.receive().unwrap_err().to_string();
        assert_eq!(error, "the client does not negotiate first");
    }
}
