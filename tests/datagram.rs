//! Connectionless handshakes: the server speaks first, and afterwards datagrams are lost,
//! duplicated and reordered ([MS-NLMP] 3.1.5.2, 3.2.5.2).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashSet;

use ntlm::client::Answer;
use ntlm::crypto::primitives::hmac_md5;
use ntlm::error::{Denied, Misuse, Refused, Unexpected};
use ntlm::server::{Accepted, AwaitAuthenticate, Policy};
use ntlm::session::Protection;
use ntlm::wire::{Authenticate, AvId, AvPairsBuf, Challenge, NegotiateFlags as Flags, NtResponse};
use ntlm::{ChannelBindings, Client, DatagramSession, Error, LmCompatibility, Server, client};
use ntlm_testkit::fields::{self, authenticate::MIC};
use ntlm_testkit::{
    Emit, Fixed, NOW, PASSWORD, Proof, Scattered, accept, alice_with, server, server_with, verdict,
};

fn alice() -> Client {
    ntlm_testkit::alice().with_protection(Protection::Seal)
}

fn start(client: &Client, server: &Server) -> Result<(Vec<u8>, Answer, AwaitAuthenticate), Error> {
    let environment = &mut Fixed::default();
    let (challenge, handshake) = server.challenge_datagram(environment)?;
    let response = client.answer_datagram(&challenge, environment)?;
    Ok((challenge, response, handshake))
}

fn log_in(client: &Client, server: &Server) -> Result<(Answer, Accepted), Error> {
    let (_, response, handshake) = start(client, server)?;
    let claim = handshake.read(&response.token, &mut Fixed::default())?;
    Ok((response, accept(claim, PASSWORD)?))
}

#[test]
fn server_offers_every_flag_and_the_client_chooses() {
    let (challenge, response, _) = start(&alice(), &server()).unwrap();
    let offered = Challenge::parse(&challenge).unwrap().flags;
    let must = Flags::NEGOTIATE_DATAGRAM | Flags::NEGOTIATE_KEY_EXCH | Flags::PROTECTION;
    assert!(offered.contains(must), "{offered}");
    assert!(!offered.contains(Flags::NEGOTIATE_OEM), "one character set");
    let not_by_default = Flags::NEGOTIATE_LM_KEY | Flags::NEGOTIATE_IDENTIFY;
    assert!(!offered.intersects(not_by_default | Flags::REQUEST_NON_NT_SESSION_KEY));
    let taken = Authenticate::parse(&response.token).unwrap().flags.unwrap();
    assert!(offered.contains(taken) && taken.contains(must), "{taken}");
    let (_, response, _) = start(&alice().with_protection(Protection::Sign), &server()).unwrap();
    let taken = Authenticate::parse(&response.token).unwrap().flags.unwrap();
    assert_eq!(taken & Flags::PROTECTION, Flags::NEGOTIATE_SIGN);
}

#[test]
fn response_has_a_mic_and_no_lm_response() {
    let (_, response, _) = start(&alice(), &server()).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert_eq!(message.lm_response.as_bytes(), b"", "not even zeros (3.1.5.2.1)");
    assert_eq!(message.encrypted_random_session_key.len(), 16);
    assert!(message.mic.is_some());
    let (_, accepted) = log_in(&alice(), &server()).unwrap();
    assert!(accepted.mic_checked);
    assert_eq!(accepted.user().unwrap().to_string(), "EXAMPLE\\alice");
}

/// The MIC is the HMAC-MD5 of CHALLENGE and AUTHENTICATE under the exported session key. 3.2.5.2.2
/// also has a formula with the response key, which must not be used.
#[test]
fn mic_covers_two_messages_under_the_exported_session_key() {
    let (challenge, response, handshake) = start(&alice(), &server()).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let mut zeroed = response.token.clone();
    zeroed[MIC..][..16].fill(0);
    let mic_under = |key: &[u8; 16]| hmac_md5(key, &[&challenge, &zeroed]);
    assert_eq!(message.mic, Some(mic_under(response.keys.exported_session_key().expose())));

    let key = Proof::default().key();
    let mut changed = response.token.clone();
    changed[MIC..][..16].copy_from_slice(&mic_under(key.expose()));
    assert_eq!(verdict(handshake, &changed).unwrap_err(), Denied::Mic.into());
}

#[test]
fn policy_is_enforced_without_a_negotiate() {
    let mut weak = client::Policy::default();
    weak.shared.offer -= Flags::NEGOTIATE_128;
    weak.shared.require_when_protected = Flags::empty();
    let error = log_in(&alice().with_policy(weak), &server()).err();
    assert_eq!(error, Some(Refused::MissingFlags(Flags::NEGOTIATE_128).into()));
    let mut policy = Policy::default();
    policy.shared.require = Flags::NEGOTIATE_SEAL;
    let signs = alice().with_protection(Protection::Sign);
    let error = log_in(&signs, &server().with_policy(policy)).err();
    assert_eq!(error, Some(Refused::MissingFlags(Flags::NEGOTIATE_SEAL).into()));
}

#[test]
fn time_limit_is_enforced_without_a_negotiate() {
    let (_, response, handshake) =
        start(&alice(), &server_with(|policy| policy.max_challenge_age = None)).unwrap();
    let days_later = ntlm::FileTime::from_ticks(NOW.ticks() + 2 * 864_000_000_000);
    let claim = handshake.read(&response.token, &mut Fixed::at(days_later)).unwrap();
    assert_eq!(accept(claim, PASSWORD).unwrap_err(), Denied::Time.into());
}

#[test]
fn without_target_info_an_lmv2_response_is_sent() {
    let message = Challenge {
        flags: Flags::from_bits_retain(0xe208_8275),
        server_challenge: [7; 8],
        ..Challenge::default()
    };
    let challenge = message.to_bytes();
    let client = alice().with_protection(Protection::None);
    let response = client.answer_datagram(&challenge, &mut Fixed::default()).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert_eq!(message.lm_response.as_bytes().len(), 24);
    assert!(matches!(message.nt_response, NtResponse::V2(_)));
    assert_eq!(message.encrypted_random_session_key.len(), 16, "every datagram needs the key");
}

#[test]
fn wrong_password_and_changed_message_are_rejected() {
    let (_, response, handshake) = start(&alice(), &server()).unwrap();
    let claim = handshake.read(&response.token, &mut Fixed::default()).unwrap();
    assert_eq!(accept(claim, "wrong").unwrap_err(), Denied::WrongPassword.into());
    let (_, response, handshake) = start(&alice(), &server()).unwrap();
    let mut changed = response.token;
    let last = changed.len() - 1;
    changed[last] ^= 1; // in the encrypted session key
    assert_eq!(verdict(handshake, &changed).unwrap_err(), Denied::Mic.into());
}

#[test]
fn bindings_and_target_name_are_checked() {
    let mut policy = Policy::default();
    policy.channel_bindings = ntlm::Enforcement::Required;
    policy.spn = ntlm::Enforcement::Required;
    let bound = |data: &[u8]| ChannelBindings::application_data(data);
    let server =
        server().with_policy(policy).with_channel_bindings(bound(b"a")).with_spns(["rpc/files"]);
    let client = |data, name: &str| alice().with_channel_bindings(bound(data)).with_spn(name);
    assert!(log_in(&client(b"a", "rpc/files"), &server).unwrap().1.bindings_checked);
    let error = |client| log_in(&client, &server).err();
    assert_eq!(error(client(b"b", "rpc/files")), Some(Denied::ChannelBindings.into()));
    assert_eq!(error(client(b"a", "rpc/other")), Some(Denied::Spn.into()));
}

#[test]
fn challenge_without_the_datagram_flag_is_rejected() {
    let environment = &mut Fixed::default();
    let (challenge, _) = server().challenge_datagram(environment).unwrap();
    for bit in [Flags::NEGOTIATE_DATAGRAM, Flags::NEGOTIATE_KEY_EXCH] {
        let mut changed = challenge.clone();
        let flags = Challenge::parse(&challenge).unwrap().flags - bit;
        fields::set_flags(&mut changed, flags);
        let error = alice().answer_datagram(&changed, environment).unwrap_err();
        assert_eq!(error, Unexpected::NotConnectionless.into());
    }
}

#[test]
fn authenticate_without_the_datagram_flag_is_rejected() {
    for bit in [Flags::NEGOTIATE_DATAGRAM, Flags::NEGOTIATE_KEY_EXCH] {
        let (_, response, handshake) = start(&alice(), &server()).unwrap();
        let mut changed = response.token;
        let flags = Authenticate::parse(&changed).unwrap().flags.unwrap() - bit;
        fields::set_flags(&mut changed, flags);
        let error = handshake.read(&changed, &mut Fixed::default()).unwrap_err();
        assert_eq!(error, Unexpected::NotConnectionless.into());
    }
}

/// The key is mandatory even if nothing is protected yet, because each datagram would need it.
#[test]
fn missing_session_key_is_rejected() {
    let client = alice().with_protection(Protection::None);
    let (_, response, handshake) = start(&client, &server()).unwrap();
    let mut message = Authenticate::parse(&response.token).unwrap();
    message.encrypted_random_session_key = &[7; 15];
    let changed = message.to_bytes();
    let error = handshake.read(&changed, &mut Fixed::default()).unwrap_err();
    assert_eq!(error, Unexpected::EncryptedSessionKey.into());
}

#[test]
fn sealing_needs_extended_session_security() {
    let client = alice_with(|policy| {
        policy.shared.offer -= Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
        policy.shared.require_when_protected = Flags::empty();
    })
    .with_protection(Protection::Seal);
    let error = start(&client, &server()).err();
    let missing = Refused::MissingFlags(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
    assert_eq!(error, Some(missing.into()));
    assert!(start(&client.with_protection(Protection::Sign), &server()).is_ok());
}

#[test]
fn ntlmv1_responses_are_accepted_if_the_policy_allows_them() {
    let client = alice_with(|policy| policy.shared.lm_compatibility = LmCompatibility::SendNtlm)
        .with_protection(Protection::Seal);
    let refused = log_in(&client, &server()).err();
    assert_eq!(refused, Some(Refused::ResponseKind.into()));
    let (response, accepted) = log_in(
        &client,
        &server_with(|policy| policy.shared.lm_compatibility = LmCompatibility::RefuseLm),
    )
    .unwrap();
    assert_eq!(
        response.keys.exported_session_key().expose(),
        accepted.keys.exported_session_key().expose()
    );
}

#[test]
fn connection_oriented_and_connectionless_messages_do_not_mix() {
    let (response, accepted) = log_in(&alice(), &server()).unwrap();
    assert_eq!(response.keys.into_session().unwrap_err(), Misuse::WrongMode.into());
    assert!(accepted.keys.into_datagram_session().is_ok());
    let outcome = ntlm_testkit::log_in(&alice(), &server(), PASSWORD).unwrap();
    assert_eq!(outcome.client.into_datagram_session().unwrap_err(), Misuse::WrongMode.into());
    assert!(outcome.accepted.keys.into_session().is_ok());
}

#[test]
fn names_of_a_server_of_another_implementation_are_repeated() {
    let mut pairs = AvPairsBuf::default();
    pairs.push_text(AvId::NB_COMPUTER_NAME, &"S".into()).unwrap();
    pairs.push_text(AvId::NB_DOMAIN_NAME, &"D".into()).unwrap();
    let message = Challenge {
        flags: Flags::from_bits_retain(0xe288_8275),
        target_info: Some(pairs.as_pairs()),
        ..Challenge::default()
    };
    let challenge = message.to_bytes();
    let response = alice().answer_datagram(&challenge, &mut Fixed::default()).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert_eq!(message.mic, None, "the server sent no time");
    assert_eq!(message.lm_response.as_bytes(), b"", "no LM response in spite of that (3.1.5.2.1)");
    let NtResponse::V2(sent) = message.nt_response else { panic!("not NTLMv2") };
    assert_eq!(sent.target_info().text(AvId::NB_COMPUTER_NAME).unwrap(), "S");
}

/// Sends numbered datagrams over a network that loses, duplicates, reorders and damages them. Each
/// delivered datagram was sent, is delivered once, and every undamaged one is delivered.
#[test]
fn datagrams_survive_loss_and_reordering() {
    let (response, accepted) = log_in(&alice(), &server()).unwrap();
    let client = response.keys.into_datagram_session().unwrap();
    let server = accepted.keys.into_datagram_session().unwrap();
    let mut random = Scattered(1);
    let mut wire = Vec::new();
    let mut whole = HashSet::new();
    for number in 0..1000 {
        let datagram = Datagram::seal(&client, number);
        for _copy in 0..random.below(4) {
            let mut datagram = datagram.clone();
            if random.below(5) == 0 {
                datagram.damage(&mut random);
            } else {
                whole.insert(number);
            }
            let place = random.below(wire.len() + 1);
            wire.insert(place, datagram);
        }
    }
    let mut delivered = HashSet::new();
    for datagram in wire {
        if let Some(number) = datagram.unseal(&server) {
            // Remembering the numbers is the application's responsibility.
            delivered.insert(number);
        }
    }
    assert_eq!(delivered, whole);
    assert!((500..1000).contains(&delivered.len()), "{}", delivered.len());
}

#[derive(Clone)]
struct Datagram {
    number: u32,
    message: Vec<u8>,
    signature: [u8; 16],
}

impl Datagram {
    fn text(number: u32) -> Vec<u8> {
        format!("datagram {number}").into_bytes()
    }

    fn seal(session: &DatagramSession, number: u32) -> Self {
        let mut message = Self::text(number);
        let signature = *session.seal(number, &mut message).unwrap().as_bytes();
        Self { number, message, signature }
    }

    fn damage(&mut self, random: &mut Scattered) {
        let bit = 1 << random.below(8);
        match random.below(3) {
            0 => self.number ^= bit,
            1 => self.message[random.below(10)] ^= u8::try_from(bit).unwrap(),
            _ => self.signature[random.below(16)] ^= u8::try_from(bit).unwrap(),
        }
    }

    fn unseal(mut self, session: &DatagramSession) -> Option<u32> {
        session.unseal(self.number, &mut self.message, &self.signature.into()).ok()?;
        assert_eq!(self.message, Self::text(self.number));
        Some(self.number)
    }
}
