//! The states of a SPNEGO negotiation without NTLM (feature `hazmat`). The caller supplies the
//! messages of the mechanism and the session keys. [`Initiator`](super::Initiator) and
//! [`Acceptor`](super::Acceptor) are built on these states.
//!
//! They do not verify the messages and keys that they are given. They are for recorded handshakes
//! and for tests.

/// The states of a client.
pub mod initiator {
    pub use crate::spnego::initiator::negotiation::{
        AwaitAnswer, AwaitNegotiate, AwaitReply, AwaitVerdict, Reply, Verdict,
    };
}

/// The states of a server.
pub mod acceptor {
    pub use crate::spnego::acceptor::negotiation::{
        AwaitMic, AwaitProof, First, Offer, Start, Verified,
    };
}
