//! Why an exchange over HTTP cannot go on.

use core::fmt;

use crate::error;
use crate::wire;

/// What stopped an exchange over HTTP, beyond the errors of the exchange itself.
///
/// It is for your own log: to the peer, all refusals look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What follows the scheme in a header is not base64 (RFC 4648, section 4).
    #[error("malformed header: the token is not base64")]
    NotBase64,
    /// The token of a header exceeds [`MAX_TOKEN_LEN`](super::MAX_TOKEN_LEN) bytes.
    #[error("malformed header: the token is too long")]
    TooLong,
    /// The request has the header more than once, so that it is not clear which one counts.
    #[error("malformed header: it is present more than once")]
    Repeated,
    /// The token is wrapped in SPNEGO, or of another mechanism such as Kerberos, where only bare NTLM
    /// messages are understood: under `NTLM`, and under `Negotiate` without the feature `spnego`.
    #[error("the token is wrapped in SPNEGO or of another mechanism; only bare NTLM is understood")]
    NotBare,
    /// The negotiation in SPNEGO failed, under `Negotiate`.
    #[cfg(feature = "spnego")]
    #[error("{0}")]
    Spnego(crate::spnego::Error),
    /// Client: the server answered the NEGOTIATE with a bare offer instead of a CHALLENGE.
    /// Something in between passed the request to another server or connection, or removes tokens.
    #[error("the server did not answer the NEGOTIATE with a CHALLENGE")]
    NoChallenge,
    /// Client: the server answered the AUTHENTICATE with a CHALLENGE, so it took it for the start
    /// of another handshake: the request went on another connection, or to another server, than the
    /// NEGOTIATE. The password may be right; start over on one connection (see
    /// [one connection](super#one-connection)).
    #[error("the AUTHENTICATE was answered with a CHALLENGE: it went on another connection")]
    OtherConnection,
    /// Server: an AUTHENTICATE came on a connection on which no challenge is pending. Something in
    /// between shares its connections among clients or spreads the requests of one client over
    /// several (see [connection affinity](super#one-connection)); or the client answered twice.
    #[error("an AUTHENTICATE came where no challenge is pending: does a proxy share connections?")]
    NoPendingChallenge,
    /// Server: the AUTHENTICATE answers another CHALLENGE than the one that was sent last on this
    /// connection, as the time in it shows. It is [the same trouble](super#one-connection), and not
    /// a wrong password.
    #[error("the AUTHENTICATE answers another challenge: does a proxy share connections?")]
    OtherChallenge,
    /// The connection ends with this response, so the exchange cannot go on: the next message would
    /// come on another one.
    #[error("the connection ends in the middle of the exchange")]
    ConnectionCloses,
    /// The connection is HTTP/2 or later, which carries many requests at a time. NTLM needs
    /// HTTP/1.1 (RFC 9113, section 9.2.3 names it).
    #[error("NTLM needs HTTP/1.1")]
    NeedsHttp11,
    /// The exchange itself failed.
    #[error("{0}")]
    Exchange(error::Error),
}

impl Error {
    /// Prints the error for the log: as `Display` does, but with the reason why authentication
    /// failed, as [`error::Error::log`] does.
    ///
    /// ```
    /// use ntlm::error::Denied;
    /// use ntlm::http::Error;
    ///
    /// let error = Error::Exchange(Denied::WrongPassword.into());
    /// assert_eq!(error.to_string(), "authentication failed");
    /// assert_eq!(error.log().to_string(), "authentication failed: wrong password");
    /// ```
    #[must_use]
    pub fn log(self) -> impl fmt::Display {
        Log(self)
    }

    /// Returns the NTSTATUS for this error ([MS-ERREF] 2.3), as [`error::Error::ntstatus`] does.
    ///
    /// ```
    /// use ntlm::error::Denied;
    /// use ntlm::http::Error;
    ///
    /// let error = Error::Exchange(Denied::WrongPassword.into());
    /// assert_eq!(error.ntstatus(), 0xc000_006d);
    /// // To Windows, the answer to another challenge is a wrong answer.
    /// assert_eq!(Error::OtherChallenge.ntstatus(), 0xc000_006d);
    /// ```
    #[must_use]
    pub const fn ntstatus(self) -> u32 {
        match self {
            Self::Exchange(error) => error.ntstatus(),
            #[cfg(feature = "spnego")]
            Self::Spnego(error) => error.ntstatus(),
            // STATUS_LOGON_FAILURE
            Self::OtherChallenge => 0xc000_006d,
            // STATUS_INVALID_PARAMETER
            Self::NotBase64
            | Self::TooLong
            | Self::Repeated
            | Self::NotBare
            | Self::NoChallenge
            | Self::OtherConnection
            | Self::NoPendingChallenge => 0xc000_000d,
            // STATUS_NOT_SUPPORTED
            Self::ConnectionCloses | Self::NeedsHttp11 => 0xc000_00bb,
        }
    }

    /// Returns the SECURITY_STATUS that SSPI returns for this error, as
    /// [`error::Error::security_status`] does.
    #[must_use]
    #[doc(alias("SEC_E_LOGON_DENIED", "SEC_E_INVALID_TOKEN"))]
    pub const fn security_status(self) -> u32 {
        match self {
            Self::Exchange(error) => error.security_status(),
            #[cfg(feature = "spnego")]
            Self::Spnego(error) => error.security_status(),
            // SEC_E_LOGON_DENIED
            Self::OtherChallenge => 0x8009_030c,
            // SEC_E_INVALID_TOKEN
            Self::NotBase64
            | Self::TooLong
            | Self::Repeated
            | Self::NotBare
            | Self::NoChallenge
            | Self::OtherConnection
            | Self::NoPendingChallenge => 0x8009_0308,
            // SEC_E_UNSUPPORTED_FUNCTION
            Self::ConnectionCloses | Self::NeedsHttp11 => 0x8009_0302,
        }
    }
}

/// An error as it is logged.
struct Log(Error);

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Exchange(error) => error.log().fmt(f),
            error => error.fmt(f),
        }
    }
}

impl From<wire::Error> for Error {
    fn from(error: wire::Error) -> Self {
        Self::Exchange(error.into())
    }
}

impl From<error::Error> for Error {
    fn from(error: error::Error) -> Self {
        Self::Exchange(error)
    }
}

#[cfg(feature = "spnego")]
impl From<crate::spnego::Error> for Error {
    /// An error of the handshake inside is the same as without SPNEGO.
    fn from(error: crate::spnego::Error) -> Self {
        match error {
            crate::spnego::Error::Exchange(error) => Self::Exchange(error),
            error => Self::Spnego(error),
        }
    }
}
