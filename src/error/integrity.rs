//! Why a protected message is rejected.

/// Why a message was not accepted, or cannot be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Integrity {
    /// The signature is of a version that does not exist. The session continues.
    #[error("the signature has an unknown version")]
    Version,
    /// The message is not the next one: it was replayed, or others were lost or reordered. The
    /// session continues. Without extended session security, that is a [`Checksum`](Self::Checksum).
    #[error("the message is not the next one")]
    Sequence,
    /// The message or its signature was changed. A [`Session`](crate::Session) receives nothing
    /// more in that direction; a [`DatagramSession`](crate::DatagramSession) continues.
    #[error("the message does not match its signature")]
    Checksum,
    /// An earlier message did not match its signature.
    #[error("an earlier message did not match its signature")]
    Closed,
    /// All 2^32 sequence numbers are used up: a new exchange is needed.
    #[error("all sequence numbers are used up")]
    Exhausted,
}
