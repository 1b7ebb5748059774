//! The errors of the library, grouped by who caused them.
//!
//! For your log, print [`Error::log`]: it contains the reason why authentication failed, which
//! `Display` omits because applications send that text to the peer. The manual explains each line
//! of the log: [why a login fails].
//!
#![cfg_attr(
    all(feature = "std", feature = "http"),
    doc = "[why a login fails]: super::manual::why_a_login_fails"
)]
#![cfg_attr(
    not(all(feature = "std", feature = "http")),
    doc = "[why a login fails]: https://docs.rs/ntlm/latest/ntlm/manual/why_a_login_fails/"
)]

mod denied;
mod integrity;
mod misuse;
mod refused;
mod unexpected;

use core::fmt;

pub use denied::{Denied, Rejection};
pub use integrity::Integrity;
pub use misuse::Misuse;
pub use refused::Refused;
pub use unexpected::Unexpected;

use crate::environment::EnvironmentError;
use crate::wire;

/// A handshake or a protected message failed.
///
/// The variant says who caused it, and its content says which rule failed. This is for your own
/// log. Answer every failed login in the same way, and do not send the text of an error to the
/// peer: the difference between "unknown user" and "wrong password" helps an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's bytes are not a message of the expected type. Or a message cannot be encoded,
    /// because a name or a list is too long.
    #[error("malformed message: {0}")]
    Wire(wire::Error),
    /// The peer's message is well formed, but it does not fit the handshake.
    #[error("unexpected message: {0}")]
    Unexpected(Unexpected),
    /// This side's policy does not allow what the peer offers, requires or sent.
    #[error("rejected by policy: {0}")]
    Refused(Refused),
    /// The server rejected the client.
    #[error("{0}")]
    Denied(Denied),
    /// A signed or sealed message was rejected, or no more messages can be protected.
    #[error("message integrity: {0}")]
    Integrity(Integrity),
    /// The caller misused the API. Data from the network cannot cause it, provided that the caller
    /// checks what was negotiated ([`SessionKeys::protection`](crate::SessionKeys::protection)).
    #[error("misuse: {0}")]
    Misuse(Misuse),
    /// The time is not known, or there is no randomness.
    #[error("environment: {0}")]
    Environment(EnvironmentError),
}

/// `Display` contains the cause, so `source` does not return it: otherwise code that prints a chain
/// of errors would print it twice.
macro_rules! from_cause {
    ($($variant:ident($cause:ty),)*) => {$(
        impl From<$cause> for Error {
            fn from(cause: $cause) -> Self {
                Self::$variant(cause)
            }
        }
    )*};
}

from_cause! {
    Wire(wire::Error),
    Unexpected(Unexpected),
    Refused(Refused),
    Denied(Denied),
    Integrity(Integrity),
    Misuse(Misuse),
    Environment(EnvironmentError),
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Denied(Denied::Rejected(rejection))
    }
}

impl Error {
    /// Returns the text for the log: that of `Display` and, if authentication failed, the
    /// [reason](Denied::reason).
    ///
    /// ```
    /// use ntlm::error::{Denied, Error};
    ///
    /// let error = Error::from(Denied::WrongPassword);
    /// assert_eq!(error.to_string(), "authentication failed");
    /// assert_eq!(error.log().to_string(), "authentication failed: wrong password");
    /// ```
    #[must_use]
    pub fn log(self) -> impl fmt::Display {
        Log(self)
    }

    /// Returns the NTSTATUS that a server sends in protocols such as SMB ([MS-ERREF] 2.3). All
    /// reasons why authentication failed result in `STATUS_LOGON_FAILURE`, so the peer cannot
    /// distinguish them.
    ///
    /// ```
    /// use ntlm::error::{Denied, Error, Rejection};
    ///
    /// assert_eq!(Error::from(Denied::WrongPassword).ntstatus(), 0xc000_006d);
    /// assert_eq!(Error::from(Rejection::UnknownUser).ntstatus(), 0xc000_006d);
    /// ```
    #[must_use]
    pub const fn ntstatus(self) -> u32 {
        match self {
            // STATUS_LOGON_FAILURE
            Self::Denied(_) | Self::Refused(_) => 0xc000_006d,
            // STATUS_INVALID_PARAMETER
            Self::Wire(_) | Self::Unexpected(_) => 0xc000_000d,
            // STATUS_ACCESS_DENIED
            Self::Integrity(_) => 0xc000_0022,
            // STATUS_INTERNAL_ERROR
            Self::Misuse(_) | Self::Environment(_) => 0xc000_00e5,
        }
    }

    /// Returns the SECURITY_STATUS that SSPI returns for this error, such as `SEC_E_LOGON_DENIED`
    /// (0x8009030c).
    #[must_use]
    #[doc(alias("SEC_E_LOGON_DENIED", "SEC_E_INVALID_TOKEN"))]
    pub const fn security_status(self) -> u32 {
        match self {
            // SEC_E_UNSUPPORTED_FUNCTION
            Self::Refused(Refused::MissingFlags(_)) => 0x8009_0302,
            // SEC_E_LOGON_DENIED
            Self::Denied(_) | Self::Refused(_) => 0x8009_030c,
            // SEC_E_INVALID_TOKEN
            Self::Wire(_) | Self::Unexpected(_) => 0x8009_0308,
            // SEC_E_OUT_OF_SEQUENCE
            Self::Integrity(Integrity::Sequence) => 0x8009_0310,
            // SEC_E_MESSAGE_ALTERED
            Self::Integrity(_) => 0x8009_030f,
            // SEC_E_INTERNAL_ERROR
            Self::Misuse(_) | Self::Environment(_) => 0x8009_0304,
        }
    }
}

/// Prints an error for the log.
struct Log(Error);

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Denied(denied) => write!(f, "{denied}: {}", denied.reason()),
            error => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::wire::NegotiateFlags;

    #[test]
    fn display_contains_the_cause_and_source_is_none() {
        let wire = wire::Challenge::parse(b"NTLMSSP\0\x02\0\0\0").unwrap_err();
        let missing = Refused::MissingFlags(NegotiateFlags::NEGOTIATE_SEAL);
        for (error, cause) in [
            (Error::from(wire), wire.to_string()),
            (Unexpected::NoResponse.into(), Unexpected::NoResponse.to_string()),
            (missing.into(), missing.to_string()),
            (Denied::Mic.into(), Denied::Mic.to_string()),
            (Integrity::Sequence.into(), Integrity::Sequence.to_string()),
            (Misuse::WrongMode.into(), Misuse::WrongMode.to_string()),
            (EnvironmentError::Clock.into(), EnvironmentError::Clock.to_string()),
        ] {
            assert!(error.to_string().ends_with(&cause), "{error}");
            assert!(core::error::Error::source(&error).is_none(), "{error} has a source");
        }
    }

    #[test]
    fn display_of_a_denial_does_not_show_the_reason() {
        for denied in [Denied::WrongPassword, Denied::Rejected(Rejection::UnknownUser)] {
            assert_eq!(Error::from(denied).to_string(), "authentication failed");
        }
        assert_eq!(format!("{:?}", Error::from(Denied::Mic)), "Denied(Mic)");
    }
}
