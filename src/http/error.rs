//! Errors of a handshake over HTTP.

use core::fmt;

use crate::error;
use crate::wire;

/// The error that ended a handshake over HTTP.
///
/// Log it, but do not send it to the client, for which all reasons must look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The token in a header is not base64 (RFC 4648, section 4).
    #[error("malformed header: the token is not base64")]
    NotBase64,
    /// The token in a header exceeds [`MAX_TOKEN_LEN`](super::MAX_TOKEN_LEN) bytes.
    #[error("malformed header: the token is too long")]
    TooLong,
    /// Server: the request has the header more than once, so its meaning is ambiguous.
    #[error("malformed header: it is present more than once")]
    Repeated,
    /// The token is a SPNEGO token or one of another mechanism, such as Kerberos. Under `NTLM`, and
    /// under `Negotiate` without the feature `spnego`, only bare NTLM messages are supported.
    #[error("the token is not a bare NTLM message, but SPNEGO or another mechanism")]
    NotBare,
    /// The SPNEGO negotiation under `Negotiate` failed.
    #[cfg(feature = "spnego")]
    #[error("{0}")]
    Spnego(crate::spnego::Error),
    /// Client: the server answered the NEGOTIATE by offering NTLM again, without a CHALLENGE.
    /// Possible causes: the server rejects the NEGOTIATE, for example because of its policy; a
    /// proxy sent the request to another server or on another connection; or a proxy removes
    /// tokens.
    #[error("the server did not answer the NEGOTIATE with a CHALLENGE")]
    NoChallenge,
    /// Client: the server answered the AUTHENTICATE with a CHALLENGE. The request with the
    /// AUTHENTICATE was sent on another connection, or to another server, than the one with the
    /// NEGOTIATE. The password can be right; start again on one connection (see [One
    /// connection](super#one-connection)).
    #[error("the AUTHENTICATE was answered with a CHALLENGE: it was sent on another connection")]
    OtherConnection,
    /// Server: an AUTHENTICATE was received on a connection on which no CHALLENGE is pending.
    /// There are three possible causes: the client sent the requests of the handshake on different
    /// connections, for example through a pool; a proxy did so, or shares its connections between
    /// clients (see [One connection](super#one-connection)); or the client sent its AUTHENTICATE
    /// twice.
    #[error(
        "received an AUTHENTICATE without a pending challenge: does a proxy share connections?"
    )]
    NoPendingChallenge,
    /// Server: the AUTHENTICATE answers another CHALLENGE than the last one on this connection, as
    /// the time in it shows. The cause is a proxy or a client that shares connections (see [One
    /// connection](super#one-connection)), not a wrong password.
    #[error("the AUTHENTICATE answers another challenge: does a proxy share connections?")]
    OtherChallenge,
    /// The peer closes the connection after this message, so the next message of the handshake
    /// could only be sent on another connection, where it is invalid.
    #[error("the connection closes in the middle of the handshake")]
    ConnectionCloses,
    /// The connection is HTTP/2 or later, in which many requests share a connection at the same
    /// time. NTLM needs HTTP/1.1 (RFC 9113, section 9.2.3).
    #[error("NTLM needs HTTP/1.1")]
    NeedsHttp11,
    /// The NTLM handshake itself failed.
    #[error("{0}")]
    Exchange(error::Error),
}

impl Error {
    /// Returns the text of the error for the log. Unlike `Display`, it contains the reason why
    /// authentication failed: see [`error::Error::log`].
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

    /// Returns the NTSTATUS of this error (\[MS-ERREF\] 2.3): see [`error::Error::ntstatus`].
    ///
    /// ```
    /// use ntlm::error::Denied;
    /// use ntlm::http::Error;
    ///
    /// let error = Error::Exchange(Denied::WrongPassword.into());
    /// assert_eq!(error.ntstatus(), 0xc000_006d);
    /// // Windows treats the answer to another challenge like a wrong password.
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

    /// Returns the SECURITY_STATUS that SSPI returns for this error: see
    /// [`error::Error::security_status`].
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

/// The text of an error for the log.
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
    /// Unwraps errors of the NTLM handshake, so that they are the same with and without SPNEGO.
    fn from(error: crate::spnego::Error) -> Self {
        match error {
            crate::spnego::Error::Exchange(error) => Self::Exchange(error),
            error => Self::Spnego(error),
        }
    }
}
