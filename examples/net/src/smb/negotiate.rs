//! The values of both sides in the negotiation, which are sent again to validate it.

use ntlm::{Environment, Os};

use crate::bytes::Reader;

/// The client's values.
pub(super) struct ClientSide {
    pub(super) capabilities: u32,
    pub(super) guid: [u8; 16],
    pub(super) security_mode: u16,
    pub(super) dialects: Vec<u16>,
}

/// The server's values.
pub(super) struct ServerSide {
    pub(super) capabilities: u32,
    pub(super) guid: [u8; 16],
    pub(super) security_mode: u16,
    pub(super) dialect: u16,
}

impl ClientSide {
    /// `VALIDATE_NEGOTIATE_INFO Request` (2.2.31.4).
    pub(super) fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.extend(self.capabilities.to_le_bytes());
        bytes.extend(self.guid);
        bytes.extend(self.security_mode.to_le_bytes());
        bytes.extend(u16::try_from(self.dialects.len())?.to_le_bytes());
        bytes.extend(self.dialects.iter().flat_map(|dialect| dialect.to_le_bytes()));
        Ok(bytes)
    }
}

impl ServerSide {
    /// `VALIDATE_NEGOTIATE_INFO Response` (2.2.32.6).
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.capabilities.to_le_bytes());
        bytes.extend(self.guid);
        bytes.extend(self.security_mode.to_le_bytes());
        bytes.extend(self.dialect.to_le_bytes());
        bytes
    }
}

/// `SMB2_PREAUTH_INTEGRITY_CAPABILITIES` (2.2.3.1.1) with the only hash algorithm, SHA-512.
pub(super) fn preauth_integrity_capabilities() -> anyhow::Result<Vec<u8>> {
    let salt = random::<32>()?;
    let mut context = Vec::new();
    context.extend(PREAUTH_INTEGRITY_CAPABILITIES.to_le_bytes());
    context.extend(38u16.to_le_bytes()); // DataLength
    context.extend(0u32.to_le_bytes()); // Reserved
    context.extend(1u16.to_le_bytes()); // HashAlgorithmCount
    context.extend(32u16.to_le_bytes()); // SaltLength
    context.extend(SHA_512.to_le_bytes());
    context.extend(salt);
    Ok(context)
}

/// The hash algorithms in a peer's context `SMB2_PREAUTH_INTEGRITY_CAPABILITIES`.
pub(super) fn preauth_hashes(mut contexts: Reader<'_>, count: u16) -> anyhow::Result<Vec<u16>> {
    for _ in 0..count {
        let kind = contexts.u16()?;
        let len = contexts.u16()?;
        contexts.take(4)?; // Reserved
        let mut data = Reader::new(contexts.take(len.into())?);
        if kind == PREAUTH_INTEGRITY_CAPABILITIES {
            let count = data.u16()?;
            data.take(2)?; // SaltLength
            return (0..count).map(|_| data.u16()).collect();
        }
        // Offsets count from the header, whose length is a multiple of 8.
        contexts.align(8);
    }
    anyhow::bail!("the peer does not protect the negotiation")
}

pub(super) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    Os.fill_random(&mut bytes)?;
    Ok(bytes)
}

pub(super) const SIGNING_REQUIRED: u16 = 0x2;
const PREAUTH_INTEGRITY_CAPABILITIES: u16 = 0x1;
pub(super) const SHA_512: u16 = 0x1;
pub(super) const FSCTL_VALIDATE_NEGOTIATE_INFO: u32 = 0x0014_0204;
