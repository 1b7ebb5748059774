//! Directories and files of a share.

use super::super::{Command, Status, offset};
use super::Connection;
use crate::bytes::{Reader, printable_utf16le, utf16le};

/// An open file or directory.
#[derive(Debug)]
pub struct File {
    id: [u8; 16],
    pub is_directory: bool,
}

/// An entry of a directory.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub size: u64,
    pub is_directory: bool,
}

impl Connection {
    /// Opens an existing file or directory for reading (2.2.13). The empty path is the share
    /// itself.
    pub fn open_file(&mut self, path: &str) -> anyhow::Result<File> {
        let name = utf16le(&path.trim_matches('/').replace('/', "\\"));
        let mut body = Vec::new();
        body.extend(57u16.to_le_bytes()); // StructureSize
        body.extend([0, 0]); // SecurityFlags, RequestedOplockLevel
        body.extend(2u32.to_le_bytes()); // ImpersonationLevel: Impersonation
        body.extend([0; 16]); // SmbCreateFlags, Reserved
        body.extend((FILE_READ_DATA | FILE_READ_ATTRIBUTES).to_le_bytes());
        body.extend(0u32.to_le_bytes()); // FileAttributes
        body.extend(7u32.to_le_bytes()); // ShareAccess: everything
        body.extend(1u32.to_le_bytes()); // CreateDisposition: FILE_OPEN
        body.extend(0u32.to_le_bytes()); // CreateOptions
        body.extend(offset(56).to_le_bytes());
        body.extend(u16::try_from(name.len())?.to_le_bytes());
        body.extend([0; 8]); // CreateContexts
        body.extend(&name);
        // The buffer is never empty.
        body.resize(body.len().max(57), 0);
        let response = self.call(Command::Create, &body)?;
        response.status.expect_success()?;
        let mut fields = response.body();
        fields.take(56)?;
        let attributes = fields.u32()?;
        fields.take(4)?; // Reserved2
        Ok(File { id: fields.array()?, is_directory: attributes & ATTRIBUTE_DIRECTORY != 0 })
    }

    /// Passes the entries of a directory to `show`, one after the other (2.2.33).
    pub fn list(
        &mut self,
        directory: &File,
        mut show: impl FnMut(Entry) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let pattern = utf16le("*");
        let mut body = Vec::new();
        body.extend(33u16.to_le_bytes()); // StructureSize
        body.extend([FILE_DIRECTORY_INFORMATION, 0]); // and no Flags
        body.extend(0u32.to_le_bytes()); // FileIndex
        body.extend(directory.id);
        body.extend(offset(32).to_le_bytes());
        body.extend(u16::try_from(pattern.len())?.to_le_bytes());
        body.extend(MAX_LEN.to_le_bytes());
        body.extend(pattern);
        loop {
            let response = self.call(Command::QueryDirectory, &body)?;
            if response.status == Status::NO_MORE_FILES {
                return Ok(());
            }
            response.status.expect_success()?;
            let mut fields = response.body();
            fields.take(2)?; // StructureSize
            let at = fields.u16()?;
            let len = fields.u32()?;
            let mut entries = response.buffer(at.into(), usize::try_from(len)?)?;
            while let Some((entry, rest)) = first_entry(entries)? {
                show(entry)?;
                entries = rest;
            }
        }
    }

    /// Passes the content of a file to `show`, piece by piece (2.2.19).
    pub fn read(
        &mut self,
        file: &File,
        mut show: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut position = 0u64;
        loop {
            let mut body = Vec::new();
            body.extend(49u16.to_le_bytes()); // StructureSize
            body.extend([0x50, 0]); // Padding: the offset of the data in the response; Flags
            body.extend(MAX_LEN.to_le_bytes());
            body.extend(position.to_le_bytes());
            body.extend(file.id);
            body.extend(1u32.to_le_bytes()); // MinimumCount
            body.extend([0; 12]); // Channel, RemainingBytes, ReadChannelInfo
            body.push(0); // The buffer is never empty.
            let response = self.call(Command::Read, &body)?;
            if response.status == Status::END_OF_FILE {
                return Ok(());
            }
            response.status.expect_success()?;
            let mut fields = response.body();
            fields.take(2)?; // StructureSize
            let at = fields.u8()?;
            fields.take(1)?; // Reserved
            let data = response.buffer(at.into(), usize::try_from(fields.u32()?)?)?;
            anyhow::ensure!(!data.is_empty(), "the server sends nothing");
            show(data)?;
            position += data.len() as u64;
        }
    }

    /// Closes a file or directory (2.2.15).
    pub fn close(&mut self, file: File) -> anyhow::Result<()> {
        let body = [&24u16.to_le_bytes()[..], &[0; 6], &file.id].concat();
        self.call(Command::Close, &body)?.status.expect_success()
    }
}

/// Parses one `FileDirectoryInformation` ([MS-FSCC] 2.4.10).
fn first_entry(entries: &[u8]) -> anyhow::Result<Option<(Entry, &[u8])>> {
    if entries.is_empty() {
        return Ok(None);
    }
    let mut fields = Reader::new(entries);
    let next = usize::try_from(fields.u32()?)?;
    fields.take(4 + 4 * 8)?; // FileIndex and times
    let size = fields.u64()?;
    fields.take(8)?; // AllocationSize
    let attributes = fields.u32()?;
    let len = usize::try_from(fields.u32()?)?;
    let name = printable_utf16le(fields.take(len)?);
    let is_directory = attributes & ATTRIBUTE_DIRECTORY != 0;
    let rest = match next {
        0 => &[],
        _ => entries.get(next..).unwrap_or_default(),
    };
    Ok(Some((Entry { name, size, is_directory }, rest)))
}

/// The length of one read: the most that one credit allows.
const MAX_LEN: u32 = 0x1_0000;
/// For a directory, the same bit is `FILE_LIST_DIRECTORY`.
const FILE_READ_DATA: u32 = 0x1;
const FILE_READ_ATTRIBUTES: u32 = 0x80;
const FILE_DIRECTORY_INFORMATION: u8 = 0x01;
const ATTRIBUTE_DIRECTORY: u32 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(next: u32, name: &str, attributes: u32) -> Vec<u8> {
        let name = utf16le(name);
        let mut entry = [&next.to_le_bytes()[..], &[0; 36], &9u64.to_le_bytes(), &[0; 8]].concat();
        entry.extend(attributes.to_le_bytes());
        entry.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
        entry.extend(name);
        entry.resize(entry.len().max(next as usize), 0);
        entry
    }

    #[test]
    fn entries_follow_each_other() {
        let entries = [entry(72, "a", 0), entry(0, "dir", ATTRIBUTE_DIRECTORY)].concat();
        let (first, rest) = first_entry(&entries).unwrap().unwrap();
        assert_eq!((first.name.as_str(), first.size, first.is_directory), ("a", 9, false));
        let (second, rest) = first_entry(rest).unwrap().unwrap();
        assert_eq!((second.name.as_str(), second.is_directory), ("dir", true));
        assert!(first_entry(rest).unwrap().is_none());
    }

    #[test]
    fn a_truncated_entry_is_rejected() {
        let whole = entry(0, "name", 0);
        for end in 1..whole.len() {
            assert!(first_entry(&whole[..end]).is_err());
        }
    }
}
