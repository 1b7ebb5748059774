//! AV_PAIR: a list of facts, for reading ([MS-NLMP] 2.2.2.1).

use core::fmt;

use super::{AvFlags, AvId, Error, ErrorKind};
use crate::environment::FileTime;
use crate::text::Text;

/// A list of AV pairs (attribute and value) that is well formed, so that reading it cannot fail:
/// every pair lies within the list, `MsvAvEOL` is at the end, and the ids that the specification
/// defines have values of the right length and are present at most once.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[doc(alias("AV_PAIR", "TargetInfo"))]
pub struct AvPairs<'a> {
    /// All bytes, with those after `MsvAvEOL`.
    bytes: &'a [u8],
    /// How many bytes there are up to the end of `MsvAvEOL`.
    len: usize,
}

impl<'a> AvPairs<'a> {
    /// Checks a list. Bytes after `MsvAvEOL` are kept and mean nothing.
    ///
    /// # Errors
    /// [`ErrorKind::AvPairOutside`], [`ErrorKind::AvPairsUnended`], [`ErrorKind::AvPairLength`] or
    /// [`ErrorKind::AvPairTwice`], with the offset of the pair within the list.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        let mut seen = 0_u16;
        loop {
            let start = bytes.len() - rest.len();
            if rest.is_empty() {
                return Err(Error::new(ErrorKind::AvPairsUnended, start));
            }
            let (id, value);
            (id, value, rest) =
                split_pair(rest).ok_or(Error::new(ErrorKind::AvPairOutside, start))?;
            if !id.allows(value.len()) {
                return Err(Error::new(ErrorKind::AvPairLength(id), start));
            }
            if id == AvId::EOL {
                return Ok(Self { bytes, len: bytes.len() - rest.len() });
            }
            let mark = if id.name().is_some() { 1 << id.0 } else { 0 };
            if seen & mark != 0 {
                return Err(Error::new(ErrorKind::AvPairTwice(id), start));
            }
            seen |= mark;
        }
    }

    /// A list that was parsed before, or written by this crate, and so need not be checked again. The
    /// bytes after `MsvAvEOL` count as part of it.
    pub(crate) const fn known(bytes: &'a [u8]) -> Self {
        Self { bytes, len: bytes.len() }
    }

    /// The pairs in the order of the list, without `MsvAvEOL`.
    pub fn iter(self) -> impl Iterator<Item = (AvId, &'a [u8])> {
        Pairs(self.bytes)
    }

    /// The value of the first pair with this id.
    #[must_use]
    pub fn get(self, id: AvId) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
    }

    /// The text of the pair with this id, such as [`AvId::NB_DOMAIN_NAME`]. `None` if the list does
    /// not have it, or if the value of an id without a name is not UTF-16.
    #[must_use]
    pub fn text(self, id: AvId) -> Option<Text> {
        self.get(id).and_then(|value| Text::from_utf16le(value).ok())
    }

    /// `MsvAvFlags`; none set if the list does not have it.
    #[doc(alias = "MsvAvFlags")]
    #[must_use]
    pub fn flags(self) -> AvFlags {
        let bits = self.get_array(AvId::FLAGS).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        AvFlags::from_bits_retain(bits)
    }

    /// `MsvAvTimestamp`.
    #[doc(alias = "MsvAvTimestamp")]
    #[must_use]
    pub fn timestamp(self) -> Option<FileTime> {
        let bytes = self.get_array(AvId::TIMESTAMP)?;
        Some(FileTime::from_ticks(u64::from_le_bytes(*bytes)))
    }

    /// `MsvAvChannelBindings`, unless it is all zero, which means that there are none. Samba, WinPR
    /// and, without TLS, Chromium send it so.
    #[doc(alias = "MsvAvChannelBindings")]
    #[must_use]
    pub fn channel_bindings(self) -> Option<&'a [u8; 16]> {
        self.get_array(AvId::CHANNEL_BINDINGS).filter(|md5| **md5 != [0; 16])
    }

    /// The value of a pair whose length [`parse`](Self::parse) has checked.
    #[expect(clippy::expect_used, reason = "a list has values of the length that `AvId` allows")]
    fn get_array<const N: usize>(self, id: AvId) -> Option<&'a [u8; N]> {
        self.get(id).map(|value| value.try_into().expect("the length of the value was checked"))
    }

    /// All bytes as received, with those after `MsvAvEOL`.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes after `MsvAvEOL`: most clients send four, WinPR sends 12, Samba, impacket and Firefox
    /// send none.
    #[must_use]
    pub fn trailing(self) -> &'a [u8] {
        let (_, trailing) = self.bytes.split_at(self.len);
        trailing
    }
}

impl fmt::Debug for AvPairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The pairs of a list.
struct Pairs<'a>(&'a [u8]);

impl<'a> Iterator for Pairs<'a> {
    type Item = (AvId, &'a [u8]);

    #[expect(clippy::expect_used, reason = "`AvPairs::parse` has read the same pairs before")]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None; // the default list, or a list that was read to its end
        }
        let (id, value, rest) = split_pair(self.0).expect("the list was checked");
        if id == AvId::EOL {
            self.0 = &[]; // what follows are no pairs
            return None;
        }
        self.0 = rest;
        Some((id, value))
    }
}

/// The id and the value of the first pair, and the bytes after it; `None` if the pair is cut.
#[inline]
fn split_pair(bytes: &[u8]) -> Option<(AvId, &[u8], &[u8])> {
    let (&[id0, id1, len0, len1], rest) = bytes.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u16::from_le_bytes([len0, len1]).into())?;
    Some((AvId(u16::from_le_bytes([id0, id1])), value, rest))
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    fn refused(bytes: &[u8]) -> (ErrorKind, usize) {
        let error = AvPairs::parse(bytes).unwrap_err();
        (error.kind(), error.offset())
    }

    #[test]
    fn a_list_is_read_in_any_order_and_on_any_boundary() {
        let bytes = [
            &[0x34, 0x12, 3, 0, 9, 9, 9][..],
            &[2, 0, 4, 0, b'D', 0, b'!', 0],
            &[6, 0, 4, 0, 2, 0, 0, 0x80],
            &[1, 0, 0, 0],
            &[0, 0, 0, 0],
            &[7; 8],
        ]
        .concat();
        let pairs = AvPairs::parse(&bytes).unwrap();
        let ids: Vec<u16> = pairs.iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [0x1234, 2, 6, 1]);
        assert_eq!(pairs.get(AvId(0x1234)), Some(&[9, 9, 9][..]));
        assert_eq!(pairs.text(AvId::NB_DOMAIN_NAME).unwrap(), "D!");
        assert_eq!(pairs.get(AvId::NB_COMPUTER_NAME), Some(&[][..]));
        assert_eq!(pairs.flags().bits(), 0x8000_0002);
        assert_eq!(pairs.trailing(), [7; 8]);
        let mut iter = pairs.iter();
        assert_eq!(iter.by_ref().count(), 4);
        assert_eq!(iter.next(), None, "the bytes after the end are no pairs");
        assert_eq!(pairs.as_bytes(), bytes);
        let shown = alloc::format!("{pairs:?}");
        assert!(
            shown.starts_with("{AV pair 0x1234: [9, 9, 9], MsvAvNbDomainName: [68,"),
            "{shown}"
        );
    }

    #[test]
    fn a_pair_outside_the_list_is_refused() {
        assert_eq!(refused(&[]), (ErrorKind::AvPairsUnended, 0));
        assert_eq!(refused(&[11, 0, 0, 0]), (ErrorKind::AvPairsUnended, 4));
        for cut in [&[1][..], &[1, 0], &[1, 0, 2], &[1, 0, 2, 0], &[1, 0, 2, 0, b'A']] {
            assert_eq!(refused(cut), (ErrorKind::AvPairOutside, 0));
        }
        assert_eq!(refused(&[11, 0, 0, 0, 1, 0, 0xff, 0xff]), (ErrorKind::AvPairOutside, 4));
    }

    #[test]
    fn known_ids_have_their_length() {
        for (id, right) in [(0, 0), (6, 4), (7, 8), (10, 16)] {
            for length in (0..40).filter(|length| *length != right) {
                let list = [&[id, 0, length, 0][..], &vec![0; length.into()], &[0; 4]].concat();
                let kind = ErrorKind::AvPairLength(AvId(id.into()));
                assert_eq!(refused(&list), (kind, 0), "id {id} length {length}");
            }
        }
        for id in [1, 2, 3, 4, 5, 9] {
            let odd = [id, 0, 1, 0, b'A', 0, 0, 0, 0];
            assert_eq!(refused(&odd), (ErrorKind::AvPairLength(AvId(id.into())), 0));
        }
    }

    #[test]
    fn a_known_id_is_there_once() {
        for id in 1..=10 {
            let length = [0, 0, 0, 0, 0, 0, 4, 8, 0, 0, 16][usize::from(id)];
            let pair = [&[id, 0, length, 0][..], &vec![0; length.into()]].concat();
            let list = [&pair[..], &[0x55, 0, 0, 0], &pair, &[0; 4]].concat();
            let twice = ErrorKind::AvPairTwice(AvId(id.into()));
            assert_eq!(refused(&list), (twice, pair.len() + 4));
        }
        assert!(AvPairs::parse(&[0x55, 0, 0, 0, 0x55, 0, 0, 0, 0, 0, 0, 0]).is_ok());
    }

    #[test]
    fn zero_channel_bindings_are_none() {
        for (value, expected) in [([0; 16], None), ([5; 16], Some(&[5; 16]))] {
            let list = [&[10, 0, 16, 0][..], &value, &[0; 4]].concat();
            assert_eq!(AvPairs::parse(&list).unwrap().channel_bindings(), expected);
        }
    }
}
