//! Accepts connections, and gives each its own NTLM state.

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
use ntlm_http_examples::connections::{MOST_CONNECTIONS, serve_each};
use ntlm_http_examples::header_case::HeaderCase;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_service::Service;

use crate::certificates::Certificates;
use crate::layer::Connection;

/// The service, and how clients log in to it.
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
        serve_each(listener, MOST_CONNECTIONS, |stream, peer| {
            let site = Arc::clone(&site);
            async move {
                if let Err(error) = site.accept(stream, peer).await {
                    println!("closed from={peer} reason={:?}", error.to_string());
                }
            }
        })
        .await;
    }

    async fn accept(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let state = ServerConnection::new(self.server.clone()).with_schemes(self.schemes.clone());
        let Some(certificates) = &self.certificates else {
            return self.converse(stream, Connection::new(state, peer)).await;
        };
        // The bindings belong to the certificate of this connection, even if the certificate is renewed
        // meanwhile.
        let (acceptor, bindings) = certificates.current();
        let stream = timeout(TLS_PATIENCE, acceptor.accept(stream)).await??;
        let connection = Connection::new(state.with_channel_bindings(bindings), peer);
        self.converse(stream, connection).await
    }

    /// HTTP/1.1 only, because NTLM does not work over HTTP/2.
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
            // Some clients compare header names byte for byte.
            .title_case_headers(true)
            .serve_connection(TokioIo::new(HeaderCase(stream)), service)
            .await
            .map_err(io::Error::other)
    }
}

const TLS_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be idle. A login ends with its connection, so this is longer than a
/// typical visit to a page.
const IDLE_PATIENCE: Duration = Duration::from_secs(120);
