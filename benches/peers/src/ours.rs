//! This library.

use ntlm::server::{Claim, Names};
use ntlm::session::{Protection, Session, Signature};
use ntlm::wire::Message;
use ntlm::{Client, Credentials, Environment, NtHash, Os, Server};

use crate::{PASSWORD, USER};

pub struct Ours {
    pub client: Client,
    pub server: Server,
    pub hash: NtHash,
}

impl Ours {
    pub fn new() -> Self {
        let client = Client::new(Credentials::password(format!("EXAMPLE\\{USER}"), PASSWORD))
            .with_protection(Protection::Seal)
            .with_workstation("LAPTOP");
        let names = Names::member("FILES", "EXAMPLE")
            .with_dns_computer("files.example.com")
            .with_dns_domain("example.com");
        let server = Server::new(names);
        Self { client, server, hash: NtHash::from_password(PASSWORD) }
    }

    /// Runs a handshake, and returns the sessions of both sides.
    pub fn handshake(&self) -> (Session, Session) {
        self.handshake_in(&mut Os)
    }

    pub fn handshake_in(&self, environment: &mut dyn Environment) -> (Session, Session) {
        let (negotiate, client) = self.client.initiate().unwrap();
        let (challenge, server) = self.server.challenge(&negotiate, environment).unwrap();
        let response = client.answer(&challenge, environment).unwrap();
        let claim = match server.read(&response.token, environment).unwrap() {
            Claim::User(claim) => claim,
            Claim::Anonymous(_) => unreachable!("alice has a name"),
        };
        let accepted = claim.verify_nt_hash(&self.hash).unwrap();
        assert!(accepted.mic_checked);
        (response.keys.into_session().unwrap(), accepted.keys.into_session().unwrap())
    }

    /// The same, plus one message in each direction, for which the keys are derived.
    pub fn handshake_and_first_messages(&self) {
        let (mut client, mut server) = self.handshake();
        let mut message = *b"first";
        let signature = client.seal(&mut message).unwrap();
        server.unseal(&mut message, &signature).unwrap();
        let signature = server.seal(&mut message).unwrap();
        client.unseal(&mut message, &signature).unwrap();
    }

    /// The three messages of a handshake.
    pub fn messages(&self) -> [Vec<u8>; 3] {
        let (negotiate, client) = self.client.initiate().unwrap();
        let (challenge, _server) = self.server.challenge(&negotiate, &mut Os).unwrap();
        let response = client.answer(&challenge, &mut Os).unwrap();
        [negotiate, challenge, response.token]
    }

    pub fn client(&self, challenge: &[u8], environment: &mut dyn Environment) {
        let (_, handshake) = self.client.initiate().unwrap();
        std::hint::black_box(handshake.answer(challenge, environment).unwrap().token);
    }
}

/// Messages that were sealed in advance, for the other side to unseal one by one.
pub struct Sealed {
    receiver: Session,
    messages: Vec<(Vec<u8>, Signature)>,
    next: usize,
}

impl Sealed {
    pub fn new(ours: &Ours, len: usize, count: usize) -> Self {
        let (mut sender, receiver) = ours.handshake();
        let messages = (0..count)
            .map(|_| {
                let mut message = vec![0x5a; len];
                let signature = sender.seal(&mut message).unwrap();
                (message, signature)
            })
            .collect();
        Self { receiver, messages, next: 0 }
    }

    pub fn unseal(&mut self) {
        let (message, signature) = &mut self.messages[self.next];
        self.receiver.unseal(message, signature).unwrap();
        self.next += 1;
    }
}

pub fn parse(message: &[u8]) {
    std::hint::black_box(Message::parse(message).unwrap());
}
