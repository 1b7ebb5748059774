//! NTLM with reqwest, on a multi-threaded runtime.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example reqwest_client -- -u 'EXAMPLE\alice:correct horse' --count 5 \
//!     http://127.0.0.1:8080/
//! ```
//!
//! What to copy is [`NtlmClient`] of `src/reqwest_ntlm.rs`, which documents how it handles
//! reqwest's pool.
//!
//! # What reqwest cannot do
//!
//! - Log in with NTLM to a proxy for `https:` URLs. reqwest sends `CONNECT` itself, and exposes
//!   neither the proxy's 407 nor the connection. Only plain HTTP works through an NTLM proxy.
//! - Stay on one connection. Any request may use a new connection, so a login may start over, and a
//!   body may be sent once more than needed.
//!
//! If you need these, use hyper's connections, as the example `http_client` does.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Parser;
use ntlm_http_examples::credentials::{LoginOptions, with_password};
use ntlm_http_examples::reqwest_ntlm::{Answer, NtlmClient};
use ntlm_http_examples::trace::Trace;
use ntlm_http_examples::trust::TrustOptions;
use reqwest::{ClientBuilder, Proxy, Url};
use tokio_rustls::rustls::ClientConfig;

/// Fetches a URL with reqwest, and logs in with NTLM if the server requires it.
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
    data: Option<String>,

    /// Use this proxy (http://host:port), for http:// URLs only
    #[arg(short = 'x', long, value_name = "URL")]
    proxy: Option<Url>,

    /// Log in to the proxy as this user; without a password, NTLM_PROXY_PASSWORD or a prompt supplies it
    #[arg(short = 'U', long, value_name = r"DOMAIN\USER[:PASSWORD]", requires = "proxy")]
    proxy_user: Option<String>,

    /// How many times to fetch it; only the first needs a login
    #[arg(long, value_name = "N", default_value = "1")]
    count: u32,

    /// If the server offers `Negotiate` but not `NTLM`, send SPNEGO instead of bare NTLM messages
    #[arg(long)]
    spnego: bool,

    #[command(flatten)]
    trace: Trace,
}

#[tokio::main]
async fn main() -> ExitCode {
    // A spawned task runs on the threads that drive the connections, so the connection is usually
    // back in the pool in time.
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
    let mut client = client(&options)?;
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

fn client(options: &Options) -> anyhow::Result<NtlmClient> {
    let tls = ClientConfig::clone(&*options.trust.tls_config()?);
    let builder = ClientBuilder::new()
        .tls_backend_preconfigured(tls)
        .connect_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(300));
    let builder = match &options.proxy {
        Some(proxy) => builder.proxy(Proxy::http(proxy.clone())?),
        // Otherwise reqwest uses the proxy from the environment.
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
