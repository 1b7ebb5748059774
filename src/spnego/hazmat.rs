//! The negotiation without NTLM (feature `hazmat`): it takes the messages of the mechanism and the
//! session keys instead of making them. [`Initiator`](super::Initiator) and
//! [`Acceptor`](super::Acceptor) are made of these states.
//!
//! They verify nothing of what they are given. They are for recorded handshakes and for tests.

/// The client's states.
pub mod initiator {
    pub use crate::spnego::initiator::negotiation::{
        AwaitAnswer, AwaitNegotiate, AwaitReply, AwaitVerdict, Reply, Verdict,
    };
}

/// The server's states.
pub mod acceptor {
    pub use crate::spnego::acceptor::negotiation::{
        AwaitMic, AwaitProof, First, Offer, Start, Verified,
    };
}
