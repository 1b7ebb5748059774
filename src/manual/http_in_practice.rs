//! HTTP in practice: connections, frameworks, pools, proxies, load balancers, browsers and password
//! guessing.
//!
//! The module [`http`](crate::http) has a client and a server in code, and explains each 401. This
//! page describes what else can go wrong between them. Numbers are rows of
//! `tests/interop/README.md`.
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
//! // For each request, whichever page it asks for: pass its headers.
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
//!   it in a layer. Copy the code for all three from the example `web_application` (rows 301, 302,
//!   303, 304, 305).
//! - **actix-web**: `HttpServer::on_connect` stores a value with each connection, and
//!   `HttpRequest::conn_data` finds it. Turn off HTTP/2. No test covers actix-web.
//!
//! hyper writes `www-authenticate` in lower case. HTTP allows that, but some old clients compare
//! header names byte for byte. The module `header_case` of the examples corrects the name for them.
//!
//! # Pools of clients
//!
//! A pool may send the three requests of a login on different connections. Then the login fails,
//! and to the client it looks as if the password were wrong. The server's log has another reason:
//! `received an AUTHENTICATE without a pending challenge`.
//!
//! - **hyper**: use its connections without a pool, as the example `http_client` does.
//! - **reqwest**: the example `reqwest_client` compares its local port after each response, and
//!   starts over if the pool took another connection (row 306).
//! - **ureq**: the example `ureq_client` sends one request at a time (row 307). ureq does not show
//!   the certificate, so there are no channel bindings.
//!
//! Through a proxy that requires NTLM, reqwest can send only requests for `http:` URLs (row 308).
//! And no pool may give a connection that is authenticated as one user to another user.
//!
//! # Bodies
//!
//! A connection carries the next request only if the request before it, and its response, were read
//! to their end:
//!
//! - Server: read the body of a request before you reply 401.
//! - Client: read the body of a 401 before you send the next request. Send the NEGOTIATE without
//!   the request's body, as [`RequestBody::Omit`] says, because the server ignores that body and
//!   replies with a CHALLENGE. Keep the body, because you send it with the AUTHENTICATE.
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
//! Turn off the feature that is called multiplexing, reuse, pooling or sharing of connections.
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
//! - **Logging in without a prompt.** Browsers log in on their own only to sites that their
//!   configuration names. For all others, they ask for a password. Chromium has the switch
//!   `--auth-server-allowlist` and the policy `AuthServerAllowlist`, and Firefox the setting
//!   `network.negotiate-auth.trusted-uris` for `Negotiate` (rows 185, 186). On Windows, the
//!   system's intranet zone decides for some browsers.
//! - **Several connections.** A browser opens several, and each one logs in. Several log lines for
//!   one visit are therefore normal.
//! - **No logout.** A login ends when its connection is closed. Close idle connections, but not
//!   before a visit is over. If you need a logout, use NTLM at one address and a cookie of your own
//!   after it.
//! - **Other sites.** A browser that logs in on its own also does so if a page of another site
//!   sends a form to yours. Reject such requests by `Origin` and `Sec-Fetch-Site`, as the example
//!   `web_application` does (row 301).
//!
//! # Password guessing and monitors
//!
//! Two of the three requests of a successful login get a 401, so do not count 401s. Count the
//! rejections for which [`Refusal::is_wrong_password`] returns true, for each account; an
//! [`Outcome::Continue`] is only a step. After too many, let the account wait for some time. Do not
//! lock it for good, or an attacker can lock users out. The example `web_application` counts in
//! this way (row 301). The example `health_monitor` is a health check that logs in (row 27).
//!
//! [`ClientConnection`]: crate::http::ClientConnection
//! [`Enforcement::Off`]: crate::Enforcement::Off
//! [`Outcome::Continue`]: crate::http::Outcome::Continue
//! [`Refusal::is_wrong_password`]: crate::http::Refusal::is_wrong_password
//! [`RequestBody::Omit`]: crate::http::RequestBody::Omit
//! [`Server::with_channel_bindings`]: crate::Server::with_channel_bindings
//! [`ServerConnection`]: crate::http::ServerConnection
