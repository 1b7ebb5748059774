//! A page or a directory behind NTLM.

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

/// What is served, and to whom.
pub struct Site {
    /// `None` for the built-in page.
    pub directory: Option<PathBuf>,
    /// Files that may lie in the directory, and must not be served.
    pub withheld: Vec<PathBuf>,
    pub users: Users,
    pub schemes: Vec<Scheme>,
    pub is_proxy: bool,
    pub is_verbose: bool,
}

impl Site {
    /// Answers a request on a connection, with whose first requests the client logs in.
    pub async fn answer(
        &self,
        connection: &mut ServerConnection,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> io::Result<Response<files::Body>> {
        let outcome = match connection.on_request(request.version(), request.headers(), &mut Os) {
            // The user keeps the name that the client claims, with its domain. An application that decides
            // by names sets that of its store with `UserClaim::with_account`, as `web_application` does.
            Step::LookUp(look_up) => match self.users.find(look_up.claimed_user()) {
                Some(user) => look_up.verify(|claim| claim.verify_nt_hash(&user.hash)),
                None => look_up.reject(Rejection::UnknownUser),
            },
            Step::Outcome(outcome) => outcome,
        };
        let client = match outcome {
            Outcome::Authenticated(client) => client,
            Outcome::Refused(refusal) => return refuse(peer, refusal, request).await,
            // A normal step, unless the client tries another scheme, such as Basic.
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
        // The last token of SPNEGO.
        if let Some(header) = client.header {
            header.append_to(response.headers_mut());
        }
        Ok(response)
    }

    /// The request of a user who is known.
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

/// What NTLM wants to be replied, once the request was read to its end: otherwise the connection
/// would close, and the exchange with it.
async fn reply(reply: Reply, request: Request<Incoming>) -> io::Result<Response<files::Body>> {
    if let Err(status) = drain(request).await {
        return Ok(unread(status));
    }
    let status = StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    let mut response = files::text(status, "This wants NTLM, over one connection.\n".into());
    reply.append_to(response.headers_mut());
    Ok(response)
}

/// All rejected logins look alike to the client; the log knows more.
async fn refuse(
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
        // Anything else than NTLM is a fallback of the client: worth a look where Kerberos should work.
        client.client_preferred.unwrap_or(Mechanism::Ntlm).to_string(),
        client.accepted.keys.flags(),
    );
}

/// The longest body that is read.
const MAX_BODY_LEN: usize = 16 << 20;

/// Reads a body to its end, and returns its length, or the status of the response if it has no end. It is
/// not kept, because clients that are not logged in send bodies too.
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

/// hyper closes the connection after it.
fn unread(status: StatusCode) -> Response<files::Body> {
    let text = match status {
        StatusCode::REQUEST_TIMEOUT => "the body did not come in time\n".into(),
        _ => format!("at most {MAX_BODY_LEN} bytes\n"),
    };
    files::text(status, text)
}
