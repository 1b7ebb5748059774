//! Negotiates the version of the protocol, and detects a man in the middle who downgrades it.

use anyhow::{Context, ensure};

use super::super::negotiate::{
    ClientSide, FSCTL_VALIDATE_NEGOTIATE_INFO, SHA_512, SIGNING_REQUIRED, ServerSide,
    preauth_hashes, preauth_integrity_capabilities, random,
};
use super::super::{Command, Dialect, HEADER_LEN, offset};
use super::Connection;
use crate::bytes::Reader;

/// What was negotiated before messages were signed.
pub(super) struct Negotiated {
    pub(super) dialect: Dialect,
    client: ClientSide,
    server: ServerSide,
}

impl Connection {
    /// Agrees on the newest version up to `newest` (3.2.4.2.2.2, 3.2.5.2).
    ///
    /// The server's token, an unsigned list of mechanisms, is ignored: our own offer is signed at
    /// the end of the login.
    pub fn negotiate(&mut self, newest: Dialect) -> anyhow::Result<()> {
        let offered = Vec::from_iter(Dialect::ALL.into_iter().filter(|d| *d <= newest));
        let dialects = offered.iter().map(|dialect| *dialect as u16).collect();
        let (capabilities, security_mode) = (CAPABILITIES, SIGNING_REQUIRED);
        let client = ClientSide { capabilities, guid: random()?, security_mode, dialects };
        let body = request(&client)?;
        let response = self.call(Command::Negotiate, &body)?;
        response.status.expect_success()?;

        let mut fields = response.body();
        fields.take(2)?; // StructureSize
        let security_mode = fields.u16()?;
        let dialect = fields.u16()?;
        let context_count = fields.u16()?;
        let guid = fields.array()?;
        let capabilities = fields.u32()?;
        // Skips the maximum sizes, two times, and the position of the token.
        fields.take(3 * 4 + 2 * 8 + 2 * 2)?;
        let contexts_at = fields.u32()?;

        let server = ServerSide { capabilities, guid, security_mode, dialect };
        let chosen = offered.iter().copied().find(|offered| *offered as u16 == dialect);
        let dialect = chosen.with_context(|| format!("the server chose SMB {dialect:#06x}"))?;
        if dialect == Dialect::Smb311 {
            let contexts = Reader::at(&response.message, usize::try_from(contexts_at)?);
            let hashes = preauth_hashes(contexts, context_count)?;
            ensure!(hashes == [SHA_512], "the server chose the hashes {hashes:04x?}");
        }
        self.negotiated = Some(Negotiated { dialect, client, server });
        Ok(())
    }

    /// Asks again, signed, what was negotiated without signatures (3.2.5.5), to detect a man in the
    /// middle who removed the newer versions from our offer. Not needed in SMB 3.1.1, where the keys
    /// depend on the negotiation.
    pub fn validate_negotiation(&mut self) -> anyhow::Result<()> {
        let Negotiated { dialect, client, .. } = self.negotiated()?;
        if *dialect == Dialect::Smb311 || self.signer.is_none() {
            return Ok(());
        }
        let body = ioctl_request(&client.to_bytes()?)?;
        let response = self.call(Command::Ioctl, &body)?;
        // Servers without SMB 3 do not support this request; that answer is signed too.
        if IOCTL_UNKNOWN.contains(&response.status.0) {
            return Ok(());
        }
        response.status.expect_success()?;

        let mut fields = response.body();
        fields.take(2 + 2 + 4 + 16 + 4 + 4)?; // up to OutputOffset
        let (at, len) = (fields.u32()?, fields.u32()?);
        let output = response.buffer(usize::try_from(at)?, usize::try_from(len)?)?;
        let server = self.negotiated()?.server.to_bytes();
        ensure!(output == server, "a man in the middle changed the negotiation");
        Ok(())
    }
}

/// The body of a NEGOTIATE (2.2.3).
fn request(client: &ClientSide) -> anyhow::Result<Vec<u8>> {
    let has_contexts = client.dialects.contains(&(Dialect::Smb311 as u16));
    let mut body = Vec::new();
    body.extend(36u16.to_le_bytes()); // StructureSize
    body.extend(u16::try_from(client.dialects.len())?.to_le_bytes());
    body.extend(client.security_mode.to_le_bytes());
    body.extend(0u16.to_le_bytes()); // Reserved
    body.extend(client.capabilities.to_le_bytes());
    body.extend(client.guid);
    let contexts_at = (36 + 2 * client.dialects.len()).next_multiple_of(8);
    if has_contexts {
        body.extend((HEADER_LEN as u32 + u32::try_from(contexts_at)?).to_le_bytes());
        body.extend(1u16.to_le_bytes()); // NegotiateContextCount
        body.extend(0u16.to_le_bytes()); // Reserved2
    } else {
        body.extend(0u64.to_le_bytes()); // ClientStartTime
    }
    body.extend(client.dialects.iter().flat_map(|dialect| dialect.to_le_bytes()));
    if has_contexts {
        body.resize(contexts_at, 0);
        body.extend(preauth_integrity_capabilities()?);
    }
    Ok(body)
}

/// The body of an IOCTL (2.2.31).
fn ioctl_request(input: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    body.extend(57u16.to_le_bytes()); // StructureSize
    body.extend(0u16.to_le_bytes()); // Reserved
    body.extend(FSCTL_VALIDATE_NEGOTIATE_INFO.to_le_bytes());
    body.extend([0xff; 16]); // FileId
    body.extend(u32::from(offset(56)).to_le_bytes()); // InputOffset
    body.extend(u32::try_from(input.len())?.to_le_bytes());
    body.extend([0; 4 + 4 + 4]); // MaxInputResponse, OutputOffset, OutputCount
    body.extend(24u32.to_le_bytes()); // MaxOutputResponse
    body.extend(1u32.to_le_bytes()); // Flags: SMB2_0_IOCTL_IS_FSCTL
    body.extend(0u32.to_le_bytes()); // Reserved2
    body.extend(input);
    Ok(body)
}

/// No optional capabilities.
const CAPABILITIES: u32 = 0;
/// `STATUS_INVALID_DEVICE_REQUEST`, `STATUS_NOT_SUPPORTED`, `STATUS_FILE_CLOSED`
const IOCTL_UNKNOWN: [u32; 3] = [0xc000_0010, 0xc000_00bb, 0xc000_0128];
