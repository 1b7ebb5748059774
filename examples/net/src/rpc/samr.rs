//! Two operations of the accounts' manager ([MS-SAMR]): what they take and what they give.

use anyhow::ensure;

use super::{Interface, read_text};
use crate::bytes::Reader;

/// `samr`: 12345778-1234-abcd-ef00-0123456789ac
pub const SAMR: Interface = Interface {
    uuid: [
        0x78, 0x57, 0x34, 0x12, 0x34, 0x12, 0xcd, 0xab, 0xef, 0, 1, 0x23, 0x45, 0x67, 0x89, 0xac,
    ],
    major: 1,
    minor: 0,
};

/// What the server knows a client's object by.
pub type Handle = [u8; 20];

/// `SamrConnect` (3.1.5.1.4)
pub const CONNECT: u16 = 0;

pub fn connect() -> Vec<u8> {
    let server_name = 0u32; // a pointer to none
    let desired_access = SAM_SERVER_ENUMERATE_DOMAINS | SAM_SERVER_LOOKUP_DOMAIN;
    [server_name.to_le_bytes(), desired_access.to_le_bytes()].concat()
}

pub fn connected(stub: &[u8]) -> anyhow::Result<Handle> {
    let mut fields = Reader::new(stub);
    let handle = fields.array()?;
    check(fields.u32()?)?;
    Ok(handle)
}

/// `SamrEnumerateDomainsInSamServer` (3.1.5.2.1)
pub const ENUMERATE_DOMAINS: u16 = 6;

pub fn enumerate_domains(server: Handle) -> Vec<u8> {
    let (enumeration_context, preferred_maximum_length) = (0u32, u32::MAX);
    let numbers = [enumeration_context.to_le_bytes(), preferred_maximum_length.to_le_bytes()];
    [&server[..], &numbers.concat()].concat()
}

pub fn domains(stub: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut fields = Reader::new(stub);
    fields.take(4)?; // enumeration_context
    let mut names = Vec::new();
    if fields.u32()? != 0 {
        let count = fields.u32()?;
        if fields.u32()? != 0 {
            fields.take(4)?; // the array's own count
            for _ in 0..count {
                fields.take(4 + 2 + 2 + 4)?; // an index, lengths, and a pointer
            }
            for _ in 0..count {
                names.push(read_text(&mut fields)?);
            }
        }
    }
    fields.take(4)?; // count_returned
    check(fields.u32()?)?;
    Ok(names)
}

/// `SamrCloseHandle` (3.1.5.13.1)
pub const CLOSE_HANDLE: u16 = 1;

pub fn closed(stub: &[u8]) -> anyhow::Result<()> {
    let mut fields = Reader::new(stub);
    fields.take(20)?;
    check(fields.u32()?)
}

fn check(status: u32) -> anyhow::Result<()> {
    ensure!(status == 0, "the server says {status:#010x}");
    Ok(())
}

const SAM_SERVER_ENUMERATE_DOMAINS: u32 = 0x10;
const SAM_SERVER_LOOKUP_DOMAIN: u32 = 0x20;
