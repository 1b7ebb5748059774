//! Messages in parts: some parts are encrypted, and one signature covers the signed ones.

use core::fmt;

use super::Protection;
use crate::secret::Counted;

/// A part of a message: see [`Session::seal_parts`](super::Session::seal_parts).
#[non_exhaustive]
pub enum Part<'a> {
    /// Signed, and sent in clear: `SECBUFFER_READONLY_WITH_CHECKSUM` in SSPI.
    Clear(&'a [u8]),
    /// Signed, and encrypted or decrypted in place: `SECBUFFER_DATA` in SSPI.
    Sealed(&'a mut [u8]),
    /// Neither signed nor sealed: `SECBUFFER_READONLY` in SSPI.
    Unsigned(&'a [u8]),
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear(bytes) => f.debug_tuple("Clear").field(&Counted(bytes)).finish(),
            Self::Sealed(bytes) => f.debug_tuple("Sealed").field(&Counted(bytes)).finish(),
            Self::Unsigned(bytes) => f.debug_tuple("Unsigned").field(&Counted(bytes)).finish(),
        }
    }
}

/// Returns the protection that must be negotiated for these parts.
pub(super) fn needed(parts: &[Part<'_>]) -> Protection {
    let any_sealed = parts.iter().any(|part| matches!(part, Part::Sealed(_)));
    if any_sealed { Protection::Seal } else { Protection::Sign }
}

/// Wipes decrypted parts whose signature turned out to be wrong.
pub(super) fn wipe(parts: &mut [Part<'_>]) {
    for part in parts {
        if let Part::Sealed(bytes) = part {
            zeroize::Zeroize::zeroize(*bytes);
        }
    }
}
