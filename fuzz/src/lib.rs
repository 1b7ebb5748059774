//! What the fuzz targets share.
//!
//! A target says in a few lines what must hold; here is what it needs for that:
//!
//! | module | what it has |
//! |---|---|
//! | [`codec`] | a message that parses can be written, and is the same then |
//! | [`datagram`] | both ends of a connectionless session, and any datagrams between them |
//! | [`edit`] | what somebody in between does to a message |
//! | [`exchange`] | an exchange with somebody in between |
//! | [`handover`] | states that come from another process |
//! | [`http`] | both sides of an HTTP connection, and what may come of them |
//! | [`knobs`] | clients and servers with any policy |
//! | [`mask`] | an AUTHENTICATE with any secrets |
//! | [`model`] | which protected messages must be delivered, and which refused |
//! | [`session`] | both ends of a session, and any operations on them |
//! | [`spnego`] | SPNEGO's tokens, and negotiations with a man in the middle |
//! | [`splice`] | what a man in the middle does at the border of two messages |

pub mod codec;
pub mod datagram;
pub mod edit;
pub mod exchange;
pub mod handover;
pub mod http;
pub mod knobs;
pub mod mask;
pub mod model;
pub mod session;
pub mod splice;
pub mod spnego;
