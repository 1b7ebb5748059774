//! The client's end of a connection.

mod files;
mod negotiate;

use std::io::Write;
use std::net::TcpStream;

use anyhow::{bail, ensure};
use ntlm::crypto::ExportedSessionKey;

pub use files::{Entry, File};

use super::signing::{PreauthIntegrity, Signer};
use super::{Command, Dialect, FLAGS_SERVER_TO_REDIR, FLAGS_SIGNED, HEADER_LEN, MAX_MESSAGE_LEN};
use super::{PROTOCOL_ID, Status, offset};
use crate::bytes::{Reader, utf16le};
use crate::tcp::{Address, read_onto};
use negotiate::Negotiated;

/// A connection, its session, and the share that the session is connected to.
pub struct Connection {
    stream: TcpStream,
    /// `Connection.PreauthIntegrityHashValue`
    preauth: PreauthIntegrity,
    negotiated: Option<Negotiated>,
    next_message_id: u64,
    session_id: u64,
    tree_id: u32,
    signer: Option<Signer>,
}

/// A response with a valid header.
#[derive(Debug)]
pub struct Response {
    pub status: Status,
    session_id: u64,
    tree_id: u32,
    message: Vec<u8>,
}

impl Connection {
    /// Opens the TCP connection without sending anything.
    pub fn open(address: &Address) -> anyhow::Result<Self> {
        Ok(Self {
            stream: address.connect()?,
            preauth: PreauthIntegrity::default(),
            negotiated: None,
            next_message_id: 0,
            session_id: 0,
            tree_id: 0,
            signer: None,
        })
    }

    /// Sends a request, and waits for its response (3.2.4.1, 3.2.5.1).
    pub fn call(&mut self, command: Command, body: &[u8]) -> anyhow::Result<Response> {
        let message_id = self.next_message_id;
        self.next_message_id += 1;
        let mut request = self.header(command, message_id);
        request.extend(body);
        match &self.signer {
            Some(signer) => signer.sign(&mut request),
            None => self.preauth.update(&request),
        }
        self.send(&request)?;
        let mut response = self.receive(command, message_id)?;
        if response.status == Status::PENDING {
            // An interim response: the server needs more time.
            response = self.receive(command, message_id)?;
        }
        // The response that ends the login is not hashed, because it is signed with the keys
        // derived from the hash (3.2.5.3.1).
        let is_hashed = command == Command::Negotiate || response.status == Status::MORE_PROCESSING;
        if self.signer.is_none() && is_hashed {
            self.preauth.update(&response.message);
        }
        // The server's first answer contains the session's identifier.
        if command == Command::SessionSetup && self.session_id == 0 {
            self.session_id = response.session_id;
        }
        Ok(response)
    }

    /// Starts to sign with keys derived from the session key, and checks the signature of
    /// `response`, which ended the login (3.2.5.3.1).
    pub fn start_signing(
        &mut self,
        session_key: &ExportedSessionKey,
        response: &Response,
    ) -> anyhow::Result<()> {
        let dialect = self.negotiated()?.dialect;
        let signer = Signer::new(dialect, session_key.expose(), &self.preauth)?;
        signer.verify(&response.message)?;
        self.signer = Some(signer);
        Ok(())
    }

    /// Connects to a share, `\\host\share` (3.2.4.2.4).
    pub fn connect_to_share(&mut self, path: &str) -> anyhow::Result<()> {
        let path = utf16le(path);
        let mut body = Vec::new();
        body.extend(9u16.to_le_bytes()); // StructureSize
        body.extend(0u16.to_le_bytes()); // Flags
        body.extend(offset(8).to_le_bytes());
        body.extend(u16::try_from(path.len())?.to_le_bytes());
        body.extend(path);
        let response = self.call(Command::TreeConnect, &body)?;
        response.status.expect_success()?;
        self.tree_id = response.tree_id;
        Ok(())
    }

    /// Ends the session.
    pub fn log_off(&mut self) -> anyhow::Result<()> {
        let body = [4u16.to_le_bytes(), [0; 2]].concat();
        self.call(Command::Logoff, &body)?.status.expect_success()
    }

    /// The negotiated version.
    pub fn dialect(&self) -> anyhow::Result<Dialect> {
        Ok(self.negotiated()?.dialect)
    }

    fn negotiated(&self) -> anyhow::Result<&Negotiated> {
        match &self.negotiated {
            Some(negotiated) => Ok(negotiated),
            None => bail!("nothing was negotiated"),
        }
    }

    /// The header of a request (2.2.1.2), without its signature.
    fn header(&self, command: Command, message_id: u64) -> Vec<u8> {
        // CreditCharge is reserved in 2.0.2; elsewhere, each of our requests costs one credit.
        let charge = match &self.negotiated {
            Some(negotiated) => u16::from(negotiated.dialect > Dialect::Smb202),
            None => 0,
        };
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend(PROTOCOL_ID);
        header.extend((HEADER_LEN as u16).to_le_bytes());
        header.extend(charge.to_le_bytes());
        header.extend(0u32.to_le_bytes()); // ChannelSequence, Reserved
        header.extend((command as u16).to_le_bytes());
        // One request at a time needs one credit at a time.
        header.extend(1u16.to_le_bytes());
        let flags = if self.signer.is_some() { FLAGS_SIGNED } else { 0 };
        header.extend(flags.to_le_bytes());
        header.extend(0u32.to_le_bytes()); // NextCommand
        header.extend(message_id.to_le_bytes());
        header.extend(0u32.to_le_bytes()); // Reserved
        header.extend(self.tree_id.to_le_bytes());
        header.extend(self.session_id.to_le_bytes());
        header.extend([0; 16]); // Signature
        header
    }

    fn send(&mut self, message: &[u8]) -> anyhow::Result<()> {
        // 2.1: a zero byte, and the length in three bytes.
        let frame = [&u32::try_from(message.len())?.to_be_bytes(), message].concat();
        Ok(self.stream.write_all(&frame)?)
    }

    /// Reads a message, and checks that it answers this request and is signed if signing has
    /// started.
    fn receive(&mut self, command: Command, message_id: u64) -> anyhow::Result<Response> {
        let (mut prefix, mut message) = (Vec::new(), Vec::new());
        read_onto(&mut self.stream, &mut prefix, 4, 4)?;
        let len = prefix.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        read_onto(&mut self.stream, &mut message, len, MAX_MESSAGE_LEN)?;

        let mut fields = Reader::new(&message);
        match fields.array()? {
            PROTOCOL_ID => {}
            TRANSFORM_ID => bail!("the server encrypts, which this example does not"),
            _ => bail!("the server does not speak SMB 2"),
        }
        fields.take(4)?; // StructureSize, CreditCharge
        let status = Status(fields.u32()?);
        let answered = fields.u16()?;
        fields.take(2)?; // CreditResponse
        let flags = fields.u32()?;
        let next = fields.u32()?;
        ensure!(
            flags & FLAGS_SERVER_TO_REDIR != 0
                && next == 0
                && answered == command as u16
                && fields.u64()? == message_id,
            "the server answers something else"
        );
        fields.take(4)?;
        let tree_id = fields.u32()?;
        let session_id = fields.u64()?;

        // 3.2.5.1.3: interim responses need no signature; they contain no data.
        if let Some(signer) = &self.signer {
            if status != Status::PENDING {
                // [MS-SMB2] 2.2.1.2: `SessionId` is that of the session. The server of impacket sends 0 in
                // its response to LOGOFF, because it ends the session first. It is accepted, because the
                // signature must be right all the same.
                let has_ended = command == Command::Logoff && session_id == 0;
                ensure!(
                    session_id == self.session_id || has_ended,
                    "the server answers in another session"
                );
                ensure!(flags & FLAGS_SIGNED != 0, "the server does not sign ({status})");
                signer.verify(&message)?;
            }
        }
        Ok(Response { status, session_id, tree_id, message })
    }
}

impl Response {
    /// The fields that follow the header.
    pub fn body(&self) -> Reader<'_> {
        Reader::at(&self.message, HEADER_LEN)
    }

    /// A variable part: offsets count from the header.
    pub fn buffer(&self, offset: usize, len: usize) -> anyhow::Result<&[u8]> {
        Reader::at(&self.message, offset).take(len)
    }
}

const TRANSFORM_ID: [u8; 4] = *b"\xfdSMB";

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SESSION_ID: u64 = 7;

    /// Receives a response in a session that signs, after replacing the response's session
    /// identifier.
    fn receive(command: Command, session_id: u64, is_signed: bool) -> anyhow::Result<Response> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let signer = || Signer::new(Dialect::Smb210, &[7; 16], &PreauthIntegrity::default());
        let mut client = Connection {
            stream: listener.accept().unwrap().0,
            preauth: PreauthIntegrity::default(),
            negotiated: None,
            next_message_id: 0,
            session_id: SESSION_ID,
            tree_id: 0,
            signer: Some(signer().unwrap()),
        };
        let mut message = client.header(command, 0);
        message[16] |= FLAGS_SERVER_TO_REDIR as u8;
        message[40..48].copy_from_slice(&session_id.to_le_bytes());
        message.extend([4, 0, 0, 0]);
        if is_signed {
            signer().unwrap().sign(&mut message);
        }
        server.write_all(&[&[0, 0, 0, message.len() as u8], &*message].concat()).unwrap();
        client.receive(command, 0)
    }

    #[test]
    fn only_a_signed_response_to_logoff_may_be_outside_the_session() {
        for command in [Command::Logoff, Command::TreeConnect] {
            let may_be_outside = command == Command::Logoff;
            for (session_id, is_accepted) in [(SESSION_ID, true), (0, may_be_outside), (8, false)] {
                assert_eq!(receive(command, session_id, true).is_ok(), is_accepted, "{command:?}");
                assert!(receive(command, session_id, false).is_err(), "{command:?}");
            }
        }
    }
}
