//! A tower layer that authenticates clients with NTLM: `Router::layer(NtlmLayer::new(users))`.
//!
//! The layer reads the NTLM state from the extensions of each request, as a [`Connection`]. The code that
//! accepts TCP connections creates one per connection, and adds it to every request of that connection, as
//! `serve` does. In the extensions of its requests, the service behind the layer finds an
//! [`Identity`](ntlm::server::Identity), and what [`Users::verify`] added.
//!
//! ```
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//!
//! use axum::routing::get;
//! use axum::{Extension, Router};
//! use http::Extensions;
//! use ntlm::NtHash;
//! use ntlm::error::Rejection;
//! use ntlm::http::{LookUp, Outcome};
//! use ntlm_web_examples::layer::{NtlmLayer, Users};
//! # use ntlm::UserName;
//!
//! #[derive(Clone)]
//! struct Number(u32);
//!
//! struct Database;
//! # impl Database {
//! #     async fn find(&self, _: &UserName) -> Option<(Number, NtHash)> {
//! #         None
//! #     }
//! # }
//!
//! impl Users for Database {
//!     async fn verify<'a>(
//!         &self,
//!         client: LookUp<'a>,
//!         from: SocketAddr,
//!         account: &mut Extensions,
//!     ) -> Outcome<'a> {
//!         let outcome = match self.find(client.claimed_user()).await {
//!             Some((number, hash)) => {
//!                 account.insert(number);
//!                 client.verify(|claim| claim.verify_nt_hash(&hash))
//!             }
//!             None => client.reject(Rejection::UnknownUser),
//!         };
//!         self.observe(&outcome, from);
//!         outcome
//!     }
//!
//!     fn observe(&self, outcome: &Outcome<'_>, from: SocketAddr) {
//!         if let Outcome::Refused(refusal) = outcome {
//!             println!("refused {} from={from}", refusal.log());
//!         }
//!     }
//! }
//!
//! let page = |Extension(Number(number)): Extension<Number>| async move { number.to_string() };
//! let app: Router =
//!     Router::new().route("/", get(page)).layer(NtlmLayer::new(Arc::new(Database)));
//! ```

use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::header::AUTHORIZATION;
use http::{Extensions, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use ntlm::Os;
use ntlm::http::{LookUp, Outcome, Reply, ServerConnection, Step};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tower_layer::Layer;
use tower_service::Service;

/// One TCP connection: the state of NTLM on it, and the address of the client.
#[derive(Clone, Debug)]
pub struct Connection {
    state: Arc<Mutex<State>>,
    peer: SocketAddr,
}

#[derive(Debug)]
struct State {
    ntlm: ServerConnection,
    /// The extensions that [`Users::verify`] added for the client that was verified last.
    account: Extensions,
}

impl Connection {
    pub fn new(ntlm: ServerConnection, peer: SocketAddr) -> Self {
        let state = State { ntlm, account: Extensions::new() };
        Self { state: Arc::new(Mutex::new(state)), peer }
    }
}

/// Looks up and verifies users, and receives the other events.
pub trait Users: Send + Sync + 'static {
    /// Looks up the user that a client claims to be, and ends the handshake with [`LookUp::verify`] or
    /// [`LookUp::reject`]. The look-up may take any time; it is cancelled if the client closes the
    /// connection.
    ///
    /// If the client is accepted, everything that it adds to `account`, such as a number or roles, is in the
    /// extensions of all requests of the client. An anonymous client, which is accepted only if the policy
    /// allows it, is not looked up, and has no account. It logs the outcome itself:
    /// [`observe`](Self::observe) does not receive it.
    fn verify<'a>(
        &self,
        client: LookUp<'a>,
        from: SocketAddr,
        account: &mut Extensions,
    ) -> impl Future<Output = Outcome<'a>> + Send;

    /// Receives each outcome that needed no look-up, for the log and for counters: the steps of handshakes,
    /// messages that are rejected unread, and the requests of authenticated clients, of which SPNEGO can
    /// make the first one [new](ntlm::http::Authenticated::is_new).
    fn observe(&self, outcome: &Outcome<'_>, from: SocketAddr);
}

/// Puts [`NtlmService`] around a service.
#[derive(Debug)]
pub struct NtlmLayer<U> {
    users: Arc<U>,
}

impl<U> NtlmLayer<U> {
    pub fn new(users: Arc<U>) -> Self {
        Self { users }
    }
}

impl<U> Clone for NtlmLayer<U> {
    fn clone(&self) -> Self {
        Self { users: Arc::clone(&self.users) }
    }
}

impl<S, U> Layer<S> for NtlmLayer<U> {
    type Service = NtlmService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        NtlmService { inner, users: Arc::clone(&self.users) }
    }
}

/// A service that receives only requests of authenticated clients.
#[derive(Debug)]
pub struct NtlmService<S, U> {
    inner: S,
    users: Arc<U>,
}

impl<S: Clone, U> Clone for NtlmService<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), users: Arc::clone(&self.users) }
    }
}

impl<S, U, B, R> Service<Request<B>> for NtlmService<S, U>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    U: Users,
    B: Body<Data: Send, Error: Send> + Send + 'static,
    R: From<&'static str> + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // `poll_ready` was called on this instance, so this instance handles the request and the
        // clone replaces it.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let users = Arc::clone(&self.users);
        Box::pin(answer(inner, users, request))
    }
}

async fn answer<S, U, B, R>(
    mut inner: S,
    users: Arc<U>,
    request: Request<B>,
) -> Result<Response<R>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    U: Users,
    B: Body,
    R: From<&'static str>,
{
    let (mut head, body) = request.into_parts();
    // Removed, because an inner second layer would wait for the lock of this one for ever.
    let Some(Connection { state, peer }) = head.extensions.remove::<Connection>() else {
        // The server was built without `serve`, or has two layers: reject all clients.
        return Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "The server has no NTLM state.\n"));
    };
    // HTTP/1.1 processes one request at a time, so this does not wait. The lock is held until the
    // response, so the login cannot change while a request is answered.
    let mut state = state.lock().await;
    let State { ntlm, account } = &mut *state;
    let outcome = match ntlm.on_request(head.version, &head.headers, &mut Os) {
        Step::LookUp(client) => {
            account.clear();
            users.verify(client, peer, account).await
        }
        Step::Outcome(outcome) => {
            // No client is logged in, and the next one may be anonymous, which is not looked up.
            if !matches!(outcome, Outcome::Authenticated(_)) {
                account.clear();
            }
            users.observe(&outcome, peer);
            outcome
        }
    };
    let reply = match outcome {
        Outcome::Authenticated(client) => {
            head.headers.remove(AUTHORIZATION);
            head.extensions.extend(account.clone());
            head.extensions.insert(client.accepted.identity.clone());
            let last_token = client.header;
            let mut response = inner.call(Request::from_parts(head, body)).await?;
            if let Some(header) = last_token {
                header.append_to(response.headers_mut());
            }
            return Ok(response);
        }
        Outcome::Continue(reply) => reply,
        Outcome::Refused(refusal) => refusal.reply,
    };
    Ok(ask(&reply, body).await)
}

/// Asks the client to log in, or to continue.
async fn ask<R: From<&'static str>>(reply: &Reply, body: impl Body) -> Response<R> {
    // hyper closes the connection if a body was not read, which would end the handshake.
    match timeout(PATIENCE, drain(body)).await {
        Ok(Some(())) => Response::from(reply).map(|()| R::from("Log in with NTLM.\n")),
        Ok(None) => text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too long to log in with.\n"),
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "The body did not come in time.\n"),
    }
}

/// Reads a body to its end; `None` if it is too long or breaks off.
async fn drain(body: impl Body) -> Option<()> {
    let mut body = pin!(body);
    let mut left = MAX_BODY_LEN;
    while let Some(frame) = body.frame().await {
        let length = frame.ok()?.data_ref().map_or(0, Buf::remaining);
        left = left.checked_sub(length)?;
    }
    Some(())
}

fn text<R: From<&'static str>>(status: StatusCode, text: &'static str) -> Response<R> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}

/// The longest body that is read from an unauthenticated client.
const MAX_BODY_LEN: usize = 16 << 20;
/// How long such a body may take.
const PATIENCE: Duration = Duration::from_secs(60);
