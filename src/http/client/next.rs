//! What a client must do after a response.

use alloc::string::String;
use core::fmt;

#[cfg(doc)]
use super::{super::Error, ClientConnection};

/// What a client must do after a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a client must handle every case; `_` would hide one")]
#[must_use]
pub enum Next {
    /// Read the response to its end, and send the request again with this header, on the same or a
    /// new [connection](RequestHeader::connection). The response is a normal step of the handshake,
    /// not a failure.
    Send(RequestHeader),
    /// The login succeeded: the response to the AUTHENTICATE is not a rejection, but the server's
    /// answer. Further requests on this connection need no header. A gateway that fails (502 or
    /// 504) also has this result, although the server may not have received the AUTHENTICATE.
    Authenticated,
    /// This side has nothing to do: the response is a final answer, an interim response (1xx), or a
    /// challenge for another party (a proxy's 407, while this state logs in to a server). If the
    /// request was sent without its body ([`RequestBody::Omit`]) and received a final answer, send
    /// it again with its body.
    Answered,
    /// The server rejected the login. Either the credentials are wrong, or the AUTHENTICATE was
    /// sent on another connection than the NEGOTIATE. Both look the same in HTTP, so check the
    /// connection before you ask the user for another password: see [One
    /// connection](crate::http#one-connection). (If the server on the other connection answers with
    /// a CHALLENGE, the result is [`Error::OtherConnection`].)
    ///
    /// For other credentials, make a new state. To try the same again, call
    /// [`start`](ClientConnection::start).
    Rejected,
    /// The server requires authentication, but does not offer NTLM, or no longer offers it after
    /// the NEGOTIATE.
    NotOffered,
}

/// The header of the next request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHeader {
    /// The name: `Authorization` or `Proxy-Authorization`.
    pub name: &'static str,
    /// The value: the scheme and the token. Do not log it, because an attacker can use it to
    /// brute-force the password.
    pub value: String,
    /// Whether to send the body of the request.
    pub body: RequestBody,
    /// The connection on which to send the request.
    pub connection: NextConnection,
}

/// Whether to send a request with its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the body is sent or not")]
pub enum RequestBody {
    /// Omit the body, and send `Content-Length: 0`, because the server will answer with a CHALLENGE
    /// and ignore the body.
    Omit,
    /// Send the body, because the server answers the request if it accepts the client.
    Send,
}

/// The connection on which to send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is the same connection or a new one")]
pub enum NextConnection {
    /// The same connection.
    Same,
    /// A new connection, because the server closes this one. Open it, and keep using this
    /// [`ClientConnection`] for it. The connection was not authenticated yet.
    ///
    /// The channel bindings are still those of the old connection. If the server presents another
    /// certificate on the new one, make a new [`ClientConnection`] instead.
    New,
}

impl fmt::Debug for RequestHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHeader")
            .field("name", &self.name)
            .field("value", &format_args!("[{} characters]", self.value.len()))
            .field("body", &self.body)
            .field("connection", &self.connection)
            .finish()
    }
}
