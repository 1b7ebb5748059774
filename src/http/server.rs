//! The server's side of one connection.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::connection::{Asker, Headers, bare};
use super::header::name_of_scheme;
use super::{AuthHeader, Error, HeaderError, HttpVersion, Refusal, Reply, Scheme, header_value};
use crate::channel_bindings::ChannelBindings;
use crate::credentials::UserName;
use crate::environment::Environment;
use crate::error::{self, Rejection};
use crate::server::{Accepted, AwaitAuthenticate, Claim, Claimed, Server, UserClaim};
use crate::session::SessionKeys;
use crate::wire::{MessageType, message_type};

/// The server's side of one connection.
///
/// Make one for each connection that is accepted (a [`Server`] is cheap to clone), and show it
/// each request that arrives on it. Whoever logs in is authenticated on this connection only, until it
/// closes.
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// # use ntlm::{NtHash, Os, Server, server::Names};
/// # let server = Server::new(Names::standalone("WEB"));
/// use ntlm::http::{ServerConnection, Step, HttpVersion};
///
/// let mut connection = ServerConnection::new(server);
/// # let nt_hash = NtHash::from_password("secret");
/// let headers = [("Host", "www.example.com")];
/// match connection.on_request(HttpVersion::Http11, headers, &mut Os) {
///     Step::Continue(reply) => {
///         // A normal step: not to be counted as a failure.
///         assert_eq!((reply.status, reply.name), (401, "WWW-Authenticate"));
///         assert_eq!(reply.values, ["NTLM"]);
///     }
///     Step::LookUp(look_up) => {
///         // ... look up `look_up.claimed_user()`, for as long as it takes ...
///         match look_up.verify(|claim| claim.verify_nt_hash(&nt_hash)) {
///             Ok(accepted) => { /* log the login, answer the request */ }
///             Err(refusal) => { /* log `refusal.log()`, reply with `refusal.reply` */ }
///         }
///     }
///     Step::Authenticated(accepted) => { /* answer the request */ }
///     // Only if the policy allows it.
///     Step::AcceptedAnonymous(accepted) => { /* answer the request */ }
///     Step::Refused(refusal) => { /* log `refusal.log()`, reply with `refusal.reply` */ }
/// }
/// ```
///
/// It cannot be cloned, because a login belongs to one connection:
///
/// ```compile_fail,E0599
/// # use ntlm::http::ServerConnection;
/// # fn twice(connection: ServerConnection) -> (ServerConnection, ServerConnection) {
/// (connection.clone(), connection)
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ServerConnection {
    server: Server,
    asker: Asker,
    schemes: Vec<Scheme>,
    /// The CHALLENGE that was sent with the last reply.
    pending: Option<AwaitAuthenticate>,
    /// Who is authenticated.
    accepted: Option<Accepted>,
    /// Whether the keys of the accepted client were not taken yet.
    has_keys: bool,
}

/// What a server does with a request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and not kept")]
#[expect(clippy::exhaustive_enums, reason = "a server must handle every case; `_` could be a hole")]
#[must_use]
pub enum Step<'a> {
    /// A normal step of the handshake, whatever its status looks like: read the request to its end,
    /// reply, and wait for the next request on this connection. Do not count it as a failure.
    ///
    /// It is also what a request with Basic credentials or without any produces, and all that is seen
    /// of a client that gives up. Log it at debug level, with [`Reply::tried`], to find out why a
    /// client never logs in.
    Continue(Reply),
    /// The client says who it is: look that user up, and [verify](LookUp::verify) it.
    LookUp(LookUp<'a>),
    /// An anonymous client was accepted with this request, because the policy allows it. Answer the
    /// request.
    AcceptedAnonymous(&'a Accepted),
    /// An earlier request on this connection proved who the client is. Answer the request.
    Authenticated(&'a Accepted),
    /// The client was rejected, or its request cannot stand here.
    Refused(Refusal),
}

impl ServerConnection {
    /// A connection to a server that asks with the status 401, and offers `NTLM` alone.
    pub fn new(server: Server) -> Self {
        Self::with_asker(server, Asker::Origin)
    }

    /// A connection to a proxy that asks with the status 407, and offers `NTLM` alone.
    pub fn for_proxy(server: Server) -> Self {
        Self::with_asker(server, Asker::Proxy)
    }

    /// Offers these schemes, in this order. Browsers take the first that they know.
    ///
    /// Under `Negotiate` too, only bare NTLM messages are understood; clients with Kerberos or
    /// SPNEGO at hand send others.
    pub fn with_schemes(self, schemes: impl IntoIterator<Item = Scheme>) -> Self {
        Self { schemes: schemes.into_iter().collect(), ..self }
    }

    /// Sets the channel bindings of this connection, which replace those of the [`Server`]: made of the
    /// certificate that this server presented on it. For servers with several certificates (SNI) or
    /// renewed ones. Bindings of zeros count as none, and replace nothing.
    ///
    /// It needs no [promise](Server::with_channel_bindings_per_connection), because it comes before the
    /// first request.
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        if bindings.is_none() {
            return self;
        }
        Self { server: self.server.with_channel_bindings(bindings), ..self }
    }

    /// Takes the version and headers of a request (all of them; it finds its own), and says what to
    /// do with it. A `&http::HeaderMap`, as hyper, axum and others have it, can be given as it is.
    ///
    /// A request with a NEGOTIATE starts over, also where a client was authenticated, and so does
    /// one with credentials of another scheme: from then on nobody is authenticated.
    pub fn on_request<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        version: impl Into<HttpVersion>,
        headers: impl IntoIterator<Item = (N, V)>,
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        let version = version.into();
        if version == HttpVersion::Http2 {
            (self.pending, self.accepted) = (None, None);
            return self.refuse(Error::NeedsHttp11, None);
        }
        let request = Headers::new(version, headers, self.asker, self.asker.credentials_header());
        let value = match &request.values[..] {
            [] => return self.on_plain_request(),
            [value] => value,
            _ => {
                (self.pending, self.accepted) = (None, None);
                return self.refuse(HeaderError::Repeated.into(), None);
            }
        };
        self.accepted = None;
        let pending = self.pending.take();
        let header = AuthHeader::credentials(value).filter(|header| !header.is_bare());
        let Some(header) = header.filter(|header| self.schemes.contains(&header.scheme())) else {
            let tried = name_of_scheme(value.as_ref()).map(Into::into);
            return Step::Continue(Reply { tried, ..self.offer() });
        };
        match header.token() {
            Ok(token) => {
                self.on_token(header.scheme(), &token, pending, request.persists, environment)
            }
            Err(reason) => self.refuse(reason.into(), None),
        }
    }

    /// Who is authenticated on this connection, if anybody is.
    #[must_use]
    pub const fn accepted(&self) -> Option<&Accepted> {
        self.accepted.as_ref()
    }

    /// Returns the session keys of the accepted client, once for each login, for protocols that seal
    /// their messages inside of HTTP, as WinRM does. `None` if nobody is authenticated, and after the
    /// first call.
    ///
    /// The key is wiped here: [`Accepted::keys`] of the client still has the negotiated flags, but
    /// makes no session any more.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// # use ntlm::http::{ClientConnection, HttpVersion::Http11, Next, Scheme};
    /// use ntlm::http::{ServerConnection, Step};
    /// # use ntlm::session::Protection;
    /// # use ntlm::{Client, Credentials, NtHash, Os, Server, server::Names};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::new(Credentials::password("alice", "secret"));
    /// # let mut client = ClientConnection::new(client.with_protection(Protection::Seal));
    /// # let first = client.start(Scheme::Ntlm)?;
    /// # let server = Server::new(Names::standalone("WEB"));
    /// # let nt_hash = NtHash::from_password("secret");
    /// let mut connection = ServerConnection::new(server);
    /// # let reply = match connection.on_request(Http11, [(first.name, first.value)], &mut Os) {
    /// #     Step::Continue(reply) => reply,
    /// #     step => panic!("{step:?}"),
    /// # };
    /// # let answer = [(reply.name, &reply.values[0])];
    /// # let next = client.on_response(reply.status, Http11, answer, &mut Os)?;
    /// # let Next::Send(last) = next else { panic!("{next:?}") };
    /// # let headers = [(last.name, last.value)];
    /// // ... the first two requests ...
    /// match connection.on_request(Http11, headers, &mut Os) {
    ///     Step::LookUp(look_up) => {
    ///         look_up.verify(|claim| claim.verify_nt_hash(&nt_hash)).map_err(|r| r.reason)?;
    ///     }
    ///     step => return Err(format!("no login: {step:?}").into()),
    /// }
    /// let keys = connection.take_keys().ok_or("they were taken before")?;
    /// let mut session = keys.into_session()?;
    /// # let nothing: [(&str, &str); 0] = [];
    /// # let _ = client.on_response(200, Http11, nothing, &mut Os)?;
    /// # let mut theirs = client.take_keys().unwrap().into_session()?;
    /// # let mut envelope = *b"<s:Envelope/>";
    /// # let signature = theirs.seal(&mut envelope)?;
    /// // ... `envelope` and `signature` from the body of a request ...
    /// session.unseal(&mut envelope, &signature)?;
    /// # assert_eq!(&envelope, b"<s:Envelope/>");
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_keys(&mut self) -> Option<SessionKeys> {
        let accepted = self.accepted.as_mut()?;
        mem::take(&mut self.has_keys).then(|| accepted.keys.take())
    }

    fn with_asker(server: Server, asker: Asker) -> Self {
        let schemes = [Scheme::Ntlm].into();
        Self { server, asker, schemes, pending: None, accepted: None, has_keys: false }
    }

    fn accept(&mut self, accepted: Accepted) -> &Accepted {
        self.has_keys = true;
        self.accepted.insert(accepted)
    }

    fn on_plain_request(&mut self) -> Step<'_> {
        self.pending = None;
        match &self.accepted {
            Some(accepted) => Step::Authenticated(accepted),
            None => Step::Continue(self.offer()),
        }
    }

    /// Takes the token of a request, and the CHALLENGE that was pending before it.
    fn on_token(
        &mut self,
        scheme: Scheme,
        token: &[u8],
        pending: Option<AwaitAuthenticate>,
        persists: bool,
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        let kind = bare(token).and_then(|token| Ok(message_type(token)?));
        match (kind, pending) {
            (Err(reason), _) => self.refuse(reason, None),
            (Ok(MessageType::Authenticate), None) => {
                self.refuse(Error::NoPendingChallenge, Claimed::parse(token).map(Box::new))
            }
            (Ok(MessageType::Authenticate | MessageType::Challenge), Some(handshake)) => {
                self.on_authenticate(handshake, token, environment)
            }
            // `Server::challenge` rejects a CHALLENGE for its type.
            (Ok(MessageType::Negotiate), _) | (Ok(MessageType::Challenge), None) => {
                self.on_negotiate(scheme, token, persists, environment)
            }
        }
    }

    fn on_negotiate(
        &mut self,
        scheme: Scheme,
        negotiate: &[u8],
        persists: bool,
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        match self.server.challenge(negotiate, environment) {
            Err(reason) => self.refuse(reason.into(), None),
            Ok(_) if !persists => self.refuse(Error::ConnectionCloses, None),
            Ok((challenge, handshake)) => {
                self.pending = Some(handshake);
                Step::Continue(self.reply([header_value(scheme, &challenge)].into()))
            }
        }
    }

    fn on_authenticate(
        &mut self,
        handshake: AwaitAuthenticate,
        authenticate: &[u8],
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        match handshake.read_or_claimed(authenticate, environment) {
            Err((reason, claimed)) => self.refuse(reason.into(), claimed),
            Ok(Claim::User(claim)) if claim.answers_another_challenge() => {
                self.refuse(Error::OtherChallenge, Some(claim.claimed().into()))
            }
            Ok(Claim::User(claim)) => Step::LookUp(LookUp { connection: self, claim }),
            Ok(Claim::Anonymous(claim)) => {
                let claimed = claim.claimed();
                match claim.accept() {
                    Ok(accepted) => Step::AcceptedAnonymous(self.accept(accepted)),
                    Err(reason) => self.refuse(reason.into(), Some(claimed.into())),
                }
            }
        }
    }

    fn offer(&self) -> Reply {
        self.reply(self.schemes.iter().map(|scheme| header_value(*scheme, &[])).collect())
    }

    fn reply(&self, values: Vec<String>) -> Reply {
        let (status, name) = (self.asker.status(), self.asker.offer_header());
        Reply { status, name, values, tried: None }
    }

    fn refuse(&self, reason: Error, claimed: Option<Box<Claimed>>) -> Step<'static> {
        Step::Refused(self.refusal(reason, claimed))
    }

    /// Whether the client may try again depends on its connection only, never on what it sent to
    /// log in.
    fn refusal(&self, reason: Error, claimed: Option<Box<Claimed>>) -> Refusal {
        let last_word = |status| Reply { status, ..self.reply(Vec::new()) };
        let reply = match reason {
            Error::NeedsHttp11 => last_word(505),
            // With another 401, `curl --http1.0` connects 51 times.
            Error::ConnectionCloses => last_word(400),
            _ => self.offer(),
        };
        Refusal { reply, reason, claimed }
    }
}

/// A client that says who it is. It holds the connection until the user was looked up; if it is
/// dropped, nobody is authenticated.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct LookUp<'a> {
    connection: &'a mut ServerConnection,
    claim: UserClaim,
}

impl<'a> LookUp<'a> {
    /// Who the client says it is.
    ///
    /// `EXAMPLE\alice`, `alice@example.com` and `alice` may be one account: look up all forms that you
    /// serve. Names are equal in any case: use [`UserName::to_uppercase`] as the key.
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        self.claim.claimed_user()
    }

    /// All that the client claims, and what a domain controller must be asked.
    pub const fn claim(&self) -> &UserClaim {
        &self.claim
    }

    /// Ends the exchange with one of the ways of [`UserClaim`], such as
    /// [`verify_nt_hash`](UserClaim::verify_nt_hash) or
    /// [`verify_by_domain`](UserClaim::verify_by_domain). From then on the user is authenticated on
    /// this connection: answer the request.
    ///
    /// # Errors
    /// The [`Refusal`] that follows from the error of `verify`.
    pub fn verify(
        self,
        verify: impl FnOnce(UserClaim) -> Result<Accepted, error::Error>,
    ) -> Result<&'a Accepted, Refusal> {
        let claimed = self.claim.claimed();
        match verify(self.claim) {
            Ok(accepted) => Ok(self.connection.accept(accepted)),
            Err(reason) => Err(self.connection.refusal(reason.into(), Some(claimed.into()))),
        }
    }

    /// Rejects the client, with the same reply as for a wrong password: see [`UserClaim::reject`].
    ///
    /// # Errors
    /// Always: the [`Refusal`].
    pub fn reject(self, reason: Rejection) -> Result<&'a Accepted, Refusal> {
        self.verify(|claim| claim.reject(reason))
    }
}
