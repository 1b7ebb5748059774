//! Nothing that is printed for debugging holds a secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use core::fmt::Debug;

use common::{Fixed, exchange, hex};
use ntlm::crypto::{LmHash, ResponseKey};
use ntlm::server::{Claim, Names, Policy, Validation};
use ntlm::session::{Part, Protection};
use ntlm::wire::{Authenticate, Message};
use ntlm::{Ascii, Client, Credentials, LmCompatibility, NtHash, Server, UserName, client};

/// What must not be seen: the password, the hashes, the keys and the responses of one exchange.
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    fn absent_from(&self, what: &str, value: &impl Debug) {
        for shown in [format!("{value:?}"), format!("{value:#?}")] {
            assert!(!shown.is_empty(), "{what} shows something");
            for secret in &self.0 {
                let list = format!("{secret:?}");
                let list = list.trim_matches(['[', ']']);
                let pretty: String = secret.iter().map(|byte| format!("{byte},")).collect();
                let shown: String = shown.split_whitespace().collect();
                assert!(!shown.contains(&hex(secret)), "{what}: {shown}");
                assert!(!shown.contains(&list.replace(' ', "")), "{what}: {shown}");
                assert!(!shown.contains(&pretty), "{what}: {shown}");
            }
            assert!(!shown.contains("secret words"), "{what}: {shown}");
        }
    }
}

#[test]
fn no_public_type_prints_a_secret() {
    for level in 0..=3 {
        one_exchange(LmCompatibility::try_from(level).unwrap());
    }
}

fn one_exchange(level: LmCompatibility) {
    let password = "secret words";
    let nt_hash = NtHash::of_password(password);
    let lm_hash = LmHash::of_password(password, &Ascii).unwrap();
    let credentials = Credentials::password("EXAMPLE\\alice", password);
    let with_hash = Credentials::nt_hash(UserName::from("alice"), nt_hash.clone());
    let mut policy = client::Policy::default();
    policy.lm_compatibility = level;
    policy.require_when_protected = Default::default();
    let client =
        Client::new(credentials.clone()).with_policy(policy).with_protection(Protection::Seal);
    let mut policy = Policy::default();
    policy.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    policy.require_when_protected = Default::default();
    let server = Server::new(Names::member("FILES", "EXAMPLE")).with_policy(policy);
    let environment = &mut Fixed::default();
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
    let response = await_challenge.respond(&challenge, environment).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let response_key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    let exported = *response.keys.exported_session_key();
    let nt_response = &message.nt_response.as_bytes()[..16];
    let secrets = Secrets(vec![
        nt_hash.expose().to_vec(),
        lm_hash.expose().to_vec(),
        response_key.expose().to_vec(),
        nt_hash.session_base_key().expose().to_vec(),
        exported.to_vec(),
        nt_response.to_vec(),
        message.encrypted_random_session_key.to_vec(),
    ]);

    secrets.absent_from("Credentials", &credentials);
    secrets.absent_from("Credentials", &with_hash);
    secrets.absent_from("Client", &client);
    secrets.absent_from("NtHash", &nt_hash);
    secrets.absent_from("LmHash", &lm_hash);
    secrets.absent_from("ResponseKey", &response_key);
    secrets.absent_from("Authenticate", &message);
    secrets.absent_from("Message", &Message::parse(&response.token).unwrap());
    secrets.absent_from("NtResponse", &message.nt_response);
    secrets.absent_from("LmResponse", &message.lm_response);
    let table = ntlm::inspect::annotate(&response.token);
    for secret in &secrets.0 {
        assert!(!table.to_string().contains(&hex(secret)), "{table}");
    }
    if level < LmCompatibility::SendNtlmv2 {
        let responses = [message.nt_response.as_bytes(), message.lm_response.as_bytes()];
        assert!(!responses.iter().any(|response| table.to_string().contains(&hex(response))));
    }
    secrets.absent_from("Response", &response);
    secrets.absent_from("SessionKeys", &response.keys);
    secrets.absent_from("AwaitAuthenticate", &handshake);
    secrets.absent_from("Validation", &Validation::new(exported));
    let claim = handshake.read(&response.token, environment).unwrap();
    secrets.absent_from("Claim", &claim);
    let Claim::User(claim) = claim else { panic!("{claim:?}") };
    secrets.absent_from("NetworkLogon", &claim.network_logon().unwrap());
    let accepted = claim.with_hashes(&nt_hash, Some(&lm_hash)).unwrap();
    secrets.absent_from("Accepted", &accepted);
    let mut session = response.keys.into_session().unwrap();
    let mut parts = [Part::Clear(&exported), Part::Sealed(&mut [7; 20])];
    secrets.absent_from("Part", &parts);
    session.seal_parts(&mut parts).unwrap();
    secrets.absent_from("Session", &session);
}

#[test]
fn the_table_of_a_token_masks_what_passwords_can_be_guessed_from() {
    let client = Client::new(Credentials::password("alice", "secret words"));
    let client = client.with_protection(Protection::Seal);
    let server = Server::new(Names::standalone("FILES"));
    let (exchange, _) = exchange(&client, &server, &mut Fixed::default()).unwrap();
    let message = Authenticate::parse(&exchange.authenticate).unwrap();
    let table = ntlm::inspect::annotate(&exchange.authenticate);
    for secret in [
        &message.nt_response.as_bytes()[..16],
        &message.mic.unwrap(),
        message.encrypted_random_session_key,
    ] {
        assert!(!table.to_string().contains(&hex(secret)));
        assert!(table.with_secrets().to_string().contains(&hex(secret)));
    }
}
