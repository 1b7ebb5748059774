//! NTLM with hyper: one connection, which logs in once and then carries further requests.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example hyper_client -- -u 'EXAMPLE\alice:correct horse' --count 3 \
//!     http://127.0.0.1:8080/
//! ```
//!
//! What to copy is [`Link::fetch`]. [`Connection`] is hyper's `client::conn::http1` over TCP or TLS. It
//! has no pool, so each request is sent on the connection that logged in, or fails.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper::{Method, Request, StatusCode};
use ntlm::http::{ClientConnection, Next, NextConnection, RequestBody, RequestHeader};
use ntlm::{ChannelBindings, Client, Os};
use ntlm_http_examples::connection::{self, Connection};
use ntlm_http_examples::credentials::LoginOptions;
use ntlm_http_examples::trust::TrustOptions;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

/// Fetches a URL with hyper, and logs in with NTLM if the server requires it.
///
/// The last body is written to standard output, a line about each answer to standard error.
#[derive(Parser)]
struct Options {
    /// The URL to fetch: http://... or https://...
    url: Url,

    #[command(flatten)]
    login: LoginOptions,

    #[command(flatten)]
    trust: TrustOptions,

    /// POST this instead of GET
    #[arg(short, long, value_name = "DATA")]
    data: Option<Bytes>,

    /// How many times to fetch it; only the first needs a login
    #[arg(long, value_name = "N", default_value = "1")]
    count: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let (url, tls) = (&options.url, options.trust.tls_config()?);
    let credentials = options.login.credentials()?.context("--user is required")?;
    let host = url.host_str().context("the URL has no host")?;
    let client = Client::new(credentials).with_spn(format!("HTTP/{host}")).checked()?;

    let mut link = Link::open(url, &tls, &client).await?;
    let mut body = Bytes::new();
    for number in 1..=options.count {
        if !link.connection.is_open().await {
            link = Link::open(url, &tls, &client).await?;
        }
        let (status, requests);
        (status, requests, body) = link.fetch(url, &tls, options.data.as_ref()).await?;
        eprintln!("{number} status={} requests={requests}", status.as_u16());
    }
    Ok(io::stdout().write_all(&body)?)
}

/// A connection, and the login that belongs to it.
struct Link {
    connection: Connection,
    login: ClientConnection,
}

impl Link {
    async fn open(url: &Url, tls: &Arc<ClientConfig>, client: &Client) -> anyhow::Result<Self> {
        let connection = Connection::open(url, tls).await?;
        let mut login = ClientConnection::new(client.clone());
        if let Some(certificate) = connection.certificate() {
            login = login.with_channel_bindings(ChannelBindings::from_certificate(certificate)?);
        }
        Ok(Self { connection, login })
    }

    /// Sends a request, and repeats it until the login is complete. Returns the status, the number of
    /// requests, and the body.
    async fn fetch(
        &mut self,
        url: &Url,
        tls: &Arc<ClientConfig>,
        data: Option<&Bytes>,
    ) -> anyhow::Result<(StatusCode, usize, Bytes)> {
        let mut header: Option<RequestHeader> = None;
        for requests in 1..=MAX_REQUESTS {
            let response = self.connection.send(request(url, data, header.as_ref())?).await?;
            let (status, version) = (response.status(), response.version());
            let next =
                self.login.on_response(status.as_u16(), version, response.headers(), &mut Os)?;
            // Read the body to its end: only then can the connection carry the next request.
            let body = connection::collect(response.into_body(), MAX_BODY_LEN).await?;
            match next {
                Next::Send(next) => {
                    let is_new = next.connection == NextConnection::New;
                    if is_new || (omits_body(Some(&next)) && !self.connection.is_open().await) {
                        self.connection = Connection::open(url, tls).await?;
                    }
                    header = Some(next);
                }
                // The body was left out because a challenge was expected, but none came.
                Next::Answered if omits_body(header.as_ref()) => header = None,
                Next::Answered | Next::Authenticated => return Ok((status, requests, body)),
                Next::Rejected => bail!("the credentials were not accepted"),
                Next::NotOffered => bail!("the server does not offer NTLM"),
            }
        }
        bail!("the login does not end")
    }
}

/// The request with the header of the login.
fn request(
    url: &Url,
    data: Option<&Bytes>,
    header: Option<&RequestHeader>,
) -> anyhow::Result<Request<Full<Bytes>>> {
    let body = data.filter(|_| !omits_body(header)).cloned().unwrap_or_default();
    let mut request = Request::builder()
        .method(if data.is_some() { Method::POST } else { Method::GET })
        .uri(connection::origin_form(url))
        .header(HOST, connection::host(url));
    if let (Some(header), Some(headers)) = (header, request.headers_mut()) {
        header.insert_into(headers);
    }
    if data.is_some() {
        request = request.header(CONTENT_LENGTH, body.len());
    }
    Ok(request.body(Full::new(body))?)
}

fn omits_body(header: Option<&RequestHeader>) -> bool {
    header.is_some_and(|header| header.body == RequestBody::Omit)
}

/// A login needs three requests, and one more each if a body was left out or a connection closed.
const MAX_REQUESTS: usize = 5;
/// The longest body that is read.
const MAX_BODY_LEN: usize = 16 << 20;
