//! Formatting of values in the table.

use core::fmt::{self, Display, Formatter};

use crate::environment::FileTime;
use crate::text::{CharacterSet, Text};
use crate::wire::{AvFlags, AvId};

/// Returns the bytes of a part whose length is known to be `N`.
#[expect(clippy::expect_used, reason = "the layout defines the length, or the caller compared it")]
pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the length of the part was checked")
}

/// Returns the length and the offset in the descriptor of a payload item.
pub(super) fn descriptor([low, high, _, _, offset @ ..]: [u8; 8]) -> (usize, usize) {
    let length = u16::from_le_bytes([low, high]);
    let offset = usize::try_from(u32::from_le_bytes(offset)).unwrap_or(usize::MAX);
    (length.into(), offset)
}

pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

pub(super) struct Utf16<'a>(pub(super) &'a [u8]);

impl Display for Utf16<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match Text::from_utf16le(self.0) {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "{} is not UTF-16", Hex(self.0)),
        }
    }
}

/// A name in the character set that the flags name. If the bytes look like the other character set, the
/// name is shown in that one too: wget's flags say UNICODE, and its names are OEM.
pub(super) struct Name<'a>(pub(super) &'a [u8], pub(super) CharacterSet);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(bytes, character_set) = *self;
        let oem = bytes.escape_ascii();
        let looks_like_oem = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
        let looks_like_utf16 =
            bytes.len() % 2 == 0 && bytes.chunks(2).all(|unit| matches!(unit, [b' '..=b'~', 0]));
        match character_set {
            CharacterSet::Unicode if looks_like_oem => {
                write!(f, "{}; as OEM: \"{oem}\"", Utf16(bytes))
            }
            CharacterSet::Unicode => Utf16(bytes).fmt(f),
            CharacterSet::Oem if looks_like_utf16 => {
                write!(f, "\"{oem}\"; as UTF-16: {}", Utf16(bytes))
            }
            CharacterSet::Oem => write!(f, "\"{oem}\""),
        }
    }
}

pub(super) fn time(bytes: [u8; 8]) -> FileTime {
    FileTime::from_ticks(u64::from_le_bytes(bytes))
}

pub(super) struct AvValue<'a>(pub(super) AvId, pub(super) &'a [u8]);

impl Display for AvValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(id, value) = *self;
        match (id, value.len()) {
            (AvId::EOL, 0) => f.write_str("end of the list"),
            (AvId::FLAGS, 4) => {
                let flags = AvFlags::from_bits_retain(u32::from_le_bytes(exactly(value)));
                write!(f, "{:#x}", flags.bits())?;
                flags.iter_names().try_for_each(|(name, _)| write!(f, " {name}"))
            }
            (AvId::TIMESTAMP, 8) => write!(f, "{} (the server's)", time(exactly(value))),
            _ if id.is_text() => Utf16(value).fmt(f),
            _ => Hex(value).fmt(f),
        }
    }
}
