//! Text as the protocol knows it: UTF-16 that need not be well formed, or OEM bytes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug, Write};
use core::mem;

use zeroize::Zeroizing;

use crate::upcase::uppercase;

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

/// The character set of a message's strings, as its flags say ([MS-NLMP] 2.2.2.5, A and B).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two flag bits, and UNICODE wins")]
pub enum CharacterSet {
    /// UTF-16, least significant byte first, without byte order mark or terminator.
    Unicode,
    /// The OEM character set, whose code page peers agree on by other means.
    Oem,
}

/// How characters map to OEM bytes and back ([MS-NLMP] 2.2).
///
/// [`Ascii`] is the default everywhere. A table of the characters of the bytes 0x80-0xff is a
/// code page too:
///
/// ```
/// use ntlm::{CodePage, Text};
///
/// static CODE_PAGE: [char; 128] = {
///     let mut table = ['\u{fffd}'; 128]; // bytes without a character
///     table[0x81 - 0x80] = 'ü'; // as in code pages 437 and 850
///     table
/// };
/// assert_eq!(CODE_PAGE.encode("jürgen").as_deref(), Some(&b"j\x81rgen"[..]));
/// assert_eq!(CODE_PAGE.decode(b"j\x81rgen").as_deref(), Some("jürgen"));
/// assert_eq!(CODE_PAGE.encode("σίσυφος"), None);
/// ```
pub trait CodePage: Debug + Send + Sync {
    /// The text of these bytes; `None` if one of them has no character.
    fn decode(&self, bytes: &[u8]) -> Option<String>;

    /// The bytes of this text; `None` if one of its characters has none. Never a substitute.
    fn encode(&self, text: &str) -> Option<Vec<u8>>;
}

/// The code page that every OEM character set contains.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to configure")]
pub struct Ascii;

impl CodePage for Ascii {
    fn decode(&self, bytes: &[u8]) -> Option<String> {
        let text = core::str::from_utf8(bytes).ok()?;
        text.is_ascii().then(|| text.into())
    }

    fn encode(&self, text: &str) -> Option<Vec<u8>> {
        text.is_ascii().then(|| text.into())
    }
}

/// The characters of the bytes 0x80-0xff; U+FFFD marks a byte without one.
impl CodePage for [char; 128] {
    fn decode(&self, bytes: &[u8]) -> Option<String> {
        let character = |&byte: &u8| match byte.checked_sub(0x80) {
            None => Some(char::from(byte)),
            Some(high) => self.get(usize::from(high)).copied().filter(|&c| c != '\u{fffd}'),
        };
        bytes.iter().map(character).collect()
    }

    fn encode(&self, text: &str) -> Option<Vec<u8>> {
        let byte = |character: char| {
            if character.is_ascii() {
                return u8::try_from(character).ok();
            }
            let high = self.iter().position(|&c| c == character && c != '\u{fffd}')?;
            u8::try_from(high + 0x80).ok()
        };
        // With room for all, and wiped if there is none: the text may be a password.
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
        for character in text.chars() {
            bytes.push(byte(character)?);
        }
        Some(mem::take(&mut bytes))
    }
}

/// Why bytes are not text, or text has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// UTF-16 of an odd number of bytes.
    #[error("UTF-16 text has an odd number of bytes")]
    OddLength,
    /// The code page has no character for a byte, or no byte for a character.
    #[error("the OEM code page lacks a character of the text")]
    NotInCodePage,
    /// The text has more than the 65 535 bytes that a field can hold.
    #[error("the text exceeds 65535 bytes")]
    TooLong,
}

impl Text {
    /// The text of these UTF-16 code units, well formed or not.
    #[must_use]
    pub fn from_utf16(units: &[u16]) -> Self {
        Self::from_units(units.iter().copied(), units.len())
    }

    /// The text of so many units, with one allocation if it is ASCII.
    fn from_units(units: impl Iterator<Item = u16> + Clone, count: usize) -> Self {
        let mut text = String::with_capacity(count);
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
        let units = bytes.chunks_exact(2).filter_map(|unit| unit.try_into().ok());
        Ok(Self::from_units(units.map(u16::from_le_bytes), bytes.len() / 2))
    }

    /// The text of a message's field.
    ///
    /// # Errors
    /// [`TextError::OddLength`] for UTF-16 of an odd number of bytes, and
    /// [`TextError::NotInCodePage`] for an OEM byte that `code_page` does not know.
    pub fn decode(
        bytes: &[u8],
        character_set: CharacterSet,
        code_page: &dyn CodePage,
    ) -> Result<Self, TextError> {
        match character_set {
            CharacterSet::Unicode => Self::from_utf16le(bytes),
            CharacterSet::Oem => {
                code_page.decode(bytes).map(Self::from).ok_or(TextError::NotInCodePage)
            }
        }
    }

    /// The bytes of a message's field.
    ///
    /// # Errors
    /// [`TextError::NotInCodePage`] if `code_page` has no byte for a character, or if a lone
    /// surrogate would have to become one; [`TextError::TooLong`].
    pub fn encode(
        &self,
        character_set: CharacterSet,
        code_page: &dyn CodePage,
    ) -> Result<Vec<u8>, TextError> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes, character_set, code_page)?;
        Ok(bytes)
    }

    /// As [`encode`](Self::encode), at the end of a buffer.
    pub(crate) fn append_to(
        &self,
        out: &mut Vec<u8>,
        character_set: CharacterSet,
        code_page: &dyn CodePage,
    ) -> Result<(), TextError> {
        let start = out.len();
        match character_set {
            CharacterSet::Unicode => self.append_utf16le(out),
            CharacterSet::Oem => {
                let bytes = self.as_str().and_then(|text| code_page.encode(text));
                out.extend_from_slice(&bytes.ok_or(TextError::NotInCodePage)?);
            }
        }
        let is_too_long = out.len() - start > usize::from(u16::MAX);
        if is_too_long { Err(TextError::TooLong) } else { Ok(()) }
    }

    /// As [`to_utf16le`](Self::to_utf16le), at the end of a buffer.
    pub(crate) fn append_utf16le(&self, out: &mut Vec<u8>) {
        out.reserve(self.max_utf16le_len());
        for unit in self.utf16_units() {
            out.extend_from_slice(&unit.to_le_bytes());
        }
    }

    /// How many bytes [`append_utf16le`](Self::append_utf16le) appends at most: each byte of UTF-8
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

    /// Whether two names are the same for Windows, which does not tell upper from lower case.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.utf16_units().map(uppercase).eq(other.utf16_units().map(uppercase))
    }
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
    use alloc::vec;

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

    #[test]
    fn a_field_holds_65_535_bytes() {
        let mut text = "x".repeat(65_535);
        assert_eq!(Text::from(&*text).encode(CharacterSet::Oem, &Ascii).unwrap().len(), 65_535);
        text.push('x');
        assert_eq!(Text::from(&*text).encode(CharacterSet::Oem, &Ascii), Err(TextError::TooLong));
    }

    #[test]
    fn ascii_refuses_what_it_does_not_have() {
        assert_eq!(Ascii.decode(b"j\xc3\xbcrgen"), None);
        assert_eq!(Ascii.decode(b"alice").as_deref(), Some("alice"));
        assert_eq!(
            Text::from("jürgen").encode(CharacterSet::Oem, &Ascii),
            Err(TextError::NotInCodePage)
        );
        assert_eq!(Text::from("bob").encode(CharacterSet::Oem, &Ascii), Ok(b"bob".to_vec()));
        let decoded = Text::decode(b"\x80", CharacterSet::Oem, &Ascii);
        assert_eq!(decoded, Err(TextError::NotInCodePage));
    }

    #[test]
    fn a_table_is_a_code_page_and_its_gaps_are_errors() {
        let mut table = ['\u{fffd}'; 128];
        table[0x7f] = 'é';
        assert_eq!(table.encode("né"), Some(vec![b'n', 0xff]));
        assert_eq!(table.decode(&[b'n', 0xff]).as_deref(), Some("né"));
        assert_eq!(table.decode(&[0xfe]), None);
        assert_eq!(table.encode("\u{fffd}"), None);
    }
}
