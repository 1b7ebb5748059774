//! A client like curl: requests that log in with NTLM, to servers and to proxies, over HTTP and
//! HTTPS, with channel bindings.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example http_client -- -v -u 'EXAMPLE\alice:correct horse' http://127.0.0.1:8080/
//! ```
//!
//! What to copy is [`exchange`]: it sends a request on one connection, and again on the same one
//! for as long as the login needs it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use ntlm::http::{ClientConnection, Next, NextConnection, RequestBody, RequestHeader};
use ntlm::{ChannelBindings, Client, Credentials, LmCompatibility, Os, client};
use ntlm_http_examples::connection::{self, Connection, drain};
use ntlm_http_examples::credentials::{self, LoginOptions};
use ntlm_http_examples::redirect;
use ntlm_http_examples::trace::{Trace, printable};
use ntlm_http_examples::trust::TrustOptions;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

/// Fetches a URL, and logs in with NTLM where the server or the proxy asks for it.
///
/// The body goes to standard output. The exit code is 0 if a response came (also one that says no:
/// see --fail), and 1 otherwise.
#[derive(Parser)]
struct Options {
    /// What to fetch: http://... or https://...
    url: Url,

    #[command(flatten)]
    login: LoginOptions,

    /// Go through this proxy, to https URLs with CONNECT
    #[arg(short = 'x', long, value_name = "http://HOST:PORT")]
    proxy: Option<Url>,

    /// Log in to the proxy as this user; without a password, the variable NTLM_PROXY_PASSWORD or a
    /// prompt supplies it
    #[arg(short = 'U', long, value_name = r"DOMAIN\USER[:PASSWORD]", requires = "proxy")]
    proxy_user: Option<String>,

    /// Ask with HEAD, and show the status and the headers
    #[arg(short = 'I', long, conflicts_with = "data")]
    head: bool,

    /// Follow redirects, up to ten; only the first server gets the credentials and your headers
    #[arg(short = 'L', long)]
    location: bool,

    /// Ask with this method, if it is not GET, or POST with --data
    #[arg(short = 'X', long, value_name = "METHOD")]
    request: Option<Method>,

    /// Send this in the body, as a form does unless a header says otherwise
    #[arg(short, long)]
    data: Option<String>,

    /// Send this header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    #[command(flatten)]
    trust: TrustOptions,

    /// Do not tell the server which certificate it showed. Servers can insist on it, since it is
    /// what gives away somebody who stands in between
    #[arg(long)]
    no_channel_bindings: bool,

    /// Tell the server this name of the machine
    #[arg(long, value_name = "NAME")]
    workstation: Option<String>,

    /// The LAN Manager authentication level, 0 to 5: below 3, responses are weaker than NTLMv2
    #[arg(long, value_name = "N", default_value = "3", value_parser = parse_level)]
    level: LmCompatibility,

    /// Where the server or the proxy offers `Negotiate` and not `NTLM`, send SPNEGO instead of bare NTLM
    /// messages
    #[arg(long)]
    spnego: bool,

    /// Exit with 22 if the status is 400 or more
    #[arg(short, long)]
    fail: bool,

    #[command(flatten)]
    trace: Trace,
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
    let mut agent = Agent::new(options)?;
    let mut request = Outgoing::first(options)?;
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
        options.trace.note(format_args!("{status} leads to {target}"));
        drain(response.into_body()).await?;
        request = request.redirected(status, target);
    }
    bail!("more than {MAX_REDIRECTS} redirects");
}

/// Sends a request, and again on the same connection for as long as a login needs it.
///
/// `logins` say who asks for one: the server, or a proxy and then the server. They belong to the
/// connection. `reconnect` opens another one in its place, which is only needed before anything was
/// proven.
async fn exchange(
    connection: &mut Connection,
    logins: &mut [ClientConnection],
    request: &Request<Full<Bytes>>,
    reconnect: impl AsyncFn() -> anyhow::Result<Connection>,
    trace: Trace,
) -> anyhow::Result<(Response<Incoming>, Next)> {
    let mut header = None;
    for _ in 0..MAX_LEGS {
        let attempt = with_header(request, header.as_ref())?;
        trace.request(attempt.method(), attempt.uri(), attempt.headers());
        let response = connection.send(attempt).await?;
        trace.response(response.version(), response.status(), response.headers());

        match next(logins, &response)? {
            Next::Send(next) => {
                // The connection is free for the next request when the response was read.
                drain(response.into_body()).await?;
                // A response without a length ends with its connection, too.
                let is_start = next.body == RequestBody::Omit;
                if next.connection == NextConnection::New
                    || (is_start && !connection.is_open().await)
                {
                    trace.note("the server ends the connection: on a new one");
                    *connection = reconnect().await?;
                }
                header = Some(next);
            }
            // The body was kept back, because a challenge was expected; there is none.
            Next::Answered
                if is_without_body(header.as_ref()) && !request.body().is_end_stream() =>
            {
                drain(response.into_body()).await?;
                header = None;
            }
            verdict
            @ (Next::Answered | Next::Authenticated | Next::Rejected | Next::NotOffered) => {
                return Ok((response, verdict));
            }
        }
    }
    bail!("the login does not come to an end");
}

/// What a response means to the first that has something to say about it.
fn next(
    logins: &mut [ClientConnection],
    response: &Response<Incoming>,
) -> Result<Next, ntlm::http::Error> {
    let (status, headers) = (response.status().as_u16(), response.headers());
    for login in logins {
        match login.on_response(status, response.version(), headers, &mut Os)? {
            // It is no question of this one's.
            Next::Answered | Next::Authenticated => {}
            next @ (Next::Send(_) | Next::Rejected | Next::NotOffered) => return Ok(next),
        }
    }
    Ok(Next::Answered)
}

/// The request, with what the login adds to it.
fn with_header(
    request: &Request<Full<Bytes>>,
    header: Option<&RequestHeader>,
) -> anyhow::Result<Request<Full<Bytes>>> {
    let mut request = request.clone();
    let Some(header) = header else { return Ok(request) };
    header.insert_into(request.headers_mut());
    if header.body == RequestBody::Omit && !request.body().is_end_stream() {
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        *request.body_mut() = Full::default();
    }
    Ok(request)
}

fn is_without_body(header: Option<&RequestHeader>) -> bool {
    header.is_some_and(|header| header.body == RequestBody::Omit)
}

/// What sends requests: settings, and the connection of the last request.
struct Agent<'a> {
    options: &'a Options,
    credentials: Option<Credentials>,
    proxy_credentials: Option<Credentials>,
    tls: Arc<ClientConfig>,
    link: Option<Link>,
}

/// A connection to an origin, and what was proven on it. They come and go together.
struct Link {
    origin: Url,
    connection: Connection,
    logins: Vec<ClientConnection>,
}

impl<'a> Agent<'a> {
    fn new(options: &'a Options) -> anyhow::Result<Self> {
        let proxy = &options.proxy;
        ensure!(
            proxy.as_ref().is_none_or(|proxy| proxy.scheme() == "http"),
            "only http proxies are supported"
        );
        let proxy_credentials = match &options.proxy_user {
            Some(user) => Some(credentials::with_password(user, "NTLM_PROXY_PASSWORD")?),
            None => None,
        };
        Ok(Self {
            options,
            credentials: options.login.credentials()?,
            proxy_credentials,
            tls: options.trust.tls_config()?,
            link: None,
        })
    }

    /// Sends a request on the connection to its origin, opening one if there is none.
    async fn fetch(&mut self, request: &Outgoing) -> anyhow::Result<(Response<Incoming>, Next)> {
        let mut link = match self.link.take() {
            Some(link) if redirect::is_same_origin(&link.origin, &request.url) => link,
            _ => self.open(&request.url).await?,
        };
        if !link.connection.is_open().await {
            link = self.open(&request.url).await?;
        }
        let message = request.to_http(self.is_proxied(&request.url))?;
        let reconnect = async || self.connect(&request.url).await;
        let Link { connection, logins, .. } = &mut link;
        let trace = self.options.trace;
        let answer = exchange(connection, logins, &message, reconnect, trace).await?;
        self.link = Some(link);
        Ok(answer)
    }

    /// What is wrong if the last response asks for a login.
    const fn complaint(&self, status: StatusCode, verdict: &Next) -> Option<&'static str> {
        match (status.as_u16(), verdict) {
            (_, Next::Rejected) => Some("the credentials were not accepted"),
            (_, Next::NotOffered) => Some("NTLM is not among the ways to log in that are offered"),
            (407, _) => Some("the proxy asks for a login (--proxy-user)"),
            (401, _) if self.credentials.is_none() => Some("the server asks for a login (--user)"),
            (401, _) => Some("another server asks for a login, which only the first one gets"),
            _ => None,
        }
    }

    async fn open(&self, url: &Url) -> anyhow::Result<Link> {
        self.options.trace.note(format_args!("a new connection to {}", connection::host(url)));
        let connection = self.connect(url).await?;
        let mut logins = Vec::new();
        if self.is_proxied(url) {
            logins.extend(self.proxy_login()?);
        }
        logins.extend(self.server_login(url, connection.certificate())?);
        Ok(Link { origin: url.clone(), connection, logins })
    }

    async fn connect(&self, url: &Url) -> anyhow::Result<Connection> {
        match &self.options.proxy {
            None => Connection::open(url, &self.tls).await,
            Some(proxy) if self.is_proxied(url) => Connection::open(proxy, &self.tls).await,
            Some(proxy) => self.connect_through(proxy, url).await,
        }
    }

    /// Asks the proxy for a tunnel to the server, and starts TLS in it. What the proxy wants to be
    /// proven is over then, and unknown to the server.
    async fn connect_through(&self, proxy: &Url, url: &Url) -> anyhow::Result<Connection> {
        let address = connection::address(url)?;
        let request = Request::connect(&address).header(header::HOST, &address);
        let request = request.body(Full::default())?;
        let mut connection = Connection::open(proxy, &self.tls).await?;
        let mut logins = Vec::from_iter(self.proxy_login()?);
        let reconnect = async || Connection::open(proxy, &self.tls).await;
        let trace = self.options.trace;
        let (response, verdict) =
            exchange(&mut connection, &mut logins, &request, reconnect, trace).await?;
        let status = response.status();
        if !status.is_success() {
            let complaint = self.complaint(status, &verdict);
            let complaint = complaint.map(|complaint| format!(": {complaint}")).unwrap_or_default();
            bail!("the proxy answers CONNECT {address} with {status}{complaint}");
        }
        let tunnel = hyper::upgrade::on(response).await?;
        Connection::through_tunnel(tunnel, url, &self.tls).await
    }

    /// Whether requests go to the proxy itself, which passes them on.
    fn is_proxied(&self, url: &Url) -> bool {
        self.options.proxy.is_some() && url.scheme() == "http"
    }

    fn proxy_login(&self) -> anyhow::Result<Option<ClientConnection>> {
        let Options { proxy: Some(proxy), .. } = self.options else { return Ok(None) };
        let Some(credentials) = &self.proxy_credentials else { return Ok(None) };
        let login = ClientConnection::for_proxy(self.client(credentials, proxy).checked()?);
        Ok(Some(self.wrapping(login)))
    }

    fn server_login(
        &self,
        url: &Url,
        certificate: Option<&[u8]>,
    ) -> anyhow::Result<Option<ClientConnection>> {
        let Some(credentials) = &self.credentials else { return Ok(None) };
        // Whoever redirects us elsewhere must not choose who gets the credentials.
        if !redirect::is_same_origin(&self.options.url, url) {
            let host = connection::host(url);
            self.options.trace.note(format_args!("{host} is not the first server: no login there"));
            return Ok(None);
        }
        let mut client = self.client(credentials, url);
        if let Some(certificate) = certificate.filter(|_| !self.options.no_channel_bindings) {
            let bindings = ChannelBindings::from_certificate(certificate)
                .context("no channel bindings (--no-channel-bindings goes without)")?;
            client = client.with_channel_bindings(bindings);
        }
        Ok(Some(self.wrapping(ClientConnection::new(client.checked()?))))
    }

    fn wrapping(&self, login: ClientConnection) -> ClientConnection {
        if self.options.spnego { login.with_spnego() } else { login }
    }

    fn client(&self, credentials: &Credentials, url: &Url) -> Client {
        let mut policy = client::Policy::default();
        policy.shared.lm_compatibility = self.options.level;
        Client::new(credentials.clone())
            .with_policy(policy)
            .with_spn(format!("HTTP/{}", url.host_str().unwrap_or_default()))
            .with_workstation(self.options.workstation.as_deref().unwrap_or_default())
    }
}

/// A request before it is known how it goes.
struct Outgoing {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Outgoing {
    fn first(options: &Options) -> anyhow::Result<Self> {
        let Options { url, data, .. } = options;
        ensure!(matches!(url.scheme(), "http" | "https"), "{url} is no http or https URL");
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
        Ok(Self { method, url: url.clone(), headers, body })
    }

    /// The request after a redirect. To another origin, no headers go that may hold secrets.
    fn redirected(self, status: StatusCode, target: Url) -> Self {
        let method = redirect::method(status, &self.method);
        let mut headers = self.headers;
        if !redirect::is_same_origin(&self.url, &target) {
            headers.clear();
        }
        let body = if method == self.method { self.body } else { Bytes::new() };
        Self { method, url: target, headers, body }
    }

    fn to_http(&self, is_proxied: bool) -> anyhow::Result<Request<Full<Bytes>>> {
        let Self { method, url, headers, body } = self;
        let target = match is_proxied {
            true => connection::absolute_form(url),
            false => connection::origin_form(url).into(),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, connection::host(url))
            .header(header::ACCEPT, "*/*")
            .header(header::USER_AGENT, concat!("ntlm-http-client/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body.clone()))?;
        if !body.is_empty() {
            request.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
        }
        // A header that is given takes the place of ours.
        for name in headers.keys() {
            request.headers_mut().remove(name);
        }
        request.headers_mut().extend(headers.clone());
        Ok(request)
    }
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

fn parse_level(level: &str) -> anyhow::Result<LmCompatibility> {
    let level = level.parse().ok().and_then(|level: u8| LmCompatibility::try_from(level).ok());
    level.context("the levels are 0 to 5")
}

const MAX_REDIRECTS: usize = 10;
/// Logins to a proxy and a server take five requests, and some more if connections end.
const MAX_LEGS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(arguments: &[&str]) -> Outgoing {
        let arguments = ["http_client"].iter().chain(arguments);
        Outgoing::first(&Options::parse_from(arguments)).unwrap()
    }

    #[test]
    fn data_is_posted_as_a_form_unless_told_otherwise() {
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
    fn a_header_may_be_given_twice_and_replaces_ours() {
        let arguments = ["-H", "Host: other", "-H", "a: 1", "-H", "a: 2", "http://h/"];
        let request = outgoing(&arguments).to_http(false).unwrap();
        assert_eq!(request.headers()["host"], "other");
        assert_eq!(request.headers().get_all("a").iter().count(), 2);
    }

    #[test]
    fn headers_stay_behind_when_a_redirect_leads_to_another_origin() {
        let request = || outgoing(&["-H", "Cookie: secret", "http://a.example/"]);
        let same = request().redirected(StatusCode::FOUND, "http://a.example/b".parse().unwrap());
        assert_eq!(same.headers["cookie"], "secret");
        let other = request().redirected(StatusCode::FOUND, "http://b.example/".parse().unwrap());
        assert!(other.headers.is_empty());
    }

    #[test]
    fn a_body_is_left_out_of_the_first_leg_and_of_a_redirect_that_changes_the_method() {
        let request = outgoing(&["-d", "a=b", "http://h/"]);
        let mut login = ClientConnection::new(Client::new(Credentials::password("alice", "")));
        let header = login.start(ntlm::http::Scheme::Ntlm).unwrap();
        let leg = with_header(&request.to_http(false).unwrap(), Some(&header)).unwrap();
        assert_eq!(leg.headers()["content-length"], "0");
        assert!(leg.body().is_end_stream());
        let next = request.redirected(StatusCode::FOUND, "http://h/b".parse().unwrap());
        assert_eq!((next.method, next.body.len()), (Method::GET, 0));
    }

    #[test]
    fn options_are_refused_that_do_not_go_together() {
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
