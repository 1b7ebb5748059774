//! Encoding and decoding the strings in messages ([MS-NLMP] 2.2).

use alloc::vec::Vec;

use super::Text;
use super::code_page::CodePage;

/// The character set of the strings in a message, which its flags choose (\[MS-NLMP\] 2.2.2.5, A
/// and B).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two character sets")]
pub enum CharacterSet {
    /// UTF-16LE, without byte order mark and terminator.
    Unicode,
    /// The OEM character set. Messages do not contain which code page it is, so both sides must be
    /// configured with the same one.
    Oem,
}

/// An error in decoding or encoding text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The bytes are not UTF-16, because their number is odd.
    #[error("UTF-16 text has an odd number of bytes")]
    OddLength,
    /// The code page has no character for a byte, or no byte for a character.
    #[error("the OEM code page lacks a character of the text")]
    NotInCodePage,
    /// The encoded text exceeds 65 535 bytes, the maximum length of a field.
    #[error("the text exceeds 65535 bytes")]
    TooLong,
}

impl Text {
    /// Decodes a string of a message. `code_page` is used only for [`CharacterSet::Oem`].
    ///
    /// # Errors
    /// - [`TextError::OddLength`] if UTF-16 has an odd number of bytes.
    /// - [`TextError::NotInCodePage`] if `code_page` has no character for an OEM byte.
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

    /// Encodes a string for a message. `code_page` is used only for [`CharacterSet::Oem`].
    ///
    /// # Errors
    /// - [`TextError::NotInCodePage`] if `code_page` has no byte for a character. It has none for a
    ///   lone surrogate.
    /// - [`TextError::TooLong`] if the result exceeds 65 535 bytes.
    pub fn encode(
        &self,
        character_set: CharacterSet,
        code_page: &dyn CodePage,
    ) -> Result<Vec<u8>, TextError> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes, character_set, code_page)?;
        Ok(bytes)
    }

    /// Does what [`encode`](Self::encode) does, and appends the result to a buffer.
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
    fn text_of_more_than_65_535_bytes_is_rejected() {
        let mut text = "x".repeat(65_535);
        assert_eq!(Text::from(&*text).encode(OEM, &Ascii).unwrap().len(), 65_535);
        text.push('x');
        assert_eq!(Text::from(&*text).encode(OEM, &Ascii), Err(TextError::TooLong));
    }

    #[test]
    fn text_outside_the_code_page_is_rejected() {
        let not_in_code_page = Err(TextError::NotInCodePage);
        assert_eq!(Text::from("jürgen").encode(OEM, &Ascii), not_in_code_page);
        assert_eq!(Text::from("bob").encode(OEM, &Ascii), Ok(b"bob".to_vec()));
        assert_eq!(Text::decode(b"\x80", OEM, &Ascii), Err(TextError::NotInCodePage));
    }
}
