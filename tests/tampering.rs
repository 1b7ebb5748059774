//! Somebody in between flips each bit of each message, in each mode.
//!
//! Where a MIC was promised, nothing passes. Where there is none, the protocol protects less: the
//! fields in which a flipped bit can pass are listed here, and each of them is harmless, or
//! something that only the policy can forbid. Whatever passes NTLMv2 or LMv2, the user is who it
//! was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;

use common::{Fixed, NOW, ntlmv2_without_mic};
use ntlm::client::Policy as ClientPolicy;
use ntlm::crypto::ResponseKey;
use ntlm::server::{Accepted, AwaitAuthenticate, Names, Policy};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, AvPairsBuf, Challenge, LmResponse, Negotiate, NegotiateFlags as Flags,
};
use ntlm::{Client, Credentials, Error, LmCompatibility, NtHash, ResponseKind, Server, Text};

/// An exchange in which each message can be changed on its way.
trait Exchange {
    /// The server's answer; `change` gets each message and its number.
    fn run(&self, change: &dyn Fn(usize, &mut Vec<u8>)) -> Result<Accepted, Error>;
}

struct Connection {
    client: Client,
    server: Server,
}

impl Exchange for Connection {
    fn run(&self, change: &dyn Fn(usize, &mut Vec<u8>)) -> Result<Accepted, Error> {
        let environment = &mut Fixed::default();
        let (mut negotiate, await_challenge) = self.client.initiate()?;
        change(1, &mut negotiate);
        let (mut challenge, handshake) = self.server.challenge(&negotiate, environment)?;
        change(2, &mut challenge);
        let mut response = await_challenge.respond(&challenge, environment)?;
        change(3, &mut response.token);
        finish(handshake, &response.token)
    }
}

struct Datagram(Connection);

impl Exchange for Datagram {
    fn run(&self, change: &dyn Fn(usize, &mut Vec<u8>)) -> Result<Accepted, Error> {
        let environment = &mut Fixed::default();
        let (mut challenge, handshake) = self.0.server.challenge_datagram(environment)?;
        change(2, &mut challenge);
        let mut response = self.0.client.respond_datagram(&challenge, environment)?;
        change(3, &mut response.token);
        finish(handshake, &response.token)
    }
}

/// A client that answers a timestamp without a MIC, as curl, Firefox and impacket do.
struct WithoutMic(Server);

impl Exchange for WithoutMic {
    fn run(&self, change: &dyn Fn(usize, &mut Vec<u8>)) -> Result<Accepted, Error> {
        let environment = &mut Fixed::default();
        let flags = Flags::from_bits_retain(0xa208_8215);
        let mut negotiate = Vec::new();
        Negotiate { flags, ..Negotiate::default() }.emit(&mut negotiate)?;
        change(1, &mut negotiate);
        let (mut challenge, handshake) = self.0.challenge(&negotiate, environment)?;
        change(2, &mut challenge);
        let mut pairs = AvPairsBuf::default();
        for (id, value) in Challenge::parse(&challenge)?.target_info.into_iter().flatten() {
            pairs.push(id, value)?;
        }
        let user = ("alice", "EXAMPLE", "secret");
        let mut bytes = ntlmv2_without_mic(&challenge, user.0, user.1, user.2, &pairs, NOW);
        change(3, &mut bytes);
        finish(handshake, &bytes)
    }
}

/// A client that sends an LMv2 response alone, as Cyrus SASL's does.
struct Lmv2Alone(Server);

impl Exchange for Lmv2Alone {
    fn run(&self, change: &dyn Fn(usize, &mut Vec<u8>)) -> Result<Accepted, Error> {
        let environment = &mut Fixed::default();
        let flags = Flags::from_bits_retain(0x0008_8205);
        let mut negotiate = Vec::new();
        Negotiate { flags, ..Negotiate::default() }.emit(&mut negotiate)?;
        change(1, &mut negotiate);
        let (mut challenge, handshake) = self.0.challenge(&negotiate, environment)?;
        change(2, &mut challenge);
        let challenge = Challenge::parse(&challenge)?;
        let (user, domain) = (Text::from("alice"), Text::from("EXAMPLE"));
        let key = ResponseKey::new(&NtHash::of_password("secret"), &user, &domain);
        let lmv2 = key.lmv2_response(&challenge.server_challenge, &[0xcc; 8]);
        let message = Authenticate {
            lm_response: LmResponse::new(&lmv2),
            user: &user.to_utf16le(),
            domain: &domain.to_utf16le(),
            flags: Some(challenge.flags),
            ..Authenticate::default()
        };
        let mut bytes = Vec::new();
        message.emit(&mut bytes)?;
        change(3, &mut bytes);
        finish(handshake, &bytes)
    }
}

fn finish(handshake: AwaitAuthenticate, authenticate: &[u8]) -> Result<Accepted, Error> {
    let claim = handshake.read(authenticate, &mut Fixed::default())?;
    common::accept(claim, "secret")
}

fn connection(level: LmCompatibility, protection: Protection) -> Connection {
    let mut policy = ClientPolicy::default();
    policy.lm_compatibility = level;
    policy.require_when_protected = Flags::empty();
    let client = Client::new(Credentials::password("EXAMPLE\\alice", "secret"))
        .with_policy(policy)
        .with_target("HTTP/files")
        .with_workstation("LAPTOP")
        .with_protection(protection);
    let mut policy = Policy::default();
    if !level.sends_ntlmv2() {
        policy.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    }
    Connection {
        client,
        server: Server::new(Names::member("FILES", "EXAMPLE")).with_policy(policy),
    }
}

#[test]
fn a_promised_mic_catches_every_bit() {
    for protection in [Protection::None, Protection::Sign, Protection::Seal] {
        assert_passing(&connection(LmCompatibility::SendNtlmv2, protection), &[]);
    }
}

#[test]
fn a_promised_mic_catches_every_bit_of_a_connectionless_exchange() {
    for protection in [Protection::None, Protection::Sign, Protection::Seal] {
        let connection = connection(LmCompatibility::SendNtlmv2, protection);
        assert_passing(&Datagram(connection), &[]);
    }
}

#[test]
fn a_promised_mic_catches_every_bit_of_oem_text() {
    let mut connection = connection(LmCompatibility::SendNtlmv2, Protection::Seal);
    let mut policy = Policy::default();
    policy.offer -= Flags::NEGOTIATE_UNICODE;
    connection.server = connection.server.with_policy(policy);
    assert_passing(&connection, &[]);
}

/// What no response covers: the server does not act on it, or only the policy can forbid it
/// (`require` for flags that somebody clears).
const UNCOVERED: [&str; 8] = [
    "1 NegotiateFlags",
    "1 DomainNameFields",
    "1 WorkstationFields",
    "2 NegotiateFlags",
    "2 TargetNameFields",
    "2 TargetName",
    "2 Reserved",
    "2 Version",
];

/// Of a descriptor, `MaxLen` is not looked at, nor the offset of an empty field.
const DESCRIPTORS: [&str; 7] = [
    "2 TargetInfoFields",
    "3 LmChallengeResponseFields",
    "3 NtChallengeResponseFields",
    "3 DomainNameFields",
    "3 UserNameFields",
    "3 WorkstationFields",
    "3 EncryptedRandomSessionKeyFields",
];

/// The proof covers the user, the domain and all that the server said. A name in another case is
/// the same name.
#[test]
fn without_a_mic_ntlmv2_still_binds_user_and_server() {
    let connection = connection(LmCompatibility::SendNtlmv2, Protection::Sign);
    let more = ["3 DomainName", "3 UserName", "3 NegotiateFlags"];
    assert_passing(&WithoutMic(connection.server), &[&UNCOVERED[..], &DESCRIPTORS, &more].concat());
}

/// NTLMv1 covers nothing but the challenges: not even who the user is.
#[test]
fn ntlmv1_binds_little_but_the_challenge() {
    let more = [
        "1 Version",
        "2 TargetInfo",
        "3 DomainName",
        "3 UserName",
        "3 Workstation",
        "3 NegotiateFlags",
        "3 Version",
    ];
    let passing = [&UNCOVERED[..], &DESCRIPTORS, &more].concat();
    // With extended session security the LM field carries the client's challenge and 16 zeros.
    let lm = [&passing[..], &["3 LmChallengeResponse"]].concat();
    assert_passing(&connection(LmCompatibility::SendNtlm, Protection::None), &lm);
    assert_passing(&connection(LmCompatibility::SendLmAndNtlm, Protection::None), &lm);
    // With a key in the message: whoever changes it makes the client's key another one.
    let key = [&lm[..], &["3 EncryptedRandomSessionKey"]].concat();
    for protection in [Protection::Sign, Protection::Seal] {
        assert_passing(&connection(LmCompatibility::SendNtlm, protection), &key);
        // There is no first message.
        let key: Vec<_> = key.iter().copied().filter(|field| !field.starts_with('1')).collect();
        let connection = connection(LmCompatibility::SendNtlm, protection);
        assert_passing(&Datagram(connection), &key);
    }
}

/// An LMv2 response alone binds the user and both challenges, and nothing else.
#[test]
fn lmv2_alone_binds_the_user_and_the_challenges() {
    let mut connection = connection(LmCompatibility::SendNtlmv2, Protection::None);
    let mut policy = Policy::default();
    policy.allow_lmv2_alone = true;
    connection.server = connection.server.with_policy(policy);
    let more = ["2 TargetInfo", "3 DomainName", "3 UserName", "3 NegotiateFlags"];
    let passing = [&UNCOVERED[..], &DESCRIPTORS, &more].concat();
    assert_passing(&Lmv2Alone(connection.server), &passing);
}

#[test]
fn anonymous_clients_are_bound_to_nothing() {
    let mut connection = connection(LmCompatibility::SendNtlmv2, Protection::None);
    connection.client = Client::new(Credentials::anonymous());
    let mut policy = Policy::default();
    policy.allow_anonymous = true;
    connection.server = connection.server.with_policy(policy);
    let more = ["1 Version", "2 ServerChallenge", "2 TargetInfo", "3 NegotiateFlags", "3 Version"];
    assert_passing(&connection, &[&UNCOVERED[..], &DESCRIPTORS, &more].concat());
}

/// Flips each bit of each message, and compares the fields in which one passed with the list.
fn assert_passing(exchange: &dyn Exchange, expected: &[&str]) {
    let messages = messages(exchange);
    let mut passing = BTreeSet::new();
    for (number, message) in &messages {
        for bit in 0..message.len() * 8 {
            let flip = |current: usize, bytes: &mut Vec<u8>| {
                if current == *number {
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            };
            if let Ok(accepted) = exchange.run(&flip) {
                passing.insert(format!("{number} {}", field(message, bit / 8)));
                assert_same_user(&accepted);
            }
        }
    }
    let expected: BTreeSet<_> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(passing, expected);
}

fn assert_same_user(accepted: &Accepted) {
    if matches!(accepted.response, Some(ResponseKind::Ntlmv2 | ResponseKind::Lmv2)) {
        let user = accepted.user.as_ref().unwrap();
        assert!(user.user().eq_ignore_case(&"alice".into()), "{user}");
        assert!(user.domain().eq_ignore_case(&"EXAMPLE".into()), "{user}");
    }
}

/// The messages as they are when nobody changes them.
fn messages(exchange: &dyn Exchange) -> Vec<(usize, Vec<u8>)> {
    let messages = core::cell::RefCell::new(Vec::new());
    let keep = |number, bytes: &mut Vec<u8>| messages.borrow_mut().push((number, bytes.clone()));
    exchange.run(&keep).expect("unchanged, it passes");
    messages.into_inner()
}

/// The name of the field that a byte belongs to.
fn field(message: &[u8], byte: usize) -> String {
    const FIELDS: [&[(usize, &str)]; 3] = [
        &[
            (12, "NegotiateFlags"),
            (16, "DomainNameFields"),
            (24, "WorkstationFields"),
            (32, "Version"),
        ],
        &[
            (12, "TargetNameFields"),
            (20, "NegotiateFlags"),
            (24, "ServerChallenge"),
            (32, "Reserved"),
            (40, "TargetInfoFields"),
            (48, "Version"),
        ],
        &[
            (12, "LmChallengeResponseFields"),
            (20, "NtChallengeResponseFields"),
            (28, "DomainNameFields"),
            (36, "UserNameFields"),
            (44, "WorkstationFields"),
            (52, "EncryptedRandomSessionKeyFields"),
            (60, "NegotiateFlags"),
            (64, "Version"),
            (72, "MIC"),
        ],
    ];
    let fields = FIELDS[usize::from(message[8]) - 1];
    let mut start = message.len();
    for (at, name) in fields.iter().filter(|(_, name)| name.ends_with("Fields")) {
        let number = |at: usize, len: usize| {
            message[at..at + len].iter().rev().fold(0_usize, |n, b| n << 8 | usize::from(*b))
        };
        let (length, offset) = (number(*at, 2), number(at + 4, 4));
        if length > 0 {
            start = start.min(offset);
            if (offset..offset + length).contains(&byte) {
                return name.trim_end_matches("Fields").into();
            }
        }
    }
    if byte >= start || byte < 12 {
        return format!("byte {byte}");
    }
    fields.iter().rev().find(|(at, _)| *at <= byte).unwrap().1.into()
}
