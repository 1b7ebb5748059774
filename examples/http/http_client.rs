//! A client like curl that logs in to servers and proxies with NTLM, over HTTP and HTTPS, with
//! channel bindings.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example http_client -- -v -u 'EXAMPLE\alice:correct horse' http://127.0.0.1:8080/
//! ```
//!
//! What to copy is [`exchange`](ntlm_http_examples::exchange::exchange), which sends a request and
//! repeats it on the same connection until the login is complete, and [`Agent`], which opens
//! connections and logs in to servers and proxies.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use ntlm_http_examples::agent::{Agent, AgentOptions};
use ntlm_http_examples::connection::drain;
use ntlm_http_examples::outgoing::Outgoing;
use ntlm_http_examples::redirect;
use ntlm_http_examples::trace::printable;
use url::Url;

/// Fetches a URL, and logs in with NTLM if the server or the proxy requires it.
///
/// The body is written to standard output. The exit code is 0 if a response came, whatever its
/// status (see --fail), and 1 otherwise.
#[derive(Parser)]
struct Options {
    /// The URL to fetch: http://... or https://...
    url: Url,

    #[command(flatten)]
    agent: AgentOptions,

    /// Send HEAD, and show the status and the headers
    #[arg(short = 'I', long, conflicts_with = "data")]
    head: bool,

    /// Follow up to ten redirects; credentials and your headers are sent only to the first server
    #[arg(short = 'L', long)]
    location: bool,

    /// The method; the default is GET, or POST with --data
    #[arg(short = 'X', long, value_name = "METHOD")]
    request: Option<Method>,

    /// Send this body, as a form unless a header sets another type
    #[arg(short, long)]
    data: Option<String>,

    /// Send this header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// Exit with 22 if the status is 400 or more
    #[arg(short, long)]
    fail: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(status) if options.fail && status.as_u16() >= 400 => ExitCode::from(22),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Fetches the URL, following redirects, and shows the last response.
async fn run(options: &Options) -> anyhow::Result<StatusCode> {
    let mut agent = Agent::new(&options.agent, &options.url)?;
    let mut request = first(options)?;
    for _ in 0..=MAX_REDIRECTS {
        let (response, verdict) = agent.fetch(&request).await?;
        let (status, headers) = (response.status(), response.headers());
        let target = match options.location {
            true => redirect::target(&request.url, status, headers)?,
            false => None,
        };
        let Some(target) = target else {
            if let Some(complaint) = agent.complaint(status, &verdict) {
                eprintln!("http_client: {complaint}");
            }
            return show(options, response).await;
        };
        options.agent.trace.note(format_args!("{status} leads to {target}"));
        drain(response.into_body()).await?;
        request = request.redirected(status, target);
    }
    bail!("more than {MAX_REDIRECTS} redirects");
}

/// The first request.
fn first(options: &Options) -> anyhow::Result<Outgoing> {
    let Options { url, data, .. } = options;
    ensure!(matches!(url.scheme(), "http" | "https"), "{url} is not an http or https URL");
    let method = match (&options.request, options.head, data) {
        (Some(method), ..) => method.clone(),
        (None, true, _) => Method::HEAD,
        (None, false, Some(_)) => Method::POST,
        (None, false, None) => Method::GET,
    };
    let mut headers = HeaderMap::new();
    if data.is_some() {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
    }
    for (name, _) in &options.headers {
        headers.remove(name);
    }
    headers.extend(options.headers.iter().cloned());
    let body = data.clone().unwrap_or_default().into();
    Ok(Outgoing { method, url: url.clone(), headers, body })
}

/// Writes a response to standard output.
async fn show(options: &Options, response: Response<Incoming>) -> anyhow::Result<StatusCode> {
    let mut output = io::stdout();
    let status = response.status();
    if options.head {
        writeln!(output, "{:?} {status}", response.version())?;
        for (name, value) in response.headers() {
            writeln!(output, "{name}: {}", printable(value.as_bytes()))?;
        }
        writeln!(output)?;
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            output.write_all(&data)?;
        }
    }
    output.flush()?;
    Ok(status)
}

fn parse_header(header: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let (name, value) = header.split_once(':').context("a header has the form 'Name: value'")?;
    Ok((name.trim().parse()?, value.trim().parse()?))
}

const MAX_REDIRECTS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(arguments: &[&str]) -> Outgoing {
        let arguments = ["http_client"].iter().chain(arguments);
        first(&Options::parse_from(arguments)).unwrap()
    }

    #[test]
    fn data_is_posted_as_a_form_by_default() {
        let request = outgoing(&["-d", "a=b", "http://h/"]).to_http(false).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(request.headers()["content-length"], "3");
        let arguments = ["-d", "{}", "-XPUT", "-H", "Content-Type: application/json", "http://h/"];
        let request = outgoing(&arguments).to_http(false).unwrap();
        assert_eq!(request.method(), Method::PUT);
        assert_eq!(request.headers().get_all("content-type").iter().count(), 1);
        assert_eq!(request.headers()["content-type"], "application/json");
    }

    #[test]
    fn header_may_be_given_twice() {
        let request = outgoing(&["-H", "a: 1", "-H", "a: 2", "http://h/"]);
        assert_eq!(request.headers.get_all("a").iter().count(), 2);
    }

    #[test]
    fn options_that_exclude_each_other_are_rejected() {
        let parse = |arguments: &[&str]| {
            Options::try_parse_from(["http_client", "http://h/"].iter().chain(arguments)).is_err()
        };
        assert!(parse(&["-I", "-d", "x"]));
        assert!(parse(&["-k", "--cacert", "x"]));
        assert!(parse(&["--nt-hash", &"0".repeat(32)]));
        assert!(parse(&["--level", "6"]));
        assert!(parse(&["-H", "no colon"]));
    }
}
