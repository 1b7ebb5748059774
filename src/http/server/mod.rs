//! The server's side of one connection.

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
/// use ntlm::http::{HttpVersion, Outcome, ServerConnection, Step};
///
/// let mut connection = ServerConnection::new(server);
/// # let nt_hash = NtHash::from_password("secret");
/// let headers = [("Host", "www.example.com")];
/// let outcome = match connection.on_request(HttpVersion::Http11, headers, &mut Os) {
///     // Look up `look_up.claimed_user()`, for as long as it takes; here, there is one user.
///     Step::LookUp(look_up) => look_up.verify(|claim| claim.verify_nt_hash(&nt_hash)),
///     Step::Outcome(outcome) => outcome,
/// };
/// match outcome {
///     // Answer the request; add the header, if there is one.
///     Outcome::Authenticated(client) => println!("{:?}", client.accepted.identity),
///     // A normal step: not to be counted as a failure.
///     Outcome::Continue(reply) => {
///         assert_eq!((reply.status, reply.name), (401, "WWW-Authenticate"));
///         assert_eq!(reply.values, ["NTLM"]);
///     }
///     // Send `refusal.reply`; the log has the reason.
///     Outcome::Refused(refusal) => println!("{}", refusal.log()),
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
    /// What the last reply waits for.
    pending: Option<Pending>,
    /// Who is authenticated.
    accepted: Option<Accepted>,
    /// Whether the keys of the accepted client were not taken yet.
    has_keys: bool,
}

/// A handshake between two requests, as it is wrapped.
#[derive(Debug)]
enum Pending {
    Bare(AwaitAuthenticate),
    #[cfg(feature = "spnego")]
    Spnego(AwaitClient),
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
    /// Under `Negotiate`, clients send bare NTLM or SPNEGO; the first token decides. SPNEGO needs the
    /// feature `spnego`. A man in the middle can turn one into the other, so offer `Negotiate` only if
    /// clients that prefer Kerberos may be downgraded to NTLM.
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

    /// Takes the token of a request, and what was pending before it.
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
            // `Server::challenge` rejects a CHALLENGE for its type.
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

    /// Without SPNEGO, `is_spnego` says that there is no such token.
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

    /// Replies with a token, and waits for the client's.
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

    /// Waits for the user, unless the client answers the CHALLENGE of another connection.
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

/// Under `Negotiate`, SPNEGO is understood; under `NTLM`, only bare messages.
const fn is_spnego(scheme: Scheme, token: &[u8]) -> bool {
    cfg!(feature = "spnego") && matches!(scheme, Scheme::Negotiate) && !is_bare(token)
}
