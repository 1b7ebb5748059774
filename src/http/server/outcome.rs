//! How a server answers a request.

use alloc::string::String;
use core::fmt;

use crate::http::{Refusal, Reply};
use crate::server::Accepted;
#[cfg(feature = "spnego")]
use crate::spnego::Mechanism;

/// How to answer a request.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a server must handle every case; `_` could be a hole")]
#[must_use]
pub enum Outcome<'a> {
    /// The request is this client's. Answer it.
    Authenticated(Authenticated<'a>),
    /// A normal step of the handshake, whatever its status looks like: read the request to its end,
    /// reply, and wait for the next request on this connection. Do not count it as a failure.
    ///
    /// It is also what a request with Basic credentials or without any produces, and all that is seen
    /// of a client that gives up. Log it at debug level, with [`Reply::tried`], to find out why a
    /// client never logs in.
    Continue(Reply),
    /// The client was rejected, or its request cannot stand here.
    Refused(Refusal),
}

/// A client that is authenticated on this connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Authenticated<'a> {
    /// The client.
    pub accepted: &'a Accepted,
    /// Whether the client logged in with this request, and not with an earlier one on this connection.
    pub is_new: bool,
    /// A header for the response to this request, whatever its status is: the last token of SPNEGO.
    /// Clients that sign SPNEGO's list of mechanisms demand it. `None` for bare NTLM.
    pub header: Option<ResponseHeader>,
    /// The mechanism that the client prefers to NTLM, such as Kerberos, if it logged in with this
    /// request: see [`Established::client_preferred`](crate::spnego::Established::client_preferred).
    #[cfg(feature = "spnego")]
    pub client_preferred: Option<Mechanism>,
    /// Whether the client signed its list of mechanisms with this request: see
    /// [`Established::list_checked`](crate::spnego::Established::list_checked).
    #[cfg(feature = "spnego")]
    pub list_checked: bool,
}

impl<'a> Authenticated<'a> {
    /// A client that logs in with bare messages.
    pub(super) const fn new(accepted: &'a Accepted) -> Self {
        Self {
            accepted,
            is_new: true,
            header: None,
            #[cfg(feature = "spnego")]
            client_preferred: None,
            #[cfg(feature = "spnego")]
            list_checked: false,
        }
    }
}

/// A header of a response to an authenticated client.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseHeader {
    /// `WWW-Authenticate` or `Proxy-Authenticate`.
    pub name: &'static str,
    /// The scheme and the token.
    pub value: String,
}

impl fmt::Debug for ResponseHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHeader")
            .field("name", &self.name)
            .field("value", &format_args!("[{} characters]", self.value.len()))
            .finish()
    }
}
