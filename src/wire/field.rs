//! The descriptor of a payload item: Len, MaxLen and BufferOffset ([MS-NLMP] 2.2).

use core::ops::Range;

use super::{Error, ErrorKind};

/// The descriptor of a payload item, as received and not yet checked. It does not keep `MaxLen`,
/// which receivers must ignore.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// The offset of the descriptor itself, for errors.
    pub(super) descriptor: usize,
    pub(super) length: u16,
    pub(super) offset: u32,
}

impl Field {
    /// Returns the item. An empty item may have any offset, and items may overlap.
    ///
    /// This is the only place that applies an offset from the wire to a message.
    #[inline]
    pub(super) fn slice(self, message: &[u8]) -> Result<&[u8], Error> {
        if self.length == 0 {
            return Ok(&[]);
        }
        self.start()
            .and_then(|start| message.get(start..start.checked_add(usize::from(self.length))?))
            .ok_or(Error::new(ErrorKind::FieldOutside, self.descriptor))
    }

    /// Returns the same field if it lies within the message, otherwise an empty one.
    pub(super) fn or_empty(self, message: &[u8]) -> Self {
        if self.slice(message).is_ok() { self } else { Self { length: 0, ..self } }
    }

    /// Returns the offset of the item. `None` if the item is empty, or the offset exceeds `usize`.
    #[inline]
    pub(super) fn start(self) -> Option<usize> {
        if self.length == 0 { None } else { usize::try_from(self.offset).ok() }
    }
}

/// Returns the range of a part within a message, and an empty range for an empty part.
///
/// # Panics
/// If the part is not a slice of the message.
#[expect(
    clippy::expect_used,
    reason = "each caller passes a field that was parsed from the message"
)]
pub(crate) fn range_within(message: &[u8], part: &[u8]) -> Range<usize> {
    if part.is_empty() {
        return 0..0;
    }
    let start = part.as_ptr().addr().checked_sub(message.as_ptr().addr());
    let range = start.map(|start| start..start.saturating_add(part.len()));
    range.filter(|range| range.end <= message.len()).expect("the part is a slice of the message")
}

/// Returns where the header of a message ends at the latest: before the first item of the payload.
///
/// Old peers omit the last parts of the header, and only the offsets of the payload show which
/// ones. Offsets below `least`, the length of the mandatory header, are ignored, because the header
/// cannot end there.
#[inline]
pub(super) fn header_end(
    message: &[u8],
    least: usize,
    fields: impl IntoIterator<Item = Field>,
) -> usize {
    let starts = fields.into_iter().filter_map(Field::start).filter(|start| *start >= least);
    starts.fold(message.len(), usize::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(length: u16, offset: u32) -> Field {
        Field { descriptor: 12, length, offset }
    }

    #[test]
    fn field_outside_the_message_is_rejected() {
        let outside = Err(Error::new(ErrorKind::FieldOutside, 12));
        assert_eq!(field(4, 0).slice(b"abcd"), Ok(&b"abcd"[..]));
        assert_eq!(field(1, 3).slice(b"abcd"), Ok(&b"d"[..]));
        assert_eq!(field(1, 4).slice(b"abcd"), outside);
        assert_eq!(field(5, 0).slice(b"abcd"), outside);
        for offset in [u32::MAX, u32::MAX - 3, 0x8000_0000, 0xffff_fff0] {
            assert_eq!(field(4, offset).slice(b"abcd"), outside);
            assert_eq!(field(u16::MAX, offset).slice(b"abcd"), outside);
        }
    }

    #[test]
    fn empty_field_may_have_any_offset() {
        assert_eq!(field(0, u32::MAX).slice(b"abcd"), Ok(&[][..]));
    }

    #[test]
    fn range_of_a_part_is_the_one_it_was_sliced_with() {
        let message = [7; 12];
        assert_eq!(range_within(&message, &message[3..9]), 3..9);
        assert_eq!(range_within(&message, &message), 0..12);
        assert_eq!(range_within(&message, &[]), 0..0);
    }

    #[test]
    #[should_panic(expected = "the part is a slice of the message")]
    fn range_of_a_slice_of_another_buffer_panics() {
        let both = [7; 12];
        let (message, other) = both.split_at(6);
        range_within(message, other);
    }

    #[test]
    fn header_ends_at_the_first_item_or_at_the_end_of_the_message() {
        assert_eq!(header_end(&[0; 90], 52, [field(1, 72), field(2, 64), field(0, 52)]), 64);
        assert_eq!(header_end(&[0; 60], 52, [field(0, 0), field(1, 8)]), 60);
    }
}
