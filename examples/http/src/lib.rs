//! What the examples over HTTP share.

pub mod connection;
pub mod credentials;
pub mod files;
pub mod header_case;
pub mod redirect;
pub mod reqwest_ntlm;
pub mod tls;
pub mod trace;
pub mod trust;
pub mod users;
pub mod winrm;
