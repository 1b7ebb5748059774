//! Code shared by the HTTP examples.

pub use ntlm_common_examples::{credentials, users};

pub mod agent;
pub mod connection;
pub mod connections;
pub mod entrance;
pub mod exchange;
pub mod files;
pub mod header_case;
pub mod outgoing;
pub mod recording;
pub mod redirect;
pub mod reqwest_ntlm;
pub mod site;
pub mod tls;
pub mod trace;
pub mod trust;
pub mod winrm;
