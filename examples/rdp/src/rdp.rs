//! RDP's negotiation of CredSSP before TLS begins ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2), and its messages
//! after the login.

use std::io::{Read, Write};

use anyhow::{Context, bail, ensure};

/// `requestedProtocols`: only TLS, TLS with CredSSP, and TLS with CredSSP and a subsequent
/// authorization.
const SSL: u32 = 1;
const HYBRID: u32 = 2;
const HYBRID_EX: u32 = 8;

/// Flags of `RDP_NEG_REQ` and `RDP_NEG_RSP`: the client delegates no credentials.
const RESTRICTED_ADMIN_REQUIRED: u8 = 0x01;
const RESTRICTED_ADMIN_SUPPORTED: u8 = 0x08;

/// The negotiated protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// After the login, the client begins the session.
    Hybrid,
    /// After the login, the server first sends whether the user may begin a session.
    HybridEx,
}

/// Asks a server for CredSSP.
pub fn request(
    stream: &mut (impl Read + Write),
    restricted_admin: bool,
) -> anyhow::Result<Protocol> {
    let flags = if restricted_admin { RESTRICTED_ADMIN_REQUIRED } else { 0 };
    let mut request = vec![0xe0, 0, 0, 0, 0, 0];
    request.extend(negotiation(1, flags, SSL | HYBRID | HYBRID_EX));
    write(stream, &request)?;
    let confirm = read(stream)?;
    let Some([kind, flags, 8, 0, a, b, c, d]) = confirm.get(6..).and_then(|n| n.first_chunk())
    else {
        bail!("the server does not speak CredSSP");
    };
    let protocol = match (kind, u32::from_le_bytes([*a, *b, *c, *d])) {
        (2, HYBRID) => Protocol::Hybrid,
        (2, HYBRID_EX) => Protocol::HybridEx,
        (2, protocol) => bail!("the server chooses the protocol {protocol} instead of CredSSP"),
        (3, code) => bail!("the server rejects CredSSP with code {code}"),
        _ => bail!("the server does not speak CredSSP"),
    };
    let supported = flags & RESTRICTED_ADMIN_SUPPORTED != 0;
    ensure!(
        supported || !restricted_admin,
        "the server does not support the Restricted Admin mode"
    );
    Ok(protocol)
}

/// Chooses CredSSP with a client.
///
/// # Errors
/// If the client does not ask for it. The client is then sent HYBRID_REQUIRED_BY_SERVER.
pub fn confirm(stream: &mut (impl Read + Write)) -> anyhow::Result<Protocol> {
    let request = read(stream)?;
    ensure!(request.first() == Some(&0xe0), "no connection request");
    let rest = request.get(6..).unwrap_or_default();
    // A cookie or a routing token may precede the negotiation.
    let end = rest.windows(2).position(|end| end == b"\r\n");
    let negotiation = end.map_or(rest, |end| &rest[end + 2..]);
    let requested = match negotiation.first_chunk() {
        Some([1, _, 8, 0, a, b, c, d]) => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0,
    };
    let confirm = |message: [u8; 8]| [&[0xd0, 0, 0, 0x12, 0x34, 0][..], &message].concat();
    let (protocol, value) = match (requested & HYBRID_EX, requested & HYBRID) {
        (HYBRID_EX, _) => (Protocol::HybridEx, HYBRID_EX),
        (_, HYBRID) => (Protocol::Hybrid, HYBRID),
        _ => {
            // HYBRID_REQUIRED_BY_SERVER
            write(stream, &confirm(self::negotiation(3, 0, 5)))?;
            bail!("the client does not ask for CredSSP");
        }
    };
    write(stream, &confirm(self::negotiation(2, RESTRICTED_ADMIN_SUPPORTED, value)))?;
    Ok(protocol)
}

/// `authorizationResult` of the Early User Authorization Result PDU (2.2.10.2).
const AUTHZ_SUCCESS: u32 = 0;
const AUTHZ_ACCESS_DENIED: u32 = 5;

impl Protocol {
    /// Authorizes the user to begin a session, if the client waits for that (3.3.5.10.2). A server that
    /// does not authorize every user sends AUTHZ_ACCESS_DENIED to the others.
    pub fn authorize(self, stream: &mut impl Write) -> anyhow::Result<()> {
        if self == Self::HybridEx {
            stream.write_all(&AUTHZ_SUCCESS.to_le_bytes())?;
            stream.flush()?;
        }
        Ok(())
    }

    /// Waits for the server to authorize the user, if that was negotiated (3.2.5.10.2).
    pub fn expect_authorization(self, stream: &mut impl Read) -> anyhow::Result<()> {
        if self == Self::Hybrid {
            return Ok(());
        }
        let mut result = [0; 4];
        stream.read_exact(&mut result).context("the server does not authorize the user")?;
        match u32::from_le_bytes(result) {
            AUTHZ_SUCCESS => Ok(()),
            AUTHZ_ACCESS_DENIED => bail!("the user may not begin a session on this server"),
            other => bail!("the server authorizes the user with the unknown result {other:#x}"),
        }
    }
}

/// Whether the client sends the first message of the session, `MCS Connect Initial` (2.2.1.3).
pub fn begins(stream: &mut impl Read) -> bool {
    let mut start = [0; 9];
    stream.read_exact(&mut start).is_ok()
        && start.starts_with(&[3, 0])
        && start.ends_with(&[0x7f, 0x65])
}

/// `MCS Disconnect Provider Ultimatum` (2.2.2.3): the server ends the session, with the reason
/// "user requested".
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
    stream.read_exact(&mut header).context(NO_RDP)?;
    let [3, 0, high, low] = header else { bail!(NO_RDP) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    ensure!((11..=512).contains(&len), "a packet of {len} octets");
    let mut packet = vec![0; len - 4];
    stream.read_exact(&mut packet).context(NO_RDP)?;
    ensure!(usize::from(packet[0]) == packet.len() - 1, "the packet has another length");
    Ok(packet.split_off(1))
}

const NO_RDP: &str = "the peer does not speak RDP";

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::recordings;

    /// A stream: the bytes to read, and the bytes written.
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
            let protocol = confirm(&mut peer).unwrap();
            let server = recordings::bytes(&exchange["x224_confirm"]);
            // The recorded servers chose HYBRID_EX whenever it was requested.
            let (expected, value) = match &client[client.len() - 4..] {
                [0x0b, 0, 0, 0] => (Protocol::HybridEx, 8),
                _ => (Protocol::Hybrid, 2),
            };
            assert_eq!(protocol, expected);
            assert_eq!(peer.1[..15], *b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x08\x08\0");
            assert_eq!(peer.1[15..], [value, 0, 0, 0]);
            assert_eq!(request(&mut Peer::new(&server), false).unwrap(), protocol);
            count += 1;
        }
        assert!(count > 30);
    }

    #[test]
    fn client_without_credssp_is_sent_that_it_is_required() {
        let mut peer = Peer::new(b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0");
        assert!(confirm(&mut peer).is_err());
        assert!(peer.1.ends_with(&[3, 0, 8, 0, 5, 0, 0, 0]));
        // An old client sends no negotiation.
        assert!(confirm(&mut Peer::new(b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0")).is_err());
    }

    #[test]
    fn user_is_authorized_only_if_that_was_negotiated() {
        for (protocol, sent) in [(Protocol::Hybrid, &[][..]), (Protocol::HybridEx, &[0; 4])] {
            let mut peer = Peer::new(&[]);
            protocol.authorize(&mut peer).unwrap();
            assert_eq!(peer.1, sent);
            // The next bytes belong to the session.
            let mut peer = Peer::new(&[sent, &[3]].concat());
            protocol.expect_authorization(&mut peer).unwrap();
            assert_eq!(peer.0.position(), sent.len() as u64);
        }
        for (wrong, error) in [
            (&[5, 0, 0, 0][..], "the user may not begin a session on this server"),
            (&[0, 0, 0, 1], "the server authorizes the user with the unknown result 0x1000000"),
            (&[0, 0, 0], "the server does not authorize the user"),
        ] {
            let result = Protocol::HybridEx.expect_authorization(&mut Peer::new(wrong));
            assert_eq!(result.unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn server_without_restricted_admin_is_rejected_if_it_is_needed() {
        let confirm = b"\x03\0\0\x13\x0e\xd0\0\0\0\0\0\x02\0\x08\0\x02\0\0\0";
        assert!(request(&mut Peer::new(confirm), true).is_err());
        let _ = request(&mut Peer::new(confirm), false).unwrap();
    }
}
