//! The endpoint mapper: on which port an interface is ([C706] appendix O).

use anyhow::{Context, ensure};

use super::pdu::Kind;
use super::{Connection, Interface, NDR};
use crate::bytes::Reader;
use crate::tcp::Address;

/// Asks the endpoint mapper of a host for the TCP port of an interface (`ept_map`).
pub fn port_of(interface: Interface, mapper: &Address) -> anyhow::Result<u16> {
    let mut connection = Connection::open(mapper)?;
    connection.bind(Kind::Bind, EPM, None)?;
    let tower = tower(interface);
    let len = u32::try_from(tower.len())?.to_le_bytes();
    let mut stub = Vec::new();
    stub.extend(1u32.to_le_bytes()); // object, a pointer,
    stub.extend([0; 16]); // to none
    stub.extend(2u32.to_le_bytes()); // map_tower, a pointer,
    stub.extend([len, len].concat()); // to as many bytes
    stub.extend(&tower);
    stub.resize(stub.len().next_multiple_of(4), 0);
    stub.extend([0; 20]); // entry_handle
    stub.extend(1u32.to_le_bytes()); // max_towers
    first_port(&connection.call(EPT_MAP, &stub)?)
}

/// The port in the first tower of an answer.
fn first_port(stub: &[u8]) -> anyhow::Result<u16> {
    let mut fields = Reader::new(stub);
    fields.take(20)?; // entry_handle
    ensure!(fields.u32()? > 0, "the endpoint mapper does not know the interface");
    fields.take(3 * 4)?; // counts of the array
    fields.take(4)?; // a pointer, since only one tower was asked for
    fields.take(2 * 4)?; // the length of the tower, two times
    let mut floors = fields.u16()?;
    while floors > 0 {
        let len = fields.u16()?;
        let protocol = fields.take(len.into())?;
        let len = fields.u16()?;
        let data = fields.take(len.into())?;
        if protocol == [TCP] {
            return Ok(u16::from_be_bytes(data.try_into()?));
        }
        floors -= 1;
    }
    None.context("the endpoint mapper tells no port")
}

/// What is known and asked for: the interface, how it is encoded, and how it is reached.
fn tower(interface: Interface) -> Vec<u8> {
    let syntax = |syntax: Interface| {
        let name = [&[0x0d], syntax.uuid.as_slice(), &syntax.major.to_le_bytes()].concat();
        floor(&name, &syntax.minor.to_le_bytes())
    };
    let floors = [
        syntax(interface),
        syntax(NDR),
        floor(&[CONNECTION_ORIENTED], &[0; 2]),
        floor(&[TCP], &[0; 2]),
        floor(&[IP], &[0; 4]),
    ];
    [&5u16.to_le_bytes()[..], &floors.concat()].concat()
}

/// Both halves are short.
fn floor(protocol: &[u8], data: &[u8]) -> Vec<u8> {
    let len = |half: &[u8]| [half.len() as u8, 0];
    [&len(protocol)[..], protocol, &len(data), data].concat()
}

/// e1af8308-5d1f-11c9-91a4-08002b14a0fa
const EPM: Interface = Interface {
    uuid: [8, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 8, 0, 0x2b, 0x14, 0xa0, 0xfa],
    major: 3,
    minor: 0,
};
const EPT_MAP: u16 = 3;
const CONNECTION_ORIENTED: u8 = 0x0b;
const TCP: u8 = 0x07;
const IP: u8 = 0x09;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_in_the_first_tower() {
        let mut stub = [&[0; 20][..], &[1, 0, 0, 0], &[0; 12], &[3, 0, 0, 0], &[0; 8]].concat();
        let mut answered = tower(EPM);
        let port = answered.windows(5).position(|bytes| bytes == [TCP, 2, 0, 0, 0]).unwrap() + 3;
        answered[port..port + 2].copy_from_slice(&[0xc0, 0x01]);
        stub.extend(answered);
        assert_eq!(first_port(&stub).unwrap(), 0xc001);
        assert!(first_port(&stub[..60]).is_err());
        stub[20] = 0;
        assert!(first_port(&stub).is_err());
    }
}
