//! Writing messages, with `byteorder`.

use alloc::vec::Vec;

use byteorder::{ByteOrder, LittleEndian};

use super::reserved::Reserved;
use super::{Error, ErrorKind, MessageType, SIGNATURE};

/// The items of a message's payload, in the order in which they are written.
pub(super) struct Payload<'a, const N: usize> {
    header_len: usize,
    items: [&'a [u8]; N],
}

impl<'a, const N: usize> Payload<'a, N> {
    /// Places the items after a header of `header_len` bytes, and returns their descriptors: Len,
    /// MaxLen and BufferOffset ([MS-NLMP] 2.2). An empty item also gets an offset: the current end
    /// of the payload.
    ///
    /// The number with each item is the offset of its descriptor, which is reported if the item is
    /// too long.
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

/// Appends one message to a buffer: first the header in order, then the payload.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The offset of the message in `out`.
    start: usize,
}

impl<'a> Writer<'a> {
    /// Starts a message with its signature and type. `message_len` bytes are reserved for the whole
    /// message.
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

    /// Appends a placeholder to the header, to be filled in when the message is complete.
    pub(super) fn reserve<const N: usize>(&mut self) -> Reserved<N> {
        Reserved::append(self.out)
    }

    /// Ends the header, which must have the length that was passed to [`Payload::new`], and writes
    /// the payload.
    pub(super) fn payload<const N: usize>(self, payload: Payload<'_, N>) {
        let header_len = self.out.len() - self.start;
        assert_eq!(header_len, payload.header_len, "the descriptors are for this header");
        for item in payload.items {
            self.out.extend_from_slice(item);
        }
    }
}
