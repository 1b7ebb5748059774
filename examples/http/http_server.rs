//! Serves a page or a directory behind NTLM, over HTTP and HTTPS.
//!
//! ```text
//! cargo run --example http_server
//! curl --ntlm --user 'alice:correct horse' http://127.0.0.1:8080/
//! ```
//!
//! `--schemes negotiate,ntlm` also takes SPNEGO, which Windows, browsers and `curl --negotiate` send.
//!
//! Each line of output is what an administrator who audits NTLM wants to see: who logged in, from
//! where, with which kind of response and flags, or who did not, and why. Clients get the same reply
//! to every rejected login; the log tells a wrong password from an unknown user.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::error::Rejection;
use ntlm::http::{Authenticated, Outcome, Refusal, Reply, Scheme, ServerConnection, Step};
use ntlm::server::{Names, Policy};
use ntlm::spnego::Mechanism;
use ntlm::{ChannelBindings, Enforcement, LmCompatibility, NtHash, Os, Server};
use ntlm_http_examples::connections::{MOST_CONNECTIONS, serve_each};
use ntlm_http_examples::header_case::HeaderCase;
use ntlm_http_examples::users::{self, Users};
use ntlm_http_examples::{files, tls};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

/// Serves a page or a directory behind NTLM.
#[derive(Parser)]
struct Arguments {
    /// The directory to serve. Without it, a page that greets the user.
    directory: Option<PathBuf>,
    /// Where to listen for HTTP; port 0 takes any.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where to listen for HTTPS too.
    #[arg(long, value_name = "ADDRESS", requires = "certificate", requires = "key")]
    tls_listen: Option<SocketAddr>,
    /// The certificate for HTTPS, with its chain (PEM).
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the password
    /// "correct horse".
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Read a password from standard input, print its NT hash for the file of users, and exit.
    #[arg(long)]
    hash: bool,
    /// The LM compatibility level, 0-5: 5 takes NTLMv2 alone, 4 NTLMv1 too, 3 and less all.
    #[arg(long, value_name = "LEVEL", default_value_t = 5, value_parser = clap::value_parser!(u8).range(..=5))]
    level: u8,
    /// Whether HTTPS clients must be bound to the TLS channel.
    #[arg(long, value_enum, default_value_t = Bindings::IfPresent)]
    channel_bindings: Bindings,
    /// Insist on a message integrity code.
    #[arg(long)]
    require_mic: bool,
    /// The schemes to offer, in this order. Under `negotiate`, clients log in with SPNEGO or with bare
    /// NTLM messages.
    #[arg(long, value_enum, value_name = "SCHEME", value_delimiter = ',', default_value = "ntlm")]
    schemes: Vec<OfferedScheme>,
    /// Ask as a proxy does: 407, `Proxy-Authenticate`. It still answers by itself.
    #[arg(long)]
    proxy: bool,
    /// Log the steps of each handshake too.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bindings {
    Ignore,
    IfPresent,
    Require,
}

#[derive(Clone, Copy, ValueEnum)]
enum OfferedScheme {
    Negotiate,
    Ntlm,
}

impl From<OfferedScheme> for Scheme {
    fn from(scheme: OfferedScheme) -> Self {
        match scheme {
            OfferedScheme::Negotiate => Self::Negotiate,
            OfferedScheme::Ntlm => Self::Ntlm,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.hash {
        let password = io::read_to_string(io::stdin())?;
        println!("{}", users::digits(&NtHash::from_password(password.trim_end_matches('\n'))));
        return Ok(());
    }
    let site = Arc::new(Site::new(&arguments)?);
    let listener = listen("http", arguments.listen).await?;
    let plain = Entrance { site: site.clone(), server: server(&arguments, None)?, tls: None };
    tokio::spawn(Arc::new(plain).serve(listener));

    if let (Some(address), Some(certificate), Some(key)) =
        (arguments.tls_listen, &arguments.certificate, &arguments.key)
    {
        let (acceptor, bindings) = tls::acceptor(certificate, key)?;
        let listener = listen("https", address).await?;
        let server = server(&arguments, Some(bindings))?;
        let secure = Entrance { site, server, tls: Some(acceptor) };
        tokio::spawn(Arc::new(secure).serve(listener));
    }
    Ok(tokio::signal::ctrl_c().await?)
}

async fn listen(scheme: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let context = || format!("cannot listen on {address}");
    let listener = TcpListener::bind(address).await.with_context(context)?;
    println!("listening on {scheme}://{}", listener.local_addr()?);
    Ok(listener)
}

/// What NTLM is to this server. On plain HTTP there is no channel to be bound to.
fn server(arguments: &Arguments, bindings: Option<ChannelBindings>) -> Result<Server, ntlm::Error> {
    let mut policy = Policy::default();
    policy.shared.lm_compatibility =
        LmCompatibility::try_from(arguments.level).unwrap_or(policy.shared.lm_compatibility);
    policy.shared.require_mic = arguments.require_mic;
    let names = Names::member("WEB", "EXAMPLE").with_dns_computer("localhost");
    let Some(bindings) = bindings else { return Server::new(names).with_policy(policy).checked() };
    policy.channel_bindings = match arguments.channel_bindings {
        Bindings::Ignore => Enforcement::Off,
        Bindings::IfPresent => Enforcement::IfPresent,
        Bindings::Require => Enforcement::Required,
    };
    Server::new(names).with_policy(policy).with_channel_bindings(bindings).checked()
}

/// What is served, and to whom.
struct Site {
    /// `None` for the built-in page.
    directory: Option<PathBuf>,
    /// Files that may lie in the directory, and must not be served.
    withheld: Vec<PathBuf>,
    users: Users,
    schemes: Vec<Scheme>,
    is_proxy: bool,
    is_verbose: bool,
}

impl Site {
    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let users = match &arguments.users {
            Some(file) => Users::read(file)?,
            None => Users::one("alice", "correct horse"),
        };
        let secrets = [&arguments.users, &arguments.key, &arguments.certificate].into_iter();
        let directory = match &arguments.directory {
            Some(directory) => Some(
                directory
                    .canonicalize()
                    .with_context(|| format!("cannot serve {}", directory.display()))?,
            ),
            None => None,
        };
        Ok(Self {
            directory,
            withheld: secrets.flatten().filter_map(|file| file.canonicalize().ok()).collect(),
            users,
            schemes: arguments.schemes.iter().copied().map(Scheme::from).collect(),
            is_proxy: arguments.proxy,
            is_verbose: arguments.verbose,
        })
    }
}

/// One listener: with TLS or without.
struct Entrance {
    site: Arc<Site>,
    server: Server,
    tls: Option<TlsAcceptor>,
}

/// How long a client may take for the TLS handshake, for the headers of a request, which is also how long
/// a connection may stay idle, and for a body.
const PATIENCE: Duration = Duration::from_secs(60);

impl Entrance {
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        let greet = |stream, peer| self.clone().greet(stream, peer);
        serve_each(listener, MOST_CONNECTIONS, greet).await;
    }

    async fn greet(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let Some(tls) = self.tls.clone() else { return self.converse(stream, peer).await };
        match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, peer).await,
            Ok(Err(error)) => println!("no-tls from={peer} reason={:?}", error.to_string()),
            Err(_) => println!("no-tls from={peer} reason=\"too slow\""),
        }
    }

    /// One connection, and with it one state of NTLM, which ends with it.
    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
        let server = self.server.clone();
        let connection = if self.site.is_proxy {
            ServerConnection::for_proxy(server)
        } else {
            ServerConnection::new(server)
        };
        // hyper hands out one request of a connection at a time, so that nobody waits here.
        let connection = Mutex::new(connection.with_schemes(self.site.schemes.clone()));
        let service = service_fn(async |request| {
            self.site.answer(&mut *connection.lock().await, peer, request).await
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            // Some clients compare names byte for byte.
            .title_case_headers(true)
            .serve_connection(TokioIo::new(HeaderCase(stream)), service);
        if let Err(error) = connection.await {
            if self.site.is_verbose {
                println!("closed from={peer} reason={:?}", error.to_string());
            }
        }
    }
}

impl Site {
    async fn answer(
        &self,
        connection: &mut ServerConnection,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> io::Result<Response<files::Body>> {
        let outcome = match connection.on_request(request.version(), request.headers(), &mut Os) {
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
            (&Method::POST, _) => {
                let Ok(body) = collect(request).await else {
                    let text = format!("at most {MAX_BODY_LEN} bytes\n");
                    return Ok(files::text(StatusCode::PAYLOAD_TOO_LARGE, text));
                };
                Ok(files::text(StatusCode::OK, format!("{} bytes from {user}\n", body.len())))
            }
            (&Method::GET | &Method::HEAD, "/redirect") => Ok(files::redirect("/")),
            (&Method::GET | &Method::HEAD, path) => {
                let response = match &self.directory {
                    Some(directory) => files::serve(directory, &self.withheld, path).await?,
                    None => files::text(StatusCode::OK, format!("Hello, {user}.\n")),
                };
                drain(request).await?;
                Ok(response)
            }
            _ => Ok(files::text(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD or POST\n".into())),
        }
    }
}

/// What NTLM wants to be replied, once the request was read to its end: otherwise the connection
/// would close, and the exchange with it.
async fn reply(reply: Reply, request: Request<Incoming>) -> io::Result<Response<files::Body>> {
    drain(request).await?;
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
    let accepted = client.accepted;
    // Names come from the client: `{:?}` escapes what would break a log.
    let quoted = |text: Option<&dyn Display>| {
        text.map_or("none".into(), |text| format!("{:?}", text.to_string()))
    };
    let user = accepted.user().map(|user| user as &dyn Display);
    let target = accepted.spn().map(|target| target as &dyn Display);
    println!(
        "login user={} from={peer} spnego={} preferred={:?} response={} mic={} bindings={} target={} \
         workstation={:?} flags={}",
        quoted(user),
        // Only SPNEGO has a last token.
        yes_or_no(client.header.is_some()),
        // Anything else than NTLM is a fallback of the client: worth a look where Kerberos should work.
        client.client_preferred.unwrap_or(Mechanism::Ntlm).to_string(),
        accepted.identity.response().map_or("none".into(), |kind| format!("{kind:?}")),
        yes_or_no(accepted.mic_checked),
        yes_or_no(accepted.bindings_checked),
        quoted(target),
        accepted.workstation.to_string(),
        accepted.keys.flags(),
    );
}

fn yes_or_no(fact: bool) -> &'static str {
    if fact { "yes" } else { "no" }
}

/// The longest body that is read.
const MAX_BODY_LEN: usize = 16 << 20;

async fn collect(request: Request<Incoming>) -> io::Result<bytes::Bytes> {
    let body = Limited::new(request.into_body(), MAX_BODY_LEN).collect();
    let body = tokio::time::timeout(PATIENCE, body).await?;
    Ok(body.map_err(io::Error::other)?.to_bytes())
}

async fn drain(request: Request<Incoming>) -> io::Result<()> {
    collect(request).await.map(drop)
}
