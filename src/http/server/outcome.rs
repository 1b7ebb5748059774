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
    /// The client is authenticated: answer the request.
    Authenticated(Authenticated<'a>),
    /// A normal step of the handshake: read the request to its end, send this reply, and wait for
    /// the next request on this connection. Do not count it as a failure, although the status is
    /// 401.
    ///
    /// This is also the outcome of a request without credentials or with credentials of another
    /// scheme, such as Basic. A client that gives up produces nothing else. Log it at debug level,
    /// with [`Reply::tried`], to find out why a client never logs in.
    Continue(Reply),
    /// The login was rejected, or the request is invalid: send the reply, and log the reason.
    Refused(Refusal),
}

/// A client that is authenticated on this connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Authenticated<'a> {
    /// The client's identity, and more about the login.
    pub accepted: &'a Accepted,
    /// Whether the client logged in with this request, instead of an earlier one on this
    /// connection.
    pub is_new: bool,
    /// A header that you must add to the response, regardless of its status: SPNEGO's last token.
    /// Clients that have signed the list of mechanisms require it. `None` for bare NTLM.
    pub header: Option<ResponseHeader>,
    /// The mechanism that the client prefers to NTLM, such as Kerberos, if it logged in with this
    /// request: see
    /// [`Established::client_preferred`](crate::spnego::Established::client_preferred).
    #[cfg(feature = "spnego")]
    pub client_preferred: Option<Mechanism>,
    /// Whether this request contained a valid signature of the client's list of mechanisms: see
    /// [`Established::list_checked`](crate::spnego::Established::list_checked).
    #[cfg(feature = "spnego")]
    pub list_checked: bool,
}

impl<'a> Authenticated<'a> {
    /// Describes a client that has just logged in with bare messages.
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

/// A header of the response to an authenticated client.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseHeader {
    /// The name: `WWW-Authenticate` or `Proxy-Authenticate`.
    pub name: &'static str,
    /// The value: the scheme and the token.
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
