//! What a client sends, accepts and rejects ([MS-NLMP] 3.1).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::client::{Answer, Policy};
use ntlm::crypto::primitives::md4;
use ntlm::crypto::{NtHash, ResponseKey};
use ntlm::error::{Refused, Unexpected};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, AvFlags, AvId, AvPairsBuf, Challenge, Negotiate, NegotiateFlags as Flags,
    NtResponse, Version,
};
use ntlm::{
    ChannelBindings, Client, Credentials, EnvironmentError, Error, FileTime, LmCompatibility, Text,
    TextError, UserName,
};
use ntlm_testkit::fields::authenticate::{DOMAIN, NT, USER, WORKSTATION};
use ntlm_testkit::fields::challenge::TARGET_INFO;
use ntlm_testkit::{
    Emit, Fixed, NOW, Proof, alice, alice_at, alice_with, answer, fields, hex, ntlmv2, weaken,
};

/// The flags with which a modern server answers a client that asks to seal.
const SERVER: Flags = Flags::from_bits_retain(0xe289_8235);
const SERVER_CHALLENGE: [u8; 8] = *b"\x01\x23\x45\x67\x89\xab\xcd\xef";

fn server_info() -> AvPairsBuf {
    let mut pairs = AvPairsBuf::default();
    pairs.push_text(AvId::NB_DOMAIN_NAME, &"EXAMPLE".into()).unwrap();
    pairs.push_text(AvId::NB_COMPUTER_NAME, &"FILES".into()).unwrap();
    pairs.push(AvId::TIMESTAMP, &NOW.ticks().to_le_bytes()).unwrap();
    pairs
}

fn challenge(flags: Flags, target_info: Option<&AvPairsBuf>) -> Vec<u8> {
    let message = Challenge {
        flags,
        server_challenge: SERVER_CHALLENGE,
        target_info: target_info.map(AvPairsBuf::as_pairs),
        version: Some(Version::default()),
        ..Challenge::default()
    };

    message.to_bytes()
}

/// The CHALLENGE of a modern server.
fn modern() -> Vec<u8> {
    challenge(SERVER, Some(&server_info()))
}

fn negotiate_flags(client: &Client) -> Flags {
    let (token, _) = client.initiate().unwrap();
    Negotiate::parse(&token).unwrap().flags
}

fn authenticate(response: &Answer) -> Authenticate<'_> {
    Authenticate::parse(&response.token).unwrap()
}

#[test]
fn negotiate_has_40_bytes_and_no_names() {
    let (token, _) = alice().with_workstation("LAPTOP").initiate().unwrap();
    assert_eq!(token.len(), 40);
    let message = Negotiate::parse(&token).unwrap();
    assert_eq!((message.domain, message.workstation), (None, None));
    assert_eq!(message.version, Some(Version::new(10, 0, 20_348)));
}

#[test]
fn negotiate_asks_for_the_protection_that_the_application_wants() {
    let always = Flags::from_bits_retain(0x8205);
    let with = |protection| negotiate_flags(&alice().with_protection(protection));
    let (none, sign, seal) =
        (with(Protection::None), with(Protection::Sign), with(Protection::Seal));
    for flags in [none, sign, seal] {
        assert!(flags.contains(always | Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY));
        // Reserved bits, and flags that were not asked for.
        assert!(!flags.intersects(Flags::from_bits_retain(0x1d24_4508)), "{flags}");
        assert!(!flags.intersects(Flags::NEGOTIATE_LM_KEY | Flags::NEGOTIATE_DATAGRAM), "{flags}");
    }
    let strength = Flags::NEGOTIATE_128 | Flags::NEGOTIATE_56;
    assert!(!none.intersects(Flags::PROTECTION | Flags::NEGOTIATE_KEY_EXCH));
    assert_eq!(sign & Flags::PROTECTION, Flags::NEGOTIATE_SIGN);
    assert_eq!(seal & Flags::PROTECTION, Flags::PROTECTION);
    for flags in [none, sign, seal] {
        assert!(flags.contains(strength), "{flags}");
    }
    assert!((sign & seal).contains(Flags::NEGOTIATE_KEY_EXCH));
}

#[test]
fn optional_flags_are_offered_according_to_the_policy() {
    let mut policy = Policy::default();
    policy.shared.offer = Flags::all();
    let all = negotiate_flags(&alice().with_policy(policy).with_protection(Protection::Seal));
    assert!(all.contains(Flags::NEGOTIATE_IDENTIFY | Flags::NEGOTIATE_LM_KEY));
    // A client cannot offer every flag in `offer`.
    assert!(!all.intersects(Flags::from_bits_retain(0x1d24_4508)), "{all}");
    assert!(!all.intersects(Flags::NEGOTIATE_DATAGRAM | Flags::ANONYMOUS), "{all}");

    let mut policy = Policy::default();
    policy.shared.offer -= Flags::NEGOTIATE_KEY_EXCH | Flags::NEGOTIATE_OEM;
    let fewer = negotiate_flags(&alice().with_policy(policy).with_protection(Protection::Seal));
    assert!(!fewer.intersects(Flags::NEGOTIATE_KEY_EXCH | Flags::NEGOTIATE_OEM));
}

#[test]
fn extended_session_security_is_offered_from_level_1() {
    for level in 0..=5 {
        let flags = negotiate_flags(&alice_at(LmCompatibility::try_from(level).unwrap()));
        let offered = flags.contains(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        assert_eq!(offered, level > 0, "level {level}");
    }
}

#[test]
fn without_a_version_field_and_flag_are_zero() {
    let client = alice_with(|policy| policy.shared.version = None);
    let (token, _) = client.initiate().unwrap();
    let message = Negotiate::parse(&token).unwrap();
    assert!(!message.flags.contains(Flags::NEGOTIATE_VERSION));
    assert_eq!(message.version, Some(Version::default()));
    let response = answer(&client, &modern()).unwrap();
    let message = authenticate(&response);
    assert!(!message.flags.unwrap().contains(Flags::NEGOTIATE_VERSION));
    assert_eq!(message.version, Some(Version::default()));

    // Nor is a version sent to a server that did not grant the flag.
    let without = challenge(SERVER - Flags::NEGOTIATE_VERSION, Some(&server_info()));
    let response = answer(&alice(), &without).unwrap();
    assert_eq!(authenticate(&response).version, Some(Version::default()));
}

#[test]
fn ntlmv2_response_covers_the_pairs_of_the_server() {
    let client = alice().with_spn("HTTP/files").with_workstation("LAPTOP");
    let response = answer(&client, &modern()).unwrap();
    let message = authenticate(&response);
    for descriptor in [DOMAIN, USER, WORKSTATION] {
        assert_eq!(fields::offset(&response.token, descriptor) % 2, 0, "UTF-16 at even offsets");
        let max_len = fields::length(&response.token, descriptor + 2);
        assert_eq!(fields::length(&response.token, descriptor), max_len);
    }
    let text = |bytes| Text::from_utf16le(bytes).unwrap();
    assert_eq!(text(message.domain), "EXAMPLE");
    assert_eq!(text(message.user), "alice");
    assert_eq!(text(message.workstation), "LAPTOP");

    let sent = ntlmv2(&response.token);
    let key = Proof::default().key();
    assert_eq!(key.ntlmv2_proof(&SERVER_CHALLENGE, sent.blob()), *sent.proof());
    assert_eq!(sent.time(), NOW);
    assert_eq!(hex(&sent.client_challenge()), "0102030405060708");
    // pyspnego's server re-encodes the response, with four zeros at its end, and compares all
    // bytes.
    assert_eq!(sent.target_info().trailing(), [0; 4]);

    let ids: Vec<u16> = sent.target_info().iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, [2, 1, 7, 6, 9], "the server's pairs in their order, then the client's");
    assert_eq!(sent.target_info().flags(), AvFlags::MIC_PRESENT);
    assert_eq!(sent.target_info().text(AvId::TARGET_NAME).unwrap(), "HTTP/files");
}

#[test]
fn server_timestamp_adds_the_mic_and_omits_the_lm_response() {
    let later = FileTime::from_ticks(NOW.ticks() + 77);
    let mut pairs = AvPairsBuf::default();
    pairs.push(AvId::TIMESTAMP, &later.ticks().to_le_bytes()).unwrap();
    let response = answer(&alice(), &challenge(SERVER, Some(&pairs))).unwrap();
    assert_eq!(ntlmv2(&response.token).time(), later);
    assert!(authenticate(&response).mic.is_some_and(|mic| mic != [0; 16]));
    assert_eq!(authenticate(&response).lm_response.as_bytes(), [0; 24]);

    let none = AvPairsBuf::default();
    let response = answer(&alice(), &challenge(SERVER, Some(&none))).unwrap();
    assert_eq!(ntlmv2(&response.token).time(), NOW, "the client's own time");
    assert_eq!(ntlmv2(&response.token).target_info().flags(), AvFlags::empty());
    assert_eq!(authenticate(&response).mic, None);
    let key = Proof::default().key();
    let lmv2 = key.lmv2_response(&SERVER_CHALLENGE, &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(authenticate(&response).lm_response.as_v1(), Some(&lmv2));
}

#[test]
fn without_target_info_the_list_is_empty() {
    let flags = SERVER - Flags::NEGOTIATE_TARGET_INFO;
    let client = alice().with_spn("HTTP/files");
    let response = answer(&client, &challenge(flags, None)).unwrap();
    assert_eq!(ntlmv2(&response.token).target_info().as_bytes(), [0; 8]);
}

#[test]
fn authenticate_repeats_the_target_info_flag_of_the_challenge() {
    let info = server_info();
    let flag = Flags::NEGOTIATE_TARGET_INFO;
    for target_info in [None, Some(&info)] {
        let response = answer(&alice(), &challenge(SERVER, target_info)).unwrap();
        let flags = authenticate(&response).flags.unwrap();
        assert_eq!(flags.contains(flag), target_info.is_some());
    }
}

/// CVE-2019-1166: the client's answer must have exactly one `MsvAvFlags`, made by the client.
#[test]
fn pairs_of_the_client_replace_those_of_the_server() {
    let mut pairs = AvPairsBuf::default();
    pairs.push(AvId::FLAGS, &0x8000_0007_u32.to_le_bytes()).unwrap();
    pairs.push(AvId::TARGET_NAME, b"x\0").unwrap();
    pairs.push(AvId::CHANNEL_BINDINGS, &[9; 16]).unwrap();
    pairs.push(AvId(0x7fff), b"odd").unwrap();
    let bindings = ChannelBindings::from_md5([5; 16]);
    let client = alice().with_channel_bindings(bindings);

    let response = answer(&client, &challenge(SERVER, Some(&pairs))).unwrap();
    let sent = ntlmv2(&response.token).target_info();
    let kept = AvFlags::CONSTRAINED | AvFlags::from_bits_retain(0x8000_0000);
    assert_eq!(sent.flags(), kept, "no MIC announced, no untrusted SPN");
    assert_eq!(authenticate(&response).mic, None);
    assert_eq!(sent.get(AvId::TARGET_NAME), Some(&[][..]));
    assert_eq!(sent.channel_bindings(), Some(&[5; 16]));
    assert_eq!(sent.get(AvId(0x7fff)), Some(&b"odd"[..]));
    let unbound = answer(&alice(), &challenge(SERVER, Some(&pairs))).unwrap();
    assert_eq!(ntlmv2(&unbound.token).target_info().get(AvId::CHANNEL_BINDINGS), None);

    pairs.push(AvId::TIMESTAMP, &[0; 8]).unwrap();
    let response = answer(&client, &challenge(SERVER, Some(&pairs))).unwrap();
    assert_eq!(ntlmv2(&response.token).target_info().flags(), kept | AvFlags::MIC_PRESENT);
}

/// A server rejects a response that does not repeat the pairs that it sent.
#[test]
fn single_host_of_the_server_is_repeated() {
    let mut pairs = server_info();
    pairs.push(AvId::SINGLE_HOST, &[0xaa; 48]).unwrap();
    let response = answer(&alice(), &challenge(SERVER, Some(&pairs))).unwrap();
    let repeated = ntlmv2(&response.token).target_info().get(AvId::SINGLE_HOST);
    assert_eq!(repeated, Some(&[0xaa; 48][..]));
}

#[test]
fn malformed_or_repeated_av_flags_are_rejected() {
    let good = modern();
    let end = good.len() - 4;
    for pairs in [&[6, 0, 3, 0, 2, 0, 0][..], &[6, 0, 4, 0, 2, 0, 0, 0, 6, 0, 4, 0, 0, 0, 0, 0]] {
        let start = fields::offset(&good, TARGET_INFO);
        let list = [&good[start..end], pairs, &[0; 4]].concat();
        let bytes = fields::with_payload(&good, TARGET_INFO, &list);
        assert!(matches!(answer(&alice(), &bytes), Err(Error::Wire(_))));
    }
}

/// IIS accepts a client that sends no bindings pair, and rejects one that sends a pair of zeros.
#[test]
fn channel_bindings_pair_is_absent_without_bindings() {
    let response = answer(&alice(), &modern()).unwrap();
    assert_eq!(ntlmv2(&response.token).target_info().get(AvId::CHANNEL_BINDINGS), None);
}

#[test]
fn only_unverified_spns_are_marked_as_untrusted() {
    let bytes = modern();
    let flags = |client: Client| {
        let response = answer(&client, &bytes).unwrap();
        ntlmv2(&response.token).target_info().flags()
    };
    assert!(flags(alice().with_unverified_spn("cifs/x")).contains(AvFlags::UNTRUSTED_SPN));
    assert!(!flags(alice().with_spn("cifs/x")).contains(AvFlags::UNTRUSTED_SPN));
    let trusted_again = alice().with_unverified_spn("cifs/x").with_spn("cifs/y");
    assert!(!flags(trusted_again).contains(AvFlags::UNTRUSTED_SPN));
}

#[test]
fn user_names_are_sent_unchanged() {
    for (name, user, domain) in [
        ("EXAMPLE\\alice", "alice", "EXAMPLE"),
        ("alice@example.com", "alice@example.com", ""),
        ("alice", "alice", ""),
        ("A\\b@c", "b@c", "A"),
        ("\\alice@example.com", "alice@example.com", ""),
        ("A\\B\\c", "B\\c", "A"),
        ("a@b@c", "a@b@c", ""),
        ("a\\", "", "a"),
        ("jürgen", "jürgen", ""),
    ] {
        let client = Client::new(Credentials::password(name, "secret"));
        let response = answer(&client, &modern()).unwrap();
        let message = authenticate(&response);
        assert_eq!(Text::from_utf16le(message.user).unwrap(), user, "{name}");
        assert_eq!(Text::from_utf16le(message.domain).unwrap(), domain, "{name}");
    }
}

/// 3.3.2: the proof converts only the user name to upper case. A server that also tries the domain
/// in upper case would not detect the difference.
#[test]
fn domain_is_hashed_as_sent() {
    let client = Client::new(Credentials::password("Example\\Alice", "secret"));
    let response = answer(&client, &modern()).unwrap();
    assert_eq!(authenticate(&response).domain, b"E\0x\0a\0m\0p\0l\0e\0");
    let sent = ntlmv2(&response.token);
    let key =
        ResponseKey::new(&NtHash::from_password("secret"), &"ALICE".into(), &"Example".into());
    assert_eq!(key.ntlmv2_proof(&SERVER_CHALLENGE, sent.blob()), *sent.proof());
}

#[test]
fn passwords_of_any_length_and_any_code_units_are_hashed_whole() {
    let bytes = modern();
    let mut proofs = Vec::new();
    let long = "x".repeat(1 << 20);
    for length in [0, 1, 14, 15, 129, 256, 257, 65_536, 1 << 20] {
        let client = Client::new(Credentials::password("alice", &long[..length]));
        let response = answer(&client, &bytes).unwrap();
        proofs.push(*ntlmv2(&response.token).proof());
    }
    // gMSA passwords are random UTF-16, with lone surrogates; 32 hexadecimal digits are a password,
    // not a hash.
    let surrogate = Credentials::password_utf16("alice", &[0xd800, 0x41]);
    let digits = Credentials::password("alice", "31d6cfe0d16ae931b73c59d7e0c089c0");
    for credentials in [surrogate, digits] {
        let response = answer(&Client::new(credentials), &bytes).unwrap();
        proofs.push(*ntlmv2(&response.token).proof());
    }
    let count = proofs.len();
    proofs.sort_unstable();
    proofs.dedup();
    assert_eq!(proofs.len(), count);
}

#[test]
fn nt_hash_makes_the_same_message_as_the_password() {
    let bytes = modern();
    let user = "EXAMPLE\\alice";
    let lone_surrogate = NtHash::from(md4(&[0x00, 0xd8, 0x41, 0x00]));
    for (password, hash) in [
        (Credentials::password(user, "secret"), NtHash::from_password("secret")),
        (Credentials::password_utf16(user, &[0xd800, 0x41]), lone_surrogate),
    ] {
        let with_password = answer(&Client::new(password), &bytes).unwrap();
        let hash = Credentials::nt_hash(user, hash);
        let with_hash = answer(&Client::new(hash), &bytes).unwrap();
        assert_eq!(with_hash.token, with_password.token);
    }
}

#[test]
fn challenge_without_a_needed_flag_is_rejected() {
    let client = alice().with_protection(Protection::Seal);
    let needed = [
        Flags::NEGOTIATE_SIGN,
        Flags::NEGOTIATE_SEAL,
        Flags::NEGOTIATE_128,
        Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY,
    ];
    let info = server_info();
    assert!(answer(&client, &challenge(SERVER, Some(&info))).is_ok());
    for flag in needed {
        let error = answer(&client, &challenge(SERVER - flag, Some(&info))).unwrap_err();
        assert_eq!(error, Refused::MissingFlags(flag).into());
    }
    // A flag that was not asked for may be absent.
    let weak = SERVER - Flags::PROTECTION - Flags::NEGOTIATE_128;
    assert!(answer(&alice(), &challenge(weak, Some(&info))).is_ok());

    let mut policy = Policy::default();
    policy.shared.require = Flags::NEGOTIATE_KEY_EXCH | Flags::NEGOTIATE_UNICODE;
    policy.shared.require |= Flags::NEGOTIATE_TARGET_INFO | Flags::NEGOTIATE_VERSION; // not policy decisions
    let strict = alice().with_policy(policy).with_protection(Protection::Sign);
    assert!(answer(&strict, &challenge(SERVER, Some(&info))).is_ok());
    let dropped = SERVER - Flags::NEGOTIATE_KEY_EXCH;
    let error = answer(&strict, &challenge(dropped, Some(&info))).unwrap_err();
    assert_eq!(error, Refused::MissingFlags(Flags::NEGOTIATE_KEY_EXCH).into());
}

#[test]
fn flag_in_require_alone_is_enforced_when_messages_are_protected() {
    let client = alice_with(|policy| {
        policy.shared.require = Flags::NEGOTIATE_SIGN;
        policy.shared.require_when_protected = Flags::empty();
    })
    .with_protection(Protection::Sign);
    let dropped = challenge(SERVER - Flags::NEGOTIATE_SIGN, Some(&server_info()));
    let error = answer(&client, &dropped).unwrap_err();
    assert_eq!(error, Refused::MissingFlags(Flags::NEGOTIATE_SIGN).into());
}

#[test]
fn flags_that_were_not_offered_are_not_used() {
    let all = Flags::all() - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let mut policy = Policy::default();
    weaken(&mut policy.shared, LmCompatibility::SendNtlm);
    policy.shared.offer -= Flags::NEGOTIATE_56;
    let client = alice().with_policy(policy).with_protection(Protection::Seal);
    let response = answer(&client, &challenge(all, Some(&server_info()))).unwrap();
    let unasked = Flags::NEGOTIATE_LM_KEY
        | Flags::REQUEST_NON_NT_SESSION_KEY
        | Flags::NEGOTIATE_DATAGRAM
        | Flags::NEGOTIATE_IDENTIFY
        | Flags::NEGOTIATE_56
        | Flags::from_bits_retain(0x1d24_4508);
    assert!(!response.keys.flags().intersects(unasked), "{}", response.keys.flags());
    assert_eq!(authenticate(&response).flags, Some(response.keys.flags()));
}

#[test]
fn authenticate_sets_only_flags_that_the_server_granted() {
    for granted in [SERVER, SERVER - Flags::NEGOTIATE_VERSION, SERVER - Flags::REQUEST_TARGET] {
        for protection in [Protection::None, Protection::Sign, Protection::Seal] {
            let client = alice().with_protection(protection);
            let response = answer(&client, &challenge(granted, Some(&server_info()))).unwrap();
            let flags = authenticate(&response).flags.unwrap();
            assert!(granted.contains(flags), "{flags}");
        }
    }
}

#[test]
fn challenge_longer_than_the_limit_is_rejected() {
    let mut long = modern();
    long.resize(65_536, 0);
    assert!(answer(&alice(), &long).is_ok());
    long.push(0);
    assert_eq!(answer(&alice(), &long).unwrap_err(), Refused::TooLong.into());
}

/// If a man in the middle removes the server's time, the client sends no MIC; if he removes
/// `TargetInfo`, the response has no channel bindings and no target name either.
#[test]
fn client_that_requires_a_mic_rejects_a_challenge_without_time() {
    let insists = |level| {
        alice_with(|policy| {
            weaken(&mut policy.shared, level);
            policy.shared.require_mic = true;
        })
    };
    let client = insists(LmCompatibility::SendNtlmv2);
    let mut timeless = AvPairsBuf::default();
    timeless.push_text(AvId::NB_DOMAIN_NAME, &"EXAMPLE".into()).unwrap();
    assert!(answer(&client, &modern()).is_ok());
    for target_info in [None, Some(&timeless)] {
        let challenge = challenge(SERVER, target_info);
        assert!(answer(&alice(), &challenge).is_ok());
        assert_eq!(answer(&client, &challenge).unwrap_err(), Refused::NoMic.into());
    }
    let challenge = modern();
    let ntlmv1 = insists(LmCompatibility::SendNtlm);
    assert_eq!(answer(&ntlmv1, &challenge).unwrap_err(), Refused::NoMic.into());
}

/// Anonymous credentials prove nothing, so there is no response that could announce a MIC.
#[test]
fn anonymous_credentials_are_rejected_if_a_mic_is_required() {
    let mut policy = Policy::default();
    policy.shared.require_mic = true;
    let client = Client::new(Credentials::anonymous()).with_policy(policy);
    let error = answer(&client, &modern()).unwrap_err();
    assert_eq!(error, Refused::NoMic.into());
}

/// The LM hash is computed from the password in upper case, in the OEM code page.
#[test]
fn lm_responses_use_the_code_page() {
    static CODE_PAGE: [char; 128] = {
        let mut table = ['\u{fffd}'; 128];
        table[0x0e] = 'Ä';
        table
    };
    let plain = SERVER - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let mut policy = Policy::default();
    weaken(&mut policy.shared, LmCompatibility::SendLmAndNtlm);
    policy.shared.code_page = &CODE_PAGE;
    let client = Client::new(Credentials::password("alice", "pässword")).with_policy(policy);
    let response = answer(&client, &challenge(plain, Some(&server_info()))).unwrap();
    let hash = ntlm::crypto::LmHash::from_password("PÄSSWORD", &CODE_PAGE).unwrap();
    let lm = hash.lm_response(&SERVER_CHALLENGE);
    assert_eq!(authenticate(&response).lm_response.as_v1(), Some(&lm));
}

#[test]
fn unicode_is_used_if_both_character_sets_are_set() {
    let both = SERVER | Flags::NEGOTIATE_OEM;
    let response = answer(&alice(), &challenge(both, Some(&server_info()))).unwrap();
    let flags = response.keys.flags();
    assert!(flags.contains(Flags::NEGOTIATE_UNICODE) && !flags.contains(Flags::NEGOTIATE_OEM));
    assert_eq!(authenticate(&response).user, b"a\0l\0i\0c\0e\0");
}

#[test]
fn oem_names_are_ascii_or_in_the_code_page() {
    static CODE_PAGE_850: [char; 128] = {
        let mut table = ['\u{fffd}'; 128];
        table[1] = 'ü';
        table
    };
    let oem = (SERVER - Flags::NEGOTIATE_UNICODE) | Flags::NEGOTIATE_OEM;
    let bytes = challenge(oem, Some(&server_info()));
    let jürgen = Client::new(Credentials::password("jürgen", "secret"));
    assert!(matches!(answer(&jürgen, &bytes), Err(Error::Refused(Refused::OurName(_)))));
    assert_eq!(authenticate(&answer(&alice(), &bytes).unwrap()).user, b"alice");
    let mut policy = Policy::default();
    policy.shared.code_page = &CODE_PAGE_850;
    let response = answer(&jürgen.with_policy(policy), &bytes).unwrap();
    assert_eq!(authenticate(&response).user, b"j\x81rgen");
}

#[test]
fn character_set_that_was_not_offered_is_rejected() {
    let oem = (SERVER - Flags::NEGOTIATE_UNICODE) | Flags::NEGOTIATE_OEM;
    let mut policy = Policy::default();
    policy.shared.offer -= Flags::NEGOTIATE_OEM;
    let error = answer(&alice().with_policy(policy), &challenge(oem, None)).unwrap_err();
    assert_eq!(error, Unexpected::CharacterSet.into());
}

#[test]
fn ntlmv2_with_protection_needs_the_netbios_names_of_the_server() {
    for missing in [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME] {
        let mut pairs = AvPairsBuf::default();
        for (id, value) in server_info().as_pairs().iter().filter(|(id, _)| *id != missing) {
            pairs.push(id, value).unwrap();
        }
        let bytes = challenge(SERVER, Some(&pairs));
        for protection in [Protection::Sign, Protection::Seal] {
            let error = answer(&alice().with_protection(protection), &bytes).unwrap_err();
            assert_eq!(error, Unexpected::NetbiosNames.into());
        }
        assert!(answer(&alice(), &bytes).is_ok());
        let v1 = alice_at(LmCompatibility::SendNtlm);
        assert!(answer(&v1.with_protection(Protection::Sign), &bytes).is_ok());
    }
    let bytes = challenge(SERVER - Flags::NEGOTIATE_TARGET_INFO, None);
    let error = answer(&alice().with_protection(Protection::Sign), &bytes).unwrap_err();
    assert_eq!(error, Unexpected::NetbiosNames.into());
}

#[test]
fn key_is_exchanged_if_messages_are_protected() {
    let bytes = modern();
    let response = answer(&alice().with_protection(Protection::Sign), &bytes).unwrap();
    assert_eq!(authenticate(&response).encrypted_random_session_key.len(), 16);
    // The random bytes that follow the client challenge.
    let random: [u8; 16] = core::array::from_fn(|i| 9 + u8::try_from(i).unwrap());
    assert_eq!(*response.keys.exported_session_key().expose(), random);

    let response = answer(&alice(), &bytes).unwrap();
    assert!(!response.keys.flags().contains(Flags::NEGOTIATE_KEY_EXCH));
    assert_eq!(authenticate(&response).encrypted_random_session_key, b"");
    let key = Proof::default().key();
    let base = key.session_base_key(ntlmv2(&response.token).proof());
    assert_eq!(response.keys.exported_session_key().expose(), base.expose());
}

#[test]
fn anonymous_client_sends_one_zero_byte_and_no_name() {
    let bytes = modern();
    let nameless = ["", "EXAMPLE\\"].map(|name| Credentials::password(name, ""));
    for credentials in nameless.into_iter().chain([Credentials::anonymous()]) {
        let response = answer(&Client::new(credentials), &bytes).unwrap();
        let message = authenticate(&response);
        assert_eq!(message.lm_response.as_bytes(), [0]);
        assert_eq!(response.token[NT..][..8], [0; 8], "neither length nor offset (3.3.1)");
        assert_eq!((message.user, message.domain), (&[][..], &[][..]));
        assert!(message.flags.unwrap().contains(Flags::ANONYMOUS));
        assert!(!message.flags.unwrap().intersects(Flags::PROTECTION | Flags::NEGOTIATE_KEY_EXCH));
        assert_eq!(response.keys.exported_session_key().expose(), &[0; 16]);
    }
    // A user with an empty password is not anonymous.
    let response = answer(&Client::new(Credentials::password("alice", "")), &bytes).unwrap();
    assert!(matches!(authenticate(&response).nt_response, NtResponse::V2(_)));
}

#[test]
fn each_level_sends_its_responses() {
    let info = server_info();
    let plain = SERVER - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    for level in 0..=2 {
        let client = alice_at(LmCompatibility::try_from(level).unwrap());
        let response = answer(&client, &challenge(plain, Some(&info))).unwrap();
        let message = authenticate(&response);
        let nt = NtHash::from_password("secret").ntlmv1_response(&SERVER_CHALLENGE);
        assert_eq!(message.nt_response, NtResponse::V1(&nt), "level {level}");
        let repeats = message.lm_response.as_v1() == Some(&nt);
        assert_eq!(repeats, level == 2, "level {level}");

        let response = answer(&client, &challenge(SERVER, Some(&info))).unwrap();
        let lm = authenticate(&response).lm_response.as_v1().unwrap();
        let ntlm2_session = lm[8..] == [0; 16];
        assert_eq!(ntlm2_session, level > 0, "level {level}");
    }
    for level in 3..=5 {
        let client = alice_at(LmCompatibility::try_from(level).unwrap());
        let response = answer(&client, &challenge(plain, Some(&info))).unwrap();
        assert!(matches!(authenticate(&response).nt_response, NtResponse::V2(_)));
    }
}

#[test]
fn lm_response_is_replaced_if_there_is_no_lm_hash() {
    let plain = SERVER - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let bytes = challenge(plain, Some(&server_info()));
    let user = UserName::new("alice");
    for credentials in [
        Credentials::nt_hash(user.clone(), NtHash::from_password("secret")),
        Credentials::password(user.clone(), "fifteen letters"),
        Credentials::password(user.clone(), "pässword"),
        Credentials::password_utf16(user, &[0xd800, 0x41]),
    ] {
        let mut policy = Policy::default();
        weaken(&mut policy.shared, LmCompatibility::SendLmAndNtlm);
        let client = Client::new(credentials).with_policy(policy);
        let response = answer(&client, &bytes).unwrap();
        let message = authenticate(&response);
        assert_eq!(message.lm_response.as_bytes(), message.nt_response.as_bytes());
    }
}

#[test]
fn lm_key_without_an_lm_hash_is_rejected() {
    let plain = SERVER - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    for flag in [Flags::NEGOTIATE_LM_KEY, Flags::REQUEST_NON_NT_SESSION_KEY] {
        let bytes = challenge(plain | flag, Some(&server_info()));
        let mut policy = Policy::default();
        weaken(&mut policy.shared, LmCompatibility::SendLmAndNtlm);
        policy.shared.offer |= flag;
        let client = |password| {
            Client::new(Credentials::password("alice", password)).with_policy(policy.clone())
        };
        assert!(answer(&client("secret"), &bytes).is_ok());
        let error = answer(&client("fifteen letters"), &bytes).unwrap_err();
        assert_eq!(error, Refused::NoLmHash.into());
    }
}

#[test]
fn extended_session_security_wins_over_lm_key() {
    let mut policy = Policy::default();
    weaken(&mut policy.shared, LmCompatibility::SendNtlm);
    policy.shared.offer |= Flags::NEGOTIATE_LM_KEY;
    let both = SERVER | Flags::NEGOTIATE_LM_KEY;
    let response =
        answer(&alice().with_policy(policy), &challenge(both, Some(&server_info()))).unwrap();
    assert!(!response.keys.flags().contains(Flags::NEGOTIATE_LM_KEY));
}

#[test]
fn blocked_client_sends_no_message() {
    let blocked = alice_with(|policy| {
        policy.shared.blocked = true;
        policy.block_exceptions = vec!["files.example.com".into()];
    });
    assert_eq!(blocked.initiate().unwrap_err(), Refused::Blocked.into());
    let other = blocked.clone().with_spn("cifs/other.example.com");
    assert_eq!(other.initiate().unwrap_err(), Refused::Blocked.into());
    let error = other.answer_datagram(&[], &mut Fixed::default()).unwrap_err();
    assert_eq!(error, Refused::Blocked.into());
    assert!(blocked.with_spn("cifs/Files.example.com").initiate().is_ok());
}

#[test]
fn client_name_that_does_not_fit_is_a_configuration_error() {
    let bytes = modern();
    let long = "x".repeat(40_000);
    for client in [
        Client::new(Credentials::password(&*long, "secret")),
        alice().with_workstation(&*long),
        alice().with_spn(&*long),
    ] {
        let too_long = Refused::OurName(TextError::TooLong);
        assert_eq!(answer(&client, &bytes).unwrap_err(), too_long.into());
    }
    // The server's list fits, but not together with the client's pairs.
    let mut pairs = server_info();
    pairs.push(AvId(0x7fff), &[0; 65_450]).unwrap();
    let bytes = challenge(SERVER, Some(&pairs));
    let client =
        alice_with(|policy| policy.shared.max_message_len = bytes.len()).with_spn("HTTP/files");
    assert!(matches!(answer(&client, &bytes), Err(Error::Wire(_))));
    let fits = "x".repeat(30_000);
    let client = Client::new(Credentials::password(&*fits, "secret"));
    let response = answer(&client, &modern()).unwrap();
    assert_eq!(authenticate(&response).user.len(), 60_000);
}

#[test]
fn messages_of_other_types_are_rejected() {
    let (negotiate, _) = alice().initiate().unwrap();
    let response = answer(&alice(), &modern()).unwrap();
    for bytes in [&negotiate[..], &response.token, b"", b"-ERR go away"] {
        assert!(matches!(answer(&alice(), bytes), Err(Error::Wire(_))));
    }
}

/// If randomness or the clock fails, the client sends no message with a constant in the place of a
/// random number.
#[test]
fn no_message_is_sent_without_time_or_randomness() {
    let bytes = challenge(SERVER, Some(&AvPairsBuf::default()));
    for error in [EnvironmentError::Clock, EnvironmentError::Randomness] {
        let (_, handshake) = alice().initiate().unwrap();
        let result = handshake.answer(&bytes, &mut Fixed::lacking(error));
        assert_eq!(result.unwrap_err(), Error::Environment(error));
    }
}

#[cfg(feature = "std")]
#[test]
fn two_handshakes_share_no_random_bytes() {
    let bytes = modern();
    let twice = |client: &Client| {
        [client, client].map(|client| {
            let (_, handshake) = client.initiate().unwrap();
            handshake.answer(&bytes, &mut ntlm::Os).unwrap()
        })
    };
    let client = alice().with_protection(Protection::Sign);
    let [first, second] = twice(&client);
    assert_ne!(ntlmv2(&first.token).client_challenge(), ntlmv2(&second.token).client_challenge());
    assert_ne!(
        first.keys.exported_session_key().expose(),
        second.keys.exported_session_key().expose()
    );
    // The NTLM2 session response has the client challenge in the LM field.
    let [first, second] =
        twice(&alice_at(LmCompatibility::SendNtlm).with_protection(Protection::Sign));
    let lm_response = |response| authenticate(response).lm_response.client_challenge();
    assert_ne!(lm_response(&first), lm_response(&second));
    assert_ne!(
        first.keys.exported_session_key().expose(),
        second.keys.exported_session_key().expose()
    );
}
