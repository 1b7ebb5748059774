//! A tower layer that lets clients log in with NTLM: `Router::layer(NtlmLayer::new(users))`.
//!
//! The layer finds the state of NTLM in the extensions of each request, as a [`Connection`]. The code that
//! accepts TCP connections makes one for each of them, and puts it into every request that arrives
//! there: `serve` does so. The service behind the layer finds an
//! [`Identity`](ntlm::server::Identity) in the extensions of its requests.

use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use ntlm::error::Rejection;
use ntlm::http::{Outcome, Refusal, Reply, ServerConnection, Step};
use ntlm::server::{Accepted, UserClaim, Validation};
use ntlm::{NtHash, Os, UserName};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tower_layer::Layer;
use tower_service::Service;

/// One TCP connection: the state of NTLM on it, and the address of the client.
#[derive(Clone, Debug)]
pub struct Connection {
    state: Arc<Mutex<ServerConnection>>,
    peer: SocketAddr,
}

impl Connection {
    pub fn new(state: ServerConnection, peer: SocketAddr) -> Self {
        Self { state: Arc::new(Mutex::new(state)), peer }
    }
}

/// Where users are looked up, and what receives login events.
pub trait Users: Send + Sync + 'static {
    /// Looks up the user that a client claims to be.
    ///
    /// # Errors
    /// If there is no such user, or the answer is not known.
    fn look_up(&self, claim: &UserClaim) -> impl Future<Output = Result<Proof, NotFound>> + Send;

    /// Hears of a login, a refusal, or a step on the way to one. A request of a client that logged in
    /// before is no event.
    fn observe(&self, from: SocketAddr, event: Event<'_>);
}

/// What a client is verified with.
#[derive(Debug)]
pub enum Proof {
    NtHash {
        /// The account's name as the store has it, which the [`Identity`](ntlm::server::Identity) gets:
        /// the client may have written it differently.
        account: UserName,
        hash: NtHash,
    },
    /// The answer of a domain controller, with the account's name if it returns one.
    Domain(Validation),
}

/// There is nothing that a client could be verified with.
#[derive(Debug)]
pub struct NotFound {
    pub reason: Rejection,
    /// More about the reason, for the log.
    pub detail: String,
}

/// What became of a request.
#[derive(Debug)]
pub enum Event<'a> {
    LoggedIn {
        accepted: &'a Accepted,
        /// Whether the client sent SPNEGO instead of bare NTLM messages.
        uses_spnego: bool,
    },
    /// The login failed.
    Refused {
        refusal: &'a Refusal,
        /// Whether the user was looked up and found.
        was_found: bool,
        /// That of [`NotFound`], or empty.
        detail: &'a str,
    },
    /// A 401 that is no failure: see [`Outcome::Continue`].
    Step(&'a Reply),
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
        // `poll_ready` was called on this instance, so this one takes the call and the clone replaces it.
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
    // Removed: a second layer further in would wait for the lock of this one for ever.
    let Some(Connection { state, peer }) = head.extensions.remove::<Connection>() else {
        // The server was built without `serve`, or has two layers: reject all clients.
        return Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "The server has no NTLM state.\n"));
    };
    // HTTP/1.1 has one request at a time, so this does not wait. It is held until the response, so that
    // the login cannot change while a request is answered.
    let mut state = state.lock().await;
    let (mut was_found, mut detail) = (false, String::new());
    let outcome = match state.on_request(head.version, &head.headers, &mut Os) {
        Step::LookUp(client) => match users.look_up(client.claim()).await {
            Ok(proof) => {
                was_found = true;
                client.verify(|claim| match proof {
                    Proof::NtHash { account, hash } => {
                        claim.with_account(account).verify_nt_hash(&hash)
                    }
                    Proof::Domain(answer) => claim.verify_by_domain(&answer),
                })
            }
            Err(not_found) => {
                detail = not_found.detail;
                client.reject(not_found.reason)
            }
        },
        Step::Outcome(outcome) => outcome,
    };
    let reply = match outcome {
        Outcome::Authenticated(client) => {
            if client.is_new {
                // Only SPNEGO has a last token.
                let uses_spnego = client.header.is_some();
                users.observe(peer, Event::LoggedIn { accepted: client.accepted, uses_spnego });
            }
            head.headers.remove(AUTHORIZATION);
            head.extensions.insert(client.accepted.identity.clone());
            let last_token = client.header;
            let mut response = inner.call(Request::from_parts(head, body)).await?;
            if let Some(header) = last_token {
                header.append_to(response.headers_mut());
            }
            return Ok(response);
        }
        Outcome::Continue(reply) => {
            users.observe(peer, Event::Step(&reply));
            reply
        }
        Outcome::Refused(refusal) => {
            let event = Event::Refused { refusal: &refusal, was_found, detail: &detail };
            users.observe(peer, event);
            refusal.reply
        }
    };
    // hyper closes the connection if a body was not read, and the handshake would end with it.
    Ok(match timeout(PATIENCE, drain(body)).await {
        Ok(Some(())) => Response::from(&reply).map(|()| R::from("Log in with NTLM.\n")),
        Ok(None) => text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too long to log in with.\n"),
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "The body did not come in time.\n"),
    })
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

/// The longest body that is read of a client that is not logged in.
const MAX_BODY_LEN: usize = 16 << 20;
/// How long such a body may take.
const PATIENCE: Duration = Duration::from_secs(60);
