//! What the examples over HTTP share.

pub mod files;
pub mod tls;
pub mod users;
