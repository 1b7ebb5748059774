//! The server's side of a connection: the login, and the session that unseals requests and seals responses.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use ntlm::error::Rejection;
use ntlm::http::{HttpVersion, Outcome, Reply, Scheme, ServerConnection, Step};
use ntlm::server::Accepted;
use ntlm::{Os, Server, Session, UserName};

use super::shell::Shells;
use super::{encrypted, soap};
use crate::users::Users;

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(60);
const MAX_BODY_LEN: usize = 1 << 20;

/// What all connections share.
pub struct Service {
    pub server: Server,
    pub users: Users,
    pub shells: Mutex<Shells>,
    /// Another login is asked for after this many requests of a session.
    pub requests: Option<u32>,
}

/// One connection: its login, and what follows from it.
pub struct Peer<'a> {
    service: &'a Service,
    address: SocketAddr,
    login: ServerConnection,
    session: Option<(UserName, Session)>,
    /// How many messages were unsealed.
    requests: u32,
}

impl<'a> Peer<'a> {
    pub fn new(service: &'a Service, address: SocketAddr) -> Self {
        let login = login(&service.server);
        Self { service, address, login, session: None, requests: 0 }
    }

    /// Answers a request.
    pub async fn answer(
        &mut self,
        request: Request<Incoming>,
    ) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        // To its end: otherwise a 401 would close the connection, and end the login.
        let body =
            tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY_LEN).collect()).await?;
        let body = body.map_err(io::Error::other)?.to_bytes();

        if self.service.requests.is_some_and(|limit| self.requests >= limit) {
            return self.log_out(head.version);
        }
        let outcome = match self.login.on_request(head.version, &head.headers, &mut Os) {
            Step::LookUp(look_up) => match self.service.users.find(look_up.claimed_user()) {
                Some(hash) => look_up.verify(|claim| claim.verify_nt_hash(hash)),
                None => look_up.reject(Rejection::UnknownUser),
            },
            Step::Outcome(outcome) => outcome,
        };
        let (is_new, header) = match outcome {
            Outcome::Authenticated(client) => {
                if client.is_new {
                    log_login(self.address, client.accepted, client.header.is_some());
                    self.session = None;
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
        // The last token of SPNEGO.
        if let Some(header) = header {
            header.append_to(response.headers_mut());
        }
        Ok(response)
    }

    fn begin_session(&mut self) -> anyhow::Result<()> {
        let user = self.login.accepted().and_then(Accepted::user).context("there is no user")?;
        let user = user.clone();
        let keys = self.login.take_keys().context("the keys were taken")?;
        self.session = Some((user, keys.into_session()?));
        Ok(())
    }

    /// Serves a request of the user who is logged in. It may have come together with the AUTHENTICATE.
    fn serve(&mut self, content_type: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let Some((user, session)) = &mut self.session else {
            return close(StatusCode::BAD_REQUEST);
        };
        // Only a login.
        if body.is_empty() {
            return Response::default();
        }
        if !encrypted::is_encrypted(content_type) {
            println!(
                "refused user={:?} from={} reason=\"unencrypted\"",
                user.to_string(),
                self.address
            );
            return close(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let envelope = match encrypted::unseal(session, body) {
            Ok(envelope) => envelope,
            Err(error) => {
                // The RC4 streams of the two sides are out of step from here on.
                let reason = format!("{error:#}");
                println!(
                    "refused user={:?} from={} reason={reason:?}",
                    user.to_string(),
                    self.address
                );
                return close(StatusCode::BAD_REQUEST);
            }
        };
        self.requests += 1;
        let (status, answer) = match soap::Request::parse(&envelope) {
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, soap::fault("", &error.to_string())),
            Ok(request) => {
                if let Some(line) = &request.command_line {
                    println!("command user={:?} line={line:?}", user.to_string());
                }
                // A poisoned lock is harmless: each change completes before anything can panic.
                let mut shells = self.service.shells.lock().unwrap_or_else(PoisonError::into_inner);
                match shells.answer(user, &request) {
                    Ok(answer) => (StatusCode::OK, request.answer(&answer)),
                    Err(error) => {
                        let fault = soap::fault(&request.message_id, &error.to_string());
                        (StatusCode::INTERNAL_SERVER_ERROR, fault)
                    }
                }
            }
        };
        let Ok(sealed) = encrypted::seal(session, &answer) else {
            return close(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut response = Response::new(Full::from(sealed));
        *response.status_mut() = status;
        let content_type = HeaderValue::from_static(encrypted::CONTENT_TYPE);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }

    /// Discards the login, and replies 401 without processing the request.
    fn log_out(&mut self, version: impl Into<HttpVersion>) -> io::Result<Response<Full<Bytes>>> {
        println!("expired from={}", self.address);
        self.login = login(&self.service.server);
        (self.session, self.requests) = (None, 0);
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

/// A login that did not begin. Under `Negotiate`, it takes bare NTLM and SPNEGO.
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
    // Names come from the client: `{:?}` escapes what would break a log.
    let user = accepted.user().map_or("anonymous".into(), UserName::to_string);
    let target = accepted.spn().map_or("none".into(), ToString::to_string);
    let yes_or_no = |fact| if fact { "yes" } else { "no" };
    println!(
        "login user={user:?} from={peer} spnego={} mic={} target={target:?}",
        yes_or_no(has_spnego),
        yes_or_no(accepted.mic_checked),
    );
}
