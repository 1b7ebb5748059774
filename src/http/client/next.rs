//! What a client does after a response.

use alloc::string::String;
use core::fmt;

#[cfg(doc)]
use super::{super::Error, ClientConnection};

/// What a client does after a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a client must handle every case; `_` would hide one")]
#[must_use]
pub enum Next {
    /// Read the response to its end, and send the request again with this header, on the
    /// [connection](RequestHeader::connection) that it names. The response is a step of the handshake
    /// and no failure.
    Send(RequestHeader),
    /// The server did not reject the client, so it accepted it, and this is its answer. Further
    /// requests on this connection need no header. (A gateway's 502 or 504 looks the same, and says
    /// nothing about the login.)
    Authenticated,
    /// There is no step for this side: the response is a final answer, an interim response (1xx), or
    /// a challenge meant for another party (from a proxy, while we log in to a server). If the request
    /// was sent without its [body](RequestBody::Omit) and got a final answer, send it again with its
    /// body.
    Answered,
    /// The server rejected the login: the credentials are wrong, or this response came on another
    /// connection than the CHALLENGE, whose server never saw the NEGOTIATE. Both look the same in
    /// HTTP, so make sure of the connection before you ask the user for another password: see
    /// [one connection](crate::http#one-connection). (If the other connection answers with a CHALLENGE, the
    /// error is [`Error::OtherConnection`].) Other credentials need another state; with the same,
    /// [`start`](ClientConnection::start) tries again.
    Rejected,
    /// The server asks for authentication, but does not offer NTLM; or it answered a NEGOTIATE with
    /// other schemes only.
    NotOffered,
}

/// The header of the next request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHeader {
    /// `Authorization` or `Proxy-Authorization`.
    pub name: &'static str,
    /// The scheme and the token. As good as a recorded exchange: passwords can be guessed from it.
    pub value: String,
    /// What to do with the request's body.
    pub body: RequestBody,
    /// On which connection to send the request.
    pub connection: NextConnection,
}

/// Whether a request is sent with its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is sent or not")]
pub enum RequestBody {
    /// Leave it out and send `Content-Length: 0`: the server will answer with a CHALLENGE, whatever
    /// the request is.
    Omit,
    /// Send the request whole: the server answers it if it accepts the client.
    Send,
}

/// On which connection a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is the same or another")]
pub enum NextConnection {
    /// On this same one.
    Same,
    /// The server closes this one. Open another; the [`ClientConnection`] belongs to that one from
    /// now on. Nothing was proven yet.
    ///
    /// The channel bindings are still those of the old connection. If the new one has another
    /// certificate, make a new [`ClientConnection`] for it instead.
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
