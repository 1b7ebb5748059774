//! NTLM with reqwest, on a runtime of several threads.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example reqwest_client -- -u 'EXAMPLE\alice:correct horse' --count 5 \
//!     http://127.0.0.1:8080/
//! cargo run --example reqwest_client -- -u 'EXAMPLE\alice:correct horse' --logins 200 \
//!     http://127.0.0.1:8080/
//! ```
//!
//! Copy [`NtlmClient`], which is in `src/reqwest_ntlm.rs` and says what it does about reqwest's pool.
//!
//! # What reqwest cannot do
//!
//! - Log in with NTLM to a proxy for `https:` URLs. reqwest sends `CONNECT` on its own, and shows
//!   neither the proxy's 407 nor the connection. Through a proxy it can do plain HTTP only.
//! - Keep to one connection. A request may go on a new connection at any time, so a login may start
//!   over, and a body may be sent once more than needed.
//!
//! Where this is too little, use the connections of hyper, as the example `http_client` does.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Parser;
use ntlm_http_examples::credentials::{LoginOptions, with_password};
use ntlm_http_examples::reqwest_ntlm::{Answer, NtlmClient};
use ntlm_http_examples::trace::Trace;
use ntlm_http_examples::trust::TrustOptions;
use reqwest::{ClientBuilder, Proxy, Url};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_rustls::rustls::ClientConfig;

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

    /// POST this instead of GET
    #[arg(short, long, value_name = "DATA")]
    data: Option<String>,

    /// Go through this proxy (http://host:port), for http:// URLs only
    #[arg(short = 'x', long, value_name = "URL")]
    proxy: Option<Url>,

    /// Log in to the proxy as this user; without a password, NTLM_PROXY_PASSWORD or a prompt supplies it
    #[arg(short = 'U', long, value_name = r"DOMAIN\USER[:PASSWORD]", requires = "proxy")]
    proxy_user: Option<String>,

    /// Fetch it this often: only the first time takes a login
    #[arg(long, value_name = "N", default_value = "1")]
    count: u32,

    /// Log in this often, each time with a new client and eight at once, and report how many failed
    #[arg(long, value_name = "N", conflicts_with = "count")]
    logins: Option<u32>,

    /// Where the server offers `Negotiate` and not `NTLM`, send SPNEGO instead of bare NTLM messages
    #[arg(long)]
    spnego: bool,

    #[command(flatten)]
    trace: Trace,
}

#[tokio::main]
async fn main() -> ExitCode {
    // A spawned task runs on the threads that drive the connections, so the pool usually has the
    // connection back in time.
    let result = tokio::spawn(run(Options::parse())).await;
    match result.unwrap_or_else(|error| Err(error.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reqwest_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    ensure!(
        options.proxy.is_none() || options.url.scheme() == "http",
        "reqwest cannot log in to a proxy for https: use http_client"
    );
    if let Some(count) = options.logins {
        return measure(Arc::new(options), count).await;
    }
    let mut client = client(&options, &*options.trust.tls_config()?)?;
    let mut body = Bytes::new();
    for number in 1..=options.count {
        let answer = fetch(&mut client, &options).await?;
        let Answer { response, requests, connection, .. } = answer;
        eprintln!("{number} status={} requests={requests} from={connection}", response.status());
        body = response.bytes().await?;
    }
    io::stdout().write_all(&body)?;
    Ok(())
}

fn client(options: &Options, tls: &ClientConfig) -> anyhow::Result<NtlmClient> {
    let builder = ClientBuilder::new()
        .tls_backend_preconfigured(tls.clone())
        .connect_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(300));
    let builder = match &options.proxy {
        Some(proxy) => builder.proxy(Proxy::http(proxy.clone())?),
        // Otherwise reqwest takes one from the environment.
        None => builder.no_proxy(),
    };
    let credentials = options.login.credentials()?.context("--user is required")?;
    let mut client = NtlmClient::new(builder, credentials, options.trace)?;
    if let Some(user) = &options.proxy_user {
        client = client.with_proxy_credentials(with_password(user, "NTLM_PROXY_PASSWORD")?);
    }
    Ok(if options.spnego { client.with_spnego() } else { client })
}

async fn fetch<'a>(client: &'a mut NtlmClient, options: &Options) -> anyhow::Result<Answer<'a>> {
    let url = options.url.clone();
    match &options.data {
        Some(data) => client.post(url, || data.clone()).await,
        None => client.get(url).await,
    }
}

/// Logs in again and again, and counts what fails and what starts over. Each login runs outside of the
/// threads that drive the connections, as in `main`: so it often is faster than reqwest's pool.
async fn measure(options: Arc<Options>, count: u32) -> anyhow::Result<()> {
    let tls = options.trust.tls_config()?;
    let started = Arc::new(AtomicU32::new(0));
    let mut threads = JoinSet::new();
    for _ in 0..8 {
        let (options, tls, started) =
            (Arc::clone(&options), Arc::clone(&tls), Arc::clone(&started));
        threads.spawn_blocking(move || {
            let (mut failed, mut over) = (0, 0);
            while started.fetch_add(1, Relaxed) < count {
                match Handle::current().block_on(log_in(&options, &tls)) {
                    Ok(requests) => over += u32::from(requests > REQUESTS),
                    Err(error) => {
                        failed += 1;
                        eprintln!("{error:#}");
                    }
                }
            }
            (failed, over)
        });
    }
    let counts = threads.join_all().await.into_iter();
    let (failed, over) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    println!("{count} logins, {failed} failed, {over} started over");
    ensure!(failed == 0, "logins failed");
    Ok(())
}

/// Logs in with a new client, and returns how many requests that took.
async fn log_in(options: &Options, tls: &ClientConfig) -> anyhow::Result<usize> {
    let mut client = client(options, tls)?;
    let Answer { response, requests, .. } = fetch(&mut client, options).await?;
    response.error_for_status()?.bytes().await?;
    Ok(requests)
}

/// How many requests a login takes.
const REQUESTS: usize = 3;
