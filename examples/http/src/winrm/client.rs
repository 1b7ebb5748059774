//! The client's side of a session: the login, and requests, which are sealed or sent over TLS.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Request, Response, StatusCode};
use ntlm::http::{ClientConnection, Next, Scheme};
use ntlm::session::Protection;
use ntlm::{ChannelBindings, Client, Os, Session};
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use super::soap::Action;
use super::{body, soap};
use crate::connection::{self, Connection, drain};

/// More than the longest envelope of WinRM (`MaxEnvelopeSize`).
const MAX_BODY_LEN: usize = 1 << 20;

/// Where to log in, and how.
pub struct Site<'a> {
    pub url: &'a Url,
    pub client: Client,
    pub tls: Arc<ClientConfig>,
    /// Sends bare NTLM messages under `Negotiate`, without SPNEGO.
    pub is_bare: bool,
}

impl Site<'_> {
    /// Logs in on a new connection, with empty requests. The session is bound to this connection;
    /// over TLS there is none.
    async fn log_in(&self) -> anyhow::Result<(Connection, Option<Session>)> {
        let mut connection = Connection::open(self.url, &self.tls).await?;
        let client = match connection.certificate() {
            Some(_) => self.client.clone(),
            None => self.client.clone().with_protection(Protection::Seal),
        };
        let mut login = ClientConnection::new(client);
        if !self.is_bare {
            login = login.with_spnego();
        }
        if let Some(certificate) = connection.certificate() {
            login = login.with_channel_bindings(ChannelBindings::from_certificate(certificate)?);
        }
        let mut header = login.start(Scheme::Negotiate)?;
        for _ in 0..MAX_LEGS {
            let mut request = self.post(body::PLAIN, Bytes::new())?;
            header.insert_into(request.headers_mut());
            let response = connection.send(request).await?;
            let (status, version) = (response.status().as_u16(), response.version());
            let next = login.on_response(status, version, response.headers(), &mut Os)?;
            drain(response.into_body()).await?;
            match next {
                Next::Send(next) => header = next,
                Next::Authenticated => {
                    let session = match connection.certificate() {
                        Some(_) => None,
                        None => Some(sealing_session(&mut login)?),
                    };
                    return Ok((connection, session));
                }
                Next::Rejected => bail!("the server rejects the login"),
                Next::NotOffered => bail!("the server does not offer NTLM under Negotiate"),
                Next::Answered => bail!("the server answers {status} to the login"),
            }
        }
        bail!("the login does not end")
    }

    fn post(&self, content_type: &str, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::post(connection::origin_form(self.url))
            .header(HOST, connection::host(self.url))
            .header(CONTENT_TYPE, content_type)
            .header(CONTENT_LENGTH, body.len());
        Ok(request.body(Full::new(body))?)
    }
}

fn sealing_session(login: &mut ClientConnection) -> anyhow::Result<Session> {
    let keys = login.take_keys().context("there are no keys")?;
    ensure!(keys.protection() == Protection::Seal, "the server does not seal");
    Ok(keys.into_session()?)
}

/// A server on which the user is logged in.
pub struct Remote<'a> {
    site: Site<'a>,
    connection: Connection,
    /// `None` over TLS.
    session: Option<Session>,
}

impl<'a> Remote<'a> {
    /// Logs in.
    pub async fn log_in(site: Site<'a>) -> anyhow::Result<Self> {
        let (connection, session) = site.log_in().await?;
        Ok(Self { site, connection, session })
    }

    /// Opens a shell, runs a command in it, prints its output, and returns its exit code.
    pub async fn run(&mut self, line: &str) -> anyhow::Result<i32> {
        let shell_id = self.call(Action::Create, None, None, None).await?.shell_id;
        let shell = Some(shell_id.as_deref().context("the server opens no shell")?);
        let code = self.run_in(shell, line).await;
        // Delete the shell even if the command failed, because servers limit the number of shells.
        let deleted = self.call(Action::Delete, shell, None, None).await;
        // Report the first error.
        let code = code?;
        deleted.map(|_| code)
    }

    /// Runs a command, prints its output, and returns its exit code.
    async fn run_in(&mut self, shell: Option<&str>, line: &str) -> anyhow::Result<i32> {
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
    /// If the server asks for another login instead of answering, the request is sent again on a new
    /// connection. It must be sealed again, because the old body belongs to the old session.
    ///
    /// Over plain HTTP the status of a response is not protected. A man in the middle who replaces a
    /// response with a 401 makes the client send its request twice, so a command may run twice.
    pub async fn call(
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
            eprintln!("winrm_client: the server requires another login");
            (self.connection, self.session) = self.site.log_in().await?;
            response = self.send(&envelope).await?;
        }
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let body = connection::collect(response.into_body(), MAX_BODY_LEN).await?;
        let envelope = body::read(self.session.as_mut(), &content_type, &body);
        let envelope = envelope.with_context(|| format!("the server answers {status}"))?;
        soap::Response::parse(&envelope, action, &message_id)
    }

    async fn send(&mut self, envelope: &str) -> anyhow::Result<Response<Incoming>> {
        let (content_type, body) = body::write(self.session.as_mut(), envelope)?;
        self.connection.send(self.site.post(content_type, body.into())?).await
    }
}

/// A login needs two requests, and in SPNEGO sometimes three.
const MAX_LEGS: usize = 4;
