//! AV_PAIR and Single_Host_Data: facts in a list ([MS-NLMP] 2.2.2.1, 2.2.2.2).

use alloc::vec::Vec;
use core::fmt;

use bitflags::bitflags;

use super::read::Reader;
use super::{Error, ErrorKind};
use crate::environment::FileTime;
use crate::text::Text;

/// What an AV pair is about. An id without a name is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a number")]
pub struct AvId(pub u16);

impl AvId {
    /// `MsvAvEOL`: the end of the list.
    pub const EOL: Self = Self(0);
    /// `MsvAvNbComputerName`: the server's NetBIOS name, UTF-16.
    pub const NB_COMPUTER_NAME: Self = Self(1);
    /// `MsvAvNbDomainName`: the server's NetBIOS domain, UTF-16.
    pub const NB_DOMAIN_NAME: Self = Self(2);
    /// `MsvAvDnsComputerName`: the server's DNS name, UTF-16.
    pub const DNS_COMPUTER_NAME: Self = Self(3);
    /// `MsvAvDnsDomainName`: the server's DNS domain, UTF-16.
    pub const DNS_DOMAIN_NAME: Self = Self(4);
    /// `MsvAvDnsTreeName`: the DNS name of the server's forest, UTF-16.
    pub const DNS_TREE_NAME: Self = Self(5);
    /// `MsvAvFlags`: [`AvFlags`], 4 bytes.
    pub const FLAGS: Self = Self(6);
    /// `MsvAvTimestamp`: the server's time, 8 bytes.
    pub const TIMESTAMP: Self = Self(7);
    /// `MsvAvSingleHost`: [`SingleHost`].
    pub const SINGLE_HOST: Self = Self(8);
    /// `MsvAvTargetName`: the service principal name that the client asks for, UTF-16.
    pub const TARGET_NAME: Self = Self(9);
    /// `MsvAvChannelBindings`: an MD5 of 16 bytes; zeros mean that there are none.
    pub const CHANNEL_BINDINGS: Self = Self(10);

    /// The name in the specification.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).copied()
    }

    /// Whether the value is UTF-16, whatever character set the messages use.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self.0, 1..=5 | 9)
    }

    /// What the specification says of the value's length. `MsvAvSingleHost` of an unknown length
    /// is another platform's and is ignored as a whole (2.2.2.2).
    #[inline]
    const fn allows(self, length: usize) -> bool {
        match self {
            Self::EOL => length == 0,
            Self::FLAGS => length == 4,
            Self::TIMESTAMP => length == 8,
            Self::CHANNEL_BINDINGS => length == 16,
            _ => !self.is_text() || length % 2 == 0,
        }
    }
}

const NAMES: [&str; 11] = [
    "MsvAvEOL",
    "MsvAvNbComputerName",
    "MsvAvNbDomainName",
    "MsvAvDnsComputerName",
    "MsvAvDnsDomainName",
    "MsvAvDnsTreeName",
    "MsvAvFlags",
    "MsvAvTimestamp",
    "MsvAvSingleHost",
    "MsvAvTargetName",
    "MsvAvChannelBindings",
];

impl fmt::Display for AvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "AV pair {:#06x}", self.0),
        }
    }
}

impl fmt::Debug for AvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

bitflags! {
    /// The value of `MsvAvFlags` (\[MS-NLMP\] 2.2.2.1). A bit without a name is kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AvFlags: u32 {
        /// The account is constrained.
        const CONSTRAINED = 0x1;
        /// The AUTHENTICATE carries a MIC.
        const MIC_PRESENT = 0x2;
        /// The target name comes from an untrusted source.
        const UNTRUSTED_SPN = 0x4;

        /// All other bits.
        const _ = !0;
    }
}

/// A list of AV pairs that is known to be well formed: every pair lies within the list, the ids
/// that the specification knows have values of the right length and are there once, `MsvAvEOL` is
/// at the end. So reading it cannot fail any more.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
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
        let mut reader = Reader::at(bytes, 0);
        let mut seen = 0_u16;
        loop {
            let start = reader.offset();
            if reader.rest().is_empty() {
                return Err(Error::new(ErrorKind::AvPairsUnended, start));
            }
            let outside = Error::new(ErrorKind::AvPairOutside, start);
            let (id, value) = pair(&mut reader).map_err(|_| outside)?;
            if !id.allows(value.len()) {
                return Err(Error::new(ErrorKind::AvPairLength(id), start));
            }
            if id == AvId::EOL {
                return Ok(Self { bytes, len: reader.offset() });
            }
            let mark = if id.name().is_some() { 1 << id.0 } else { 0 };
            if seen & mark != 0 {
                return Err(Error::new(ErrorKind::AvPairTwice(id), start));
            }
            seen |= mark;
        }
    }

    /// A list that was parsed before, or written by this crate. It need not be checked again; the
    /// bytes after `MsvAvEOL` count as part of it.
    pub(crate) const fn known(bytes: &'a [u8]) -> Self {
        Self { bytes, len: bytes.len() }
    }

    /// The pairs in the order of the list, without `MsvAvEOL`.
    #[must_use]
    pub fn iter(self) -> AvPairsIter<'a> {
        AvPairsIter(Reader::at(self.bytes, 0))
    }

    /// The value of the first pair with this id.
    #[must_use]
    pub fn get(self, id: AvId) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
    }

    /// The text of the pair with this id, such as [`AvId::NB_DOMAIN_NAME`].
    #[must_use]
    pub fn text(self, id: AvId) -> Option<Text> {
        self.get(id).and_then(|value| Text::from_utf16le(value).ok())
    }

    /// `MsvAvFlags`; none set if the list does not have it.
    #[must_use]
    pub fn flags(self) -> AvFlags {
        let bytes = self.get(AvId::FLAGS).and_then(|value| value.try_into().ok());
        AvFlags::from_bits_retain(u32::from_le_bytes(bytes.unwrap_or_default()))
    }

    /// `MsvAvTimestamp`.
    #[must_use]
    pub fn timestamp(self) -> Option<FileTime> {
        let bytes = self.get(AvId::TIMESTAMP)?.try_into().ok()?;
        Some(FileTime::from_ticks(u64::from_le_bytes(bytes)))
    }

    /// `MsvAvSingleHost`, if it is as long as the specification knows it.
    #[must_use]
    pub fn single_host(self) -> Option<SingleHost<'a>> {
        SingleHost::parse(self.get(AvId::SINGLE_HOST)?)
    }

    /// `MsvAvChannelBindings`, unless it is all zero, which means that there are none. Samba, WinPR
    /// and, without TLS, Chromium send it so.
    #[must_use]
    pub fn channel_bindings(self) -> Option<&'a [u8; 16]> {
        let md5 = self.get(AvId::CHANNEL_BINDINGS)?.try_into().ok()?;
        (md5 != &[0; 16]).then_some(md5)
    }

    /// All bytes as received, with those after `MsvAvEOL`.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes after `MsvAvEOL`: four of most clients, 12 of WinPR, none of Samba, impacket and
    /// Firefox.
    #[must_use]
    pub fn trailing(self) -> &'a [u8] {
        self.bytes.get(self.len..).unwrap_or_default()
    }
}

impl<'a> IntoIterator for AvPairs<'a> {
    type Item = (AvId, &'a [u8]);
    type IntoIter = AvPairsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for AvPairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The pairs of a list: see [`AvPairs::iter`].
#[derive(Clone, Debug)]
pub struct AvPairsIter<'a>(Reader<'a>);

impl<'a> Iterator for AvPairsIter<'a> {
    type Item = (AvId, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        pair(&mut self.0).ok().filter(|(id, _)| *id != AvId::EOL)
    }
}

#[inline]
fn pair<'a>(reader: &mut Reader<'a>) -> Result<(AvId, &'a [u8]), Error> {
    let (id, length) = (reader.u16()?, reader.u16()?);
    Ok((AvId(id), reader.take(usize::from(length))?))
}

/// Appends a pair to a list in the making, which is checked when it is read as a whole.
pub(crate) fn append_pair(out: &mut Vec<u8>, id: AvId, value: &[u8]) -> Result<(), Error> {
    let too_long = Error::new(ErrorKind::FieldTooLong, out.len());
    let length = u16::try_from(value.len()).map_err(|_| too_long)?;
    out.extend_from_slice(&id.0.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// As [`append_pair`], for text.
pub(crate) fn append_text_pair(out: &mut Vec<u8>, id: AvId, text: &Text) -> Result<(), Error> {
    let start = out.len();
    append_pair(out, id, &[])?;
    text.append_utf16le(out);
    let too_long = Error::new(ErrorKind::FieldTooLong, start);
    let length = u16::try_from(out.len() - start - EOL.len()).map_err(|_| too_long)?;
    if let Some(place) = out.get_mut(start + 2..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// A list of AV pairs to be written.
#[derive(Clone, Debug)]
pub struct AvPairsBuf {
    /// The pairs with their `MsvAvEOL`.
    bytes: Vec<u8>,
}

/// `MsvAvEOL` and its length.
pub(crate) const EOL: [u8; 4] = [0; 4];

impl AvPairsBuf {
    /// Adds a pair at the end of the list, which ends itself.
    ///
    /// # Errors
    /// [`ErrorKind::FieldTooLong`] if the value exceeds 65 535 bytes, [`ErrorKind::AvPairLength`]
    /// or [`ErrorKind::AvPairTwice`] if the list would not be well formed. It is unchanged then.
    pub fn push(&mut self, id: AvId, value: &[u8]) -> Result<&mut Self, Error> {
        let end = self.bytes.len() - EOL.len();
        let error = |kind| Err(Error::new(kind, end));
        if value.len() > usize::from(u16::MAX) {
            return error(ErrorKind::FieldTooLong);
        }
        if id == AvId::EOL || !id.allows(value.len()) {
            return error(ErrorKind::AvPairLength(id));
        }
        if id.name().is_some() && self.as_pairs().get(id).is_some() {
            return error(ErrorKind::AvPairTwice(id));
        }
        self.bytes.truncate(end);
        append_pair(&mut self.bytes, id, value)?;
        self.bytes.extend_from_slice(&EOL);
        Ok(self)
    }

    /// Adds a pair whose value is text.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_text(&mut self, id: AvId, text: &Text) -> Result<&mut Self, Error> {
        self.push(id, &text.to_utf16le())
    }

    /// The list so far.
    #[must_use]
    pub fn as_pairs(&self) -> AvPairs<'_> {
        AvPairs::known(&self.bytes)
    }
}

impl Default for AvPairsBuf {
    fn default() -> Self {
        Self { bytes: EOL.to_vec() }
    }
}

/// `Single_Host_Data`: which machine the client runs on, for the same machine only
/// (\[MS-NLMP\] 2.2.2.2). From the wire it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the structure")]
pub struct SingleHost<'a> {
    /// `CustomData`: private to the platform.
    pub custom_data: &'a [u8; 8],
    /// `MachineID`: made anew when the machine starts.
    pub machine_id: &'a [u8; 32],
}

impl<'a> SingleHost<'a> {
    /// Takes the 48 bytes apart, or the 80 of which the last 32 are reserved.
    fn parse(value: &'a [u8]) -> Option<Self> {
        if value.len() != 48 && value.len() != 80 {
            return None;
        }
        let custom_data = value.get(8..16)?.try_into().ok()?;
        let machine_id = value.get(16..48)?.try_into().ok()?;
        Some(Self { custom_data, machine_id })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_pair_holds_65_535_bytes() {
        let mut list = AvPairsBuf::default();
        let value = vec![7; 65_536];
        assert!(list.push(AvId(0x1234), &value[1..]).is_ok());
        let error = list.push(AvId(0x1235), &value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FieldTooLong);
    }

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
        let mut pairs = AvPairsBuf::default();
        pairs.push(AvId::CHANNEL_BINDINGS, &[0; 16]).unwrap();
        assert_eq!(pairs.as_pairs().channel_bindings(), None);
        let mut pairs = AvPairsBuf::default();
        pairs.push(AvId::CHANNEL_BINDINGS, &[5; 16]).unwrap();
        assert_eq!(pairs.as_pairs().channel_bindings(), Some(&[5; 16]));
    }

    #[test]
    fn single_host_data_has_48_or_80_bytes() {
        let mut value = [0; 80];
        value[0] = 48;
        value[8..16].fill(1);
        value[16..48].fill(2);
        for (length, known) in [(47, false), (48, true), (49, false), (80, true)] {
            let mut pairs = AvPairsBuf::default();
            pairs.push(AvId::SINGLE_HOST, &value[..length]).unwrap();
            let expected = SingleHost { custom_data: &[1; 8], machine_id: &[2; 32] };
            assert_eq!(pairs.as_pairs().single_host(), known.then_some(expected));
        }
    }

    #[test]
    fn a_built_list_is_well_formed_or_not_built() {
        let mut pairs = AvPairsBuf::default();
        pairs.push_text(AvId::NB_DOMAIN_NAME, &"D".into()).unwrap();
        let kind = |result: Result<&mut AvPairsBuf, Error>| result.unwrap_err().kind();
        assert_eq!(kind(pairs.push(AvId(77), &[0; 65_536])), ErrorKind::FieldTooLong);
        assert_eq!(kind(pairs.push(AvId::EOL, &[])), ErrorKind::AvPairLength(AvId::EOL));
        assert_eq!(kind(pairs.push(AvId::FLAGS, &[0])), ErrorKind::AvPairLength(AvId::FLAGS));
        let twice = ErrorKind::AvPairTwice(AvId::NB_DOMAIN_NAME);
        assert_eq!(kind(pairs.push_text(AvId::NB_DOMAIN_NAME, &"E".into())), twice);
        assert_eq!(pairs.as_pairs().as_bytes(), [2, 0, 2, 0, b'D', 0, 0, 0, 0, 0]);
        assert_eq!(AvPairs::parse(pairs.as_pairs().as_bytes()), Ok(pairs.as_pairs()));
    }
}
