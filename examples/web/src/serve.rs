//! Accepts connections, and gives each of them a state of NTLM of its own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::Server;
use ntlm::http::{Scheme, ServerConnection};
use ntlm_http_examples::header_case::HeaderCase;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tower_service::Service;

use crate::certificates::Certificates;
use crate::layer::Connection;

/// What is served, and how clients log in there.
pub struct Site<S> {
    pub app: S,
    pub server: Server,
    pub schemes: Vec<Scheme>,
    /// `None` for plain HTTP.
    pub certificates: Option<Certificates>,
}

impl<S> Site<S>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    /// Accepts connections for ever.
    pub async fn serve(self, listener: TcpListener) {
        let site = Arc::new(self);
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((stream, peer)) = listener.accept().await else {
                // Out of file descriptors, most likely: some will be given back.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let site = Arc::clone(&site);
            tokio::spawn(async move {
                if let Err(error) = site.accept(stream, peer).await {
                    println!("closed from={peer} reason={:?}", error.to_string());
                }
                drop(place);
            });
        }
    }

    async fn accept(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let state = ServerConnection::new(self.server.clone()).with_schemes(self.schemes.clone());
        let Some(certificates) = &self.certificates else {
            return self.converse(stream, Connection::new(state, peer)).await;
        };
        // The bindings are those of the certificate that this connection gets, even if the certificate is
        // renewed meanwhile.
        let (acceptor, bindings) = certificates.current();
        let stream = timeout(TLS_PATIENCE, acceptor.accept(stream)).await??;
        let connection = Connection::new(state.with_channel_bindings(bindings), peer);
        self.converse(stream, connection).await
    }

    /// HTTP/1.1 only: over HTTP/2, NTLM does not work.
    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        connection: Connection,
    ) -> io::Result<()> {
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(connection.clone());
            self.app.clone().oneshot(request)
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_PATIENCE)
            // Some clients compare names byte for byte.
            .title_case_headers(true)
            .serve_connection(TokioIo::new(HeaderCase(stream)), service)
            .await
            .map_err(io::Error::other)
    }
}

/// How many clients there may be at once; others wait. One client can take all places: limit the
/// connections of an address in front of this, such as in the load balancer or the firewall.
const MOST_CONNECTIONS: usize = 1000;
const TLS_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be idle. A login ends with its connection, so this is longer than a
/// visit to a page takes.
const IDLE_PATIENCE: Duration = Duration::from_secs(120);
