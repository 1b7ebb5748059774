//! Formatting of values in the table.

use core::fmt::{self, Display, Formatter};

use crate::environment::FileTime;
use crate::text::Text;
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
            (AvId::TIMESTAMP, 8) => time(exactly(value)).fmt(f),
            _ if id.is_text() => Utf16(value).fmt(f),
            _ => Hex(value).fmt(f),
        }
    }
}
