//! Serves a page or a directory to users who log in with NTLM.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use ntlm::Os;
use ntlm::error::Rejection;
use ntlm::http::{Authenticated, Outcome, Refusal, Reply, Scheme, ServerConnection, Step};
use ntlm::spnego::Mechanism;
use tokio::time::timeout;

use crate::files;
use crate::users::Users;

/// How long a client may take for a body.
const PATIENCE: Duration = Duration::from_secs(60);

/// The content, and the users who may read it.
pub struct Site {
    /// `None` for the built-in page.
    pub directory: Option<PathBuf>,
    /// Files that may be in the directory and must not be served.
    pub withheld: Vec<PathBuf>,
    pub users: Users,
    pub schemes: Vec<Scheme>,
    pub is_proxy: bool,
    pub is_verbose: bool,
}

impl Site {
    /// Answers a request. The client logs in with the first requests of its connection.
    pub async fn answer(
        &self,
        connection: &mut ServerConnection,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> io::Result<Response<files::Body>> {
        let outcome = match connection.on_request(request.version(), request.headers(), &mut Os) {
            // The user keeps the name and the domain that the client claims. An application that makes
            // decisions by name sets the name from its store with `UserClaim::with_account`, as
            // `web_application` does.
            Step::LookUp(look_up) => match self.users.find(look_up.claimed_user()) {
                Some(user) => look_up.verify(|claim| claim.verify_nt_hash(&user.hash)),
                None => look_up.reject(Rejection::UnknownUser),
            },
            Step::Outcome(outcome) => outcome,
        };
        let client = match outcome {
            Outcome::Authenticated(client) => client,
            Outcome::Refused(refusal) => return reject(peer, refusal, request).await,
            // A normal step of a login, unless the client tries another scheme, such as Basic.
            Outcome::Continue(answer) => {
                let tried = answer.tried.as_deref().unwrap_or("none");
                if self.is_verbose {
                    let (status, uri) = (answer.status, request.uri());
                    println!("step from={peer} status={status} tried={tried} {uri}");
                }
                return reply(answer, request).await;
            }
        };
        if client.is_new {
            log_login(peer, &client);
        }
        let accepted = client.accepted;
        let user = accepted.user().as_ref().map_or("anonymous".into(), ToString::to_string);
        let mut response = self.serve(&user, request).await?;
        if let Ok(user) = HeaderValue::from_str(&files::percent_encode(&user)) {
            response.headers_mut().insert(HeaderName::from_static("x-user"), user);
        }
        // SPNEGO's last token.
        if let Some(header) = client.header {
            header.append_to(response.headers_mut());
        }
        Ok(response)
    }

    /// Serves the request of an authenticated user.
    async fn serve(
        &self,
        user: &str,
        request: Request<Incoming>,
    ) -> io::Result<Response<files::Body>> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, _) => Ok(match drain(request).await {
                Ok(len) => files::text(StatusCode::OK, format!("{len} bytes from {user}\n")),
                Err(status) => unread(status),
            }),
            (&Method::GET | &Method::HEAD, "/redirect") => Ok(files::redirect("/")),
            (&Method::GET | &Method::HEAD, path) => {
                let response = match &self.directory {
                    Some(directory) => files::serve(directory, &self.withheld, path).await?,
                    None => files::text(StatusCode::OK, format!("Hello, {user}.\n")),
                };
                Ok(drain(request).await.map_or_else(unread, |_| response))
            }
            _ => Ok(files::text(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD or POST\n".into())),
        }
    }
}

/// Sends the reply of the handshake after reading the request to its end: otherwise hyper would
/// close the connection and so end the handshake.
async fn reply(reply: Reply, request: Request<Incoming>) -> io::Result<Response<files::Body>> {
    if let Err(status) = drain(request).await {
        return Ok(unread(status));
    }
    let status = StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    let mut response = files::text(status, "This requires NTLM, on a single connection.\n".into());
    reply.append_to(response.headers_mut());
    Ok(response)
}

/// Rejects a login. All rejections look alike to the client; the log contains the reason.
async fn reject(
    peer: SocketAddr,
    refusal: Refusal,
    request: Request<Incoming>,
) -> io::Result<Response<files::Body>> {
    println!("refused {} from={peer} detail={:?}", refusal.log(), refusal.reason);
    reply(refusal.reply, request).await
}

fn log_login(peer: SocketAddr, client: &Authenticated<'_>) {
    println!(
        "login {} from={peer} spnego={} preferred={:?} flags={}",
        client.accepted.log(),
        // Only SPNEGO has a last token.
        if client.header.is_some() { "yes" } else { "no" },
        // If the client prefers a mechanism other than NTLM, it has fallen back, which deserves
        // attention where Kerberos should work.
        client.client_preferred.unwrap_or(Mechanism::Ntlm).to_string(),
        client.accepted.keys.flags(),
    );
}

/// The longest body that is read.
const MAX_BODY_LEN: usize = 16 << 20;

/// Reads a body to its end and returns its length, or the status of the error response if the body is
/// too long or does not end in time. The body is discarded, because unauthenticated clients send bodies
/// too.
async fn drain(request: Request<Incoming>) -> Result<usize, StatusCode> {
    let mut body = Limited::new(request.into_body(), MAX_BODY_LEN);
    let read = async {
        let mut len = 0;
        while let Some(frame) = body.frame().await {
            len += frame.ok()?.data_ref().map_or(0, Bytes::len);
        }
        Some(len)
    };
    let read = timeout(PATIENCE, read).await;
    read.map_err(|_| StatusCode::REQUEST_TIMEOUT)?.ok_or(StatusCode::PAYLOAD_TOO_LARGE)
}

/// A response to a request whose body was not read; hyper closes the connection after it.
fn unread(status: StatusCode) -> Response<files::Body> {
    let text = match status {
        StatusCode::REQUEST_TIMEOUT => "the body did not come in time\n".into(),
        _ => format!("at most {MAX_BODY_LEN} bytes\n"),
    };
    files::text(status, text)
}
