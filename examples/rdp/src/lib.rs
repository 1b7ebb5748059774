//! Code shared by the CredSSP examples.

pub use ntlm_common_examples::{connections, tcp, users};

pub mod binding;
pub mod channel;
pub mod client;
pub mod credentials;
pub mod public_key;
pub mod rdp;
pub mod server;
pub mod tls;
pub mod ts_request;
pub mod version;

#[cfg(test)]
mod recordings;
