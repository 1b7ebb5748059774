//! Reading a list of AV pairs ([MS-NLMP] 2.2.2.1).

use core::fmt;

use super::{AvFlags, AvId, Error, ErrorKind};
use crate::environment::FileTime;
use crate::text::Text;

/// A well-formed list of AV pairs (attribute and value), borrowed from a message.
///
/// [`parse`](Self::parse) checks the list, so reading it cannot fail: every pair lies within the
/// list, `MsvAvEOL` ends it, and each id that the specification defines occurs at most once, with a
/// value of the right length.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[doc(alias("AV_PAIR", "TargetInfo"))]
pub struct AvPairs<'a> {
    /// All bytes, including those after `MsvAvEOL`.
    bytes: &'a [u8],
    /// The number of bytes up to the end of `MsvAvEOL`.
    len: usize,
}

impl<'a> AvPairs<'a> {
    /// Parses a list. Bytes after `MsvAvEOL` are allowed: see [`trailing`](Self::trailing).
    ///
    /// # Errors
    /// The offset is that of the pair within the list.
    /// - [`ErrorKind::AvPairOutside`] if a pair runs past the end of the list.
    /// - [`ErrorKind::AvPairsUnended`] if `MsvAvEOL` is absent.
    /// - [`ErrorKind::AvPairLength`] if the value of a known id has a wrong length.
    /// - [`ErrorKind::AvPairTwice`] if a known id occurs twice.
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

    /// Returns a list that was parsed before or written by this crate, without checking it again.
    /// Bytes after `MsvAvEOL` are not reported as [`trailing`](Self::trailing).
    pub(crate) const fn known(bytes: &'a [u8]) -> Self {
        Self { bytes, len: bytes.len() }
    }

    /// Returns the pairs in the order of the list, without `MsvAvEOL`.
    pub fn iter(self) -> impl Iterator<Item = (AvId, &'a [u8])> {
        Pairs(self.bytes)
    }

    /// Returns the value of the first pair with this id.
    #[must_use]
    pub fn get(self, id: AvId) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
    }

    /// Returns the text of the pair with this id, such as [`AvId::NB_DOMAIN_NAME`]. `None` if the
    /// pair is absent, or if its value has an odd number of bytes, which is possible only for ids
    /// whose value is not text.
    #[must_use]
    pub fn text(self, id: AvId) -> Option<Text> {
        self.get(id).and_then(|value| Text::from_utf16le(value).ok())
    }

    /// Returns the value of `MsvAvFlags`, or no flags if the pair is absent.
    #[doc(alias = "MsvAvFlags")]
    #[must_use]
    pub fn flags(self) -> AvFlags {
        let bits = self.get_array(AvId::FLAGS).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        AvFlags::from_bits_retain(bits)
    }

    /// Returns the value of `MsvAvTimestamp`.
    #[doc(alias = "MsvAvTimestamp")]
    #[must_use]
    pub fn timestamp(self) -> Option<FileTime> {
        let bytes = self.get_array(AvId::TIMESTAMP)?;
        Some(FileTime::from_ticks(u64::from_le_bytes(*bytes)))
    }

    /// Returns the value of `MsvAvChannelBindings`, or `None` if it is absent or all zeros, which
    /// means that there are no channel bindings. Samba, WinPR and, without TLS, Chromium send
    /// zeros.
    #[doc(alias = "MsvAvChannelBindings")]
    #[must_use]
    pub fn channel_bindings(self) -> Option<&'a [u8; 16]> {
        self.get_array(AvId::CHANNEL_BINDINGS).filter(|md5| **md5 != [0; 16])
    }

    /// Returns the value of a pair whose length [`parse`](Self::parse) has checked.
    #[expect(clippy::expect_used, reason = "`parse` rejects values whose length is wrong")]
    fn get_array<const N: usize>(self, id: AvId) -> Option<&'a [u8; N]> {
        self.get(id).map(|value| value.try_into().expect("the length of the value was checked"))
    }

    /// Returns all bytes as received, including those after `MsvAvEOL`.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the bytes after `MsvAvEOL`. Most clients send 4 in an NTLMv2 response, WinPR sends
    /// 12, and Samba, impacket and Firefox send none.
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
            return None; // the default list, or the end of the list
        }
        let (id, value, rest) = split_pair(self.0).expect("the list was checked");
        if id == AvId::EOL {
            self.0 = &[]; // the bytes after it are not pairs
            return None;
        }
        self.0 = rest;
        Some((id, value))
    }
}

/// Returns the id and the value of the first pair, and the bytes after it. `None` if the pair is
/// cut short.
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

    fn rejection(bytes: &[u8]) -> (ErrorKind, usize) {
        let error = AvPairs::parse(bytes).unwrap_err();
        (error.kind(), error.offset())
    }

    #[test]
    fn pairs_are_read_in_any_order_at_any_alignment() {
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
        assert_eq!(iter.next(), None, "bytes after MsvAvEOL were read as pairs");
        assert_eq!(pairs.as_bytes(), bytes);
        let shown = alloc::format!("{pairs:?}");
        assert!(
            shown.starts_with("{AV pair 0x1234: [9, 9, 9], MsvAvNbDomainName: [68,"),
            "{shown}"
        );
    }

    #[test]
    fn pair_outside_the_list_is_rejected() {
        assert_eq!(rejection(&[]), (ErrorKind::AvPairsUnended, 0));
        assert_eq!(rejection(&[11, 0, 0, 0]), (ErrorKind::AvPairsUnended, 4));
        for cut in [&[1][..], &[1, 0], &[1, 0, 2], &[1, 0, 2, 0], &[1, 0, 2, 0, b'A']] {
            assert_eq!(rejection(cut), (ErrorKind::AvPairOutside, 0));
        }
        assert_eq!(rejection(&[11, 0, 0, 0, 1, 0, 0xff, 0xff]), (ErrorKind::AvPairOutside, 4));
    }

    #[test]
    fn wrong_length_of_a_known_id_is_rejected() {
        for (id, right) in [(0, 0), (6, 4), (7, 8), (10, 16)] {
            for length in (0..40).filter(|length| *length != right) {
                let list = [&[id, 0, length, 0][..], &vec![0; length.into()], &[0; 4]].concat();
                let kind = ErrorKind::AvPairLength(AvId(id.into()));
                assert_eq!(rejection(&list), (kind, 0), "id {id} length {length}");
            }
        }
        for id in [1, 2, 3, 4, 5, 9] {
            let odd = [id, 0, 1, 0, b'A', 0, 0, 0, 0];
            assert_eq!(rejection(&odd), (ErrorKind::AvPairLength(AvId(id.into())), 0));
        }
    }

    #[test]
    fn duplicate_known_id_is_rejected_and_unknown_one_accepted() {
        for id in 1..=10 {
            let length = [0, 0, 0, 0, 0, 0, 4, 8, 0, 0, 16][usize::from(id)];
            let pair = [&[id, 0, length, 0][..], &vec![0; length.into()]].concat();
            let list = [&pair[..], &[0x55, 0, 0, 0], &pair, &[0; 4]].concat();
            let twice = ErrorKind::AvPairTwice(AvId(id.into()));
            assert_eq!(rejection(&list), (twice, pair.len() + 4));
        }
        assert!(AvPairs::parse(&[0x55, 0, 0, 0, 0x55, 0, 0, 0, 0, 0, 0, 0]).is_ok());
    }

    #[test]
    fn zero_channel_bindings_are_treated_as_absent() {
        for (value, expected) in [([0; 16], None), ([5; 16], Some(&[5; 16]))] {
            let list = [&[10, 0, 16, 0][..], &value, &[0; 4]].concat();
            assert_eq!(AvPairs::parse(&list).unwrap().channel_bindings(), expected);
        }
    }
}
