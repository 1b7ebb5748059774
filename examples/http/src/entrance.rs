//! Accepts connections to a site, with TLS or without, and gives each of them a state of NTLM.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::Server;
use ntlm::http::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::connections::{MOST_CONNECTIONS, serve_each};
use crate::header_case::HeaderCase;
use crate::site::Site;

/// One listener: with TLS or without.
pub struct Entrance {
    pub site: Arc<Site>,
    pub server: Server,
    pub tls: Option<TlsAcceptor>,
}

/// How long a client may take for the TLS handshake, and for the headers of a request, which is also how
/// long a connection may stay idle.
const PATIENCE: Duration = Duration::from_secs(60);

impl Entrance {
    /// Serves connections for ever.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let greet = |stream, peer| self.clone().greet(stream, peer);
        serve_each(listener, MOST_CONNECTIONS, greet).await;
    }

    async fn greet(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let Some(tls) = self.tls.clone() else { return self.converse(stream, peer).await };
        match timeout(PATIENCE, tls.accept(stream)).await {
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
