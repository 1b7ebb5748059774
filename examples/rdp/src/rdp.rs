//! How RDP negotiates CredSSP before TLS begins ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2).

use std::io::{Read, Write};

use anyhow::{Context, bail, ensure};

/// `requestedProtocols`: TLS alone, and TLS with CredSSP.
const SSL: u32 = 1;
const HYBRID: u32 = 2;

/// Flags of `RDP_NEG_REQ` and `RDP_NEG_RSP`: the client delegates no credentials.
const RESTRICTED_ADMIN_REQUIRED: u8 = 0x01;
const RESTRICTED_ADMIN_SUPPORTED: u8 = 0x08;

/// Asks a server for CredSSP.
pub fn request(stream: &mut (impl Read + Write), restricted_admin: bool) -> anyhow::Result<()> {
    let flags = if restricted_admin { RESTRICTED_ADMIN_REQUIRED } else { 0 };
    let mut request = vec![0xe0, 0, 0, 0, 0, 0];
    request.extend(negotiation(1, flags, SSL | HYBRID));
    write(stream, &request)?;
    let confirm = read(stream)?;
    let Some([kind, flags, 8, 0, a, b, c, d]) = confirm.get(6..).and_then(|n| n.first_chunk())
    else {
        bail!("the server does not speak CredSSP");
    };
    match (kind, u32::from_le_bytes([*a, *b, *c, *d])) {
        (2, HYBRID) => {}
        (2, protocol) => bail!("the server chooses the protocol {protocol} instead of CredSSP"),
        (3, code) => bail!("the server rejects CredSSP with code {code}"),
        _ => bail!("the server does not speak CredSSP"),
    }
    let supported = flags & RESTRICTED_ADMIN_SUPPORTED != 0;
    ensure!(
        supported || !restricted_admin,
        "the server does not support the Restricted Admin mode"
    );
    Ok(())
}

/// Chooses CredSSP with a client.
///
/// # Errors
/// If the client does not ask for it. It has been sent HYBRID_REQUIRED_BY_SERVER.
pub fn confirm(stream: &mut (impl Read + Write)) -> anyhow::Result<()> {
    let request = read(stream)?;
    ensure!(request.first() == Some(&0xe0), "no connection request");
    let rest = request.get(6..).unwrap_or_default();
    // A cookie or a routing token may come first.
    let end = rest.windows(2).position(|end| end == b"\r\n");
    let negotiation = end.map_or(rest, |end| &rest[end + 2..]);
    let confirm = |message: [u8; 8]| [&[0xd0, 0, 0, 0x12, 0x34, 0][..], &message].concat();
    let asks = match negotiation.first_chunk() {
        Some([1, _, 8, 0, a, b, c, d]) => u32::from_le_bytes([*a, *b, *c, *d]) & HYBRID != 0,
        _ => false,
    };
    if !asks {
        // HYBRID_REQUIRED_BY_SERVER
        write(stream, &confirm(self::negotiation(3, 0, 5)))?;
        bail!("the client does not ask for CredSSP");
    }
    write(stream, &confirm(self::negotiation(2, RESTRICTED_ADMIN_SUPPORTED, HYBRID)))
}

/// Whether the client sends the first message of the session, `MCS Connect Initial` (2.2.1.3).
pub fn begins(stream: &mut impl Read) -> bool {
    let mut start = [0; 9];
    stream.read_exact(&mut start).is_ok()
        && start.starts_with(&[3, 0])
        && start.ends_with(&[0x7f, 0x65])
}

/// `MCS Disconnect Provider Ultimatum` (2.2.2.3): the server ends the session, as a user asked for it.
pub const DISCONNECT: [u8; 9] = [3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80];

/// `RDP_NEG_REQ`, `RDP_NEG_RSP` or `RDP_NEG_FAILURE`.
const fn negotiation(kind: u8, flags: u8, value: u32) -> [u8; 8] {
    let [a, b, c, d] = value.to_le_bytes();
    [kind, flags, 8, 0, a, b, c, d]
}

/// Writes an X.224 packet, without its length, in a TPKT (RFC 1006).
fn write(stream: &mut impl Write, packet: &[u8]) -> anyhow::Result<()> {
    let len = u8::try_from(packet.len())?;
    let tpkt = [&[3, 0, 0, len + 5, len], packet].concat();
    Ok(stream.write_all(&tpkt)?)
}

/// Reads the X.224 packet in a TPKT, without its length.
fn read(stream: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).context("no RDP")?;
    let [3, 0, high, low] = header else { bail!("no RDP") };
    let len = usize::from(u16::from_be_bytes([high, low]));
    ensure!((11..=512).contains(&len), "a packet of {len} octets");
    let mut packet = vec![0; len - 4];
    stream.read_exact(&mut packet).context("no RDP")?;
    ensure!(usize::from(packet[0]) == packet.len() - 1, "the packet has another length");
    Ok(packet.split_off(1))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::recordings;

    /// What is read, and what was written.
    struct Peer(Cursor<Vec<u8>>, Vec<u8>);

    impl Peer {
        fn new(bytes: &[u8]) -> Self {
            Self(Cursor::new(bytes.to_vec()), Vec::new())
        }
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn recorded_clients_and_servers_agree_on_credssp() {
        let mut count = 0;
        for exchange in recordings::all() {
            if exchange["x224_request"].is_null() {
                continue;
            }
            let client = recordings::bytes(&exchange["x224_request"]);
            let mut peer = Peer::new(&client);
            confirm(&mut peer).unwrap();
            assert_eq!(peer.1, *b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x08\x08\0\x02\0\0\0");
            let server = recordings::bytes(&exchange["x224_confirm"]);
            let chooses_hybrid = server.ends_with(&[8, 0, 2, 0, 0, 0]);
            assert_eq!(request(&mut Peer::new(&server), false).is_ok(), chooses_hybrid);
            count += 1;
        }
        assert!(count > 30);
    }

    #[test]
    fn client_without_credssp_is_told_that_it_is_required() {
        let mut peer = Peer::new(b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0");
        assert!(confirm(&mut peer).is_err());
        assert!(peer.1.ends_with(&[3, 0, 8, 0, 5, 0, 0, 0]));
        // An old client negotiates nothing.
        assert!(confirm(&mut Peer::new(b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0")).is_err());
    }

    #[test]
    fn server_without_restricted_admin_is_rejected_if_it_is_needed() {
        let confirm = b"\x03\0\0\x13\x0e\xd0\0\0\0\0\0\x02\0\x08\0\x02\0\0\0";
        assert!(request(&mut Peer::new(confirm), true).is_err());
        request(&mut Peer::new(confirm), false).unwrap();
    }
}
