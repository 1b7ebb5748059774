//! A client that follows redirects to several servers, perhaps through a proxy, with a login for
//! each.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, Response, StatusCode};
use ntlm::http::{ClientConnection, Next};
use ntlm::{ChannelBindings, Client, Credentials, LmCompatibility, client};
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use crate::connection::{self, Connection};
use crate::credentials::{self, LoginOptions};
use crate::exchange::exchange;
use crate::outgoing::Outgoing;
use crate::redirect;
use crate::trace::Trace;
use crate::trust::TrustOptions;

/// The options for connections and logins.
#[derive(clap::Args)]
pub struct AgentOptions {
    #[command(flatten)]
    login: LoginOptions,

    /// Use this proxy; for https URLs with CONNECT
    #[arg(short = 'x', long, value_name = "http://HOST:PORT")]
    proxy: Option<Url>,

    /// Log in to the proxy as this user; without a password, the variable NTLM_PROXY_PASSWORD or a
    /// prompt supplies it
    #[arg(short = 'U', long, value_name = r"DOMAIN\USER[:PASSWORD]", requires = "proxy")]
    proxy_user: Option<String>,

    #[command(flatten)]
    trust: TrustOptions,

    /// Send no channel bindings of the server's certificate. Servers can require them, because they
    /// detect a man in the middle
    #[arg(long)]
    no_channel_bindings: bool,

    /// Send this workstation name
    #[arg(long, value_name = "NAME")]
    workstation: Option<String>,

    /// The LAN Manager authentication level, 0 to 5: below 3, responses are weaker than NTLMv2
    #[arg(long, value_name = "N", default_value = "3", value_parser = parse_level)]
    level: LmCompatibility,

    /// If the server or the proxy offers `Negotiate` but not `NTLM`, send SPNEGO instead of bare NTLM
    /// messages
    #[arg(long)]
    spnego: bool,

    #[command(flatten)]
    pub trace: Trace,
}

/// Sends requests, and keeps the last connection open.
pub struct Agent<'a> {
    options: &'a AgentOptions,
    /// Credentials are sent only to the server of this URL.
    first: Url,
    credentials: Option<Credentials>,
    proxy_credentials: Option<Credentials>,
    tls: Arc<ClientConfig>,
    link: Option<Link>,
}

/// A connection to an origin, and the logins on it.
struct Link {
    origin: Url,
    connection: Connection,
    logins: Vec<ClientConnection>,
}

impl<'a> Agent<'a> {
    /// Makes an agent for requests that begin with this URL. May ask for passwords.
    pub fn new(options: &'a AgentOptions, first: &Url) -> anyhow::Result<Self> {
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
            first: first.clone(),
            credentials: options.login.credentials()?,
            proxy_credentials,
            tls: options.trust.tls_config()?,
            link: None,
        })
    }

    /// Sends a request on the connection to its origin, which is opened if needed.
    pub async fn fetch(
        &mut self,
        request: &Outgoing,
    ) -> anyhow::Result<(Response<Incoming>, Next)> {
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

    /// The error message if the last response asks for a login.
    pub const fn complaint(&self, status: StatusCode, verdict: &Next) -> Option<&'static str> {
        match (status.as_u16(), verdict) {
            (_, Next::Rejected) => Some("the credentials were not accepted"),
            (_, Next::NotOffered) => Some("NTLM is not offered"),
            (407, _) => Some("the proxy asks for a login (--proxy-user)"),
            (401, _) if self.credentials.is_none() => Some("the server asks for a login (--user)"),
            (401, _) => Some(
                "another server asks for a login, but credentials are sent only to the first one",
            ),
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

    /// Asks the proxy for a tunnel to the server, logging in to the proxy if required, and starts
    /// TLS in it. The server does not see the login to the proxy.
    async fn connect_through(&self, proxy: &Url, url: &Url) -> anyhow::Result<Connection> {
        let address = connection::address(url)?;
        let request = Request::connect(&address).header(HOST, &address);
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

    /// Whether requests are sent to the proxy, which forwards them.
    fn is_proxied(&self, url: &Url) -> bool {
        self.options.proxy.is_some() && url.scheme() == "http"
    }

    fn proxy_login(&self) -> anyhow::Result<Option<ClientConnection>> {
        let Some(proxy) = &self.options.proxy else { return Ok(None) };
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
        // A redirect must not choose which server gets the credentials.
        if !redirect::is_same_origin(&self.first, url) {
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

fn parse_level(level: &str) -> anyhow::Result<LmCompatibility> {
    let level = level.parse().ok().and_then(|level: u8| LmCompatibility::try_from(level).ok());
    level.context("the levels are 0 to 5")
}
