//! The server's end of a connection.

mod look_up;
mod outcome;
#[cfg(feature = "spnego")]
mod spnego;
mod step;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

pub use look_up::LookUp;
pub use outcome::{Authenticated, Outcome, ResponseHeader};
pub use step::Step;

use super::connection::{Asker, Headers, bare, is_bare};
use super::header::name_of_scheme;
use super::{AuthHeader, Error, HttpVersion, Refusal, Reply, Scheme, header_value};
use crate::channel_bindings::ChannelBindings;
use crate::environment::Environment;
use crate::server::{Accepted, AwaitAuthenticate, Claim, Claimed, Server};
use crate::session::SessionKeys;
#[cfg(feature = "spnego")]
use crate::spnego::AwaitClient;
use crate::wire::{MessageType, message_type};

/// The state of the server's end of one connection.
///
/// Make one for each connection that you accept (a [`Server`] is cheap to clone), and pass it each
/// request that arrives on the connection. A client that logs in is authenticated on this
/// connection only, until it closes.
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// # use ntlm::{NtHash, Os, Server, server::Names};
/// # let server = Server::new(Names::standalone("WEB"));
/// use ntlm::http::{HttpVersion, Outcome, ServerConnection, Step};
///
/// let mut connection = ServerConnection::new(server);
/// # let nt_hash = NtHash::from_password("secret");
/// let headers = [("Host", "www.example.com")];
/// let outcome = match connection.on_request(HttpVersion::Http11, headers, &mut Os) {
///     // Look up the hash of `look_up.claimed_user()`. In this example, there is only one user.
///     Step::LookUp(look_up) => look_up.verify(|claim| claim.verify_nt_hash(&nt_hash)),
///     Step::Outcome(outcome) => outcome,
/// };
/// match outcome {
///     // Answer the request, and add `client.header` to the response if it is present.
///     Outcome::Authenticated(client) => println!("{:?}", client.accepted.identity),
///     // A normal step of the handshake: send the reply, and do not count it as a failure.
///     Outcome::Continue(reply) => {
///         assert_eq!((reply.status, reply.name), (401, "WWW-Authenticate"));
///         assert_eq!(reply.values, ["NTLM"]);
///     }
///     // Send `refusal.reply`, and log the reason.
///     Outcome::Refused(refusal) => println!("{}", refusal.log()),
/// }
/// ```
///
/// It is not `Clone`, because a login belongs to one connection:
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
    /// The handshake that the next request must continue.
    pending: Option<Pending>,
    /// The authenticated client.
    accepted: Option<Accepted>,
    /// Whether `accepted` still contains its session keys.
    has_keys: bool,
}

/// A handshake between two requests, with bare messages or SPNEGO.
#[derive(Debug)]
enum Pending {
    Bare(AwaitAuthenticate),
    #[cfg(feature = "spnego")]
    Spnego(AwaitClient),
}

impl ServerConnection {
    /// Makes the state of a connection to a server (status 401), which offers only `NTLM`.
    pub fn new(server: Server) -> Self {
        Self::with_asker(server, Asker::Origin)
    }

    /// Makes the state of a connection to a proxy (status 407), which offers only `NTLM`.
    pub fn for_proxy(server: Server) -> Self {
        Self::with_asker(server, Asker::Proxy)
    }

    /// Sets the schemes that the server offers, in this order. Browsers use the first one that they
    /// support.
    ///
    /// Under `Negotiate`, the server accepts bare NTLM and, with the feature `spnego`, SPNEGO. The
    /// client's first token determines which. A man in the middle can change the one into the
    /// other, so offer `Negotiate` only if a downgrade to NTLM of clients that prefer Kerberos is
    /// acceptable.
    pub fn with_schemes(self, schemes: impl IntoIterator<Item = Scheme>) -> Self {
        Self { schemes: schemes.into_iter().collect(), ..self }
    }

    /// Sets the channel bindings of this connection: those of the certificate that this server
    /// presented on it. They replace the channel bindings of the [`Server`], for servers with
    /// several certificates (SNI) or renewed ones. Bindings of zeros count as none, and replace
    /// nothing.
    ///
    /// Call it before the first request. [`Server::with_channel_bindings_per_connection`] is not
    /// needed.
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        if bindings.is_none() {
            return self;
        }
        Self { server: self.server.with_channel_bindings(bindings), ..self }
    }

    /// Processes a request, and returns what to do with it.
    ///
    /// Pass the version and all headers of the request; the relevant ones are selected here.
    /// `headers` can be a `&http::HeaderMap`, as in hyper and axum.
    ///
    /// A request with a NEGOTIATE, or with credentials of another scheme, starts again: if the
    /// connection was authenticated, it no longer is.
    pub fn on_request<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        version: impl Into<HttpVersion>,
        headers: impl IntoIterator<Item = (N, V)>,
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        let version = version.into();
        if version == HttpVersion::Http2 {
            (self.pending, self.accepted) = (None, None);
            return self.refuse(Error::NeedsHttp11, None).into();
        }
        let request = Headers::new(version, headers, self.asker, self.asker.credentials_header());
        let value = match &request.values[..] {
            [] => return self.on_plain_request().into(),
            [value] => value,
            _ => {
                (self.pending, self.accepted) = (None, None);
                return self.refuse(Error::Repeated, None).into();
            }
        };
        self.accepted = None;
        let pending = self.pending.take();
        let header = AuthHeader::credentials(value).filter(|header| !header.is_bare());
        let Some(header) = header.filter(|header| self.schemes.contains(&header.scheme())) else {
            let tried = name_of_scheme(value.as_ref()).map(Into::into);
            return Outcome::Continue(Reply { tried, ..self.offer() }).into();
        };
        let (scheme, persists) = (header.scheme(), request.persists);
        match header.token() {
            Ok(token) if is_spnego(scheme, &token) => {
                self.on_spnego(&token, pending, persists, environment)
            }
            Ok(token) => self.on_token(scheme, &token, pending, persists, environment),
            Err(reason) => self.refuse(reason, None).into(),
        }
    }

    /// Returns the client that is authenticated on this connection, if any.
    #[must_use]
    pub const fn accepted(&self) -> Option<&Accepted> {
        self.accepted.as_ref()
    }

    /// Returns the session keys of the authenticated client, for protocols that seal messages
    /// inside HTTP, such as WinRM. Returns `None` if the connection is not authenticated, and after
    /// the first call for a login.
    ///
    /// The key is then wiped from this value: [`Accepted::keys`] still contains the negotiated
    /// flags, but cannot make a session.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// # use ntlm::http::{ClientConnection, HttpVersion::Http11, Next, Scheme};
    /// use ntlm::http::{Outcome, ServerConnection, Step};
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
    /// #     Step::Outcome(Outcome::Continue(reply)) => reply,
    /// #     step => panic!("{step:?}"),
    /// # };
    /// # let answer = [(reply.name, &reply.values[0])];
    /// # let next = client.on_response(reply.status, Http11, answer, &mut Os)?;
    /// # let Next::Send(last) = next else { panic!("{next:?}") };
    /// # let headers = [(last.name, last.value)];
    /// // ... the first two requests ...
    /// let outcome = match connection.on_request(Http11, headers, &mut Os) {
    ///     Step::LookUp(look_up) => look_up.verify(|claim| claim.verify_nt_hash(&nt_hash)),
    ///     Step::Outcome(outcome) => outcome,
    /// };
    /// assert!(matches!(outcome, Outcome::Authenticated(_)));
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

    fn accept(&mut self, accepted: Accepted) -> Authenticated<'_> {
        self.has_keys = true;
        Authenticated::new(self.accepted.insert(accepted))
    }

    fn on_plain_request(&mut self) -> Outcome<'_> {
        self.pending = None;
        match &self.accepted {
            Some(accepted) => Outcome::Authenticated(Authenticated {
                is_new: false,
                ..Authenticated::new(accepted)
            }),
            None => Outcome::Continue(self.offer()),
        }
    }

    /// Processes the bare token of a request. `pending` is the handshake that it continues.
    fn on_token(
        &mut self,
        scheme: Scheme,
        token: &[u8],
        pending: Option<Pending>,
        persists: bool,
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        let kind = bare(token).and_then(|token| Ok(message_type(token)?));
        match (kind, pending) {
            (Err(reason), _) => self.refuse(reason, None).into(),
            (
                Ok(MessageType::Authenticate | MessageType::Challenge),
                Some(Pending::Bare(handshake)),
            ) => self.on_authenticate(handshake, token, environment),
            (Ok(MessageType::Authenticate), _) => {
                let claimed = Claimed::parse(token).map(Box::new);
                self.refuse(Error::NoPendingChallenge, claimed).into()
            }
            // `Server::challenge` rejects a CHALLENGE because of its type.
            (Ok(MessageType::Negotiate | MessageType::Challenge), _) => {
                self.on_negotiate(scheme, token, persists, environment).into()
            }
        }
    }

    fn on_negotiate(
        &mut self,
        scheme: Scheme,
        negotiate: &[u8],
        persists: bool,
        environment: &mut dyn Environment,
    ) -> Outcome<'_> {
        // First: with a 401 for any other reason, a client would try again on the next connection.
        if !persists {
            return self.refuse(Error::ConnectionCloses, None);
        }
        match self.server.challenge(negotiate, environment) {
            Err(reason) => self.refuse(reason.into(), None),
            Ok((challenge, handshake)) => {
                self.wait(Pending::Bare(handshake), scheme, &challenge, persists)
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
            Err((reason, claimed)) => self.refuse(reason.into(), claimed).into(),
            Ok(Claim::User(claim)) => self.look_up(look_up::Claim::Bare(claim)),
            Ok(Claim::Anonymous(claim)) => {
                let claimed = claim.claimed();
                match claim.accept() {
                    Ok(accepted) => Outcome::Authenticated(self.accept(accepted)).into(),
                    Err(reason) => self.refuse(reason.into(), Some(claimed.into())).into(),
                }
            }
        }
    }

    /// Never called: without the feature `spnego`, `is_spnego` is always false.
    #[cfg(not(feature = "spnego"))]
    fn on_spnego(
        &mut self,
        _: &[u8],
        _: Option<Pending>,
        _: bool,
        _: &mut dyn Environment,
    ) -> Step<'_> {
        self.refuse(Error::NotBare, None).into()
    }

    /// Replies with a token, and waits for the client's next one.
    fn wait(
        &mut self,
        pending: Pending,
        scheme: Scheme,
        token: &[u8],
        persists: bool,
    ) -> Outcome<'_> {
        if !persists {
            return self.refuse(Error::ConnectionCloses, None);
        }
        self.pending = Some(pending);
        Outcome::Continue(self.reply([header_value(scheme, token)].into()))
    }

    /// Lets the application look up the user, unless the client answers the CHALLENGE of another
    /// connection.
    fn look_up(&mut self, claim: look_up::Claim) -> Step<'_> {
        if claim.user_claim().answers_another_challenge() {
            return self.refuse(Error::OtherChallenge, Some(claim.claimed())).into();
        }
        Step::LookUp(LookUp { connection: self, claim })
    }

    fn offer(&self) -> Reply {
        self.reply(self.schemes.iter().map(|scheme| header_value(*scheme, &[])).collect())
    }

    fn reply(&self, values: Vec<String>) -> Reply {
        let (status, name) = (self.asker.status(), self.asker.offer_header());
        Reply { status, name, values, tried: None }
    }

    fn refuse(&self, reason: Error, claimed: Option<Box<Claimed>>) -> Outcome<'static> {
        Outcome::Refused(self.refusal(reason, claimed))
    }

    /// Makes the reply to a rejected request. It must depend only on the connection, not on why the
    /// login failed.
    fn refusal(&self, reason: Error, claimed: Option<Box<Claimed>>) -> Refusal {
        let without_offer = |status| Reply { status, ..self.reply(Vec::new()) };
        let reply = match reason {
            Error::NeedsHttp11 => without_offer(505),
            // After another 401, `curl --http1.0` would try again, 51 times in all.
            Error::ConnectionCloses => without_offer(400),
            _ => self.offer(),
        };
        Refusal { reply, reason, claimed }
    }
}

/// Returns whether to process a token as SPNEGO. Under `NTLM`, only bare messages are accepted.
const fn is_spnego(scheme: Scheme, token: &[u8]) -> bool {
    cfg!(feature = "spnego") && matches!(scheme, Scheme::Negotiate) && !is_bare(token)
}
