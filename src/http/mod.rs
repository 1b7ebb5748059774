//! NTLM over HTTP/1.1: headers, and both sides of one connection.
//!
//! [`ClientConnection`] and [`ServerConnection`] do no I/O: they take the status and the headers of
//! each message, and say what to do next. They work for servers (401, `WWW-Authenticate`,
//! `Authorization`) and for proxies (407, `Proxy-Authenticate`, `Proxy-Authorization`, `CONNECT`),
//! under the names `NTLM` and `Negotiate` ([RFC 4559]).
//! [`AuthHeader`] and [`header_value`] are for applications that drive the handshake on their own.
//!
//! The examples `http_client`, `http_server`, `web_application`, `hyper_client`, `reqwest_client`,
//! `ureq_client`, `winrm_client`, `winrm_server`, `health_monitor` and `reverse_proxy` use them with hyper,
//! axum, tokio, rustls, reqwest and ureq. With the feature `http-types` there are conversions from and to
//! the types of the crate `http`, which hyper, axum and reqwest use; headers can be given as a `&http::HeaderMap` without it.
//!
//! # A client
//!
//! Send the request, show the response to the [`ClientConnection`], and send the request again for as
//! long as it says so:
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use ntlm::Os;
//! use ntlm::http::{ClientConnection, HttpVersion, Next, NextConnection, RequestBody, RequestHeader};
//!
//! # struct Response { status: u16, headers: Vec<(String, String)> }
//! # trait Connection: Sized {
//! #     fn open() -> std::io::Result<Self>;
//! #     fn send(&mut self, header: Option<&RequestHeader>, body: &[u8]) -> std::io::Result<Response>;
//! # }
//! # type Fallible<T> = Result<T, Box<dyn std::error::Error>>;
//! /// Sends a request on a connection, to which `login` belongs, and returns the answer.
//! fn request<C: Connection>(
//!     connection: &mut C,
//!     login: &mut ClientConnection,
//!     body: &[u8],
//! ) -> Fallible<Response> {
//!     let mut header: Option<RequestHeader> = None;
//!     // A login takes three requests, and a body that was kept back another.
//!     for _ in 0..4 {
//!         let omits_body = header.as_ref().is_some_and(|header| header.body == RequestBody::Omit);
//!         // Reads the response to its end: only then can the connection carry the next request.
//!         let response =
//!             connection.send(header.as_ref(), if omits_body { &[] } else { body })?;
//!         let headers = response.headers.iter().map(|(name, value)| (name, value));
//!         match login.on_response(response.status, HttpVersion::Http11, headers, &mut Os)? {
//!             Next::Send(next) => {
//!                 if next.connection == NextConnection::New {
//!                     *connection = C::open()?;
//!                 }
//!                 header = Some(next);
//!             }
//!             // The body was kept back for a challenge that did not come.
//!             Next::Answered if omits_body => header = None,
//!             Next::Answered | Next::Authenticated => return Ok(response),
//!             Next::Rejected => return Err("the server rejected the login".into()),
//!             Next::NotOffered => return Err("the server does not offer NTLM".into()),
//!         }
//!     }
//!     Err("the login does not come to an end".into())
//! }
//! # // Both skeletons, against each other.
//! # use ntlm::http::{Outcome, ServerConnection, Step};
//! # use ntlm::{Client, Credentials, NtHash, Server, server::Names};
//! # struct Local(ServerConnection);
//! # impl Connection for Local {
//! #     fn open() -> std::io::Result<Self> {
//! #         Ok(Self(ServerConnection::new(Server::new(Names::standalone("WEB")))))
//! #     }
//! #     fn send(&mut self, header: Option<&RequestHeader>, _: &[u8]) -> std::io::Result<Response> {
//! #         let headers = header.map(|header| (header.name, &header.value));
//! #         let ok = Response { status: 200, headers: Vec::new() };
//! #         Ok(match self.0.on_request(HttpVersion::Http11, headers, &mut Os) {
//! #             Step::Outcome(Outcome::Continue(reply)) => {
//! #                 let line = |value| (reply.name.to_owned(), value);
//! #                 let mut headers: Vec<_> = reply.values.into_iter().map(line).collect();
//! #                 if header.is_none() {
//! #                     headers.push(("Connection".into(), "close".into()));
//! #                 }
//! #                 Response { status: reply.status, headers }
//! #             }
//! #             Step::LookUp(look_up) => {
//! #                 let hash = NtHash::from_password("secret");
//! #                 let _ = look_up.verify(|claim| claim.verify_nt_hash(&hash));
//! #                 ok
//! #             }
//! #             Step::Outcome(Outcome::Authenticated(_)) => ok,
//! #             step => panic!("{step:?}"),
//! #         })
//! #     }
//! # }
//! # let mut login = ClientConnection::new(Client::new(Credentials::password("alice", "secret")));
//! # let mut connection = Local::open()?;
//! # for _ in 0..2 {
//! #     assert_eq!(request(&mut connection, &mut login, b"twelve bytes")?.status, 200);
//! #     assert!(login.is_authenticated());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A server
//!
//! Keep one [`ServerConnection`] for each TCP connection, and ask it before each request is answered:
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use ntlm::error::Rejection;
//! use ntlm::http::{HttpVersion, Outcome, Reply, ServerConnection, Step};
//! use ntlm::server::Identity;
//! use ntlm::{NtHash, Os, UserName};
//!
//! /// Whose request this is; or the reply, to be sent once the request was read to its end.
//! fn let_in<'a>(
//!     connection: &mut ServerConnection,
//!     headers: impl IntoIterator<Item = (&'a str, &'a str)>,
//!     look_up: impl Fn(&UserName) -> Option<NtHash>,
//! ) -> Result<Identity, Reply> {
//!     let outcome = match connection.on_request(HttpVersion::Http11, headers, &mut Os) {
//!         Step::LookUp(client) => match look_up(client.claimed_user()) {
//!             Some(hash) => client.verify(|claim| claim.verify_nt_hash(&hash)),
//!             None => client.reject(Rejection::UnknownUser),
//!         },
//!         Step::Outcome(outcome) => outcome,
//!     };
//!     match outcome {
//!         // `client.header`, if there is one, belongs into the response.
//!         Outcome::Authenticated(client) => Ok(client.accepted.identity.clone()),
//!         // A step of the handshake, and no failure.
//!         Outcome::Continue(reply) => Err(reply),
//!         Outcome::Refused(refusal) => {
//!             eprintln!("refused {}", refusal.log());
//!             Err(refusal.reply)
//!         }
//!     }
//! }
//! # use ntlm::http::{ClientConnection, Next, Scheme};
//! # use ntlm::{Client, Credentials, Server, server::Names};
//! # let hash = |user: &UserName| (user.user() == "alice").then(|| NtHash::from_password("secret"));
//! # let mut client = ClientConnection::new(Client::new(Credentials::password("alice", "secret")));
//! # let mut server = ServerConnection::new(Server::new(Names::standalone("WEB")));
//! # let first = client.start(Scheme::Ntlm).unwrap();
//! # let reply = let_in(&mut server, [(first.name, &*first.value)], hash).unwrap_err();
//! # let headers = [(reply.name, &reply.values[0])];
//! # let next = client.on_response(reply.status, HttpVersion::Http11, headers, &mut Os).unwrap();
//! # let Next::Send(last) = next else { panic!("{next:?}") };
//! # let user = let_in(&mut server, [(last.name, &*last.value)], hash).unwrap();
//! # assert!(matches!(&user, Identity::User { name, .. } if *name == UserName::new("alice")));
//! # assert_eq!(let_in(&mut server, [], hash), Ok(user));
//! # assert!(let_in(&mut server, [(last.name, &*last.value)], hash).is_err());
//! ```
//!
//! # Why there are 401s
//!
//! | request | its header | response |
//! |---|---|---|
//! | first | none | 401 `WWW-Authenticate: NTLM`: what the server wants |
//! | again, without its body | `Authorization: NTLM` NEGOTIATE | 401 `WWW-Authenticate: NTLM` CHALLENGE |
//! | again, whole | `Authorization: NTLM` AUTHENTICATE | 200 and the answer, or 401: rejected |
//! | all others | none | 200 and the answer |
//!
//! The first two 401s are no failures: they are how NTLM's messages travel. Monitors, rate limiters
//! and dashboards that count 401s count each login as two failures; [`Outcome::Continue`] and
//! [`Next::Send`] tell them apart. A client that knows that the server wants NTLM saves the first
//! round trip with [`ClientConnection::start`].
//!
//! # What a web developer must know
//!
//! - **Each TCP connection logs in on its own.** A browser opens several, so one visit produces
//!   several logins in the log. That is no failure.
//! - **There is no cookie and no logout.** A login ends with its connection. Keep the idle timeout
//!   of connections longer than a visit to a page takes; otherwise each click logs in again.
//! - **HTTP/1.1 only**, with persistent connections. HTTP/2 and HTTP/1.0 without keep-alive cannot
//!   carry a handshake ([`Error::NeedsHttp11`], [`Error::ConnectionCloses`]).
//! - **Read the body of a request to its end before you reply 401.** Otherwise the connection must be
//!   closed, and the handshake is lost with it.
//! - **Do not put the server behind a proxy that ends TLS and require channel bindings**, unless you
//!   give the server the bindings of the proxy's certificate.
//! - **Shared connections show under load only.** One client at a time logs in through a proxy that
//!   shares connections; concurrent clients fail, or are taken for each other. Test with several.
//! - **Browsers log in without asking only where they are told to**: in the intranet zone (Windows), or
//!   by the policy `AuthServerAllowlist` (Chromium) or the settings
//!   `network.automatic-ntlm-auth.trusted-uris` for `NTLM` and `network.negotiate-auth.trusted-uris` for
//!   `Negotiate` (Firefox). Elsewhere they ask for a password.
//! - **Limit wrong passwords yourself**, for each account, as your store does for other logins; the
//!   library keeps no count. [`Refusal::is_wrong_password`] says what counts, and [`Refusal::claimed`]
//!   has the account. The example `web_application` makes accounts wait.
//! - **Use a layer where your framework has them.** The example `web_application` has one for axum and
//!   everything else that is a tower `Service`, to copy.
//!
//! # One connection
//!
//! What NTLM proves belongs to the TCP connection: the three messages must travel on one, and the
//! requests after them are the user's because they arrive on it. Two things follow:
//!
//! - A client must send all requests of a handshake on one connection, one after the other, and
//!   must never use a connection that is authenticated as one user for another user.
//! - A proxy or load balancer must keep each client's connection apart, from its first request to
//!   its last. One that sends the requests of several clients over the same connections to the
//!   servers breaks NTLM twice. The messages of one handshake arrive on different connections, so
//!   logins fail ([`Error::NoPendingChallenge`] and [`Error::OtherChallenge`] on the server,
//!   [`Error::NoChallenge`] on the client). And once one user has logged in, *requests of others on
//!   that connection count as that user's*. No header can prevent that.
//!
//! A client library with a connection pool may send each request of a handshake on another
//! connection. With reqwest on a runtime of several threads, up to 30 % of logins were seen to fail for
//! that reason, unless the client checks which connection it got, such as by its local port, and starts
//! over: the example `reqwest_client` does so. The failure looks like a wrong password
//! ([`Next::Rejected`]); only a CHALLENGE in answer to the AUTHENTICATE shows what happened
//! ([`Error::OtherConnection`]).
//!
//! Neither reqwest nor ureq can log in with NTLM to a proxy for `https:` URLs: they send `CONNECT` on
//! their own, and show neither the proxy's 407 nor its connection. For `http:` URLs, reqwest can. ureq
//! shows neither the connection of a response nor the server's certificate, so it cannot notice another
//! connection or send channel bindings. Where you need these, use the connections of hyper, as the
//! example `hyper_client` does, and `http_client` through proxies.
//!
//! HTTP/2 and later send many requests at a time on one connection, so NTLM needs HTTP/1.1.
//! A server that lets clients log in offers `http/1.1` alone in TLS (ALPN), or ends such a request
//! with the error code `HTTP_1_1_REQUIRED` (0xd; RFC 9113, section 9.2.3), which makes clients come
//! back over HTTP/1.1; where neither can be done, [`ServerConnection`] replies 505.
//!
//! # Load balancers
//!
//! What must be off is called connection multiplexing, reuse, pooling or sharing ("OneConnect" in
//! some). Passing TCP through always works. What was tested:
//!
//! - **HAProxy 2.6.** Works: `mode tcp`, and `mode http` as it is, with any `http-reuse`, because once
//!   a server asks for NTLM, the connection is the client's alone. Does not work:
//!   `option http-server-close`, `option httpclose` ([`Error::ConnectionCloses`]).
//! - **nginx 1.22.** Works: `stream { … proxy_pass … }`. Does not work: `http { … proxy_pass … }` as it
//!   is, or with `proxy_http_version 1.1`, because each request gets its own connection
//!   ([`Error::ConnectionCloses`], [`Error::NoPendingChallenge`]). With `keepalive` in `upstream` it
//!   seems to work, and the next client is served *as the user of the one before*.
//! - **Squid 5.7, as a forward proxy.** NTLM of servers works as it is.
//! - **The example `reverse_proxy`.** Works as it is; `--multiplex` shows how it breaks.
//!
//! A health check that does not log in sees 401, which is an answer; one that does is the example
//! `health_monitor`.
//!
//! # Channel bindings (Extended Protection for Authentication, EPA)
//!
//! Over TLS, a client can tell the server which certificate it received. Give the client the
//! [`ChannelBindings`](crate::ChannelBindings) of that certificate, and the server those of its own: a
//! man in the middle, who needs another certificate, is then found out. The server checks bindings
//! that are sent; to require them, set
//! [`Enforcement::Required`](crate::Enforcement::Required). Windows, Chromium, requests_ntlm and the
//! examples send them; curl, Firefox and most other libraries do not, and Chromium does not for
//! certificates that are signed with RSA-PSS or MD5.
//!
//! A server with several certificates (SNI), or with one that is renewed while it runs, gives each
//! connection its own: [`ServerConnection::with_channel_bindings`]. A client does the same with
//! [`ClientConnection::with_channel_bindings`]. `ChannelBindings::from_certificate` makes them of the
//! certificate; it needs the feature `certificate`.
//!
//! # `Negotiate`
//!
//! Under `Negotiate`, Windows accepts and sends SPNEGO, and bare NTLM messages too. With the feature
//! `spnego`, this module does the same: a [`ServerConnection`] takes whichever the client's first token
//! is, and a [`ClientConnection`] sends bare messages, or SPNEGO after
//! `ClientConnection::with_spnego`. Without the feature, only bare messages are understood
//! ([`Error::NotBare`]).
//!
//! In SPNEGO, the response to the last request has a token too
//! ([`Authenticated::header`]). A client that signed the list of mechanisms demands it. There can be one
//! more 401, with which the server asks for that signature ([`Outcome::Continue`] after the look-up).
//!
//! A server offers `NTLM` alone, unless [other schemes](ServerConnection::with_schemes) are set. Under
//! `Negotiate`, clients use the credentials of the system (SSPI or GSS-API). If they have a Kerberos
//! ticket, they send it first; this server does not read it and asks for NTLM, and tells the application
//! what the client preferred. Two clients behave in unexpected ways:
//!
//! - curl chooses `Negotiate` over `NTLM`. If GSS-API has no credentials for it, curl gives up and does
//!   not try `NTLM`, not even with a password on its command line; `--ntlm` works.
//! - Chromium on Linux loads GSS-API only after the first `Negotiate` challenge, and ignores that one. The
//!   first page falls back to `NTLM`, if it is offered and there is a password, or fails.
//!
//! [RFC 4559]: https://www.rfc-editor.org/rfc/rfc4559

mod client;
mod connection;
mod error;
mod header;
mod reply;
mod server;
#[cfg(feature = "http-types")]
mod types;

pub use client::{ClientConnection, Next, NextConnection, RequestBody, RequestHeader};
pub use connection::HttpVersion;
pub use error::Error;
pub use header::{AuthHeader, MAX_TOKEN_LEN, Scheme, header_value};
pub use reply::{Refusal, Reply};
pub use server::{Authenticated, LookUp, Outcome, ResponseHeader, ServerConnection, Step};
