//! A busy server under attack: handshakes and sealed messages on all cores, some with deliberate
//! faults. Every outcome must be the expected one, nothing may be accepted wrongly, and memory must
//! stay flat; otherwise the program ends with an error.
//!
//! ```text
//! cargo run --release --example load -- --handshakes 1000000 --mebibytes 10240
//! ```
//!
//! The same `--seed` with the same number of `--threads` repeats a run.

#![allow(clippy::indexing_slicing, reason = "nothing here comes from a network")]

use core::error::Error as StdError;
use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};
use std::process::{self, ExitCode};
use std::time::Instant;
use std::{env, fs, thread};

use ntlm::error::{Denied, Integrity, Refused, Rejection};
use ntlm::server::{AwaitAuthenticate, Claim, Names};
use ntlm::session::{Protection, Signature};
use ntlm::{
    Client, Credentials, Environment, EnvironmentError, Error, FileTime, LmCompatibility, NtHash,
    Server, Session, UserName, client,
};

fn main() -> Result<ExitCode, Box<dyn StdError>> {
    let options = Options::parse(env::args().skip(1))?;
    println!("{options:?}");
    let mut workers = (1..=options.threads)
        .map(|number| Worker::new(options.seed, number))
        .collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    // A leak shows up as growth between the first tenth of the work and the end.
    run(&mut workers, &options, 1);
    let early = memory("VmRSS:");
    run(&mut workers, &options, 9);
    let late = memory("VmRSS:");
    println!("{:.1} s", start.elapsed().as_secs_f64());

    let tally = workers.into_iter().map(|worker| worker.tally).fold(Tally::default(), Tally::add);
    tally.print();
    let is_flat = late <= early + 8;
    let growth = if is_flat { "flat" } else { "GROWING" };
    println!("memory: {early} MiB after a tenth, {late} MiB at the end, {growth}");
    println!("peak: {} MiB", memory("VmHWM:"));
    Ok(if tally.unexpected.is_empty() && is_flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug)]
struct Options {
    handshakes: usize,
    mebibytes: usize,
    threads: u64,
    seed: u64,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn StdError>> {
        let threads = u64::try_from(thread::available_parallelism()?.get())?;
        let mut options = Self { handshakes: 20_000, mebibytes: 128, threads, seed: 1 };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a number"));
            match name.as_str() {
                "--handshakes" => options.handshakes = value()?.parse()?,
                "--mebibytes" => options.mebibytes = value()?.parse()?,
                "--threads" => options.threads = value()?.parse::<u64>()?.max(1),
                "--seed" => options.seed = value()?.parse()?,
                "--help" => {
                    println!("load {USAGE}");
                    process::exit(0);
                }
                _ => return Err(format!("{name}? load {USAGE}").into()),
            }
        }
        Ok(options)
    }
}

const USAGE: &str = "[--handshakes NUMBER] [--mebibytes NUMBER] [--threads NUMBER] [--seed NUMBER]";

/// Runs this many tenths of the work, on all threads.
fn run(workers: &mut [Worker], options: &Options, tenths: usize) {
    let parts = workers.len() * 10;
    let handshakes = (options.handshakes * tenths).div_ceil(parts);
    let bytes = ((options.mebibytes << 20) * tenths).div_ceil(parts);
    thread::scope(|scope| {
        for worker in workers {
            scope.spawn(move || {
                (0..handshakes).for_each(|_| worker.log_in());
                worker.talk(bytes);
            });
        }
    });
}

/// A value from `/proc/self/status`, in MiB; zero on systems other than Linux.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() >> 10
}

/// A thread's clients and its server.
struct Worker {
    random: Random,
    server: Server,
    users: BTreeMap<UserName, NtHash>,
    /// Connections whose clients disconnected.
    half_open: VecDeque<AwaitAuthenticate>,
    /// The last AUTHENTICATE that was accepted.
    recorded: Vec<u8>,
    plain: Vec<u8>,
    tally: Tally,
}

const USERS: u64 = 50;
const HALF_OPEN: usize = 1000;
const LONGEST: usize = 1 << 16;

/// A fault in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    WrongPassword,
    UnknownUser,
    Nobody,
    Ntlmv1,
    /// The message with this number is truncated.
    Cut(usize),
    /// One bit of the message with this number is flipped.
    Flipped(usize),
    WrongMic,
    /// The last message was valid for another challenge.
    Replayed,
    /// The client disconnects after this many messages.
    Abandoned(usize),
}

impl Fault {
    fn draw(random: &mut Random) -> Self {
        match random.below(20) {
            0 => Self::WrongPassword,
            1 => Self::UnknownUser,
            2 => Self::Nobody,
            3 => Self::Ntlmv1,
            4 => Self::Cut(random.below(3)),
            5 => Self::Flipped(random.below(3)),
            6 => Self::WrongMic,
            7 => Self::Replayed,
            8 => Self::Abandoned(random.below(2)),
            _ => Self::Nothing,
        }
    }

    /// Whether a handshake with this fault may have this outcome.
    fn allows(self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Nothing, Ok(Some(_))) | (Self::Abandoned(_), Ok(None)) => true,
            (Self::WrongPassword | Self::Replayed, Err(error)) => {
                *error == Denied::WrongPassword.into()
            }
            (Self::UnknownUser, Err(error)) => {
                *error == Denied::Rejected(Rejection::UnknownUser).into()
            }
            (Self::WrongMic, Err(error)) => *error == Denied::Mic.into(),
            (Self::Nobody, Err(error)) => *error == Refused::Anonymous.into(),
            (Self::Ntlmv1, Err(error)) => *error == Refused::ResponseKind.into(),
            // Which check fails depends on the position; the MIC covers everything.
            (Self::Cut(_) | Self::Flipped(_), Err(error)) => {
                !matches!(error, Error::Misuse(_) | Error::Environment(_) | Error::Integrity(_))
            }
            _ => false,
        }
    }
}

/// Both ends of a session, or nothing if the client disconnected.
type Outcome = Result<Option<(Session, Session)>, Error>;

impl Worker {
    fn new(seed: u64, number: u64) -> Result<Self, Error> {
        let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let hash = |number| NtHash::from_password(&password(number));
        let users = (0..USERS).map(|number| (user(number).to_uppercase(), hash(number))).collect();
        let mut plain = vec![0; LONGEST];
        random.fill(&mut plain);
        let names = Names::member("FILES", "EXAMPLE").with_dns_computer("files.example.com");
        Ok(Self {
            random,
            server: Server::new(names).checked()?,
            users,
            half_open: VecDeque::new(),
            recorded: Vec::new(),
            plain,
            tally: Tally::default(),
        })
    }

    /// Runs one handshake, perhaps with a fault.
    fn log_in(&mut self) {
        let mut fault = Fault::draw(&mut self.random);
        if fault == Fault::Replayed && self.recorded.is_empty() {
            fault = Fault::Nothing;
        }
        let outcome = self.exchange(fault);
        let is_expected = fault.allows(&outcome);
        let end = match outcome {
            Ok(Some(_)) => "accepted".into(),
            Ok(None) => "went away".into(),
            Err(Error::Denied(reason)) => format!("Denied({reason:?})"),
            Err(error) => format!("{error:?}").split('(').next().unwrap_or_default().to_owned(),
        };
        self.tally.count("handshake", format!("{fault:?}"), end, is_expected);
    }

    fn exchange(&mut self, fault: Fault) -> Outcome {
        let number = self.random.next() % USERS;
        let client = client(number, fault)?;
        let (negotiate, await_challenge) = client.initiate()?;
        let negotiate = self.on_the_way(0, negotiate, fault);
        let (challenge, handshake) = self.server.challenge(&negotiate, &mut self.random)?;
        if fault == Fault::Abandoned(0) {
            self.half_open.push_back(handshake);
            if self.half_open.len() > HALF_OPEN {
                self.half_open.pop_front();
            }
            return Ok(None);
        }
        let challenge = self.on_the_way(1, challenge, fault);
        let response = await_challenge.answer(&challenge, &mut self.random)?;
        let authenticate = self.on_the_way(2, response.token, fault);
        let claim = match handshake.read(&authenticate, &mut self.random)? {
            Claim::User(claim) => claim,
            Claim::Anonymous(claim) => {
                let accepted = claim.accept()?;
                return Ok(Some((response.keys.into_session()?, accepted.keys.into_session()?)));
            }
        };
        if fault == Fault::Abandoned(1) {
            return Ok(None);
        }
        let accepted = match self.users.get(&claim.claimed_user().to_uppercase()) {
            Some(hash) => claim.verify_nt_hash(hash)?,
            None => claim.reject(Rejection::UnknownUser)?,
        };
        if accepted.user() != Some(&user(number)) {
            self.tally.count("handshake", format!("{fault:?}"), "another user".into(), false);
        }
        if fault == Fault::Nothing {
            self.recorded = authenticate;
        }
        Ok(Some((response.keys.into_session()?, accepted.keys.into_session()?)))
    }

    /// The message as it arrives after the fault.
    fn on_the_way(&mut self, number: usize, mut message: Vec<u8>, fault: Fault) -> Vec<u8> {
        match fault {
            Fault::Cut(cut) if cut == number => message.truncate(self.random.below(message.len())),
            Fault::Flipped(flipped) if flipped == number => self.random.flip(&mut message),
            Fault::WrongMic if number == 2 => self.random.flip(&mut message[MIC]),
            Fault::Replayed if number == 2 => return self.recorded.clone(),
            _ => {}
        }
        message
    }

    /// Sends messages in both directions until this many bytes were sealed.
    fn talk(&mut self, bytes: usize) {
        let mut sealed = 0;
        while sealed < bytes {
            let Ok(Some((mut client, mut server))) = self.exchange(Fault::Nothing) else {
                self.tally.count("session", "Nothing".into(), "no session".into(), false);
                return;
            };
            self.tally.count("session", "Nothing".into(), "begun".into(), true);
            let mut trouble = Trouble::Nothing;
            while !trouble.ends_session() && sealed < bytes {
                trouble = Trouble::draw(&mut self.random);
                let text = self.text();
                let (sender, receiver) = match self.random.below(2) {
                    0 => (&mut client, &mut server),
                    _ => (&mut server, &mut client),
                };
                let mut line = Line { sender, receiver, text: &text, sealed: 0 };
                let end = line.carry(trouble, &mut self.random);
                sealed += line.sealed;
                let is_expected = end == Ok(());
                let end = end.map_or_else(|what| what.into(), |()| "as it must".into());
                self.tally.count("message", format!("{trouble:?}"), end, is_expected);
            }
        }
    }

    /// A random plaintext.
    fn text(&mut self) -> Vec<u8> {
        let longest = 1 << self.random.below(17);
        let length = 1 + self.random.below(longest);
        self.plain[..length].to_vec()
    }
}

/// The position of the MIC in an AUTHENTICATE.
const MIC: Range<usize> = 72..88;

fn user(number: u64) -> UserName {
    UserName::new(format!("user{number}")).with_domain("EXAMPLE")
}

fn password(number: u64) -> String {
    format!("the password of {number}")
}

fn client(number: u64, fault: Fault) -> Result<Client, Error> {
    let credentials = match fault {
        Fault::WrongPassword => Credentials::password(user(number), "a guess"),
        Fault::UnknownUser => Credentials::password(user(number + USERS), &password(number)),
        Fault::Nobody => return Client::new(Credentials::anonymous()).checked(),
        _ => Credentials::password(user(number), &password(number)),
    };
    let mut policy = client::Policy::default();
    if fault == Fault::Ntlmv1 {
        policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
    }
    Client::new(credentials)
        .with_policy(policy)
        .with_protection(Protection::Seal)
        .with_spn("ldap/files.example.com")
        .checked()
}

/// A fault of a sealed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Nothing,
    /// One bit of it is flipped.
    Flipped,
    /// One bit of the checksum in its signature is flipped.
    WrongSignature,
    /// It is truncated.
    Cut,
    /// It arrives twice.
    Replayed,
    /// The next one arrives before it.
    Overtaken,
    /// It is lost, and the next one arrives.
    Lost,
}

impl Trouble {
    fn draw(random: &mut Random) -> Self {
        match random.below(500) {
            0 => Self::Flipped,
            1 => Self::WrongSignature,
            2 => Self::Cut,
            3 => Self::Lost,
            4..9 => Self::Replayed,
            9..14 => Self::Overtaken,
            _ => Self::Nothing,
        }
    }

    fn ends_session(self) -> bool {
        !matches!(self, Self::Nothing | Self::Replayed | Self::Overtaken)
    }
}

/// One direction of a session, and its next message.
struct Line<'a> {
    sender: &'a mut Session,
    receiver: &'a mut Session,
    text: &'a [u8],
    /// The number of bytes sealed.
    sealed: usize,
}

#[derive(Clone)]
struct Message {
    bytes: Vec<u8>,
    signature: Signature,
}

impl Line<'_> {
    /// Sends a message with this fault, and returns an error if the receiver's result is wrong.
    fn carry(&mut self, trouble: Trouble, random: &mut Random) -> Result<(), &'static str> {
        let mut message = self.seal()?;
        match trouble {
            Trouble::Nothing => self.is_delivered(message),
            Trouble::Flipped => {
                random.flip(&mut message.bytes);
                self.is_rejected(message)
            }
            Trouble::WrongSignature => {
                let mut signature = *message.signature.as_bytes();
                random.flip(&mut signature[4..12]);
                message.signature = signature.into();
                self.is_rejected(message)
            }
            Trouble::Cut => {
                message.bytes.truncate(random.below(message.bytes.len()));
                self.is_rejected(message)
            }
            Trouble::Replayed => {
                self.is_delivered(message.clone())?;
                self.is_not_the_next(&message)
            }
            Trouble::Overtaken => {
                let next = self.seal()?;
                self.is_not_the_next(&next)?;
                self.is_delivered(message)?;
                self.is_delivered(next)
            }
            Trouble::Lost => {
                let next = self.seal()?;
                self.is_not_the_next(&next)
            }
        }
    }

    fn seal(&mut self) -> Result<Message, &'static str> {
        let mut bytes = self.text.to_vec();
        let signature = self.sender.seal(&mut bytes).map_err(|_| "not sealed")?;
        self.sealed += bytes.len();
        Ok(Message { bytes, signature })
    }

    fn is_delivered(&mut self, mut message: Message) -> Result<(), &'static str> {
        let result = self.receiver.unseal(&mut message.bytes, &message.signature);
        result.map_err(|_| "not delivered")?;
        if message.bytes == self.text { Ok(()) } else { Err("another text") }
    }

    /// Checks that the message is rejected and wiped, and that all later messages are rejected.
    fn is_rejected(&mut self, mut message: Message) -> Result<(), &'static str> {
        let result = self.receiver.unseal(&mut message.bytes, &message.signature);
        if result != Err(Integrity::Checksum.into()) {
            return Err("not rejected");
        }
        if message.bytes.iter().any(|byte| *byte != 0) {
            return Err("not wiped");
        }
        let mut next = self.seal()?;
        let result = self.receiver.unseal(&mut next.bytes, &next.signature);
        if result == Err(Integrity::Closed.into()) { Ok(()) } else { Err("not closed") }
    }

    /// Checks that the message is rejected and left unchanged.
    fn is_not_the_next(&mut self, message: &Message) -> Result<(), &'static str> {
        let mut bytes = message.bytes.clone();
        let result = self.receiver.unseal(&mut bytes, &message.signature);
        if result != Err(Integrity::Sequence.into()) {
            return Err("not rejected");
        }
        if bytes == message.bytes { Ok(()) } else { Err("changed") }
    }
}

/// Counts the outcomes of each fault.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<(&'static str, String, String), u64>,
    /// Outcomes that must not occur.
    unexpected: Vec<String>,
}

impl Tally {
    fn count(&mut self, what: &'static str, fault: String, end: String, is_expected: bool) {
        if !is_expected {
            self.unexpected.push(format!("{what}, {fault}: {end}"));
        }
        *self.counts.entry((what, fault, end)).or_default() += 1;
    }

    fn add(mut self, other: Self) -> Self {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        self.unexpected.extend(other.unexpected);
        self
    }

    fn print(&self) {
        for ((what, fault, end), count) in &self.counts {
            println!("{count:>9}  {what:<9}  {fault:<14}  {end}");
        }
        for what in self.unexpected.iter().take(20) {
            println!("UNEXPECTED: {what}");
        }
        println!("{} unexpected", self.unexpected.len());
    }
}

/// A fixed clock and a seeded pseudo-random generator (SplitMix64). For tests only, because its
/// numbers are predictable.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the limit.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or_default()
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&self.next().to_le_bytes()[..piece.len()]);
        }
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let bit = self.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

impl Environment for Random {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        Ok(FileTime::from_ticks(134_397_918_000_000_000))
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        self.fill(buffer);
        Ok(())
    }
}
