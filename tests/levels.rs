//! Every client level against every server level, with and without extended session security: the
//! kind of response, whether the server accepts it, and that both sides share a key and a session.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::error::Refused;
use ntlm::session::Protection;
use ntlm::wire::{Challenge, NegotiateFlags};
use ntlm::{Client, Credentials, Error, LmCompatibility, ResponseKind, Server, client};
use ntlm_testkit::{Emit, PASSWORD, accept, alice_at, hex, log_in, server_with, weaken};

const EXTENDED: NegotiateFlags = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;

/// By client level (row) and whether the server grants extended session security (column).
const KINDS: [[ResponseKind; 2]; 6] = [
    [ResponseKind::Ntlmv1, ResponseKind::Ntlmv1],
    [ResponseKind::Ntlmv1, ResponseKind::Ntlm2Session],
    [ResponseKind::Ntlmv1, ResponseKind::Ntlm2Session],
    [ResponseKind::Ntlmv2, ResponseKind::Ntlmv2],
    [ResponseKind::Ntlmv2, ResponseKind::Ntlmv2],
    [ResponseKind::Ntlmv2, ResponseKind::Ntlmv2],
];

#[test]
fn every_client_level_works_with_the_server_levels_that_allow_it() {
    for client_level in 0..6_u8 {
        for server_level in 0..6_u8 {
            for extended in [false, true] {
                let kind = KINDS[usize::from(client_level)][usize::from(extended)];
                let allowed = server_level < 5 || kind == ResponseKind::Ntlmv2;
                let what = format!("client {client_level}, server {server_level}, {extended}");
                let client = client_of(client_level);
                match log_in(&client, &server_of(server_level, extended), PASSWORD) {
                    Ok(outcome) => {
                        assert!(allowed, "{what}");
                        assert_eq!(outcome.accepted.identity.response(), Some(kind), "{what}");
                        let flags = outcome.client.flags();
                        assert_eq!(flags.contains(EXTENDED), extended && client_level > 0);
                        talk(outcome);
                    }
                    Err(error) => {
                        assert!(!allowed, "{what}: {error:?}");
                        assert_eq!(error, Error::from(Refused::ResponseKind), "{what}");
                    }
                }
            }
        }
    }
}

/// Levels 0 to 3 of a server accept an LM response alone, the others do not.
#[test]
fn lm_responses_are_accepted_up_to_level_3() {
    for level in 0..6 {
        let level = LmCompatibility::try_from(level).unwrap();
        assert_eq!(level.accepts(ResponseKind::Lm), level < LmCompatibility::RefuseLm);
        assert_eq!(level.accepts(ResponseKind::Ntlmv1), level < LmCompatibility::RefuseLmAndNtlm);
        assert!(level.accepts(ResponseKind::Ntlmv2));
    }
}

/// With LM_KEY, the key is derived from the LM hash and the contents of the LM field (3.3.1,
/// 3.4.5.1), which at level 2 is the NTLM response. The specification's example (4.2.2.2.2) has an
/// LM response in that field; this is the key of pyspnego 0.12.4 (`compute_response_v1`) for the
/// same password and challenge.
#[test]
fn lm_key_at_level_2_is_derived_from_the_ntlm_response() {
    const KEY: &str = "f8bb69cc56ef128cca1f78f76b4257f1";
    let mut policy = client::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
    policy.shared.offer |= NegotiateFlags::NEGOTIATE_LM_KEY;
    let client = Client::new(Credentials::password("Domain\\User", "Password")).with_policy(policy);
    let (negotiate, handshake) = client.initiate().unwrap();
    let message = Challenge {
        flags: NegotiateFlags::NEGOTIATE_UNICODE | NegotiateFlags::NEGOTIATE_LM_KEY,
        server_challenge: 0x0123_4567_89ab_cdef_u64.to_be_bytes(),
        ..Challenge::default()
    };
    let challenge = message.to_bytes();
    let environment = &mut ntlm_testkit::Fixed::default();
    let response = handshake.answer(&challenge, environment).unwrap();
    assert_eq!(hex(response.keys.exported_session_key().expose()), KEY);

    let handshake = server_of(0, false).resume(&negotiate, &challenge).unwrap();
    let claim = handshake.read(&response.token, environment).unwrap();
    let accepted = accept(claim, "Password").unwrap();
    assert_eq!(hex(accepted.keys.exported_session_key().expose()), KEY);
}

fn client_of(level: u8) -> Client {
    alice_at(LmCompatibility::try_from(level).unwrap()).with_protection(Protection::Seal)
}

fn server_of(level: u8, extended: bool) -> Server {
    server_with(|policy| {
        weaken(&mut policy.shared, LmCompatibility::try_from(level).unwrap());
        policy.shared.offer.set(EXTENDED, extended);
    })
}

fn talk(outcome: ntlm_testkit::handshake::Outcome) {
    assert_eq!(
        outcome.client.exported_session_key().expose(),
        outcome.accepted.keys.exported_session_key().expose()
    );
    let mut client = outcome.client.into_session().unwrap();
    let mut server = outcome.accepted.keys.into_session().unwrap();
    for text in ["to the server", ""] {
        let mut message = text.as_bytes().to_vec();
        let signature = client.seal(&mut message).unwrap();
        server.unseal(&mut message, &signature).unwrap();
        assert_eq!(message, text.as_bytes());
        let signature = server.sign(text.as_bytes()).unwrap();
        client.verify(text.as_bytes(), &signature).unwrap();
    }
}
