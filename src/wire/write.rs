//! Messages onto the wire; the only file that knows byteorder.

use alloc::vec::Vec;

use byteorder::{ByteOrder, LittleEndian};

use super::reserved::Reserved;
use super::{Error, ErrorKind, MessageType, SIGNATURE};

/// The items of a message's payload, one after the other, and the descriptors of where they are.
pub(super) struct Payload<'a, const N: usize> {
    header_len: usize,
    items: [&'a [u8]; N],
}

impl<'a, const N: usize> Payload<'a, N> {
    /// Places the items behind a header of that length, and returns their descriptors (Len, MaxLen
    /// and BufferOffset, 2.2). An empty item gets an offset too: the current end of the payload.
    ///
    /// Each item comes with the offset at which its descriptor will stand, for the error.
    pub(super) fn new(
        header_len: usize,
        items: [(usize, &'a [u8]); N],
    ) -> Result<(Self, [[u8; 8]; N]), Error> {
        let mut descriptors = [[0; 8]; N];
        let mut end = header_len;
        for (descriptor, (at, item)) in descriptors.iter_mut().zip(items) {
            let too_long = |_| Error::new(ErrorKind::FieldTooLong, at);
            let length = u16::try_from(item.len()).map_err(too_long)?;
            let offset = u32::try_from(end).map_err(too_long)?;
            let (lengths, place) = descriptor.split_at_mut(4);
            LittleEndian::write_u16_into(&[length, length], lengths);
            LittleEndian::write_u32(place, offset);
            end += item.len();
        }
        Ok((Self { header_len, items: items.map(|(_, item)| item) }, descriptors))
    }
}

/// Appends one message to a buffer: the header from its first to its last byte, then the payload.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Where the message starts in `out`.
    start: usize,
}

impl<'a> Writer<'a> {
    /// Starts a message with its signature and type, in a buffer with room for `message_len` bytes.
    pub(super) fn new(out: &'a mut Vec<u8>, message_type: MessageType, message_len: usize) -> Self {
        out.reserve(message_len);
        let start = out.len();
        let mut writer = Self { out, start };
        writer.bytes(&SIGNATURE);
        writer.u32(message_type.number());
        writer
    }

    /// Writes the next bytes of the header.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn u32(&mut self, value: u32) {
        let mut bytes = [0; 4];
        LittleEndian::write_u32(&mut bytes, value);
        self.bytes(&bytes);
    }

    /// Leaves room in the header, to be filled in when the message is complete.
    pub(super) fn reserve<const N: usize>(&mut self) -> Reserved<N> {
        Reserved::append(self.out)
    }

    /// Ends the header, which must be as long as the payload was told, and writes the payload.
    pub(super) fn payload<const N: usize>(self, payload: Payload<'_, N>) {
        let header_len = self.out.len() - self.start;
        assert_eq!(header_len, payload.header_len, "the descriptors are for this header");
        for item in payload.items {
            self.out.extend_from_slice(item);
        }
    }
}
