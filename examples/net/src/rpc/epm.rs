//! The endpoint mapper: the interfaces of a server and their addresses (C706 appendix O).

use std::fmt;
use std::net::Ipv4Addr;

use anyhow::ensure;

use super::Interface;
use crate::bytes::{Reader, printable};

/// `ept`: e1af8308-5d1f-11c9-91a4-08002b14a0fa
pub const EPM: Interface = Interface {
    uuid: [8, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 8, 0, 0x2b, 0x14, 0xa0, 0xfa],
    major: 3,
    minor: 0,
};

/// `ept_lookup`
pub const LOOKUP: u16 = 2;

/// Where a lookup continues: `ept_lookup_handle_t`.
pub type Position = [u8; 20];

pub const BEGINNING: Position = [0; 20];

/// The request for the next entries.
pub fn lookup(from: Position) -> Vec<u8> {
    let mut stub = Vec::new();
    stub.extend(0u32.to_le_bytes()); // inquiry_type: all
    stub.extend(0u32.to_le_bytes()); // object, a pointer to none
    stub.extend(0u32.to_le_bytes()); // interface_id, a pointer to none
    stub.extend(1u32.to_le_bytes()); // vers_option: all
    stub.extend(from); // entry_handle
    stub.extend(MOST_ENTRIES.to_le_bytes()); // max_ents
    stub
}

/// The result of a lookup.
#[derive(Debug)]
pub struct Found {
    pub entries: Vec<Entry>,
    /// Where the next lookup continues, if there may be more entries.
    pub next: Option<Position>,
}

/// An interface at one address.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// UUID and version.
    interface: String,
    /// As a string binding: `ncacn_ip_tcp:127.0.0.1[49152]`.
    binding: String,
    annotation: String,
}

/// Reads the answer to a lookup.
pub fn found(stub: &[u8]) -> anyhow::Result<Found> {
    let mut fields = Reader::new(stub);
    let next: Position = fields.array()?;
    fields.take(4)?; // num_ents
    fields.take(2 * 4)?; // max_count and offset of the array
    let count = fields.u32()?;
    ensure!(count <= MOST_ENTRIES, "the endpoint mapper sends more entries than it was asked for");

    let mut annotations = Vec::new();
    for _ in 0..count {
        fields.take(16)?; // object
        let has_tower = fields.u32()? != 0;
        fields.take(4)?; // where the annotation begins
        let len = usize::try_from(fields.u32()?)?;
        let annotation = String::from_utf8_lossy(fields.take(len)?).into_owned();
        fields.align(4);
        annotations.push((has_tower, annotation));
    }
    let mut entries = Vec::new();
    // The data that pointers refer to comes after the whole array.
    for (has_tower, annotation) in annotations {
        if !has_tower {
            continue;
        }
        fields.take(4)?; // the length once more
        let len = usize::try_from(fields.u32()?)?;
        let tower = fields.take(len)?;
        fields.align(4);
        entries.push(entry(tower, annotation.trim_end_matches('\0'))?);
    }
    let status = fields.u32()?;
    ensure!(status == 0 || status == NO_MORE_ENTRIES, "the endpoint mapper says {status:#010x}");
    let is_over = status == NO_MORE_ENTRIES || entries.is_empty() || next == BEGINNING;
    Ok(Found { entries, next: (!is_over).then_some(next) })
}

/// A tower has floors: the interface, its encoding, and its address, layer by layer.
fn entry(tower: &[u8], annotation: &str) -> anyhow::Result<Entry> {
    let mut fields = Reader::new(tower);
    let mut floors = Vec::new();
    for _ in 0..fields.u16()? {
        let len = fields.u16()?;
        let protocol = fields.take(len.into())?;
        let len = fields.u16()?;
        floors.push((protocol, fields.take(len.into())?));
    }
    let [(name, minor), _, transport @ ..] = &floors[..] else {
        anyhow::bail!("an entry of the endpoint mapper names no interface")
    };
    Ok(Entry {
        interface: interface(name, minor)?,
        binding: binding(transport),
        annotation: printable(annotation),
    })
}

fn interface(name: &[u8], minor: &[u8]) -> anyhow::Result<String> {
    let (mut name, mut minor) = (Reader::new(name), Reader::new(minor));
    name.take(1)?; // type: UUID
    let (first, second, third) = (name.u32()?, name.u16()?, name.u16()?);
    let rest = u64::from_be_bytes(name.array()?);
    let (fourth, fifth) = (rest >> 48, rest & 0xffff_ffff_ffff);
    let (major, minor) = (name.u16()?, minor.u16()?);
    Ok(format!("{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{fifth:012x} {major}.{minor}"))
}

/// The address of an interface (appendix I). An unknown protocol is shown as a number.
fn binding(transport: &[(&[u8], &[u8])]) -> String {
    let text = |data: &[u8]| printable(String::from_utf8_lossy(data).trim_end_matches('\0'));
    match transport {
        [_, ([TCP], [high, low]), ([IP], address), ..] => {
            let port = u16::from_be_bytes([*high, *low]);
            let address = <[u8; 4]>::try_from(*address).map(Ipv4Addr::from);
            let address = address.map(|address| address.to_string()).unwrap_or_default();
            format!("ncacn_ip_tcp:{address}[{port}]")
        }
        [_, ([HTTP], [high, low]), ..] => {
            format!("ncacn_http:[{}]", u16::from_be_bytes([*high, *low]))
        }
        [_, ([SMB], pipe), ([NETBIOS], host), ..] => {
            format!("ncacn_np:{}[{}]", text(host), text(pipe))
        }
        [_, ([NAMED_PIPE], name), ..] => format!("ncalrpc:[{}]", text(name)),
        _ => {
            let protocols = transport.iter().flat_map(|(protocol, _)| protocol.iter());
            format!("protocols {:02x?}", Vec::from_iter(protocols))
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.interface, self.binding)?;
        match self.annotation.as_str() {
            "" => Ok(()),
            annotation => write!(f, " {annotation}"),
        }
    }
}

/// In one answer.
const MOST_ENTRIES: u32 = 500;
/// `EPT_S_NOT_REGISTERED`
const NO_MORE_ENTRIES: u32 = 0x16c9_a0d6;
const TCP: u8 = 0x07;
const IP: u8 = 0x09;
const SMB: u8 = 0x0f;
const NAMED_PIPE: u8 = 0x10;
const NETBIOS: u8 = 0x11;
const HTTP: u8 = 0x1f;

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(protocol: &[u8], data: &[u8]) -> Vec<u8> {
        let len = |half: &[u8]| [half.len() as u8, 0];
        [&len(protocol)[..], protocol, &len(data), data].concat()
    }

    /// The endpoint mapper's own tower with two transport layers.
    fn tower(below: (u8, &[u8]), above: (u8, &[u8])) -> Vec<u8> {
        let floors = [
            floor(&[&[0x0d], &EPM.uuid[..], &[3, 0]].concat(), &[0, 0]),
            floor(&[&[0x0d], &[0; 16][..], &[2, 0]].concat(), &[0, 0]),
            floor(&[0x0b], &[0, 0]),
            floor(&[below.0], below.1),
            floor(&[above.0], above.1),
        ];
        [&[5, 0], &floors.concat()[..]].concat()
    }

    /// An answer with one annotated entry.
    fn answer(tower: &[u8]) -> Vec<u8> {
        let mut stub = [&[7; 20][..], &1u32.to_le_bytes(), &500u32.to_le_bytes()].concat();
        stub.extend([0u32, 1].map(u32::to_le_bytes).concat());
        stub.extend([0; 16]);
        stub.extend([3u32, 0, 6].map(u32::to_le_bytes).concat());
        stub.extend(b"Named\0\0\0");
        stub.extend([tower.len() as u32; 2].map(u32::to_le_bytes).concat());
        stub.extend(tower);
        stub.resize(stub.len().next_multiple_of(4), 0);
        stub.extend(0u32.to_le_bytes());
        stub
    }

    #[test]
    fn entries_and_the_handle_are_read() {
        let stub = answer(&tower((TCP, &[0xc0, 0x01]), (IP, &[127, 0, 0, 1])));
        let found = found(&stub).unwrap();
        let shown: Vec<_> = found.entries.iter().map(ToString::to_string).collect();
        let expected =
            "e1af8308-5d1f-11c9-91a4-08002b14a0fa 3.0 ncacn_ip_tcp:127.0.0.1[49153] Named";
        assert_eq!(shown, [expected]);
        assert_eq!(found.next, Some([7; 20]));
    }

    #[test]
    fn a_truncated_answer_is_rejected() {
        let stub = answer(&tower((TCP, &[0xc0, 0x01]), (IP, &[127, 0, 0, 1])));
        for end in 0..stub.len() {
            assert!(found(&stub[..end]).is_err(), "{end} bytes");
        }
        let mut many = stub.clone();
        many[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(found(&many).is_err());
    }

    #[test]
    fn a_status_or_an_empty_handle_marks_the_end() {
        let tower = tower((TCP, &[0xc0, 0x01]), (IP, &[127, 0, 0, 1]));
        let mut stub = answer(&tower);
        stub[..20].fill(0);
        assert_eq!(found(&stub).unwrap().next, None);
        let mut stub = answer(&tower);
        let status = stub.len() - 4;
        stub[status..].copy_from_slice(&NO_MORE_ENTRIES.to_le_bytes());
        assert_eq!(found(&stub).unwrap().next, None);
        stub[status..].copy_from_slice(&5u32.to_le_bytes());
        assert!(found(&stub).is_err());
    }

    #[test]
    fn addresses_are_shown_as_string_bindings() {
        for (below, above, expected) in [
            ((TCP, &[0, 135][..]), (IP, &[10, 0, 0, 1][..]), "ncacn_ip_tcp:10.0.0.1[135]"),
            ((SMB, b"\\pipe\\x\0"), (NETBIOS, b"\\\\PC\0"), r"ncacn_np:\\PC[\pipe\x]"),
            ((NAMED_PIPE, b"EPM\x1b\0"), (0, &[]), "ncalrpc:[EPM\u{fffd}]"),
            ((HTTP, &[2, 0x51]), (IP, &[0; 4]), "ncacn_http:[593]"),
            ((0x20, &[]), (0x21, &[]), "protocols [0b, 20, 21]"),
        ] {
            assert_eq!(entry(&tower(below, above), "").unwrap().binding, expected);
        }
    }
}
