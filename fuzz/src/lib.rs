//! Code that the fuzz targets share.
//!
//! A target states its invariant in a few lines; these modules contain what it needs for that:
//!
//! | module | contents |
//! |---|---|
//! | [`codec`] | a message that parses can be written, and stays the same |
//! | [`datagram`] | both ends of a connectionless session, and arbitrary datagrams between them |
//! | [`edit`] | changes that a man in the middle makes to a message |
//! | [`exchange`] | a handshake with a man in the middle, and its permitted results |
//! | [`handover`] | states imported from another process |
//! | [`http`] | both sides of an HTTP connection, and their permitted results |
//! | [`knobs`] | clients and servers with any policy |
//! | [`mask`] | an AUTHENTICATE with arbitrary secrets |
//! | [`model`] | a model of which protected messages must be accepted, and which rejected |
//! | [`session`] | both ends of a session, and arbitrary operations on them |
//! | [`spnego`] | SPNEGO tokens, and negotiations with a man in the middle |
//! | [`splice`] | attacks of a man in the middle on the border of two messages |

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
