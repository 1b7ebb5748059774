//! What the examples over HTTP share.

pub mod agent;
pub mod connection;
pub mod connections;
pub mod credentials;
pub mod exchange;
pub mod files;
pub mod header_case;
pub mod outgoing;
pub mod redirect;
pub mod reqwest_ntlm;
pub mod tls;
pub mod trace;
pub mod trust;
pub mod users;
pub mod winrm;
