//! The server's side of one connection.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::connection::{Asker, Received, bare};
use super::{Error, Header, HeaderError, HttpVersion, Scheme, format};
use crate::credentials::UserName;
use crate::environment::Environment;
use crate::error::{self, Rejection};
use crate::server::{Accepted, AwaitAuthenticate, Claim, Server, UserClaim};
use crate::wire::{MessageType, message_type};

/// The server's side of the exchange on one connection.
///
/// Make one for each connection that is accepted (a [`Server`] is cheap to clone), and show it
/// each request that comes on it. The proof belongs to the connection: a user who was looked up
/// counts for the connection that asked, and all ends with the connection, of which this cannot be
/// cloned:
///
/// ```compile_fail,E0599
/// # use ntlm::http::ServerConnection;
/// # fn twice(connection: ServerConnection) -> (ServerConnection, ServerConnection) {
/// (connection.clone(), connection)
/// # }
/// ```
///
/// ```
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
///             Err(refusal) => { /* log `refusal.reason`, reply with `refusal.reply` */ }
///         }
///     }
///     Step::AcceptedAnonymous(accepted) | Step::Authenticated(accepted) => { /* answer the request */ }
///     Step::Refused(refusal) => { /* log `refusal.reason`, reply with `refusal.reply` */ }
///     _ => {}
/// }
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
}

/// What a server does with a request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and not kept")]
#[non_exhaustive]
#[must_use]
pub enum Step<'a> {
    /// A normal step of the exchange, whatever its status looks like: read the request to its end,
    /// reply, and wait for the next request on this connection. Do not count it as a failure.
    Continue(Reply),
    /// The client says who it is: look that user up, and [verify](LookUp::verify) it.
    LookUp(LookUp<'a>),
    /// An anonymous client was let in with this request, as the policy allows. Answer the request.
    AcceptedAnonymous(&'a Accepted),
    /// An earlier request on this connection proved who the client is. Answer the request.
    Authenticated(&'a Accepted),
    /// The client was not believed, or its request cannot stand here.
    Refused(Refusal),
}

/// How to reply to a request: a status and one header, which may have several values.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// 401, 407, or 505 for HTTP/2.
    pub status: u16,
    /// `WWW-Authenticate` or `Proxy-Authenticate`.
    pub name: &'static str,
    /// The values, each for a header line of its own; none with 505.
    pub values: Vec<String>,
}

/// A request that was refused: what to reply, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The reply. It is the same whatever the reason: the client may start again.
    pub reply: Reply,
    /// The reason, for the log alone.
    pub reason: Error,
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

    /// Takes the version and headers of a request (all of them; it finds its own), and says what to
    /// do with it.
    ///
    /// A request with a NEGOTIATE starts over, also where somebody was authenticated, and so does
    /// one with credentials of another scheme: from then on nobody is.
    pub fn on_request<N: AsRef<str>, V: AsRef<[u8]>>(
        &mut self,
        version: HttpVersion,
        headers: impl IntoIterator<Item = (N, V)>,
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        if version == HttpVersion::Http2 {
            (self.pending, self.accepted) = (None, None);
            let reply = Reply { status: 505, values: Vec::new(), ..self.offer() };
            return Step::Refused(Refusal { reply, reason: Error::NeedsHttp11 });
        }
        let request = Received::new(version, headers, self.asker, self.asker.credentials_header());
        let value = match &request.values[..] {
            [] => return self.on_plain_request(),
            [value] => value,
            _ => {
                (self.pending, self.accepted) = (None, None);
                return self.refuse(HeaderError::Repeated.into());
            }
        };
        self.accepted = None;
        let pending = self.pending.take();
        let header = Header::credentials(value).filter(|header| !header.is_bare());
        let Some(header) = header.filter(|header| self.schemes.contains(&header.scheme())) else {
            return Step::Continue(self.offer());
        };
        let token = match header.token() {
            Ok(token) => token,
            Err(reason) => return self.refuse(reason.into()),
        };
        let kind = bare(&token).and_then(|token| Ok(message_type(token)?));
        match (kind, pending) {
            (Err(reason), _) => self.refuse(reason),
            (Ok(MessageType::Authenticate), None) => self.refuse(Error::NoPendingChallenge),
            (Ok(MessageType::Authenticate | MessageType::Challenge), Some(handshake)) => {
                self.on_authenticate(handshake, &token, environment)
            }
            // `Server::challenge` rejects a CHALLENGE for its type.
            (Ok(MessageType::Negotiate), _) | (Ok(MessageType::Challenge), None) => {
                self.on_negotiate(header.scheme(), &token, request.persists, environment)
            }
        }
    }

    /// Who is authenticated on this connection, if anybody is.
    #[must_use]
    pub const fn accepted(&self) -> Option<&Accepted> {
        self.accepted.as_ref()
    }

    /// Ends the exchange and gives away who was authenticated, with the session keys. For protocols
    /// that seal their messages inside of HTTP, as WinRM does.
    #[must_use]
    pub fn into_accepted(self) -> Option<Accepted> {
        self.accepted
    }

    fn with_asker(server: Server, asker: Asker) -> Self {
        Self { server, asker, schemes: [Scheme::Ntlm].into(), pending: None, accepted: None }
    }

    fn on_plain_request(&mut self) -> Step<'_> {
        self.pending = None;
        match &self.accepted {
            Some(accepted) => Step::Authenticated(accepted),
            None => Step::Continue(self.offer()),
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
            Err(reason) => self.refuse(reason.into()),
            Ok(_) if !persists => self.refuse(Error::ConnectionCloses),
            Ok((challenge, handshake)) => {
                self.pending = Some(handshake);
                Step::Continue(self.reply([format(scheme, &challenge)].into()))
            }
        }
    }

    fn on_authenticate(
        &mut self,
        handshake: AwaitAuthenticate,
        authenticate: &[u8],
        environment: &mut dyn Environment,
    ) -> Step<'_> {
        match handshake.read(authenticate, environment) {
            Err(reason) => self.refuse(reason.into()),
            Ok(Claim::User(claim)) if claim.answers_another_challenge() => {
                self.refuse(Error::OtherChallenge)
            }
            Ok(Claim::User(claim)) => Step::LookUp(LookUp { connection: self, claim }),
            Ok(Claim::Anonymous(claim)) => match claim.accept() {
                Ok(accepted) => Step::AcceptedAnonymous(self.accepted.insert(accepted)),
                Err(reason) => self.refuse(reason.into()),
            },
        }
    }

    fn offer(&self) -> Reply {
        self.reply(self.schemes.iter().map(|scheme| format(*scheme, &[])).collect())
    }

    fn reply(&self, values: Vec<String>) -> Reply {
        Reply { status: self.asker.status(), name: self.asker.offer_header(), values }
    }

    fn refuse(&self, reason: Error) -> Step<'static> {
        Step::Refused(self.refusal(reason))
    }

    fn refusal(&self, reason: Error) -> Refusal {
        Refusal { reply: self.offer(), reason }
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
    /// Who the client says it is: see [`UserClaim::claimed_user`].
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
    /// The [`Refusal`] that the error of `verify` comes to.
    pub fn verify(
        self,
        verify: impl FnOnce(UserClaim) -> Result<Accepted, error::Error>,
    ) -> Result<&'a Accepted, Refusal> {
        match verify(self.claim) {
            Ok(accepted) => Ok(self.connection.accepted.insert(accepted)),
            Err(reason) => Err(self.connection.refusal(reason.into())),
        }
    }

    /// Rejects the client, with the same reply as for a wrong password: see [`UserClaim::reject`].
    #[must_use]
    pub fn reject(self, reason: Rejection) -> Refusal {
        self.connection.refusal(self.claim.reject(reason).into())
    }
}

impl fmt::Debug for Reply {
    /// Without the tokens, as elsewhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schemes = self.values.iter().filter_map(|value| value.split(' ').next());
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("name", &self.name)
            .field("schemes", &schemes.collect::<Vec<_>>())
            .finish()
    }
}
