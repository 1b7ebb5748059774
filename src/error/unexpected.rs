//! Well-formed messages that do not fit the handshake.

use crate::text::TextError;

/// Why a well-formed message does not fit the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unexpected {
    /// The flags choose no character set, or one that was not offered ([MS-NLMP] 2.2.2.5, A and B).
    #[error("the flags choose no character set that was offered")]
    CharacterSet,
    /// The message contains the header of another message. No implementation sends that, but a man
    /// in the middle could move the border between two messages in this way, and the MIC would not
    /// detect it.
    #[error("the message contains the header of another message")]
    SecondHeader,
    /// The name fields overlap the NT response. No client sends that, and it would let a short
    /// message cause as much hashing as a long one.
    #[error("fields of the message overlap")]
    SharedBytes,
    /// A name cannot be decoded in the negotiated character set.
    #[error("cannot decode a name: {0}")]
    Text(TextError),
    /// The flags of a connectionless handshake lack DATAGRAM or KEY_EXCH (2.2.2.5, F).
    #[error("the flags are not those of a connectionless handshake")]
    NotConnectionless,
    /// The CHALLENGE lacks the server's NetBIOS names, which NTLMv2 needs if messages are to be
    /// protected (3.1.5.1.2).
    #[error("the challenge lacks the server's NetBIOS names")]
    NetbiosNames,
    /// The AUTHENTICATE contains no response and is not that of an anonymous client (3.2.5.1.2). Or
    /// it lacks the LM response that LM_KEY derives the session key from (3.4.5.1).
    #[error("a response is missing, and the client is not anonymous")]
    NoResponse,
    /// An NTLMv1 response with extended session security lacks the client's challenge (3.2.5.1.2).
    #[error("the client's challenge is missing")]
    NoClientChallenge,
    /// KEY_EXCH was negotiated, and `EncryptedRandomSessionKey` does not have 16 bytes (3.2.5.1.2).
    #[error("the encrypted session key does not have 16 bytes")]
    EncryptedSessionKey,
}
