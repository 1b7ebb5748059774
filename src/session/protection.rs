//! The levels of message protection: none, signed, or signed and sealed.

use crate::error::{Error, Misuse};
use crate::wire::NegotiateFlags;

/// How messages are protected after the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Not at all, as in HTTP.
    #[default]
    None,
    /// Signed: the receiver rejects changed, replayed and reordered messages. This needs extended
    /// session security; [`Session`](super::Session) says what holds without it.
    Sign,
    /// Signed and sealed: messages are also encrypted.
    Seal,
}

impl Protection {
    /// Returns the protection that these negotiated flags provide.
    #[must_use]
    pub const fn from_flags(flags: NegotiateFlags) -> Self {
        if flags.contains(NegotiateFlags::NEGOTIATE_SEAL) {
            Self::Seal
        } else if flags.contains(NegotiateFlags::NEGOTIATE_SIGN) {
            Self::Sign
        } else {
            Self::None
        }
    }

    /// Returns the protection of connectionless messages. They can be sealed only with extended
    /// session security ([MS-NLMP] 3.4.3).
    pub(super) fn from_datagram_flags(flags: NegotiateFlags) -> Self {
        let has_keys = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        Self::from_flags(flags).min(if has_keys { Self::Seal } else { Self::Sign })
    }

    /// Fails with [`Misuse::NotNegotiated`] if this is less than the caller asks for.
    pub(super) fn allows(self, asked: Self) -> Result<(), Error> {
        if asked <= self { Ok(()) } else { Err(Misuse::NotNegotiated.into()) }
    }
}
