//! NTLM over HTTP/1.1: state machines for both ends of a connection, and the headers.
//!
//! [`ClientConnection`] and [`ServerConnection`] do no I/O. They take the status and the headers of
//! each message, and return what to do next. They support servers (401, `WWW-Authenticate`,
//! `Authorization`) and proxies (407, `Proxy-Authenticate`, `Proxy-Authorization`, `CONNECT`), with
//! the schemes `NTLM` and `Negotiate` ([RFC 4559]). [`AuthHeader`] and [`header_value`] are for
//! applications that drive the handshake themselves.
//!
//! The examples `http_client`, `http_server`, `web_application`, `hyper_client`, `reqwest_client`,
//! `ureq_client`, `winrm_client`, `winrm_server`, `health_monitor` and `reverse_proxy` use them with
//! hyper, axum, tokio, rustls, reqwest and ureq.
//! Headers can be passed as `&http::HeaderMap`. The feature `http-types` adds conversions from and
//! to other types of the crate `http`, which hyper, axum and reqwest use.
//!
//! # A client
//!
//! Send the request, pass the response to the [`ClientConnection`], and send the request again as
//! long as it returns [`Next::Send`]:
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
//! /// Sends a request, and returns the server's answer. `login` is the state of `connection`.
//! fn request<C: Connection>(
//!     connection: &mut C,
//!     login: &mut ClientConnection,
//!     body: &[u8],
//! ) -> Fallible<Response> {
//!     let mut header: Option<RequestHeader> = None;
//!     // A login takes three requests. If a body was omitted in vain, there is a fourth.
//!     for _ in 0..4 {
//!         let omits_body = header.as_ref().is_some_and(|header| header.body == RequestBody::Omit);
//!         // `send` must read the response to its end before the connection is used again.
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
//!             // The server answered without a challenge: send the request again with its body.
//!             Next::Answered if omits_body => header = None,
//!             Next::Answered | Next::Authenticated => return Ok(response),
//!             Next::Rejected => return Err("the server rejected the login".into()),
//!             Next::NotOffered => return Err("the server does not offer NTLM".into()),
//!         }
//!     }
//!     Err("the login does not end".into())
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
//! Keep one [`ServerConnection`] for each TCP connection, and pass it each request before you
//! answer it. To send a [`Reply`], send its status, and a header line for each of its values; it
//! needs no body:
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use ntlm::error::Rejection;
//! use ntlm::http::{HttpVersion, Outcome, Reply, ServerConnection, Step};
//! use ntlm::server::Identity;
//! use ntlm::{NtHash, Os, UserName};
//!
//! /// Returns the user who sends the request. `Err` is the reply to send instead of an answer,
//! /// after the request was read to its end.
//! fn authenticate<'a>(
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
//!         // Add `client.header` to the response if it is present.
//!         Outcome::Authenticated(client) => Ok(client.accepted.identity.clone()),
//!         // A normal step of the handshake, not a failure.
//!         Outcome::Continue(reply) => Err(reply),
//!         Outcome::Refused(refusal) => {
//!             eprintln!("rejected {}", refusal.log());
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
//! # let reply = authenticate(&mut server, [(first.name, &*first.value)], hash).unwrap_err();
//! # let headers = [(reply.name, &reply.values[0])];
//! # let next = client.on_response(reply.status, HttpVersion::Http11, headers, &mut Os).unwrap();
//! # let Next::Send(last) = next else { panic!("{next:?}") };
//! # let user = authenticate(&mut server, [(last.name, &*last.value)], hash).unwrap();
//! # assert!(matches!(&user, Identity::User { name, .. } if *name == UserName::new("alice")));
//! # assert_eq!(authenticate(&mut server, [], hash), Ok(user));
//! # assert!(authenticate(&mut server, [(last.name, &*last.value)], hash).is_err());
//! ```
//!
//! # Why there are 401s
//!
//! | request | its header | response |
//! |---|---|---|
//! | first | none | 401 `WWW-Authenticate: NTLM`: the server offers NTLM |
//! | again, without its body | `Authorization: NTLM` NEGOTIATE | 401 `WWW-Authenticate: NTLM` CHALLENGE |
//! | again, with its body | `Authorization: NTLM` AUTHENTICATE | 200 and the answer, or 401: the login is rejected |
//! | all others | none | 200 and the answer |
//!
//! The first two 401s are not failures, but steps of the handshake. A client that knows NTLM, such
//! as `curl --ntlm`, skips the first request, so there is only one 401. Monitors, rate limiters and
//! dashboards that count 401s count each login as two failures. [`Outcome::Continue`] and
//! [`Next::Send`] show which ones are steps. A client that knows that the server requires NTLM can
//! save the first round trip with [`ClientConnection::start`].
//!
//! # Users
//!
//! The server looks users up by the name that the client claims, and needs the NT hash of each
//! user's password. It is as good as the password, so protect the store. [`NtHash::from_password`]
//! makes it, and [`str::parse`] reads it from 32 hexadecimal digits. The library has no file
//! format:
//!
//! ```
//! use std::collections::HashMap;
//!
//! use ntlm::{NtHash, UserName};
//!
//! // "DOMAIN\user:hash" in each line.
//! let file = "EXAMPLE\\alice:cfc43211ba8dc470832267827cac1407\n";
//! let mut users = HashMap::new();
//! for line in file.lines() {
//!     let (name, hash) = line.split_once(':').ok_or("a line without a hash")?;
//!     // Windows ignores the case of names.
//!     users.insert(UserName::from(name).to_uppercase(), hash.parse::<NtHash>()?);
//! }
//!
//! let look_up = |claimed: &UserName| users.get(&claimed.to_uppercase());
//! let hash = NtHash::from_password("correct horse");
//! assert_eq!(look_up(&UserName::from("example\\Alice")), Some(&hash));
//! // Without a domain, this is another name: `curl --user alice:...` sends none.
//! assert_eq!(look_up(&UserName::from("alice")), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To write such a file, print the bytes of [`NtHash::expose`] in hexadecimal, or run the example
//! `http_server` with `--hash`.
//!
//! # What a web developer must know
//!
//! - **Each TCP connection logs in on its own.** A browser opens several connections, so one visit
//!   produces several logins in the log.
//! - **There is no cookie and no logout.** A login ends with its connection. Keep the idle timeout
//!   of connections longer than a visit to a page takes; otherwise each click logs in again.
//! - **HTTP/1.1 only**, with persistent connections. HTTP/2 and HTTP/1.0 without keep-alive cannot
//!   carry a handshake ([`Error::NeedsHttp11`], [`Error::ConnectionCloses`]).
//! - **Read the body of a request to its end before you reply 401.** Otherwise the connection must
//!   be closed, which ends the handshake.
//! - **Channel bindings need the certificate that the client sees.** If a proxy terminates TLS,
//!   give the server the bindings of the proxy's certificate, or do not require channel bindings.
//! - **Test with concurrent clients.** If a proxy shares connections, a single client can log in,
//!   but concurrent clients fail, or one is served as another.
//! - **Browsers log in without asking for a password only if configured**: by the intranet zone
//!   (Windows), the policy `AuthServerAllowlist` (Chromium), or the settings
//!   `network.automatic-ntlm-auth.trusted-uris` for `NTLM` and
//!   `network.negotiate-auth.trusted-uris` for `Negotiate` (Firefox).
//! - **Limit wrong passwords per account yourself**, as for other logins; this crate does not count
//!   them. [`Refusal::is_wrong_password`] returns whether to count a rejection, and
//!   [`Refusal::claimed`] contains the account. The example `web_application` delays accounts with
//!   wrong passwords.
//! - **Use a layer if your framework has them.** You can copy the one in the example
//!   `web_application`, which is for axum and other frameworks with tower's `Service`.
//!
//! # One connection
//!
//! NTLM authenticates a TCP connection, not a request. The three messages must be sent on one
//! connection, and all later requests on that connection count as requests of the user. Therefore:
//!
//! - A client must send all requests of a handshake on one connection, one after the other. It must
//!   never use a connection that is authenticated as one user for another user.
//! - A proxy or load balancer must give each client a connection of its own to the server. If it
//!   sends requests of several clients on the same connections, logins fail, because the messages
//!   of a handshake arrive on different connections ([`Error::NoPendingChallenge`] and
//!   [`Error::OtherChallenge`] on the server, [`Error::NoChallenge`] on the client). Worse, once a
//!   user has logged in, *requests of other clients on that connection count as requests of that
//!   user*. No HTTP header can prevent this.
//!
//! A client library with a connection pool may also send each request of a handshake on another
//! connection, without any proxy. The server's log then has the same errors. With reqwest on a
//! multi-threaded runtime, up to 30 % of logins failed in tests for this reason. The example
//! `reqwest_client` avoids this: it checks by the local port which connection a request used, and
//! starts again if the connection changed. The failure usually looks like a wrong password
//! ([`Next::Rejected`]). It can be recognised only if the server answers the AUTHENTICATE with a
//! CHALLENGE ([`Error::OtherConnection`]).
//!
//! Neither reqwest nor ureq can log in with NTLM to a proxy for `https:` URLs, because they send
//! `CONNECT` themselves, and expose neither the proxy's 407 nor its connection. For `http:` URLs,
//! reqwest can. ureq exposes neither the connection of a response nor the server's certificate, so
//! it cannot detect a change of connection or send channel bindings. If you need these, use hyper's
//! connections, as the examples `hyper_client` and, through proxies, `http_client` do.
//!
//! HTTP/2 and later send many requests at the same time on one connection, so NTLM needs HTTP/1.1.
//! A server with NTLM should offer only `http/1.1` in TLS (ALPN), or end an HTTP/2 request with the
//! error code `HTTP_1_1_REQUIRED` (0xd; RFC 9113, section 9.2.3), after which clients try HTTP/1.1.
//! For servers that can do neither, [`ServerConnection`] replies 505.
//!
//! # Load balancers
//!
//! Turn off connection multiplexing, also called connection reuse, pooling or sharing ("OneConnect"
//! in some products). Forwarding TCP unchanged always works. These were tested:
//!
//! - **HAProxy 2.6.** Works: `mode tcp`, and `mode http` with its defaults or any `http-reuse`,
//!   because HAProxy stops sharing a connection when a server asks for NTLM. Does not work:
//!   `option http-server-close`, `option httpclose` ([`Error::ConnectionCloses`]).
//! - **nginx 1.22.** Works: `stream { … proxy_pass … }`. Does not work: `http { … proxy_pass … }`
//!   with its defaults or with `proxy_http_version 1.1`, because nginx opens a connection for each
//!   request ([`Error::ConnectionCloses`], [`Error::NoPendingChallenge`]). **Dangerous:** with
//!   `keepalive` in `upstream`, logins seem to work, but the next client on a connection is served
//!   *as the user of the previous one*.
//! - **Squid 5.7, as a forward proxy.** Works with its defaults, for NTLM between client and
//!   server.
//! - **The example `reverse_proxy`.** Works. With `--multiplex`, it shows what goes wrong.
//!
//! A health check that does not log in receives 401, which shows that the server is running. The
//! example `health_monitor` is a health check that logs in.
//!
//! # Channel bindings (Extended Protection for Authentication, EPA)
//!
//! Over TLS, a client can send the hash of the certificate that it received, protected by the proof
//! of the password. A man in the middle needs another certificate, so the server can detect it.
//! Give the client the [`ChannelBindings`](crate::ChannelBindings) of the certificate that it
//! received, and give the server those of its own certificate.
//!
//! By default, the server checks channel bindings only if the client sends them. To require them,
//! change the policy. Require the MIC (message integrity code) too: without it, a man in the middle
//! can insert bindings into the CHALLENGE, which some clients copy into their response.
//!
//! ```
//! use ntlm::server::{Names, Policy};
//! use ntlm::{ChannelBindings, Enforcement, Server};
//!
//! # let sha256_of_the_certificate = [7; 32];
//! let mut policy = Policy::default();
//! policy.channel_bindings = Enforcement::Required;
//! policy.shared.require_mic = true;
//! let bindings = ChannelBindings::tls_server_end_point(&sha256_of_the_certificate)?;
//! let server = Server::new(Names::standalone("WEB"))
//!     .with_policy(policy)
//!     .with_channel_bindings(bindings)
//!     .checked()?;
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! Windows, Chromium, requests_ntlm and the examples send channel bindings. curl, Firefox and most
//! other libraries do not, and Chromium does not for certificates that are signed with RSA-PSS or
//! MD5. The server above rejects clients without bindings. For curl and Firefox, its log says
//! `the MIC is missing`, because it checks the MIC before the bindings.
//!
//! A server with several certificates (SNI), or with one that is renewed while it runs, sets the
//! bindings for each connection: see [`ServerConnection::with_channel_bindings`]. Clients do the
//! same with [`ClientConnection::with_channel_bindings`]. `ChannelBindings::from_certificate`
//! computes them from a certificate; it needs the feature `certificate`.
//!
//! # `Negotiate`
//!
//! Under `Negotiate`, Windows accepts and sends both SPNEGO and bare NTLM messages. With the
//! feature `spnego`, this module does the same: a [`ServerConnection`] accepts both, and a
//! [`ClientConnection`] sends bare messages, or SPNEGO if `ClientConnection::with_spnego` was
//! called. Without the feature, only bare messages are supported ([`Error::NotBare`]).
//!
//! With SPNEGO, the response to the last request also contains a token ([`Authenticated::header`]).
//! Clients that have signed the list of mechanisms require it. There can be an additional 401, with
//! which the server asks for that signature ([`Outcome::Continue`] after the look-up).
//!
//! By default, a server offers only `NTLM`: see [`ServerConnection::with_schemes`]. Under
//! `Negotiate`, clients use the credentials of the system (SSPI or GSS-API). If they have a
//! Kerberos ticket, they send that first. The server ignores it, asks for NTLM, and reports to the
//! application which mechanism the client prefers. Two clients behave in unexpected ways:
//!
//! - curl chooses `Negotiate` over `NTLM`. If GSS-API has no credentials, curl gives up and does
//!   not try `NTLM`, not even with a password on its command line. With `--ntlm` it works.
//! - Chromium on Linux loads GSS-API only after the first `Negotiate` challenge, and ignores that
//!   challenge. The first page falls back to `NTLM` if it is offered and there is a password;
//!   otherwise it fails.
//!
//! [`NtHash::expose`]: crate::NtHash::expose
//! [`NtHash::from_password`]: crate::NtHash::from_password
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
