//! Sealed datagrams over UDP: NTLM's connectionless mode, on a network that loses, reorders and
//! doubles datagrams.
//!
//! ```text
//! cargo run --example connectionless -- --loss 20 --reorder 20 --duplicate 20
//! ```
//!
//! or in two processes:
//!
//! ```text
//! cargo run --example connectionless -- server
//! cargo run --example connectionless -- client --loss 20 --user 'EXAMPLE\alice:correct horse'
//! ```
//!
//! NTLM seals each datagram on its own, with a key made of its sequence number. The rest is the
//! application's: to transport the numbers, to use none twice, to refuse what was sent again, and
//! to repeat the messages of the login until they are answered. What to copy is [`Channel`] for
//! both sides, [`Service::answer`] for the server and [`log_in`] for the client.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::io::{self, Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::{Parser, ValueEnum};
use ntlm::error::Denied;
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, Policy};
use ntlm::session::{Protection, Signature};
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, DatagramSession, Error, Os, Server};
use ntlm_net_examples::credentials::LoginOptions;
use ntlm_net_examples::lossy::{Faults, Lossy};
use ntlm_net_examples::replay::{Replay, Window};
use ntlm_net_examples::users::Users;

/// Exchanges sealed datagrams over UDP.
#[derive(Parser)]
struct Options {
    /// Which part to play
    #[arg(value_enum, default_value_t = Role::Both)]
    role: Role,

    /// Where the server listens; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9389")]
    address: SocketAddr,

    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the
    /// password "correct horse"
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Without a user, the client is `EXAMPLE\alice` with the password "correct horse"
    #[command(flatten)]
    login: LoginOptions,

    /// How many datagrams the client sends
    #[arg(long, value_name = "N", default_value_t = 20)]
    messages: u32,

    #[command(flatten)]
    faults: Faults,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Server,
    Client,
    /// Both in this process, at any port.
    Both,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connectionless: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let is_over = AtomicBool::new(false);
    match options.role {
        Role::Server => serve(bind(options.address, options)?, options, &is_over),
        Role::Client => converse(options.address, options, &is_over),
        Role::Both => {
            let socket = bind(([127, 0, 0, 1], 0).into(), options)?;
            let address = socket.address()?;
            thread::scope(|scope| {
                let server = scope.spawn(|| serve(socket, options, &is_over));
                let conversation = converse(address, options, &is_over);
                let service = server.join().unwrap_or_else(|_| bail!("the server panicked"));
                service.and(conversation)
            })
        }
    }
}

/// Ends the other side when this one ends, also if it fails or panics.
struct EndBoth<'a>(&'a AtomicBool);

impl Drop for EndBoth<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn bind(address: SocketAddr, options: &Options) -> anyhow::Result<Lossy> {
    Lossy::bind(address, options.faults).with_context(|| format!("cannot listen on {address}"))
}

/// What travels: a byte that says which it is, and the rest.
enum Datagram<'a> {
    /// The client wants a CHALLENGE. As long as that will be, so that nobody who forges his address
    /// gets more sent there than he sends himself.
    Hello,
    Challenge(&'a [u8]),
    Authenticate(&'a [u8]),
    /// All refusals look alike.
    Refused,
    Sealed {
        sequence: u32,
        signature: Signature,
        message: &'a [u8],
    },
}

const HELLO_LEN: usize = 512;

impl<'a> Datagram<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        Some(match kind {
            0 if bytes.len() == HELLO_LEN => Self::Hello,
            1 => Self::Challenge(rest),
            2 => Self::Authenticate(rest),
            3 if rest.is_empty() => Self::Refused,
            4 => {
                let (sequence, rest) = rest.split_first_chunk()?;
                let (signature, message) = rest.split_first_chunk::<16>()?;
                let sequence = u32::from_le_bytes(*sequence);
                Self::Sealed { sequence, signature: Signature::from(*signature), message }
            }
            _ => return None,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello => vec![0; HELLO_LEN],
            Self::Challenge(token) => [&[1], *token].concat(),
            Self::Authenticate(token) => [&[2], *token].concat(),
            Self::Refused => vec![3],
            Self::Sealed { sequence, signature, message } => {
                [&[4], &sequence.to_le_bytes()[..], signature.as_bytes(), message].concat()
            }
        }
    }
}

/// One end of a session: it uses each number once, and takes each number once.
struct Channel {
    session: DatagramSession,
    next: Option<u32>,
    received: Window,
}

/// Why a datagram was not read.
#[derive(Debug)]
enum Unreadable {
    Replayed(Replay),
    Forged(Error),
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replayed(replay) => write!(f, "{replay:?}"),
            Self::Forged(error) => write!(f, "{error:?}"),
        }
    }
}

impl Channel {
    fn new(session: DatagramSession) -> Self {
        Self { session, next: Some(0), received: Window::default() }
    }

    /// The datagram that carries this text.
    fn seal(&mut self, text: &str) -> anyhow::Result<Vec<u8>> {
        let sequence = self.next.context("all numbers are used up: log in again")?;
        self.next = sequence.checked_add(1);
        let mut message = text.as_bytes().to_vec();
        let signature = self.session.seal(sequence, &mut message)?;
        Ok(Datagram::Sealed { sequence, signature, message: &message }.to_bytes())
    }

    /// The text of a datagram that was not read before.
    fn unseal(
        &mut self,
        sequence: u32,
        signature: &Signature,
        message: &[u8],
    ) -> Result<String, Unreadable> {
        self.received.check(sequence).map_err(Unreadable::Replayed)?;
        let mut message = message.to_vec();
        self.session.unseal(sequence, &mut message, signature).map_err(Unreadable::Forged)?;
        // Only now: a forged message must not use up the number.
        self.received.mark(sequence);
        Ok(String::from_utf8_lossy(&message).into_owned())
    }

    /// As [`unseal`](Self::unseal), and says what came of it.
    fn read(
        &mut self,
        reader: impl Display,
        sequence: u32,
        signature: &Signature,
        message: &[u8],
    ) -> io::Result<Option<String>> {
        match self.unseal(sequence, signature, message) {
            Ok(text) => {
                writeln!(stdout(), "{reader}: arrived sequence={sequence} {text:?}")?;
                Ok(Some(text))
            }
            Err(reason) => {
                writeln!(stdout(), "{reader}: refused sequence={sequence} reason={reason}")?;
                Ok(None)
            }
        }
    }
}

/// The server: who waits for what, by address.
struct Service {
    server: Server,
    users: Users,
    greeted: HashMap<SocketAddr, Greeted>,
    known: HashMap<SocketAddr, Known>,
}

/// A client that got a CHALLENGE.
struct Greeted {
    since: Instant,
    challenge: Vec<u8>,
    handshake: AwaitAuthenticate,
}

/// A client that logged in.
struct Known {
    authenticate: Vec<u8>,
    /// What that was answered with.
    welcome: Vec<u8>,
    channel: Channel,
    /// Until when others may not have its place.
    expires: Instant,
}

/// How many clients there may be of each kind, since addresses are easy to forge.
const MOST_CLIENTS: usize = 1000;
/// How long a client may take for its answer, if others want its place.
const GREETING_LIFETIME: Duration = Duration::from_secs(10);
/// How long a client that logged in may be silent, if others want its place.
const KNOWN_LIFETIME: Duration = Duration::from_secs(10 * 60);

impl Service {
    fn new(users: Users) -> Self {
        let mut policy = Policy::default();
        // Who clears the flag on the way gets nothing in clear.
        policy.require = NegotiateFlags::NEGOTIATE_SEAL;
        let server = Server::new(Names::member("DATAGRAMS", "EXAMPLE")).with_policy(policy);
        Self { server, users, greeted: HashMap::new(), known: HashMap::new() }
    }

    /// What a datagram is answered with. Each can come twice, late, or from anybody.
    fn answer(&mut self, from: SocketAddr, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        match Datagram::parse(bytes) {
            Some(Datagram::Hello) => self.greet(from),
            Some(Datagram::Authenticate(token)) => self.let_in(from, token).map(Some),
            Some(Datagram::Sealed { sequence, signature, message }) => {
                let Some(known) = self.known.get_mut(&from) else { return Ok(None) };
                let text = known.channel.read("server", sequence, &signature, message)?;
                let Some(text) = text else { return Ok(None) };
                known.expires = Instant::now() + KNOWN_LIFETIME;
                known.channel.seal(&format!("You said: {text}")).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The same CHALLENGE for as long as it is not answered.
    fn greet(&mut self, from: SocketAddr) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(Greeted { challenge, .. }) = self.greeted.get(&from) {
            return Ok(Some(Datagram::Challenge(challenge).to_bytes()));
        }
        if self.greeted.len() >= MOST_CLIENTS {
            self.greeted.retain(|_, greeted| greeted.since.elapsed() < GREETING_LIFETIME);
        }
        if self.greeted.len() >= MOST_CLIENTS {
            return Ok(None);
        }
        let (challenge, handshake) = self.server.challenge_datagram(&mut Os)?;
        let answer = Datagram::Challenge(&challenge).to_bytes();
        self.greeted.insert(from, Greeted { since: Instant::now(), challenge, handshake });
        Ok(Some(answer))
    }

    /// The answer tells the client that it is in, and proves who says so: it is sealed.
    fn let_in(&mut self, from: SocketAddr, token: &[u8]) -> anyhow::Result<Vec<u8>> {
        // The answer may have been lost. The same one again needs no number.
        if let Some(known) = self.known.get(&from).filter(|known| known.authenticate == token) {
            return Ok(known.welcome.clone());
        }
        let Some(Greeted { handshake, .. }) = self.greeted.remove(&from) else {
            return Ok(Datagram::Refused.to_bytes());
        };
        let accepted = match self.has_room_for(from) {
            true => handshake.read(token, &mut Os).and_then(|claim| self.verify(claim)),
            false => Err(Denied::LookupFailed.into()),
        };
        match accepted {
            Ok(Accepted { user, keys, .. }) => {
                let user = user.map(|user| user.to_string()).unwrap_or_default();
                writeln!(stdout(), "server: login user={user:?} from={from}")?;
                let mut channel = Channel::new(keys.into_datagram_session()?);
                let welcome = channel.seal(&format!("Welcome, {user}."))?;
                let answer = welcome.clone();
                let (authenticate, expires) = (token.into(), Instant::now() + KNOWN_LIFETIME);
                self.known.insert(from, Known { authenticate, welcome, channel, expires });
                Ok(answer)
            }
            Err(error) => {
                writeln!(stdout(), "server: refused login from={from} detail={error:?}")?;
                Ok(Datagram::Refused.to_bytes())
            }
        }
    }

    /// If there are too many, those that were silent for too long are forgotten.
    fn has_room_for(&mut self, from: SocketAddr) -> bool {
        if self.known.contains_key(&from) {
            return true;
        }
        if self.known.len() >= MOST_CLIENTS {
            self.known.retain(|_, known| known.expires > Instant::now());
        }
        self.known.len() < MOST_CLIENTS
    }

    fn verify(&self, claim: Claim) -> Result<Accepted, Error> {
        match claim {
            Claim::User(claim) => match self.users.find(claim.claimed_user()) {
                Some(user) => claim.with_nt_hash(&user.hash),
                None => Err(claim.deny(Denied::UnknownUser)),
            },
            Claim::Anonymous(claim) => claim.accept(),
        }
    }
}

fn serve(mut socket: Lossy, options: &Options, is_over: &AtomicBool) -> anyhow::Result<()> {
    let _end = EndBoth(is_over);
    let users = match &options.users {
        Some(file) => Users::read(file)?,
        None => Users::one("alice", "correct horse"),
    };
    let mut service = Service::new(users);
    writeln!(stdout(), "server: listening on {}", socket.address()?)?;
    while !is_over.load(Ordering::Relaxed) {
        let Some((bytes, from)) = socket.receive(Duration::from_millis(50))? else { continue };
        let answered = service.answer(from, bytes).and_then(|answer| match answer {
            Some(answer) => Ok(socket.send(&answer, from)?),
            None => Ok(()),
        });
        // One client's trouble is not that of the others.
        if let Err(error) = answered {
            writeln!(stdout(), "server: no answer to {from}: {error:#}")?;
        }
    }
    Ok(writeln!(stdout(), "server: its network {socket}")?)
}

/// Logs in, sends all messages, and waits for the answers that still come.
fn converse(server: SocketAddr, options: &Options, is_over: &AtomicBool) -> anyhow::Result<()> {
    let _end = EndBoth(is_over);
    let credentials = options.login.credentials()?;
    let credentials =
        credentials.unwrap_or(Credentials::password(r"EXAMPLE\alice", "correct horse"));
    let mut socket = bind(([127, 0, 0, 1], 0).into(), options)?;
    let mut channel = log_in(&mut socket, server, credentials)?;
    let mut answers = 0;
    for number in 0..options.messages {
        ensure!(!is_over.load(Ordering::Relaxed), "the server is gone");
        let datagram = channel.seal(&format!("message {number}"))?;
        socket.send(&datagram, server)?;
        answers += read_all(&mut socket, server, &mut channel, Duration::from_millis(5))?;
    }
    socket.release()?;
    answers += read_all(&mut socket, server, &mut channel, Duration::from_millis(300))?;
    let messages = options.messages;
    writeln!(stdout(), "client: {messages} messages, {answers} answers; its network {socket}")?;
    Ok(())
}

/// Reads what comes until nothing comes for that long, and counts what was new.
fn read_all(
    socket: &mut Lossy,
    server: SocketAddr,
    channel: &mut Channel,
    patience: Duration,
) -> anyhow::Result<u32> {
    let mut answers = 0;
    while let Some((bytes, from)) = socket.receive(patience)? {
        let Some(Datagram::Sealed { sequence, signature, message }) = Datagram::parse(bytes) else {
            continue;
        };
        if from == server {
            let text = channel.read("client", sequence, &signature, message)?;
            answers += u32::from(text.is_some_and(|text| text.starts_with("You said")));
        }
    }
    Ok(answers)
}

/// The login: the server speaks first, so it must be asked to.
fn log_in(
    socket: &mut Lossy,
    server: SocketAddr,
    credentials: Credentials,
) -> anyhow::Result<Channel> {
    let client = Client::new(credentials).with_protection(Protection::Seal);
    let response = ask(socket, server, &Datagram::Hello, |answer| match answer {
        Datagram::Challenge(token) => Some(client.respond_datagram(token, &mut Os)),
        _ => None,
    })??;
    let mut channel = Channel::new(response.keys.into_datagram_session()?);
    let question = Datagram::Authenticate(&response.token);
    let is_welcome = ask(socket, server, &question, |answer| match answer {
        Datagram::Refused => Some(Ok(false)),
        Datagram::Sealed { sequence, signature, message } => {
            let text = channel.read("client", sequence, &signature, message).transpose()?;
            Some(text.map(|_| true))
        }
        _ => None,
    })??;
    // Anybody can forge a refusal, but no welcome.
    if is_welcome { Ok(channel) } else { bail!("access denied") }
}

/// Asks until somebody answers who can be believed.
fn ask<T>(
    socket: &mut Lossy,
    server: SocketAddr,
    question: &Datagram<'_>,
    mut read: impl FnMut(Datagram<'_>) -> Option<T>,
) -> anyhow::Result<T> {
    for _ in 0..ATTEMPTS {
        socket.send(&question.to_bytes(), server)?;
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            // Zero would mean for ever.
            let patience = left.max(Duration::from_millis(1));
            let Some((bytes, from)) = socket.receive(patience)? else { continue };
            let answer = Datagram::parse(bytes).filter(|_| from == server).and_then(&mut read);
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }
    bail!("{server} does not answer")
}

const ATTEMPTS: u32 = 40;
const PATIENCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7);

    fn service() -> Service {
        Service::new(Users::one("alice", "correct horse"))
    }

    fn alice(password: &str) -> Client {
        Client::new(Credentials::password(r"EXAMPLE\alice", password))
            .with_protection(Protection::Seal)
    }

    fn challenge(service: &mut Service) -> Vec<u8> {
        service.answer(CLIENT, &Datagram::Hello.to_bytes()).unwrap().unwrap()
    }

    /// The server's answer to a login from a port, and the client's end.
    fn log_in_from(port: u16, service: &mut Service) -> (Vec<u8>, Channel) {
        let from = SocketAddr::new(CLIENT.ip(), port);
        let challenge = service.answer(from, &Datagram::Hello.to_bytes()).unwrap().unwrap();
        let (authenticate, channel) = respond(&alice("correct horse"), &challenge);
        (service.answer(from, &authenticate).unwrap().unwrap(), channel)
    }

    /// The AUTHENTICATE, and the client's end.
    fn respond(client: &Client, challenge: &[u8]) -> (Vec<u8>, Channel) {
        let Some(Datagram::Challenge(token)) = Datagram::parse(challenge) else { panic!("none") };
        let response = client.respond_datagram(token, &mut Os).unwrap();
        let channel = Channel::new(response.keys.into_datagram_session().unwrap());
        (Datagram::Authenticate(&response.token).to_bytes(), channel)
    }

    fn unseal(channel: &mut Channel, bytes: &[u8]) -> Result<String, Unreadable> {
        match Datagram::parse(bytes) {
            Some(Datagram::Sealed { sequence, signature, message }) => {
                channel.unseal(sequence, &signature, message)
            }
            _ => panic!("it is not sealed"),
        }
    }

    #[test]
    fn messages_of_the_login_may_come_twice() {
        let mut service = service();
        let first = challenge(&mut service);
        assert_eq!(challenge(&mut service), first);
        let (authenticate, mut channel) = respond(&alice("correct horse"), &first);
        let welcome = service.answer(CLIENT, &authenticate).unwrap().unwrap();
        assert_eq!(unseal(&mut channel, &welcome).unwrap(), r"Welcome, EXAMPLE\alice.");
        assert_eq!(service.answer(CLIENT, &authenticate).unwrap().unwrap(), welcome);
    }

    #[test]
    fn a_challenge_is_good_for_one_attempt() {
        let mut service = service();
        let challenge = challenge(&mut service);
        let (wrong, _) = respond(&alice("wrong"), &challenge);
        let (right, _) = respond(&alice("correct horse"), &challenge);
        for attempt in [wrong, right] {
            let answer = service.answer(CLIENT, &attempt).unwrap();
            assert_eq!(answer, Some(Datagram::Refused.to_bytes()));
        }
    }

    #[test]
    fn a_hello_does_not_end_a_session() {
        let mut service = service();
        let (authenticate, mut channel) =
            respond(&alice("correct horse"), &challenge(&mut service));
        service.answer(CLIENT, &authenticate).unwrap();
        challenge(&mut service);
        let datagram = channel.seal("still here").unwrap();
        let answer = service.answer(CLIENT, &datagram).unwrap().unwrap();
        assert_eq!(unseal(&mut channel, &answer).unwrap(), "You said: still here");
    }

    #[test]
    fn a_replayed_or_forged_datagram_is_not_answered_and_a_genuine_one_is() {
        let mut service = service();
        let (authenticate, mut channel) =
            respond(&alice("correct horse"), &challenge(&mut service));
        service.answer(CLIENT, &authenticate).unwrap();
        let (early, late) = (channel.seal("early").unwrap(), channel.seal("late").unwrap());
        let mut forged = early.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(service.answer(CLIENT, &late).unwrap().is_some());
        assert!(service.answer(CLIENT, &forged).unwrap().is_none());
        assert!(
            service.answer(CLIENT, &early).unwrap().is_some(),
            "the forgery used up its number"
        );
        assert!(service.answer(CLIENT, &early).unwrap().is_none());
        let stranger = SocketAddr::new(CLIENT.ip(), 8);
        assert!(service.answer(stranger, &late).unwrap().is_none());
    }

    #[test]
    fn addresses_that_only_say_hello_do_not_fill_the_memory() {
        let mut service = service();
        for port in 0..2000 {
            let from = SocketAddr::new(CLIENT.ip(), port);
            let answer = service.answer(from, &Datagram::Hello.to_bytes()).unwrap();
            assert_eq!(answer.is_some(), usize::from(port) < MOST_CLIENTS);
            assert!(answer.is_none_or(|answer| answer.len() <= HELLO_LEN));
        }
        assert!(service.answer(CLIENT, &[0]).unwrap().is_none(), "a short hello gets nothing");
    }

    #[test]
    fn clients_that_are_silent_make_room_for_others() {
        let mut service = service();
        let (_, mut channel) = log_in_from(CLIENT.port(), &mut service);
        for port in (1000..).take(MOST_CLIENTS - 1) {
            log_in_from(port, &mut service);
        }
        assert_eq!(log_in_from(1, &mut service).0, Datagram::Refused.to_bytes());

        service.known.values_mut().for_each(|known| known.expires = Instant::now());
        let datagram = channel.seal("still here").unwrap();
        service.answer(CLIENT, &datagram).unwrap();
        assert_ne!(log_in_from(1, &mut service).0, Datagram::Refused.to_bytes());
        assert_eq!(service.known.len(), 2, "who spoke is not forgotten");
        assert!(service.known.contains_key(&CLIENT));
    }

    #[test]
    fn one_side_ends_the_other_even_if_it_panics() {
        let is_over = AtomicBool::new(false);
        let ended = thread::scope(|scope| {
            let panics = || {
                let _end = EndBoth(&is_over);
                panic!("on purpose")
            };
            scope.spawn(panics).join()
        });
        assert!(ended.map(|()| {}).is_err() && is_over.load(Ordering::Relaxed));
    }
}
