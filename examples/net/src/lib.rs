//! What the examples share.

pub mod bytes;
/// As over HTTP.
#[path = "../../http/src/credentials.rs"]
pub mod credentials;
pub mod der;
pub mod encoding;
pub mod ldap;
pub mod login;
pub mod lossy;
pub mod replay;
pub mod rpc;
pub mod smb;
pub mod spnego;
pub mod tcp;
pub mod tokens;
pub mod users;
