//! What the examples of CredSSP share.

pub mod binding;
pub mod channel;
pub mod client;
/// As over SMB.
#[path = "../../net/src/connections.rs"]
pub mod connections;
pub mod credentials;
pub mod public_key;
pub mod rdp;
pub mod server;
/// As over SMB.
#[path = "../../net/src/tcp.rs"]
pub mod tcp;
pub mod tls;
pub mod ts_request;
/// As over HTTP.
#[path = "../../http/src/users.rs"]
pub mod users;
pub mod version;

#[cfg(test)]
mod recordings;
