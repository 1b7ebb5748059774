//! What the examples share.

pub mod bytes;
pub mod connections;
/// As over HTTP.
#[path = "../../http/src/credentials.rs"]
pub mod credentials;
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
pub mod tcp;
pub mod users;
pub mod winbind;
