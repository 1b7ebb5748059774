//! Runs a command on a server of WinRM, in messages that are sealed with NTLM, and prints its output.
//!
//! ```text
//! NTLM_PASSWORD='correct horse' cargo run --example winrm_client -- \
//!     --user 'EXAMPLE\alice' http://server.example.com:5985/wsman ipconfig /all
//! ```
//!
//! What to copy is [`Remote::call`], which seals a request, and seals it anew if the server wants another
//! login in the middle of the session.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Request, Response, StatusCode};
use ntlm::http::{ClientConnection, Next, Scheme};
use ntlm::session::Protection;
use ntlm::{ChannelBindings, Client, Os, Session};
use ntlm_http_examples::connection::{self, Connection, drain};
use ntlm_http_examples::credentials::LoginOptions;
use ntlm_http_examples::trust::TrustOptions;
use ntlm_http_examples::winrm::encrypted;
use ntlm_http_examples::winrm::soap::{self, Action};
use tokio_rustls::rustls::ClientConfig;
use url::Url;

/// Runs a command on a server of WinRM, and prints its output.
///
/// The exit code is that of the command.
#[derive(Parser)]
struct Options {
    /// The server: http://HOST:5985/wsman or https://HOST:5986/wsman
    url: Url,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,

    #[command(flatten)]
    login: LoginOptions,

    #[command(flatten)]
    trust: TrustOptions,

    /// Send NTLM messages under Negotiate without SPNEGO around them
    #[arg(long)]
    bare: bool,
}

/// More than an envelope of WinRM has (`MaxEnvelopeSize`).
const MAX_BODY_LEN: usize = 1 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("winrm_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<i32> {
    let url = &options.url;
    let credentials = options.login.credentials()?.context("there is no --user")?;
    let client = Client::new(credentials)
        .with_spn(format!("HTTP/{}", url.host_str().unwrap_or_default()))
        .with_protection(Protection::Seal)
        .checked()?;
    let site = Site { url, client, tls: options.trust.tls_config()?, is_bare: options.bare };
    let (connection, session) = site.log_in().await?;
    let mut remote = Remote { site, connection, session };

    let shell_id = remote.call(Action::Create, None, None, None).await?.shell_id;
    let shell = Some(shell_id.as_deref().context("the server opens no shell")?);
    let output = remote.run(shell, &options.command.join(" ")).await;
    // Also if the command failed: a server has a limit of shells.
    remote.call(Action::Delete, shell, None, None).await?;
    output
}

/// Where to log in, and how.
struct Site<'a> {
    url: &'a Url,
    client: Client,
    tls: Arc<ClientConfig>,
    is_bare: bool,
}

impl Site<'_> {
    /// Logs in on a new connection, with empty requests. What the session seals belongs to this
    /// connection.
    async fn log_in(&self) -> anyhow::Result<(Connection, Session)> {
        let mut connection = Connection::open(self.url, &self.tls).await?;
        let mut login = ClientConnection::new(self.client.clone());
        if !self.is_bare {
            login = login.with_spnego();
        }
        if let Some(certificate) = connection.certificate() {
            login = login.with_channel_bindings(ChannelBindings::from_certificate(certificate)?);
        }
        let mut header = login.start(Scheme::Negotiate)?;
        for _ in 0..MAX_LEGS {
            let mut request = self.post("application/soap+xml;charset=UTF-8", Bytes::new())?;
            header.insert_into(request.headers_mut());
            let response = connection.send(request).await?;
            let (status, version) = (response.status().as_u16(), response.version());
            let next = login.on_response(status, version, response.headers(), &mut Os)?;
            drain(response.into_body()).await?;
            match next {
                Next::Send(next) => header = next,
                Next::Authenticated => {
                    let keys = login.take_keys().context("there are no keys")?;
                    let has_seal = keys.protection() == Protection::Seal;
                    ensure!(has_seal, "the server does not seal");
                    return Ok((connection, keys.into_session()?));
                }
                Next::Rejected => bail!("the server rejects the login"),
                Next::NotOffered => bail!("the server does not offer NTLM under Negotiate"),
                Next::Answered => bail!("the server answers {status} to the login"),
            }
        }
        bail!("the login does not come to an end")
    }

    fn post(&self, content_type: &str, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::post(connection::origin_form(self.url))
            .header(HOST, connection::host(self.url))
            .header(CONTENT_TYPE, content_type)
            .header(CONTENT_LENGTH, body.len());
        Ok(request.body(Full::new(body))?)
    }
}

/// A server on which the user is logged in.
struct Remote<'a> {
    site: Site<'a>,
    connection: Connection,
    session: Session,
}

impl Remote<'_> {
    /// Runs a command, prints its output, and returns its exit code.
    async fn run(&mut self, shell: Option<&str>, line: &str) -> anyhow::Result<i32> {
        let started = self.call(Action::Command, shell, Some(line), None).await?;
        let command = Some(started.command_id.as_deref().context("the server starts no command")?);
        let exit_code = loop {
            let output = self.call(Action::Receive, shell, None, command).await?.output;
            io::stdout().write_all(&output.stdout)?;
            io::stderr().write_all(&output.stderr)?;
            if let Some(code) = output.exit_code {
                break code;
            }
        };
        self.call(Action::Signal, shell, None, command).await?;
        Ok(exit_code)
    }

    /// Sends a request, and returns the response.
    ///
    /// If the server wants another login instead of an answer, the request is sent once more on a new
    /// connection. It must be sealed anew: the old body belongs to the session that has ended.
    async fn call(
        &mut self,
        action: Action,
        shell_id: Option<&str>,
        command_line: Option<&str>,
        command_id: Option<&str>,
    ) -> anyhow::Result<soap::Response> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let message_id = soap::message_id()?;
        let request = soap::Request {
            message_id: message_id.clone(),
            action,
            shell_id: owned(shell_id),
            command_line: owned(command_line),
            command_id: owned(command_id),
        };
        let envelope = request.emit(self.site.url.as_str());
        let mut response = self.send(&envelope).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            eprintln!("winrm_client: the server wants another login");
            (self.connection, self.session) = self.site.log_in().await?;
            response = self.send(&envelope).await?;
        }
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let is_encrypted = content_type.is_some_and(encrypted::is_encrypted);
        ensure!(is_encrypted, "the server answers {status}, and nothing that is sealed");
        let body = Limited::new(response.into_body(), MAX_BODY_LEN).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        let envelope = encrypted::unseal(&mut self.session, &body)?;
        soap::Response::parse(&envelope, &message_id)
    }

    async fn send(&mut self, envelope: &str) -> anyhow::Result<Response<Incoming>> {
        let body = encrypted::seal(&mut self.session, envelope)?;
        self.connection.send(self.site.post(encrypted::CONTENT_TYPE, body.into())?).await
    }
}

/// A login takes two requests, and in SPNEGO sometimes three.
const MAX_LEGS: usize = 4;
