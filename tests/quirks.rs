//! Messages of real peers that the specification does not describe, or describes differently.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::crypto::{
    ExportedSessionKey, KeyExchangeKey, LmHash, NtHash, ResponseKey, SealingKey, Side, primitives,
};
use ntlm::error::{Denied, Integrity, Misuse, Refused, Rejection, Unexpected};
use ntlm::server::{Accepted, Claim, Policy, UserClaim};
use ntlm::session::{Part, Protection};
use ntlm::wire::{
    Authenticate, AvId, AvPairs, Challenge, NegotiateFlags, NtResponse, Signature, Version,
};
use ntlm::{
    Ascii, Client, Enforcement, Error, LmCompatibility, ResponseKind, Session, Text, TextError,
    UserName, client,
};
use ntlm_testkit::fields::authenticate::{MIC, SESSION_KEY, VERSION};
use ntlm_testkit::fields::challenge::{RESERVED, TARGET_INFO, TARGET_NAME};
use ntlm_testkit::fields::{self, with_payload};
use ntlm_testkit::{
    Emit, Fields, Fixed, Proof, Recorded, alice, alice_at, alice_with, array, case, cases,
    challenged, changed, hex, list, ntlmv2, pairs_of, permissive, server, server_with, unhex,
    user_of, vector, verdict,
};
use serde_json::Value;

fn respond(client: &Client, challenge: &[u8]) -> Vec<u8> {
    ntlm_testkit::answer(client, challenge).unwrap().token
}

/// Windows 9x sends only flags, curl and browsers send no version, and other clients put the wrong
/// names into the fields.
#[test]
fn short_and_odd_first_messages_get_a_challenge() {
    let server = server_with(|policy| policy.shared.require_when_protected = Default::default());
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
    // libntlm puts the user into the domain field and the domain into the workstation field.
    let libntlm = unhex(concat!(
        "4e544c4d5353500001000000",
        "07b20000",
        "0500050020000000",
        "0700070025000000",
        "616c696365",
        "4558414d504c45",
    ));
    assert!(server.challenge(&libntlm, &mut Fixed::default()).is_ok());
    // Heimdal writes these names in UTF-16; Cyrus SASL, curl, wget and browsers omit the version.
    for quirk in cases("quirks.json") {
        let Some(negotiate) = quirk.bytes("negotiate").filter(|bytes| !bytes.is_empty()) else {
            continue;
        };
        let result = server.challenge(&negotiate, &mut Fixed::default());
        assert!(result.is_ok(), "{}: {result:?}", quirk["id"]);
    }
}

/// Very old servers end their message before `TargetInfo` or `Version`; exim sends neither the flag
/// nor the list.
#[test]
fn short_challenges_get_an_answer() {
    for id in ["davenport-type2-min", "davenport-type2", "curl-type2-oem"] {
        let token = respond(&alice(), &vector(id));
        let listed = ntlmv2(&token).target_info().iter().count();
        assert_eq!(listed > 0, id == "davenport-type2", "{id}");
    }
    let exim = unhex(concat!(
        "4e544c4d5353500002000000",
        "0000000000280000", // an empty name with an offset of its own
        "01820000",
        "0123456789abcdef",
        "0000000000000000",
        "0000000000000000",
    ));
    let ntlmv1 = alice_with(|policy| policy.shared.lm_compatibility = LmCompatibility::SendNtlm);
    let token = respond(&ntlmv1, &exim);
    let message = Authenticate::parse(&token).unwrap();
    assert!(matches!(message.nt_response, NtResponse::V1(_)));
}

/// 2.2: the payload of a CHALLENGE may be in any order, and may follow a gap.
#[test]
fn challenge_payload_in_any_order_is_accepted() {
    let mut bytes = vector("nlmp-4.2.4.3-challenge");
    // With this flag, `TargetName` is read.
    fields::change_flags(&mut bytes, NegotiateFlags::empty(), NegotiateFlags::REQUEST_TARGET);
    let plain = Challenge::parse(&bytes).unwrap();
    let mut moved = bytes[..56].to_vec();
    moved.extend_from_slice(&[0xee; 3]);
    for (descriptor, item) in
        [(TARGET_INFO, plain.target_info.unwrap().as_bytes()), (TARGET_NAME, plain.target_name)]
    {
        moved = with_payload(&moved, descriptor, item);
    }
    assert_eq!(Challenge::parse(&moved), Ok(plain));
}

/// The oldest clients end their message before the flags; then the flags of the CHALLENGE apply.
#[test]
fn authenticate_without_flags_gets_the_flags_of_the_challenge() {
    let server =
        server_with(|policy| policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm);
    let environment = &mut Fixed::default();
    let negotiate = vector("davenport-type1-min");
    let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
    let sent = Challenge::parse(&challenge).unwrap();
    let response = NtHash::from_password("secret").ntlmv1_response(&sent.server_challenge);
    let message = Authenticate {
        user: b"alice",
        nt_response: NtResponse::V1(&response),
        ..Authenticate::default()
    };
    let bytes = message.to_bytes();
    let accepted = verdict(handshake, &bytes).unwrap();
    assert_eq!(accepted.keys.flags(), sent.flags);
}

/// Windows 11 24H2 and Server 2025 send 80 bytes of `Single_Host_Data`, other clients 48. This
/// crate ignores it in either length.
#[test]
fn single_host_data_of_any_length_is_ignored() {
    let server = server();
    for length in [0, 47, 48, 49, 80, 81] {
        let (challenge, handshake) = challenged(&server);
        let mut pairs = pairs_of(&challenge);
        pairs.push((AvId::SINGLE_HOST, vec![0xaa; length]));
        let bytes = Proof::new(list(&pairs)).authenticate(&challenge);
        assert!(verdict(handshake, &bytes).is_ok(), "{length}");
    }
}

/// Many clients reserve space for a MIC that they do not send (Samba and pyspnego with NTLMv1). The
/// field is checked only if the NTLMv2 response announces a MIC (3.2.5.1.2).
#[test]
fn unannounced_mic_is_ignored() {
    for mic in [[0; 16], [7; 16]] {
        let (challenge, handshake) = challenged(&server());
        let bytes = Proof::repeating(&challenge).authenticate(&challenge);
        let with_room = changed(&bytes, |message| {
            (message.version, message.mic) = (Some(Default::default()), Some(mic));
        });
        assert!(!verdict(handshake, &with_room).unwrap().mic_checked);
    }
}

/// An AUTHENTICATE with a valid response and, at 64 (without a version) or 72, a valid MIC.
fn with_own_mic(negotiate: &[u8], challenge: &[u8], version: Option<Version>) -> Vec<u8> {
    let mut pairs = pairs_of(challenge);
    pairs.push((AvId::FLAGS, vec![2, 0, 0, 0]));
    Proof::new(list(&pairs)).with_mic(negotiate, challenge, version)
}

/// pyspnego without a version: the MIC is at the offset where the version would be.
#[test]
fn mic_directly_after_the_flags_is_verified() {
    let (negotiate, _) = alice().initiate().unwrap();
    let attempt = |damage: u8| {
        let (challenge, handshake) = challenged(&server());
        let mut bytes = with_own_mic(&negotiate, &challenge, None);
        bytes[VERSION] ^= damage;
        verdict(handshake, &bytes).map(|accepted| accepted.mic_checked)
    };
    assert_eq!(attempt(0), Ok(true));
    assert_eq!(attempt(1), Err(Denied::Mic.into()));
}

/// The MIC covers the bytes received, including trailing bytes that the server does not understand.
#[test]
fn mic_covers_trailing_bytes_of_the_negotiate() {
    let environment = &mut Fixed::default();
    let (mut negotiate, _) = alice().initiate().unwrap();
    negotiate.extend_from_slice(b"trailing bytes");
    let (challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
    let bytes = with_own_mic(&negotiate, &challenge, Some(Version::default()));
    assert!(verdict(handshake, &bytes).unwrap().mic_checked);
}

/// WinPR sets both character sets in its answer; its strings are UTF-16. A reserved field that
/// contains a local context (LocalPotato), and padding anywhere, change nothing else.
#[test]
fn reserved_bytes_and_padding_change_only_the_mic() {
    let environment = &mut Fixed::default();
    let client = alice().with_protection(Protection::Sign);
    let (mut negotiate, await_challenge) = client.initiate().unwrap();
    let (plain, handshake) = server().challenge(&negotiate, environment).unwrap();
    let mut challenge = plain.clone();
    let oem = NegotiateFlags::NEGOTIATE_OEM;
    fields::change_flags(&mut challenge, NegotiateFlags::empty(), oem);
    challenge[RESERVED..][..8].fill(0xff);
    challenge.extend_from_slice(&[0xee; 7]);
    let response = await_challenge.answer(&challenge, environment).unwrap();
    // A server that sent these bytes verifies the MIC; a server that sent other bytes rejects it.
    assert!(verdict(handshake, &response.token).is_err());
    negotiate.truncate(40);
    let handshake = server().resume(&negotiate, &challenge).unwrap();
    assert!(verdict(handshake, &response.token).unwrap().mic_checked);
}

/// Windows skips the password if the local-call flag is set; this crate ignores the flag.
#[test]
fn local_call_flag_does_not_skip_the_password() {
    let environment = &mut Fixed::default();
    let (negotiate, await_challenge) = alice().initiate().unwrap();
    let (mut challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
    let local = NegotiateFlags::from_bits_retain(0x4000);
    fields::change_flags(&mut challenge, NegotiateFlags::empty(), local);
    let mut response = await_challenge.answer(&challenge, environment).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert!(matches!(message.nt_response, NtResponse::V2(_)), "a full response");
    fields::change_flags(&mut response.token, NegotiateFlags::empty(), local);
    match handshake.read(&response.token, environment).unwrap() {
        Claim::User(claim) => assert!(!claim.proof_matches(&NtHash::from_password("wrong"))),
        claim => panic!("{claim:?}"),
    }
}

/// A list of 16 000 empty pairs is read in linear time.
#[test]
fn list_of_many_pairs_is_read_once() {
    let many: Vec<u8> = (0..16_000).flat_map(|_| [11, 0, 0, 0]).chain([0; 4]).collect();
    let pairs = AvPairs::parse(&many).unwrap();
    assert_eq!(pairs.iter().count(), 16_000);
    let mut challenge = vector("nlmp-4.2.4.3-challenge");
    fields::change_flags(&mut challenge, NegotiateFlags::empty(), NegotiateFlags::REQUEST_TARGET);
    let token = respond(&alice(), &with_payload(&challenge, TARGET_INFO, &many));
    let response = ntlmv2(&token);
    assert_eq!(response.target_info().iter().count(), 16_001, "plus the target name");
}

/// Messages recorded while a real peer talked to this crate.
fn recorded(id: &str) -> &'static Value {
    case("quirks.json", id)
}

/// The message of a recorded client.
fn sent(quirk: &Value) -> Vec<u8> {
    quirk.bytes("authenticate").unwrap()
}

/// Replays a recorded client, with or without a NEGOTIATE.
fn claim(quirk: &Value, policy: Policy) -> Result<UserClaim, Error> {
    Recorded::of(quirk).claim(&server().with_policy(policy)).map(user_of)
}

/// Alice logs in as a real client did; the server knows no other user.
fn log_in(quirk: &Value) -> Result<Accepted, Error> {
    let claim = claim(quirk, permissive())?;
    match claim.claimed_user().user().to_string().as_str() {
        "alice" => claim.verify_nt_hash(&NtHash::from_password(PASSWORD)),
        _ => claim.reject(Rejection::UnknownUser),
    }
}

const PASSWORD: &str = "correct horse";
const EXTENDED: NegotiateFlags = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
const SEAL: NegotiateFlags = NegotiateFlags::NEGOTIATE_SEAL;

/// The session of one side, with these flags and the recorded key.
fn session(quirk: &Value, flags: NegotiateFlags, side: Side) -> Session {
    let key = ExportedSessionKey::from(array::<16>(quirk, "exported_session_key"));
    Session::new(flags, &key, side)
}

/// Splits a token into its signature and the message after it.
fn unseal(session: &mut Session, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut message = sealed[16..].to_vec();
    session.unseal(&mut message, &Signature::try_from(&sealed[..16]).unwrap()).map(|()| message)
}

/// Each side applies the flags that both sides sent ([MS-NLMP] 3.1.5.2.1: the client chooses among
/// the server's flags). These peers do not: impacket 0.13.1 keeps and seals with 56 bits that were
/// not granted; Samba 4.17.12 always assumes extended session security with NTLMv2; WinPR 2.11.7
/// always seals with 128 bits and extended session security. The session key is the same, but their
/// sealed messages differ, so they are rejected.
#[test]
fn flags_that_were_not_granted_are_not_used() {
    for (id, flag) in [
        ("impacket-keeps-56", NegotiateFlags::NEGOTIATE_56),
        ("samba-assumes-extended", EXTENDED),
        ("winpr-assumes-128", NegotiateFlags::NEGOTIATE_128),
        ("winpr-assumes-extended", EXTENDED),
    ] {
        let quirk = recorded(id);
        let message = sent(quirk);
        assert!(Authenticate::parse(&message).unwrap().flags.unwrap().contains(flag), "{id}");
        let keys = log_in(quirk).unwrap().keys;
        assert!(!keys.flags().contains(flag), "{id}");
        assert_eq!(
            hex(keys.exported_session_key().expose()),
            quirk.text("exported_session_key").unwrap()
        );

        let sealed = quirk.bytes("sealed_hello").unwrap();
        let opens = |flags| unseal(&mut session(quirk, flags, Side::Server), &sealed);
        assert_eq!(opens(keys.flags() | flag).unwrap(), b"hello", "{id}");
        assert!(matches!(opens(keys.flags()), Err(Error::Integrity(_))), "{id}");
    }
}

/// WinPR 2.11.7 as a server encrypts the checksum as if a session key had been exchanged (3.4.4.2),
/// although neither side set KEY_EXCH.
#[test]
fn checksum_is_encrypted_only_after_key_exchange() {
    let quirk = recorded("winpr-assumes-key-exchange");
    // Both peers agree on these.
    let keys = log_in(quirk).unwrap().keys;
    assert_eq!(*keys.exported_session_key().expose(), array(quirk, "exported_session_key"));
    let flags = keys.flags();
    let sealed = quirk.bytes("sealed_hello").unwrap();
    let opens = |flags| unseal(&mut session(quirk, flags, Side::Client), &sealed);
    assert!(matches!(opens(flags), Err(Error::Integrity(_))), "{flags}");
    assert_eq!(opens(flags | NegotiateFlags::NEGOTIATE_KEY_EXCH).unwrap(), b"hello");
}

/// Without key exchange, WinPR 2.11.7 computes its MIC with a random key. The MIC must be computed
/// with the exported session key (3.1.5.1.2).
#[test]
fn mic_with_another_key_is_rejected_without_key_exchange() {
    let denied = log_in(recorded("winpr-without-key-exchange"));
    assert!(matches!(denied, Err(Error::Denied(Denied::Mic))), "{denied:?}");
}

/// WinPR 2.11.7 and GNU libntlm 1.6 send UTF-16 after a CHALLENGE in the OEM character set; WinPR
/// even sets UNICODE in its flags. The name is read in the negotiated character set (2.2.2.5), so
/// the user is unknown.
#[test]
fn name_in_another_character_set_than_the_challenge_is_unknown() {
    for id in ["winpr-utf16-after-oem", "libntlm-utf16-after-oem"] {
        let quirk = recorded(id);
        let claimed = claim(quirk, permissive()).unwrap();
        assert_eq!(claimed.claimed_user().user().to_string(), "a\0l\0i\0c\0e\0", "{id}");
        let denied = log_in(quirk);
        assert!(
            matches!(denied, Err(Error::Denied(Denied::Rejected(Rejection::UnknownUser)))),
            "{id}: {denied:?}"
        );
    }
}

/// wget 1.21.3 also sets UNICODE in its flags, but its names are in the OEM character set of the
/// CHALLENGE, which is correct (2.2.2.5).
#[test]
fn names_are_read_in_the_character_set_of_the_challenge_whatever_the_flags() {
    let quirk = recorded("wget-oem");
    let message = sent(quirk);
    let says = Authenticate::parse(&message).unwrap().flags.unwrap();
    assert!(says.contains(NegotiateFlags::NEGOTIATE_UNICODE));
    let accepted = log_in(quirk).unwrap();
    assert_eq!(accepted.user(), Some(UserName::new("alice").with_domain("EXAMPLE")).as_ref());
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv1));
}

/// gss-ntlmssp 1.2.0, pyspnego 0.12.4, impacket 0.13.1 and ntlm-auth 1.5.0 convert `groß` to
/// `GROSS`. Windows and Samba convert each character on its own (3.3.2), so that `ß` stays, and
/// reject these clients as this crate does.
#[test]
fn sharp_s_stays_itself_in_upper_case() {
    assert_eq!(Text::from("groß").to_uppercase(), Text::from("GROß"));
    for id in ["gss-ntlmssp-gross", "pyspnego-gross", "impacket-gross", "ntlm-auth-gross"] {
        let quirk = recorded(id);
        let claim = claim(quirk, permissive()).unwrap();
        assert_eq!(claim.claimed_user(), &UserName::new("groß").with_domain("EXAMPLE"), "{id}");
        let nt_hash = NtHash::from_password(PASSWORD);
        let denied = claim.verify_nt_hash(&nt_hash);
        assert_eq!(denied.unwrap_err(), Denied::WrongPassword.into(), "{id}");

        let (challenge, message) = (quirk.bytes("challenge").unwrap(), sent(quirk));
        let server_challenge = Challenge::parse(&challenge).unwrap().server_challenge;
        let response = ntlmv2(&message);
        let proof = |user: &str| {
            let key = ResponseKey::new(&nt_hash, &user.into(), &"EXAMPLE".into());
            key.ntlmv2_proof(&server_challenge, response.blob())
        };
        assert_eq!(proof("GROSS"), *response.proof(), "{id}");
        assert_ne!(proof("groß"), *response.proof(), "{id}");
    }
}

/// Even if no messages are protected, the clients of Samba 4.17.12 and ntlm-auth 1.5.0 exchange a
/// key. pyspnego 0.12.4 sets KEY_EXCH, but sends one zero byte instead of a key (which 3.1.5.1.2
/// does not allow); gss-ntlmssp 1.2.0 does not set the flag, but sends 16 bytes. This crate derives
/// the same session key as each of them.
#[test]
fn key_exchange_without_protection_gives_the_key_of_the_client() {
    for (id, says_so, length) in [
        ("samba-unprotected", true, 16),
        ("ntlm-auth-unprotected", true, 16),
        ("pyspnego-unprotected", true, 1),
        ("gss-ntlmssp-unprotected", false, 16),
    ] {
        let quirk = recorded(id);
        // The length in the descriptor of `EncryptedRandomSessionKey`.
        assert_eq!(fields::length(&sent(quirk), SESSION_KEY), length, "{id}");
        let keys = log_in(quirk).unwrap().keys;
        assert_eq!(keys.flags().contains(NegotiateFlags::NEGOTIATE_KEY_EXCH), says_so, "{id}");
        assert_eq!(keys.protection(), Protection::None, "{id}");
        let theirs = quirk.text("exported_session_key").unwrap();
        assert_eq!(hex(keys.exported_session_key().expose()), theirs, "{id}");
    }
}

/// gss-ntlmssp 1.2.0 signs datagrams as 3.4 requires: the key of each message is derived from the
/// sealing key and the sequence number. But it encrypts a message before it derives that key, with
/// the rest of the previous key stream: first that of the sealing key, then that of the last
/// message, of which the checksum used 8 bytes. So its signatures are valid, but its sealed
/// datagrams cannot be decrypted.
#[test]
fn datagram_encrypted_with_the_previous_key_is_rejected() {
    let quirk = recorded("gss-ntlmssp-datagrams");
    let keys = log_in(quirk).unwrap().keys;
    let (flags, key) = (keys.flags(), array::<16>(quirk, "exported_session_key"));
    assert_eq!(*keys.exported_session_key().expose(), key);
    let session = keys.into_datagram_session().unwrap();
    let sealing_key = SealingKey::derive(flags, &ExportedSessionKey::from(key), Side::Client);
    let stream =
        |key: &SealingKey| primitives::rc4k(key.expose().try_into().unwrap(), &[0; 16]).to_vec();
    let mut left = stream(&sealing_key);
    let mut sealed_ones = 0;
    for datagram in quirk["datagrams"].as_array().unwrap() {
        let sequence = u32::try_from(datagram["sequence"].as_u64().unwrap()).unwrap();
        let text = datagram.bytes("plaintext").unwrap();
        let key_of_message = sealing_key.for_message(sequence);
        if let Some(signature) = datagram.bytes("signature") {
            let signature = Signature::try_from(&signature[..]).unwrap();
            assert_eq!(session.verify(sequence, &text, &signature), Ok(()), "{datagram}");
        } else {
            sealed_ones += 1;
            let sealed = datagram.bytes("sealed").unwrap();
            let (signature, ciphertext) = sealed.split_at(16);
            let signature = Signature::try_from(signature).unwrap();
            let refused = session.unseal(sequence, &mut ciphertext.to_vec(), &signature);
            assert_eq!(refused, Err(Integrity::Checksum.into()), "{datagram}");
            let decrypted: Vec<_> = left.iter().zip(ciphertext).map(|(a, b)| a ^ b).collect();
            assert_eq!(decrypted, text, "{datagram}");
            // Its checksum covers the plaintext and is encrypted with the key of the message.
            assert_eq!(session.verify(sequence, &text, &signature), Ok(()), "{datagram}");
        }
        left = stream(&key_of_message).split_off(8);
    }
    assert!(sealed_ones > 1);
}

/// Samba 4.17.12 seals over LDAP if only SIGN was negotiated, and accepts sealed messages;
/// gss-ntlmssp 1.2.0 and pyspnego 0.12.4 seal in that case in their `wrap` functions. A session
/// with the negotiated flags cannot unseal these messages (3.4.3); a session with SEAL added can.
#[test]
fn messages_sealed_after_negotiating_only_sign_are_unsealed_with_seal_added() {
    let ldap = recorded("samba-ldap-signed");
    let keys = log_in(ldap).unwrap().keys;
    assert_eq!(*keys.exported_session_key().expose(), array(ldap, "exported_session_key"));
    assert_eq!(keys.protection(), Protection::Sign);
    let flags = keys.flags();
    let answer = ldap.bytes("sealed_answer").unwrap();
    let refused = unseal(&mut session(ldap, flags, Side::Client), &answer);
    assert_eq!(refused, Err(Misuse::NotNegotiated.into()));
    let answer = unseal(&mut session(ldap, flags | SEAL, Side::Client), &answer).unwrap();
    assert!(answer.windows(17).any(|part| part == b"DC=example,DC=com"));
    // The request was a search for this entry.
    let request = ldap.bytes("sealed_request").unwrap();
    let request = unseal(&mut session(ldap, flags | SEAL, Side::Server), &request).unwrap();
    assert!(request.windows(20).any(|part| part == b"defaultNamingContext"));

    for id in ["gss-ntlmssp-wraps-signed", "pyspnego-wraps-signed"] {
        let quirk = recorded(id);
        let keys = log_in(quirk).unwrap().keys;
        let (flags, key) = (keys.flags(), keys.exported_session_key().clone());
        let wrapped = quirk.bytes("wrapped_hello").unwrap();
        let opens = |flags| unseal(&mut Session::new(flags, &key, Side::Server), &wrapped);
        assert_eq!(opens(flags), Err(Misuse::NotNegotiated.into()), "{id}");
        assert_eq!(opens(flags | SEAL).unwrap(), b"hello", "{id}");
    }
}

/// For other protocols, Samba 4.17.12 puts the signature in front of the plaintext message (3.4.2).
#[test]
fn token_wrapped_in_clear_after_negotiating_only_sign_is_verified() {
    let quirk = recorded("samba-wraps-signed");
    let wrapped = quirk.bytes("wrapped_hello").unwrap();
    let (signature, message) = wrapped.split_at(16);
    assert_eq!(message, b"hello");
    let mut session = log_in(quirk).unwrap().keys.into_session().unwrap();
    session.verify(message, &Signature::try_from(signature).unwrap()).unwrap();
}

/// Samba 4.17.12 with `send_nt_response=no` still sends a valid NT response, but encrypts the
/// session key with a key made from the LM hash, as if REQUEST_NON_NT_SESSION_KEY had been
/// negotiated (3.4.5.1). Samba's own server does not expect that either: it accepts the client, and
/// the two have different keys.
#[test]
fn unannounced_key_from_the_lm_hash_is_another_key() {
    let quirk = recorded("samba-without-nt-response");
    let message = sent(quirk);
    let message = Authenticate::parse(&message).unwrap();
    let accepted = log_in(quirk).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv1));
    let theirs = array::<16>(quirk, "exported_session_key");
    assert_ne!(*accepted.keys.exported_session_key().expose(), theirs);
    let lm_hash = LmHash::from_password(PASSWORD, &Ascii).unwrap();
    let mut key = [0; 16];
    key[..8].copy_from_slice(&lm_hash.expose()[..8]);
    let encrypted = message.encrypted_random_session_key.try_into().unwrap();
    assert_eq!(*KeyExchangeKey::from(key).decrypt(encrypted).expose(), theirs);
}

/// Samba 4.17.12 with `allow_lm_key=yes` agrees on LM_KEY and the session key, but seals with a key
/// that differs from 3.4.5.3.
#[test]
fn message_sealed_with_another_lm_key_is_rejected() {
    let quirk = recorded("samba-lm-key");
    let claim = claim(quirk, permissive()).unwrap();
    let lm_hash = LmHash::from_password(PASSWORD, &Ascii);
    let keys =
        claim.verify_hashes(&NtHash::from_password(PASSWORD), lm_hash.as_ref()).unwrap().keys;
    assert!(keys.flags().contains(NegotiateFlags::NEGOTIATE_LM_KEY));
    assert_eq!(*keys.exported_session_key().expose(), array(quirk, "exported_session_key"));
    let sealed = quirk.bytes("sealed_hello").unwrap();
    let refused = unseal(&mut keys.into_session().unwrap(), &sealed);
    assert_eq!(refused, Err(Integrity::Checksum.into()));
}

/// The server of gss-ntlmssp 1.2.0 accepts these two clients because it does not verify NTLMv1
/// responses with extended session security (3.3.1). In the second handshake its key differs from
/// the client's.
#[test]
fn wrong_password_that_a_peer_accepts_is_rejected() {
    let right = recorded("gss-ntlmssp-right-password");
    let accepted = log_in(right).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlm2Session));
    let theirs = array(right, "exported_session_key");
    assert_eq!(*accepted.keys.exported_session_key().expose(), theirs);

    let wrong = recorded("gss-ntlmssp-wrong-password");
    assert_eq!(log_in(wrong).unwrap_err(), Denied::WrongPassword.into());
    // The response is valid, but for another password.
    let claim = claim(wrong, permissive()).unwrap();
    let keys = claim.verify_nt_hash(&NtHash::from_password("battery staple")).unwrap().keys;
    assert_ne!(*keys.exported_session_key().expose(), array(wrong, "exported_session_key"));
}

/// Without extended session security there is one key stream and one counter for both directions
/// (3.4). ntlm-auth 1.5.0 has one of each per direction, so what it sends after our first message
/// cannot be verified.
#[test]
fn second_key_stream_without_extended_session_security_is_rejected() {
    let quirk = recorded("ntlm-auth-two-key-streams");
    let keys = || log_in(quirk).unwrap().keys;
    assert!(!keys().flags().contains(EXTENDED));
    let (hello, again) =
        (quirk.bytes("sealed_hello").unwrap(), quirk.bytes("sealed_again").unwrap());
    let mut session = keys().into_session().unwrap();
    assert_eq!(unseal(&mut session, &hello).unwrap(), b"hello");
    session.seal(&mut b"answer".to_vec()).unwrap();
    assert_eq!(unseal(&mut session, &again), Err(Integrity::Checksum.into()));
    // If this side had sent nothing, the session could continue.
    let mut session = keys().into_session().unwrap();
    assert_eq!(unseal(&mut session, &hello).unwrap(), b"hello");
    assert_eq!(unseal(&mut session, &again).unwrap(), b"again");
}

/// Heimdal 7.8 logs in, but its signatures differ from 3.4.4.2, and it puts them after the sealed
/// message.
#[test]
fn signatures_in_another_format_are_rejected() {
    let quirk = recorded("heimdal-protects");
    let accepted = log_in(quirk).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlm2Session));
    let signature = quirk.bytes("signature_of_hello").unwrap();
    let signature = Signature::try_from(&signature[..]).unwrap();
    let mut session = accepted.keys.into_session().unwrap();
    assert_eq!(session.verify(b"hello", &signature), Err(Integrity::Checksum.into()));
    let sealed = quirk.bytes("sealed_hello").unwrap();
    let (message, signature) = sealed.split_at(5);
    assert_eq!(signature[..4], [1, 0, 0, 0]);
    let mut session = log_in(quirk).unwrap().keys.into_session().unwrap();
    let signature = Signature::try_from(signature).unwrap();
    let refused = session.unseal(&mut message.to_vec(), &signature);
    assert_eq!(refused, Err(Integrity::Checksum.into()));
}

/// Sealing zeros gives the key stream; without extended session security, that of both directions
/// (3.4).
fn key_stream(quirk: &Value, length: usize) -> Vec<u8> {
    let mut zeros = vec![0; length];
    session(quirk, SEAL, Side::Client).seal(&mut zeros).unwrap();
    zeros
}

/// `RandomPad`, `Checksum` and `SeqNum` of a signature (2.2.2.9.1). Each of them uses bytes of the
/// key stream (3.4.4.1).
fn decrypted(signature: &Signature, stream: &[u8]) -> [u32; 3] {
    let content = xor(&signature.as_bytes()[4..], stream);
    [0, 4, 8].map(|at| u32::from_le_bytes(content[at..at + 4].try_into().unwrap()))
}

fn xor(bytes: &[u8], stream: &[u8]) -> Vec<u8> {
    bytes.iter().zip(stream).map(|(a, b)| a ^ b).collect()
}

/// The checksum covers clear parts beside sealed ones without extended session security too (3.4.6,
/// 3.4.6.1). Recorded with pyspnego 0.12.4.
#[test]
fn checksum_covers_clear_parts_without_extended_session_security() {
    let quirk = recorded("pyspnego-parts-without-ess");
    let keys = log_in(quirk).unwrap().keys;
    assert!(!keys.flags().contains(EXTENDED));
    assert_eq!(*keys.exported_session_key().expose(), array(quirk, "exported_session_key"));
    let part = |name| quirk.bytes(name).unwrap();
    let (header, mut stub, trailer) = (part("header"), part("sealed_stub"), part("trailer"));
    let signature = Signature::from(array::<16>(quirk, "signature"));
    let parts = &mut [Part::Clear(&header), Part::Sealed(&mut stub), Part::Clear(&trailer)];
    keys.into_session().unwrap().unseal_parts(parts, &signature).unwrap();

    let stream = key_stream(quirk, 64);
    let (of_stub, of_signature) = stream.split_at(stub.len());
    assert_eq!(stub, b"stub data");
    assert_eq!(xor(&part("sealed_stub"), of_stub), stub);
    let checksum = primitives::crc32(&[header, stub, trailer].concat());
    assert_eq!(decrypted(&signature, of_signature)[1..], [checksum, 0]);
    assert_eq!(signature.as_bytes()[4..8], [0; 4]);
}

/// A PDU of DCE/RPC that Samba 4.17.12 received or sent: header, stub data, trailer and signature.
struct Pdu {
    header: Vec<u8>,
    stub: Vec<u8>,
    trailer: Vec<u8>,
    signature: Signature,
}

impl Pdu {
    fn parse(bytes: &[u8]) -> Self {
        let (header, rest) = bytes.split_at(24);
        let (rest, signature) = rest.split_at(rest.len() - 16);
        let (stub, trailer) = rest.split_at(rest.len() - 8);
        let signature = Signature::try_from(signature).unwrap();
        Self { header: header.into(), stub: stub.into(), trailer: trailer.into(), signature }
    }

    /// The bytes that are signed with extended session security.
    fn signed(&self) -> Vec<u8> {
        [&self.header[..], &self.stub, &self.trailer].concat()
    }

    /// The header of a complete PDU of this type ([C706] 12.6.4.9, 12.6.4.10).
    fn expected_header(&self, kind: u8, operation: u8) -> Vec<u8> {
        let length = u16::try_from(self.signed().len() + 16).unwrap().to_le_bytes();
        let stub_length = u32::try_from(self.stub.len()).unwrap().to_le_bytes();
        let head = [5, 0, kind, 3, 0x10, 0, 0, 0];
        let rest = [0, 0, operation, 0];
        [&head[..], &length, &[16, 0], &3_u32.to_le_bytes(), &stub_length, &rest].concat()
    }
}

/// Without extended session security, Samba 4.17.12 signs only the stub data of DCE/RPC, even if it
/// is not sealed; with it, header and trailer too.
#[test]
fn only_stub_data_is_signed_without_extended_session_security() {
    let quirk = recorded("samba-signs-stub-data");
    let keys = || log_in(quirk).unwrap().keys;
    assert_eq!(keys().protection(), Protection::Sign);
    assert!(!keys().flags().contains(EXTENDED));
    assert_eq!(*keys().exported_session_key().expose(), array(quirk, "exported_session_key"));
    let [call, answer] = ["call", "answer"].map(|name| Pdu::parse(&quirk.bytes(name).unwrap()));

    // This side called, and Samba answered.
    let session = || session(quirk, keys().flags(), Side::Client);
    let mut ours = session();
    assert_eq!(ours.sign(&call.stub), Ok(call.signature));
    assert_eq!(ours.verify(&answer.stub, &answer.signature), Ok(()));
    let checksum = primitives::crc32(&answer.stub);
    let stream = key_stream(quirk, 24);
    assert_eq!(decrypted(&answer.signature, &stream[12..]), [0, checksum, 1]);

    // The signature does not cover header and trailer.
    let mut ours = session();
    ours.sign(&call.stub).unwrap();
    let refused = ours.verify(&answer.signed(), &answer.signature);
    assert_eq!(refused, Err(Integrity::Checksum.into()));
    for (pdu, kind, operation, pad_length) in [(&call, 0, 2, 8), (&answer, 2, 0, 0)] {
        assert_eq!(pdu.header, pdu.expected_header(kind, operation));
        assert_eq!(pdu.trailer, [10, 5, pad_length, 0, 1, 0, 0, 0]);
    }
}

/// Without extended session security, Samba 4.17.12 signs SPNEGO's list of mechanisms as the first
/// message: its client sends such a `mechListMIC`, and its server waits for one if the AUTHENTICATE
/// has a MIC. The server's signature is the second message. After that, Samba resets its key stream
/// but not its sequence numbers, so a session that continues both cannot verify its messages.
#[test]
fn mech_list_mic_without_extended_session_security_counts_as_a_message() {
    let sends = recorded("samba-sends-mech-list-mic");
    let mech_types = sends.bytes("mech_types").unwrap();
    let mic = Signature::from(array::<16>(sends, "mech_list_mic"));
    let sign = NegotiateFlags::NEGOTIATE_SIGN;
    assert_eq!(session(sends, sign, Side::Server).verify(&mech_types, &mic), Ok(()));
    let checksum = primitives::crc32(&mech_types);
    assert_eq!(decrypted(&mic, &key_stream(sends, 12)), [0, checksum, 0]);

    let takes = recorded("samba-takes-mech-list-mic");
    let keys = log_in(takes).unwrap().keys;
    assert_eq!(*keys.exported_session_key().expose(), array(takes, "exported_session_key"));
    assert_eq!(takes.bytes("mech_types").unwrap(), mech_types);
    let [clients, servers] =
        ["clients_mic", "servers_mic"].map(|name| Signature::from(array::<16>(takes, name)));
    let mut session = session(takes, keys.flags(), Side::Client);
    let refused = session.mech_list_mic(&mech_types);
    assert_eq!(refused, Err(Misuse::NeedsExtendedSessionSecurity.into()));
    assert_eq!(session.sign(&mech_types), Ok(clients));
    assert_eq!(session.verify(&mech_types, &servers), Ok(()));
    let stream = key_stream(takes, 64);
    assert_eq!(decrypted(&servers, &stream[12..]), [0, checksum, 1]);

    let sealed = takes.bytes("sealed_hello").unwrap();
    assert_eq!(unseal(&mut session, &sealed), Err(Integrity::Checksum.into()));
    assert_eq!(xor(&sealed[16..], &stream), b"hello");
    let signature = Signature::try_from(&sealed[..16]).unwrap();
    assert_eq!(decrypted(&signature, &stream[5..]), [0, primitives::crc32(b"hello"), 2]);
    assert_eq!(signature.as_bytes()[..4], [1, 0, 0, 0]);
}

/// GNU libntlm 1.6 and Cyrus SASL 2.1.28 convert each byte to one UTF-16 code unit (2.2.1.3). If
/// the bytes are UTF-8, name and password become different ones.
#[test]
fn names_converted_byte_by_byte_are_other_names() {
    for id in ["libntlm-jurgen", "cyrus-jurgen"] {
        let claim = claim(recorded(id), permissive()).unwrap();
        let bytes: String = "jürgen".bytes().map(char::from).collect();
        assert_eq!(claim.claimed_user().user().to_string(), bytes, "{id}");
        let password = "Pässwörd€1";
        assert!(!claim.proof_matches(&NtHash::from_password(password)), "{id}");
        assert!(claim.proof_matches(&NtHash::from_utf16(password.bytes().map(u16::from))), "{id}");
    }
}

/// A code page that maps each byte to the character with the same number.
const LATIN_1: [char; 128] = {
    let mut characters = ['\0'; 128];
    let mut byte = 0;
    while byte < 128 {
        characters[byte as usize] = (byte | 0x80) as char;
        byte += 1_u8;
    }
    characters
};

/// curl 7.88.1 declares UTF-8 bytes as the OEM character set (2.2.2.5, B), axios-ntlm 1.4.6 those
/// of Latin-1. Neither is ASCII, so both are rejected unless the policy has a code page. With
/// Latin-1, the login of axios-ntlm is valid. curl's is valid in no code page, because curl
/// converts each byte of the password to one character too.
#[test]
fn non_ascii_oem_names_are_rejected_without_their_code_page() {
    for (id, bytes) in [("curl-jurgen", "jürgen".as_bytes()), ("axios-ntlm-jurgen", b"j\xfcrgen")]
    {
        let quirk = recorded(id);
        let message = sent(quirk);
        assert_eq!(Authenticate::parse(&message).unwrap().user, bytes, "{id}");
        let refused = claim(quirk, permissive()).unwrap_err();
        assert_eq!(refused, Unexpected::Text(TextError::NotInCodePage).into(), "{id}");
    }
    let with_latin_1 = |id| {
        let mut policy = permissive();
        policy.shared.code_page = &LATIN_1;
        claim(recorded(id), policy).unwrap()
    };
    let password = "Pässwörd€1";
    let axios = with_latin_1("axios-ntlm-jurgen");
    assert_eq!(axios.claimed_user(), &UserName::new("jürgen").with_domain("EXAMPLE"));
    axios.verify_nt_hash(&NtHash::from_password(password)).unwrap();
    let curl = with_latin_1("curl-jurgen");
    assert!(!curl.proof_matches(&NtHash::from_password(password)));
    curl.verify_nt_hash(&NtHash::from_utf16(password.bytes().map(u16::from))).unwrap();
}

/// cntlm 0.92.3 with `Auth NT` sends a response of zeros. With `Auth LM` it sends only an LM
/// response (3.3.1), which cannot be verified without an LM hash.
#[test]
fn response_of_zeros_is_rejected_and_an_lm_response_needs_an_lm_hash() {
    let nt_hash = NtHash::from_password(PASSWORD);
    let zeros = recorded("cntlm-nt");
    let message = sent(zeros);
    assert_eq!(Authenticate::parse(&message).unwrap().nt_response, NtResponse::V1(&[0; 24]));
    assert_eq!(log_in(zeros).unwrap_err(), Denied::WrongPassword.into());

    let lm = || claim(recorded("cntlm-lm"), permissive()).unwrap();
    assert_eq!(lm().verify_nt_hash(&nt_hash).unwrap_err(), Denied::NoLmHash.into());
    let lm_hash = LmHash::from_password(PASSWORD, &Ascii);
    let accepted = lm().verify_hashes(&nt_hash, lm_hash.as_ref()).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Lm));
}

/// With `ntlm_v2`, Cyrus SASL 2.1.28 sends only LMv2 (3.3.2), which is accepted if the policy
/// allows it.
#[test]
fn lmv2_alone_is_accepted_if_the_policy_allows_it() {
    let quirk = recorded("cyrus-lmv2-alone");
    let refused = claim(quirk, Policy::default()).unwrap_err();
    assert_eq!(refused, Refused::ResponseKind.into());
    let mut policy = Policy::default();
    policy.allow_lmv2_alone = true;
    let accepted = claim(quirk, policy).unwrap().verify_nt_hash(&NtHash::from_password(PASSWORD));
    assert_eq!(accepted.unwrap().identity.response(), Some(ResponseKind::Lmv2));
}

/// Firefox 153 sends an LMv2 response although the server sent a timestamp (3.1.5.1.2 forbids
/// that), no MIC and, if driven by WebDriver, no domain.
#[test]
fn login_of_firefox_without_domain_and_mic_is_accepted() {
    let quirk = recorded("firefox");
    let message = sent(quirk);
    let message = Authenticate::parse(&message).unwrap();
    assert!(message.mic.is_none());
    assert_ne!(message.lm_response.as_v1().unwrap()[..16], [0; 16]);
    let accepted = log_in(quirk).unwrap();
    assert_eq!(accepted.user(), Some(UserName::new("alice")).as_ref());
    assert_eq!(accepted.proven_domain(), Some(Text::default()));
    assert!(!accepted.mic_checked);
}

/// curl 7.88.1, GNU libntlm 1.6, axios-ntlm 1.4.6 and cntlm 0.92.3 set the VERSION flag, but send
/// other bytes in that place; Chromium 156 does not set the flag, but leaves room for a version
/// before its MIC. The offset of the first field decides (2.2.1.3).
#[test]
fn version_is_read_if_there_is_room_whatever_the_flags() {
    for (id, says_so, has_version) in [
        ("curl-jurgen", true, false),
        ("libntlm-jurgen", true, false),
        ("axios-ntlm-jurgen", true, false),
        ("cntlm-nt", true, false),
        ("chromium", false, true),
    ] {
        let message = sent(recorded(id));
        let message = Authenticate::parse(&message).unwrap();
        let flags = message.flags.unwrap();
        assert_eq!(flags.contains(NegotiateFlags::NEGOTIATE_VERSION), says_so, "{id}");
        assert_eq!(message.version.is_some(), has_version, "{id}");
        assert_eq!(message.mic_offset(), has_version.then_some(MIC), "{id}");
    }
    let accepted = log_in(recorded("chromium")).unwrap();
    assert!(accepted.mic_checked);
    // The port is part of its SPN.
    assert!(accepted.spn().unwrap().to_string().starts_with("HTTP/127.0.0.1:"));
}

/// Chromium 156 without TLS, Samba 4.17.12 and WinPR 2.11.7 send zeros if they have no bindings;
/// zeros mean that there are none (2.2.2.1).
#[test]
fn bindings_of_zeros_are_treated_as_absent() {
    for id in ["chromium", "samba-unprotected", "winpr-assumes-128"] {
        let quirk = recorded(id);
        let message = sent(quirk);
        let response = ntlmv2(&message);
        let bindings = response.target_info().get(AvId::CHANNEL_BINDINGS);
        assert_eq!(bindings, Some(&[0; 16][..]), "{id}");
        assert!(!log_in(quirk).unwrap().bindings_checked, "{id}");
        let mut policy = permissive();
        policy.channel_bindings = Enforcement::Required;
        policy.allow_any_channel_bindings = true;
        let denied = claim(quirk, policy).unwrap().verify_nt_hash(&NtHash::from_password(PASSWORD));
        assert_eq!(denied.unwrap_err(), Denied::ChannelBindingsMissing.into(), "{id}");
    }
}

/// After the list of a response, WinPR 2.11.7 sends eight more zeros than other clients, and Samba
/// 4.17.12, impacket 0.13.1 and Firefox 153 send none. The proof covers the bytes received (3.3.2).
#[test]
fn bytes_after_the_list_are_covered_by_the_proof() {
    for (id, length) in [
        ("winpr-assumes-128", 12),
        ("pyspnego-unprotected", 4),
        ("samba-unprotected", 0),
        ("impacket-keeps-56", 0),
        ("firefox", 0),
    ] {
        let quirk = recorded(id);
        let message = sent(quirk);
        let response = ntlmv2(&message);
        assert_eq!(response.target_info().trailing(), vec![0; length], "{id}");
        assert_eq!(log_in(quirk).unwrap().identity.response(), Some(ResponseKind::Ntlmv2), "{id}");
    }
}

/// A client of this crate that asks for this protection at this level.
fn client_of(level: LmCompatibility, protection: Protection) -> Client {
    alice_at(level).with_protection(protection)
}

fn answer(client: &Client, quirk: &Value) -> Result<client::Answer, Error> {
    ntlm_testkit::answer(client, &quirk.bytes("challenge").unwrap())
}

/// Cyrus SASL 2.1.28 grants every protection that the client asks for although it supports none,
/// and sends no names. NTLMv2 needs the names to protect messages (3.1.5.1.2), NTLMv1 does not.
#[test]
fn server_without_names_is_rejected_if_ntlmv2_protects_messages() {
    let quirk = recorded("cyrus-server");
    let challenge = quirk.bytes("challenge").unwrap();
    let challenge = Challenge::parse(&challenge).unwrap();
    assert!(challenge.flags.contains(NegotiateFlags::PROTECTION));
    assert!(challenge.target_info.is_none_or(|info| info.iter().count() == 0));
    let v2 = |protection| answer(&client_of(LmCompatibility::SendNtlmv2, protection), quirk);
    assert_eq!(v2(Protection::Seal).unwrap_err(), Unexpected::NetbiosNames.into());
    assert_eq!(v2(Protection::None).unwrap().keys.protection(), Protection::None);
    let v1 = answer(&client_of(LmCompatibility::SendNtlm, Protection::Seal), quirk);
    assert_eq!(v1.unwrap().keys.protection(), Protection::Seal);
}

/// Exim 4.96 sends the same CHALLENGE to every client: UNICODE, NTLMv1, no protection, and an empty
/// name with an offset of its own. A client that needs more must reject it (3.1.5.1.2).
#[test]
fn challenge_without_needed_flags_is_rejected_only_if_messages_are_protected() {
    let quirk = recorded("exim-server");
    let v1 = |protection| client_of(LmCompatibility::SendNtlm, protection);
    assert!(answer(&v1(Protection::None), quirk).is_ok());
    let refused = answer(&v1(Protection::Seal), quirk).unwrap_err();
    assert_eq!(refused, Refused::MissingFlags(NegotiateFlags::PROTECTION).into());
    let mut policy = client::Policy::default();
    policy.shared.offer -= NegotiateFlags::NEGOTIATE_UNICODE;
    let refused = answer(&alice().with_policy(policy), quirk).unwrap_err();
    assert_eq!(refused, Unexpected::CharacterSet.into());
}

/// WinPR 2.11.7 grants both character sets (2.2.2.5) and sends its names in UTF-16; this crate does
/// the same then.
#[test]
fn unicode_is_used_if_a_server_grants_both_character_sets() {
    let quirk = recorded("winpr-server");
    let challenge = quirk.bytes("challenge").unwrap();
    let challenge = Challenge::parse(&challenge).unwrap();
    let both = NegotiateFlags::NEGOTIATE_UNICODE | NegotiateFlags::NEGOTIATE_OEM;
    assert!(challenge.flags.contains(both));
    assert_eq!(challenge.target_name, b"V\0M\0");
    let token = answer(&alice().with_protection(Protection::Seal), quirk).unwrap().token;
    let message = Authenticate::parse(&token).unwrap();
    assert_eq!(message.flags.unwrap() & both, NegotiateFlags::NEGOTIATE_UNICODE);
    assert_eq!(message.user, b"a\0l\0i\0c\0e\0");
}
