//! Why a protected message is rejected or cannot be made.

/// Why a signed or sealed message was rejected, or none can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Integrity {
    /// The version of the signature is not 1. The session continues.
    #[error("the signature has an unknown version")]
    Version,
    /// The sequence number is not the next one: the message was replayed, or others were lost or
    /// reordered. The session continues. Without extended session security, this case is reported
    /// as [`Checksum`](Self::Checksum).
    #[error("the sequence number is not the next one")]
    Sequence,
    /// The message or its signature was changed. A [`Session`](crate::Session) receives nothing
    /// more in this direction; a [`DatagramSession`](crate::DatagramSession) continues.
    #[error("the message does not match its signature")]
    Checksum,
    /// An earlier message had a wrong signature, so nothing more is received.
    #[error("an earlier message did not match its signature")]
    Closed,
    /// All 2^32 sequence numbers are used up. A new handshake is necessary.
    #[error("all sequence numbers are used up")]
    Exhausted,
}
