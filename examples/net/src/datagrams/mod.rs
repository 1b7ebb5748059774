//! NTLM's connectionless mode over UDP: the datagrams, the login, and the two ends of a session.

pub mod channel;
pub mod client;
pub mod service;
mod wire;

pub use wire::Datagram;
