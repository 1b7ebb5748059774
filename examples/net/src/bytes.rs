//! Reads little-endian numbers, as in SMB and DCE/RPC, from untrusted bytes.

use anyhow::Context;

/// Reads one field after the other. A missing field is an error.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// Starts at this position, which may be beyond the end.
    pub const fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    pub fn u8(&mut self) -> anyhow::Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> anyhow::Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> anyhow::Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> anyhow::Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn array<const N: usize>(&mut self) -> anyhow::Result<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    pub fn take(&mut self, len: usize) -> anyhow::Result<&'a [u8]> {
        let end = self.position.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.position..end));
        let taken = taken.context("the message is too short")?;
        self.position += len;
        Ok(taken)
    }

    /// Skips padding up to a multiple of this many bytes.
    pub fn align(&mut self, to: usize) {
        self.position = self.position.next_multiple_of(to);
    }

    pub const fn position(&self) -> usize {
        self.position
    }
}

/// Text as Windows sends it.
pub fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Text from UTF-16, without control characters.
pub fn printable_utf16le(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    printable(&String::from_iter(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}'))))
}

/// Text that a peer sent, without control characters, which could move the cursor or change
/// colours.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_field_is_an_error() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16().unwrap(), 0x0201);
        assert!(reader.u16().is_err());
        assert_eq!(reader.u8().unwrap(), 3);
        assert!(reader.take(usize::MAX).is_err());
        assert!(Reader::at(&[1], 7).u8().is_err());
    }

    #[test]
    fn a_peer_cannot_move_the_cursor() {
        assert_eq!(printable_utf16le(&utf16le("a\x1b[2Jσ😀")), "a\u{fffd}[2Jσ😀");
    }
}
