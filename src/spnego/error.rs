//! Errors of a SPNEGO negotiation.

use core::fmt;

use super::Mechanism;
use crate::error;

/// The error that ended a SPNEGO negotiation. Log it, but do not send it to the peer, for which all
/// failures must look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The NTLM handshake inside SPNEGO failed.
    #[error("{0}")]
    Exchange(error::Error),
    /// The bytes are not a SPNEGO token.
    #[error("malformed SPNEGO token: {0}")]
    Token(TokenError),
    /// The peer sent this kind of token at a point where another kind is required.
    #[error("received {0} where another SPNEGO token is required")]
    Unexpected(TokenKind),
    /// The peer uses this mechanism instead of NTLM. Initiator: the server chose it. Acceptor: the
    /// client named it after the server had chosen NTLM, or it sent a token of this mechanism
    /// without SPNEGO.
    #[error("the peer uses {0} instead of NTLM")]
    Mechanism(Mechanism),
    /// The peer does not offer NTLM.
    #[error("the peer does not offer NTLM")]
    NtlmNotOffered,
    /// The token does not contain the NTLM message that must come next.
    #[error("the NTLM message is missing from the SPNEGO token")]
    NoMessage,
    /// The token contains an NTLM message at a point where none is expected.
    #[error("the SPNEGO token contains an unexpected NTLM message")]
    UnexpectedMessage,
    /// The peer sent the `negState` reject.
    #[error("the peer rejects the negotiation")]
    Rejected,
    /// Initiator: the server sent the `negState` accept-completed before it received an
    /// AUTHENTICATE, so it has verified nothing.
    #[error("the server accepts before it has received an AUTHENTICATE")]
    CompletedEarly,
    /// Initiator: the server waits for another token, but the client has none to send.
    #[error("the server waits for another token, but the client has none to send")]
    NothingToSend,
    /// The list of mechanisms is not protected as required.
    #[error("mechListMIC: {0}")]
    Mic(MicError),
    /// [`InitiatorHandshake`](super::InitiatorHandshake) and
    /// [`AcceptorHandshake`](super::AcceptorHandshake): the negotiation is over, because it was
    /// completed or failed.
    #[error("misuse: the negotiation is over")]
    Over,
}

/// What is wrong with a `mechListMIC`, the signature over the list of mechanisms (RFC 4178, section
/// 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[doc(alias = "mechListMIC")]
pub enum MicError {
    /// The signature does not match: the list was changed in transit, or the peer signed something
    /// else. A wrong password is not the cause.
    #[error("it does not match")]
    Wrong,
    /// The peer did not send the required signature.
    #[error("it is missing")]
    Missing,
    /// The peer sent the signature before the handshake had a key.
    #[error("it was received before the handshake had a key")]
    Early,
    /// The peer sent a signature, but this handshake has no key to verify it: the client is
    /// anonymous or was accepted as a guest, or signing with extended session security was not
    /// negotiated.
    #[error("it was received, but this handshake has no key to verify it")]
    NoKey,
    /// The peer sent the signature twice.
    #[error("it was received twice")]
    Twice,
    /// The client prefers another mechanism, and the handshake cannot sign. A man in the middle
    /// could have forced NTLM.
    #[error("the client prefers another mechanism, and the handshake cannot sign")]
    CannotSign,
}

/// The kinds of token that an application protocol with SPNEGO transmits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// `NegTokenInit`: the first token.
    Init,
    /// `NegTokenResp`: each later token.
    Response,
    /// An NTLM message without SPNEGO.
    Ntlm,
    /// A token of another mechanism in GSS-API framing.
    Other,
    /// No bytes: the client asks the server to send the first token.
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

/// An error in parsing a SPNEGO token: its [kind](Self::kind), and the [offset](Self::offset) at
/// which it occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenError {
    kind: TokenErrorKind,
    offset: usize,
}

/// The kind of an error in a SPNEGO token.
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
    /// An element has another tag than the required one.
    #[error("an element has the wrong tag")]
    Tag,
    /// Bytes follow where an element or the token must end.
    #[error("bytes follow where an element must end")]
    Trailing,
    /// A field occurs twice, or after a field that it must precede.
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
    /// `negState` does not have one octet, or not one of the four values.
    #[error("negState has an unknown value")]
    NegState,
    /// An object identifier is malformed, or longer than 128 octets.
    #[error("an object identifier is malformed")]
    ObjectIdentifier,
}

impl TokenError {
    pub(super) const fn new(kind: TokenErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(self) -> TokenErrorKind {
        self.kind
    }

    /// Returns the offset in bytes, from the start of the token, at which the error occurred.
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
    /// Returns the text of the error for the log. Unlike `Display`, it contains the reason why
    /// authentication failed: see [`error::Error::log`].
    #[must_use]
    pub fn log(self) -> impl fmt::Display {
        Log(self)
    }

    /// Returns the NTSTATUS that protocols such as SMB send for this error. It is
    /// `STATUS_LOGON_FAILURE` for all reasons that the peer must not be able to distinguish: see
    /// [`error::Error::ntstatus`].
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
