//! Values as people read them.

use core::fmt::{self, Display, Formatter};

use crate::environment::FileTime;
use crate::text::Text;
use crate::wire::{AvFlags, AvId};

/// The bytes as a number, least significant first.
pub(super) fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Length and offset of an item.
pub(super) fn descriptor(bytes: &[u8]) -> (usize, usize) {
    let (length, offset) = (bytes.get(..2), bytes.get(4..8));
    let number = |bytes: Option<&[u8]>| number(bytes.unwrap_or_default());
    let number = |bytes| usize::try_from(number(bytes)).unwrap_or(usize::MAX);
    (number(length), number(offset))
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
            Err(_) => write!(f, "{} is no UTF-16", Hex(self.0)),
        }
    }
}

pub(super) struct Time<'a>(pub(super) &'a [u8]);

impl Display for Time<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ticks = u64::from_le_bytes(self.0.try_into().unwrap_or_default());
        FileTime::from_ticks(ticks).fmt(f)
    }
}

pub(super) struct AvValue<'a>(pub(super) AvId, pub(super) &'a [u8]);

impl Display for AvValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(id, value) = *self;
        match (id, value.len()) {
            (AvId::EOL, 0) => f.write_str("end of the list"),
            (AvId::FLAGS, 4) => {
                let flags = AvFlags::from_bits_retain(number(value));
                write!(f, "{:#x}", flags.bits())?;
                flags.iter_names().try_for_each(|(name, _)| write!(f, " {name}"))
            }
            (AvId::TIMESTAMP, 8) => Time(value).fmt(f),
            _ if id.is_text() => Utf16(value).fmt(f),
            _ => Hex(value).fmt(f),
        }
    }
}
