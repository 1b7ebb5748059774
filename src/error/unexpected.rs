//! Messages that do not fit the handshake.

use crate::text::TextError;

/// A well-formed message that cannot stand where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unexpected {
    /// The flags choose no character set, or one that was not offered ([MS-NLMP] 2.2.2.5, A, B).
    #[error("the flags choose no character set that was offered")]
    CharacterSet,
    /// The message contains the header of another message. No honest message does; a man in the
    /// middle could move the border between two messages that way, and the MIC would not show it.
    #[error("the message contains the header of another message")]
    SecondHeader,
    /// Names and NT response share bytes, which no client's do: to hash the same bytes again and
    /// again costs more than to send them.
    #[error("fields of the message share bytes")]
    SharedBytes,
    /// A name is not text in the negotiated character set.
    #[error("a name is no text: {0}")]
    Text(TextError),
    /// The flags of a connectionless exchange lack DATAGRAM or KEY_EXCH (2.2.2.5, F).
    #[error("the flags are not those of a connectionless exchange")]
    NotConnectionless,
    /// The CHALLENGE lacks the server's NetBIOS names, which protected NTLMv2 needs (3.1.5.1.2).
    #[error("the challenge lacks the server's NetBIOS names")]
    NetbiosNames,
    /// The AUTHENTICATE holds neither a response nor the marks of an anonymous client
    /// (3.2.5.1.2); or it lacks the LM response of which LM_KEY makes the session key (3.4.5.1).
    #[error("a response is missing, and the client is not anonymous")]
    NoResponse,
    /// NTLMv1 with extended session security lacks the client's challenge (3.2.5.1.2).
    #[error("the client's challenge is missing")]
    NoClientChallenge,
    /// The session key was to be exchanged, and does not have 16 bytes (3.2.5.1.2).
    #[error("the encrypted session key does not have 16 bytes")]
    EncryptedSessionKey,
}
