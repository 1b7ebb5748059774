//! A client of NTLM over reqwest, for one user and one server at a time.
//!
//! reqwest hides connections in a pool, and NTLM logs in to a connection. So the client
//!
//! - sends one request at a time, and only after the last [`Answer`] was dropped: otherwise the pool
//!   would open another connection. The compiler ensures this, because the answer borrows the client;
//! - checks the connection of each response. If the pool used another one, the login starts over
//!   there. On a multi-threaded runtime this happens often, because the pool opens a connection if
//!   the last one has not been returned when the next request is sent.

use std::marker::PhantomData;
use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use hyper_util::client::legacy::connect::HttpInfo;
use ntlm::http::{ClientConnection, Next, RequestBody, RequestHeader};
use ntlm::{ChannelBindings, Client, Credentials, Os};
use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use reqwest::tls::TlsInfo;
use reqwest::{Body, ClientBuilder, Method, Request, Response, Url};

use crate::redirect;
use crate::trace::Trace;

/// Sends requests as one user. For several connections at once, make several clients.
pub struct NtlmClient {
    http: reqwest::Client,
    credentials: Credentials,
    proxy_credentials: Option<Credentials>,
    uses_spnego: bool,
    trace: Trace,
    link: Option<Link>,
}

/// A connection, and the logins on it.
struct Link {
    /// Our own address, which identifies the connection.
    address: SocketAddr,
    /// The server that it leads to, perhaps through a proxy.
    server: Url,
    logins: Vec<ClientConnection>,
}

/// The answer to a request. If its body is not read to the end, the connection closes, and the next
/// request logs in again.
pub struct Answer<'a> {
    pub response: Response,
    /// The number of requests that were sent, including redirects.
    pub requests: usize,
    /// Our own address of the connection.
    pub connection: SocketAddr,
    client: PhantomData<&'a mut NtlmClient>,
}

/// The final response to a request, after the login.
struct Sent {
    response: Response,
    requests: usize,
    connection: SocketAddr,
}

impl NtlmClient {
    /// Makes a client. The builder should set a timeout. It may set certificates, and a proxy for `http:`
    /// URLs. It must not set a proxy for `https:` URLs that requires NTLM, because reqwest does not expose
    /// responses to `CONNECT`.
    ///
    /// # Errors
    /// The same as [`ClientBuilder::build`].
    pub fn new(
        builder: ClientBuilder,
        credentials: Credentials,
        trace: Trace,
    ) -> reqwest::Result<Self> {
        let http = builder
            // NTLM does not work over HTTP/2.
            .http1_only()
            .pool_max_idle_per_host(1)
            // Exposes the certificate, from which channel bindings are computed.
            .tls_info(true)
            // When following a redirect, reqwest would send the last token again.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let (proxy_credentials, uses_spnego, link) = (None, false, None);
        Ok(Self { http, credentials, proxy_credentials, uses_spnego, trace, link })
    }

    /// Also logs in to the proxy.
    #[must_use]
    pub fn with_proxy_credentials(self, credentials: Credentials) -> Self {
        Self { proxy_credentials: Some(credentials), ..self }
    }

    /// Sends SPNEGO if the server offers `Negotiate` but not `NTLM`.
    #[must_use]
    pub fn with_spnego(self) -> Self {
        Self { uses_spnego: true, ..self }
    }

    /// Like [`request`](Self::request), with GET and without a body.
    pub async fn get(&mut self, url: Url) -> anyhow::Result<Answer<'_>> {
        self.request(Method::GET, url, || None).await
    }

    /// Like [`request`](Self::request), with POST.
    pub async fn post<B: Into<Body>>(
        &mut self,
        url: Url,
        body: impl Fn() -> B,
    ) -> anyhow::Result<Answer<'_>> {
        self.request(Method::POST, url, || Some(body().into())).await
    }

    /// Sends a request, logs in if required, and follows redirects to the same server. `body` makes
    /// the body each time that it is sent.
    ///
    /// # Errors
    /// If the login is rejected or not possible, a redirect leads to another server, or the connection
    /// fails. Other responses are not errors, whatever their status.
    pub async fn request(
        &mut self,
        mut method: Method,
        mut url: Url,
        body: impl Fn() -> Option<Body>,
    ) -> anyhow::Result<Answer<'_>> {
        let mut has_body = true;
        let mut total = 0;
        for _ in 0..MAX_REDIRECTS {
            let sent = self
                .send(|| {
                    let mut request = Request::new(method.clone(), url.clone());
                    *request.body_mut() = if has_body { body() } else { None };
                    request
                })
                .await?;
            let Sent { response, requests, connection } = sent;
            total += requests;
            let status = response.status();
            let Some(target) = redirect::target(&url, status, response.headers())? else {
                let requests = total;
                return Ok(Answer { response, requests, connection, client: PhantomData });
            };
            ensure!(
                redirect::is_same_origin(&url, &target),
                "redirect to another server: {target}"
            );
            drain(response).await?;
            let next_method = redirect::method(status, &method);
            has_body &= next_method == method;
            (method, url) = (next_method, target);
        }
        bail!("there are more than {MAX_REDIRECTS} redirects")
    }

    /// Sends the request that `make` returns, and repeats it until the login is complete.
    async fn send(&mut self, make: impl Fn() -> Request) -> anyhow::Result<Sent> {
        // The link is put back only on success, so after an error, or if this future is dropped, the
        // next request starts over.
        let mut link = self.link.take();
        let mut header: Option<RequestHeader> = None;
        for requests in 1..=MAX_REQUESTS {
            let request = with_header(make(), header.as_ref());
            self.trace.request(request.method(), request.url(), request.headers());
            let response = self.http.execute(request).await?;
            let (status, version, headers) =
                (response.status(), response.version(), response.headers());
            self.trace.response(version, status, headers);

            let connection = local_address(&response)?;
            let is_known = |link: &Link| {
                link.address == connection && redirect::is_same_origin(&link.server, response.url())
            };
            if !link.as_ref().is_some_and(is_known) {
                self.trace.note(format_args!("another connection, from {connection}"));
                let (server, logins) = (response.url().clone(), self.logins(&response)?);
                link = Some(Link { address: connection, server, logins });
                if header.is_some() && matches!(status.as_u16(), 401 | 407) {
                    // The token belongs to the previous connection, so this response is
                    // meaningless.
                    drain(response).await?;
                    header = None;
                    continue;
                }
            }
            let logins = link.as_mut().map(|link| &mut *link.logins).unwrap_or_default();
            let next = next(logins, &response)?;
            let omits_body = header.as_ref().is_some_and(|sent| sent.body == RequestBody::Omit);
            match next {
                Next::Rejected => bail!("the credentials were not accepted"),
                Next::NotOffered => bail!("NTLM is not offered"),
                Next::Send(next) => {
                    drain(response).await?;
                    header = Some(next);
                }
                // The body was left out because a challenge was expected, but none came.
                Next::Answered if omits_body => {
                    drain(response).await?;
                    header = None;
                }
                Next::Answered | Next::Authenticated => {
                    self.link = link;
                    return Ok(Sent { response, requests, connection });
                }
            }
        }
        bail!("the login does not end: does each request use another connection?")
    }

    /// Makes the logins of a connection after its first response, because only then is the
    /// certificate known.
    fn logins(&self, response: &Response) -> anyhow::Result<Vec<ClientConnection>> {
        let mut logins = Vec::new();
        if let Some(credentials) = &self.proxy_credentials {
            logins.push(ClientConnection::for_proxy(Client::new(credentials.clone()).checked()?));
        }
        let host = response.url().host_str().unwrap_or_default();
        let mut client = Client::new(self.credentials.clone()).with_spn(format!("HTTP/{host}"));
        let tls = response.extensions().get::<TlsInfo>();
        match tls.and_then(TlsInfo::peer_certificate) {
            Some(certificate) => {
                let bindings = ChannelBindings::from_certificate(certificate)?;
                client = client.with_channel_bindings(bindings);
            }
            None => ensure!(response.url().scheme() != "https", "reqwest shows no certificate"),
        }
        let login = ClientConnection::new(client.checked()?);
        logins.push(if self.uses_spnego { login.with_spnego() } else { login });
        Ok(logins)
    }
}

/// Passes the response to the proxy's login, then to the server's, and returns the first step that
/// one of them requires.
fn next(logins: &mut [ClientConnection], response: &Response) -> Result<Next, ntlm::http::Error> {
    let (status, version, headers) =
        (response.status().as_u16(), response.version(), response.headers());
    for login in logins {
        match login.on_response(status, version, headers, &mut Os)? {
            Next::Answered | Next::Authenticated => {}
            next @ (Next::Send(_) | Next::Rejected | Next::NotOffered) => return Ok(next),
        }
    }
    Ok(Next::Answered)
}

/// The request with the header of the login.
fn with_header(mut request: Request, header: Option<&RequestHeader>) -> Request {
    let Some(header) = header else { return request };
    header.insert_into(request.headers_mut());
    if header.body == RequestBody::Omit && request.body_mut().take().is_some() {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    request
}

/// Reads a response to its end: otherwise the connection is not returned to the pool. The builder's
/// timeout limits the time.
async fn drain(mut response: Response) -> anyhow::Result<()> {
    let mut len = 0;
    while let Some(chunk) = response.chunk().await? {
        len += chunk.len();
        ensure!(len <= MAX_DRAINED_LEN, "a response that is not the last is too long");
    }
    Ok(())
}

/// Our own address of a response's connection. reqwest has a method for the server's address only,
/// but hyper stores both in the response.
fn local_address(response: &Response) -> anyhow::Result<SocketAddr> {
    let connection = response.extensions().get::<HttpInfo>();
    Ok(connection.context("reqwest does not show the connection")?.local_addr())
}

/// A login needs three requests, with a login to a proxy five. The rest is for connections that
/// change meanwhile.
const MAX_REQUESTS: usize = 30;
const MAX_REDIRECTS: usize = 10;
/// More than the longest page that a server sends with a 401 or a redirect.
const MAX_DRAINED_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio::time::timeout;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A server that answers each connection's requests with these values of `WWW-Authenticate`,
    /// then stops answering. It reports each `Authorization`.
    struct Server {
        url: Url,
        seen: mpsc::UnboundedReceiver<String>,
    }

    impl Server {
        async fn start(offers: &'static [&'static str]) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
            let (report, seen) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let report = report.clone();
                    tokio::spawn(async move {
                        let mut stream = BufReader::new(stream);
                        let mut offers = offers.iter();
                        while let Some(token) = authorization(&mut stream).await {
                            report.send(token).unwrap();
                            let Some(offer) = offers.next() else { continue };
                            let response = format!(
                                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {offer}\r\n\
                                 Content-Length: 0\r\n\r\n"
                            );
                            stream.write_all(response.as_bytes()).await.unwrap();
                        }
                    });
                }
            });
            Self { url, seen }
        }

        async fn next(&mut self) -> String {
            timeout(PATIENCE, self.seen.recv()).await.unwrap().unwrap()
        }
    }

    /// Reads the head of a request; `None` at the end of the connection.
    async fn authorization(stream: &mut BufReader<tokio::net::TcpStream>) -> Option<String> {
        let mut token = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    value.clone_into(&mut token);
                }
                None if line == "\r\n" => return Some(token),
                _ => {}
            }
        }
    }

    fn client() -> NtlmClient {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let builder = ClientBuilder::new().no_proxy().tls_backend_preconfigured(tls);
        let credentials = Credentials::password(r"EXAMPLE\alice", "correct horse");
        NtlmClient::new(builder, credentials, Trace::default()).unwrap()
    }

    fn is_negotiate(token: &str) -> bool {
        token.starts_with("NTLM TlRMTVNTUAAB")
    }

    #[tokio::test]
    async fn a_login_starts_over_after_an_error_in_the_middle() {
        let mut server = Server::start(&["NTLM", "NTLM !", "NTLM"]).await;
        let mut client = client();
        assert!(client.get(server.url.clone()).await.is_err());
        assert!(client.link.is_none());
        assert_eq!(server.next().await, "");
        assert!(is_negotiate(&server.next().await));
        // On the same connection.
        let url = server.url.clone();
        let request = client.get(url);
        let next = async { (server.next().await, server.next().await) };
        let (first, second) = tokio::select! {
            seen = next => seen,
            answer = request => panic!("{:?}", answer.map(|answer| answer.response)),
        };
        assert_eq!(first, "");
        assert!(is_negotiate(&second), "{second}");
    }

    #[tokio::test]
    async fn a_login_that_is_cancelled_in_the_middle_is_forgotten() {
        let mut server = Server::start(&["NTLM"]).await;
        let mut client = client();
        let request = client.get(server.url.clone());
        let next = async { (server.next().await, server.next().await) };
        let (_, second) = tokio::select! {
            seen = next => seen,
            answer = request => panic!("{:?}", answer.map(|answer| answer.response)),
        };
        assert!(is_negotiate(&second));
        assert!(client.link.is_none());
    }
}
