//! Tests of the layer, called directly without sockets or other programs.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Extensions, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use ntlm::error::Rejection;
use ntlm::http::{
    ClientConnection, LookUp, Next, Outcome, RequestHeader, Scheme, ServerConnection,
};
use ntlm::server::{Identity, Names, Policy};
use ntlm::{Client, Credentials, NtHash, Os, Server, UserName};
use ntlm_web_examples::layer::{Connection, NtlmLayer, Users};
use tokio::sync::Notify;
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt, service_fn};

const ALICE: &str = r"EXAMPLE\alice";
const BOB: &str = r"EXAMPLE\bob";
const CAROL: &str = r"EXAMPLE\carol";
const PASSWORD: &str = "correct horse";

#[tokio::test]
async fn a_client_logs_in_once_for_its_connection() {
    let site = Site::new();
    let connection = site.connection();
    let response = site.log_in(&connection, &mut client(PASSWORD)).await;
    assert_eq!((response.status, response.body.as_str()), (StatusCode::OK, r"EXAMPLE\alice"));
    // Later requests of the connection are authenticated, without further events.
    assert_eq!(site.get(&connection, None).await.body, ALICE);
    assert_eq!(site.events(), ["step", "step", "login EXAMPLE\\alice"]);
}

#[tokio::test]
async fn the_service_sees_the_name_of_the_store_and_not_that_of_the_client() {
    let site = Site::new();
    let credentials = Credentials::password(r"example\ALICE", PASSWORD);
    let mut client = ClientConnection::new(Client::new(credentials));
    assert_eq!(site.log_in(&site.connection(), &mut client).await.body, ALICE);
    assert_eq!(site.events().last().unwrap(), r"login EXAMPLE\alice");
}

#[tokio::test]
async fn the_service_sees_the_data_of_the_client_of_the_connection() {
    let site = Site::new();
    let connections = [site.connection(), site.connection()];
    let _ = site.log_in(&connections[0], &mut client(PASSWORD)).await;
    let _ = site.log_in(&connections[1], &mut client_of(BOB, PASSWORD)).await;
    for (connection, number) in connections.iter().zip([1, 2]) {
        let _ = site.get(connection, None).await;
        assert_eq!(*site.number.lock().unwrap(), Some(Number(number)));
    }
    // Another user logs in on the first connection.
    let answer = site.log_in_again(&connections[0], &mut client_of(BOB, PASSWORD)).await;
    assert_eq!((answer.body.as_str(), *site.number.lock().unwrap()), (BOB, Some(Number(2))));
    // The store has no data about carol.
    let answer = site.log_in_again(&connections[0], &mut client_of(CAROL, PASSWORD)).await;
    assert_eq!((answer.body.as_str(), *site.number.lock().unwrap()), (CAROL, None));
    // A failed login removes the data of the previous one.
    let answer = site.log_in_again(&connections[0], &mut client("guess")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let calls = site.calls.load(Relaxed);
    assert_eq!(site.get(&connections[0], None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(site.calls.load(Relaxed), calls);
}

#[tokio::test]
async fn an_anonymous_client_has_no_account_of_another_client() {
    let site = Site { allows_anonymous: true, ..Site::new() };
    let anonymous = || ClientConnection::new(Client::new(Credentials::anonymous()));
    for password in [PASSWORD, "guess"] {
        let connection = site.connection();
        let _ = site.log_in(&connection, &mut client(password)).await;
        let answer = site.log_in_again(&connection, &mut anonymous()).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""), "{password}");
        assert_eq!(*site.number.lock().unwrap(), None, "{password}");
    }
}

#[tokio::test]
async fn another_connection_is_not_logged_in() {
    let site = Site::new();
    let connection = site.connection();
    let _ = site.log_in(&connection, &mut client(PASSWORD)).await;
    let other = site.get(&site.connection(), None).await;
    assert_eq!((other.status, other.offer.as_str()), (StatusCode::UNAUTHORIZED, "NTLM"));
}

#[tokio::test]
async fn a_request_without_a_connection_is_not_answered() {
    let site = Site::new();
    let request = Request::new(Full::default());
    let response = site.send(request).await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(site.calls.load(Relaxed), 0);
}

#[tokio::test]
async fn a_layer_in_another_layer_rejects_clients_instead_of_waiting_for_ever() {
    let site = Site::new();
    let service = NtlmLayer::new(Arc::clone(&site.users)).layer(site.service());
    let connection = site.connection();
    let mut client = client(PASSWORD);
    let mut header = Some(client.start(Scheme::Ntlm).unwrap());
    let last = loop {
        let mut request = Request::new(Full::<Bytes>::default());
        request.extensions_mut().insert(connection.clone());
        if let Some(header) = header.take() {
            header.insert_into(request.headers_mut());
        }
        let response = timeout(Duration::from_secs(30), service.clone().oneshot(request));
        let answer = Answer::new(response.await.expect("an answer").unwrap()).await;
        match answer.show(&mut client) {
            Next::Send(next) => header = Some(next),
            _ => break answer,
        }
    };
    assert_eq!(last.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(site.calls.load(Relaxed), 0);
}

#[tokio::test]
async fn all_rejections_look_alike_and_the_reasons_differ() {
    let site = Site::new();
    let mallory = Client::new(Credentials::password(r"EXAMPLE\mallory", "guess"));
    let mut seen = Vec::new();
    for mut client in [client("guess"), ClientConnection::new(mallory)] {
        let connection = site.connection();
        seen.push(site.log_in(&connection, &mut client).await);
        assert_eq!(site.get(&connection, None).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(seen[0], seen[1]);
    let events = site.events();
    let rejected: Vec<_> = events.iter().filter(|event| event.starts_with("rejected")).collect();
    assert!(rejected[0].ends_with(r#"wrong password""#), "{rejected:#?}");
    assert!(rejected[1].ends_with(r#"unknown user""#), "{rejected:#?}");
    assert_eq!(site.calls.load(Relaxed), 0);
}

#[tokio::test]
async fn a_look_up_that_is_cancelled_authenticates_no_client() {
    let site = Site::new();
    let connection = site.connection();
    let mut client = client(PASSWORD);
    let negotiate = client.start(Scheme::Ntlm).unwrap();
    let challenge = site.get(&connection, Some(&negotiate)).await;
    let Next::Send(authenticate) = challenge.show(&mut client) else { panic!("no answer") };
    site.users.hangs.store(true, Relaxed);
    let mut request = Box::pin(site.get(&connection, Some(&authenticate)));
    assert!(is_pending(request.as_mut()).await);
    drop(request);
    site.users.hangs.store(false, Relaxed);
    assert_eq!(site.get(&connection, None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_service_does_not_see_the_tokens() {
    let site = Site::new();
    let _ = site.log_in(&site.connection(), &mut client(PASSWORD)).await;
    assert_eq!(site.calls.load(Relaxed), 1);
    assert!(!site.has_seen_tokens.load(Relaxed));
}

#[tokio::test]
async fn the_last_token_of_spnego_is_in_the_response() {
    let site = Site { schemes: vec![Scheme::Negotiate], ..Site::new() };
    let mut client = client(PASSWORD).with_spnego();
    let response = site.log_in(&site.connection(), &mut client).await;
    assert_eq!((response.status, response.body.as_str()), (StatusCode::OK, ALICE));
    assert!(response.offer.starts_with("Negotiate "), "{response:?}");
    // It contains the server's signature, which the client has verified.
    assert!(client.is_authenticated());
    assert_eq!(site.events().last().unwrap(), r"login EXAMPLE\alice in SPNEGO");
}

#[tokio::test]
async fn a_body_is_read_to_its_end_before_a_401() {
    let site = Site::new();
    let body = Pieces::new(10, 1000);
    let left = Arc::clone(&body.left);
    let response = site.post(&site.connection(), body).await;
    assert_eq!((response.status(), left.load(Relaxed)), (StatusCode::UNAUTHORIZED, 0));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read_to_its_end() {
    let site = Site::new();
    let body = Pieces::new(1 << 20, 1 << 16);
    let left = Arc::clone(&body.left);
    let response = site.post(&site.connection(), body).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(left.load(Relaxed) > 1 << 19);
}

/// Otherwise a second request could log in another user while the first is answered.
#[tokio::test]
async fn a_connection_answers_one_request_at_a_time() {
    let site = Site::new();
    let connection = site.connection();
    let _ = site.log_in(&connection, &mut client(PASSWORD)).await;
    site.waits.store(true, Relaxed);
    let mut first = Box::pin(site.get(&connection, None));
    assert!(is_pending(first.as_mut()).await);
    let mut second = Box::pin(site.get(&connection, None));
    assert!(is_pending(second.as_mut()).await);
    // The second request has not reached the service.
    assert_eq!(site.calls.load(Relaxed), 2);
    site.go.notify_one();
    assert_eq!(first.await.status, StatusCode::OK);
    site.go.notify_one();
    assert_eq!(second.await.status, StatusCode::OK);
}

/// A service behind the layer, which answers with the user's name.
#[derive(Clone)]
struct Site {
    users: Arc<Recorder>,
    schemes: Vec<Scheme>,
    allows_anonymous: bool,
    calls: Arc<AtomicUsize>,
    has_seen_tokens: Arc<AtomicBool>,
    /// The number in the last request.
    number: Arc<Mutex<Option<Number>>>,
    /// Whether requests wait for `go`.
    waits: Arc<AtomicBool>,
    go: Arc<Notify>,
}

impl Site {
    fn new() -> Self {
        Self {
            users: Arc::default(),
            schemes: vec![Scheme::Ntlm],
            allows_anonymous: false,
            calls: Arc::default(),
            has_seen_tokens: Arc::default(),
            number: Arc::default(),
            waits: Arc::default(),
            go: Arc::default(),
        }
    }

    fn connection(&self) -> Connection {
        let mut policy = Policy::default();
        policy.allow_anonymous = self.allows_anonymous;
        let server = Server::new(Names::member("WEB", "EXAMPLE")).with_policy(policy);
        let state = ServerConnection::new(server).with_schemes(self.schemes.clone());
        Connection::new(state, SocketAddr::from(([127, 0, 0, 1], 1)))
    }

    fn service<B: Body<Data: Send, Error: Send> + Send + 'static>(
        &self,
    ) -> impl Service<
        Request<B>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + use<B> {
        let site = self.clone();
        let inner = service_fn(move |request: Request<B>| {
            let site = site.clone();
            async move {
                site.calls.fetch_add(1, Relaxed);
                if request.headers().contains_key(AUTHORIZATION) {
                    site.has_seen_tokens.store(true, Relaxed);
                }
                if site.waits.load(Relaxed) {
                    site.go.notified().await;
                }
                *site.number.lock().unwrap() = request.extensions().get().copied();
                let identity = request.extensions().get::<Identity>();
                let user = identity.and_then(Identity::user).map(ToString::to_string);
                Ok(Response::new(Full::from(user.unwrap_or_default())))
            }
        });
        NtlmLayer::new(Arc::clone(&self.users)).layer(inner)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.service().oneshot(request).await.unwrap();
        Answer::new(response).await
    }

    async fn get(&self, connection: &Connection, header: Option<&RequestHeader>) -> Answer {
        let mut request = Request::new(Full::default());
        request.extensions_mut().insert(connection.clone());
        if let Some(header) = header {
            header.insert_into(request.headers_mut());
        }
        self.send(request).await
    }

    async fn post(&self, connection: &Connection, body: Pieces) -> Response<Full<Bytes>> {
        let mut request = Request::post("/").body(body).unwrap();
        request.extensions_mut().insert(connection.clone());
        self.service().oneshot(request).await.unwrap()
    }

    async fn log_in(&self, connection: &Connection, client: &mut ClientConnection) -> Answer {
        let answer = self.get(connection, None).await;
        self.continue_from(answer, connection, client).await
    }

    /// Logs in on a connection that may be authenticated, where a request without a token would be
    /// answered.
    async fn log_in_again(&self, connection: &Connection, client: &mut ClientConnection) -> Answer {
        let negotiate = client.start(Scheme::Ntlm).unwrap();
        let answer = self.get(connection, Some(&negotiate)).await;
        self.continue_from(answer, connection, client).await
    }

    async fn continue_from(
        &self,
        mut answer: Answer,
        connection: &Connection,
        client: &mut ClientConnection,
    ) -> Answer {
        for _ in 0..4 {
            match answer.show(client) {
                Next::Send(header) => answer = self.get(connection, Some(&header)).await,
                _ => return answer,
            }
        }
        panic!("the login does not end: {answer:?}")
    }

    fn events(&self) -> Vec<String> {
        self.users.events.lock().unwrap().clone()
    }
}

fn client(password: &str) -> ClientConnection {
    client_of(ALICE, password)
}

fn client_of(user: &str, password: &str) -> ClientConnection {
    ClientConnection::new(Client::new(Credentials::password(user, password)))
}

async fn is_pending(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    offer: String,
    body: String,
}

impl Answer {
    async fn new(response: Response<Full<Bytes>>) -> Self {
        let offer = response.headers().get(WWW_AUTHENTICATE);
        let offer = offer.map(|offer| offer.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Self { status, offer, body: String::from_utf8(body.into()).unwrap() }
    }

    fn show(&self, client: &mut ClientConnection) -> Next {
        let offer = Some(&self.offer).filter(|offer| !offer.is_empty());
        let headers = offer.map(|offer| ("WWW-Authenticate", offer));
        let version = http::Version::HTTP_11;
        client.on_response(self.status.as_u16(), version, headers, &mut Os).unwrap()
    }
}

/// The data of a user in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number(u32);

/// A store with alice, bob and carol, which records all events.
#[derive(Debug, Default)]
struct Recorder {
    hangs: AtomicBool,
    events: Mutex<Vec<String>>,
}

impl Users for Recorder {
    async fn verify<'a>(
        &self,
        client: LookUp<'a>,
        from: SocketAddr,
        account: &mut Extensions,
    ) -> Outcome<'a> {
        if self.hangs.load(Relaxed) {
            std::future::pending::<()>().await;
        }
        let numbers = [Some(Number(1)), Some(Number(2)), None];
        let names = [ALICE, BOB, CAROL].map(UserName::from).into_iter().zip(numbers);
        let found = { names }.find(|(name, _)| client.claimed_user().eq_ignore_case(name));
        let outcome = match found {
            Some((name, number)) => {
                if let Some(number) = number {
                    account.insert(number);
                }
                let hash = NtHash::from_password(PASSWORD);
                client.verify(|claim| claim.with_account(name).verify_nt_hash(&hash))
            }
            None => client.reject(Rejection::UnknownUser),
        };
        self.observe(&outcome, from);
        outcome
    }

    fn observe(&self, outcome: &Outcome<'_>, _: SocketAddr) {
        self.events.lock().unwrap().push(match outcome {
            Outcome::Authenticated(client) if client.is_new => {
                let how = if client.header.is_some() { " in SPNEGO" } else { "" };
                let user = client.accepted.user().map_or("anonymous".into(), ToString::to_string);
                format!("login {user}{how}")
            }
            Outcome::Authenticated(_) => return,
            Outcome::Refused(refusal) => format!("rejected {}", refusal.log()),
            Outcome::Continue(_) => "step".into(),
        });
    }
}

/// A body that counts how many of its pieces were read.
struct Pieces {
    left: Arc<AtomicUsize>,
    piece: Bytes,
}

impl Pieces {
    fn new(count: usize, length: usize) -> Self {
        Self { left: Arc::new(count.into()), piece: vec![0; length].into() }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let left = self.left.load(Relaxed);
        self.left.store(left.saturating_sub(1), Relaxed);
        Poll::Ready((left > 0).then(|| Ok(Frame::data(self.piece.clone()))))
    }
}
