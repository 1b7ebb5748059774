//! The part of DCE/RPC over TCP (C706 chapter 12, [MS-RPCE]) that is needed to call an operation.

pub mod epm;
pub mod pdu;

use std::io::Write;
use std::net::TcpStream;

use anyhow::{bail, ensure};

use crate::tcp::Address;
use pdu::{Kind, Pdu, Verifier};

/// An interface and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// As it is sent: the first three numbers are little-endian.
    pub uuid: [u8; 16],
    pub major: u16,
    pub minor: u16,
}

/// A connection, and the number of the current call.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    call_id: u32,
}

impl Connection {
    pub fn open(address: &Address) -> anyhow::Result<Self> {
        Ok(Self { stream: address.connect()?, call_id: 0 })
    }

    /// Sends a Bind for an interface, or an AlterContext in the middle of a login, and returns the
    /// answer.
    pub fn bind(
        &mut self,
        kind: Kind,
        interface: Interface,
        verifier: Option<Verifier<'_>>,
    ) -> anyhow::Result<Pdu> {
        self.call_id += 1;
        let mut body = Vec::new();
        body.extend(MAX_FRAGMENT.to_le_bytes()); // max_xmit_frag
        body.extend(MAX_FRAGMENT.to_le_bytes()); // max_recv_frag
        body.extend(0u32.to_le_bytes()); // assoc_group_id
        body.extend(1u32.to_le_bytes()); // one context
        body.extend(CONTEXT_ID.to_le_bytes());
        body.extend(1u16.to_le_bytes()); // with one way to encode
        for syntax in [interface, NDR] {
            body.extend(syntax.uuid);
            body.extend(syntax.major.to_le_bytes());
            body.extend(syntax.minor.to_le_bytes());
        }
        self.send(&Pdu::write(kind, self.call_id, &body, verifier)?)?;
        let answer = self.receive()?;
        ensure!(Some(answer.kind) == kind.answer(), "the server answers {:?}", answer.kind);
        check_binding(&answer)?;
        Ok(answer)
    }

    /// Sends a message that is not answered.
    pub fn send(&mut self, pdu: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(pdu)?)
    }

    /// Reads a message, which must belong to the current call and must not be a rejection.
    pub fn receive(&mut self) -> anyhow::Result<Pdu> {
        let pdu = Pdu::read(&mut self.stream)?;
        ensure!(pdu.call_id == self.call_id, "the server answers something else");
        match pdu.kind {
            Kind::BindNak => {
                let reason = pdu.body().u16()?;
                bail!("the server rejects the bind (reason {reason})")
            }
            Kind::Fault => {
                let mut fields = pdu.body();
                fields.take(8)?;
                match fields.u32()? {
                    5 => bail!("the server says access denied"),
                    0x0000_0721 => bail!("the server says that security failed"),
                    // Samba reports a failed Auth3 as a protocol error.
                    0x1c01_000b => bail!("the server says protocol error: the login failed"),
                    status => bail!("the server says {status:#010x}"),
                }
            }
            _ => Ok(pdu),
        }
    }

    /// The number of the next call.
    pub fn next_call(&mut self) -> u32 {
        self.call_id += 1;
        self.call_id
    }
}

/// Checks that the server offers the interface (12.6.4.4).
fn check_binding(answer: &Pdu) -> anyhow::Result<()> {
    let mut fields = answer.body();
    fields.take(8)?; // sizes and assoc_group_id
    let address_len = fields.u16()?;
    fields.take(address_len.into())?;
    fields.align(4);
    fields.take(4)?; // n_results
    let (result, reason) = (fields.u16()?, fields.u16()?);
    ensure!(result == 0, "the server does not have the interface ({result}, {reason})");
    Ok(())
}

/// The only presentation context.
pub const CONTEXT_ID: u16 = 0;
const MAX_FRAGMENT: u16 = 4280;
/// 8a885d04-1ceb-11c9-9fe8-08002b104860
const NDR: Interface = Interface {
    uuid: [4, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 8, 0, 0x2b, 0x10, 0x48, 0x60],
    major: 2,
    minor: 0,
};
