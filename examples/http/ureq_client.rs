//! NTLM with ureq, a blocking client without a runtime.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example ureq_client -- -u 'EXAMPLE\alice:correct horse' --count 3 \
//!     http://127.0.0.1:8080/
//! ```
//!
//! Bodies are kept in memory, so their length is limited.
//!
//! ureq returns a connection to its pool once the body of a response has been read to its end, before
//! the next request begins. So with one idle connection per host, and one thread, all requests use one
//! connection, unless the server closes it.
//!
//! # What ureq cannot do
//!
//! - Show which connection a response came on. If the server closes the connection in the middle of a
//!   login, the login fails as if the password were wrong.
//! - Show the server's certificate, so it cannot send channel bindings (extended protection).
//! - Log in with NTLM to a proxy for `https:` URLs.
//!
//! If you need these, use hyper's connections, as the example `http_client` does.

use std::io::{self, Write};

use anyhow::{Context, bail};
use clap::Parser;
use ntlm::http::{ClientConnection, Next, RequestBody, RequestHeader};
use ntlm::{Client, Os};
use ntlm_http_examples::credentials::LoginOptions;
use ureq::Agent;
use ureq::http::{Request, Uri};

/// Fetches a URL with ureq, and logs in with NTLM if the server requires it.
///
/// The last body is written to standard output, a line about each answer to standard error.
#[derive(Parser)]
struct Options {
    /// The URL to fetch: http://... or https://...
    url: Uri,

    #[command(flatten)]
    login: LoginOptions,

    /// POST this instead of GET
    #[arg(short, long, value_name = "DATA")]
    data: Option<String>,

    /// How many times to fetch it; only the first needs a login
    #[arg(long, value_name = "N", default_value = "1")]
    count: u32,

    /// The longest body to read; a longer one is an error
    #[arg(long, value_name = "BYTES", default_value = "10000000")]
    max_body: u64,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections_per_host(1)
        // When following a redirect, ureq would send the last token again, perhaps to another
        // server.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(std::time::Duration::from_secs(300)))
        .build()
        .into();
    let credentials = options.login.credentials()?.context("--user is required")?;
    let host = options.url.host().context("the URL has no host")?;
    let client = Client::new(credentials).with_spn(format!("HTTP/{host}")).checked()?;
    // The login on the agent's only connection.
    let mut login = ClientConnection::new(client);
    let mut body = Vec::new();
    for number in 1..=options.count {
        let (status, requests);
        (status, requests, body) = fetch(&agent, &mut login, &options)?;
        eprintln!("{number} status={status} requests={requests}");
    }
    Ok(io::stdout().write_all(&body)?)
}

/// Fetches the URL, and repeats the request until the login is complete. Returns the status, the number
/// of requests, and the body.
fn fetch(
    agent: &Agent,
    login: &mut ClientConnection,
    options: &Options,
) -> anyhow::Result<(u16, usize, Vec<u8>)> {
    let mut header: Option<RequestHeader> = None;
    for requests in 1..=MAX_REQUESTS {
        let omits_body = header.as_ref().is_some_and(|sent| sent.body == RequestBody::Omit);
        let mut request = Request::new(match &options.data {
            Some(_) if omits_body => "",
            Some(data) => data,
            None => "",
        });
        *request.uri_mut() = options.url.clone();
        if options.data.is_some() {
            *request.method_mut() = ureq::http::Method::POST;
        }
        if let Some(header) = &header {
            header.insert_into(request.headers_mut());
        }
        let mut response = agent.run(request)?;
        let status = response.status().as_u16();
        let next = login.on_response(status, response.version(), response.headers(), &mut Os)?;
        // Read the body to its end: otherwise the connection is not returned to the pool.
        let body = response.body_mut().with_config().limit(options.max_body).read_to_vec()?;
        match next {
            Next::Send(next) => header = Some(next),
            // The body was left out because a challenge was expected, but none came.
            Next::Answered if omits_body => header = None,
            Next::Answered | Next::Authenticated => return Ok((status, requests, body)),
            Next::Rejected => bail!("the credentials were not accepted"),
            Next::NotOffered => bail!("the server does not offer NTLM"),
        }
    }
    bail!("the login does not end")
}

/// A login needs three requests, and one more if a body was left out.
const MAX_REQUESTS: usize = 4;
