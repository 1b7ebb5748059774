//! Strings in the fields of messages ([MS-NLMP] 2.2).

use alloc::vec::Vec;

use super::Text;
use super::code_page::CodePage;

/// The character set of a message's strings, as its flags say ([MS-NLMP] 2.2.2.5, A and B).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two flag bits, and UNICODE wins")]
pub enum CharacterSet {
    /// UTF-16, least significant byte first, without byte order mark or terminator.
    Unicode,
    /// The OEM character set. The protocol does not say which code page that is.
    Oem,
}

/// Why bytes are not text, or why text cannot be encoded.
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
}

#[cfg(test)]
mod tests {
    use super::super::Ascii;
    use super::*;

    const OEM: CharacterSet = CharacterSet::Oem;

    #[test]
    fn a_field_holds_65_535_bytes() {
        let mut text = "x".repeat(65_535);
        assert_eq!(Text::from(&*text).encode(OEM, &Ascii).unwrap().len(), 65_535);
        text.push('x');
        assert_eq!(Text::from(&*text).encode(OEM, &Ascii), Err(TextError::TooLong));
    }

    #[test]
    fn text_outside_the_code_page_is_an_error() {
        let not_in_code_page = Err(TextError::NotInCodePage);
        assert_eq!(Text::from("jürgen").encode(OEM, &Ascii), not_in_code_page);
        assert_eq!(Text::from("bob").encode(OEM, &Ascii), Ok(b"bob".to_vec()));
        assert_eq!(Text::decode(b"\x80", OEM, &Ascii), Err(TextError::NotInCodePage));
    }
}
