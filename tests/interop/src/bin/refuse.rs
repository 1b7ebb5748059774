//! One message of that kind and about that length, received, to be counted by callgrind.
//!
//! ```text
//! refuse KIND LENGTH
//! ```
//!
//! It prints what came of it. Messages are made outside of [`measured`].

use std::env;
use std::hint::black_box;

use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::server::{AwaitAuthenticate, Claim, Names};
use ntlm::wire::{Authenticate, AvPairs, Challenge, NegotiateFlags as Flags, Version};
use ntlm::{Client, Credentials, Error, NtHash, Server, Session, Text, UserName};
use ntlm_testkit::Fixed;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [kind, length] = &arguments[..] else { panic!("refuse KIND LENGTH") };
    let length = length.parse().expect("a number");
    println!("{}", receive(kind, length).map_or_else(|error| format!("{error:?}"), str::to_owned));
}

/// What callgrind counts.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

type Received = Result<&'static str, Error>;

fn receive(kind: &str, length: usize) -> Received {
    let (one, many) = (one_pair(length), many_pairs(length));
    match kind {
        // By a server.
        "one pair" => Sent::by(alice(), PASSWORD, &one).verify(),
        "many pairs" => Sent::by(alice(), PASSWORD, &many).verify(),
        "names" => Sent::by(long_names(length), PASSWORD, &[]).verify(),
        "proof without domain" => {
            Sent::by(UserName::from("alice"), PASSWORD, &one).with_domain(alice().domain()).verify()
        }
        "many pairs, proof without domain" => {
            let user = UserName::from("alice");
            Sent::by(user, PASSWORD, &many).with_domain(alice().domain()).verify()
        }
        "names, proof without domain" => {
            let names = long_names(length);
            Sent::by(UserName::new(names.user().clone()), PASSWORD, &[])
                .with_domain(names.domain())
                .verify()
        }
        "wrong proof, one pair" => Sent::by(alice(), GUESS, &one).verify(),
        "wrong proof, many pairs" => Sent::by(alice(), GUESS, &many).verify(),
        "wrong proof, names" => Sent::by(long_names(length), GUESS, &[]).verify(),
        "overlapping fields" => Sent::by(alice(), GUESS, &one).overlapping().verify(),
        "list without end" => Sent::by(alice(), PASSWORD, &many).cut_nt_response(8).verify(),
        "pair twice" => Sent::by(alice(), PASSWORD, &many).with_pair_twice().verify(),
        "cut" => {
            let mut sent = Sent::by(alice(), PASSWORD, &one);
            sent.token.pop();
            sent.verify()
        }
        // By a client.
        "challenge, one pair" => respond(&challenge(&one)),
        "challenge, many pairs" => respond(&challenge(&many)),
        "challenge, list without end" => {
            let mut challenge = challenge(&many);
            cut_field(&mut challenge, 40, 4);
            respond(&challenge)
        }
        // By a session.
        "sealed" => unseal(length, 0),
        "sealed, changed" => unseal(length, 1),
        kind => panic!("no kind: {kind}"),
    }
}

const PASSWORD: &str = "correct horse";
const GUESS: &str = "a guess";

/// The case of the domain matters: proofs may cover it as it is, in upper case, or not at all.
fn alice() -> UserName {
    UserName::new("alice").with_domain("Example")
}

fn long_names(length: usize) -> UserName {
    UserName::new("ü".repeat(length / 4)).with_domain("ö".repeat(length / 4))
}

/// What a server might add to its list, if all of it is one thing.
fn one_pair(length: usize) -> Vec<u8> {
    let value = b"\xfc\x00".repeat(length / 2);
    let header = [11, u16::try_from(value.len()).expect("it is a field's")];
    [header.map(u16::to_le_bytes).as_flattened(), &value].concat()
}

/// The same with as many things as there can be.
fn many_pairs(length: usize) -> Vec<u8> {
    [11, 0, 0, 0].repeat(length / 4)
}

/// A CHALLENGE with these pairs.
fn challenge(pairs: &[u8]) -> Vec<u8> {
    let names = [1, 0, 2, 0, b'F', 0, 2, 0, 2, 0, b'E', 0];
    let list = [&names[..], pairs, &[0; 4]].concat();
    let message = Challenge {
        flags: Flags::NEGOTIATE_UNICODE
            | Flags::NEGOTIATE_NTLM
            | Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY,
        server_challenge: [0x42; 8],
        target_info: Some(AvPairs::parse(&list).expect("a list")),
        version: Some(Version::default()),
        ..Challenge::default()
    };
    let mut bytes = Vec::new();
    message.emit(&mut bytes).expect("it fits");
    bytes
}

/// A last message, and the server that gets it.
struct Sent {
    handshake: AwaitAuthenticate,
    token: Vec<u8>,
}

impl Sent {
    fn by(user: UserName, password: &str, pairs: &[u8]) -> Self {
        let client = Client::new(Credentials::password(user, password));
        let (negotiate, await_challenge) = client.initiate().expect("a first message");
        let challenge = challenge(pairs);
        let token =
            await_challenge.answer(&challenge, &mut Fixed::default()).expect("an answer").token;
        let server = Server::new(Names::standalone("F"));
        let handshake = server.resume(&negotiate, &challenge).expect("it was this server's");
        Self { handshake, token }
    }

    /// It says this domain, which the proof does not cover.
    fn with_domain(self, domain: &Text) -> Self {
        let message = Authenticate::parse(&self.token).expect("an AUTHENTICATE");
        let mut token = Vec::new();
        let message = Authenticate { domain: &domain.to_utf16le(), ..message };
        message.emit(&mut token).expect("it fits");
        Self { token, ..self }
    }

    /// All names, and the LM response, are where the NT response is.
    fn overlapping(mut self) -> Self {
        let mut field: [u8; 8] = self.token[20..28].try_into().expect("8 bytes");
        field[0] &= !1;
        for descriptor in [12, 28, 36, 44] {
            self.token[descriptor..descriptor + 8].copy_from_slice(&field);
        }
        self
    }

    fn cut_nt_response(mut self, by: u16) -> Self {
        cut_field(&mut self.token, 20, by);
        self
    }

    /// The first pair is one that comes again at the end.
    fn with_pair_twice(mut self) -> Self {
        let pair = [11, 0, 0, 0];
        let place = self.token.windows(8).position(|pairs| pairs == [pair, pair].as_flattened());
        self.token[place.expect("there are many")] = 9;
        self
    }

    fn verify(self) -> Received {
        let hash = NtHash::from_password(PASSWORD);
        measured(|| match self.handshake.read(&self.token, &mut Fixed::default())? {
            Claim::User(claim) => claim.verify_nt_hash(&hash).map(|_| "accepted"),
            Claim::Anonymous(claim) => claim.accept().map(|_| "accepted"),
        })
    }
}

fn cut_field(message: &mut [u8], descriptor: usize, by: u16) {
    let place = &mut message[descriptor..descriptor + 2];
    let length = u16::from_le_bytes([place[0], place[1]]) - by;
    place.copy_from_slice(&length.to_le_bytes());
}

fn respond(challenge: &[u8]) -> Received {
    let client = Client::new(Credentials::password(alice(), PASSWORD));
    let (_, await_challenge) = client.initiate().expect("a first message");
    measured(|| await_challenge.answer(challenge, &mut Fixed::default()).map(|_| "accepted"))
}

fn unseal(length: usize, change: u8) -> Received {
    let session = |side| {
        let flags = Flags::from_bits_retain(0xe208_8235);
        Session::new(flags, &ExportedSessionKey::from([7; 16]), side)
    };
    let mut message = vec![0x5a; length];
    let signature = session(Side::Client).seal(&mut message).expect("sealed");
    message[0] ^= change;
    let mut server = session(Side::Server);
    measured(|| server.unseal(&mut message, &signature).map(|()| "accepted"))
}
