//! Len, MaxLen and BufferOffset: where an item of the payload is ([MS-NLMP] 2.2).

use core::ops::Range;

use super::{Error, ErrorKind};

/// An item of the payload as its descriptor tells, not yet looked at.
///
/// `MaxLen` is ignored on receipt, as the specification demands, and so not kept.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// Where the descriptor itself stands, for errors.
    pub(super) descriptor: usize,
    pub(super) length: u16,
    pub(super) offset: u32,
}

impl Field {
    /// The item. An empty one is valid whatever its offset is; items may overlap.
    ///
    /// This is the only place where an offset from the wire meets a message.
    #[inline]
    pub(super) fn slice(self, message: &[u8]) -> Result<&[u8], Error> {
        if self.length == 0 {
            return Ok(&[]);
        }
        self.start()
            .and_then(|start| message.get(start..start.checked_add(usize::from(self.length))?))
            .ok_or(Error::new(ErrorKind::FieldOutside, self.descriptor))
    }

    /// The same field if it lies within the message, otherwise an empty one.
    pub(super) fn or_empty(self, message: &[u8]) -> Self {
        if self.slice(message).is_ok() { self } else { Self { length: 0, ..self } }
    }

    /// Where the item starts, `None` if it is empty or beyond what can be addressed.
    #[inline]
    pub(super) fn start(self) -> Option<usize> {
        if self.length == 0 { None } else { usize::try_from(self.offset).ok() }
    }
}

/// Where a part of a message is, which must be a slice of it. An empty part has an empty range.
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

/// Where the fixed part of a message can end at most: before the first item of the payload.
///
/// The specification lets old peers leave out the last parts of the header, and only the offsets
/// show which ones. Offsets within `least`, the mandatory part of the header, are ignored, because
/// they cannot mark its end.
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
    fn a_field_must_lie_within_the_message() {
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
    fn an_empty_field_may_point_anywhere() {
        assert_eq!(field(0, u32::MAX).slice(b"abcd"), Ok(&[][..]));
    }

    #[test]
    fn a_part_has_the_range_that_it_was_cut_from() {
        let message = [7; 12];
        assert_eq!(range_within(&message, &message[3..9]), 3..9);
        assert_eq!(range_within(&message, &message), 0..12);
        assert_eq!(range_within(&message, &[]), 0..0);
    }

    #[test]
    #[should_panic(expected = "the part is a slice of the message")]
    fn bytes_of_another_buffer_are_no_part_of_a_message() {
        let both = [7; 12];
        let (message, other) = both.split_at(6);
        range_within(message, other);
    }

    #[test]
    fn the_header_ends_at_the_first_item() {
        assert_eq!(header_end(&[0; 90], 52, [field(1, 72), field(2, 64), field(0, 52)]), 64);
        assert_eq!(header_end(&[0; 60], 52, [field(0, 0), field(1, 8)]), 60);
    }
}
