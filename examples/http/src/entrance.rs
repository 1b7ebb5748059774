//! Accepts connections to a site, with TLS or without, and gives each its own NTLM state.

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

/// How long a client may take for the TLS handshake, and for the headers of a request including the idle
/// time before them.
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

    /// Serves one connection, with an NTLM state that ends with it.
    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
        let server = self.server.clone();
        let connection = if self.site.is_proxy {
            ServerConnection::for_proxy(server)
        } else {
            ServerConnection::new(server)
        };
        // hyper passes on one request of a connection at a time, so this lock is always free.
        let connection = Mutex::new(connection.with_schemes(self.site.schemes.clone()));
        let service = service_fn(async |request| {
            self.site.answer(&mut *connection.lock().await, peer, request).await
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            // Some clients compare header names byte for byte.
            .title_case_headers(true)
            .serve_connection(TokioIo::new(HeaderCase(stream)), service);
        if let Err(error) = connection.await {
            if self.site.is_verbose {
                println!("closed from={peer} reason={:?}", error.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ntlm::http::Scheme;
    use ntlm::server::Names;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::sleep;

    use super::*;
    use crate::users::Users;

    /// The answer to an unauthenticated client that sends these pieces.
    async fn answer(head: &str, piece: &[u8], pause: Duration) -> String {
        let site = Site {
            directory: None,
            withheld: Vec::new(),
            users: Users::default(),
            schemes: vec![Scheme::Ntlm],
            is_proxy: false,
            is_verbose: false,
        };
        let server = Server::new(Names::standalone("WEB"));
        let entrance = Entrance { site: Arc::new(site), server, tls: None };
        let (client, stream) = duplex(1 << 16);
        let (mut reader, mut writer) = tokio::io::split(client);
        let send = async {
            writer.write_all(head.as_bytes()).await.unwrap();
            while writer.write_all(piece).await.is_ok() {
                sleep(pause).await;
            }
        };
        let mut answer = String::new();
        let converse = entrance.converse(stream, ([127, 0, 0, 1], 1).into());
        let (read, (), ()) = tokio::join!(reader.read_to_string(&mut answer), send, converse);
        read.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_without_an_end_are_answered() {
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let piece = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
        let answered = answer(chunked, &piece, Duration::ZERO).await;
        assert!(answered.starts_with("HTTP/1.1 413 "), "{answered}");
        let answered = answer(chunked, b"1\r\nx\r\n", Duration::from_secs(1)).await;
        assert!(answered.starts_with("HTTP/1.1 408 "), "{answered}");
    }
}
