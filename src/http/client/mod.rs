//! The client's side of one connection.

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

/// The client's side of one connection.
///
/// Make one for each connection (a [`Client`] is cheap to clone), and show it each response that
/// arrives on it; it says what to do [next](Next). Requests to a server through a proxy that wants
/// NTLM too need one for each: first the [proxy's](Self::for_proxy), then the server's.
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
/// // The request was answered with this:
/// let headers = [("Content-Length", "0"), ("WWW-Authenticate", "Negotiate, NTLM")];
/// match connection.on_response(401, HttpVersion::Http11, headers, &mut Os)? {
///     Next::Send(header) => {
///         // Again, on the same connection, with this header.
///         assert!(header.value.starts_with("NTLM TlRMTVNTUAAB"));
///         assert_eq!(header.name, "Authorization");
///     }
///     Next::Authenticated | Next::Answered => { /* the response is the answer */ }
///     Next::Rejected => {
///         // Wrong password, or the server wants more (channel bindings, NTLMv2, ...): its log tells.
///     }
///     Next::NotOffered => { /* the server wants something else than NTLM */ }
/// }
/// # Ok(())
/// # }
/// ```
///
/// It cannot be cloned, because a login belongs to one connection:
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

/// Keys are wiped where they are, and not moved on from there, which would leave a copy.
#[derive(Debug)]
enum State {
    /// Nothing was sent yet, or it came to nothing.
    Initial,
    /// The NEGOTIATE was sent.
    AwaitChallenge(Handshake),
    /// The AUTHENTICATE was sent in SPNEGO.
    #[cfg(feature = "spnego")]
    AwaitVerdict(AwaitServer),
    /// The AUTHENTICATE was sent. The keys are there until they are taken, and stay where they are
    /// when the server believes it.
    Answered { keys: Option<SessionKeys>, is_believed: bool },
    /// The server did not believe it. It is not asked again with the same password, or it might
    /// lock the account.
    Rejected,
}

impl ClientConnection {
    /// A connection to a server that asks with the status 401.
    pub fn new(client: Client) -> Self {
        Self::with_asker(client, Asker::Origin)
    }

    /// A connection to a proxy that asks with the status 407: for `CONNECT` and for requests that
    /// it passes on.
    ///
    /// With `CONNECT`, the connection then belongs to the server at its end; log in there with a
    /// [`new`](Self::new) one.
    pub fn for_proxy(client: Client) -> Self {
        Self::with_asker(client, Asker::Proxy)
    }

    /// Sets the channel bindings of this connection, which replace those of the [`Client`]: made of the
    /// certificate that TLS received on it.
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        Self { client: self.client.with_channel_bindings(bindings), ..self }
    }

    /// Wraps NTLM in SPNEGO under `Negotiate`, for servers that do not understand bare NTLM there. Under
    /// `NTLM`, which is preferred where a server offers both, nothing changes.
    ///
    /// If the server answers the AUTHENTICATE with a token, its `mechListMIC` shows that the list of
    /// mechanisms was not changed in transit; if the token is missing, the status alone says whether the login succeeded.
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

    /// Starts the exchange with the first request, which saves a round trip where the server is
    /// known to want NTLM. Otherwise [`on_response`](Self::on_response) starts it.
    ///
    /// Whatever was proven on the connection is forgotten.
    ///
    /// # Errors
    /// As [`Client::initiate`].
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

    /// Takes a response's status, version and headers (all of them; it finds its own), and says
    /// what to do next. A `&http::HeaderMap`, as hyper and reqwest have it, can be given as it is.
    ///
    /// An HTTP/1.0 proxy keeps a connection open with `Proxy-Connection: keep-alive`. A
    /// [`new`](Self::new) state, which logs in to a server behind such a proxy, does not read that
    /// header, because a server may have passed it on. If the request went to a proxy, rename the
    /// header to `Connection` before you give it here.
    ///
    /// After an error the exchange is over; [`start`](Self::start) begins another.
    ///
    /// # Errors
    /// - [`Error::Exchange`]: the CHALLENGE is malformed, or refused by the client's policy.
    /// - [`Error::NotBase64`], [`Error::TooLong`], [`Error::NotBare`]: there is no bare CHALLENGE in the header.
    /// - `Error::Spnego` (feature `spnego`): SPNEGO failed. In the response to the AUTHENTICATE, a
    ///   `mechListMIC` is wrong or missing: do not trust that response.
    /// - [`Error::NoChallenge`]: the server offers to start again instead of a CHALLENGE.
    /// - [`Error::OtherConnection`]: the server answered the AUTHENTICATE with a CHALLENGE.
    /// - [`Error::ConnectionCloses`]: there is a CHALLENGE, and no way to answer it.
    /// - [`Error::NeedsHttp11`]: the server offers NTLM over HTTP/2; ask again over HTTP/1.1.
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
            // After an AUTHENTICATE, nothing starts over by itself.
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
            // No offer starts over by itself: a wrong password would be tried until it is locked.
            self.state = State::Rejected;
            let is_challenged = response.offers().any(holds_challenge);
            return if is_challenged { Err(Error::OtherConnection) } else { Ok(Next::Rejected) };
        }
        if matches!(self.state, State::Rejected) {
            return Ok(Next::Rejected);
        }
        // Some servers ask again for each request: start over.
        self.state = State::Initial;
        self.on_offer(version, &response)
    }

    /// Whether the server believed the client, so that further requests on this connection are this
    /// user's. A connection on which that is so must not be lent to another user.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        matches!(self.state, State::Answered { is_believed: true, .. })
    }

    const fn awaits_verdict(&self) -> bool {
        #[cfg(feature = "spnego")]
        if matches!(self.state, State::AwaitVerdict(_)) {
            return true;
        }
        matches!(self.state, State::Answered { is_believed: false, .. })
    }

    /// Returns the session keys, once, for protocols that seal their messages inside of HTTP, as WinRM
    /// does. `None` before [`Next::Authenticated`] and after the first call.
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
        let State::Answered { keys, is_believed: true } = &mut self.state else { return None };
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

    /// A response that does not ask for authentication, or not for ours.
    fn on_answer(&mut self, status: u16) -> Next {
        if is_interim(status) {
            return Next::Answered;
        }
        // A proxy that asks did not pass our token on, so that the server must be asked anew.
        let is_passed_on = status != Asker::Proxy.status();
        match &mut self.state {
            State::Answered { is_believed, .. } if *is_believed || is_passed_on => {
                *is_believed = true;
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
        // NTLM under its own name is understood by all that offer it.
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
                self.state = State::Answered { keys: Some(keys), is_believed: false };
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

/// Whether a server offers to go on with a CHALLENGE. A parameter of the scheme, or a SPNEGO token that
/// rejects, is none.
fn holds_challenge(offer: AuthHeader<'_>) -> bool {
    offer.token().is_ok_and(|token| matches!(Message::parse(&token), Ok(Message::Challenge(_))))
}
