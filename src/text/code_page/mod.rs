//! Code pages: how characters map to OEM bytes and back ([MS-NLMP] 2.2).
//!
//! OEM bytes are what old clients send instead of UTF-16, and what the LM hash of a password is made
//! of. [`Ascii`] is the default everywhere. With the feature `code-pages` there are the code pages of
//! Western and Central Europe and of Cyrillic; any other one is a table of 128 characters.
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

/// Maps characters to OEM bytes and back.
///
/// The [module](self) lists the code pages that exist.
pub trait CodePage: Debug + Send + Sync {
    /// The text of these bytes; `None` if one of them has no character.
    fn decode(&self, bytes: &[u8]) -> Option<String>;

    /// The bytes of this text; `None` if one of its characters has none. Never returns a replacement
    /// character.
    ///
    /// The text may be a password: an implementation should wipe temporary copies of it.
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
    fn ascii_rejects_other_characters() {
        assert_eq!(Ascii.decode(b"j\xc3\xbcrgen"), None);
        assert_eq!(Ascii.decode(b"alice").as_deref(), Some("alice"));
        assert_eq!(Ascii.encode("jürgen"), None);
        assert_eq!(Ascii.encode("bob").as_deref(), Some(&b"bob"[..]));
    }
}
