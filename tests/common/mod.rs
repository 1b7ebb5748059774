//! What the scenario tests share: a fixed environment, both sides in memory, and test data.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[cfg(feature = "spnego")]
pub mod spnego;

use std::path::{Path, PathBuf};

use ntlm::crypto::{LmHash, ResponseKey};
use ntlm::server::{Accepted, Claim};
use ntlm::session::SessionKeys;
use ntlm::wire::{
    Authenticate, AvPairsBuf, Challenge, ClientChallenge, NegotiateFlags, NtResponse,
};
use ntlm::{Client, Environment, EnvironmentError, Error, FileTime, NtHash, Server, Text};
use serde_json::Value;

/// A clock that stands, and "random" bytes that count up.
pub struct Fixed {
    pub now: FileTime,
    pub next: u8,
}

impl Fixed {
    pub fn at(now: FileTime) -> Self {
        Self { now, next: 1 }
    }
}

/// 2026-11-22 03:30:00 UTC.
pub const NOW: FileTime = FileTime::from_ticks(134_397_918_000_000_000);

impl Default for Fixed {
    fn default() -> Self {
        Self::at(NOW)
    }
}

impl Environment for Fixed {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        Ok(self.now)
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        for byte in buffer {
            *byte = self.next;
            self.next = self.next.wrapping_add(1);
        }
        Ok(())
    }
}

/// The three messages of an exchange and what the client holds at its end.
#[derive(Debug)]
pub struct Exchange {
    pub negotiate: Vec<u8>,
    pub challenge: Vec<u8>,
    pub authenticate: Vec<u8>,
    pub client_keys: SessionKeys,
}

/// Lets a client and a server exchange their messages, up to the last one.
pub fn exchange(
    client: &Client,
    server: &Server,
    environment: &mut dyn Environment,
) -> Result<(Exchange, ntlm::server::AwaitAuthenticate), Error> {
    let (negotiate, await_challenge) = client.initiate()?;
    let (challenge, await_authenticate) = server.challenge(&negotiate, environment)?;
    let response = await_challenge.answer(&challenge, environment)?;
    let exchange =
        Exchange { negotiate, challenge, authenticate: response.token, client_keys: response.keys };
    Ok((exchange, await_authenticate))
}

/// A whole exchange; the server knows the password of whoever comes.
pub fn log_in(client: &Client, server: &Server, password: &str) -> Result<Outcome, Error> {
    let environment = &mut Fixed::default();
    let (exchange, handshake) = exchange(client, server, environment)?;
    let claim = handshake.read(&exchange.authenticate, environment)?;
    let accepted = accept(claim, password)?;
    Ok(Outcome { client: exchange.client_keys, accepted })
}

pub struct Outcome {
    pub client: SessionKeys,
    pub accepted: Accepted,
}

/// Verifies a claim with a password.
pub fn accept(claim: Claim, password: &str) -> Result<Accepted, Error> {
    let nt_hash = NtHash::from_password(password);
    let lm_hash = LmHash::from_password(password, &ntlm::Ascii);
    match claim {
        Claim::User(claim) => claim.verify_hashes(&nt_hash, lm_hash.as_ref()),
        Claim::Anonymous(claim) => claim.accept(),
    }
}

/// Prints a line of its own also when the test passes, which `println!` does not. If tests run one
/// by one, the runner has begun a line with the test's name.
pub fn report(line: &str) {
    use std::io::Write;
    write!(std::io::stdout(), "\n{line}\n").expect("standard output");
}

/// An environment that lacks time or randomness, and gives what it has.
pub struct Broken(pub EnvironmentError);

impl Environment for Broken {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        if self.0 == EnvironmentError::Clock { Err(self.0) } else { Ok(NOW) }
    }

    fn fill_random(&mut self, _: &mut [u8]) -> Result<(), EnvironmentError> {
        if self.0 == EnvironmentError::Randomness { Err(self.0) } else { Ok(()) }
    }
}

/// A message among the published values.
pub fn vector(id: &str) -> Vec<u8> {
    let vectors = read_json(&data("vectors.json"));
    let mut vectors = vectors.as_array().expect("a list").iter();
    let vector = vectors.find(|vector| vector.text("id") == Some(id)).expect(id);
    vector["inputs"].bytes("message").expect(id)
}

/// A file below `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

pub fn read_json(path: &Path) -> Value {
    try_read_json(path).unwrap_or_else(|what| panic!("{what}"))
}

/// A file that strangers may have given.
pub fn try_read_json(path: &Path) -> Result<Value, String> {
    let at = |error: &dyn core::fmt::Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| at(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| at(&error))
}

/// The bytes of a string of hexadecimal digits.
pub fn unhex(digits: &str) -> Vec<u8> {
    try_unhex(digits).unwrap_or_else(|| panic!("not hexadecimal: {digits}"))
}

pub fn try_unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        u8::try_from(digit(0)? << 4 | digit(1)?).ok()
    };
    pairs.map(byte).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fields of a JSON object, by what they hold.
pub trait Fields {
    fn text(&self, name: &str) -> Option<&str>;
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.text(name).map(unhex)
    }
}

impl Fields for Value {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::as_str)
    }
}

/// That many bytes of a field that must be there.
pub fn array<const N: usize>(value: &Value, name: &str) -> [u8; N] {
    let bytes = value.bytes(name).unwrap_or_else(|| panic!("{name} in {value}"));
    bytes.try_into().unwrap_or_else(|bytes: Vec<u8>| panic!("{name}: {} bytes", bytes.len()))
}

/// An AUTHENTICATE with a proven NTLMv2 response of our making, without a MIC.
pub fn ntlmv2_without_mic(
    challenge: &[u8],
    user: &str,
    domain: &str,
    password: &str,
    pairs: &AvPairsBuf,
    time: FileTime,
) -> Vec<u8> {
    let challenge = Challenge::parse(challenge).expect("a CHALLENGE");
    let (user, domain) = (Text::from(user), Text::from(domain));
    let mut blob = Vec::new();
    ClientChallenge { time, client_challenge: [0xcc; 8], target_info: pairs.as_pairs() }
        .emit(&mut blob);
    let key = ResponseKey::new(&NtHash::from_password(password), &user, &domain);
    let proof = key.ntlmv2_proof(&challenge.server_challenge, &blob);
    let response = [&proof[..], &blob].concat();
    let message = Authenticate {
        nt_response: NtResponse::parse(&response).expect("an NTLMv2 response"),
        user: &user.to_utf16le(),
        domain: &domain.to_utf16le(),
        flags: Some(challenge.flags - NegotiateFlags::NEGOTIATE_KEY_EXCH),
        ..Authenticate::default()
    };
    let mut bytes = Vec::new();
    message.emit(&mut bytes).expect("it fits");
    bytes
}
