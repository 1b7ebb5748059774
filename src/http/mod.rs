//! NTLM over HTTP/1.1: headers, and both sides of one connection ([RFC 4559] for `Negotiate`;
//! `NTLM` works the same).
//!
//! [`ClientConnection`] and [`ServerConnection`] do no input and output: they take the status and
//! the headers of each message, and say what to do next. They work for servers (401,
//! `WWW-Authenticate`, `Authorization`) and for proxies (407, `Proxy-Authenticate`,
//! `Proxy-Authorization`, `CONNECT`). [`Header`] and [`format()`] are for those who do it themselves.
//!
//! [RFC 4559]: https://www.rfc-editor.org/rfc/rfc4559

mod client;
mod connection;
mod error;
mod header;
mod server;

pub use client::{Body, ClientConnection, Connection, Next, RequestHeader};
pub use connection::Version;
pub use error::{Error, HeaderError};
pub use header::{Header, MAX_TOKEN_LEN, Scheme, format};
pub use server::{LookUp, Refusal, Reply, ServerConnection, Step};
