//! One connection of HTTP/1.1, as NTLM needs it: all requests are sent on the same TCP connection,
//! or fail.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use url::{Host, Position, Url};

/// A connection to a server or proxy.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    certificate: Option<CertificateDer<'static>>,
}

impl Connection {
    /// Connects to the server of an `http:` or `https:` URL.
    pub async fn open(url: &Url, tls: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let address = address(url)?;
        let connect = async {
            let stream = TokioIo::new(TcpStream::connect(&address).await?);
            if url.scheme() == "https" {
                Self::with_tls(stream, url, tls).await
            } else {
                Self::with_stream(stream, None).await
            }
        };
        let connection = within(CONNECT_TIMEOUT, connect).await;
        connection.with_context(|| format!("cannot connect to {address}"))
    }

    /// Starts TLS on a connection that a proxy opened to the server of an `https:` URL.
    pub async fn through_tunnel(
        tunnel: Upgraded,
        url: &Url,
        tls: &Arc<ClientConfig>,
    ) -> anyhow::Result<Self> {
        let connection = within(CONNECT_TIMEOUT, Self::with_tls(tunnel, url, tls)).await;
        connection.with_context(|| format!("cannot connect to {} through the proxy", host(url)))
    }

    async fn with_tls(
        stream: impl Read + Write + Send + Unpin + 'static,
        url: &Url,
        tls: &Arc<ClientConfig>,
    ) -> anyhow::Result<Self> {
        let name = server_name(url)?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let stream = connector.connect(name, TokioIo::new(stream)).await.context("TLS")?;
        // The first certificate is the server's own, the others are its chain.
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = certificates.first().cloned().map(CertificateDer::into_owned);
        Self::with_stream(TokioIo::new(stream), certificate).await
    }

    async fn with_stream(
        stream: impl Read + Write + Send + Unpin + 'static,
        certificate: Option<CertificateDer<'static>>,
    ) -> anyhow::Result<Self> {
        let (sender, connection) = http1::handshake(stream).await?;
        // An error is reported to the current request. Upgrades are for CONNECT.
        tokio::spawn(connection.with_upgrades());
        Ok(Self { sender, certificate })
    }

    /// The server's certificate in DER, from which channel bindings are computed; `None` without
    /// TLS.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    /// Waits until the last response has been read, and returns whether another request can be
    /// sent.
    pub async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request, and waits for the head of the response.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<Response<Incoming>> {
        let response = async {
            ensure!(self.is_open().await, "the connection is closed");
            Ok(self.sender.send_request(request).await?)
        };
        within(RESPONSE_TIMEOUT, response).await.context("no response")
    }
}

/// Reads a body of at most this length to its end.
pub async fn collect(body: Incoming, limit: usize) -> anyhow::Result<Bytes> {
    let collected = async {
        let body = Limited::new(body, limit).collect().await;
        Ok(body.map_err(anyhow::Error::from_boxed)?.to_bytes())
    };
    within(RESPONSE_TIMEOUT, collected).await.context("cannot read the response to its end")
}

/// Reads a body to its end, and discards it: only then can the connection carry the next request.
pub async fn drain(mut body: Incoming) -> anyhow::Result<()> {
    let drained = async {
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(())
    };
    within(RESPONSE_TIMEOUT, drained).await.context("cannot read the response to its end")
}

/// The path and query of a URL, as sent to a server.
pub fn origin_form(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

/// The URL as sent to a proxy.
pub fn absolute_form(url: &Url) -> String {
    format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterQuery])
}

/// The value of `Host`, with the port only if it is not the default.
pub fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// Host and port, as in `CONNECT`.
///
/// # Errors
/// If the scheme is neither `http` nor `https`: `wss://` must not be treated as plain HTTP.
pub fn address(url: &Url) -> anyhow::Result<String> {
    ensure!(matches!(url.scheme(), "http" | "https"), "the URL is neither http:// nor https://");
    let host = url.host_str().context("the URL has no host")?;
    let port = url.port_or_known_default().context("the URL has no port")?;
    Ok(format!("{host}:{port}"))
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| bail!("timed out"))
}

fn server_name(url: &Url) -> anyhow::Result<ServerName<'static>> {
    Ok(match url.host().context("the URL has no host")? {
        Host::Domain(name) => ServerName::try_from(name.to_owned())?,
        Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(address)),
        Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(address)),
    })
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Long, because servers need minutes for some requests.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_proxies_and_connect_get_different_forms() {
        let url: Url = "https://alice:secret@www.example.com/a%20b?c=d#e".parse().unwrap();
        assert_eq!(origin_form(&url), "/a%20b?c=d");
        assert_eq!(absolute_form(&url), "https://www.example.com/a%20b?c=d");
        assert_eq!(host(&url), "www.example.com");
        assert_eq!(address(&url).unwrap(), "www.example.com:443");
    }

    #[test]
    fn urls_of_other_protocols_are_rejected() {
        for url in ["ftp://a.example", "ws://a.example", "wss://a.example", "file:///a"] {
            assert!(address(&url.parse().unwrap()).is_err(), "{url}");
        }
    }

    #[test]
    fn addresses_of_ipv6_keep_their_brackets_and_tls_names_do_not() {
        let url: Url = "http://[::1]:8080".parse().unwrap();
        assert_eq!((host(&url), origin_form(&url)), ("[::1]:8080", "/"));
        assert_eq!(absolute_form(&url), "http://[::1]:8080/");
        assert_eq!(address(&url).unwrap(), "[::1]:8080");
        assert_eq!(server_name(&url).unwrap().to_str(), "::1");
    }
}
