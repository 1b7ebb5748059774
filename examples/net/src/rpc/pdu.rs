//! The messages of DCE/RPC, with the part that belongs to the security provider ([MS-RPCE] 2.2.2).

use std::io::Read;

use anyhow::{Context, bail, ensure};

use crate::bytes::Reader;
use crate::tcp::read_onto;

/// `PTYPE`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request = 0,
    Response = 2,
    Fault = 3,
    Bind = 11,
    BindAck = 12,
    BindNak = 13,
    AlterContext = 14,
    AlterContextResponse = 15,
    Auth3 = 16,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Request,
        Self::Response,
        Self::Fault,
        Self::Bind,
        Self::BindAck,
        Self::BindNak,
        Self::AlterContext,
        Self::AlterContextResponse,
        Self::Auth3,
    ];

    /// The kind of the server's answer on success.
    pub const fn answer(self) -> Option<Self> {
        match self {
            Self::Bind => Some(Self::BindAck),
            Self::AlterContext => Some(Self::AlterContextResponse),
            Self::Request => Some(Self::Response),
            _ => None,
        }
    }
}

/// The security provider's part at the end: `sec_trailer` and a token (2.2.2.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verifier<'a> {
    pub security: Security,
    /// The number of padding bytes before it.
    pub pad_len: u8,
    pub token: &'a [u8],
}

/// The security provider, and how it protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// `auth_type`
    pub provider: u8,
    /// `auth_level`
    pub level: u8,
    /// `auth_context_id`
    pub context_id: u32,
}

impl Security {
    /// `sec_trailer`
    pub fn trailer(self, pad_len: u8) -> [u8; TRAILER_LEN] {
        let [a, b, c, d] = self.context_id.to_le_bytes();
        [self.provider, self.level, pad_len, 0, a, b, c, d]
    }
}

/// A message with a valid header and valid lengths.
#[derive(Debug)]
pub struct Pdu {
    pub kind: Kind,
    pub call_id: u32,
    flags: u8,
    token_len: usize,
    bytes: Vec<u8>,
}

impl Pdu {
    /// Writes a message that is not protected, with a token at its end.
    pub fn write(
        kind: Kind,
        call_id: u32,
        body: &[u8],
        verifier: Option<Verifier<'_>>,
    ) -> anyhow::Result<Vec<u8>> {
        let (trailer, token) = match verifier {
            Some(verifier) => {
                (verifier.security.trailer(verifier.pad_len).to_vec(), verifier.token)
            }
            None => (Vec::new(), &[][..]),
        };
        let header = header(kind, call_id, body.len() + trailer.len(), token.len())?;
        Ok([&header, body, &trailer, token].concat())
    }

    /// Reads the next message.
    pub fn read(stream: &mut impl Read) -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        read_onto(stream, &mut bytes, HEADER_LEN, HEADER_LEN)?;
        let mut fields = Reader::new(&bytes);
        ensure!(fields.take(2)? == [5, 0], "the server does not speak DCE/RPC 5.0");
        let (kind, flags) = (fields.u8()?, fields.u8()?);
        // Little-endian numbers, ASCII, IEEE.
        ensure!(fields.take(4)? == REPRESENTATION, "the server represents data in another way");
        let (len, token_len) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
        let call_id = fields.u32()?;
        let kind = Kind::ALL.into_iter().find(|known| *known as u8 == kind);
        let kind = kind.context("the server sends a message of an unknown kind")?;
        let rest = len.checked_sub(HEADER_LEN).context("the message is too short")?;
        read_onto(stream, &mut bytes, rest, usize::from(u16::MAX))?;
        Ok(Self { kind, call_id, flags, token_len, bytes })
    }

    /// What follows the common header.
    pub fn body(&self) -> Reader<'_> {
        Reader::at(&self.bytes, HEADER_LEN)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub const fn is_last(&self) -> bool {
        self.flags & LAST_FRAGMENT != 0
    }

    /// Whether the server also signs headers.
    pub const fn signs_headers(&self) -> bool {
        self.flags & SUPPORT_HEADER_SIGN != 0
    }

    /// The security provider's part at the end, and where it begins.
    pub fn verifier(&self) -> anyhow::Result<(Verifier<'_>, usize)> {
        let at = self.bytes.len().checked_sub(TRAILER_LEN + self.token_len);
        let at = at.filter(|at| self.token_len > 0 && *at >= HEADER_LEN);
        let Some(at) = at else { bail!("the message is not protected") };
        let mut fields = Reader::at(&self.bytes, at);
        let (provider, level, pad_len) = (fields.u8()?, fields.u8()?, fields.u8()?);
        fields.take(1)?;
        let security = Security { provider, level, context_id: fields.u32()? };
        Ok((Verifier { security, pad_len, token: fields.take(self.token_len)? }, at))
    }
}

/// The common header (2.2.2.1, C706 12.6.3.1) of a message in one fragment.
pub fn header(
    kind: Kind,
    call_id: u32,
    body_len: usize,
    token_len: usize,
) -> anyhow::Result<Vec<u8>> {
    let flags = match kind {
        Kind::Bind => FIRST_FRAGMENT | LAST_FRAGMENT | SUPPORT_HEADER_SIGN,
        _ => FIRST_FRAGMENT | LAST_FRAGMENT,
    };
    let mut header = vec![5, 0, kind as u8, flags];
    header.extend(REPRESENTATION);
    header.extend(u16::try_from(HEADER_LEN + body_len + token_len)?.to_le_bytes());
    header.extend(u16::try_from(token_len)?.to_le_bytes());
    header.extend(call_id.to_le_bytes());
    Ok(header)
}

/// The body of a request, with the stub data (C706 12.6.4.9).
pub fn request_body(context_id: u16, operation: u16, stub: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    body.extend(u32::try_from(stub.len())?.to_le_bytes()); // alloc_hint
    body.extend(context_id.to_le_bytes());
    body.extend(operation.to_le_bytes());
    body.extend(stub);
    Ok(body)
}

/// Where stub data begins in requests and responses.
pub const STUB_AT: usize = HEADER_LEN + 8;
const HEADER_LEN: usize = 16;
const TRAILER_LEN: usize = 8;
const REPRESENTATION: [u8; 4] = [0x10, 0, 0, 0];
const FIRST_FRAGMENT: u8 = 0x01;
const LAST_FRAGMENT: u8 = 0x02;
/// In a bind and its answer (2.2.2.3).
const SUPPORT_HEADER_SIGN: u8 = 0x04;

#[cfg(test)]
mod tests {
    use super::*;

    const SECURITY: Security = Security { provider: 10, level: 6, context_id: 7 };

    #[test]
    fn a_token_is_written_at_the_end() {
        let verifier = Verifier { security: SECURITY, pad_len: 0, token: b"token" };
        let bytes = Pdu::write(Kind::Bind, 3, &[1; 12], Some(verifier)).unwrap();
        let pdu = Pdu::read(&mut &*bytes).unwrap();
        assert_eq!((pdu.kind, pdu.call_id), (Kind::Bind, 3));
        assert_eq!(pdu.verifier().unwrap(), (verifier, 28));
        for end in 0..bytes.len() {
            assert!(Pdu::read(&mut &bytes[..end]).is_err());
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_rejected() {
        let mut bytes = Pdu::write(Kind::Response, 3, &[1; 12], None).unwrap();
        assert!(Pdu::read(&mut &*bytes).unwrap().verifier().is_err());
        bytes[10] = 200; // auth_length
        assert!(Pdu::read(&mut &*bytes).unwrap().verifier().is_err());
        bytes[8] = 15; // frag_length
        assert!(Pdu::read(&mut &*bytes).is_err());
    }
}
