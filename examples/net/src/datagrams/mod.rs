//! NTLM's connectionless mode over UDP: what travels, the two ends of a session, and how clients
//! get one.

pub mod channel;
pub mod client;
pub mod service;
mod wire;

pub use wire::Datagram;
