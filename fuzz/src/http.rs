//! Both sides of an HTTP connection, and their permitted results.

use arbitrary::Arbitrary;
use ntlm::error::Error as ExchangeError;
use ntlm::http::{
    AuthHeader, ClientConnection, Error, HttpVersion, Next, NextConnection, Outcome, Refusal,
    RequestBody, RequestHeader, Scheme, ServerConnection, Step, header_value,
};
use ntlm::server::Names;
use ntlm::wire::Message;
use ntlm::{Client, Credentials, NtHash, Server};

use crate::edit::{Edit, edit};
use crate::knobs::{PASSWORD, pick};
use ntlm_testkit::Fixed;

/// A connection and everything that is sent on it.
#[derive(Arbitrary, Debug)]
pub struct Traffic<'a> {
    for_proxy: bool,
    knows_password: bool,
    offers: u8,
    turns: Vec<Turn<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Turn<'a> {
    Request { version: u8, headers: Vec<(Name, Value<'a>)> },
    Response { status: u8, version: u8, headers: Vec<(Name, Value<'a>)> },
    Start { negotiate: bool },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    /// The header that the receiver looks for.
    Right,
    /// The same, but the header of a proxy instead of a server, or the reverse.
    Other,
    Connection,
    ProxyConnection,
    Unrelated,
}

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    /// The last token of the other side.
    Passed,
    Bytes(&'a [u8]),
    Token {
        negotiate: bool,
        token: &'a [u8],
    },
    /// The last token of the other side, changed.
    Edited(Vec<Edit<'a>>),
}

/// Both sides, and the invariants between them.
struct World {
    client: ClientConnection,
    server: ServerConnection,
    for_proxy: bool,
    knows_password: bool,
    offer: Vec<String>,
    /// The last header of the client.
    request: Option<RequestHeader>,
    /// The values of the last reply.
    reply: Vec<String>,
    /// All AUTHENTICATE messages of the client, as header values.
    proofs: Vec<String>,
    is_logged_in: bool,
}

impl Traffic<'_> {
    /// Runs all turns, and asserts that each has a permitted result.
    pub fn run(self) {
        let mut world = World::new(&self);
        for turn in &self.turns {
            match turn {
                Turn::Request { version, headers } => world.request(*version, headers),
                Turn::Response { status, version, headers } => {
                    world.response(*status, *version, headers);
                }
                Turn::Start { negotiate } => {
                    let header = world.client.start(scheme(*negotiate));
                    world.sends(header.expect("nothing is blocked"));
                }
            }
        }
    }
}

impl World {
    fn new(traffic: &Traffic<'_>) -> Self {
        let password = if traffic.knows_password { PASSWORD } else { "battery staple" };
        let client = Client::new(Credentials::password("EXAMPLE\\alice", password));
        let server = Server::new(Names::member("WEB", "EXAMPLE"));
        let (client, server) = if traffic.for_proxy {
            (ClientConnection::for_proxy(client), ServerConnection::for_proxy(server))
        } else {
            (ClientConnection::new(client), ServerConnection::new(server))
        };
        let schemes: [&[_]; 4] =
            [&[Scheme::Ntlm], &[Scheme::Negotiate, Scheme::Ntlm], &[Scheme::Negotiate], &[]];
        let schemes = pick(&schemes, traffic.offers);
        Self {
            client,
            server: server.with_schemes(schemes.iter().copied()),
            for_proxy: traffic.for_proxy,
            knows_password: traffic.knows_password,
            offer: schemes.iter().map(|scheme| scheme.to_string()).collect(),
            request: None,
            reply: Vec::new(),
            proofs: Vec::new(),
            is_logged_in: false,
        }
    }

    fn name(&self, name: Name, names: [&'static str; 2]) -> &'static str {
        match name {
            Name::Right => names[usize::from(self.for_proxy)],
            Name::Other => names[usize::from(!self.for_proxy)],
            Name::Connection => "connection",
            Name::ProxyConnection => "Proxy-Connection",
            Name::Unrelated => "Content-Length",
        }
    }

    fn request(&mut self, knob: u8, headers: &[(Name, Value<'_>)]) {
        let names = ["authorization", "Proxy-Authorization"];
        let passed: Vec<_> = self.request.iter().map(|header| header.value.clone()).collect();
        let headers: Vec<_> = headers
            .iter()
            .flat_map(|(name, value)| value.values(&passed).into_iter().map(|v| (*name, v)))
            .map(|(name, value)| (self.name(name, names), value))
            .collect();
        let credentials: Vec<_> =
            headers.iter().filter(|(name, _)| *name == self.name(Name::Right, names)).collect();
        let version = version(knob);
        let status = if self.for_proxy { 407 } else { 401 };
        let was_logged_in = core::mem::take(&mut self.is_logged_in);

        let step = self.server.on_request(version, headers.iter().cloned(), &mut Fixed::default());
        let (outcome, is_new) = match step {
            Step::LookUp(look_up) => {
                let hash = NtHash::from_password(PASSWORD);
                (look_up.verify(|claim| claim.verify_nt_hash(&hash)), true)
            }
            Step::Outcome(outcome) => (outcome, false),
        };
        match outcome {
            Outcome::Continue(reply) => {
                assert_eq!(reply.status, status);
                assert!(version != HttpVersion::Http2 && credentials.len() < 2 && !is_new);
                self.reply = reply.values;
            }
            Outcome::Authenticated(client) if is_new => {
                assert!(client.is_new && client.accepted.mic_checked && self.knows_password);
                let proof = token(&credentials[0].1);
                assert!(
                    proof.is_some()
                        && self.proofs.iter().any(|sent| token(sent.as_bytes()) == proof)
                );
                self.is_logged_in = true;
            }
            Outcome::Authenticated(client) => {
                assert!(was_logged_in && credentials.is_empty() && !client.is_new);
                assert!(client.accepted.user().is_some());
                self.is_logged_in = true;
            }
            Outcome::Refused(refusal) if version == HttpVersion::Http2 => {
                assert_eq!((refusal.reply.status, refusal.reason), (505, Error::NeedsHttp11));
            }
            Outcome::Refused(refusal) if refusal.reason == Error::ConnectionCloses => {
                assert_eq!((refusal.reply.status, refusal.reply.values.len()), (400, 0));
                self.reply = Vec::new();
            }
            Outcome::Refused(refusal) => self.reply = assert_is_offer(refusal, status, &self.offer),
        }
        assert_eq!(self.server.accepted().is_some(), self.is_logged_in);
    }

    fn response(&mut self, status: u8, knob: u8, headers: &[(Name, Value<'_>)]) {
        let names = ["www-authenticate", "Proxy-Authenticate"];
        let asks = if self.for_proxy { 407 } else { 401 };
        let status = pick(&[asks, 401, 407, 200, 100, 101, 404, 502], status);
        let headers: Vec<_> = headers
            .iter()
            .flat_map(|(name, value)| value.values(&self.reply).into_iter().map(|v| (*name, v)))
            .map(|(name, value)| (self.name(name, names), value))
            .collect();
        let was_authenticated = self.client.is_authenticated();
        let next = self.client.on_response(status, version(knob), headers, &mut Fixed::default());
        match next {
            Ok(Next::Send(header)) => {
                assert!(!self.client.is_authenticated() && status == asks);
                self.sends(header);
            }
            Ok(Next::Authenticated) => {
                assert!(self.client.is_authenticated() && status != asks);
                assert!(was_authenticated || !self.proofs.is_empty());
            }
            Ok(Next::Answered) => assert!(status != asks),
            Ok(Next::Rejected | Next::NotOffered) => {
                assert!(!self.client.is_authenticated() && status == asks);
            }
            Err(error) => {
                assert_is_clients(error);
                assert!(!self.client.is_authenticated());
            }
        }
    }

    /// A header contains a message that the client made.
    fn sends(&mut self, header: RequestHeader) {
        let token = token(header.value.as_bytes()).expect("our own token");
        match Message::parse(&token) {
            Ok(Message::Negotiate(_)) => assert_eq!(header.body, RequestBody::Omit),
            Ok(Message::Authenticate(_)) => {
                assert_eq!(
                    (header.body, header.connection),
                    (RequestBody::Send, NextConnection::Same)
                );
                self.proofs.push(header.value.clone());
            }
            other => panic!("{other:?}"),
        }
        self.request = Some(header);
    }
}

impl Value<'_> {
    fn values(&self, passed: &[String]) -> Vec<Vec<u8>> {
        match self {
            Self::Passed => passed.iter().map(|value| value.clone().into()).collect(),
            Self::Bytes(bytes) => vec![bytes.to_vec()],
            Self::Token { negotiate, token } => {
                vec![header_value(scheme(*negotiate), token).into()]
            }
            Self::Edited(edits) => passed.iter().map(|value| edited(value, edits)).collect(),
        }
    }
}

fn edited(value: &str, edits: &[Edit<'_>]) -> Vec<u8> {
    let header = AuthHeader::credentials(value).expect("our own header");
    let mut token = header.token().expect("our own token");
    edit(&mut token, edits);
    header_value(header.scheme(), &token).into()
}

fn token(value: &[u8]) -> Option<Vec<u8>> {
    AuthHeader::credentials(value)?.token().ok()
}

fn scheme(negotiate: bool) -> Scheme {
    if negotiate { Scheme::Negotiate } else { Scheme::Ntlm }
}

fn version(knob: u8) -> HttpVersion {
    pick(&[HttpVersion::Http11, HttpVersion::Http10, HttpVersion::Http2], knob)
}

/// Each refusal has the same reply: the client may start again.
fn assert_is_offer(refusal: Refusal, status: u16, offer: &[String]) -> Vec<String> {
    assert_eq!((refusal.reply.status, &refusal.reply.values[..]), (status, offer));
    assert_eq!(refusal.reply.tried, None);
    assert!(!refusal.log().to_string().contains(char::is_control));
    refusal.reply.values
}

/// The errors that a client can report for a response.
fn assert_is_clients(error: Error) {
    match error {
        Error::Exchange(error) => assert!(matches!(
            error,
            ExchangeError::Wire(_) | ExchangeError::Unexpected(_) | ExchangeError::Refused(_)
        )),
        Error::NoPendingChallenge | Error::OtherChallenge => panic!("{error:?} of a server"),
        _ => {}
    }
}
