//! Code shared by the examples.

pub use ntlm_common_examples::{connections, credentials, tcp, users};

pub mod bytes;
pub mod claimed;
pub mod datagrams;
pub mod der;
pub mod encoding;
pub mod frames;
pub mod ldap;
pub mod level;
pub mod login;
pub mod lossy;
pub mod pass_through;
pub mod replay;
pub mod rpc;
pub mod smb;
pub mod spans;
pub mod winbind;
