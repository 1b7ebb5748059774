//! Code shared by the examples of several packages.

pub mod connections;
pub mod credentials;
pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
pub mod users;
