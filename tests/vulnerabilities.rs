//! Each published vulnerability of an NTLM implementation, and what happens here instead.
//!
//! The order is that of a table of them: first memory, denial of service and parsing, then the
//! logic of the protocol, each with the product and the cause. What a library without sockets can
//! have is tested. What only its caller can do wrong is tested where the interface prevents it;
//! otherwise [`BY_DESIGN`] names the sentence that says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use core::fmt::Debug;
use std::sync::LazyLock;

use ntlm::crypto::{LmHash, ResponseKey, primitives};
use ntlm::error::{Denied, Integrity, Misuse, Refused, Rejection, Unexpected};
use ntlm::server::{Accepted, AwaitAuthenticate, Names, Policy, UserClaim, Validation};
use ntlm::session::{Protection, Signature};
use ntlm::wire::{
    Authenticate, AvFlags, AvId, AvPairs, Challenge, ErrorKind, LmResponse, Message,
    NegotiateFlags as Flags, NtResponse, Ntlmv2Response,
};
use ntlm::{
    Ascii, ChannelBindings, Client, Credentials, Enforcement, EnvironmentError, Error,
    LmCompatibility, NtHash, ResponseKind, Server, Text, TextError, UserName, client, inspect,
};
use ntlm_testkit::{
    Emit, Fields, Fixed, NOW, PASSWORD, accept, alice, alice_with, array, exchange, hex, read_json,
    server, user_of,
};
use serde_json::Value;

fn named(user: &str, domain: &str) -> Client {
    Client::new(Credentials::password(UserName::new(user).with_domain(domain), PASSWORD))
}

fn with_policy(set: impl FnOnce(&mut Policy)) -> Server {
    let mut policy = Policy::default();
    set(&mut policy);
    server().with_policy(policy)
}

/// A token among the hostile ones.
fn token(id: &str) -> Vec<u8> {
    case(id).bytes("message").expect(id)
}

fn case(id: &str) -> &'static Value {
    HOSTILE.iter().find(|case| case.text("id") == Some(id)).expect(id)
}

static HOSTILE: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let cases = read_json("hostile.json");
    cases.as_array().expect("a list").clone()
});

/// All hostile tokens whose ids begin so.
fn tokens(id: &str) -> impl Iterator<Item = Vec<u8>> {
    let cases = HOSTILE.iter().filter(move |case| case.text("id").unwrap().starts_with(id));
    cases.filter_map(|case| case.bytes("message"))
}

/// The descriptors of all fields: a well-formed message, and where they stand in it. All of them
/// are looked at.
const FIELDS: [(&str, &[usize]); 3] = [
    ("H-100", &[16, 24]),
    ("H-200", &[TARGET_NAME, TARGET_INFO]),
    ("H-300", &[LM, NT, DOMAIN, USER, WORKSTATION, SESSION_KEY]),
];

const TARGET_NAME: usize = 12;
const TARGET_INFO: usize = 40;
const LM: usize = 12;
const NT: usize = 20;
const DOMAIN: usize = 28;
const USER: usize = 36;
const WORKSTATION: usize = 44;
const SESSION_KEY: usize = 52;

/// Each message with a field of that length at that offset, and where the field's descriptor is.
fn with_each_field(length: u16, offset: u32) -> Vec<(Vec<u8>, usize)> {
    let mut changed = Vec::new();
    for (id, descriptors) in FIELDS {
        let mut message = token(id);
        if id == "H-100" {
            message[13] |= 0x30; // both names are supplied
        }
        let fields = descriptors.iter();
        changed.extend(fields.map(|at| (with_field(&message, *at, length, offset), *at)));
    }
    changed
}

/// A message that says of a field: so long (also its `MaxLen`), and there.
fn with_field(message: &[u8], descriptor: usize, length: u16, offset: u32) -> Vec<u8> {
    let mut changed = message.to_vec();
    let length = length.to_le_bytes();
    changed[descriptor..descriptor + 2].copy_from_slice(&length);
    changed[descriptor + 2..descriptor + 4].copy_from_slice(&length);
    changed[descriptor + 4..descriptor + 8].copy_from_slice(&offset.to_le_bytes());
    changed
}

/// Where a message says that a field's payload is.
fn offset_of(message: &[u8], descriptor: usize) -> usize {
    let offset = message[descriptor + 4..descriptor + 8].try_into().unwrap();
    u32::from_le_bytes(offset).try_into().unwrap()
}

/// How long a field is.
fn length_of(message: &[u8], descriptor: usize) -> u16 {
    u16::from_le_bytes([message[descriptor], message[descriptor + 1]])
}

/// A message with these bytes at its end, as the payload of that field.
fn with_payload(message: &[u8], descriptor: usize, payload: &[u8]) -> Vec<u8> {
    let (length, offset) = (payload.len().try_into().unwrap(), message.len().try_into().unwrap());
    [&with_field(message, descriptor, length, offset), payload].concat()
}

/// A list of AV pairs, well formed or not.
fn list<V: AsRef<[u8]>>(pairs: &[(AvId, V)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (id, value) in pairs {
        bytes.extend_from_slice(&id.0.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(value.as_ref().len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(value.as_ref());
    }
    [&bytes[..], &[0; 4]].concat()
}

/// What a server said in its `TargetInfo`.
fn pairs_of(challenge: &[u8]) -> Vec<(AvId, Vec<u8>)> {
    let pairs = Challenge::parse(challenge).unwrap().target_info.unwrap();
    pairs.iter().map(|(id, value)| (id, value.to_vec())).collect()
}

/// Why a message does not parse. The side that receives it gives the same reason, unless the field
/// has no meaning for that side.
fn refusal(message: &[u8]) -> (ErrorKind, usize) {
    let error = Message::parse(message).unwrap_err();
    if has_meaning(message, error) {
        assert_eq!(receive(message), Err(Error::Wire(error)));
    } else {
        assert_ne!(receive(message), Err(Error::Wire(error)));
    }
    (error.kind(), error.offset())
}

/// Whether the receiving side reads what is wrong. A server reads no names in a NEGOTIATE, no
/// workstation and no LM response beside NTLMv2; a client no `TargetName`, and it finds out on its
/// own that no character set is chosen.
fn has_meaning(message: &[u8], error: ntlm::wire::Error) -> bool {
    let is_cut = error.kind() == ErrorKind::TooShort;
    match (message.get(8), error.offset()) {
        (Some(1), descriptor) => descriptor < 16 || message.len() < 16,
        (Some(2), 20) => error.kind() != ErrorKind::NoCharacterSet,
        (Some(2), TARGET_NAME) | (Some(3), WORKSTATION) => is_cut,
        (Some(3), LM) => is_cut || !is_ntlmv2(&with_field(message, LM, 0, 0)),
        _ => true,
    }
}

fn is_ntlmv2(message: &[u8]) -> bool {
    let nt_response = Authenticate::parse(message).map(|message| message.nt_response);
    matches!(nt_response, Ok(NtResponse::V2(_)))
}

/// What is wrong with a message, and where.
fn wire<T: Debug>(result: Result<T, Error>) -> (ErrorKind, usize) {
    match result {
        Err(Error::Wire(error)) => (error.kind(), error.offset()),
        result => panic!("{result:?}"),
    }
}

/// Hands a message to the side that it is for.
fn receive(message: &[u8]) -> Result<(), Error> {
    match message.get(8) {
        Some(1) => server().challenge(message, &mut Fixed::default()).map(drop),
        Some(3) => challenged(&server()).1.read(message, &mut Fixed::default()).map(drop),
        _ => respond(&alice(), message).map(drop),
    }
}

fn respond(client: &Client, challenge: &[u8]) -> Result<client::Answer, Error> {
    let (_, handshake) = client.initiate()?;
    handshake.answer(challenge, &mut Fixed::default())
}

/// A server that has sent its CHALLENGE.
fn challenged(server: &Server) -> (Vec<u8>, AwaitAuthenticate) {
    let (negotiate, _) = alice().initiate().unwrap();
    server.challenge(&negotiate, &mut Fixed::default()).unwrap()
}

/// What a server that knows the password says of an AUTHENTICATE.
fn verdict(handshake: AwaitAuthenticate, authenticate: &[u8]) -> Result<Accepted, Error> {
    accept(handshake.read(authenticate, &mut Fixed::default())?, PASSWORD)
}

/// The same of one with alice's right proof of these AV pairs, which has no MIC.
fn verdict_on_pairs(server: &Server, change: impl FnOnce(&mut Pairs)) -> Result<Accepted, Error> {
    let (challenge, handshake) = challenged(server);
    let mut pairs = pairs_of(&challenge);
    change(&mut pairs);
    verdict(handshake, &proven(&challenge, &list(&pairs), &"alice".into()))
}

type Pairs = Vec<(AvId, Vec<u8>)>;

/// An AUTHENTICATE of this user of EXAMPLE with a right proof over this list, well formed or not.
fn proven(challenge: &[u8], list: &[u8], user: &Text) -> Vec<u8> {
    let challenge = Challenge::parse(challenge).unwrap();
    let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
    blob.extend_from_slice(&NOW.ticks().to_le_bytes());
    blob.extend_from_slice(&[0xcc; 12]);
    blob.extend_from_slice(list);
    let domain = Text::from("EXAMPLE");
    let key = ResponseKey::new(&NtHash::from_password(PASSWORD), user, &domain);
    let proof = key.ntlmv2_proof(&challenge.server_challenge, &blob);
    let message = Authenticate {
        user: &user.to_utf16le(),
        domain: &domain.to_utf16le(),
        flags: Some(challenge.flags - Flags::NEGOTIATE_KEY_EXCH),
        ..Authenticate::default()
    };
    with_payload(&emit(&message), NT, &[&proof[..], &blob].concat())
}

fn emit(message: &Authenticate<'_>) -> Vec<u8> {
    message.to_bytes()
}

/// A whole exchange whose AUTHENTICATE is changed on its way.
fn with_changed(
    client: &Client,
    server: &Server,
    change: impl FnOnce(&mut Authenticate<'_>),
) -> Result<Accepted, Error> {
    let (exchange, handshake) = exchange(client, server, &mut Fixed::default())?;
    let mut message = Authenticate::parse(&exchange.authenticate).unwrap();
    change(&mut message);
    verdict(handshake, &emit(&message))
}

fn log_in(client: &Client, server: &Server) -> Result<Accepted, Error> {
    with_changed(client, server, |_| {})
}

/// A client's claim, which waits for the look-up of its user.
fn claim(client: &Client) -> UserClaim {
    let (exchange, handshake) = exchange(client, &server(), &mut Fixed::default()).unwrap();
    user_of(handshake.read(&exchange.authenticate, &mut Fixed::default()).unwrap())
}

fn ntlmv2<'a>(message: &Authenticate<'a>) -> Ntlmv2Response<'a> {
    match message.nt_response {
        NtResponse::V2(response) => response,
        other => panic!("{other:?}"),
    }
}

/// What the server of a hostile exchange says of it, under the default policy with this change.
fn judge(id: &str, set: impl FnOnce(&mut Policy)) -> Result<Accepted, Error> {
    let case = case(id);
    let challenge = case.bytes("challenge").unwrap();
    let told = Challenge::parse(&challenge).unwrap().target_info.and_then(AvPairs::timestamp);
    let mut server = with_policy(set);
    if case.get("channel_bindings_md5").is_some() {
        let md5 = array(case, "channel_bindings_md5");
        server = server.with_channel_bindings(ChannelBindings::from_md5(md5));
    }
    let server = server.with_spns(["HTTP/files"]);
    let handshake = server.resume(&case.bytes("negotiate").unwrap(), &challenge)?;
    let environment = &mut Fixed::at(told.unwrap_or(NOW));
    let claim = handshake.read(&case.bytes("authenticate").unwrap(), environment)?;
    accept(claim, case.text("password").unwrap())
}

fn default(_: &mut Policy) {}

/// Fails if anything is kept that was not there before.
fn assert_leaks_nothing(work: impl Fn()) {
    work(); // What is made once and for all, such as the test data.
    let counted = allocation_counter::measure(work);
    assert_eq!((counted.count_current, counted.bytes_current), (0, 0));
}

/// MD4 (RFC 1320) once more, to compare with.
fn md4(message: &[u8]) -> [u8; 16] {
    const ORDER: [usize; 16] = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15];
    const SHIFTS: [[u32; 4]; 3] = [[3, 7, 11, 19], [3, 5, 9, 13], [3, 9, 11, 15]];
    let mut padded = [message, &[0x80]].concat();
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend_from_slice(&(message.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let words: Vec<u32> = block
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        let [mut a, mut b, mut c, mut d] = state;
        for (round, i) in (0..48).map(|step| (step / 16, step % 16)) {
            let (mixed, word, constant) = match round {
                0 => ((b & c) | (!b & d), i, 0),
                1 => ((b & c) | (b & d) | (c & d), i / 4 + i % 4 * 4, 0x5a82_7999),
                _ => (b ^ c ^ d, ORDER[i], 0x6ed9_eba1),
            };
            let sum = a.wrapping_add(mixed).wrapping_add(words[word]).wrapping_add(constant);
            (a, b, c, d) = (d, sum.rotate_left(SHIFTS[round][i % 4]), b, c);
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(word);
        }
    }
    let mut hash = [0; 16];
    for (place, word) in hash.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    hash
}

/// Compares the hash of a password with that of the other implementation, and logs in with it.
fn assert_hashed_whole(password: &str) {
    let right = NtHash::from(md4(&Text::from(password).to_utf16le()));
    assert_eq!(NtHash::from_password(password), right, "{} characters", password.len());
    let client = Client::new(Credentials::password("EXAMPLE\\alice", password));
    assert!(claim(&client).proof_matches(&right));
}

// Memory, denial of service, parsing.

/// gss-ntlmssp added offset and length in 32 bits: the sum wrapped and passed the check.
#[test]
fn cve_2023_25563_offset_plus_length_wraps() {
    let changed = with_each_field(24, 0xffff_fff0);
    assert_eq!(changed.len(), 10);
    for (message, descriptor) in changed {
        assert_eq!(refusal(&message), (ErrorKind::FieldOutside, descriptor));
    }
    for (id, descriptor) in [
        ("H-201", TARGET_INFO),
        ("H-202", TARGET_INFO),
        ("H-203", TARGET_INFO),
        ("H-207", TARGET_NAME),
        ("H-310", LM),
        ("H-311", NT),
        ("H-312", DOMAIN),
        ("H-313", USER),
        ("H-314", WORKSTATION),
        ("H-315", SESSION_KEY),
    ] {
        assert_eq!(refusal(&token(id)), (ErrorKind::FieldOutside, descriptor), "{id}");
    }
}

/// gss-ntlmssp wrote behind a name that could not be converted. Here lone surrogates stay what they
/// are, also in what is hashed, and half a code unit is refused.
#[test]
fn cve_2023_25564_names_that_are_no_unicode() {
    assert_eq!(refusal(&token("H-218")), (ErrorKind::OddLength, TARGET_NAME));
    let challenge = token("H-200");
    let odd = with_payload(&challenge, TARGET_NAME, &[0x00, 0xdc, 0x41]);
    assert_eq!(refusal(&odd), (ErrorKind::OddLength, TARGET_NAME));
    let lone = with_payload(&challenge, TARGET_NAME, &[0x00, 0xd8]);
    assert_eq!(Challenge::parse(&lone).unwrap().target_name, [0x00, 0xd8]);
    assert_eq!(receive(&lone), Ok(()));

    for units in [&[0xd800][..], &[0xdc00, 0x41]] {
        let user = Text::from_utf16(units);
        let (challenge, handshake) = challenged(&server());
        let message = proven(&challenge, &list(&pairs_of(&challenge)), &user);
        let accepted = verdict(handshake, &message).unwrap();
        assert!(accepted.user().unwrap().user().utf16_units().eq(units.iter().copied()));
        // The proof of the name with a replacement character is another one.
        let (_, handshake) = challenged(&server());
        let lossy = Text::from(String::from_utf16_lossy(units)).to_utf16le();
        let error = verdict(handshake, &with_payload(&message, USER, &lossy)).unwrap_err();
        assert_eq!(error, Denied::WrongPassword.into());
    }
    let error = with_changed(&alice(), &server(), |message| message.user = b"abc").unwrap_err();
    assert_eq!(error, Unexpected::Text(TextError::OddLength).into());
}

/// gss-ntlmssp freed what it did not own when a list could not be decoded.
#[test]
fn cve_2023_25565_malformed_lists_again_and_again() {
    let with_list = |list: &[u8]| with_payload(&token("H-200"), TARGET_INFO, list);
    let challenges = [
        (with_list(&[1, 0, 2, 0, b'A', 0]), ErrorKind::AvPairsUnended),
        (with_list(&[7, 0, 1, 0, 9, 0, 0, 0, 0]), ErrorKind::AvPairLength(AvId::TIMESTAMP)),
        (token("H-220"), ErrorKind::AvPairLength(AvId::TIMESTAMP)),
        (token("H-222"), ErrorKind::AvPairLength(AvId::FLAGS)),
        (token("H-223"), ErrorKind::AvPairLength(AvId::TIMESTAMP)),
        (token("H-224"), ErrorKind::AvPairOutside),
        (token("H-226"), ErrorKind::AvPairOutside),
    ];
    let client = alice();
    assert_leaks_nothing(|| {
        for (challenge, kind) in challenges.iter().cycle().take(10_000) {
            assert_eq!(wire(respond(&client, challenge)).0, *kind);
        }
    });
}

/// gss-ntlmssp lost memory when a name had both separators.
#[test]
fn cve_2023_25566_names_with_both_separators() {
    assert_leaks_nothing(|| {
        for (name, user, domain) in [
            ("A\\b@c", "b@c", "A"),
            ("\\", "", ""),
            ("@", "@", ""),
            ("a\\", "", "a"),
            ("a@b@c", "a@b@c", ""),
            ("A\\B\\c", "B\\c", "A"),
        ] {
            assert_eq!(UserName::from(name), UserName::new(user).with_domain(domain), "{name}");
            let client = Client::new(Credentials::password(name, PASSWORD));
            let response = respond(&client, &token("H-200")).unwrap();
            let message = Authenticate::parse(&response.token).unwrap();
            assert_eq!(message.user, Text::from(user).to_utf16le(), "{name}");
            assert_eq!(message.domain, Text::from(domain).to_utf16le(), "{name}");
        }
    });
}

/// gss-ntlmssp read 8 and 4 bytes of a value without a look at its length.
#[test]
fn cve_2023_25567_values_shorter_than_their_type() {
    for (id, right) in [(AvId::TIMESTAMP, 8), (AvId::FLAGS, 4)] {
        for length in 0..right {
            let ended = list(&[(id, vec![1; length])]);
            for list in [&ended[..], &ended[..4 + length]] {
                let too_short = ErrorKind::AvPairLength(id);
                let challenge = token("H-200");
                let start = challenge.len();
                let challenge = with_payload(&challenge, TARGET_INFO, list);
                assert_eq!(refusal(&challenge), (too_short, start), "{id} of {length}");
                let (challenge, _) = challenged(&server());
                let message = proven(&challenge, list, &"alice".into());
                let start = message.len() - list.len();
                assert_eq!(refusal(&message), (too_short, start), "{id} of {length}");
            }
        }
    }
    let outside = |id: AvId, length: u8| {
        let last = [&id.0.to_le_bytes()[..], &[length, 0, 1, 1, 1]].concat();
        refusal(&with_payload(&token("H-200"), TARGET_INFO, &last)).0
    };
    assert_eq!(outside(AvId::TIMESTAMP, 8), ErrorKind::AvPairOutside);
    assert_eq!(outside(AvId::FLAGS, 4), ErrorKind::AvPairOutside);
    for (id, wrong) in
        [("H-220", AvId::TIMESTAMP), ("H-222", AvId::FLAGS), ("H-223", AvId::TIMESTAMP)]
    {
        assert_eq!(refusal(&token(id)).0, ErrorKind::AvPairLength(wrong), "{id}");
    }
}

/// An acceptor of gss-ntlmssp before 1.3.2 freed its caller's context after a malformed message.
#[test]
fn gss_ntlmssp_1_3_2_malformed_messages_do_not_hurt_the_acceptor() {
    let server = server();
    assert_leaks_nothing(|| {
        let (mut malformed, mut others) = (0, Vec::new());
        for message in tokens("H-3") {
            match verdict(challenged(&server).1, &message).unwrap_err() {
                Error::Wire(_) => malformed += 1,
                error => others.push(error),
            }
        }
        assert_eq!(malformed, 19);
        // The others parse. Three have NT responses that prove nothing, one has a long name, and
        // some are only malformed where a server does not look.
        let count = |error: Error| others.iter().filter(|other| **other == error).count();
        assert_eq!(count(Refused::ResponseKind.into()), 3);
        assert_eq!(count(Unexpected::NoResponse.into()), 1);
        assert_eq!(count(Denied::WrongPassword.into()), others.len() - 4);
        assert!(log_in(&alice(), &server).is_ok());
    });
}

/// curl decoded a token of any length onto its stack. Here the length is looked at first.
#[test]
fn cve_2005_0490_tokens_of_64_kib() {
    let mut long = token("H-100");
    long.resize(65_536, 0);
    let challenge = |token: &[u8]| server().challenge(token, &mut Fixed::default());
    assert!(challenge(&long).is_ok());
    long.push(0);
    let counted = allocation_counter::measure(|| {
        assert_eq!(challenge(&long).unwrap_err(), Refused::TooLong.into());
        let (_, handshake) = challenged(&server());
        let error = handshake.read(&long, &mut Fixed::default()).unwrap_err();
        assert_eq!(error, Refused::TooLong.into());
        assert_eq!(respond(&alice(), &long).unwrap_err(), Refused::TooLong.into());
    });
    assert!(counted.bytes_max < 8192, "nothing is copied before: {}", counted.bytes_max);
    #[cfg(feature = "http")]
    {
        use ntlm::http::{AuthHeader, Error, MAX_TOKEN_LEN, Scheme, header_value};
        let value = header_value(Scheme::Ntlm, &vec![0; MAX_TOKEN_LEN + 1]);
        let header = AuthHeader::credentials(&value).unwrap();
        assert_eq!(header.token(), Err(Error::TooLong));
    }
}

/// curl copied names of any length into 192 and 1024 bytes.
#[test]
fn cve_2005_3185_long_names() {
    for length in [193, 1024, 30_000] {
        let long = "x".repeat(length);
        let server = with_policy(|policy| policy.shared.max_message_len = 1 << 20);
        for (user, domain) in [(&*long, ""), ("alice", &long), (&long, &long)] {
            let accepted = log_in(&named(user, domain), &server).unwrap();
            assert_eq!(accepted.user(), Some(UserName::new(user).with_domain(domain)).as_ref());
        }
    }
    let long = "x".repeat(40_000);
    for client in [named(&long, ""), named("alice", &long)] {
        let error = respond(&client, &token("H-200")).unwrap_err();
        assert_eq!(error, Refused::OurName(TextError::TooLong).into());
    }
}

/// curl's sum of the names' lengths, doubled, wrapped.
#[test]
fn cve_2017_8816_length_of_the_identity() {
    let million = "x".repeat(1 << 20);
    let too_long = Refused::OurName(TextError::TooLong);
    for client in [named(&million, "EXAMPLE"), named("alice", &million), named(&million, &million)]
    {
        assert_eq!(respond(&client, &token("H-200")).unwrap_err(), too_long.into());
    }
    // Each fits in its field, though their sum does not fit in 16 bits.
    let (user, domain) = ("u".repeat(32_767), "d".repeat(32_767));
    let server = with_policy(|policy| policy.shared.max_message_len = 1 << 20);
    assert!(log_in(&named(&user, &domain), &server).is_ok());
    let user = "u".repeat(32_768);
    let error = respond(&named(&user, &domain), &token("H-200")).unwrap_err();
    assert_eq!(error, too_long.into());
}

/// curl doubled the length of a password, which wrapped.
#[test]
fn cve_2018_14618_length_of_the_password() {
    for length in [1 << 16, 1 << 20] {
        assert_hashed_whole(&"p".repeat(length));
    }
    /// A password that says that it has so many units that their bytes cannot be counted.
    struct Endless<'a>(core::str::EncodeUtf16<'a>);
    impl Iterator for Endless<'_> {
        type Item = u16;
        fn next(&mut self) -> Option<u16> {
            self.0.next()
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX / 2 + 1, None)
        }
    }
    let hash = NtHash::from_utf16(Endless(PASSWORD.encode_utf16()));
    assert_eq!(hash, NtHash::from_password(PASSWORD));
    assert!(LmHash::from_utf16(Endless(PASSWORD.encode_utf16()), &Ascii).is_some());
}

/// curl's check of `TargetInfo` wrapped.
#[test]
fn cve_2018_16890_target_info_outside_the_message() {
    let challenge = token("H-200");
    let length = u16::from_le_bytes([challenge[40], challenge[41]]);
    let mut outside = ["H-201", "H-202", "H-203", "H-206"].map(token).to_vec();
    for offset in [0x7fff_ffff, 0xffff_ffff - u32::from(length), u32::MAX] {
        outside.push(with_field(&challenge, TARGET_INFO, length, offset));
    }
    for message in outside {
        assert_eq!(refusal(&message), (ErrorKind::FieldOutside, TARGET_INFO));
    }
}

/// curl put the type 3 together in 1024 bytes, whatever the server's `TargetInfo` was.
#[test]
fn cve_2019_3822_large_target_info() {
    let challenge = token("H-231");
    let theirs = Challenge::parse(&challenge).unwrap().target_info.unwrap();
    assert!(theirs.as_bytes().len() > 2000);
    let response = respond(&alice(), &challenge).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let pairs = ntlmv2(&message).target_info();
    assert!(theirs.iter().all(|(id, value)| pairs.get(id) == Some(value)));
    assert_eq!(message.user, Text::from("alice").to_utf16le());

    let challenge = token("H-232");
    let theirs = Challenge::parse(&challenge).unwrap().target_info.unwrap();
    let with_spn = |target: &str| {
        let mut policy = client::Policy::default();
        policy.shared.max_message_len = challenge.len();
        respond(&alice().with_policy(policy).with_spn(target), &challenge)
    };
    let response = with_spn("HTTP/files").unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let sent = ntlmv2(&message);
    assert!(sent.as_bytes().len() > theirs.as_bytes().len() + 44);
    assert_eq!(sent.target_info().text(AvId::TARGET_NAME), Some("HTTP/files".into()));
    let too_long = with_spn(&"x".repeat(200));
    assert_eq!(wire(too_long).0, ErrorKind::FieldTooLong);
}

/// curl's DES wrote 24 bytes into a buffer of 21. Here the length is in the type.
#[test]
fn curl_2004_responses_of_24_bytes() {
    // [MS-NLMP] 4.2.2.2.1
    let challenge = 0x0123_4567_89ab_cdef_u64.to_be_bytes();
    let response: [u8; 24] = NtHash::from_password("Password").ntlmv1_response(&challenge);
    assert_eq!(hex(&response), "67c43011f30298a2ad35ece64f16331c44bdbed927841f94");
    let lm_hash = LmHash::from_password("Password", &Ascii).unwrap();
    let response: [u8; 24] = lm_hash.lm_response(&challenge);
    assert_eq!(hex(&response), "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13");
    // What stands behind them in the message is whole.
    let mut policy = client::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    let response = respond(&alice().with_policy(policy), &token("H-200")).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert!(matches!(message.nt_response, NtResponse::V1(_)));
    assert!(message.lm_response.as_v1().is_some());
    assert_eq!(message.user, Text::from("alice").to_utf16le());
}

/// FreeRDP's one reader of fields wrapped, so that all of them did.
#[test]
fn cve_2018_8789_no_field_wraps() {
    for length in [1, 2, 24, 0x7fff, 0x8000, u16::MAX] {
        // Sums of 0, 8 and the like.
        for behind_zero in [0_u32, 1, 8, 12, 64] {
            let offset = behind_zero.wrapping_sub(u32::from(length));
            if offset <= behind_zero {
                continue;
            }
            for (message, descriptor) in with_each_field(length, offset) {
                assert_eq!(refusal(&message), (ErrorKind::FieldOutside, descriptor));
            }
        }
    }
    for id in ["H-207", "H-310", "H-311", "H-312", "H-313", "H-314", "H-315"] {
        assert_eq!(refusal(&token(id)).0, ErrorKind::FieldOutside, "{id}");
    }
}

/// FreeRDP read proof and client challenge of an NTLMv2 response that was shorter than they are.
#[test]
fn cve_2020_11086_short_ntlmv2_responses() {
    let message = token("H-300");
    let right = Authenticate::parse(&message).unwrap().nt_response.as_bytes();
    let cut = |length: usize| refusal(&with_payload(&message, NT, &right[..length]));
    let start = message.len();
    for length in [25, 43] {
        assert_eq!(cut(length), (ErrorKind::NtResponseLength, start), "{length}");
    }
    for length in [1, 15, 16, 23] {
        assert_proves_nothing(&with_payload(&message, NT, &right[..length]));
    }
    // 44 bytes are a response without a list for a server; the proof is over more.
    let empty_list = with_payload(&message, NT, &right[..44]);
    let error = Message::parse(&empty_list).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::AvPairsUnended, start + 44));
    let denied = verdict(challenged(&server()).1, &empty_list).unwrap_err();
    assert_eq!(denied, Denied::WrongPassword.into());
    assert_eq!(cut(47), (ErrorKind::AvPairOutside, start + 44));
    let without_eol = [&right[..44], &[2, 0, 0, 0]].concat();
    let unended = refusal(&with_payload(&message, NT, &without_eol));
    assert_eq!(unended, (ErrorKind::AvPairsUnended, start + 48));
    for (id, kind) in [("H-334", ErrorKind::NtResponseLength), ("H-337", ErrorKind::AvPairOutside)]
    {
        assert_eq!(refusal(&token(id)).0, kind, "{id}");
    }
}

/// FreeRDP read flags and MIC beyond the end of a type 3.
#[test]
fn cve_2020_11087_cut_authenticates() {
    let whole = token("H-300");
    for length in [12, 20, 51] {
        assert_eq!(refusal(&whole[..length]), (ErrorKind::TooShort, length));
    }
    for length in [52, 59, 60, 63, 71, 80, 87] {
        assert_eq!(refusal(&whole[..length]), (ErrorKind::FieldOutside, LM), "{length}");
    }
    for (ids, kind) in [
        (&["H-301", "H-302"][..], ErrorKind::TooShort),
        (&["H-304", "H-305", "H-306", "H-308", "H-309"], ErrorKind::FieldOutside),
    ] {
        assert!(ids.iter().all(|id| refusal(&token(id)).0 == kind), "{ids:?}");
    }
    // Without a payload, only the length tells what is there.
    let mut empty = whole[..88].to_vec();
    empty[12..52].fill(0);
    empty[52..60].fill(0);
    for length in (12..52).chain(53..64) {
        assert_eq!(refusal(&empty[..length]), (ErrorKind::TooShort, length));
    }
    for length in [52].into_iter().chain(64..=88) {
        let message = Authenticate::parse(&empty[..length]).unwrap();
        assert_eq!(message.flags.is_some(), length >= 64, "{length}");
        assert_eq!(message.version.is_some(), matches!(length, 72..80 | 88), "{length}");
        assert_eq!(message.mic.is_some(), length >= 80, "{length}");
    }
}

/// FreeRDP read the fields of a type 1 that ended before them.
#[test]
fn cve_2020_11088_cut_negotiates() {
    let whole = token("H-100");
    for length in [8, 11, 12, 15] {
        let result = server().challenge(&whole[..length], &mut Fixed::default());
        assert_eq!(wire(result), (ErrorKind::TooShort, length));
    }
    for id in ["H-102", "H-103", "H-104"] {
        assert_eq!(refusal(&token(id)).0, ErrorKind::TooShort, "{id}");
    }
    assert!(Message::parse(&token("H-107")).is_ok(), "flags alone are a message");
    let mut named = whole;
    named[13] |= 0x30;
    for length in 16..32 {
        assert_eq!(refusal(&named[..length]), (ErrorKind::TooShort, length));
    }
}

/// FreeRDP stepped out of a list of AV pairs, and used their ids as an index.
#[test]
fn cve_2020_11097_lists_without_an_end_and_unknown_ids() {
    assert_eq!(refusal(&token("H-224")).0, ErrorKind::AvPairOutside);
    assert_eq!(refusal(&token("H-226")).0, ErrorKind::AvPairOutside);
    let challenge = token("H-200");
    let unended = &list(&[(AvId::NB_DOMAIN_NAME, b"D\0")])[..6];
    let error = refusal(&with_payload(&challenge, TARGET_INFO, unended));
    assert_eq!(error, (ErrorKind::AvPairsUnended, challenge.len() + 6));
    assert_eq!(receive(&token("H-227")), Ok(()));
    for id in [11, 12, 0x7fff, 0x8000, u16::MAX].map(AvId) {
        let pairs = list(&[(id, b"abc")]);
        let pairs = AvPairs::parse(&pairs).unwrap();
        assert_eq!(pairs.get(id), Some(&b"abc"[..]));
        assert_eq!(id.name(), None);
        let challenge = with_payload(&challenge, TARGET_INFO, pairs.as_bytes());
        let response = respond(&alice(), &challenge).unwrap();
        let message = Authenticate::parse(&response.token).unwrap();
        assert_eq!(ntlmv2(&message).target_info().get(id), Some(&b"abc"[..]));
    }
}

/// FreeRDP computed a message's length from its fields, which is too much where they overlap.
#[test]
fn cve_2020_13396_overlapping_fields() {
    let environment = &mut Fixed::default();
    let (negotiate, await_challenge) = alice().initiate().unwrap();
    let (plain, _) = server().challenge(&negotiate, environment).unwrap();
    // The name covers the list too.
    let both = u16::try_from(plain.len() - 56).unwrap() / 2 * 2;
    let overlapping = with_field(&plain, TARGET_NAME, both, 56);
    assert!((56..plain.len()).contains(&offset_of(&plain, TARGET_INFO)));
    let mut response = None;
    let counted = allocation_counter::measure(|| {
        response = Some(await_challenge.answer(&overlapping, environment).unwrap());
    });
    assert!(counted.bytes_max < 4096, "{}", counted.bytes_max);
    // The MIC is that of the bytes on the wire.
    let handshake = server().resume(&negotiate, &overlapping).unwrap();
    let token_of_it = response.unwrap().token;
    assert!(verdict(handshake, &token_of_it).unwrap().mic_checked);
    assert_eq!(receive(&token("H-214")), Ok(()));
    // A server would have to hash the same bytes for each name.
    let (at, length) = (offset_of(&token_of_it, NT), length_of(&token_of_it, NT) / 2 * 2);
    let names = [DOMAIN, USER, WORKSTATION];
    let shared = names.into_iter().fold(token_of_it, |message, name| {
        with_field(&message, name, length, at.try_into().unwrap())
    });
    assert_eq!(receive(&shared), Err(Unexpected::SharedBytes.into()));
}

/// FreeRDP's hardening of 2026: short signatures, a copy of the type 1, short flags and times, a
/// MIC beyond the message, what a malformed type 3 leaves behind, and unknown ids.
#[test]
fn freerdp_2026_hardening() {
    for length in [0, 1, 15, 17] {
        let error = Signature::try_from(&[1; 17][..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SignatureLength, "{length}");
    }
    // 4 KiB after the type 1, which the MIC covers.
    let negotiate = token("H-109");
    let (challenge, handshake) = server().challenge(&negotiate, &mut Fixed::default()).unwrap();
    let mut promised = pairs_of(&challenge);
    promised.push((AvId::FLAGS, vec![2, 0, 0, 0]));
    let message = proven(&challenge, &list(&promised), &"alice".into());
    // It is promised, and the message has no room for it, or ends where it would be.
    assert_eq!(verdict(handshake, &message).unwrap_err(), Denied::MicMissing.into());
    let (message, mic) = with_mic(&negotiate, &challenge, &list(&promised));
    let (_, again) = server().challenge(&negotiate, &mut Fixed::default()).unwrap();
    let resumed = server().resume(&negotiate, &challenge).unwrap();
    for handshake in [again, resumed] {
        assert!(verdict(handshake, &message).unwrap().mic_checked);
    }
    let mut cut = negotiate.clone();
    cut.pop();
    let handshake = server().resume(&cut, &challenge).unwrap();
    assert_eq!(verdict(handshake, &message).unwrap_err(), Denied::Mic.into());
    let handshake = server().resume(&negotiate, &challenge).unwrap();
    let cut = handshake.read(&message[..mic], &mut Fixed::default());
    assert_eq!(wire(cut).0, ErrorKind::FieldOutside);

    assert_eq!(refusal(&token("H-222")).0, ErrorKind::AvPairLength(AvId::FLAGS));
    assert_eq!(refusal(&token("H-223")).0, ErrorKind::AvPairLength(AvId::TIMESTAMP));
    assert_eq!(receive(&token("H-227")), Ok(()));
    assert_leaks_nothing(|| {
        for message in tokens("H-3") {
            let _ = receive(&message);
        }
    });
}

/// An AUTHENTICATE with alice's right proof of this list and a right MIC, and where that stands.
fn with_mic(negotiate: &[u8], challenge: &[u8], list: &[u8]) -> (Vec<u8>, usize) {
    let bare = proven(challenge, list, &"alice".into());
    let mut message = Authenticate::parse(&bare).unwrap();
    (message.version, message.mic) = (Some(Default::default()), Some([0; 16]));
    let (mut bytes, at) = (emit(&message), message.mic_offset().unwrap());
    let nt_hash = NtHash::from_password(PASSWORD);
    let key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    let key = key.session_base_key(ntlmv2(&message).proof()).ntlmv2_key_exchange_key();
    let mic = ntlm::crypto::mic(&key.as_exported_session_key(), &[negotiate, challenge, &bytes]);
    bytes[at..at + 16].copy_from_slice(&mic);
    (bytes, at)
}

/// libntlm had a place of 1024 bytes for all of a message's payload.
#[test]
fn cve_2019_17455_structures_of_a_fixed_size() {
    let message = token("H-340");
    assert_eq!(Authenticate::parse(&message).unwrap().user.len(), 8000);
    assert_eq!(receive(&message), Err(Unexpected::NoResponse.into()), "it is read to its end");
    let accepted = log_in(&named(&"A".repeat(4000), &"B".repeat(4000)), &server()).unwrap();
    let user = accepted.user().unwrap();
    assert_eq!(user.to_string(), ["B", "A"].map(|name| name.repeat(4000)).join("\\"));
}

/// libsoup read `TargetInfoFields` of messages that ended before them.
#[test]
fn cve_2019_17266_challenges_that_end_before_target_info() {
    let whole = token("H-200");
    for length in 32..48 {
        assert_eq!(refusal(&whole[..length]), (ErrorKind::TooShort, length), "{length}");
    }
    assert_eq!(refusal(&token("H-209")).0, ErrorKind::TooShort);
    let mut without = with_field(&whole[..40], TARGET_NAME, 0, 0);
    without[22] &= !0x80; // TARGET_INFO
    for length in 32..=40 {
        assert_eq!(receive(&without[..length]), Ok(()), "{length}");
    }
}

/// libsoup put passwords of any length on its stack.
#[test]
fn cve_2026_0719_very_long_passwords() {
    for length in [256, 257, 65_536, 1 << 20] {
        assert_hashed_whole(&"ä".repeat(length));
    }
}

/// libsoup took the scheme without a token for a token, and padded 28 characters wrong for MD4.
#[test]
fn libsoup_no_token_and_md4_padding() {
    assert_eq!(refusal(&token("H-217")), (ErrorKind::TooShort, 0));
    let result = server().challenge(&[], &mut Fixed::default());
    assert_eq!(wire(result), (ErrorKind::TooShort, 0));
    #[cfg(feature = "http")]
    for value in ["NTLM", "NTLM ", "Negotiate"] {
        use ntlm::http::{AuthHeader, HttpVersion, ServerConnection, Step};
        assert!(AuthHeader::credentials(value).unwrap().is_bare());
        let mut connection = ServerConnection::new(server());
        let headers = [("Authorization", value)];
        match connection.on_request(HttpVersion::Http11, headers, &mut Fixed::default()) {
            Step::Outcome(ntlm::http::Outcome::Continue(reply)) => {
                assert_eq!(reply.values, ["NTLM"])
            }
            step => panic!("{step:?}"),
        }
    }
    for length in 0..=64 {
        let password = "0123456789abcdef".repeat(4)[..length].to_owned();
        let right = md4(&Text::from(&*password).to_utf16le());
        assert_eq!(*NtHash::from_password(&password).expose(), right, "{length}");
        assert_eq!(primitives::md4(password.as_bytes()), md4(password.as_bytes()), "{length}");
    }
}

/// go-ntlmssp's sum wrapped, and a slice from 4 GiB to 1 panicked.
#[test]
fn cve_2026_32952_a_slice_from_4_gib_to_1() {
    let challenge = token("H-205");
    assert_eq!(challenge.len(), 48);
    assert_eq!(refusal(&challenge), (ErrorKind::FieldOutside, TARGET_INFO));
    for length in 1..=u16::MAX {
        let message = with_field(&challenge, TARGET_INFO, length, u32::MAX);
        assert_eq!(Challenge::parse(&message).unwrap_err().kind(), ErrorKind::FieldOutside);
    }
}

/// go-ntlm took an empty challenge apart.
#[test]
fn go_ntlm_issue_5_empty_challenges() {
    let challenge = token("H-200");
    for length in 0..challenge.len() {
        let kind = if length < 48 { ErrorKind::TooShort } else { ErrorKind::FieldOutside };
        assert_eq!(wire(respond(&alice(), &challenge[..length])).0, kind, "{length}");
    }
}

/// Dovecot compared a field's length with a buffer's instead of the message's.
#[test]
fn cve_2020_12673_fields_beyond_the_message() {
    let inputs = ["H-310", "H-311", "H-312", "H-313", "H-314", "H-315", "H-321", "H-323", "H-325"];
    for id in inputs.iter().chain(&["H-345", "H-346"]) {
        assert_eq!(refusal(&token(id)).0, ErrorKind::FieldOutside, "{id}");
    }
    // One byte too far, in each field.
    let message = token("H-300");
    for descriptor in [LM, NT, DOMAIN, USER, WORKSTATION, SESSION_KEY] {
        let end = u32::try_from(message.len()).unwrap();
        let outside = with_field(&message, descriptor, 24, end - 23);
        assert_eq!(refusal(&outside), (ErrorKind::FieldOutside, descriptor));
    }
}

/// Exim compared what stood beyond the message, which could be the right response itself.
#[test]
fn cve_2020_12783_the_right_response_behind_the_message() {
    assert_eq!(refusal(&token("H-311")), (ErrorKind::FieldOutside, NT));
    let server =
        with_policy(|policy| policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm);
    let (challenge, handshake) = challenged(&server);
    let sent = Challenge::parse(&challenge).unwrap();
    let flags = sent.flags - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let right = NtHash::from_password(PASSWORD).ntlmv1_response(&sent.server_challenge);
    let user = Text::from("alice").to_utf16le();
    let message = emit(&Authenticate { user: &user, flags: Some(flags), ..Default::default() });
    let buffer = with_payload(&message, NT, &right);
    let result = handshake.read(&buffer[..message.len()], &mut Fixed::default());
    assert_eq!(wire(result), (ErrorKind::FieldOutside, NT));
    let (_, handshake) = challenged(&server);
    assert!(verdict(handshake, &buffer).is_ok(), "within the message it is a response");
}

/// Exim's client read the server's name beyond the message.
#[test]
fn cve_2023_42114_target_name_beyond_the_message() {
    assert_eq!(refusal(&token("H-210")), (ErrorKind::FieldOutside, TARGET_NAME));
    let challenge = token("H-200");
    for length in [u16::MAX, 0xfffe, 0x8000, u16::try_from(challenge.len()).unwrap() - 55] {
        let outside = with_field(&challenge, TARGET_NAME, length, 56);
        assert_eq!(refusal(&outside), (ErrorKind::FieldOutside, TARGET_NAME));
    }
}

/// Exim's client repeated the server's fields into a buffer of a fixed size.
#[test]
fn cve_2023_42116_echoed_fields() {
    let name = [b'N', 0].repeat(15_000);
    let challenge = with_payload(&token("H-231"), TARGET_NAME, &name);
    let response = respond(&alice(), &challenge).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert_eq!(message.domain, Text::from("EXAMPLE").to_utf16le(), "the server's is not taken");
    let theirs = Challenge::parse(&challenge).unwrap().target_info.unwrap();
    let repeated = ntlmv2(&message).target_info();
    assert!(theirs.iter().all(|(id, value)| repeated.get(id) == Some(value)));
    assert_eq!(message.encoded_len(), response.token.len());
}

/// OpenVPN took bytes for signed numbers, and sent some of its stack to the proxy.
#[test]
fn cve_2017_7520_nothing_but_the_servers_list_is_sent_back() {
    for id in ["H-203", "H-206"] {
        assert_eq!(refusal(&token(id)), (ErrorKind::FieldOutside, TARGET_INFO), "{id}");
    }
    let pairs = |length| list(&[(AvId(0x7fff), vec![0xab; length])]);
    for (list, gap) in [(pairs(0x8080), 0), (pairs(0x80), 0x8080)] {
        let answer = |around: u8| {
            let challenge = [&token("H-200")[..], &vec![around; gap]].concat();
            let challenge = with_payload(&challenge, TARGET_INFO, &list);
            respond(&alice(), &[&challenge[..], &[around; 100]].concat()).unwrap().token
        };
        let bytes = answer(0xcd);
        let message = Authenticate::parse(&bytes).unwrap();
        let ours = [&list[..list.len() - 4], &[9, 0, 0, 0], &[0; 8]].concat();
        assert_eq!(ntlmv2(&message).target_info().as_bytes(), ours);
        assert_eq!(bytes, answer(0x11), "nothing depends on what stands around the list");
    }
}

/// Squid's helper copied long passwords onto its stack.
#[test]
fn cve_2004_0541_long_names_and_passwords() {
    let (user, password) = ("u".repeat(10_000), "p".repeat(10_000));
    let client =
        Client::new(Credentials::password(UserName::new(&*user).with_domain(&*user), &password));
    let accepted = claim(&client).verify_nt_hash(&NtHash::from_password(&password)).unwrap();
    assert_eq!(accepted.user(), Some(UserName::new(&*user).with_domain(&*user)).as_ref());
}

/// Squid took a length of 0xffff for -1.
#[test]
fn cve_2004_0832_negative_lengths() {
    for id in ["H-108", "H-321", "H-323", "H-325"] {
        assert_eq!(refusal(&token(id)).0, ErrorKind::FieldOutside, "{id}");
    }
    for length in [0x8000, 0xff00, 0xfffe, 0xffff] {
        for (message, descriptor) in with_each_field(length, 64) {
            assert_eq!(refusal(&message), (ErrorKind::FieldOutside, descriptor));
        }
    }
}

/// Squid's helper lost memory, or dereferenced null, on a malformed type 3.
#[test]
fn cve_2005_0096_0097_a_type_3_of_nothing() {
    assert_leaks_nothing(|| {
        for message in tokens("H-3") {
            for _ in 0..20 {
                let _ = receive(&message);
            }
        }
    });
    let mut nothing = token("H-300");
    for descriptor in [LM, NT, DOMAIN, USER, WORKSTATION, SESSION_KEY] {
        nothing = with_field(&nothing, descriptor, 0, 0);
    }
    assert_eq!(receive(&nothing), Err(Refused::Anonymous.into()));
    let somebody = with_payload(&nothing, USER, &Text::from("alice").to_utf16le());
    assert_eq!(receive(&somebody), Err(Unexpected::NoResponse.into()));
}

/// Squid crashed on a type 3 without a type 1. Here the order is in the types; what is left is a
/// message of the wrong type.
#[test]
fn cve_2005_2917_messages_out_of_order() {
    let [negotiate, challenge, authenticate] = ["H-100", "H-200", "H-300"].map(token);
    let environment = &mut Fixed::default();
    let wrong_type = (ErrorKind::MessageType, 8);
    for message in [&challenge, &authenticate] {
        assert_eq!(wire(server().challenge(message, environment)), wrong_type);
    }
    for message in [&negotiate, &challenge] {
        assert_eq!(wire(challenged(&server()).1.read(message, environment)), wrong_type);
    }
    for message in [&negotiate, &authenticate] {
        assert_eq!(wire(respond(&alice(), message)), wrong_type);
    }
    #[cfg(feature = "http")]
    {
        use ntlm::http::{Error, HttpVersion, Scheme, ServerConnection, Step, header_value};
        let mut connection = ServerConnection::new(server());
        let headers = [("Authorization", header_value(Scheme::Ntlm, &authenticate))];
        let step = connection.on_request(HttpVersion::Http11, headers, environment);
        let Step::Outcome(ntlm::http::Outcome::Refused(refusal)) = step else { panic!("{step:?}") };
        assert_eq!(refusal.reason, Error::NoPendingChallenge);
    }
}

/// Squid in 2025: a signature that was never compared, names that end with the message, and flags
/// in the order of the machine's bytes.
#[test]
fn squid_2025_signature_names_and_byte_order() {
    for id in ["H-100", "H-200", "H-300"] {
        for byte in 0..8 {
            let mut message = token(id);
            message[byte] ^= 1;
            assert_eq!(refusal(&message), (ErrorKind::Signature, 0), "{id}, byte {byte}");
        }
    }
    for descriptor in [DOMAIN, USER, WORKSTATION] {
        let message = with_payload(&token("H-300"), descriptor, b"E\0N\0D\0");
        let (_, handshake) = challenged(&server());
        let claim = user_of(handshake.read(&message, &mut Fixed::default()).unwrap());
        let user = claim.claimed_user();
        let names = [user.domain(), user.user(), claim.claimed_workstation()];
        assert_eq!(names.iter().filter(|name| ***name == "END").count(), 1);
    }
    let bytes = b"NTLMSSP\0\x01\0\0\0\x35\x82\x88\xe2";
    let Message::Negotiate(message) = Message::parse(bytes).unwrap() else { panic!("type 1") };
    assert_eq!(message.flags.bits(), 0xe288_8235);
    assert_eq!(Challenge::parse(&token("H-200")).unwrap().flags.bits(), 0xe28a_8235);
    assert_eq!(Authenticate::parse(&token("H-300")).unwrap().flags.unwrap().bits(), 0xe288_8235);
}

/// Squid's look-up of groups copied a user's name into a buffer of a fixed size. A name from here
/// has a length, and no end that could be missed.
#[test]
fn cve_2020_8517_a_long_name_for_the_look_up() {
    let (user, domain) = ("u".repeat(15_000), "d".repeat(15_000));
    let claim = claim(&named(&user, &domain));
    assert_eq!(*claim.claimed_user(), UserName::new(&*user).with_domain(&*domain));
    assert_eq!(claim.claimed_user().to_string().len(), 30_001);
}

/// fetchmail decoded a server's error text as a type 2.
#[test]
fn cve_2012_3482_text_in_the_place_of_a_challenge() {
    let long = "NO such mechanism. ".repeat(3000);
    for text in ["-ERR authentication failed", "+OK", "NTLMSSP ", &long] {
        assert_eq!(refusal(text.as_bytes()), (ErrorKind::Signature, 0), "{text:.20}");
    }
}

/// evolution-data-server sent back what stood behind a short packet.
#[test]
fn cve_2009_0582_memory_sent_back() {
    for (id, descriptor) in [("H-206", TARGET_INFO), ("H-210", TARGET_NAME)] {
        assert_eq!(refusal(&token(id)), (ErrorKind::FieldOutside, descriptor), "{id}");
    }
    let challenge = token("H-200");
    let buffer = [&challenge[..], &[0xcd; 500]].concat();
    for length in 49..500 {
        let outside = with_field(&buffer, TARGET_INFO, length, 68);
        assert_eq!(
            refusal(&outside[..challenge.len()]),
            (ErrorKind::FieldOutside, TARGET_INFO),
            "{length}"
        );
    }
}

/// stunnel took a length for a signed number.
#[test]
fn cve_2013_1762_offsets_with_the_highest_bit() {
    assert_eq!(refusal(&token("H-203")), (ErrorKind::FieldOutside, TARGET_INFO));
    for offset in [0x8000_0000, 0x8000_0044, 0xffff_0000, 0xffff_fff8] {
        for (message, descriptor) in with_each_field(8, offset) {
            assert_eq!(refusal(&message), (ErrorKind::FieldOutside, descriptor));
        }
    }
}

/// Wireshark's dissector overflowed. Ours shows any message, whatever byte of it is changed.
#[test]
fn cve_2013_1590_tables_of_changed_messages() {
    for id in ["H-100", "H-200", "H-300"] {
        let message = token(id);
        for length in 0..message.len() {
            show(&message[..length]);
        }
        for byte in 0..message.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = message.clone();
                changed[byte] = value;
                show(&changed);
                let _ = receive(&changed);
            }
        }
    }
}

/// Prints the table of a message, which is as long as the message warrants.
fn show(message: &[u8]) {
    let table = inspect::annotate(message).to_string();
    assert!(table.len() < 4096 + 200 * message.len(), "{}", table.len());
}

/// MailEnable crashed on malformed tokens.
#[test]
fn cve_2006_5176_5177_malformed_tokens() {
    for case in HOSTILE.iter().filter(|case| case.text("expect") == Some("error")) {
        let message = case.bytes("message").unwrap();
        if case.text("id") == Some("H-336") {
            assert!(receive(&message).is_ok(), "servers read a response without a list");
        } else {
            let _ = refusal(&message);
        }
    }
    #[cfg(feature = "http")]
    for value in ["NTLM A", "NTLM TlRMT", "NTLM TlRMTVNTUAAB\u{ff}", "NTLM TlRM=TVN"] {
        use ntlm::http::{AuthHeader, Error};
        let header = AuthHeader::credentials(value).unwrap();
        assert_eq!(header.token(), Err(Error::NotBase64), "{value}");
    }
}

/// Windows subtracted a header's length from a shorter one.
#[test]
fn cve_2009_2524_fields_shorter_than_their_header() {
    let message = token("H-300");
    let start = offset_of(&message, NT).try_into().unwrap();
    let refused = |length| refusal(&with_field(&message, NT, length, start)).0;
    for length in 25..44 {
        assert_eq!(refused(length), ErrorKind::NtResponseLength, "{length}");
    }
    for length in 1..24 {
        assert_proves_nothing(&with_field(&message, NT, length, start));
    }
    // The first pair has a header of 4 bytes and a value of 12.
    for length in 45..60 {
        assert_eq!(refused(length), ErrorKind::AvPairOutside, "{length}");
    }
    for length in 1..4 {
        let challenge = with_field(&token("H-200"), TARGET_INFO, length, 68);
        assert_eq!(refusal(&challenge), (ErrorKind::AvPairOutside, 68), "{length}");
    }
}

/// Linux dereferenced null for a `TargetInfo` that was announced and empty.
#[test]
fn cve_2018_1066_empty_target_info() {
    let mut without = token("H-200");
    without[22] &= !0x80; // TARGET_INFO
    let no_pairs = with_payload(&token("H-200"), TARGET_INFO, &[0; 4]);
    for challenge in [without, no_pairs, token("H-230")] {
        let response = respond(&alice(), &challenge).unwrap();
        let message = Authenticate::parse(&response.token).unwrap();
        assert!(ntlmv2(&message).target_info().iter().all(|(id, _)| id == AvId::TARGET_NAME));
    }
}

/// ksmbd subtracted 16 from the length of the NT response.
#[test]
fn cve_2023_0210_nt_responses_shorter_than_a_proof() {
    assert_proves_nothing(&token("H-330"));
    let message = token("H-300");
    for length in 1..=16 {
        assert_proves_nothing(&with_payload(&message, NT, &[1; 16][..length]));
    }
}

/// A message with a short NT response parses, and the server refuses it by policy.
fn assert_proves_nothing(message: &[u8]) {
    let parsed = Authenticate::parse(message).unwrap();
    assert!(matches!(parsed.nt_response, NtResponse::Short(_)), "{parsed:?}");
    assert_eq!(receive(message), Err(Refused::ResponseKind.into()));
}

/// winbindd copied an LM response of any length next to an NTLMv2 response.
#[test]
fn cve_2022_2127_lm_responses_of_any_length() {
    let server = with_policy(|policy| policy.shared.max_message_len = 1 << 20);
    let large = vec![7; 65_535];
    for length in [0, 1, 23, 25, 65_535] {
        let (challenge, handshake) = challenged(&server);
        let message = proven(&challenge, &list(&pairs_of(&challenge)), &"alice".into());
        let message = with_payload(&message, LM, &large[..length]);
        let claim = handshake.read(&message, &mut Fixed::default()).unwrap();
        let claim = user_of(claim);
        let logon = claim.network_logon().unwrap();
        assert_eq!(logon.lm_response, b"", "it is not passed on");
        assert!(claim.verify_nt_hash(&NtHash::from_password(PASSWORD)).is_ok(), "{length}");
    }
    let outside = with_field(&token("H-300"), LM, 65_535, 88);
    assert_eq!(refusal(&outside), (ErrorKind::FieldOutside, LM));
}

/// Samba read beyond a blob of 95 bytes with a pair of 33 032.
#[test]
fn samba_23bedd69b2d_a_pair_longer_than_its_response() {
    let message = token("H-338");
    let start = offset_of(&message, NT);
    assert_eq!(message[NT], 95);
    assert_eq!(refusal(&message), (ErrorKind::AvPairOutside, start + 44));
}

/// OpenVAS read 16 bytes of a hash of any length. Here the length is in the type.
#[test]
fn openvas_2285_hashes_of_16_bytes() {
    let respond: fn(&NtHash, &[u8; 8]) -> [u8; 24] = NtHash::ntlmv1_response;
    let hash: fn([u8; 16]) -> NtHash = NtHash::from;
    assert_ne!(respond(&hash([0; 16]), &[0; 8]), respond(&hash([1; 16]), &[0; 8]));
    for length in [25, 32] {
        let error = NtResponse::parse(&[0; 32][..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NtResponseLength, "{length}");
    }
    for length in [1, 8, 15, 17, 23] {
        assert!(matches!(NtResponse::parse(&[0; 32][..length]), Ok(NtResponse::Short(_))));
    }
    assert!(matches!(NtResponse::parse(&[0; 24]), Ok(NtResponse::V1(_))));
}

// The logic of the protocol.

/// "Drop the MIC": Windows did not insist on a MIC that the proof announces.
#[test]
fn cve_2019_1040_a_promised_mic_is_there_and_right() {
    assert!(judge("H-400", default).unwrap().mic_checked);
    assert!(!judge("H-401", default).unwrap().mic_checked, "none was promised");
    let missing = Error::from(Denied::MicMissing);
    assert_eq!(judge("H-402", |policy| policy.shared.require_mic = true).unwrap_err(), missing);
    assert_eq!(judge("H-404", default).unwrap_err(), missing);
    for id in ["H-405", "H-410", "H-412", "H-413", "H-414"] {
        assert_eq!(judge(id, default).unwrap_err(), Denied::Mic.into(), "{id}");
    }
    let client = alice().with_protection(Protection::Seal);
    for cleared in [
        Flags::empty(),
        Flags::NEGOTIATE_VERSION,
        Flags::PROTECTION | Flags::NEGOTIATE_KEY_EXCH | Flags::NEGOTIATE_ALWAYS_SIGN,
    ] {
        let flags = |message: &mut Authenticate<'_>| {
            message.flags = message.flags.map(|flags| flags - cleared);
        };
        for with_version in [true, false] {
            let error = with_changed(&client, &server(), |message| {
                flags(message);
                message.mic = None;
                message.version = message.version.filter(|_| with_version);
            });
            assert_eq!(error.unwrap_err(), missing, "cleared {cleared}");
        }
        let error = with_changed(&client, &server(), |message| {
            flags(message);
            message.mic = Some([0; 16]);
        });
        assert_eq!(error.unwrap_err(), Denied::Mic.into(), "cleared {cleared}");
    }
}

/// "Drop the MIC 2": a second `MsvAvFlags`, which a server put there, hid the client's own.
#[test]
fn cve_2019_1166_two_msv_av_flags() {
    let twice = ErrorKind::AvPairTwice(AvId::FLAGS);
    assert_eq!(wire(judge("H-421", default)).0, twice);
    for values in [[0, 2], [2, 0], [2, 2], [0, 0]] {
        let result = verdict_on_pairs(&server(), |pairs| {
            pairs.extend(values.map(|value| (AvId::FLAGS, vec![value, 0, 0, 0])));
        });
        assert_eq!(wire(result).0, twice);
    }
    assert_eq!(wire(respond(&alice(), &token("H-228"))).0, twice);

    for value in [0, 1, 2, 3] {
        let environment = &mut Fixed::default();
        let (negotiate, await_challenge) = alice().initiate().unwrap();
        let (challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
        let mut pairs = pairs_of(&challenge);
        pairs.insert(0, (AvId::FLAGS, vec![value, 0, 0, 0]));
        let changed = with_payload(&challenge, TARGET_INFO, &list(&pairs));
        let response = await_challenge.answer(&changed, environment).unwrap();
        let mut message = Authenticate::parse(&response.token).unwrap();
        let sent = ntlmv2(&message).target_info();
        assert_eq!(sent.iter().filter(|(id, _)| *id == AvId::FLAGS).count(), 1);
        assert!(sent.flags().contains(AvFlags::MIC_PRESENT), "the server's {value} counts not");
        message.mic = None;
        assert_eq!(verdict(handshake, &emit(&message)).unwrap_err(), Denied::MicMissing.into());
    }
}

/// Windows took an LMv2 response, which covers neither MIC nor channel, for a wrong NT proof.
#[test]
fn cve_2019_1338_lmv2_does_not_stand_for_ntlmv2() {
    let wrong = Error::from(Denied::WrongPassword);
    let lenient = |policy: &mut Policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.allow_lmv2_alone = true;
    };
    assert_eq!(judge("H-430", default).unwrap_err(), wrong);
    assert_eq!(judge("H-430", lenient).unwrap_err(), wrong, "also where LMv2 alone is allowed");
    assert_eq!(judge("H-431", default).unwrap_err(), Refused::ResponseKind.into());
    assert_eq!(judge("H-431", lenient).unwrap().identity.response(), Some(ResponseKind::Lmv2));
    for set in [
        (|policy| policy.shared.require_mic = true) as fn(&mut Policy),
        |policy| policy.channel_bindings = Enforcement::Required,
        |policy| policy.spn = Enforcement::Required,
    ] {
        let result = judge("H-431", |policy| {
            lenient(policy);
            policy.allow_any_channel_bindings = true;
            set(policy);
        });
        assert_eq!(result.unwrap_err(), Refused::ResponseKind.into(), "it carries none of that");
    }
    // The scanner's: the NT proof is that of a list which ends otherwise.
    let (challenge, handshake) = challenged(&server());
    let server_challenge = Challenge::parse(&challenge).unwrap().server_challenge;
    let nt_hash = NtHash::from_password(PASSWORD);
    let key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    let mut bytes = proven(&challenge, &list(&pairs_of(&challenge)), &"alice".into());
    bytes.extend_from_slice(&[1; 4]);
    bytes[NT] += 4;
    let lmv2 = key.lmv2_response(&server_challenge, &[0xcc; 8]);
    assert_eq!(verdict(handshake, &with_payload(&bytes, LM, &lmv2)).unwrap_err(), wrong);
}

/// Windows gave out the session key for another server if the response named none.
#[test]
fn cve_2019_1019_names_that_are_missing() {
    assert_eq!(judge("H-461", default).unwrap_err(), Denied::TargetInfo.into());
    for missing in [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME, AvId::TIMESTAMP] {
        let result = verdict_on_pairs(&server(), |pairs| pairs.retain(|(id, _)| *id != missing));
        assert_eq!(result.unwrap_err(), Denied::TargetInfo.into(), "{missing}");
    }
    // The client repeats them, and seals for nobody without a name.
    let (challenge, _) = challenged(&server());
    let response = respond(&alice(), &challenge).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let computer = ntlmv2(&message).target_info().text(AvId::NB_COMPUTER_NAME);
    assert_eq!(computer, Some("FILES".into()));
    let mut pairs = pairs_of(&token("H-200"));
    pairs.retain(|(id, _)| *id != AvId::NB_COMPUTER_NAME);
    let nameless = with_payload(&token("H-200"), TARGET_INFO, &list(&pairs));
    let sealing = alice().with_protection(Protection::Seal);
    assert_eq!(respond(&sealing, &nameless).unwrap_err(), Unexpected::NetbiosNames.into());
}

/// A domain controller gave a server the session key of a logon that was made for another one.
#[test]
fn cve_2015_0005_cve_2016_2111_a_logon_for_another_server() {
    let names = Names::member("FILES", "EXAMPLE")
        .with_dns_computer("files.example.com")
        .with_dns_domain("example.com")
        .with_dns_tree("example.com");
    let server = Server::new(names);
    for id in [1, 2, 3, 4, 5].map(AvId) {
        let (challenge, handshake) = challenged(&server);
        let mut pairs = pairs_of(&challenge);
        let pair = pairs.iter_mut().find(|(other, _)| *other == id).unwrap();
        pair.1 = Text::from("OTHER").to_utf16le();
        let message = proven(&challenge, &list(&pairs), &"alice".into());
        let claim = user_of(handshake.read(&message, &mut Fixed::default()).unwrap());
        // The domain controller believes it, and still there is no key.
        let error = claim.verify_by_domain(&Validation::new([7; 16], 0)).unwrap_err();
        assert_eq!(error, Denied::TargetInfo.into(), "{id}");
        let (_, handshake) = challenged(&server);
        assert_eq!(verdict(handshake, &message).unwrap_err(), Denied::TargetInfo.into(), "{id}");
    }
}

/// Samba went on without the protection that somebody in between had cleared.
#[test]
fn cve_2016_2110_flags_that_were_cleared() {
    let missing = |flags| Error::from(Refused::MissingFlags(flags));
    let signed = |policy: &mut Policy| policy.shared.require = Flags::PROTECTION;
    assert_eq!(judge("H-450", signed).unwrap_err(), missing(Flags::PROTECTION));
    let extended = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    assert_eq!(
        judge("H-451", |policy| policy.shared.require = extended).unwrap_err(),
        missing(extended)
    );

    let client =
        alice_with(|policy| policy.shared.require_when_protected |= Flags::NEGOTIATE_KEY_EXCH)
            .with_protection(Protection::Seal);
    let (negotiate, _) = client.initiate().unwrap();
    let (challenge, _) = server().challenge(&negotiate, &mut Fixed::default()).unwrap();
    assert!(respond(&client, &challenge).is_ok());
    let without = |bit: Flags| {
        let mut changed = challenge.clone();
        let flags = Challenge::parse(&challenge).unwrap().flags - bit;
        changed[20..24].copy_from_slice(&flags.bits().to_le_bytes());
        respond(&client, &changed)
    };
    let needed = Flags::PROTECTION
        | Flags::NEGOTIATE_128
        | Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY
        | Flags::NEGOTIATE_KEY_EXCH;
    for bit in needed.iter().filter(|bit| *bit != Flags::PROTECTION) {
        assert_eq!(without(bit).unwrap_err(), missing(bit));
    }
    // No clearing brings NTLMv1 or an LM response.
    let others = (0..32).map(|bit| Flags::from_bits_retain(1 << bit));
    for bit in others.filter(|bit| !needed.contains(*bit)) {
        match without(bit) {
            Ok(response) => {
                let message = Authenticate::parse(&response.token).unwrap();
                assert!(matches!(message.nt_response, NtResponse::V2(_)), "{bit}");
                assert_eq!(message.lm_response.as_bytes(), [0; 24], "{bit}");
            }
            Err(Error::Unexpected(Unexpected::CharacterSet)) => {
                assert_eq!(bit, Flags::NEGOTIATE_UNICODE);
            }
            Err(error) => {
                assert_eq!(bit, Flags::NEGOTIATE_TARGET_INFO, "{error:?}");
                assert_eq!(error, Unexpected::NetbiosNames.into());
            }
        }
    }
}

/// Samba asked for protection and went on without. Here the keys tell what they protect, what is
/// wanted of a client is demanded of the server, and nothing looks protected that is not.
#[test]
fn cve_2016_2112_2113_2115_wanted_is_not_had() {
    for wanted in [Protection::None, Protection::Sign, Protection::Seal] {
        let accepted = log_in(&alice().with_protection(wanted), &server()).unwrap();
        assert_eq!(accepted.keys.protection(), wanted);
        let mut session = accepted.keys.into_session().unwrap();
        let sealed = session.seal(&mut [1, 2, 3]);
        let expected = if wanted == Protection::Seal { Ok(()) } else { NOT_NEGOTIATED };
        assert_eq!(sealed.map(drop), expected);
        // What stands for a signature where there is none says nothing.
        let dummy = session.verify(b"message", &Signature::DUMMY);
        let checksum = Err(Integrity::Checksum.into());
        let expected = if wanted == Protection::None { NOT_NEGOTIATED } else { checksum };
        assert_eq!(dummy, expected);
    }
    let signs = with_policy(|policy| policy.shared.require = Flags::NEGOTIATE_SIGN);
    let missing = Refused::MissingFlags(Flags::NEGOTIATE_SIGN);
    assert_eq!(log_in(&alice(), &signs).unwrap_err(), missing.into());
    let (negotiate, _) = alice().initiate().unwrap();
    let (unsigned, _) = server().challenge(&negotiate, &mut Fixed::default()).unwrap();
    let signing = alice().with_protection(Protection::Sign);
    assert_eq!(respond(&signing, &unsigned).unwrap_err(), missing.into());
}

const NOT_NEGOTIATED: Result<(), Error> = Err(Error::Misuse(Misuse::NotNegotiated));

/// Samba took an NTLMv1 response in the LM field, where NTLMv1 was not allowed. It proves nothing
/// either if the server has no LM hash to compare with the field.
#[test]
fn cve_2018_1139_ntlmv1_in_the_lm_field() {
    for level in [0, 3, 4, 5].map(|level| LmCompatibility::try_from(level).unwrap()) {
        for allow_lmv2_alone in [false, true] {
            let server = with_policy(|policy| {
                policy.shared.lm_compatibility = level;
                policy.allow_lmv2_alone = allow_lmv2_alone;
            });
            let (challenge, handshake) = challenged(&server);
            let sent = Challenge::parse(&challenge).unwrap();
            let nt = NtHash::from_password(PASSWORD).ntlmv1_response(&sent.server_challenge);
            let message = Authenticate {
                lm_response: LmResponse::new(&nt),
                user: &Text::from("alice").to_utf16le(),
                flags: Some(sent.flags - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY),
                ..Authenticate::default()
            };
            let can_be = allow_lmv2_alone || level < LmCompatibility::RefuseLm;
            let expected =
                if can_be { Denied::WrongPassword.into() } else { Refused::ResponseKind.into() };
            let bytes = emit(&message);
            assert_eq!(verdict(handshake, &bytes).unwrap_err(), expected, "{level:?}");

            let (same_challenge, handshake) = challenged(&server);
            assert_eq!(same_challenge, challenge);
            let claim = handshake.read(&bytes, &mut Fixed::default());
            let nt_hash = NtHash::from_password(PASSWORD);
            let result = claim.and_then(|claim| user_of(claim).verify_nt_hash(&nt_hash));
            let needs_lm_hash = can_be && !allow_lmv2_alone;
            let expected = if needs_lm_hash { Denied::NoLmHash.into() } else { expected };
            assert_eq!(result.unwrap_err(), expected, "{level:?}, without an LM hash");
        }
    }
}

/// Samba mapped a user that it had not found to another account. Here the user who is accepted is
/// the one who was claimed and looked up, or the one whom the domain controller names.
#[test]
fn cve_2020_25717_no_other_account() {
    for (user, domain) in [("alice", "EXAMPLE"), ("alice", ""), ("root", "EXAMPLE"), ("a@b", "")] {
        let accepted = log_in(&named(user, domain), &server()).unwrap();
        assert_eq!(accepted.user(), Some(UserName::new(user).with_domain(domain)).as_ref());
        assert_eq!(accepted.proven_domain(), Some(domain.into()));
    }
    let (exchange, handshake) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    let claim = user_of(handshake.read(&exchange.authenticate, &mut Fixed::default()).unwrap());
    let claimed = claim.claimed_user().clone();
    let key = ResponseKey::new(&NtHash::from_password(PASSWORD), claimed.user(), claimed.domain());
    let message = Authenticate::parse(&exchange.authenticate).unwrap();
    let validation = Validation::new(*key.session_base_key(ntlmv2(&message).proof()).expose(), 0);
    let found = UserName::new("alice.smith").with_domain("CORP");
    let accepted = claim.verify_by_domain(&validation.with_user(found.clone())).unwrap();
    assert_eq!(accepted.user(), Some(found).as_ref());
}

/// FreeRDP took the hash that a look-up had not found for a hash.
#[test]
fn cve_2022_24882_a_user_without_a_hash() {
    for id in ["H-433", "H-435"] {
        assert_eq!(judge(id, default).unwrap_err(), Denied::WrongPassword.into(), "{id}");
    }
    // A look-up that finds nothing has no hash to give, and no other way leads in.
    let store = |_: &UserName| None::<NtHash>;
    let claim = claim(&alice());
    let result = match store(claim.claimed_user()) {
        Some(hash) => claim.verify_nt_hash(&hash),
        None => claim.reject(Rejection::UnknownUser),
    };
    assert_eq!(result.unwrap_err(), Denied::Rejected(Rejection::UnknownUser).into());
    for hash in [[0; 16], *NtHash::from_password("").expose()] {
        let error = self::claim(&alice()).verify_nt_hash(&NtHash::from(hash)).unwrap_err();
        assert_eq!(error, Denied::WrongPassword.into());
    }
}

/// FreeRDP let everybody in when the file of users could not be read.
#[test]
fn cve_2022_24883_a_look_up_that_fails() {
    let store = |_: &UserName| Err::<NtHash, _>("no such file");
    let claim = claim(&alice());
    let result = match store(claim.claimed_user()) {
        Ok(hash) => claim.verify_nt_hash(&hash),
        Err(_) => claim.reject(Rejection::LookupFailed),
    };
    assert_eq!(result.unwrap_err(), Denied::Rejected(Rejection::LookupFailed).into());
    #[cfg(feature = "http")]
    for denies in [true, false] {
        use ntlm::http::{AuthHeader, HttpVersion, Scheme, ServerConnection, Step, header_value};
        let environment = &mut Fixed::default();
        let mut connection = ServerConnection::new(server());
        let (negotiate, await_challenge) = alice().initiate().unwrap();
        let headers = [("Authorization", header_value(Scheme::Ntlm, &negotiate))];
        let step = connection.on_request(HttpVersion::Http11, headers, environment);
        let Step::Outcome(ntlm::http::Outcome::Continue(reply)) = step else { panic!("{step:?}") };
        let challenge = AuthHeader::credentials(&reply.values[0]).unwrap().token().unwrap();
        let response = await_challenge.answer(&challenge, environment).unwrap();
        let headers = [("Authorization", header_value(Scheme::Ntlm, &response.token))];
        let step = connection.on_request(HttpVersion::Http11, headers, environment);
        let Step::LookUp(look_up) = step else { panic!("{step:?}") };
        if denies {
            let outcome = look_up.reject(Rejection::LookupFailed);
            let ntlm::http::Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
            assert_eq!(
                refusal.reason,
                Error::from(Denied::Rejected(Rejection::LookupFailed)).into()
            );
        } else {
            drop(look_up);
        }
        assert!(connection.accepted().is_none());
        let plain = connection.on_request(HttpVersion::Http11, [("Host", "www")], environment);
        assert!(
            matches!(plain, Step::Outcome(ntlm::http::Outcome::Continue(_))),
            "the next request is nobody's"
        );
    }
}

/// FreeRDP checked the password only where there was a MIC.
#[test]
fn freerdp_85e49aa60_the_password_counts_without_a_mic() {
    assert_eq!(judge("H-438", default).unwrap_err(), Denied::WrongPassword.into());
    let accepted = judge("H-401", default).unwrap();
    assert!(!accepted.mic_checked);
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv2));
}

/// rubyntlm verified NTLMv2 with the empty password, whatever the password was, and padded MD4 by
/// characters instead of bytes.
#[test]
fn rubyntlm_0_6_5_the_empty_password() {
    for id in ["H-433", "H-436"] {
        assert_eq!(judge(id, default).unwrap_err(), Denied::WrongPassword.into(), "{id}");
    }
    assert!(judge("H-400", default).is_ok());
    let nobody_asked = Client::new(Credentials::password("EXAMPLE\\alice", ""));
    let error = log_in(&nobody_asked, &server()).unwrap_err();
    assert_eq!(error, Denied::WrongPassword.into());
    for password in ["é", "café", "naïve façade, 28 characters!", "🔑", "パスワード"] {
        assert_hashed_whole(password);
    }
}

/// ksmbd made the session key before the proof was verified, and went on after it had failed.
#[test]
fn ksmbd_954d196bebb2_no_key_after_a_failure() {
    assert_eq!(judge("H-405", default).unwrap_err(), Denied::Mic.into());
    assert_eq!(judge("H-433", default).unwrap_err(), Denied::WrongPassword.into());
    let client = alice().with_protection(Protection::Seal);
    // The claim is used up, and what is left of it is a word.
    let error = claim(&client).verify_nt_hash(&NtHash::from_password("wrong")).unwrap_err();
    assert_eq!(format!("{error:?}"), "Denied(WrongPassword)");
    assert_eq!(error.to_string(), "authentication failed");
    // A wrong proof is found before a wrong MIC, and a wrong MIC before all else.
    let error = with_changed(&client, &server(), |message| {
        message.encrypted_random_session_key = &[0; 16];
        message.mic = None;
    });
    assert_eq!(error.unwrap_err(), Denied::MicMissing.into());
    let wrong = Client::new(Credentials::password("EXAMPLE\\alice", "wrong"));
    let error = with_changed(&wrong, &server(), |message| message.mic = None);
    assert_eq!(error.unwrap_err(), Denied::WrongPassword.into());
}

/// Windows drew challenges that came again.
#[test]
fn cve_2010_0231_challenges_do_not_repeat() {
    #[cfg(feature = "std")]
    {
        let (negotiate, _) = alice().initiate().unwrap();
        let server = server();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1 << 16 {
            let (challenge, _) = server.challenge(&negotiate, &mut ntlm::Os).unwrap();
            let challenge: [u8; 8] = challenge[24..32].try_into().unwrap();
            assert!(seen.insert(challenge), "{challenge:?} came twice");
        }
    }
    let mut environment = Fixed::default();
    for next in [1, 9, 17] {
        let (negotiate, _) = alice().initiate().unwrap();
        let (challenge, _) = server().challenge(&negotiate, &mut environment).unwrap();
        let drawn: [u8; 8] = core::array::from_fn(|i| next + u8::try_from(i).unwrap());
        assert_eq!(challenge[24..32], drawn, "it is what the environment drew");
    }
    let broken = &mut Fixed::lacking(EnvironmentError::Randomness);
    let error = server().challenge_datagram(broken).unwrap_err();
    assert_eq!(error, EnvironmentError::Randomness.into());
}

/// Windows answered a challenge of its own server that somebody handed back to it. Who says what it
/// asks for, to a server that knows its names, is not believed there.
#[test]
fn cve_2008_4037_an_answer_that_was_meant_for_another_service() {
    let server = server().with_spns(["cifs/victim"]);
    let reflected = log_in(&alice().with_spn("cifs/evil"), &server);
    assert_eq!(reflected.unwrap_err(), Denied::Spn.into());
    assert!(log_in(&alice().with_spn("CIFS/Victim"), &server).is_ok());
    // The name is within the proof.
    let (exchange, handshake) =
        exchange(&alice().with_spn("cifs/evil"), &server, &mut Fixed::default()).unwrap();
    let mut message = Authenticate::parse(&exchange.authenticate).unwrap();
    let mut response = message.nt_response.as_bytes().to_vec();
    let evil = Text::from("cifs/evil").to_utf16le();
    let at = response.windows(evil.len()).position(|window| window == evil).unwrap();
    response[at] ^= 0x20;
    message.nt_response = NtResponse::parse(&response).unwrap();
    assert_eq!(verdict(handshake, &emit(&message)).unwrap_err(), Denied::WrongPassword.into());
}

/// Windows did not compare channel bindings for LDAP, or only where clients sent them.
#[test]
fn cve_2017_8563_bindings_never_when_given_always() {
    let bad = Some(Error::from(Denied::ChannelBindings));
    let with = |binding| move |policy: &mut Policy| policy.channel_bindings = binding;
    assert!(judge("H-440", with(Enforcement::Required)).unwrap().bindings_checked);
    let missing = Some(Error::from(Denied::ChannelBindingsMissing));
    for id in ["H-441", "H-442"] {
        assert_eq!(judge(id, with(Enforcement::Required)).err(), missing, "{id}");
    }
    let wrong = |binding| {
        let server = with_policy(with(binding));
        let server = server.with_channel_bindings(ChannelBindings::application_data(b"ours"));
        let theirs = ChannelBindings::application_data(b"theirs");
        log_in(&alice().with_channel_bindings(theirs), &server).err()
    };
    assert_eq!(wrong(Enforcement::Required), bad);
    assert_eq!(wrong(Enforcement::IfPresent), bad);
    assert_eq!(wrong(Enforcement::Off), None);
}

/// Exchange asked for no channel bindings, so that whoever stood in between could pass logins on.
#[test]
fn cve_2024_21410_a_login_from_another_channel() {
    let server = server().with_channel_bindings(ChannelBindings::application_data(b"server"));
    let client = alice();
    let in_between = ChannelBindings::application_data(b"whoever stands in between");
    let relayed = log_in(&client.clone().with_channel_bindings(in_between), &server);
    assert_eq!(relayed.unwrap_err(), Denied::ChannelBindings.into());
    let direct = client.with_channel_bindings(ChannelBindings::application_data(b"server"));
    assert!(log_in(&direct, &server).unwrap().bindings_checked);
    // They are within the proof: who changes them changes that.
    let (exchange, handshake) = exchange(&direct, &server, &mut Fixed::default()).unwrap();
    let mut message = exchange.authenticate.clone();
    let at = message.windows(4).position(|header| header == [10, 0, 16, 0]).unwrap() + 4;
    message[at] ^= 1;
    assert_eq!(verdict(handshake, &message).unwrap_err(), Denied::WrongPassword.into());
}

/// pyspnego's acceptor took bindings of zeros for right ones.
#[test]
fn pyspnego_bindings_of_zeros() {
    let require = |policy: &mut Policy| policy.channel_bindings = Enforcement::Required;
    let require_any = |policy: &mut Policy| {
        require(policy);
        policy.allow_any_channel_bindings = true;
    };
    assert_eq!(judge("H-441", require_any).unwrap_err(), Denied::ChannelBindingsMissing.into());
    // Where they are optional, they are none.
    assert!(!judge("H-441", default).unwrap().bindings_checked);
    let any = with_policy(require_any);
    let zero = alice().with_channel_bindings(ChannelBindings::from_md5([0; 16]));
    assert_eq!(log_in(&zero, &any).unwrap_err(), Denied::ChannelBindingsMissing.into());
}

/// LocalPotato: Windows skips the password for a local call, whose context stands in the reserved
/// bytes of the type 2. Here they say nothing.
#[test]
fn cve_2023_21746_cve_2025_58726_local_calls() {
    let local = Flags::from_bits_retain(0x4000);
    let environment = &mut Fixed::default();
    let (negotiate, await_challenge) = alice().initiate().unwrap();
    let (plain, handshake) = server().challenge(&negotiate, environment).unwrap();
    assert_eq!(plain[32..40], [0; 8]);
    assert!(!Challenge::parse(&plain).unwrap().flags.contains(local));
    let mut swapped = plain.clone();
    swapped[21] |= 0x40;
    swapped[32..40].copy_from_slice(b"context\0");
    let response = await_challenge.answer(&swapped, environment).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert!(!message.flags.unwrap().contains(local));
    let proof = *ntlmv2(&message).proof();
    let (_, again) = alice().initiate().unwrap();
    let as_after_the_challenge = &mut Fixed::starting_with(9);
    let response = again.answer(&plain, as_after_the_challenge).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    assert_eq!(*ntlmv2(&message).proof(), proof, "the whole response, as to any server");

    // Nor does a client that says so come in without a password.
    let flags = Challenge::parse(&plain).unwrap().flags | local;
    let nobody = emit(&Authenticate { flags: Some(flags), ..Authenticate::default() });
    assert_eq!(verdict(handshake, &nobody).unwrap_err(), Refused::Anonymous.into());
    let user = Text::from("alice").to_utf16le();
    let named = emit(&Authenticate { flags: Some(flags), user: &user, ..Default::default() });
    let error = verdict(challenged(&server()).1, &named).unwrap_err();
    assert_eq!(error, Unexpected::NoResponse.into());
    let wrong = Client::new(Credentials::password("EXAMPLE\\alice", "wrong"));
    let error = with_changed(&wrong, &server(), |message| message.flags = Some(flags));
    assert_eq!(error.unwrap_err(), Denied::WrongPassword.into());
}

/// Windows trusted target names with something marshalled behind them. Here they are whole texts.
#[test]
fn cve_2025_33073_cve_2025_54918_names_with_something_behind_them() {
    let server = server().with_spns(["cifs/srv"]);
    for name in [
        "cifs/srv1UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA",
        "cifs/srv.example.com",
        "cifs/srv/",
        "cifs/srv\0",
        "cifs/sr",
        "srv",
    ] {
        let error = log_in(&alice().with_spn(name), &server).unwrap_err();
        assert_eq!(error, Denied::Spn.into(), "{name:?}");
    }
}

/// curl's random numbers overwrote the pointer to the nonce instead of the nonce.
#[test]
fn cve_2016_9594_nonces_are_random() {
    let client = alice().with_protection(Protection::Seal);
    let response = respond(&client, &token("H-200")).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let drawn: [u8; 24] = core::array::from_fn(|i| 1 + u8::try_from(i).unwrap());
    assert_eq!(ntlmv2(&message).client_challenge(), drawn[..8]);
    assert_eq!(response.keys.exported_session_key().expose()[..], drawn[8..]);
    let broken = &mut Fixed::lacking(EnvironmentError::Randomness);
    let (_, handshake) = client.initiate().unwrap();
    let error = handshake.answer(&token("H-200"), broken).unwrap_err();
    assert_eq!(error, EnvironmentError::Randomness.into());
    #[cfg(feature = "std")]
    {
        let once = || {
            let (negotiate, handshake) = client.initiate().unwrap();
            let (challenge, _) = server().challenge(&negotiate, &mut ntlm::Os).unwrap();
            let response = handshake.answer(&challenge, &mut ntlm::Os).unwrap();
            let message = Authenticate::parse(&response.token).unwrap();
            let key = *response.keys.exported_session_key().expose();
            [&challenge[24..32], &ntlmv2(&message).client_challenge(), &key].map(<[u8]>::to_vec)
        };
        for (one, other) in once().into_iter().zip(once()) {
            assert_ne!(one, other);
            assert_ne!(one, vec![0; one.len()]);
        }
    }
}

/// curl and others sent credentials to whomever a server redirected them to. Here the target is the
/// client's, and a policy can block all targets but some.
#[test]
fn cve_2022_27774_redirects_to_other_servers() {
    let client = alice_with(|policy| {
        policy.shared.blocked = true;
        policy.block_exceptions = vec!["www.example.com".into()];
    });
    assert!(client.clone().with_spn("HTTP/www.example.com").initiate().is_ok());
    for target in
        ["HTTP/www.evil.com", "HTTP/www.example.com.evil.com", "HTTP/evil/www.example.com"]
    {
        let error = client.clone().with_spn(target).initiate().unwrap_err();
        assert_eq!(error, Refused::Blocked.into(), "{target}");
    }
    assert_eq!(client.initiate().unwrap_err(), Refused::Blocked.into());
}

/// fetchmail and others wrote passwords and responses into their logs.
#[test]
fn logs_of_several_products_show_no_secret() {
    let password = "correct horse";
    let nt_hash = NtHash::from_password(password);
    let credentials = Credentials::password("EXAMPLE\\alice", password);
    let client = Client::new(credentials.clone()).with_protection(Protection::Seal);
    let environment = &mut Fixed::default();
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
    let mut shown = vec![format!("{await_challenge:?} {handshake:?}")];
    let response = await_challenge.answer(&challenge, environment).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    let secrets = [
        password.as_bytes(),
        nt_hash.expose(),
        key.expose(),
        response.keys.exported_session_key().expose(),
        ntlmv2(&message).proof(),
        message.encrypted_random_session_key,
    ]
    .map(<[u8]>::to_vec);
    let claim = user_of(handshake.read(&response.token, environment).unwrap());
    let types: [&dyn Debug; 9] = [
        &credentials,
        &client,
        &nt_hash,
        &key,
        &message,
        &response,
        &claim,
        &claim.network_logon().unwrap(),
        &Validation::new(*response.keys.exported_session_key().expose(), 0),
    ];
    shown.extend(types.iter().map(|value| format!("{value:?}")));
    shown.push(format!("{:?}", claim.verify_nt_hash(&nt_hash).unwrap()));
    shown.push(format!("{:?}", response.keys.into_session().unwrap()));
    shown.push(inspect::annotate(&response.token).to_string());
    for secret in &secrets {
        let list = format!("{secret:?}");
        let list = list.trim_matches(['[', ']']);
        for shown in &shown {
            assert!(!shown.contains(password), "{shown}");
            assert!(!shown.contains(&hex(secret)) && !shown.contains(list), "{shown}");
        }
    }
}

/// FreeRDP and sspi-rs guessed from its length whether a password was a hash.
#[test]
fn freerdp_6ae81e57d_sspi_rs_c607a229_passwords_that_look_like_hashes() {
    let hash = NtHash::from_password(PASSWORD);
    let digits = hex(hash.expose());
    assert_eq!(digits.len(), 32);
    let with_digits = Client::new(Credentials::password("EXAMPLE\\alice", &digits));
    let error = log_in(&with_digits, &server()).unwrap_err();
    assert_eq!(error, Denied::WrongPassword.into(), "they are not the hash");
    for password in [&*digits, &digits.to_uppercase(), &digits.repeat(17), &"a".repeat(513)] {
        assert_hashed_whole(password);
    }
    let with_hash = Client::new(Credentials::nt_hash("EXAMPLE\\alice", hash));
    assert!(log_in(&with_hash, &server()).is_ok(), "a hash is what is given as one");
}

/// gss-ntlmssp compared MIC and responses with `memcmp`, whose time tells where they differ.
#[test]
fn gss_ntlmssp_memcmp_comparisons_take_the_same_time() {
    // `tests/interop/constant_time.rs` counts the instructions of each comparison.
    // Wherever the difference is, the answer is the same.
    let (exchange, handshake) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    assert!(verdict(handshake, &exchange.authenticate).is_ok());
    let whole = exchange.authenticate;
    for (start, denied) in [(72, Denied::Mic), (offset_of(&whole, NT), Denied::WrongPassword)] {
        for byte in start..start + 16 {
            let handshake = server().resume(&exchange.negotiate, &exchange.challenge).unwrap();
            let mut changed = whole.clone();
            changed[byte] ^= 0x80;
            assert_eq!(verdict(handshake, &changed).unwrap_err(), denied.into(), "{byte}");
        }
    }
}

/// The rows whose input a library without sockets can be given: how their tests' names begin, in
/// the order of the file.
const PROTOCOL: &str = "
    cve_2023_25563 cve_2023_25564 cve_2023_25565 cve_2023_25566 cve_2023_25567 gss_ntlmssp_1_3_2
    cve_2005_3185 cve_2017_8816 cve_2018_14618 cve_2018_16890 cve_2019_3822 curl_2004 cve_2018_8789
    cve_2020_11086 cve_2020_11087 cve_2020_11088 cve_2020_11097 cve_2020_13396 freerdp_2026
    cve_2019_17455 cve_2019_17266 cve_2026_0719 libsoup cve_2026_32952 go_ntlm_issue_5
    cve_2020_12673 cve_2020_12783 cve_2023_42114 cve_2023_42116 cve_2017_7520 cve_2004_0541
    cve_2004_0832 cve_2005_0096_0097 cve_2005_2917 squid_2025 cve_2012_3482 cve_2009_0582
    cve_2013_1590 cve_2006_5176_5177 cve_2009_2524 cve_2018_1066 cve_2023_0210 cve_2022_2127
    samba_23bedd69b2d openvas_2285
    cve_2019_1040 cve_2019_1166 cve_2019_1338 cve_2019_1019 cve_2015_0005_cve_2016_2111
    cve_2016_2110 cve_2018_1139 cve_2022_24882 cve_2022_24883 freerdp_85e49aa60 rubyntlm_0_6_5
    ksmbd_954d196bebb2 cve_2010_0231 cve_2017_8563 cve_2024_21410 pyspnego
    cve_2023_21746_cve_2025_58726 cve_2016_9594 logs_of_several_products
    freerdp_6ae81e57d_sspi_rs_c607a229 gss_ntlmssp_memcmp
";

/// The rows that are about the caller's side of the interface, and have a test nonetheless.
const INTERFACE: &str = "
    cve_2005_0490 cve_2020_8517 cve_2013_1762 cve_2016_2112_2113_2115 cve_2020_25717 cve_2008_4037
    cve_2025_33073_cve_2025_54918 cve_2022_27774
";

#[test]
fn no_row_is_lost() {
    let tests = include_str!("vulnerabilities.rs").split("#[test]\nfn ").skip(1);
    let tests: Vec<&str> = tests.filter_map(|test| test.split('(').next()).collect();
    let mut tested = 0;
    for (rows, expected) in [(PROTOCOL, 66), (INTERFACE, 8)] {
        let mut last = 0;
        for row in rows.split_whitespace() {
            let is_its = |test: &&&str| test.starts_with(&format!("{row}_"));
            assert_eq!(tests.iter().filter(is_its).count(), 1, "{row}");
            let place = tests.iter().position(|test| is_its(&test)).unwrap();
            assert!(place >= last, "{row} is out of order");
            last = place;
        }
        assert_eq!(rows.split_whitespace().count(), expected);
        tested += expected;
    }
    assert_eq!(tests.len(), tested + 1, "each test is a row's, but for the last");
    ntlm_testkit::replay::report(&format!("{tested} rows tested"));
}
