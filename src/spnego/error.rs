//! Why a SPNEGO negotiation cannot continue.

use core::fmt;

use super::Mechanism;
use crate::error;

/// What stopped a SPNEGO negotiation. It is for your own log: to the peer, all failures look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The handshake inside failed.
    #[error("{0}")]
    Exchange(error::Error),
    /// The bytes are no SPNEGO token.
    #[error("malformed SPNEGO token: {0}")]
    Token(TokenError),
    /// The peer sent this kind of token, which cannot stand here.
    #[error("{0} where another SPNEGO token is due")]
    Unexpected(TokenKind),
    /// Initiator: the server chose this mechanism instead of NTLM. Acceptor: the client named it after
    /// it had offered NTLM, or sent its token without SPNEGO.
    #[error("the peer uses {0} instead of NTLM")]
    Mechanism(Mechanism),
    /// The peer does not offer NTLM.
    #[error("the peer does not offer NTLM")]
    NtlmNotOffered,
    /// The NTLM message that is due is missing from the token.
    #[error("the NTLM message is missing from the SPNEGO token")]
    NoMessage,
    /// There is an NTLM message where none is due.
    #[error("there is an NTLM message where none is due")]
    UnexpectedMessage,
    /// The peer sent the `negState` reject.
    #[error("the peer rejects the negotiation")]
    Rejected,
    /// Initiator: the server sent the `negState` accept-completed before it saw an AUTHENTICATE, so
    /// nothing was verified.
    #[error("the server accepts before there is an AUTHENTICATE")]
    CompletedEarly,
    /// Initiator: the server waits for a token, and there is none left to send.
    #[error("the server waits for a token, and there is none left to send")]
    NothingToSend,
    /// The list of mechanisms is not protected as it must be.
    #[error("mechListMIC: {0}")]
    Mic(MicError),
    /// Stepping form: the negotiation is over.
    #[error("misuse: the negotiation is over")]
    Over,
}

/// What is wrong with a `mechListMIC`, the signature over the list of mechanisms (RFC 4178, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[doc(alias = "mechListMIC")]
pub enum MicError {
    /// It does not match: the list was changed in transit, or the peer signed something else. It does
    /// not mean that the password is wrong.
    #[error("it does not match")]
    Wrong,
    /// It is due and did not come.
    #[error("it is missing")]
    Missing,
    /// It came before the handshake had a key.
    #[error("it came before there was a key")]
    Early,
    /// It came, but this handshake has no key to verify it: the client is anonymous or was accepted as
    /// a guest, or signing with extended session security was not negotiated.
    #[error("it came, and the handshake cannot sign")]
    NoKey,
    /// It came for a second time.
    #[error("it came twice")]
    Twice,
    /// The client prefers another mechanism, and the handshake cannot sign. A man in the middle could
    /// have forced NTLM.
    #[error("the client prefers another mechanism, and the handshake cannot sign")]
    CannotSign,
}

/// The kinds of token that SPNEGO's carriers transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// `NegTokenInit`: the first token.
    Init,
    /// `NegTokenResp`: each later token.
    Response,
    /// An NTLM message without SPNEGO.
    Ntlm,
    /// A token of another mechanism, in the framing of GSS-API.
    Other,
    /// No bytes: a client asks the server to speak first.
    Empty,
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "NegTokenInit",
            Self::Response => "NegTokenResp",
            Self::Ntlm => "an NTLM message without SPNEGO",
            Self::Other => "a token of another mechanism",
            Self::Empty => "an empty token",
        })
    }
}

/// Bytes that are no SPNEGO token: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenError {
    kind: TokenErrorKind,
    offset: usize,
}

/// What is wrong with a SPNEGO token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The token ends within a tag or a length.
    #[error("the token ends within a tag or a length")]
    TooShort,
    /// An element runs past the end of the element around it.
    #[error("an element runs past the end of the one around it")]
    Outside,
    /// A length is indefinite, or has more than four octets.
    #[error("a length is indefinite or has more than four octets")]
    Length,
    /// An element has another tag than the one that is due.
    #[error("an element has the wrong tag")]
    Tag,
    /// Bytes follow where an element or the token must end.
    #[error("bytes follow where an element must end")]
    Trailing,
    /// A field is there twice, or after one that it must precede.
    #[error("a field is duplicate or out of order")]
    FieldOrder,
    /// `mechTypes` is missing or empty.
    #[error("mechTypes is missing or empty")]
    NoMechTypes,
    /// `mechTypes` has more than 64 entries.
    #[error("mechTypes has more than 64 entries")]
    TooManyMechTypes,
    /// The token is longer than 65,535 bytes.
    #[error("the token is longer than 65535 bytes")]
    TooLong,
    /// `negState` is not one octet, or not one of the four values.
    #[error("negState is none of the four")]
    NegState,
    /// An object identifier is malformed, or longer than 128 octets.
    #[error("an object identifier is malformed")]
    ObjectIdentifier,
}

impl TokenError {
    pub(super) const fn new(kind: TokenErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(self) -> TokenErrorKind {
        self.kind
    }

    /// The byte, counted from the start of the token, where it is wrong.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for TokenError {}

impl Error {
    /// Prints the error for the log: as `Display` does, but with the reason why authentication
    /// failed, as [`error::Error::log`] does.
    #[must_use]
    pub fn log(self) -> impl fmt::Display {
        Log(self)
    }

    /// Returns the NTSTATUS that protocols such as SMB send for this error. It is
    /// `STATUS_LOGON_FAILURE` for every reason that a peer must not tell apart:
    /// see [`error::Error::ntstatus`].
    #[must_use]
    pub const fn ntstatus(self) -> u32 {
        match self {
            Self::Exchange(error) => error.ntstatus(),
            // STATUS_ACCESS_DENIED
            Self::Mic(_) => 0xc000_0022,
            // STATUS_LOGON_FAILURE
            Self::Rejected | Self::NtlmNotOffered | Self::Mechanism(_) => 0xc000_006d,
            // STATUS_INTERNAL_ERROR
            Self::Over => 0xc000_00e5,
            // STATUS_INVALID_PARAMETER
            _ => 0xc000_000d,
        }
    }

    /// Returns the SECURITY_STATUS that SSPI returns for this error: see
    /// [`error::Error::security_status`].
    #[must_use]
    pub const fn security_status(self) -> u32 {
        match self {
            Self::Exchange(error) => error.security_status(),
            // SEC_E_MESSAGE_ALTERED
            Self::Mic(_) => 0x8009_030f,
            // SEC_E_LOGON_DENIED
            Self::Rejected => 0x8009_030c,
            // SEC_E_INTERNAL_ERROR
            Self::Over => 0x8009_0304,
            // SEC_E_INVALID_TOKEN
            _ => 0x8009_0308,
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

impl<E: Into<error::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Exchange(error.into())
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<MicError> for Error {
    fn from(error: MicError) -> Self {
        Self::Mic(error)
    }
}
