//! A load balancer in front of servers that require NTLM: it shows why sharing connections breaks
//! NTLM, and how pinning them solves it.
//!
//! ```text
//! cargo run --example http_server -- --listen 127.0.0.1:8081
//! cargo run --example http_server -- --listen 127.0.0.1:8082
//! cargo run --example reverse_proxy -- --upstream 127.0.0.1:8081 --upstream 127.0.0.1:8082
//! curl --ntlm --user 'alice:correct horse' http://127.0.0.1:8000/
//! ```
//!
//! NTLM authenticates a *connection*. By default, each connection of a client is pinned to one
//! connection to a server, and NTLM works. With `--multiplex`, the clients share idle connections to
//! the servers, as many load balancers do. Then the three messages of a handshake reach different
//! connections or servers, so logins fail; or worse, a client uses a connection on which another
//! client has logged in. The log shows both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::http::AuthHeader;
use ntlm::wire::Message;
use ntlm_http_examples::connections::{MOST_CONNECTIONS, serve_each};
use ntlm_http_examples::trace::ntlm_message;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// A load balancer that supports NTLM, or breaks it with --multiplex.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// A server to forward requests to; may be given several times.
    #[arg(long, value_name = "ADDRESS", required = true)]
    upstream: Vec<SocketAddr>,
    /// Share idle connections to the servers among all clients. This breaks NTLM.
    #[arg(long)]
    multiplex: bool,
    /// Log each request.
    #[arg(short, long)]
    verbose: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Arguments { listen, upstream, multiplex, verbose } = Arguments::parse();
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let idle = multiplex.then(Mutex::default);
    let next = AtomicUsize::new(0);
    let balancer = Arc::new(Balancer { upstream, next, idle, verbose });
    let serve = |stream, client| balancer.clone().converse(stream, client);
    tokio::select! {
        () = serve_each(listener, MOST_CONNECTIONS, serve) => Ok(()),
        stopped = tokio::signal::ctrl_c() => stopped,
    }
}

struct Balancer {
    upstream: Vec<SocketAddr>,
    /// The number of the next connection; the connections go to the servers in turn.
    next: AtomicUsize,
    /// The idle connections that the clients share, with `--multiplex`.
    idle: Option<Mutex<Vec<Upstream>>>,
    verbose: bool,
}

/// A connection to a server.
struct Upstream {
    number: usize,
    server: SocketAddr,
    sender: SendRequest<Incoming>,
    /// The client that logged in on it last.
    user: Option<SocketAddr>,
    /// The client whose NEGOTIATE was sent on it last.
    negotiator: Option<SocketAddr>,
}

/// A client's connection.
struct Downstream {
    client: SocketAddr,
    /// The connection pinned to this client; none at first, and never with `--multiplex`.
    pinned: Option<Upstream>,
    /// The connection on which its NEGOTIATE was sent.
    negotiated_on: Option<usize>,
}

type Body = BoxBody<bytes::Bytes, hyper::Error>;
type Answer = Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>>;

impl Balancer {
    async fn converse(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        let downstream = Mutex::new(Downstream { client, pinned: None, negotiated_on: None });
        let service = service_fn(async |request| {
            let downstream = &mut *downstream.lock().await;
            let answer = self.pass_on(downstream, request).await;
            Ok::<_, std::convert::Infallible>(answer.unwrap_or_else(|error| {
                println!("failed client={client} reason={:?}", error.to_string());
                bad_gateway()
            }))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(60))
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.await {
            if self.verbose {
                println!("closed client={client} reason={:?}", error.to_string());
            }
        }
    }

    async fn pass_on(&self, downstream: &mut Downstream, request: Request<Incoming>) -> Answer {
        let mut upstream = match (&self.idle, downstream.pinned.take()) {
            (None, Some(pinned)) => pinned,
            (None, None) => self.connect().await?,
            (Some(idle), _) => {
                let mut idle = idle.lock().await;
                idle.retain(|upstream| !upstream.sender.is_closed());
                // The connection that has been idle longest.
                match idle.iter().position(|upstream| upstream.sender.is_ready()) {
                    Some(position) => idle.remove(position),
                    None => {
                        drop(idle);
                        self.connect().await?
                    }
                }
            }
        };
        let is_authenticate = self.look_at(downstream, &mut upstream, &request);
        // If the server has closed the pinned connection, this fails and ends the client's
        // connection, because a login is not valid on another connection.
        upstream.sender.ready().await?;
        let mut response = upstream.sender.send_request(to_server(request)).await?;
        if is_authenticate && response.status() != StatusCode::UNAUTHORIZED {
            upstream.user = Some(downstream.client);
        }
        let closes = remove_hop_by_hop(response.headers_mut());
        match &self.idle {
            Some(idle) => idle.lock().await.push(upstream),
            None if closes => {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            None => downstream.pinned = Some(upstream),
        }
        *response.version_mut() = Version::HTTP_11;
        Ok(response.map(BodyExt::boxed))
    }

    async fn connect(&self) -> Result<Upstream, Box<dyn std::error::Error + Send + Sync>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let server = self.upstream[number % self.upstream.len()];
        let stream = TokioIo::new(TcpStream::connect(server).await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Upstream { number, server, sender, user: None, negotiator: None })
    }

    /// Logs the request and its NTLM message; returns whether it has an AUTHENTICATE.
    fn look_at(
        &self,
        downstream: &mut Downstream,
        upstream: &mut Upstream,
        request: &Request<Incoming>,
    ) -> bool {
        let Downstream { client, negotiated_on, .. } = downstream;
        let Upstream { number, server, user, negotiator, .. } = upstream;
        let token = request.headers().get(AUTHORIZATION).and_then(|value| {
            AuthHeader::credentials(value).and_then(|header| header.token().ok())
        });
        let message = token.as_deref().and_then(ntlm_message);
        let message = message.and_then(|message| Message::parse(message).ok());
        if self.verbose {
            let name = match message {
                Some(Message::Negotiate(_)) => " NEGOTIATE",
                Some(Message::Authenticate(_)) => " AUTHENTICATE",
                _ => "",
            };
            let (method, uri) = (request.method(), request.uri());
            println!(
                "request client={client} server={server} connection={number} {method} {uri}{name}"
            );
        }
        match (message, user) {
            (Some(Message::Negotiate(_)), _) => {
                *negotiated_on = Some(*number);
                *negotiator = Some(*client);
            }
            (Some(Message::Authenticate(_)), _) => {
                match negotiated_on.take() {
                    Some(other) if other != *number => println!(
                        "NTLM breaks: the AUTHENTICATE of client {client} goes to connection {number}, \
                         its NEGOTIATE went to connection {other}"
                    ),
                    Some(_) if *negotiator != Some(*client) => println!(
                        "NTLM breaks: the AUTHENTICATE of client {client} goes to connection \
                         {number}, on which another client's NEGOTIATE has come in between"
                    ),
                    _ => {}
                }
                return true;
            }
            (_, Some(other)) if other != client => println!(
                "NTLM is unsafe: a request of client {client} goes to connection {number}, \
                 on which client {other} has logged in"
            ),
            _ => {}
        }
        false
    }
}

fn to_server(mut request: Request<Incoming>) -> Request<Incoming> {
    remove_hop_by_hop(request.headers_mut());
    *request.version_mut() = Version::HTTP_11;
    request
}

/// Removes the headers that concern one connection only (RFC 9110, section 7.6.1), and returns
/// whether that connection ends. `Authorization` and `WWW-Authenticate` are forwarded.
fn remove_hop_by_hop(headers: &mut HeaderMap) -> bool {
    let options: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
        .collect();
    let usual = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    for name in usual.into_iter().chain(options.iter().map(String::as_str)) {
        headers.remove(name);
    }
    options.iter().any(|option| option == "close")
}

fn bad_gateway() -> Response<Body> {
    let body = http_body_util::Empty::new().map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
