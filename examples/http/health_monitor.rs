//! A health check that logs in with NTLM, for a load balancer or a monitoring system: one line of
//! output, and an exit code.
//!
//! ```text
//! cargo run --example http_server &
//! export HEALTH_USER='EXAMPLE\alice' HEALTH_PASSWORD='correct horse'
//! cargo run --example health_monitor -- http://127.0.0.1:8080/
//! ```
//!
//! What to copy is [`check`], which fetches a page within a time limit, and [`exchange`], which
//! sends a request on one connection and repeats it until the login is complete.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, header};
use ntlm::http::{ClientConnection, Next};
use ntlm::{ChannelBindings, Client, Credentials};
use ntlm_http_examples::connection::{self, Connection, drain};
use ntlm_http_examples::exchange::exchange;
use ntlm_http_examples::redirect;
use ntlm_http_examples::trace::Trace;
use ntlm_http_examples::trust::TrustOptions;
use tokio::runtime;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

/// Checks that a page that requires NTLM can be fetched, and prints one line: "OK 200 URL NTLM 12
/// ms" or "FAILED URL reason". The exit code is 0 or 1.
#[derive(Parser)]
#[command(after_help = VARIABLES)]
struct Options {
    /// The page: http://... or https://...
    url: Url,

    /// The method; HEAD does not transfer the page, but some servers answer it wrongly
    #[arg(short = 'X', long, value_enum, ignore_case = true, default_value = "HEAD")]
    method: Method,

    /// The statuses that are healthy; a redirect is followed unless it is among them
    #[arg(long, value_name = "STATUS", value_delimiter = ',', default_value = "200")]
    expect: Vec<u16>,

    /// The time limit for everything, from the look-up of the name to the last byte
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    timeout: Duration,

    /// How many redirects to follow; none is followed to another scheme, host or port
    #[arg(long, value_name = "N", default_value = "5")]
    max_redirects: u32,

    #[command(flatten)]
    trust: TrustOptions,
}

const VARIABLES: &str = r"Environment:
  HEALTH_USER      Who logs in, DOMAIN\user; without it nobody does
  HEALTH_PASSWORD  The password
  HEALTH_NT_HASH   The NT hash of the password (32 hexadecimal digits), instead of HEALTH_PASSWORD";

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Method {
    Head,
    Get,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(Health { status, url, login, time }) => {
            println!("OK {status} {url} {login} {} ms", time.as_millis());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAILED {} {error:#}", options.url);
            ExitCode::FAILURE
        }
    }
}

/// The result of a successful check.
struct Health {
    status: u16,
    url: Url,
    login: &'static str,
    time: Duration,
}

fn run(options: &Options) -> anyhow::Result<Health> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let late = || bail!("no answer within {} s", options.timeout.as_secs_f64());
    let health = runtime.block_on(async {
        timeout(options.timeout, check(options)).await.unwrap_or_else(|_| late())
    });
    // The look-up of a name cannot be interrupted, so do not wait for its end.
    runtime.shutdown_background();
    health
}

/// Fetches the page, following redirects.
async fn check(options: &Options) -> anyhow::Result<Health> {
    let mut url = options.url.clone();
    ensure!(matches!(url.scheme(), "http" | "https"), "this is not an http or https URL");
    let credentials = credentials()?;
    let tls = options.trust.tls_config()?;
    let start = Instant::now();
    let mut probe = Probe::open(&url, credentials.as_ref(), &tls).await?;
    for _ in 0..=options.max_redirects {
        if !probe.connection.is_open().await {
            probe = Probe::open(&url, credentials.as_ref(), &tls).await?;
        }
        let response = probe.request(options.method, &url).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        // A truncated page is a failure.
        drain(response.into_body()).await?;
        if options.expect.contains(&status.as_u16()) {
            let login = if probe.is_authenticated { "NTLM" } else { "without login" };
            return Ok(Health { status: status.as_u16(), url, login, time: start.elapsed() });
        }
        let Some(target) = redirect::target(&url, status, &headers)? else {
            let is_asked = status == StatusCode::UNAUTHORIZED && credentials.is_none();
            bail!("status {status}{}", if is_asked { ", and HEALTH_USER is not set" } else { "" });
        };
        // A redirect must not choose which server gets the credentials.
        let is_same = redirect::is_same_origin(&url, &target);
        ensure!(is_same, "status {status} leads to another server: {target}");
        url = target;
    }
    bail!("more than {} redirects", options.max_redirects);
}

/// One connection, and the login that belongs to it.
struct Probe<'a> {
    connection: Connection,
    login: Option<ClientConnection>,
    is_authenticated: bool,
    tls: &'a Arc<ClientConfig>,
}

impl<'a> Probe<'a> {
    async fn open(
        url: &Url,
        credentials: Option<&Credentials>,
        tls: &'a Arc<ClientConfig>,
    ) -> anyhow::Result<Self> {
        let connection = Connection::open(url, tls).await?;
        let login = match credentials {
            Some(credentials) => Some(login(credentials, url, connection.certificate())?),
            None => None,
        };
        Ok(Self { connection, login, is_authenticated: false, tls })
    }

    /// Sends a request, and repeats it on the same connection until the login is complete.
    async fn request(&mut self, method: Method, url: &Url) -> anyhow::Result<Response<Incoming>> {
        let Self { connection, login, is_authenticated, tls } = self;
        let request = request(method, url)?;
        let reconnect = async || Connection::open(url, tls).await;
        let trace = Trace::default();
        let (response, next) =
            exchange(connection, login.as_mut_slice(), &request, reconnect, trace).await?;
        match next {
            Next::Rejected => bail!("the credentials were not accepted"),
            Next::NotOffered => bail!("the server does not offer NTLM"),
            next => *is_authenticated = next == Next::Authenticated,
        }
        Ok(response)
    }
}

/// The login to the server of a URL.
fn login(
    credentials: &Credentials,
    url: &Url,
    certificate: Option<&[u8]>,
) -> anyhow::Result<ClientConnection> {
    let target = format!("HTTP/{}", url.host_str().unwrap_or_default());
    let mut client = Client::new(credentials.clone()).with_spn(target);
    if let Some(certificate) = certificate {
        let bindings = ChannelBindings::from_certificate(certificate)?;
        client = client.with_channel_bindings(bindings);
    }
    Ok(ClientConnection::new(client.checked()?))
}

fn request(method: Method, url: &Url) -> anyhow::Result<Request<Full<Bytes>>> {
    let method = match method {
        Method::Head => hyper::Method::HEAD,
        Method::Get => hyper::Method::GET,
    };
    let request = Request::builder()
        .method(method)
        .uri(connection::origin_form(url))
        .header(header::HOST, connection::host(url))
        .header(header::USER_AGENT, "ntlm-health-monitor");
    Ok(request.body(Full::default())?)
}

/// The credentials, from the environment because, unlike arguments, other users of the machine
/// cannot see it.
fn credentials() -> anyhow::Result<Option<Credentials>> {
    let Some(user) = variable("HEALTH_USER")? else { return Ok(None) };
    Ok(Some(match (variable("HEALTH_PASSWORD")?, variable("HEALTH_NT_HASH")?) {
        (Some(password), None) => Credentials::password(user, &password),
        (None, Some(hash)) => {
            let hash = hash.parse().map_err(anyhow::Error::new);
            Credentials::nt_hash(user, hash.context("HEALTH_NT_HASH")?)
        }
        (None, None) => bail!("HEALTH_USER needs HEALTH_PASSWORD or HEALTH_NT_HASH"),
        (Some(_), Some(_)) => bail!("both HEALTH_PASSWORD and HEALTH_NT_HASH are set"),
    }))
}

fn variable(name: &str) -> anyhow::Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => bail!("{name} is not UTF-8"),
    }
}

fn parse_seconds(seconds: &str) -> anyhow::Result<Duration> {
    let duration = Duration::try_from_secs_f64(seconds.parse()?)?;
    ensure!(!duration.is_zero(), "the time must be longer than zero");
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_positive_and_may_have_fractions() {
        assert_eq!(parse_seconds("0.5").unwrap(), Duration::from_millis(500));
        for wrong in ["0", "-1", "NaN", "inf", "x", ""] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn statuses_are_a_list() {
        let arguments = ["health_monitor", "--expect", "200,204", "--method", "get", "http://h/"];
        let options = Options::try_parse_from(arguments).unwrap();
        assert_eq!(options.expect, [200, 204]);
        assert!(matches!(options.method, Method::Get));
    }
}
