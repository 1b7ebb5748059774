//! Sessions, and the share that they connect to.

use super::super::{Command, Status, offset};
use super::{Request, ServerConnection};
use crate::bytes::printable_utf16le;

impl Request {
    /// The token of a SESSION_SETUP (2.2.5).
    pub fn token(&self) -> anyhow::Result<&[u8]> {
        let mut fields = self.body();
        fields.take(12)?; // up to SecurityBufferOffset
        self.buffer(fields.u16()?.into(), fields.u16()?.into())
    }
}

impl ServerConnection {
    /// Sends SPNEGO's next token in the response to a SESSION_SETUP (2.2.6).
    pub fn respond_to_session_setup(
        &mut self,
        request: &Request,
        status: Status,
        is_anonymous: bool,
        token: &[u8],
    ) -> anyhow::Result<()> {
        let mut body = Vec::new();
        body.extend(9u16.to_le_bytes()); // StructureSize
        body.extend(if is_anonymous { IS_NULL } else { 0 }.to_le_bytes());
        body.extend(offset(8).to_le_bytes());
        body.extend(u16::try_from(token.len())?.to_le_bytes());
        body.extend(token);
        self.respond(request, (SESSION_ID, 0), status, &body)
    }

    /// Serves a client that has logged in: it can connect to the share, which is empty.
    pub fn serve_share(&mut self, request: &Request) -> anyhow::Result<()> {
        match request.command {
            Some(Command::TreeConnect) => self.tree_connect(request),
            Some(Command::TreeDisconnect) => self.respond_with(request, &[4, 0, 0, 0]), // 2.2.12
            Some(Command::Ioctl) => self.ioctl(request),
            _ => self.respond_with_error(request, Status::NOT_SUPPORTED),
        }
    }

    /// Connects to IPC$, the only share (2.2.9, 2.2.10).
    fn tree_connect(&mut self, request: &Request) -> anyhow::Result<()> {
        let mut fields = request.body();
        fields.take(4)?; // StructureSize, Flags
        let path = request.buffer(fields.u16()?.into(), fields.u16()?.into())?;
        if !printable_utf16le(path).to_ascii_uppercase().ends_with(r"\IPC$") {
            return self.respond_with_error(request, Status::BAD_NETWORK_NAME);
        }
        let mut body = Vec::new();
        body.extend(16u16.to_le_bytes()); // StructureSize
        body.extend([SHARE_TYPE_PIPE, 0]);
        body.extend([0; 8]); // ShareFlags, Capabilities
        body.extend(READ_ACCESS.to_le_bytes());
        self.respond(request, (request.session_id, TREE_ID), Status::SUCCESS, &body)
    }

    /// Ends the session (2.2.8). This response is the last one that is signed.
    pub fn log_off(&mut self, request: &Request) -> anyhow::Result<()> {
        self.respond_with(request, &[4, 0, 0, 0])?;
        self.signer = None;
        Ok(())
    }
}

/// The identifier of the only session.
const SESSION_ID: u64 = 1;
const TREE_ID: u32 = 1;
const IS_NULL: u16 = 2;
const SHARE_TYPE_PIPE: u8 = 2;
/// `MaximalAccess`: to read, and to read attributes.
const READ_ACCESS: u32 = 0x0012_0089;
