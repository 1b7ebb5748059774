//! The client's side of one connection.

use alloc::string::String;
use core::{fmt, mem};

use super::connection::{Asker, Headers, bare};
use super::{AuthHeader, Error, HttpVersion, Scheme, header_value};
use crate::channel_bindings::ChannelBindings;
use crate::client::{AwaitChallenge, Client};
use crate::environment::Environment;
use crate::session::SessionKeys;
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
    state: State,
}

/// Keys are wiped where they are, and not moved on from there, which would leave a copy.
#[derive(Debug)]
enum State {
    /// Nothing was sent yet, or it came to nothing.
    Initial,
    /// The NEGOTIATE was sent.
    AwaitChallenge(AwaitChallenge, Scheme),
    /// The AUTHENTICATE was sent. The keys are there until they are taken, and stay where they are
    /// when the server believes it.
    Answered { keys: Option<SessionKeys>, is_believed: bool },
    /// The server did not believe it. It is not asked again with the same password, or it might
    /// lock the account.
    Rejected,
}

/// What a client does after a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a client must handle every case; `_` would hide one")]
#[must_use]
pub enum Next {
    /// Read the response to its end, and send the request again with this header, on the
    /// [connection](RequestHeader::connection) that it names. The response is a step of the handshake
    /// and no failure.
    Send(RequestHeader),
    /// The server did not reject the client, so it accepted it, and this is its answer. Further
    /// requests on this connection need no header. (A gateway's 502 or 504 looks the same, and says
    /// nothing about the login.)
    Authenticated,
    /// There is no step for this side: the response is a final answer, an interim response (1xx), or
    /// a challenge meant for another party (from a proxy, while we log in to a server). If the request
    /// was sent without its [body](RequestBody::Omit) and got a final answer, send it again with its
    /// body.
    Answered,
    /// The server rejected the login: the credentials are wrong, or this response came on another
    /// connection than the CHALLENGE, whose server never saw the NEGOTIATE. Both look the same in
    /// HTTP, so make sure of the connection before you ask the user for another password: see
    /// [one connection](super#one-connection). (If the other connection answers with a CHALLENGE, the
    /// error is [`Error::OtherConnection`].) Other credentials need another state; with the same,
    /// [`start`](ClientConnection::start) tries again.
    Rejected,
    /// The server asks for authentication, but does not offer NTLM; or it answered a NEGOTIATE with
    /// other schemes only.
    NotOffered,
}

/// The header of the next request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHeader {
    /// `Authorization` or `Proxy-Authorization`.
    pub name: &'static str,
    /// The scheme and the token. As good as a recorded exchange: passwords can be guessed from it.
    pub value: String,
    /// What to do with the request's body.
    pub body: RequestBody,
    /// On which connection to send the request.
    pub connection: NextConnection,
}

/// Whether a request is sent with its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is sent or not")]
pub enum RequestBody {
    /// Leave it out and send `Content-Length: 0`: the server will answer with a CHALLENGE, whatever
    /// the request is.
    Omit,
    /// Send the request whole: the server answers it if it believes the client.
    Send,
}

/// On which connection a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is the same or another")]
pub enum NextConnection {
    /// On this same one.
    Same,
    /// The server closes this one. Open another; the [`ClientConnection`] belongs to that one from
    /// now on. Nothing was proven yet.
    ///
    /// The channel bindings are still those of the old connection. If the new one has another
    /// certificate, make a new [`ClientConnection`] for it instead.
    New,
}

impl ClientConnection {
    /// A connection to a server that asks with the status 401.
    pub fn new(client: Client) -> Self {
        Self { client, asker: Asker::Origin, state: State::Initial }
    }

    /// A connection to a proxy that asks with the status 407: for `CONNECT` and for requests that
    /// it passes on.
    ///
    /// With `CONNECT`, the connection then belongs to the server at its end; log in there with a
    /// [`new`](Self::new) one.
    pub fn for_proxy(client: Client) -> Self {
        Self { client, asker: Asker::Proxy, state: State::Initial }
    }

    /// Sets the channel bindings of this connection, which replace those of the [`Client`]: made of the
    /// certificate that TLS received on it.
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        Self { client: self.client.with_channel_bindings(bindings), ..self }
    }

    /// Starts the exchange with the first request, which saves a round trip where the server is
    /// known to want NTLM. Otherwise [`on_response`](Self::on_response) starts it.
    ///
    /// Whatever was proven on the connection is forgotten.
    ///
    /// # Errors
    /// As [`Client::initiate`].
    pub fn start(&mut self, scheme: Scheme) -> Result<RequestHeader, Error> {
        let (negotiate, handshake) = self.client.initiate()?;
        self.state = State::AwaitChallenge(handshake, scheme);
        Ok(self.header(scheme, &negotiate, RequestBody::Omit))
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
    /// - [`Error::Header`], [`Error::Spnego`]: there is no bare CHALLENGE in the header.
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
        let is_under_way = matches!(self.state, State::AwaitChallenge(..)) || self.awaits_verdict();
        if version == HttpVersion::Http2 && is_under_way {
            self.state = State::Initial;
            return Err(Error::NeedsHttp11);
        }
        if status != self.asker.status() {
            return Ok(self.on_answer(status));
        }
        let response = Headers::new(version, headers, self.asker, self.asker.offer_header());
        if let Some((handshake, scheme)) = self.take_handshake() {
            return self.on_challenge(handshake, scheme, &response, environment);
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
        matches!(self.state, State::Answered { is_believed: false, .. })
    }

    /// Returns the session keys, once, for protocols that seal their messages inside of HTTP, as WinRM
    /// does. `None` before [`Next::Authenticated`] and after the first call.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// use ntlm::http::{ClientConnection, Next};
    /// # use ntlm::http::{HttpVersion::Http11, Scheme, ServerConnection, Step};
    /// # use ntlm::session::Protection;
    /// # use ntlm::{Client, Credentials, NtHash, Os, Server, server::Names};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::new(Credentials::password("alice", "secret"));
    /// let mut connection = ClientConnection::new(client.with_protection(Protection::Seal));
    /// # let first = connection.start(Scheme::Ntlm)?;
    /// # let mut server = ServerConnection::new(Server::new(Names::standalone("WEB")));
    /// # let reply = match server.on_request(Http11, [(first.name, first.value)], &mut Os) {
    /// #     Step::Continue(reply) => reply,
    /// #     step => panic!("{step:?}"),
    /// # };
    /// # let headers = [(reply.name, &reply.values[0])];
    /// # let next = connection.on_response(reply.status, Http11, headers, &mut Os)?;
    /// # let Next::Send(last) = next else { panic!("{next:?}") };
    /// # match server.on_request(Http11, [(last.name, last.value)], &mut Os) {
    /// #     Step::LookUp(look_up) => {
    /// #         let hash = NtHash::from_password("secret");
    /// #         look_up.verify(|claim| claim.verify_nt_hash(&hash)).unwrap();
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

    fn take_handshake(&mut self) -> Option<(AwaitChallenge, Scheme)> {
        if !matches!(self.state, State::AwaitChallenge(..)) {
            return None;
        }
        match mem::replace(&mut self.state, State::Initial) {
            State::AwaitChallenge(handshake, scheme) => Some((handshake, scheme)),
            _ => None,
        }
    }

    /// A response that does not ask for authentication, or not for ours.
    fn on_answer(&mut self, status: u16) -> Next {
        let is_interim = status < 200 && status != 101;
        if is_interim {
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
        handshake: AwaitChallenge,
        scheme: Scheme,
        response: &Headers<V>,
        environment: &mut dyn Environment,
    ) -> Result<Next, Error> {
        let mut offers = response.offers().filter(|offer| offer.scheme() == scheme).peekable();
        if offers.peek().is_none() {
            return Ok(Next::NotOffered);
        }
        let challenge = offers.find(|offer| !offer.is_bare()).ok_or(Error::NoChallenge)?.token()?;
        let answer = handshake.answer(bare(&challenge)?, environment)?;
        if !response.persists {
            return Err(Error::ConnectionCloses);
        }
        self.state = State::Answered { keys: Some(answer.keys), is_believed: false };
        Ok(Next::Send(self.header(scheme, &answer.token, RequestBody::Send)))
    }

    fn header(&self, scheme: Scheme, token: &[u8], body: RequestBody) -> RequestHeader {
        let (name, value) = (self.asker.credentials_header(), header_value(scheme, token));
        RequestHeader { name, value, body, connection: NextConnection::Same }
    }
}

/// Whether a server offers to go on with a CHALLENGE. A parameter of the scheme, or a SPNEGO token that
/// rejects, is none.
fn holds_challenge(offer: AuthHeader<'_>) -> bool {
    offer.token().is_ok_and(|token| matches!(Message::parse(&token), Ok(Message::Challenge(_))))
}

impl fmt::Debug for RequestHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHeader")
            .field("name", &self.name)
            .field("value", &format_args!("[{} characters]", self.value.len()))
            .field("body", &self.body)
            .field("connection", &self.connection)
            .finish()
    }
}
