//! What can go wrong, sorted by whose fault it is.

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

/// An exchange or a protected message that failed.
///
/// The variant says whose fault it is, its content which rule failed. All of that is for your own
/// log. To the peer, answer every failed attempt alike, and never send it the text of an error:
/// an attacker learns from the difference between "no such user" and "wrong password".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's bytes are no such message. On writing: a name or a list is too long for one.
    #[error("malformed message: {0}")]
    Wire(wire::Error),
    /// The peer's message is well formed, but cannot stand here.
    #[error("unexpected message: {0}")]
    Unexpected(Unexpected),
    /// Our policy and what the peer offers or sends do not meet.
    #[error("refused by policy: {0}")]
    Refused(Refused),
    /// The client did not prove who it is.
    #[error("{0}")]
    Denied(Denied),
    /// A signed or sealed message did not verify, or no more can be protected.
    #[error("message integrity: {0}")]
    Integrity(Integrity),
    /// The caller's mistake. Bytes from the network cause it only where the caller does not look at
    /// what was negotiated ([`SessionKeys::protection`](crate::SessionKeys::protection)).
    #[error("misuse: {0}")]
    Misuse(Misuse),
    /// There is no time, or there are no random numbers.
    #[error("environment: {0}")]
    Environment(EnvironmentError),
}

/// The cause is part of the text, so it is not its source too: whoever prints a chain of errors
/// would see it twice.
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
    /// Prints the error for the log: as `Display` does, but with the [reason](Denied::reason) why
    /// authentication failed.
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

    /// Returns the NTSTATUS that protocols such as SMB send for this error ([MS-ERREF] 2.3). It is
    /// `STATUS_LOGON_FAILURE` for every reason that a peer must not tell apart.
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

/// An error as it is logged.
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
    fn errors_say_whose_fault_it_is_and_which_rule_failed() {
        let wire = wire::Challenge::parse(b"NTLMSSP\0\x02\0\0\0").unwrap_err();
        let missing = Refused::MissingFlags(NegotiateFlags::NEGOTIATE_SEAL);
        for (error, text) in [
            (wire.into(), "malformed message: the message is too short, at byte 12"),
            (Unexpected::NoResponse.into(), "unexpected message: a response is missing"),
            (missing.into(), "refused by policy: required flags were not negotiated: 0x00000020"),
            (Denied::Mic.into(), "authentication failed"),
            (Integrity::Sequence.into(), "message integrity: the message is not the next one"),
            (Misuse::WrongMode.into(), "misuse: the exchange was of the other mode"),
            (EnvironmentError::Clock.into(), "environment: the current time is not known"),
        ] {
            let error: Error = error;
            assert!(error.to_string().starts_with(text), "{error}");
            assert!(core::error::Error::source(&error).is_none(), "it says so itself");
        }
        assert_eq!(format!("{:?}", Error::from(Denied::Mic)), "Denied(Mic)");
    }
}
