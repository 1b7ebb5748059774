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
pub mod helper;
pub mod ldap;
pub mod level;
pub mod listener;
pub mod login;
pub mod lossy;
pub mod pass_through;
pub mod recording;
pub mod replay;
pub mod rpc;
pub mod smb;
pub mod spans;
pub mod tcp;
pub mod tokens;
pub mod users;
pub mod winbind;
