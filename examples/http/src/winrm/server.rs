//! The server's side of a connection: the login, and the session that unseals requests and seals responses.
//! Over TLS, sealing is optional.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::error::Rejection;
use ntlm::http::{HttpVersion, Outcome, Reply, Scheme, ServerConnection, Step};
use ntlm::server::Accepted;
use ntlm::session::Protection;
use ntlm::{Os, Server, Session, UserName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::shell::Shells;
use super::{body, encrypted, soap};
use crate::users::Users;

/// How long a client may take for the TLS handshake, for the head of a request including the idle time
/// before it, and for the body. Each limit is for the whole, not for each octet.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// An envelope of 153600 octets (`MaxEnvelopeSize`), and the overhead of sealing.
const MAX_BODY_LEN: usize = 160 << 10;

/// State shared by all connections.
pub struct Service {
    pub server: Server,
    pub users: Users,
    pub shells: Mutex<Shells>,
    /// All connections use TLS, so bodies need not be sealed.
    pub is_secure: bool,
    /// Require another login after this many requests of a session.
    pub requests: Option<u32>,
}

/// Serves a connection until it ends.
pub async fn serve(
    service: &Service,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
) {
    let peer = tokio::sync::Mutex::new(Peer::new(service, address));
    let answer = service_fn(async |request| peer.lock().await.answer(request).await);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), answer);
    // The client may leave at any time.
    let _ = connection.await;
}

/// One connection: its login, its user and its session.
pub struct Peer<'a> {
    service: &'a Service,
    address: SocketAddr,
    login: ServerConnection,
    user: Option<User>,
    /// The number of requests served since the login.
    requests: u32,
}

/// The user who is logged in.
struct User {
    name: UserName,
    /// `None` if sealing was not negotiated, which is allowed only over TLS.
    session: Option<Session>,
}

impl<'a> Peer<'a> {
    pub fn new(service: &'a Service, address: SocketAddr) -> Self {
        let login = login(&service.server);
        Self { service, address, login, user: None, requests: 0 }
    }

    /// Answers a request.
    pub async fn answer(
        &mut self,
        request: Request<Incoming>,
    ) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        // Read the body to its end: otherwise a 401 would close the connection, and end the login.
        let body = match timeout(PATIENCE, Limited::new(body, MAX_BODY_LEN).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return Ok(close(StatusCode::PAYLOAD_TOO_LARGE)),
            Err(_) => return Ok(close(StatusCode::REQUEST_TIMEOUT)),
        };

        if self.service.requests.is_some_and(|limit| self.requests >= limit) {
            return self.log_out(head.version);
        }
        let outcome = match self.login.on_request(head.version, &head.headers, &mut Os) {
            Step::LookUp(look_up) => match self.service.users.find(look_up.claimed_user()) {
                Some(user) => look_up.verify(|claim| claim.verify_nt_hash(&user.hash)),
                None => look_up.reject(Rejection::UnknownUser),
            },
            Step::Outcome(outcome) => outcome,
        };
        let (is_new, header) = match outcome {
            Outcome::Authenticated(client) => {
                if client.is_new {
                    log_login(self.address, client.accepted, client.header.is_some());
                    self.user = None;
                }
                (client.is_new, client.header)
            }
            Outcome::Continue(reply) => return respond(&reply),
            Outcome::Refused(refusal) => {
                println!("refused {} from={}", refusal.log(), self.address);
                return respond(&refusal.reply);
            }
        };
        if is_new {
            self.begin_session().map_err(io::Error::other)?;
        }
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut response = self.serve(content_type.unwrap_or_default(), &body);
        // SPNEGO's last token.
        if let Some(header) = header {
            header.append_to(response.headers_mut());
        }
        Ok(response)
    }

    fn begin_session(&mut self) -> anyhow::Result<()> {
        let name = self.login.accepted().and_then(Accepted::user).context("there is no user")?;
        let name = name.clone();
        let keys = self.login.take_keys().context("the keys were taken")?;
        let session = match keys.protection() {
            Protection::Seal => Some(keys.into_session()?),
            _ => None,
        };
        ensure!(session.is_some() || self.service.is_secure, "sealing was not negotiated");
        self.user = Some(User { name, session });
        Ok(())
    }

    /// Serves a request of the user who is logged in. It may have come together with the AUTHENTICATE.
    fn serve(&mut self, content_type: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let Some(User { name, session }) = &mut self.user else {
            return close(StatusCode::BAD_REQUEST);
        };
        // An empty request only logs in.
        if body.is_empty() {
            return Response::default();
        }
        let is_sealed = encrypted::is_encrypted(content_type);
        let mut session = session.as_mut().filter(|_| is_sealed || !self.service.is_secure);
        let envelope = match body::read(session.as_deref_mut(), content_type, body) {
            Ok(envelope) => envelope,
            Err(error) => {
                let (user, reason) = (name.to_string(), format!("{error:#}"));
                println!("refused user={user:?} from={} reason={reason:?}", self.address);
                // After a body that cannot be unsealed, the RC4 streams of the two sides are out of step.
                return close(match is_sealed {
                    true => StatusCode::BAD_REQUEST,
                    false => StatusCode::INTERNAL_SERVER_ERROR,
                });
            }
        };
        self.requests += 1;
        let (status, answer) = perform(self.service, name, &envelope);
        let Ok((content_type, body)) = body::write(session, &answer) else {
            return close(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// Discards the login, and replies 401 without processing the request.
    fn log_out(&mut self, version: impl Into<HttpVersion>) -> io::Result<Response<Full<Bytes>>> {
        println!("expired from={}", self.address);
        self.login = login(&self.service.server);
        (self.user, self.requests) = (None, 0);
        let nothing: [(&str, &str); 0] = [];
        let Step::Outcome(Outcome::Continue(reply)) =
            self.login.on_request(version, nothing, &mut Os)
        else {
            return Ok(close(StatusCode::INTERNAL_SERVER_ERROR));
        };
        let mut response = respond(&reply)?;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(response)
    }
}

/// Executes the request in an envelope, and returns the status and the envelope of the response.
fn perform(service: &Service, user: &UserName, envelope: &str) -> (StatusCode, String) {
    let failed = |message_id: &str, error: anyhow::Error| {
        (StatusCode::INTERNAL_SERVER_ERROR, soap::fault(message_id, &error.to_string()))
    };
    let request = match soap::Request::parse(envelope) {
        Ok(request) => request,
        Err(error) => return failed("", error),
    };
    if let Some(line) = &request.command_line {
        println!("command user={:?} line={line:?}", user.to_string());
    }
    // A poisoned lock is harmless: each change completes before anything can panic.
    let mut shells = service.shells.lock().unwrap_or_else(PoisonError::into_inner);
    match shells.answer(user, &request) {
        Ok(answer) => (StatusCode::OK, request.answer(&answer)),
        Err(error) => failed(&request.message_id, error),
    }
}

/// A login before its first message. Under `Negotiate`, it accepts bare NTLM and SPNEGO.
fn login(server: &Server) -> ServerConnection {
    ServerConnection::new(server.clone()).with_schemes([Scheme::Negotiate, Scheme::Ntlm])
}

fn respond(reply: &Reply) -> io::Result<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    reply.append_to(response.headers_mut());
    Ok(response)
}

fn close(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn log_login(peer: SocketAddr, accepted: &Accepted, has_spnego: bool) {
    let spnego = if has_spnego { "yes" } else { "no" };
    println!("login {} from={peer} spnego={spnego}", accepted.log());
}

#[cfg(test)]
mod tests {
    use ntlm::server::Names;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    use super::*;

    /// How long a connection lasts if a client does this. The clock is paused, so the test does not
    /// wait.
    async fn lasts(stream: DuplexStream, client: impl Future<Output = ()>) -> Duration {
        let service = Service {
            server: Server::new(Names::standalone("WIN")),
            users: Users::default(),
            shells: Mutex::default(),
            is_secure: false,
            requests: None,
        };
        let start = Instant::now();
        let served = async {
            let served = serve(&service, stream, ([127, 0, 0, 1], 1).into());
            timeout(10 * PATIENCE, served).await.unwrap();
            start.elapsed()
        };
        tokio::join!(served, client).0
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_sends_an_octet_at_a_time_is_disconnected() {
        for beginning in ["", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"] {
            let (mut client, stream) = duplex(1 << 12);
            let lasted = lasts(stream, async move {
                client.write_all(beginning.as_bytes()).await.unwrap();
                while client.write_all(b"x").await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            });
            let seconds = lasted.await.as_secs();
            assert!((60..=62).contains(&seconds), "{beginning:?}: {seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_is_too_long_is_answered() {
        let (mut client, stream) = duplex(2 * MAX_BODY_LEN);
        let request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
        client.write_all(request).await.unwrap();
        client.write_all(&[b'x'; MAX_BODY_LEN + 1]).await.unwrap();
        let mut answer = [0; 13];
        let read = async {
            client.read_exact(&mut answer).await.unwrap();
        };
        lasts(stream, read).await;
        assert_eq!(answer, *b"HTTP/1.1 413 ");
    }
}
