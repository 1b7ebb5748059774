//! What real peers send although the specification does not say so, or says otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use common::{Fields, Fixed, NOW, data, hex, ntlmv2_without_mic, read_json, unhex, vector};
use ntlm::crypto::{ExportedSessionKey, NtHash, ResponseKey, Side};
use ntlm::error::Denied;
use ntlm::server::{Accepted, Claim, Names, Policy};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, AvId, AvPairs, AvPairsBuf, Challenge, NegotiateFlags, NtResponse, Signature,
    Version,
};
use ntlm::{Client, Credentials, Error, LmCompatibility, Server, Session, client};
use serde_json::Value;

fn alice() -> Client {
    Client::new(Credentials::password("EXAMPLE\\alice", "secret"))
}

fn server() -> Server {
    Server::new(Names::member("FILES", "EXAMPLE"))
}

fn respond(client: &Client, challenge: &[u8]) -> Vec<u8> {
    let (_, handshake) = client.initiate().unwrap();
    handshake.respond(challenge, &mut Fixed::default()).unwrap().token
}

/// Windows 9x sends flags alone, curl and browsers no version, others names that are not theirs.
#[test]
fn short_and_odd_first_messages_get_a_challenge() {
    let mut policy = Policy::default();
    policy.require_when_protected = Default::default();
    let server = server().with_policy(policy);
    for id in [
        "davenport-type1-min",
        "davenport-type1",
        "curl-type1",
        "chromium-negotiate",
        "go-negotiate-bare",
        "go-negotiate-domain-wks",
        "pyspnego-capture-negotiate",
        "samba-ndr-negotiate",
    ] {
        let result = server.challenge(&vector(id), &mut Fixed::default());
        assert!(result.is_ok(), "{id}: {result:?}");
    }
    // libntlm: the user in the place of the domain, the domain in the place of the workstation.
    let libntlm = unhex(concat!(
        "4e544c4d5353500001000000",
        "07b20000",
        "0500050020000000",
        "0700070025000000",
        "616c696365",
        "4558414d504c45",
    ));
    assert!(server.challenge(&libntlm, &mut Fixed::default()).is_ok());
}

/// Very old servers end before `TargetInfo` or `Version`; exim says neither flag nor list.
#[test]
fn short_challenges_get_an_answer() {
    for id in ["davenport-type2-min", "davenport-type2", "curl-type2-oem"] {
        let token = respond(&alice(), &vector(id));
        let message = Authenticate::parse(&token).unwrap();
        let NtResponse::V2(response) = message.nt_response else { panic!("not NTLMv2") };
        let listed = response.target_info().iter().count();
        assert_eq!(listed > 0, id == "davenport-type2", "{id}");
    }
    let exim = unhex(concat!(
        "4e544c4d5353500002000000",
        "0000000000280000", // an empty name, somewhere
        "01820000",
        "0123456789abcdef",
        "0000000000000000",
        "0000000000000000",
    ));
    let mut policy = client::Policy::default();
    policy.lm_compatibility = LmCompatibility::SendNtlm;
    let token = respond(&alice().with_policy(policy), &exim);
    let message = Authenticate::parse(&token).unwrap();
    assert!(matches!(message.nt_response, NtResponse::V1(_)));
}

/// 2.2: what a CHALLENGE holds may stand in any order, and after a gap.
#[test]
fn a_challenges_payload_may_be_anywhere() {
    let mut bytes = vector("nlmp-4.2.4.3-challenge");
    bytes[20] |= 4; // so that the name counts
    let plain = Challenge::parse(&bytes).unwrap();
    let mut moved = bytes[..56].to_vec();
    moved.extend_from_slice(&[0xee; 3]);
    for (descriptor, item) in [(40, plain.target_info.unwrap().as_bytes()), (12, plain.target_name)]
    {
        moved[descriptor + 4] = u8::try_from(moved.len()).unwrap();
        moved.extend_from_slice(item);
    }
    assert_eq!(Challenge::parse(&moved), Ok(plain));
}

/// The oldest messages end before their flags; then all holds that the CHALLENGE says.
#[test]
fn an_authenticate_without_flags_has_those_of_the_challenge() {
    let mut policy = Policy::default();
    policy.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    let server = server().with_policy(policy);
    let environment = &mut Fixed::default();
    let negotiate = vector("davenport-type1-min");
    let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
    let sent = Challenge::parse(&challenge).unwrap();
    let response = NtHash::of_password("secret").ntlmv1_response(&sent.server_challenge);
    let message = Authenticate {
        user: b"alice",
        nt_response: NtResponse::V1(&response),
        ..Authenticate::default()
    };
    let mut bytes = Vec::new();
    message.emit(&mut bytes).unwrap();
    let claim = handshake.read(&bytes, environment).unwrap();
    let accepted = common::accept(claim, "secret").unwrap();
    assert_eq!(accepted.keys.flags(), sent.flags);
}

/// Windows 11 24H2 and Server 2025 send 80 bytes of `Single_Host_Data`, others 48; it means
/// nothing either way.
#[test]
fn single_host_data_of_any_length_means_nothing() {
    let server = server();
    for length in [0, 47, 48, 49, 80, 81] {
        let environment = &mut Fixed::default();
        let (negotiate, _) = alice().initiate().unwrap();
        let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
        let mut pairs = AvPairsBuf::default();
        for (id, value) in Challenge::parse(&challenge).unwrap().target_info.unwrap() {
            pairs.push(id, value).unwrap();
        }
        pairs.push(AvId::SINGLE_HOST, &[0xaa; 81][..length]).unwrap();
        let bytes = ntlmv2_without_mic(&challenge, "alice", "EXAMPLE", "secret", &pairs, NOW);
        let claim = handshake.read(&bytes, environment).unwrap();
        assert!(common::accept(claim, "secret").is_ok(), "{length}");
    }
}

/// Many clients leave room for a MIC that they do not send (Samba and pyspnego with NTLMv1).
#[test]
fn a_zero_mic_that_nobody_announced_is_not_looked_at() {
    let environment = &mut Fixed::default();
    let (negotiate, _) = alice().initiate().unwrap();
    let server = server();
    let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
    let info = Challenge::parse(&challenge).unwrap().target_info.unwrap();
    let mut pairs = AvPairsBuf::default();
    for (id, value) in info {
        pairs.push(id, value).unwrap();
    }
    let bytes = ntlmv2_without_mic(&challenge, "alice", "EXAMPLE", "secret", &pairs, NOW);
    let mut message = Authenticate::parse(&bytes).unwrap();
    message.version = Some(Default::default());
    message.mic = Some([0; 16]);
    let mut with_room = Vec::new();
    message.emit(&mut with_room).unwrap();
    let claim = handshake.read(&with_room, environment).unwrap();
    assert!(!common::accept(claim, "secret").unwrap().mic_checked);
}

/// An AUTHENTICATE with a right response and, at 64 (without a version) or 72, a right MIC.
fn with_own_mic(negotiate: &[u8], challenge: &[u8], version: Option<Version>) -> Vec<u8> {
    let sent = Challenge::parse(challenge).unwrap();
    let mut pairs = AvPairsBuf::default();
    for (id, value) in sent.target_info.unwrap() {
        pairs.push(id, value).unwrap();
    }
    pairs.push(AvId::FLAGS, &2_u32.to_le_bytes()).unwrap();
    let bytes = ntlmv2_without_mic(challenge, "alice", "EXAMPLE", "secret", &pairs, NOW);
    let mut message = Authenticate::parse(&bytes).unwrap();
    (message.version, message.mic) = (version, Some([0; 16]));
    let mut bytes = Vec::new();
    message.emit(&mut bytes).unwrap();
    let NtResponse::V2(response) = message.nt_response else { panic!("not NTLMv2") };
    let nt_hash = NtHash::of_password("secret");
    let key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    let key = key.session_base_key(response.proof()).ntlmv2_key_exchange_key();
    let mic = ntlm::crypto::mic(&key.as_exported_session_key(), &[negotiate, challenge, &bytes]);
    let at = message.mic_offset().unwrap();
    bytes[at..at + 16].copy_from_slice(&mic);
    bytes
}

/// pyspnego without a version: the MIC stands where the version would be.
#[test]
fn a_mic_right_after_the_flags_counts() {
    let attempt = |damage: u8| {
        let environment = &mut Fixed::default();
        let (negotiate, _) = alice().initiate().unwrap();
        let (challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
        let mut bytes = with_own_mic(&negotiate, &challenge, None);
        bytes[64] ^= damage;
        let claim = handshake.read(&bytes, environment).unwrap();
        common::accept(claim, "secret").map(|accepted| accepted.mic_checked)
    };
    assert_eq!(attempt(0), Ok(true));
    assert_eq!(attempt(1), Err(Denied::Mic.into()));
}

/// The MIC covers what was received, also what nobody understands at the end of it.
#[test]
fn a_longer_negotiate_is_kept_whole_for_the_mic() {
    let environment = &mut Fixed::default();
    let (mut negotiate, _) = alice().initiate().unwrap();
    negotiate.extend_from_slice(b"trailing bytes");
    let (challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
    let bytes = with_own_mic(&negotiate, &challenge, Some(Version::default()));
    let claim = handshake.read(&bytes, environment).unwrap();
    assert!(common::accept(claim, "secret").unwrap().mic_checked);
}

/// WinPR answers with both character sets; the strings are UTF-16. A reserved field with somebody's
/// local context in it (LocalPotato) and padding anywhere change nothing.
#[test]
fn reserved_bytes_and_padding_change_nothing_but_the_mic() {
    let environment = &mut Fixed::default();
    let client = alice().with_protection(Protection::Sign);
    let (mut negotiate, await_challenge) = client.initiate().unwrap();
    let (plain, handshake) = server().challenge(&negotiate, environment).unwrap();
    let mut challenge = plain.clone();
    challenge[20] |= 2; // OEM as well
    challenge[32..40].fill(0xff);
    challenge.extend_from_slice(&[0xee; 7]);
    let response = await_challenge.respond(&challenge, environment).unwrap();
    // A server that sent these bytes verifies them; the one that did not sees the difference.
    let claim = handshake.read(&response.token, environment).unwrap();
    assert!(common::accept(claim, "secret").is_err());
    negotiate.truncate(40);
    let handshake = server().resume(negotiate, challenge).unwrap();
    let claim = handshake.read(&response.token, environment).unwrap();
    assert!(common::accept(claim, "secret").unwrap().mic_checked);
}

/// The local-call flag means "skip the password" to Windows, and nothing here.
#[test]
fn the_local_call_flag_skips_nothing() {
    let environment = &mut Fixed::default();
    let (negotiate, await_challenge) = alice().initiate().unwrap();
    let (mut challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
    challenge[21] |= 0x40;
    let mut response = await_challenge.respond(&challenge, environment).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert!(matches!(message.nt_response, NtResponse::V2(_)), "a full response all the same");
    response.token[61] |= 0x40;
    match handshake.read(&response.token, environment).unwrap() {
        Claim::User(claim) => assert!(!claim.matches(&NtHash::of_password("wrong"))),
        claim => panic!("{claim:?}"),
    }
}

/// 16 000 empty pairs are read in a time that grows with their number only.
#[test]
fn a_list_of_many_pairs_is_read_once() {
    let many: Vec<u8> = (0..16_000).flat_map(|_| [11, 0, 0, 0]).chain([0; 4]).collect();
    let pairs = AvPairs::parse(&many).unwrap();
    assert_eq!(pairs.iter().count(), 16_000);
    let mut challenge = vector("nlmp-4.2.4.3-challenge");
    challenge[20] |= 4;
    let start = challenge.len();
    challenge.extend_from_slice(&many);
    challenge[40..42].copy_from_slice(&u16::try_from(many.len()).unwrap().to_le_bytes());
    challenge[44..48].copy_from_slice(&u32::try_from(start).unwrap().to_le_bytes());
    let token = respond(&alice(), &challenge);
    let NtResponse::V2(response) = Authenticate::parse(&token).unwrap().nt_response else {
        panic!("not NTLMv2")
    };
    assert_eq!(response.target_info().iter().count(), 16_001, "and the target name");
}

/// Alice logs in to us as a real client did, whatever the response.
fn quirk(id: &str) -> (Result<Accepted, Error>, Value) {
    let quirks = read_json(&data("quirks.json"));
    let quirk = quirks.as_array().unwrap().iter().find(|quirk| quirk["id"] == id).unwrap().clone();
    let message = |name| unhex(quirk.text(name).unwrap());
    let (challenge, authenticate) = (message("challenge"), message("authenticate"));
    let mut policy = Policy::default();
    policy.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    policy.require_when_protected = Default::default();
    let server = server().with_policy(policy);
    let handshake = server.resume(message("negotiate"), challenge.clone()).unwrap();
    let now = Challenge::parse(&challenge).unwrap().target_info.unwrap().timestamp().unwrap();
    let claim = handshake.read(&authenticate, &mut Fixed::at(now)).unwrap();
    let Claim::User(claim) = claim else { panic!("it has a name") };
    let accepted = match claim.claimed_user().user().to_string().as_str() {
        "alice" => claim.with_nt_hash(&NtHash::of_password("correct horse")),
        _ => Err(claim.deny(Denied::UnknownUser)),
    };
    (accepted, quirk)
}

/// impacket 0.13.1 keeps 56 bits that were not granted, and seals with them; Samba 4.17.12 takes
/// extended session security for granted with NTLMv2, and seals with it. What counts is what both
/// said ([MS-NLMP] 3.1.5.2.1 has the client choose among the server's flags): the key is the same,
/// and the sealed messages are not, so they are refused.
#[test]
fn flags_that_were_not_granted_are_not_used() {
    for (id, flag) in [
        ("impacket-keeps-56", NegotiateFlags::NEGOTIATE_56),
        ("samba-assumes-extended", NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY),
    ] {
        let (accepted, quirk) = quirk(id);
        let sent = unhex(quirk.text("authenticate").unwrap());
        assert!(Authenticate::parse(&sent).unwrap().flags.unwrap().contains(flag), "{id}");
        let keys = accepted.unwrap().keys;
        assert!(!keys.flags().contains(flag), "{id}");
        assert_eq!(hex(keys.exported_session_key()), quirk.text("exported_session_key").unwrap());

        let key = ExportedSessionKey::from(*keys.exported_session_key());
        let sealed = unhex(quirk.text("sealed_hello").unwrap());
        let opens = |flags| {
            let mut message = sealed[16..].to_vec();
            let signature = Signature::try_from(&sealed[..16]).unwrap();
            let mut session = Session::new(flags, &key, Side::Server);
            session.unseal(&mut message, &signature).map(|()| message)
        };
        assert_eq!(opens(keys.flags() | flag).unwrap(), b"hello", "{id}");
        assert!(matches!(opens(keys.flags()), Err(Error::Integrity(_))), "{id}");
    }
}

/// WinPR 2.11.7 makes its MIC with a key of its own where none was exchanged.
#[test]
fn a_mic_made_with_another_key_is_refused_without_key_exchange_too() {
    let (denied, _) = quirk("winpr-without-key-exchange");
    assert!(matches!(denied, Err(Error::Denied(Denied::Mic))), "{denied:?}");
}

/// WinPR 2.11.7 and GNU libntlm 1.6 send UTF-16 after a CHALLENGE in the OEM character set, the
/// first even says so in its flags: the name is read as what was negotiated (2.2.2.5), so it is
/// nobody's.
#[test]
fn names_in_another_character_set_than_the_challenges_are_unknown() {
    for id in ["winpr-utf16-after-oem", "libntlm-utf16-after-oem"] {
        let (denied, _) = quirk(id);
        assert!(matches!(denied, Err(Error::Denied(Denied::UnknownUser))), "{id}: {denied:?}");
    }
}
