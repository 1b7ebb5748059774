//! SPNEGO tokens with any content, in any order, also changed by a man in the middle.
//!
//! The encoder of the tokens shares no code with the crate.

#![cfg(feature = "spnego")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::LazyLock;

use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::session::SessionKeys;
use ntlm::spnego::hazmat::acceptor::{First, Start};
use ntlm::spnego::hazmat::initiator::{AwaitReply, Reply};
use ntlm::spnego::{
    Accepting, Acceptor, AwaitClient, AwaitServer, Error, Initiated, Initiator, Mechanism,
    MicError, NegState, Outcome, Token, TokenErrorKind,
};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Client, Credentials, NtHash, inspect};
use ntlm_testkit::spnego::{
    Encoder, Init, KERBEROS, KERBEROS_FIRST, KERBEROS_USER_TO_USER, KNOWN, MS_KERBEROS, NEGOEX,
    NTLM, Resp, change_response,
};
use ntlm_testkit::{Fixed, PASSWORD, peers::USER, server};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// Lengths at which the encoded length needs one more octet, up to the longest token.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![
        4 => 0..40_usize,
        1 => 100..300_usize,
        1 => proptest::sample::select(vec![127, 128, 255, 256, 65_000, 65_300]),
    ];
    (length, any::<u8>()).prop_map(|(length, seed)| {
        (0..length).map(|at| seed.wrapping_add(u8::try_from(at % 251).unwrap())).collect()
    })
}

/// A well-formed object identifier: each number ends with an octet below 0x80.
fn oid() -> impl Strategy<Value = Vec<u8>> {
    let known = KNOWN.map(<[u8]>::to_vec).to_vec();
    let number = (vec(0x81..=0xff_u8, 0..12), 0..0x80_u8)
        .prop_map(|(start, end)| [start, vec![end]].concat());
    let any = vec(number, 1..10).prop_map(|numbers| numbers.concat());
    prop_oneof![2 => proptest::sample::select(known), 1 => any]
}

fn unknown_fields(numbers: core::ops::Range<u8>) -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let fields = btree_map(numbers, vec(any::<u8>(), 0..20), 0..3);
    prop_oneof![2 => Just(Vec::new()), 1 => fields.prop_map(|fields| fields.into_iter().collect())]
}

fn init() -> impl Strategy<Value = Init> {
    let count = prop_oneof![4 => 1..6_usize, 1 => Just(63), 1 => Just(64)];
    let mech_types = count.prop_flat_map(|count| vec(oid(), count));
    let rest = (option::of(vec(any::<u8>(), 0..6)), option::of(octets()));
    let last = (option::of(vec(any::<u8>(), 0..50)), option::of(vec(any::<u8>(), 0..20)));
    (any::<bool>(), mech_types, rest, last, unknown_fields(5..0x1f)).prop_map(
        |(is_framed, mech_types, (req_flags, mech_token), (hints, mic), unknown)| Init {
            is_framed,
            mech_types,
            req_flags,
            mech_token,
            hints,
            mic,
            unknown,
        },
    )
}

fn neg_state() -> impl Strategy<Value = u8> {
    0..=NegState::RequestMic as u8
}

fn mechanism(oid: &[u8]) -> Mechanism {
    match oid {
        NTLM => Mechanism::Ntlm,
        KERBEROS => Mechanism::Kerberos,
        MS_KERBEROS => Mechanism::MsKerberos,
        KERBEROS_USER_TO_USER => Mechanism::KerberosUserToUser,
        NEGOEX => Mechanism::Negoex,
        _ => Mechanism::Other,
    }
}

fn resp() -> impl Strategy<Value = Resp> {
    let fields = (option::of(neg_state()), option::of(oid()), option::of(octets()));
    let mic = option::of(prop_oneof![3 => vec(any::<u8>(), 0..20), 1 => octets()]);
    (fields, mic, unknown_fields(4..0x1f), any::<bool>()).prop_map(
        |((neg_state, supported_mech, token), mic, unknown, is_copied)| {
            let mic = if is_copied && token.is_some() { token.clone() } else { mic };
            Resp { neg_state, supported_mech, token, mic, unknown }
        },
    )
}

/// Forms of lengths: most tokens use the shortest throughout, as DER requires.
fn forms() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), vec(0..5_u8, 0..100)]
}

fn filled(octets: Option<&Vec<u8>>) -> Option<&[u8]> {
    octets.map(Vec::as_slice).filter(|octets| !octets.is_empty())
}

/// A token that is cut anywhere, or has one more byte, is rejected.
fn assert_ends_where_it_ends(token: &[u8]) -> Result<(), TestCaseError> {
    let step = 1 + token.len() / 500;
    for length in (1..token.len()).step_by(step).chain([token.len() - 1]) {
        let error = Token::parse(&token[..length]).unwrap_err();
        prop_assert!(error.offset() <= length, "{error}");
    }
    for byte in [0, 0x30, 0xa4, 0xff] {
        let error = Token::parse(&[token, &[byte]].concat()).unwrap_err();
        let is_longest = token.len() == 65_535;
        let kind = if is_longest { TokenErrorKind::TooLong } else { TokenErrorKind::Trailing };
        prop_assert_eq!((error.kind(), error.offset()), (kind, token.len()));
    }
    Ok(())
}

proptest! {
    #[test]
    fn each_init_token_parses_to_what_was_encoded(init in init(), forms in forms()) {
        let (token, list) = init.encode(&mut Encoder::new(&forms));
        if token.len() > 65_535 {
            prop_assert_eq!(Token::parse(&token).unwrap_err().kind(), TokenErrorKind::TooLong);
            return Ok(());
        }
        let Ok(Token::Init(parsed)) = Token::parse(&token) else {
            return Err(TestCaseError::fail(format!("{:?}", Token::parse(&token))));
        };
        prop_assert_eq!(parsed.mech_types.as_bytes(), list);
        let names: Vec<_> = init.mech_types.iter().map(|oid| mechanism(oid)).collect();
        prop_assert_eq!(parsed.mech_types.iter().collect::<Vec<_>>(), names);
        prop_assert_eq!(parsed.mech_token, filled(init.mech_token.as_ref()));
        prop_assert_eq!(parsed.has_hints, init.hints.is_some());
        assert_ends_where_it_ends(&token)?;
    }

    #[test]
    fn each_response_token_parses_to_what_was_encoded(resp in resp(), forms in forms()) {
        let token = resp.encode(&mut Encoder::new(&forms));
        if token.len() > 65_535 {
            prop_assert_eq!(Token::parse(&token).unwrap_err().kind(), TokenErrorKind::TooLong);
            return Ok(());
        }
        let Ok(Token::Response(parsed)) = Token::parse(&token) else {
            return Err(TestCaseError::fail(format!("{:?}", Token::parse(&token))));
        };
        prop_assert_eq!(parsed.neg_state.map(|state| state as u8), resp.neg_state);
        prop_assert_eq!(parsed.supported_mech, resp.supported_mech.as_deref().map(mechanism));
        prop_assert_eq!(parsed.response_token, filled(resp.token.as_ref()));
        let mic = filled(resp.mic.as_ref()).filter(|_| resp.mic != resp.token);
        prop_assert_eq!(parsed.mech_list_mic, mic);
        assert_ends_where_it_ends(&token)?;
    }

    /// A list with too many mechanisms, or a malformed one, is rejected.
    #[test]
    fn bad_lists_are_rejected(mut init in init(), at in any::<prop::sample::Index>(), how in 0..4_usize) {
        let at = at.index(init.mech_types.len());
        init.mech_token = None;
        let kind = match how {
            0 => {
                init.mech_types.resize(65, NTLM.to_vec());
                TokenErrorKind::TooManyMechTypes
            }
            1 => {
                init.mech_types.clear();
                TokenErrorKind::NoMechTypes
            }
            bad => {
                init.mech_types[at] = [&b""[..], b"\x2a\x80\x01", b"\x2a\x86", &[1; 129]][bad].into();
                TokenErrorKind::ObjectIdentifier
            }
        };
        let (token, _) = init.encode(&mut Encoder::default());
        prop_assert_eq!(Token::parse(&token).unwrap_err().kind(), kind);
    }

    #[test]
    fn parsing_arbitrary_bytes_never_panics(bytes in nearly_a_token()) {
        if let Err(error) = Token::parse(&bytes) {
            prop_assert!(error.offset() <= bytes.len(), "{error} of {} bytes", bytes.len());
        }
        prop_assert!(inspect::annotate(&bytes).with_secrets().to_string().ends_with('\n'));
    }

    /// The crate writes DER: the shortest lengths, and the fields in order.
    #[test]
    fn tokens_of_any_length_are_written_as_der(message in message(), signs: bool) {
        let shortest = &mut Encoder::default();
        let (token, reply) = AwaitReply::offer(&message);
        let (expected, list) = Init::plain(&[NTLM], Some(&message)).encode(shortest);
        prop_assert_eq!(&token, &expected);
        let start = Start { takes_ntlm: false, has_sent_hints: false };
        let First::Negotiate(negotiate, offer) = start.read(&token).unwrap() else {
            return Err(TestCaseError::fail("no NEGOTIATE"));
        };
        prop_assert_eq!(negotiate, &message);

        let incomplete = Some(NegState::AcceptIncomplete as u8);
        let token = offer.challenge(&message);
        let resp = Resp { neg_state: incomplete, token: Some(message.clone()), ..Resp::default() };
        let named = Resp { supported_mech: Some(NTLM.to_vec()), ..resp.clone() };
        prop_assert_eq!(&token, &named.encode(shortest));
        let Ok(Reply::Challenge(challenge, answer)) = reply.read(&token) else {
            return Err(TestCaseError::fail("no CHALLENGE"));
        };
        prop_assert_eq!(challenge, &message);

        let (token, _) = answer.answer(&message, keys(Side::Client), signs);
        let mut session = keys(Side::Client).into_session().unwrap();
        let mic = signs.then(|| session.mech_list_mic(&list).unwrap().as_bytes().to_vec());
        prop_assert_eq!(token, Resp { mic, ..resp }.encode(shortest));
    }
}

fn keys(side: Side) -> SessionKeys {
    let flags = Flags::from_bits_retain(0xe208_8235);
    SessionKeys::with_key(flags, ExportedSessionKey::from([7; 16]), side)
}

/// A message short enough for any token.
fn message() -> impl Strategy<Value = Vec<u8>> {
    octets().prop_map(|mut octets| {
        octets.push(1);
        octets.truncate(65_400);
        octets
    })
}

/// Arbitrary bytes, or a token with some bytes changed, cut or inserted.
fn nearly_a_token() -> impl Strategy<Value = Vec<u8>> {
    let any_bytes =
        (proptest::sample::select(vec![0x60_u8, 0xa0, 0xa1, 0x4e, 0]), vec(any::<u8>(), 0..60))
            .prop_map(|(first, rest)| [vec![first], rest].concat());
    let init = (init(), forms()).prop_map(|(init, forms)| init.encode(&mut Encoder::new(&forms)).0);
    let resp = (resp(), forms()).prop_map(|(resp, forms)| resp.encode(&mut Encoder::new(&forms)));
    let edits = vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..4);
    let edited = (prop_oneof![init, resp], edits).prop_map(|(mut token, edits)| {
        // Longer ones are rejected at once.
        token.truncate(1000);
        for (at, byte, is_put_in) in edits {
            let at = at.index(token.len());
            if is_put_in { token.insert(at, byte) } else { token[at] = byte }
        }
        token
    });
    prop_oneof![1 => any_bytes, 3 => edited]
}

fn client(password: &str) -> Client {
    Client::new(Credentials::password(USER, password))
}

fn acceptor() -> Acceptor {
    Acceptor::new(server())
}

/// What a client offers.
#[derive(Clone, Copy, Debug)]
enum Offer {
    NtlmOnly,
    KerberosFirst,
    NtlmFirst,
}

impl Offer {
    const ALL: [Self; 3] = [Self::NtlmOnly, Self::KerberosFirst, Self::NtlmFirst];

    fn mechanisms(self) -> &'static [&'static [u8]] {
        match self {
            Self::NtlmOnly => &[NTLM],
            Self::KerberosFirst => &KERBEROS_FIRST,
            Self::NtlmFirst => &[NTLM, KERBEROS],
        }
    }

    /// The first token, and the client that sent it.
    fn begin(self, client: Client) -> (Vec<u8>, AwaitServer) {
        let initiator = Initiator::new(client);
        if let Self::NtlmOnly = self {
            return initiator.initiate().unwrap();
        }
        let ticket: &[u8] = b"a ticket of Kerberos";
        let ticket = Some(ticket).filter(|_| matches!(self, Self::KerberosFirst));
        let token = Init::plain(self.mechanisms(), ticket).der();
        let state = initiator.continue_after(&token).unwrap();
        (token, state)
    }
}

fn offer() -> impl Strategy<Value = Offer> {
    proptest::sample::select(Offer::ALL.to_vec())
}

/// Tokens and messages of earlier negotiations of the same peers.
#[derive(Default)]
struct Recorded {
    tokens: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    mics: Vec<Vec<u8>>,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let mut recorded = Recorded::default();
    for (number, offer) in (0..).zip(Offer::ALL) {
        let (client, server) =
            (Fixed::starting_with(40 + number), Fixed::starting_with(140 + number));
        let mut world = World::new(offer, PASSWORD, client, server);
        let last = world.run(&mut |token, _| recorded.tokens.push(token.clone()));
        assert!(last.is_complete(), "{last:?}");
    }
    for token in &recorded.tokens {
        let (message, mic) = match Token::parse(token).unwrap() {
            Token::Init(init) => (init.mech_token, None),
            Token::Response(resp) => (resp.response_token, resp.mech_list_mic),
            token => panic!("{token:?}"),
        };
        recorded.messages.extend(message.map(<[u8]>::to_vec));
        recorded.mics.extend(mic.map(<[u8]>::to_vec));
    }
    recorded.mics.push([&[1_u8][..], &[0; 15]].concat());
    recorded
});

/// A client and a server, and their environments.
struct World {
    first: Option<Vec<u8>>,
    client: Option<AwaitServer>,
    server: Option<AwaitClient>,
    environments: (Fixed, Fixed),
}

/// How a negotiation ended.
#[derive(Debug, Default)]
struct End {
    client: Option<SessionKeys>,
    /// The mechanism that, according to the server, the client prefers.
    server: Option<(SessionKeys, Option<Mechanism>)>,
    /// Whether the server has verified the password.
    is_proven: bool,
    error: Option<Error>,
}

impl End {
    fn is_complete(&self) -> bool {
        self.client.is_some() && self.server.is_some()
    }
}

impl World {
    fn new(offer: Offer, password: &str, client: Fixed, server: Fixed) -> Self {
        let (first, state) = offer.begin(self::client(password));
        Self {
            first: Some(first),
            client: Some(state),
            server: Some(acceptor().start()),
            environments: (client, server),
        }
    }

    /// Passes tokens until both sides are done, or one has failed. `change` gets each token and
    /// whether the client sent it.
    fn run(&mut self, change: &mut dyn FnMut(&mut Vec<u8>, bool)) -> End {
        let mut end = End::default();
        let mut token = self.first.take();
        while let Some(mut sent) = token {
            change(&mut sent, true);
            let answer = match self.serve(&sent, &mut end) {
                Ok(answer) => answer,
                Err(error) => {
                    end.error = Some(error);
                    break;
                }
            };
            let Some(mut answer) = answer else { break };
            change(&mut answer, false);
            token = match self.answer(&answer, &mut end) {
                Ok(token) => token,
                Err(error) => {
                    end.error = Some(error);
                    break;
                }
            };
        }
        end
    }

    fn serve(&mut self, token: &[u8], end: &mut End) -> Result<Option<Vec<u8>>, Error> {
        let Some(server) = self.server.take() else { return Ok(None) };
        match read(server, token, &mut self.environments.1, &mut end.is_proven)? {
            Outcome::Send(token, next) => {
                self.server = Some(next);
                Ok(Some(token))
            }
            Outcome::Done(done) => {
                end.server = Some((done.accepted.keys, done.client_preferred));
                Ok(done.token)
            }
        }
    }

    fn answer(&mut self, token: &[u8], end: &mut End) -> Result<Option<Vec<u8>>, Error> {
        let Some(client) = self.client.take() else { return Ok(None) };
        match client.read(token, &mut self.environments.0)? {
            Initiated::Send(token, next) => {
                self.client = Some(next);
                Ok(Some(token))
            }
            Initiated::Done(keys) => {
                end.client = Some(keys);
                Ok(None)
            }
        }
    }
}

/// Passes a token to the server, which knows one password.
fn read(
    server: AwaitClient,
    token: &[u8],
    environment: &mut Fixed,
    is_proven: &mut bool,
) -> Result<Outcome, Error> {
    match server.read(token, environment)? {
        Accepting::Outcome(outcome) => Ok(outcome),
        Accepting::LookUp(look_up) => look_up.verify(|claim| {
            let accepted = claim.verify_nt_hash(&NtHash::from_password(PASSWORD))?;
            *is_proven = true;
            Ok(accepted)
        }),
    }
}

/// A token that is built from parts; numbers choose among what was recorded.
#[derive(Clone, Debug)]
enum Piece {
    Recorded(usize),
    /// What the side under test sent last.
    Reflected,
    Init {
        mechanisms: Vec<usize>,
        message: Message,
    },
    Resp {
        neg_state: Option<u8>,
        named: Option<usize>,
        message: Message,
        mic: Mic,
    },
    Bare(Message),
    Bytes(Vec<u8>),
    Empty,
}

#[derive(Clone, Copy, Debug)]
enum Message {
    None,
    Recorded(usize),
    Reflected,
    /// What an attacker without the password does with the last token.
    Impostor,
}

#[derive(Clone, Copy, Debug)]
enum Mic {
    None,
    Recorded(usize),
    Reflected,
    /// The message, as Windows 2000 sends it.
    Message,
}

fn piece() -> impl Strategy<Value = Piece> {
    let message = || {
        prop_oneof![
            1 => Just(Message::None),
            2 => (0..100_usize).prop_map(Message::Recorded),
            1 => Just(Message::Reflected),
            4 => Just(Message::Impostor),
        ]
    };
    let mic = prop_oneof![
        3 => Just(Mic::None),
        3 => (0..100_usize).prop_map(Mic::Recorded),
        1 => Just(Mic::Reflected),
        1 => Just(Mic::Message),
    ];
    let init = (vec(0..KNOWN.len(), 1..4), message())
        .prop_map(|(mechanisms, message)| Piece::Init { mechanisms, message });
    let named =
        prop_oneof![3 => Just(None), 2 => Just(Some(0)), 1 => (0..KNOWN.len()).prop_map(Some)];
    let resp = (option::of(neg_state()), named, message(), mic).prop_map(
        |(neg_state, named, message, mic)| Piece::Resp { neg_state, named, message, mic },
    );
    prop_oneof![
        4 => (0..100_usize).prop_map(Piece::Recorded),
        1 => Just(Piece::Reflected),
        4 => init,
        6 => resp,
        1 => message().prop_map(Piece::Bare),
        1 => nearly_a_token().prop_map(Piece::Bytes),
        1 => Just(Piece::Empty),
    ]
}

/// An attacker who does not know the password.
struct Attacker {
    /// The last token, message and MIC of the side that is attacked.
    token: Vec<u8>,
    message: Vec<u8>,
    mic: Vec<u8>,
}

impl Attacker {
    const NEW: Self = Self { token: Vec::new(), message: Vec::new(), mic: Vec::new() };

    fn sees(&mut self, token: &[u8]) {
        self.token = token.to_vec();
        let (message, mic) = match Token::parse(token).unwrap() {
            Token::Init(init) => (init.mech_token, None),
            Token::Response(resp) => (resp.response_token, resp.mech_list_mic),
            Token::Ntlm(message) => (Some(message), None),
            token => panic!("{token:?}"),
        };
        if let Some(message) = message {
            self.message = message.to_vec();
        }
        if let Some(mic) = mic {
            self.mic = mic.to_vec();
        }
    }

    fn makes(&self, piece: &Piece) -> Vec<u8> {
        match piece {
            Piece::Recorded(number) => pick(&RECORDED.tokens, *number),
            Piece::Reflected => self.token.clone(),
            Piece::Init { mechanisms, message } => {
                let mechanisms: Vec<_> = mechanisms.iter().map(|at| KNOWN[*at]).collect();
                Init::plain(&mechanisms, self.message(*message).as_deref()).der()
            }
            Piece::Resp { neg_state, named, message, mic } => {
                let token = self.message(*message);
                let mic = match *mic {
                    Mic::None => None,
                    Mic::Recorded(number) => Some(pick(&RECORDED.mics, number)),
                    Mic::Reflected => Some(self.mic.clone()),
                    Mic::Message => token.clone(),
                };
                let supported_mech = named.map(|at| KNOWN[at].to_vec());
                Resp { neg_state: *neg_state, supported_mech, token, mic, unknown: Vec::new() }
                    .der()
            }
            Piece::Bare(message) => self.message(*message).unwrap_or_default(),
            Piece::Bytes(bytes) => bytes.clone(),
            Piece::Empty => Vec::new(),
        }
    }

    fn message(&self, message: Message) -> Option<Vec<u8>> {
        match message {
            Message::None => None,
            Message::Recorded(number) => Some(pick(&RECORDED.messages, number)),
            Message::Reflected => Some(self.message.clone()),
            Message::Impostor => Some(self.answers()),
        }
    }

    /// The next message of an honest handshake, but made with a wrong password.
    fn answers(&self) -> Vec<u8> {
        let (negotiate, await_challenge) = client("another").initiate().unwrap();
        match self.message.get(8) {
            Some(1) => server().challenge(&self.message, &mut Fixed::starting_with(77)).unwrap().0,
            Some(2) => {
                await_challenge.answer(&self.message, &mut Fixed::starting_with(99)).unwrap().token
            }
            _ => negotiate,
        }
    }
}

fn pick(all: &[Vec<u8>], number: usize) -> Vec<u8> {
    all[number % all.len()].clone()
}

proptest! {
    /// Without the password no client is accepted, whichever tokens arrive in whichever order.
    #[test]
    fn acceptor_accepts_no_client_without_the_password(pieces in vec(piece(), 1..12), takes_bare: bool) {
        let begin = || if takes_bare { acceptor().with_bare_ntlm_allowed() } else { acceptor() };
        let (mut server, mut attacker) = (begin().start(), Attacker::NEW);
        let environment = &mut Fixed::starting_with(1);
        for piece in &pieces {
            let mut is_proven = false;
            let token = attacker.makes(piece);
            let outcome = read(server, &token, environment, &mut is_proven);
            prop_assert!(!is_proven, "{piece:?}");
            server = match outcome {
                Ok(Outcome::Send(token, next)) => {
                    attacker.sees(&token);
                    next
                }
                Ok(Outcome::Done(done)) => {
                    return Err(TestCaseError::fail(format!("{piece:?}: {done:?}")));
                }
                Err(_) => {
                    attacker = Attacker::NEW;
                    begin().start()
                }
            };
        }
    }

    /// Whichever tokens arrive in whichever order, a client does not complete before it has sent
    /// its proof; nor without the server's signature, once it has sent its own.
    #[test]
    fn initiator_does_not_complete_with_an_impostor(offer in offer(), pieces in vec(piece(), 1..12)) {
        let mut attacker = Attacker::NEW;
        let (token, mut state) = offer.begin(client(PASSWORD));
        attacker.sees(&token);
        let environment = &mut Fixed::starting_with(1);
        for piece in &pieces {
            let token = attacker.makes(piece);
            let is_early = attacker.message.get(8) != Some(&3) && accepts(&token);
            let read = state.read(&token, environment);
            prop_assert!(!is_early || read.is_err(), "{piece:?}");
            match read {
                Ok(Initiated::Send(token, next)) => {
                    attacker.sees(&token);
                    state = next;
                }
                Ok(Initiated::Done(_)) => {
                    return Err(TestCaseError::fail(format!("{piece:?} completes")));
                }
                Err(_) => {
                    attacker = Attacker::NEW;
                    let (token, next) = offer.begin(client(PASSWORD));
                    attacker.sees(&token);
                    state = next;
                }
            }
        }
        let has_proven = attacker.message.get(8) == Some(&3);
        let expected = match (has_proven, offer) {
            (false, _) => Err(Error::NoMessage),
            (true, Offer::KerberosFirst) => Err(Error::Mic(MicError::Missing)),
            (true, _) => Ok(()),
        };
        prop_assert_eq!(state.finish().map(drop), expected);
    }
}

fn accepts(token: &[u8]) -> bool {
    let parsed = Token::parse(token);
    matches!(parsed, Ok(Token::Response(resp)) if resp.neg_state == Some(NegState::AcceptCompleted))
}

/// The changes that a man in the middle makes to a token between an honest client and an honest
/// server.
#[derive(Clone, Debug)]
enum Edit {
    NegState(Option<u8>),
    Named(Option<usize>),
    List(Vec<usize>),
    Mic(MicEdit),
    NoMessage,
}

#[derive(Clone, Copy, Debug)]
enum MicEdit {
    None,
    Recorded(usize),
    /// The last token of the other side.
    Reflected,
    Message,
    Flipped(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let mic = prop_oneof![
        3 => Just(MicEdit::None),
        1 => (0..100_usize).prop_map(MicEdit::Recorded),
        1 => Just(MicEdit::Reflected),
        1 => Just(MicEdit::Message),
        1 => (0..128_usize).prop_map(MicEdit::Flipped),
    ];
    prop_oneof![
        3 => option::of(neg_state()).prop_map(Edit::NegState),
        1 => option::of(0..KNOWN.len()).prop_map(Edit::Named),
        3 => vec(prop_oneof![Just(0), 0..KNOWN.len()], 1..4).prop_map(Edit::List),
        3 => mic.prop_map(Edit::Mic),
        1 => Just(Edit::NoMessage),
    ]
}

impl Edit {
    fn apply(&self, token: &mut Vec<u8>, others_mic: &[u8]) {
        match Token::parse(token).unwrap() {
            Token::Init(init) => {
                let Self::List(list) = self else { return };
                let mechanisms: Vec<_> = list.iter().map(|at| KNOWN[*at]).collect();
                let message = init.mech_token.map(<[u8]>::to_vec);
                *token = Init::plain(&mechanisms, message.as_deref()).der();
            }
            Token::Response(_) => {
                change_response(token, |resp| self.change(resp, others_mic));
            }
            token => panic!("{token:?}"),
        }
    }

    fn change(&self, resp: &mut Resp, others_mic: &[u8]) {
        match self {
            Self::NegState(state) => resp.neg_state = *state,
            Self::Named(at) => resp.supported_mech = at.map(|at| KNOWN[at].to_vec()),
            Self::NoMessage => resp.token = None,
            Self::List(_) => {}
            Self::Mic(MicEdit::None) => resp.mic = None,
            Self::Mic(MicEdit::Recorded(number)) => resp.mic = Some(pick(&RECORDED.mics, *number)),
            Self::Mic(MicEdit::Reflected) => resp.mic = Some(others_mic.to_vec()),
            Self::Mic(MicEdit::Message) => resp.mic.clone_from(&resp.token),
            Self::Mic(MicEdit::Flipped(bit)) => {
                let byte = resp.mic.as_mut().and_then(|mic| mic.get_mut(bit / 8 % 16));
                if let Some(byte) = byte {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }
}

/// The list in a first token.
fn list(token: &[u8]) -> Vec<u8> {
    let Token::Init(init) = Token::parse(token).unwrap() else { panic!("no NegTokenInit") };
    init.mech_types.as_bytes().to_vec()
}

proptest! {
    /// A man in the middle changes the negotiation of the mechanism. A side that completes has
    /// proven the password or talks to a peer that knows it, and both sides have seen the same
    /// list.
    #[test]
    fn completed_negotiations_have_the_same_list_on_both_sides(
        offer in offer(),
        edits in btree_map(0..7_usize, vec(edit(), 1..3), 0..4),
        to_all in option::of(edit()),
    ) {
        let (mut lists, mut mics) = (Vec::new(), [Vec::new(), Vec::new()]);
        let mut number = 0;
        let mut is_untouched = true;
        let mut world = World::new(offer, PASSWORD, Fixed::starting_with(1), Fixed::starting_with(101));
        let end = world.run(&mut |token, is_clients| {
            if number == 0 {
                lists.push(list(token));
            }
            if let Ok(Token::Response(resp)) = Token::parse(token) {
                if let Some(mic) = resp.mech_list_mic {
                    mics[usize::from(is_clients)] = mic.to_vec();
                }
            }
            let before = token.clone();
            let to_this = edits.get(&number).into_iter().flatten();
            for edit in to_this.chain(to_all.iter().filter(|_| is_clients)) {
                edit.apply(token, &mics[usize::from(!is_clients)]);
            }
            is_untouched &= *token == before;
            if number == 0 {
                lists.push(list(token));
            }
            number += 1;
        });
        let is_same = lists[0] == lists[1];
        if let Some((_, preferred)) = &end.server {
            prop_assert!(end.is_proven && is_same);
            let first = mechanism(offer.mechanisms()[0]);
            prop_assert_eq!(*preferred, Some(first).filter(|first| *first != Mechanism::Ntlm));
        }
        if let Some(keys) = end.client {
            prop_assert!(end.is_proven && is_same);
            if let Some((others, _)) = end.server {
                // Both sides start with the same sequence numbers.
                let mut sessions = (keys.into_session().unwrap(), others.into_session().unwrap());
                let signature = sessions.0.sign(b"message").unwrap();
                prop_assert!(sessions.1.verify(b"message", &signature).is_ok());
                let signature = sessions.1.sign(b"answer").unwrap();
                prop_assert!(sessions.0.verify(b"answer", &signature).is_ok());
            }
        } else {
            prop_assert!(!is_untouched, "{:?}", end.error);
        }
    }

    /// With another password, neither side completes.
    #[test]
    fn neither_side_completes_with_a_wrong_password(
        offer in offer(),
        edits in btree_map(0..7_usize, vec(edit(), 1..3), 0..3),
    ) {
        let mut number = 0;
        let mut world = World::new(offer, "another", Fixed::starting_with(1), Fixed::starting_with(101));
        let end = world.run(&mut |token, _| {
            for edit in edits.get(&number).into_iter().flatten() {
                edit.apply(token, &[]);
            }
            number += 1;
        });
        prop_assert!(end.client.is_none() && end.server.is_none() && !end.is_proven);
    }
}
