//! The client's end of a connection.

mod handshake;
mod next;
#[cfg(feature = "spnego")]
mod spnego;

use alloc::vec::Vec;
use core::mem;

use handshake::{Answer, Handshake};

pub use next::{Next, NextConnection, RequestBody, RequestHeader};

use super::connection::{Asker, Headers};
use super::{AuthHeader, Error, HttpVersion, Scheme, header_value};
use crate::channel_bindings::ChannelBindings;
use crate::client::Client;
use crate::environment::Environment;
use crate::session::SessionKeys;
#[cfg(feature = "spnego")]
use crate::spnego::AwaitServer;
use crate::wire::Message;

/// The state of the client's end of one connection.
///
/// Make one for each connection (a [`Client`] is cheap to clone), and pass it each response that
/// arrives on the connection. It returns what to do [next](Next). If both a proxy and the server
/// behind it require NTLM, use two: first one for the [proxy](Self::for_proxy), then one for the
/// server.
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// # use ntlm::{Client, Credentials, Os};
/// # fn main() -> Result<(), ntlm::http::Error> {
/// use ntlm::http::{ClientConnection, Next, HttpVersion};
///
/// let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"))
///     .with_spn("HTTP/www.example.com")
///     .checked()?;
/// let mut connection = ClientConnection::new(client);
/// // The server's response has the status 401 and these headers.
/// let headers = [("Content-Length", "0"), ("WWW-Authenticate", "Negotiate, NTLM")];
/// match connection.on_response(401, HttpVersion::Http11, headers, &mut Os)? {
///     Next::Send(header) => {
///         // Send the request again, on the same connection, with this header.
///         assert!(header.value.starts_with("NTLM TlRMTVNTUAAB"));
///         assert_eq!(header.name, "Authorization");
///     }
///     Next::Authenticated | Next::Answered => { /* the response is the answer */ }
///     Next::Rejected => {
///         // Wrong password, or the server requires more, such as channel bindings. See its log.
///     }
///     Next::NotOffered => { /* the server requires authentication, but not with NTLM */ }
/// }
/// # Ok(())
/// # }
/// ```
///
/// It is not `Clone`, because a login belongs to one connection:
///
/// ```compile_fail,E0599
/// # use ntlm::http::ClientConnection;
/// # fn twice(connection: ClientConnection) -> (ClientConnection, ClientConnection) {
/// (connection.clone(), connection)
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ClientConnection {
    client: Client,
    asker: Asker,
    /// Whether tokens under `Negotiate` are wrapped in SPNEGO.
    #[cfg(feature = "spnego")]
    uses_spnego: bool,
    state: State,
}

/// The state of the handshake. Session keys are never moved out of it, because a move leaves an
/// unwiped copy.
#[derive(Debug)]
enum State {
    /// No handshake is under way.
    Initial,
    /// The NEGOTIATE was sent.
    AwaitChallenge(Handshake),
    /// The AUTHENTICATE was sent in SPNEGO.
    #[cfg(feature = "spnego")]
    AwaitVerdict(AwaitServer),
    /// The AUTHENTICATE was sent, and perhaps accepted. `keys` is present until the application
    /// takes the keys.
    Answered { keys: Option<SessionKeys>, is_accepted: bool },
    /// The server rejected the login. The client does not try the same password again on its own,
    /// because the server could lock the account.
    Rejected,
}

impl ClientConnection {
    /// Makes the state of a connection to a server (status 401).
    pub fn new(client: Client) -> Self {
        Self::with_asker(client, Asker::Origin)
    }

    /// Makes the state of a connection to a proxy (status 407), for `CONNECT` and for requests that
    /// the proxy forwards.
    ///
    /// After a successful `CONNECT`, the connection leads to the server. To log in to that server,
    /// make a [`new`](Self::new) state.
    pub fn for_proxy(client: Client) -> Self {
        Self::with_asker(client, Asker::Proxy)
    }

    /// Sets the channel bindings of this connection: those of the certificate that the client
    /// received on it. They replace the channel bindings of the [`Client`].
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        Self { client: self.client.with_channel_bindings(bindings), ..self }
    }

    /// Sends NTLM in SPNEGO under `Negotiate`, for servers that do not accept bare NTLM there. This
    /// has no effect under `NTLM`, which the client prefers if a server offers both.
    ///
    /// If the server answers the AUTHENTICATE with a token, the `mechListMIC` in it shows that the
    /// list of mechanisms was not changed in transit. If the server sends no token, only the status
    /// code shows whether the login succeeded.
    #[cfg(feature = "spnego")]
    pub fn with_spnego(self) -> Self {
        Self { uses_spnego: true, ..self }
    }

    fn with_asker(client: Client, asker: Asker) -> Self {
        Self {
            client,
            asker,
            #[cfg(feature = "spnego")]
            uses_spnego: false,
            state: State::Initial,
        }
    }

    /// Starts a handshake, and returns the header for the next request. Call it before the first
    /// request if you know that the server requires NTLM: this saves a round trip. Otherwise
    /// [`on_response`](Self::on_response) starts the handshake.
    ///
    /// If the connection was authenticated, it no longer is.
    ///
    /// # Errors
    /// The errors of [`Client::initiate`], as [`Error::Exchange`].
    pub fn start(&mut self, scheme: Scheme) -> Result<RequestHeader, Error> {
        let (token, handshake) = self.initiate(scheme)?;
        self.state = State::AwaitChallenge(handshake);
        Ok(self.header(scheme, &token, RequestBody::Omit))
    }

    fn initiate(&self, scheme: Scheme) -> Result<(Vec<u8>, Handshake), Error> {
        #[cfg(feature = "spnego")]
        if self.uses_spnego && scheme == Scheme::Negotiate {
            return Handshake::spnego(&self.client);
        }
        let (negotiate, handshake) = self.client.initiate()?;
        Ok((negotiate, Handshake::Bare(handshake, scheme)))
    }

    /// Processes a response, and returns what to do next.
    ///
    /// Pass the status, the version and all headers of the response; the relevant ones are selected
    /// here. `headers` can be a `&http::HeaderMap`, as in hyper and reqwest.
    ///
    /// If you log in to a server behind an HTTP/1.0 proxy, and the proxy keeps the connection open
    /// with `Proxy-Connection: keep-alive`, rename that header to `Connection` before you pass it.
    /// A [`new`](Self::new) state ignores `Proxy-Connection`, because a server may have forwarded
    /// it.
    ///
    /// After an error, the handshake is over. [`start`](Self::start) begins another.
    ///
    /// # Errors
    /// - [`Error::Exchange`] if the CHALLENGE is malformed, or the client's policy rejects it.
    /// - [`Error::NotBase64`], [`Error::TooLong`], [`Error::NotBare`] if the token in the header is
    ///   not a bare CHALLENGE.
    /// - `Error::Spnego` (feature `spnego`) if the SPNEGO negotiation failed. If this is the
    ///   response to the AUTHENTICATE, its `mechListMIC` can be wrong or missing, so do not trust
    ///   the response.
    /// - [`Error::NoChallenge`] if the server answered the NEGOTIATE without a CHALLENGE.
    /// - [`Error::OtherConnection`] if the server answered the AUTHENTICATE with a CHALLENGE.
    /// - [`Error::ConnectionCloses`] if the server sent a CHALLENGE, but closes the connection.
    /// - [`Error::NeedsHttp11`] if the server offers NTLM over HTTP/2. Send the request again over
    ///   HTTP/1.1.
    pub fn on_response<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        version: impl Into<HttpVersion>,
        headers: impl IntoIterator<Item = (N, V)>,
        environment: &mut dyn Environment,
    ) -> Result<Next, Error> {
        let version = version.into();
        let awaits_verdict = self.awaits_verdict();
        let is_under_way = matches!(self.state, State::AwaitChallenge(..)) || awaits_verdict;
        if version == HttpVersion::Http2 && is_under_way {
            // After an AUTHENTICATE, do not start again with the same password.
            self.state = if awaits_verdict { State::Rejected } else { State::Initial };
            return Err(Error::NeedsHttp11);
        }
        let response = Headers::new(version, headers, self.asker, self.asker.offer_header());
        #[cfg(feature = "spnego")]
        if let Some(verdict) = self.take_verdict(status) {
            return self.on_verdict(verdict, status, &response, environment);
        }
        if status != self.asker.status() {
            return Ok(self.on_answer(status));
        }
        if let Some(handshake) = self.take_handshake() {
            return self.on_challenge(handshake, &response, environment);
        }
        if self.awaits_verdict() {
            // Ignore another offer: with a wrong password, trying again could lock the account.
            self.state = State::Rejected;
            let is_challenged = response.offers().any(holds_challenge);
            return if is_challenged { Err(Error::OtherConnection) } else { Ok(Next::Rejected) };
        }
        if matches!(self.state, State::Rejected) {
            return Ok(Next::Rejected);
        }
        // Some servers require a new handshake for each request.
        self.state = State::Initial;
        self.on_offer(version, &response)
    }

    /// Returns whether the server has accepted the client, so that it treats further requests on
    /// this connection as requests of this user. Never use such a connection for another user.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        matches!(self.state, State::Answered { is_accepted: true, .. })
    }

    const fn awaits_verdict(&self) -> bool {
        #[cfg(feature = "spnego")]
        if matches!(self.state, State::AwaitVerdict(_)) {
            return true;
        }
        matches!(self.state, State::Answered { is_accepted: false, .. })
    }

    /// Returns the session keys, for protocols that seal messages inside HTTP, such as WinRM.
    /// Returns `None` before [`Next::Authenticated`], and after the first call.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// use ntlm::http::{ClientConnection, Next};
    /// # use ntlm::http::{HttpVersion::Http11, Outcome, Scheme, ServerConnection, Step};
    /// # use ntlm::session::Protection;
    /// # use ntlm::{Client, Credentials, NtHash, Os, Server, server::Names};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::new(Credentials::password("alice", "secret"));
    /// let mut connection = ClientConnection::new(client.with_protection(Protection::Seal));
    /// # let first = connection.start(Scheme::Ntlm)?;
    /// # let mut server = ServerConnection::new(Server::new(Names::standalone("WEB")));
    /// # let reply = match server.on_request(Http11, [(first.name, first.value)], &mut Os) {
    /// #     Step::Outcome(Outcome::Continue(reply)) => reply,
    /// #     step => panic!("{step:?}"),
    /// # };
    /// # let headers = [(reply.name, &reply.values[0])];
    /// # let next = connection.on_response(reply.status, Http11, headers, &mut Os)?;
    /// # let Next::Send(last) = next else { panic!("{next:?}") };
    /// # match server.on_request(Http11, [(last.name, last.value)], &mut Os) {
    /// #     Step::LookUp(look_up) => {
    /// #         let hash = NtHash::from_password("secret");
    /// #         let _ = look_up.verify(|claim| claim.verify_nt_hash(&hash));
    /// #     }
    /// #     step => panic!("{step:?}"),
    /// # }
    /// // ... the login, up to the response with the status 200 ...
    /// # let headers = [("Content-Length", "0")];
    /// let next = connection.on_response(200, Http11, headers, &mut Os)?;
    /// assert_eq!(next, Next::Authenticated);
    /// let keys = connection.take_keys().ok_or("they were taken before")?;
    /// let mut session = keys.into_session()?;
    /// let mut envelope = *b"<s:Envelope/>";
    /// let signature = session.seal(&mut envelope)?;
    /// # let mut session = server.take_keys().unwrap().into_session()?;
    /// # session.unseal(&mut envelope, &signature)?;
    /// # assert_eq!(&envelope, b"<s:Envelope/>");
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_keys(&mut self) -> Option<SessionKeys> {
        let State::Answered { keys, is_accepted: true } = &mut self.state else { return None };
        let copy = keys.as_ref().map(SessionKeys::copy);
        *keys = None;
        copy
    }

    fn take_handshake(&mut self) -> Option<Handshake> {
        if !matches!(self.state, State::AwaitChallenge(_)) {
            return None;
        }
        match mem::replace(&mut self.state, State::Initial) {
            State::AwaitChallenge(handshake) => Some(handshake),
            _ => None,
        }
    }

    /// Processes a response that does not ask this side for authentication.
    fn on_answer(&mut self, status: u16) -> Next {
        if is_interim(status) {
            return Next::Answered;
        }
        // With a 407, the proxy did not forward the AUTHENTICATE, so start again with the server.
        let is_passed_on = status != Asker::Proxy.status();
        match &mut self.state {
            State::Answered { is_accepted, .. } if *is_accepted || is_passed_on => {
                *is_accepted = true;
                Next::Authenticated
            }
            State::Rejected => Next::Answered,
            _ => {
                self.state = State::Initial;
                Next::Answered
            }
        }
    }

    fn on_offer<V: AsRef<[u8]>>(
        &mut self,
        version: HttpVersion,
        response: &Headers<V>,
    ) -> Result<Next, Error> {
        // Prefer `NTLM`, because not all servers accept bare NTLM under `Negotiate`.
        let is_offered = |wanted: &Scheme| response.offers().any(|o| o.scheme() == *wanted);
        let Some(scheme) = [Scheme::Ntlm, Scheme::Negotiate].into_iter().find(is_offered) else {
            return Ok(Next::NotOffered);
        };
        if version == HttpVersion::Http2 {
            return Err(Error::NeedsHttp11);
        }
        let mut header = self.start(scheme)?;
        if !response.persists {
            header.connection = NextConnection::New;
        }
        Ok(Next::Send(header))
    }

    fn on_challenge<V: AsRef<[u8]>>(
        &mut self,
        handshake: Handshake,
        response: &Headers<V>,
        environment: &mut dyn Environment,
    ) -> Result<Next, Error> {
        let scheme = handshake.scheme();
        let mut offers = response.offers().filter(|offer| offer.scheme() == scheme).peekable();
        if offers.peek().is_none() {
            return Ok(Next::NotOffered);
        }
        let token = offers.find(|offer| !offer.is_bare()).ok_or(Error::NoChallenge)?.token()?;
        let answer = handshake.answer(&token, environment)?;
        if !response.persists {
            return Err(Error::ConnectionCloses);
        }
        let token = match answer {
            Answer::Bare(token, keys) => {
                self.state = State::Answered { keys: Some(keys), is_accepted: false };
                token
            }
            #[cfg(feature = "spnego")]
            Answer::Spnego(token, verdict) => {
                self.state = State::AwaitVerdict(verdict);
                token
            }
        };
        Ok(Next::Send(self.header(scheme, &token, RequestBody::Send)))
    }

    fn header(&self, scheme: Scheme, token: &[u8], body: RequestBody) -> RequestHeader {
        let (name, value) = (self.asker.credentials_header(), header_value(scheme, token));
        RequestHeader { name, value, body, connection: NextConnection::Same }
    }
}

const fn is_interim(status: u16) -> bool {
    status < 200 && status != 101
}

/// Returns whether the token of an offer is a CHALLENGE. It can also be a parameter of the scheme,
/// or a SPNEGO token that rejects.
fn holds_challenge(offer: AuthHeader<'_>) -> bool {
    offer.token().is_ok_and(|token| matches!(Message::parse(&token), Ok(Message::Challenge(_))))
}
