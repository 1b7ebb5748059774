//! NTLM over HTTP/1.1: headers, and both sides of one connection.
//!
//! [`ClientConnection`] and [`ServerConnection`] do no input and output: they take the status and
//! the headers of each message, and say what to do next. They work for servers (401,
//! `WWW-Authenticate`, `Authorization`) and for proxies (407, `Proxy-Authenticate`,
//! `Proxy-Authorization`, `CONNECT`), under the name `NTLM` and, with bare NTLM messages, under
//! `Negotiate` ([RFC 4559]). [`Header`] and [`format()`] are for those who do it themselves.
//!
//! The examples `http_client`, `http_server`, `reqwest_client`, `health_monitor` and
//! `reverse_proxy` use them with hyper, tokio, rustls and reqwest.
//!
//! # Why there are 401s
//!
//! | request | its header | response |
//! |---|---|---|
//! | first | none | 401 `WWW-Authenticate: NTLM`: what the server wants |
//! | again, without its body | `Authorization: NTLM` NEGOTIATE | 401 `WWW-Authenticate: NTLM` CHALLENGE |
//! | again, whole | `Authorization: NTLM` AUTHENTICATE | 200 and the answer, or 401: wrong password |
//! | all others | none | 200 and the answer |
//!
//! The first two 401s are no failures: they are how NTLM's messages travel. Whoever counts them as
//! failures (monitors, rate limiters, dashboards) counts each login as two; [`Step::Continue`] and
//! [`Next::Send`] tell them apart. A client that knows what the server wants saves the first round
//! trip with [`ClientConnection::start`].
//!
//! # One connection
//!
//! What NTLM proves belongs to the TCP connection: the three messages must travel on one, and the
//! requests after them are the user's because they come on it. Two things follow:
//!
//! - A client must send all requests of an exchange on one connection, one after the other, and
//!   must never lend a connection on which somebody is logged in to somebody else.
//! - Whatever stands in between must keep each client's connection apart, from its first request to
//!   its last. A proxy or load balancer that sends the requests of several clients over the same
//!   connections to the servers breaks NTLM twice: messages of one exchange come on different
//!   connections, so that nobody can log in
//!   ([`Error::NoPendingChallenge`] and [`Error::OtherChallenge`] on the server,
//!   [`Error::NoChallenge`] on the client); and where somebody could, *others are taken for that
//!   user*. No header can mend that.
//!
//! A client library with a connection pool may send each request of a handshake on another
//! connection. With reqwest on a multi-threaded runtime, 20 to 30 % of logins fail for that reason
//! unless the client checks which connection it got, such as by its local port, and starts over. The
//! failure looks like a wrong password ([`Next::Rejected`]); only a CHALLENGE in answer to the
//! AUTHENTICATE shows what happened ([`Error::OtherConnection`]).
//!
//! HTTP/2 and later send many requests at a time on one connection, so that NTLM needs HTTP/1.1.
//! A server that lets clients log in offers `http/1.1` alone in TLS (ALPN), or ends such a request
//! with the error code `HTTP_1_1_REQUIRED` (0xd; RFC 9113, section 9.2.3), which makes clients come
//! back over HTTP/1.1; where neither can be done, [`ServerConnection`] replies 505.
//!
//! # Load balancers
//!
//! What must be off is called connection multiplexing, reuse, pooling or sharing ("OneConnect" in
//! some). Passing TCP through always works. What was tested:
//!
//! | | works | does not |
//! |---|---|---|
//! | HAProxy 2.6 | `mode http` as it is, with any `http-reuse`: once a server asks for NTLM, the connection is the client's alone. `mode tcp` | `option http-server-close`, `option httpclose` ([`Error::ConnectionCloses`]) |
//! | nginx 1.22 | `stream { … proxy_pass … }` | `http { … proxy_pass … }` as it is, or with `proxy_http_version 1.1` (a connection for each request: [`Error::ConnectionCloses`], [`Error::NoPendingChallenge`]). With `keepalive` in `upstream` it seems to work, and the next client is served *as the user of the one before* |
//! | Squid 5.7, as a proxy on the way out | NTLM of servers, as it is | |
//! | the example `reverse_proxy` | as it is | `--multiplex` |
//!
//! A health check that does not log in sees 401, which is an answer; one that does is the example
//! `health_monitor`.
//!
//! # Channel bindings
//!
//! Over TLS, clients that can tell which certificate they saw: give a client
//! [`ChannelBindings`](crate::ChannelBindings) of the connection's certificate, a server those of its
//! own, and whoever stands in between with another certificate is found out. Require them
//! ([`Enforcement::Required`](crate::Enforcement::Required)) where all clients send them. Windows, Chromium,
//! requests_ntlm and the examples do; curl, Firefox and most other libraries do not, and Chromium
//! does not for certificates that are signed with RSA-PSS or MD5.
//!
//! # `Negotiate`
//!
//! Windows takes and sends bare NTLM messages under `Negotiate` too, and so does this module. Most
//! clients that know `Negotiate` send SPNEGO or Kerberos under it, which is refused with
//! [`Error::Spnego`], and curl built with GSS-API does not try `NTLM` after it. So a server offers
//! `NTLM` alone, unless [told otherwise](ServerConnection::with_schemes).
//!
//! [RFC 4559]: https://www.rfc-editor.org/rfc/rfc4559

mod client;
mod connection;
mod error;
mod header;
mod server;

pub use client::{Body, ClientConnection, Connection, Next, RequestHeader};
pub use connection::HttpVersion;
pub use error::{Error, HeaderError};
pub use header::{Header, MAX_TOKEN_LEN, Scheme, format};
pub use server::{LookUp, Refusal, Reply, ServerConnection, Step};
