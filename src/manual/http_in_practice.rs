//! HTTP in practice: connections, frameworks, pools, proxies, load balancers, browsers and guesses.
//!
//! The module [`http`](crate::http) has both sides in code, and explains each 401. This page has
//! what goes wrong around it. Numbers are rows of `tests/interop/README.md`.
//!
//! # One connection
//!
//! A login belongs to a TCP connection, and not to a cookie or to a header. So a server keeps one
//! [`ServerConnection`] for each connection, and a client one [`ClientConnection`]:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use ntlm::http::{HttpVersion, Outcome, ServerConnection, Step};
//! use ntlm::{Os, Server, server::Names};
//!
//! // For each connection that is accepted. Requests on it carry a clone of the `Arc`.
//! let server = Server::new(Names::member("WEB", "EXAMPLE")).checked()?;
//! let connection = Arc::new(Mutex::new(ServerConnection::new(server)));
//!
//! // For each request: its headers, whatever it asks for.
//! let headers = [("Host", "www.example.com")];
//! let mut state = connection.lock().unwrap();
//! match state.on_request(HttpVersion::Http11, headers, &mut Os) {
//!     Step::Outcome(Outcome::Continue(reply)) => assert_eq!(reply.status, 401),
//!     step => panic!("{step:?}"),
//! }
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! A lock that is held across an `await`, for the look-up of the user, must be an asynchronous one.
//!
//! # Frameworks
//!
//! - **hyper**: your code accepts the connections, so it can keep a state beside each. Use
//!   `http1::Builder`. The example `http_server` does so.
//! - **axum** and others over tower: `axum::serve` may speak HTTP/2, over which NTLM does not work.
//!   Accept the connections with hyper, put the state into the extensions of each request, and find
//!   it in a layer. The example `web_application` has both, made to be copied (rows 301, 302, 303,
//!   304, 305).
//! - **actix-web**: `HttpServer::on_connect` stores a value with each connection, and
//!   `HttpRequest::conn_data` finds it. Turn off HTTP/2. No test covers actix-web.
//!
//! hyper writes `www-authenticate` in lower case. HTTP allows that, but some old clients compare
//! header names byte for byte. The module `header_case` of the examples corrects the name for them.
//!
//! # Pools of clients
//!
//! A pool may send the three requests of a login on different connections. Then the login fails, as
//! if the password were wrong.
//!
//! - **hyper**: use its connections without a pool, as the example `http_client` does.
//! - **reqwest**: the example `reqwest_client` compares its local port after each response, and
//!   starts over if the pool took another connection (row 306).
//! - **ureq**: the example `ureq_client` sends one request at a time (row 307). ureq does not show
//!   the certificate, so there are no channel bindings.
//!
//! Through a proxy that wants NTLM, reqwest can send only requests for `http:` URLs (row 308). And
//! no pool may give a connection that is authenticated as one user to another user.
//!
//! # Bodies
//!
//! A connection carries the next request only if the last one was read to its end:
//!
//! - Server: read the body of a request before you reply 401.
//! - Client: read the body of a 401 before you send the next request. Leave out the body of the
//!   first request, as [`RequestBody::Omit`] says, because the server will answer with a CHALLENGE
//!   whatever it is. Keep the body, because it is sent again.
//!
//! # A proxy that ends TLS
//!
//! The client sees the proxy's certificate. If the server has other channel bindings, clients that
//! send bindings are rejected (row 35). You can:
//!
//! - pass TCP through, so that TLS ends at the server, or
//! - give the server the bindings of the proxy's certificate, with
//!   [`Server::with_channel_bindings`], or
//! - turn the check off, with [`Enforcement::Off`], and accept that logins can be relayed.
//!
//! In the second and third case, protect the connection from the proxy to the server in another
//! way.
//!
//! # Load balancers
//!
//! What must be off is called multiplexing, reuse, pooling or sharing of connections.
//!
//! - **HAProxy** (2.6): `mode tcp` works, and so does `mode http`, because HAProxy keeps a
//!   connection on which a server asked for NTLM for one client (rows 40, 41).
//!   `option http-server-close` and `option httpclose` break logins (row 42).
//! - **nginx** (1.22): `stream` works (row 43). `proxy_pass` breaks logins (rows 44, 45), and with
//!   `keepalive` it is **unsafe**: the next client is served as the user of the last one (row 46).
//! - **Squid** (5.7), as a forward proxy: works (row 38).
//!
//! The same holds for SPNEGO (rows 197, 198). Test with several clients at a time, because one
//! client on its own gets through a balancer that shares connections.
//!
//! # Browsers
//!
//! - **Who is asked for a password.** Browsers log in on their own only where they are told to.
//!   Chromium has the switch `--auth-server-allowlist` and the policy `AuthServerAllowlist`, and
//!   Firefox the setting `network.negotiate-auth.trusted-uris` for `Negotiate` (rows 185, 186). On
//!   Windows, the system's intranet zone decides for some browsers.
//! - **Several connections.** A browser opens several, and each one logs in. Several log lines for
//!   a visit are no failure.
//! - **No logout.** A login ends when its connection is closed. Close idle connections, but not
//!   before a visit is over. If you need a logout, use NTLM at one address and a cookie of your own
//!   after it.
//! - **Other sites.** A browser that logs in on its own also does so for a form of another site.
//!   Reject such requests by `Origin` and `Sec-Fetch-Site`, as the example `web_application` does
//!   (row 301).
//!
//! # Guesses and monitors
//!
//! Two of three requests of a login get a 401, so do not count 401s. [`Outcome::Continue`] is a
//! step, and [`Refusal::is_wrong_password`] is a guess. Count guesses for each account, and let the
//! account wait for some time; do not lock it for good, or an attacker can lock users out. The
//! example `web_application` has such a count (row 301), and the example `health_monitor` is a
//! health check that logs in (row 27).
//!
//! [`ClientConnection`]: crate::http::ClientConnection
//! [`Enforcement::Off`]: crate::Enforcement::Off
//! [`Outcome::Continue`]: crate::http::Outcome::Continue
//! [`Refusal::is_wrong_password`]: crate::http::Refusal::is_wrong_password
//! [`RequestBody::Omit`]: crate::http::RequestBody::Omit
//! [`Server::with_channel_bindings`]: crate::Server::with_channel_bindings
//! [`ServerConnection`]: crate::http::ServerConnection
