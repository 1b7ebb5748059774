//! NTLM with reqwest: how to log in on one of its connections and stay there.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example reqwest_client -- -u 'EXAMPLE\alice:correct horse' --count 5 \
//!     http://127.0.0.1:8080/
//! ```
//!
//! NTLM proves who the client is to a *connection*, and reqwest hides connections in a pool. Its
//! client here is set up so that requests, one after the other, share one connection:
//!
//! - `http1_only`: over HTTP/2, NTLM does not work.
//! - A `reqwest::Client` for each login, so that no other user's connection is in its pool, and
//!   `pool_max_idle_per_host(1)`.
//! - A request is sent when the one before was answered and the answer's body was read to its end.
//!   Until then its connection is busy, and the pool opens another one. [`Session::get`] takes
//!   `&mut self`, so that nobody sends two at a time.
//! - A runtime of one thread. With more, the next request is now and then faster than the return
//!   of the connection to the pool, which opens another one then: the login works nonetheless, but
//!   again and again.
//!
//! What the pool cannot promise: a connection that the server closes, or that was idle for too
//! long, is replaced by another without a word, also between two messages of a login. So
//! [`Session::get`] looks at which connection each response came on. On another one nothing is
//! proven, and the login starts over; without that look, a right password would seem to be wrong.
//!
//! Where this is too little to rely on, keep the connection in your own hands, as the example
//! `http_client` does.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Parser;
use hyper_util::client::legacy::connect::HttpInfo;
use ntlm::http::{ClientConnection, Next, RequestHeader};
use ntlm::{ChannelBindings, Client, Credentials, Os};
use ntlm_http_examples::credentials::LoginOptions;
use ntlm_http_examples::trace::Trace;
use ntlm_http_examples::trust::TrustOptions;
use reqwest::tls::TlsInfo;
use reqwest::{Response, StatusCode, Url, redirect};

/// Fetches a URL with reqwest, logging in with NTLM where the server asks for it.
///
/// The last body goes to standard output, a line about each answer to standard error.
#[derive(Parser)]
struct Options {
    /// What to fetch: http://... or https://...
    url: Url,

    #[command(flatten)]
    login: LoginOptions,

    #[command(flatten)]
    trust: TrustOptions,

    /// Fetch it this often: only the first time takes a login
    #[arg(long, value_name = "N", default_value = "1")]
    count: u32,

    /// Where the server offers `Negotiate` and not `NTLM`, send SPNEGO instead of bare NTLM messages
    #[arg(long)]
    spnego: bool,

    #[command(flatten)]
    trace: Trace,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reqwest_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let credentials = options.login.credentials()?.context("who logs in? (--user)")?;
    let mut session = Session::new(credentials, options)?;
    let mut body = Bytes::new();
    for number in 1..=options.count {
        let answer = session.get(&options.url).await?;
        let Answer { status, legs, connection, .. } = answer;
        eprintln!("{number} status={} requests={legs} from={connection}", status.as_u16());
        body = answer.body;
    }
    io::stdout().write_all(&body)?;
    Ok(())
}

/// A user who logs in to one server, on one connection after the other.
struct Session {
    http: reqwest::Client,
    credentials: Credentials,
    /// Our address of the connection, which tells it from others, and the login on it.
    login: Option<(SocketAddr, ClientConnection)>,
    uses_spnego: bool,
    trace: Trace,
}

/// What a server said.
struct Answer {
    status: StatusCode,
    body: Bytes,
    /// How many requests it took.
    legs: usize,
    connection: SocketAddr,
}

impl Session {
    fn new(credentials: Credentials, options: &Options) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .http1_only()
            .pool_max_idle_per_host(1)
            // The certificate, of which channel bindings are made.
            .tls_info(true)
            .tls_backend_preconfigured(options.trust.tls_config()?.as_ref().clone())
            // A redirect can lead to another server, on another connection.
            .redirect(redirect::Policy::none())
            // A proxy that wants NTLM too would need a login of its own.
            .no_proxy()
            .connect_timeout(Duration::from_secs(30))
            .timeout(Duration::from_secs(300))
            .build()?;
        let Options { spnego: uses_spnego, trace, .. } = *options;
        Ok(Self { http, credentials, login: None, uses_spnego, trace })
    }

    /// Fetches a URL, and again for as long as a login needs it.
    async fn get(&mut self, url: &Url) -> anyhow::Result<Answer> {
        let mut header: Option<RequestHeader> = None;
        for leg in 1..=MAX_LEGS {
            let mut request = self.http.get(url.clone()).build()?;
            if let Some(next) = header.take() {
                next.insert_into(request.headers_mut());
            }
            self.trace.request(request.method(), url, request.headers());
            let response = self.http.execute(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            self.trace.response(response.version(), status, &headers);

            let connection = local_address(&response)?;
            let next = self.login_on(connection, &response)?.on_response(
                status.as_u16(),
                response.version(),
                &headers,
                &mut Os,
            )?;
            // To the end, or the connection does not go back to the pool.
            let body = response.bytes().await?;
            match next {
                Next::Send(next) => header = Some(next),
                Next::Rejected => bail!("the credentials were not accepted"),
                Next::NotOffered => bail!("the server does not offer NTLM"),
                Next::Authenticated | Next::Answered => {
                    return Ok(Answer { status, body, legs: leg, connection });
                }
            }
        }
        bail!("the login does not come to an end: does each request get another connection?");
    }

    /// The login on the connection on which a response came: a new one, if the pool took another
    /// connection than last time.
    fn login_on(
        &mut self,
        connection: SocketAddr,
        response: &Response,
    ) -> anyhow::Result<&mut ClientConnection> {
        let known = self.login.take().filter(|(address, _)| *address == connection);
        let login = match known {
            Some((_, login)) => login,
            None => {
                self.trace.note(format_args!("a new connection, from {connection}"));
                let login = ClientConnection::new(self.client(response)?);
                if self.uses_spnego { login.with_spnego() } else { login }
            }
        };
        Ok(&mut self.login.insert((connection, login)).1)
    }

    /// The client for the server that sent a response: only then is its certificate known.
    fn client(&self, response: &Response) -> anyhow::Result<Client> {
        let host = response.url().host_str().unwrap_or_default();
        let client = Client::new(self.credentials.clone()).with_spn(format!("HTTP/{host}"));
        let tls = response.extensions().get::<TlsInfo>();
        let Some(certificate) = tls.and_then(TlsInfo::peer_certificate) else {
            ensure!(response.url().scheme() != "https", "reqwest does not tell the certificate");
            return Ok(client.checked()?);
        };
        let bindings = ChannelBindings::from_certificate(certificate)?;
        Ok(client.with_channel_bindings(bindings).checked()?)
    }
}

/// Our own address of the connection on which a response came. reqwest has a method for the
/// server's address only; hyper, below it, leaves both in the response.
fn local_address(response: &Response) -> anyhow::Result<SocketAddr> {
    let connection = response.extensions().get::<HttpInfo>();
    Ok(connection.context("reqwest does not tell the connection")?.local_addr())
}

/// A login takes three requests; twice as many are enough if the connection changes meanwhile.
const MAX_LEGS: usize = 6;
