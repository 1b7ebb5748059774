//! A message in parts, of which some are encrypted and all go into one signature.

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
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear(bytes) => f.debug_tuple("Clear").field(&Counted(bytes)).finish(),
            Self::Sealed(bytes) => f.debug_tuple("Sealed").field(&Counted(bytes)).finish(),
        }
    }
}

pub(super) fn any_sealed(parts: &[Part<'_>]) -> bool {
    parts.iter().any(|part| matches!(part, Part::Sealed(_)))
}

/// What must be negotiated to protect these parts.
pub(super) fn needed(parts: &[Part<'_>]) -> Protection {
    if any_sealed(parts) { Protection::Seal } else { Protection::Sign }
}

/// Leaves nothing of parts that were decrypted in vain.
pub(super) fn wipe(parts: &mut [Part<'_>]) {
    for part in parts {
        if let Part::Sealed(bytes) = part {
            zeroize::Zeroize::zeroize(*bytes);
        }
    }
}
