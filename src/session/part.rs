//! A message in parts: some are encrypted, and one signature covers them.

use core::fmt;

use super::Protection;
use crate::secret::Counted;

/// A part of a message.
#[non_exhaustive]
pub enum Part<'a> {
    /// Signed, and sent as it is.
    Clear(&'a [u8]),
    /// Signed, and encrypted or decrypted in place.
    Sealed(&'a mut [u8]),
    /// Neither signed nor sealed. SSPI's callers mark such a part `SECBUFFER_READONLY`, and a
    /// [`Clear`](Self::Clear) one `SECBUFFER_READONLY_WITH_CHECKSUM`.
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

/// Returns what must be negotiated to protect these parts.
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
