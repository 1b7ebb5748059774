//! Messages onto the wire; the only file that knows byteorder.

use alloc::vec::Vec;

use byteorder::{ByteOrder, LittleEndian};

use super::{Error, ErrorKind, MessageType, SIGNATURE};

/// Appends one message to a buffer: the header first, then the payload, while the descriptors in
/// the header are filled in.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Where the message starts in `out`.
    start: usize,
    /// The first field that did not fit its descriptor.
    failed: Option<Error>,
}

impl<'a> Writer<'a> {
    /// Starts a message whose header of `header_len` bytes is zero but for signature and type.
    pub(super) fn new(out: &'a mut Vec<u8>, message_type: MessageType, header_len: usize) -> Self {
        let start = out.len();
        out.resize(start + header_len, 0);
        let mut writer = Self { out, start, failed: None };
        writer.bytes(0, &SIGNATURE);
        writer.u32(SIGNATURE.len(), message_type.number());
        writer
    }

    /// Writes bytes of the header, whose caller knows how long it is.
    pub(super) fn bytes(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.place(at, bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    pub(super) fn u32(&mut self, at: usize, value: u32) {
        if let Some(place) = self.place(at, 4) {
            LittleEndian::write_u32(place, value);
        }
    }

    /// Appends an item to the payload and writes its descriptor. An empty one points to where it
    /// would be.
    pub(super) fn field(&mut self, at: usize, item: &[u8]) {
        let offset = self.out.len() - self.start;
        let (Ok(length), Ok(offset)) = (u16::try_from(item.len()), u32::try_from(offset)) else {
            self.failed.get_or_insert(Error::new(ErrorKind::FieldTooLong, at));
            return;
        };
        if let Some(place) = self.place(at, 8) {
            let (lengths, place) = place.split_at_mut(4);
            let (len, max_len) = lengths.split_at_mut(2);
            LittleEndian::write_u16(len, length);
            LittleEndian::write_u16(max_len, length);
            LittleEndian::write_u32(place, offset);
        }
        self.out.extend_from_slice(item);
    }

    /// Ends the message. If a field did not fit, the buffer is as it was before.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self.failed {
            None => Ok(()),
            Some(error) => {
                self.out.truncate(self.start);
                Err(error)
            }
        }
    }

    fn place(&mut self, at: usize, len: usize) -> Option<&mut [u8]> {
        let start = self.start + at;
        let place = self.out.get_mut(start..start + len);
        debug_assert!(place.is_some(), "the header holds what is written to it");
        place
    }
}
