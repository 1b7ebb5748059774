//! Negotiates the version of the protocol, and detects a man in the middle who changes it.
//!
//! In SMB 3.1.1, the keys depend on every byte of the negotiation. A client of an older version that
//! speaks SMB 3.0 too asks again once it can sign, with FSCTL_VALIDATE_NEGOTIATE_INFO. A client that does
//! neither is not protected: a man in the middle can downgrade it from SMB 2.1 to 2.0.2, which signs in
//! the same way.

use anyhow::ensure;

use super::super::negotiate::{
    ClientSide, FSCTL_VALIDATE_NEGOTIATE_INFO, SHA_512, SIGNING_REQUIRED, ServerSide,
    preauth_hashes, preauth_integrity_capabilities, random,
};
use super::super::signing::PreauthIntegrity;
use super::super::{Dialect, HEADER_LEN, Status, offset};
use super::{Request, ServerConnection};
use crate::bytes::Reader;

/// What was negotiated before messages were signed.
pub(super) struct Negotiated {
    pub(super) dialect: Dialect,
    /// The hash of the negotiation.
    pub(super) preauth: PreauthIntegrity,
    client: ClientSide,
    server: ServerSide,
}

impl ServerConnection {
    /// Answers a NEGOTIATE with the newest common version, and with the server's first SPNEGO token,
    /// `hints` (3.3.5.4).
    pub fn negotiate(&mut self, request: &Request, hints: &[u8]) -> anyhow::Result<()> {
        let client = client_side(request)?;
        let common = |ours: &Dialect| client.dialects.contains(&(*ours as u16));
        let Some(dialect) = Dialect::ALL.into_iter().rev().find(common) else {
            return self.respond_with_error(request, Status::NOT_SUPPORTED);
        };
        if dialect == Dialect::Smb311 && !offered_hashes(request)?.contains(&SHA_512) {
            return self.respond_with_error(request, Status::NO_PREAUTH_HASH_OVERLAP);
        }
        let security_mode = SIGNING_ENABLED | SIGNING_REQUIRED;
        let server =
            ServerSide { capabilities: 0, guid: random()?, security_mode, dialect: dialect as u16 };
        let body = response(&server, hints)?;
        self.respond(request, (0, 0), Status::SUCCESS, &body)?;
        let preauth = self.preauth.clone();
        self.negotiated = Some(Negotiated { dialect, preauth, client, server });
        Ok(())
    }

    /// Answers FSCTL_VALIDATE_NEGOTIATE_INFO (3.3.5.15.12), and no other IOCTL.
    ///
    /// # Errors
    /// If the NEGOTIATE that the client sent differs from the one that was received, or if the client
    /// asks in SMB 3.1.1. The specification requires the server to close the connection in both
    /// cases.
    pub(super) fn ioctl(&mut self, request: &Request) -> anyhow::Result<()> {
        let mut fields = request.body();
        fields.take(4)?; // StructureSize, Reserved
        if fields.u32()? != FSCTL_VALIDATE_NEGOTIATE_INFO {
            return self.respond_with_error(request, Status::NOT_SUPPORTED);
        }
        fields.take(16)?; // FileId
        let input = request.buffer(fields.u32()?, fields.u32()?)?;
        fields.take(12)?; // MaxInputResponse, OutputOffset, OutputCount
        let most = usize::try_from(fields.u32()?)?;
        let Negotiated { dialect, client, server, .. } = self.negotiated()?;
        let output = server.to_bytes();
        ensure!(
            *dialect != Dialect::Smb311 && most >= output.len(),
            "the client asks in a wrong way what was negotiated"
        );
        ensure!(input == client.to_bytes()?, "a man in the middle changed the negotiation");
        self.respond_with(request, &ioctl_response(&output)?)
    }
}

/// The client's values in a NEGOTIATE (2.2.3).
fn client_side(request: &Request) -> anyhow::Result<ClientSide> {
    let mut fields = request.body();
    fields.take(2)?; // StructureSize
    let count = fields.u16()?;
    let security_mode = fields.u16()?;
    fields.take(2)?; // Reserved
    let (capabilities, guid) = (fields.u32()?, fields.array()?);
    fields.take(8)?; // ClientStartTime, or where the contexts are
    let dialects = (0..count).map(|_| fields.u16()).collect::<anyhow::Result<_>>()?;
    Ok(ClientSide { capabilities, guid, security_mode, dialects })
}

/// The hash algorithms that a client of SMB 3.1.1 offers for the negotiation.
fn offered_hashes(request: &Request) -> anyhow::Result<Vec<u16>> {
    let mut fields = request.body();
    fields.take(28)?; // up to NegotiateContextOffset
    let (at, count) = (fields.u32()?, fields.u16()?);
    preauth_hashes(Reader::at(&request.message, usize::try_from(at)?), count)
}

/// The body of the response to a NEGOTIATE (2.2.4).
fn response(server: &ServerSide, hints: &[u8]) -> anyhow::Result<Vec<u8>> {
    let has_contexts = server.dialect == Dialect::Smb311 as u16;
    let contexts_at = (64 + hints.len()).next_multiple_of(8);
    let contexts_offset = if has_contexts { u32::try_from(HEADER_LEN + contexts_at)? } else { 0 };
    let mut body = Vec::new();
    body.extend(65u16.to_le_bytes()); // StructureSize
    body.extend(server.security_mode.to_le_bytes());
    body.extend(server.dialect.to_le_bytes());
    body.extend(u16::from(has_contexts).to_le_bytes());
    body.extend(server.guid);
    body.extend(server.capabilities.to_le_bytes());
    // MaxTransactSize, MaxReadSize, MaxWriteSize
    body.extend([0x1_0000u32; 3].map(u32::to_le_bytes).concat());
    body.extend([0; 16]); // SystemTime, ServerStartTime
    body.extend(offset(64).to_le_bytes());
    body.extend(u16::try_from(hints.len())?.to_le_bytes());
    body.extend(contexts_offset.to_le_bytes());
    body.extend(hints);
    if has_contexts {
        body.resize(contexts_at, 0);
        body.extend(preauth_integrity_capabilities()?);
    }
    Ok(body)
}

/// The body of the response to an IOCTL (2.2.32).
fn ioctl_response(output: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    body.extend(49u16.to_le_bytes()); // StructureSize
    body.extend(0u16.to_le_bytes()); // Reserved
    body.extend(FSCTL_VALIDATE_NEGOTIATE_INFO.to_le_bytes());
    body.extend([0xff; 16]); // FileId
    body.extend(u32::from(offset(48)).to_le_bytes()); // InputOffset
    body.extend(0u32.to_le_bytes()); // InputCount
    body.extend(u32::from(offset(48)).to_le_bytes()); // OutputOffset
    body.extend(u32::try_from(output.len())?.to_le_bytes());
    body.extend([0; 8]); // Flags, Reserved2
    body.extend(output);
    Ok(body)
}

const SIGNING_ENABLED: u16 = 0x1;
