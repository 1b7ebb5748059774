//! Code pages, which map characters to OEM bytes and back.
//!
//! Old clients send OEM bytes instead of UTF-16, and the LM hash of a password is computed from OEM
//! bytes. The default everywhere is [`Ascii`]. The feature `code-pages` adds code pages of Western
//! Europe, Central Europe and Russia. For any other code page of one byte per character, pass a
//! table of the characters of the bytes 0x80 to 0xff:
//!
//! ```
//! use ntlm::CodePage;
//!
//! static CODE_PAGE: [char; 128] = {
//!     let mut table = ['\u{fffd}'; 128]; // bytes without a character
//!     table[0x81 - 0x80] = 'ü'; // as in code pages 437 and 850
//!     table
//! };
//! assert_eq!(CODE_PAGE.encode("jürgen").as_deref(), Some(&b"j\x81rgen"[..]));
//! assert_eq!(CODE_PAGE.decode(b"j\x81rgen").as_deref(), Some("jürgen"));
//! assert_eq!(CODE_PAGE.encode("σίσυφος"), None);
//! ```

#[cfg(feature = "code-pages")]
mod named;
mod table;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

#[cfg(feature = "code-pages")]
pub use named::{Cp437, Cp850, Cp852, Cp866, Windows1252};

/// Maps characters to OEM bytes and back. The [module](self) lists the implementations.
pub trait CodePage: Debug + Send + Sync {
    /// Decodes bytes. Returns `None` if the code page does not assign a character to one of them.
    fn decode(&self, bytes: &[u8]) -> Option<String>;

    /// Encodes text. Returns `None` if the code page does not contain one of its characters; it
    /// must not return a replacement character instead.
    ///
    /// The text may be a password, so an implementation should wipe temporary copies.
    fn encode(&self, text: &str) -> Option<Vec<u8>>;
}

/// 7-bit ASCII, the common subset of all OEM code pages.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_has_no_other_characters() {
        assert_eq!(Ascii.decode(b"j\xc3\xbcrgen"), None);
        assert_eq!(Ascii.decode(b"alice").as_deref(), Some("alice"));
        assert_eq!(Ascii.encode("jürgen"), None);
        assert_eq!(Ascii.encode("bob").as_deref(), Some(&b"bob"[..]));
    }
}
