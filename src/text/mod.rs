//! Text as the protocol has it: UTF-16 that need not be well formed, or OEM bytes in a
//! [`code_page`].

pub mod code_page;
mod field;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug, Write};

use crate::upcase::uppercase;

pub use code_page::{Ascii, CodePage};
pub use field::{CharacterSet, TextError};

/// A name as a peer sent it or as it will be sent.
///
/// Windows names are sequences of UTF-16 code units that need not be well formed, and the proof
/// of a password covers each unit of the user's name. So a lone surrogate is kept as it is:
/// [`as_str`](Self::as_str) is `None` then, and only `Display` shows a replacement character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Repr);

/// Well-formed text is always `Utf8`, so that equal text has one representation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Utf8(String),
    IllFormed(Vec<u16>),
}

impl Text {
    /// The text of these UTF-16 code units, well formed or not.
    #[must_use]
    pub fn from_utf16(units: &[u16]) -> Self {
        Self::from_units(units.iter().copied(), units.len())
    }

    /// The text of `count` units, with one allocation if it is ASCII.
    fn from_units(units: impl Iterator<Item = u16> + Clone, count: usize) -> Self {
        let mut text = String::with_capacity(count);
        // Most names are ASCII, and this is several times faster.
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

    /// The text of these bytes of UTF-16, least significant byte first, well formed or not.
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

    /// As [`to_utf16le`](Self::to_utf16le), at the end of a buffer.
    pub(crate) fn append_utf16le(&self, out: &mut Vec<u8>) {
        out.reserve(self.max_utf16le_len());
        match self.as_str() {
            // Most names are ASCII, and this is several times faster.
            Some(text) if text.is_ascii() => out.extend(text.bytes().flat_map(|byte| [byte, 0])),
            _ => out.extend(self.utf16_units().flat_map(u16::to_le_bytes)),
        }
    }

    /// The most bytes that [`append_utf16le`](Self::append_utf16le) can append: each byte of UTF-8
    /// becomes one unit or less.
    pub(crate) fn max_utf16le_len(&self) -> usize {
        match &self.0 {
            Repr::Utf8(text) => text.len() * 2,
            Repr::IllFormed(units) => units.len() * 2,
        }
    }

    /// The text, unless it holds a lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Utf8(text) => Some(text),
            Repr::IllFormed(_) => None,
        }
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_str() == Some("")
    }

    /// The UTF-16 code units.
    pub fn utf16_units(&self) -> impl Iterator<Item = u16> + Clone {
        let (text, units) = match &self.0 {
            Repr::Utf8(text) => (text.as_str(), [].as_slice()),
            Repr::IllFormed(units) => ("", units.as_slice()),
        };
        text.encode_utf16().chain(units.iter().copied())
    }

    /// The text as UTF-16, least significant byte first.
    #[must_use]
    pub fn to_utf16le(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_utf16le(&mut bytes);
        bytes
    }

    /// The text with each UTF-16 code unit upper-cased on its own, as Windows does for user names
    /// (\[MS-NLMP\] section 6, `Uppercase`): "straße" becomes "STRAßE".
    #[must_use]
    pub fn to_uppercase(&self) -> Self {
        Self::from_units(self.utf16_units().map(uppercase), self.max_utf16le_len() / 2)
    }

    /// Whether two names are the same to Windows, which ignores case.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.utf16_units().map(uppercase).eq(other.utf16_units().map(uppercase))
    }
}

#[expect(clippy::expect_used, reason = "the one caller has chunks of two bytes")]
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
    /// For people to read: a lone surrogate becomes U+FFFD.
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
    fn a_lone_surrogate_survives_and_is_never_replaced_in_the_bytes() {
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
    fn well_formed_utf16_is_the_same_text_as_utf8() {
        let text = Text::from("emoji😀");
        assert_eq!(Text::from_utf16le(&text.to_utf16le()), Ok(text.clone()));
        assert_eq!(text, "emoji😀");
    }

    #[test]
    fn an_odd_number_of_bytes_is_no_utf16() {
        assert_eq!(Text::from_utf16le(&[0x41]), Err(TextError::OddLength));
    }

    #[test]
    fn user_names_are_upper_cased_unit_by_unit() {
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
    fn case_is_ignored_outside_ascii_on_both_sides() {
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
