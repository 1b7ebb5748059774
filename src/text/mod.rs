//! Text in messages: UTF-16, possibly ill-formed, or bytes in an OEM [code page](code_page).

pub mod code_page;
mod field;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug, Write};

use crate::upcase::uppercase;

pub use code_page::{Ascii, CodePage};
pub use field::{CharacterSet, TextError};

/// A name that a peer sent or that will be sent.
///
/// Names in Windows are sequences of UTF-16 code units and can be ill-formed. The proof of the
/// password covers each code unit of the user name, so lone surrogates are kept:
/// [`as_str`](Self::as_str) returns `None` then, and only `Display` writes a replacement character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Repr);

/// Well-formed text is always `Utf8`, so each text has only one representation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Utf8(String),
    IllFormed(Vec<u16>),
}

impl Text {
    /// Makes text from UTF-16 code units, which may be ill-formed.
    #[must_use]
    pub fn from_utf16(units: &[u16]) -> Self {
        Self::from_units(units.iter().copied(), units.len())
    }

    /// Makes text from `count` units, with one allocation if it is ASCII.
    fn from_units(units: impl Iterator<Item = u16> + Clone, count: usize) -> Self {
        let mut text = String::with_capacity(count);
        // A shortcut for ASCII, as most names are: it is several times faster.
        if units.clone().all(|unit| unit < 0x80) {
            text.extend(units.filter_map(|unit| char::from_u32(unit.into())));
            return Self(Repr::Utf8(text));
        }
        let mut characters = char::decode_utf16(units.clone());
        match characters.try_for_each(|character| character.map(|c| text.push(c))) {
            Ok(()) => Self(Repr::Utf8(text)),
            Err(_) => Self(Repr::IllFormed(units.collect())),
        }
    }

    /// Makes text from UTF-16LE, which may be ill-formed.
    ///
    /// # Errors
    /// [`TextError::OddLength`] if the number of bytes is odd.
    pub fn from_utf16le(bytes: &[u8]) -> Result<Self, TextError> {
        if bytes.len() % 2 != 0 {
            return Err(TextError::OddLength);
        }
        let units = bytes.chunks_exact(2).map(unit_of);
        Ok(Self::from_units(units, bytes.len() / 2))
    }

    /// Does what [`to_utf16le`](Self::to_utf16le) does, and appends the result to a buffer.
    pub(crate) fn append_utf16le(&self, out: &mut Vec<u8>) {
        out.reserve(self.max_utf16le_len());
        match self.as_str() {
            // A shortcut for ASCII, as most names are: it is several times faster.
            Some(text) if text.is_ascii() => out.extend(text.bytes().flat_map(|byte| [byte, 0])),
            _ => out.extend(self.utf16_units().flat_map(u16::to_le_bytes)),
        }
    }

    /// Returns an upper bound of the bytes that [`append_utf16le`](Self::append_utf16le) appends. A
    /// byte of UTF-8 becomes at most one code unit.
    pub(crate) fn max_utf16le_len(&self) -> usize {
        match &self.0 {
            Repr::Utf8(text) => text.len() * 2,
            Repr::IllFormed(units) => units.len() * 2,
        }
    }

    /// Returns the text, or `None` if it contains a lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Utf8(text) => Some(text),
            Repr::IllFormed(_) => None,
        }
    }

    /// Returns whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_str() == Some("")
    }

    /// Returns the UTF-16 code units.
    pub fn utf16_units(&self) -> impl Iterator<Item = u16> + Clone {
        let (text, units) = match &self.0 {
            Repr::Utf8(text) => (text.as_str(), [].as_slice()),
            Repr::IllFormed(units) => ("", units.as_slice()),
        };
        text.encode_utf16().chain(units.iter().copied())
    }

    /// Returns the text as UTF-16LE.
    #[must_use]
    pub fn to_utf16le(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_utf16le(&mut bytes);
        bytes
    }

    /// Returns the text in upper case, as Windows converts user names (\[MS-NLMP\] section 6,
    /// `Uppercase`): each UTF-16 code unit on its own, so "straße" becomes "STRAßE".
    #[must_use]
    pub fn to_uppercase(&self) -> Self {
        Self::from_units(self.utf16_units().map(uppercase), self.max_utf16le_len() / 2)
    }

    /// Returns whether Windows treats two names as the same: they are equal in upper case.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.utf16_units().map(uppercase).eq(other.utf16_units().map(uppercase))
    }
}

#[expect(clippy::expect_used, reason = "the only caller passes chunks of two bytes")]
fn unit_of(two_bytes: &[u8]) -> u16 {
    u16::from_le_bytes(two_bytes.try_into().expect("a code unit has two bytes"))
}

impl Default for Text {
    fn default() -> Self {
        Self::from("")
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Repr::Utf8(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Repr::Utf8(text.into()))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Display for Text {
    /// Writes the text, with U+FFFD in the place of each lone surrogate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Utf8(text) => f.pad(text),
            Repr::IllFormed(units) => char::decode_utf16(units.iter().copied())
                .try_for_each(|unit| f.write_char(unit.unwrap_or(char::REPLACEMENT_CHARACTER))),
        }
    }
}

impl Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Utf8(text) => text.fmt(f),
            Repr::IllFormed(units) => write!(f, "{units:04x?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn lone_surrogate_is_kept_and_replaced_only_in_display() {
        let bytes = [0x41, 0x00, 0x00, 0xd8, 0x42, 0x00];
        let text = Text::from_utf16le(&bytes).unwrap();
        assert_eq!(text.as_str(), None);
        assert_eq!(text.to_utf16le(), bytes);
        assert_eq!(text.to_uppercase().to_utf16le(), bytes);
        assert_eq!(text.to_string(), "A\u{fffd}B");
        assert_eq!(format!("{text:?}"), "[0041, d800, 0042]");
        assert_eq!(text.encode(CharacterSet::Oem, &Ascii), Err(TextError::NotInCodePage));
    }

    #[test]
    fn text_from_utf16_equals_text_from_utf8() {
        let text = Text::from("emoji😀");
        assert_eq!(Text::from_utf16le(&text.to_utf16le()), Ok(text.clone()));
        assert_eq!(text, "emoji😀");
    }

    #[test]
    fn utf16_of_an_odd_number_of_bytes_is_rejected() {
        assert_eq!(Text::from_utf16le(&[0x41]), Err(TextError::OddLength));
    }

    #[test]
    fn each_code_unit_is_upper_cased_on_its_own() {
        for (name, upper) in [
            ("straße", "STRAßE"),
            ("σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("ıstanbul", "ıSTANBUL"),
            ("µsec", "µSEC"),
            ("ÿves", "ŸVES"),
            ("emoji😀", "EMOJI😀"),
            ("ŉ", "ŉ"),
        ] {
            assert_eq!(Text::from(name).to_uppercase(), upper);
        }
        assert!(Text::from("HTTP/Srv").eq_ignore_case(&Text::from("http/sRV")));
        assert!(!Text::from("ß").eq_ignore_case(&Text::from("SS")));
    }

    #[test]
    fn case_outside_ascii_is_ignored_in_both_directions() {
        for (one, other, same) in [
            ("jürgen", "JÜRGEN", true),
            ("ÿves", "ŸVES", true),
            ("jürgen", "JURGEN", false),
            ("jürgen", "JÜRGE", false),
            ("jürgen", "", false),
        ] {
            let (one, other) = (Text::from(one), Text::from(other));
            assert_eq!(one.eq_ignore_case(&other), same, "{one} {other}");
            assert_eq!(other.eq_ignore_case(&one), same, "{other} {one}");
        }
    }
}
