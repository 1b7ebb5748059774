//! SPNEGO tokens: arbitrary bytes, and negotiations with a man in the middle.

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use ntlm::crypto::Side;
use ntlm::server::Identity as Accepted;
use ntlm::session::Signature;
use ntlm::spnego::{
    Accepting, Acceptor, AwaitClient, AwaitServer, Error, Established, Initiated, Initiator,
    Mechanism, MicError, NegState, NegTokenResp, Outcome, Token,
};
use ntlm::wire::{Message, NegotiateFlags as Flags};
use ntlm::{Client, Credentials, NtHash, Session, SessionKeys, inspect};
use ntlm_testkit::spnego::{KERBEROS, MS_KERBEROS, NTLM, Resp, element};
use ntlm_testkit::{Scattered, server};

use crate::edit::{Edit, edit};
use crate::knobs::{ClientKnobs, Identity, PASSWORD, ServerKnobs, USER, pick};

const OIDS: [(&[u8], Mechanism); 4] = [
    (NTLM, Mechanism::Ntlm),
    (MS_KERBEROS, Mechanism::MsKerberos),
    (KERBEROS, Mechanism::Kerberos),
    (b"\x2b\x06\x01\x05\x02\x05", Mechanism::Other),
];

const STATES: [Option<NegState>; 5] = [
    Some(NegState::AcceptIncomplete),
    Some(NegState::AcceptCompleted),
    Some(NegState::RequestMic),
    None,
    Some(NegState::Reject),
];

/// Invariants of arbitrary bytes: they are a token that stays the same when it is written again, or
/// an error whose offset lies within them; and as a first token they complete nothing.
pub fn assert_parses(bytes: &[u8]) {
    let table = inspect::annotate(bytes).with_secrets().to_string();
    assert!(table.len() < 8192 + 200 * bytes.len(), "{} bytes", table.len());
    let (initiator, acceptor) = (Initiator::new(alice()), Acceptor::new(server()));
    let first = acceptor.start().read(bytes, &mut Scattered(1));
    assert!(!matches!(first, Ok(Accepting::LookUp(_) | Accepting::Outcome(Outcome::Done(_)))));
    let (hints, after) = (initiator.check_hints(bytes), initiator.continue_after(bytes));
    match Token::parse(bytes) {
        Err(error) => {
            assert!(error.offset() <= bytes.len());
            assert_eq!((first.err(), hints), (Some(error.into()), Err(error.into())));
        }
        Ok(Token::Init(init)) => {
            let offers_ntlm = init.mech_types.iter().any(|mechanism| mechanism == Mechanism::Ntlm);
            assert_eq!(hints.is_ok(), offers_ntlm);
            assert!(offers_ntlm || (first.is_err() && after.is_err()));
            let again = write_init(init.mech_types.as_bytes(), init.mech_token);
            // The shortest lengths may make the token shorter; the framing may make it too long.
            if let Ok(again) = Token::parse(&again) {
                let Token::Init(again) = again else { panic!("{again:?}") };
                assert_eq!(
                    (again.mech_types, again.mech_token),
                    (init.mech_types, init.mech_token)
                );
            }
        }
        Ok(Token::Response(response)) => {
            assert!(first.is_err() && hints.is_err() && after.is_err());
            let again = write_response(&response);
            let Ok(Token::Response(again)) = Token::parse(&again) else { panic!("{again:?}") };
            let is_known = response.supported_mech != Some(Mechanism::Other);
            assert!(!is_known || again == response, "{again:?}");
        }
        Ok(_) => assert!(hints.is_err() && after.is_err()),
    }
}

/// Clients and servers with any policy, and a man in the middle who may reorder, repeat, change and
/// create tokens, and replay those of other negotiations of the same peers or of the other side.
#[derive(Arbitrary, Debug)]
pub struct Negotiations<'a> {
    client: ClientKnobs,
    server: ServerKnobs,
    allows_missing_mic: bool,
    takes_bare: bool,
    /// The lists of both negotiations.
    offers: [u8; 2],
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// Forwards the last token.
    Pass { second: bool },
    /// Forwards it with changes.
    Change { second: bool, change: Change<'a> },
    /// Gives a token to a side.
    Give { second: bool, to_client: bool, token: Source<'a> },
    /// The carrier reports success to the client.
    Finish { second: bool },
    /// Both sides start again.
    Restart { second: bool, offer: u8 },
}

#[derive(Arbitrary, Debug)]
enum Source<'a> {
    /// A token that any side sent in any negotiation.
    Sent(u8),
    Changed(u8, Change<'a>),
    Response {
        state: u8,
        mechanism: u8,
        message: Option<u8>,
        mic: Option<u8>,
    },
    Init {
        list: [u8; 3],
        message: Option<u8>,
    },
    Bare(u8),
    Bytes(&'a [u8]),
    Empty,
}

#[derive(Arbitrary, Debug)]
enum Change<'a> {
    List([u8; 3]),
    State(u8),
    Mechanism(u8),
    /// The `mechListMIC` of any other token, or none.
    Mic(Option<u8>),
    /// The message, as Windows 2000 sends it.
    CopyAsMic,
    FlipMic(u8),
    /// The message of any other token, or none.
    Message(Option<u8>),
    /// Changes to the message inside.
    Edit(Edit<'a>),
    /// Changes to the whole token.
    EditToken(Edit<'a>),
}

impl Negotiations<'_> {
    /// Runs all steps, and asserts that each has a permitted result.
    pub fn run(&self) {
        let mut world = World::new(self);
        for step in &self.steps {
            match step {
                Step::Pass { second } => world.pass(usize::from(*second)),
                Step::Change { second, change } => {
                    let at = usize::from(*second);
                    let mut token = world.negotiations[at].last.clone();
                    world.change(&mut token, change);
                    world.give(at, world.negotiations[at].is_for_client, &token);
                }
                Step::Give { second, to_client, token } => {
                    let token = world.make(token);
                    world.give(usize::from(*second), *to_client, &token);
                }
                Step::Finish { second } => world.finish(usize::from(*second)),
                Step::Restart { second, offer } => {
                    let next = world.begin(*offer);
                    world.negotiations[usize::from(*second)] = next;
                }
            }
        }
    }
}

/// The knowledge of an observer of both sides.
struct World<'a> {
    knobs: &'a Negotiations<'a>,
    initiator: Initiator,
    acceptor: Acceptor,
    negotiations: Vec<Negotiation>,
    /// All tokens that were sent, and those of other negotiations.
    sent: Vec<Vec<u8>>,
    environment: Scattered,
}

struct Negotiation {
    client: Option<AwaitServer>,
    server: Option<AwaitClient>,
    /// The list that was sent.
    list: Vec<u8>,
    prefers_another: bool,
    /// The last token, and its sender.
    last: Vec<u8>,
    is_for_client: bool,
    /// Whether every token was forwarded unchanged.
    is_honest: bool,
    of_client: Seen,
    of_server: Seen,
}

/// The tokens that one side received and sent.
#[derive(Default)]
struct Seen {
    /// Server: the list that it received.
    list: Vec<u8>,
    is_bare: bool,
    /// Client: whether it has sent its AUTHENTICATE.
    has_proven: bool,
    has_signed: bool,
    given_mics: Vec<Vec<u8>>,
}

impl<'a> World<'a> {
    fn new(knobs: &'a Negotiations<'a>) -> Self {
        let initiator = Initiator::new(knobs.client.client());
        let acceptor = Acceptor::new(knobs.server.server());
        let mut world = Self {
            knobs,
            initiator: match knobs.allows_missing_mic {
                true => initiator.with_missing_mic_allowed(),
                false => initiator,
            },
            acceptor: match knobs.takes_bare {
                true => acceptor.with_bare_ntlm_allowed(),
                false => acceptor,
            },
            negotiations: Vec::new(),
            sent: RECORDED.clone(),
            environment: Scattered(1),
        };
        for offer in knobs.offers {
            let next = world.begin(offer);
            world.negotiations.push(next);
        }
        world
    }

    fn begin(&mut self, offer: u8) -> Negotiation {
        let (client, server) = (&self.initiator, self.acceptor.start());
        let (first, state) = match offer % 4 {
            // A policy may not allow any handshake.
            0 => client.initiate().map_or((Vec::new(), None), |(first, next)| (first, Some(next))),
            offer => {
                let list = pick(&[[1, 2, 0], [0, 1, 2], [3, 0, 0]], offer - 1);
                let ticket = [None, Some(&b"ticket"[..])][usize::from(list[0] != 0)];
                let first = write_init(&write_list(&list), ticket);
                let state = client.continue_after(&first).expect("it offers NTLM");
                (first, Some(state))
            }
        };
        let (list, prefers_another) = match Token::parse(&first) {
            Ok(Token::Init(init)) => (init.mech_types.as_bytes().to_vec(), offer % 2 == 1),
            _ => (Vec::new(), false),
        };
        self.sent.push(first.clone());
        Negotiation {
            client: state,
            server: Some(server),
            list,
            prefers_another,
            last: first,
            is_for_client: false,
            is_honest: true,
            of_client: Seen::default(),
            of_server: Seen::default(),
        }
    }

    fn pass(&mut self, at: usize) {
        let Negotiation { last, is_for_client, .. } = &self.negotiations[at];
        let (token, is_for_client) = (last.clone(), *is_for_client);
        if !token.is_empty() {
            self.give(at, is_for_client, &token);
        }
    }

    /// Gives a token to a side of a negotiation.
    fn give(&mut self, at: usize, to_client: bool, token: &[u8]) {
        let negotiation = &mut self.negotiations[at];
        let is_next = to_client == negotiation.is_for_client && token == negotiation.last;
        negotiation.is_honest &= is_next;
        let result = match to_client {
            true => negotiation.answer(token, self.knobs, &mut self.environment),
            false => negotiation.serve(token, self.knobs, &mut self.environment),
        };
        match result {
            None => {}
            Some(Ok(answer)) => {
                self.sent.extend(answer.clone());
                negotiation.is_for_client = !to_client;
                negotiation.last = answer.unwrap_or_default();
            }
            Some(Err(error)) => {
                negotiation.last = Vec::new();
                assert!(!error.to_string().contains(char::is_control));
                // Without a man in the middle, only the policies can stop a negotiation.
                let is_policy =
                    matches!(error, Error::Exchange(_) | Error::Mic(MicError::CannotSign));
                assert!(is_policy || !negotiation.is_honest, "{error:?}");
            }
        }
    }

    fn finish(&mut self, at: usize) {
        let negotiation = &mut self.negotiations[at];
        let Some(client) = negotiation.client.take() else { return };
        match client.finish() {
            Ok(keys) => {
                let side = &negotiation.of_client;
                assert!(side.has_proven, "nothing was proven");
                let is_due = negotiation.prefers_another && can_sign(&keys);
                assert!(!is_due || self.knobs.allows_missing_mic || !side.given_mics.is_empty());
            }
            Err(error) if !negotiation.of_client.has_proven => assert_eq!(error, Error::NoMessage),
            Err(error) => {
                assert_eq!(error, MicError::Missing.into());
                assert!(negotiation.prefers_another && !self.knobs.allows_missing_mic);
            }
        }
    }

    fn make(&self, source: &Source<'_>) -> Vec<u8> {
        match source {
            Source::Sent(number) => self.any(*number).to_vec(),
            Source::Changed(number, change) => {
                let mut token = self.any(*number).to_vec();
                self.change(&mut token, change);
                token
            }
            Source::Response { state, mechanism, message, mic } => {
                let message = message.and_then(|number| self.message(number));
                let mic = mic.and_then(|number| self.mic(number));
                let mechanism = mechanism.checked_sub(1).map(|at| pick(&OIDS, at).1);
                write(pick(&STATES, *state), mechanism, message.as_deref(), mic.as_deref())
            }
            Source::Init { list, message } => {
                let message = message.and_then(|number| self.message(number));
                write_init(&write_list(list), message.as_deref())
            }
            Source::Bare(number) => self.message(*number).unwrap_or_default(),
            Source::Bytes(bytes) => bytes.to_vec(),
            Source::Empty => Vec::new(),
        }
    }

    fn change(&self, token: &mut Vec<u8>, change: &Change<'_>) {
        if let Change::EditToken(change) = change {
            return edit(token, core::slice::from_ref(change));
        }
        match Token::parse(token) {
            Ok(Token::Init(init)) => {
                let (list, message) = (init.mech_types.as_bytes(), init.mech_token);
                *token = match change {
                    Change::List(list) => write_init(&write_list(list), message),
                    Change::Message(number) => {
                        let other = number.and_then(|number| self.message(number));
                        write_init(list, other.as_deref())
                    }
                    Change::Edit(change) => {
                        let mut message = message.unwrap_or_default().to_vec();
                        edit(&mut message, core::slice::from_ref(change));
                        write_init(list, Some(&message))
                    }
                    _ => return,
                }
            }
            Ok(Token::Response(response)) => {
                let NegTokenResp { mut neg_state, mut supported_mech, .. } = response;
                let mut message = response.response_token.map(<[u8]>::to_vec);
                let mut mic = response.mech_list_mic.map(<[u8]>::to_vec);
                match change {
                    Change::State(state) => neg_state = pick(&STATES, *state),
                    Change::Mechanism(at) => {
                        supported_mech = at.checked_sub(1).map(|at| pick(&OIDS, at).1);
                    }
                    Change::Mic(number) => mic = number.and_then(|number| self.mic(number)),
                    Change::CopyAsMic => mic.clone_from(&message),
                    Change::FlipMic(bit) => {
                        if let Some(octet) =
                            mic.as_mut().and_then(|mic| mic.get_mut(usize::from(*bit / 8) % 16))
                        {
                            *octet ^= 1 << (bit % 8);
                        }
                    }
                    Change::Message(number) => {
                        message = number.and_then(|number| self.message(number));
                    }
                    Change::Edit(change) => {
                        let message = message.get_or_insert_default();
                        edit(message, core::slice::from_ref(change));
                    }
                    Change::List(_) | Change::EditToken(_) => {}
                }
                *token = write(neg_state, supported_mech, message.as_deref(), mic.as_deref());
            }
            _ => {}
        }
    }

    fn any(&self, number: u8) -> &[u8] {
        // The latest one first.
        let at = self.sent.len() - 1 - usize::from(number) % self.sent.len();
        &self.sent[at]
    }

    fn message(&self, number: u8) -> Option<Vec<u8>> {
        match Token::parse(self.any(number)) {
            Ok(Token::Init(init)) => init.mech_token.map(<[u8]>::to_vec),
            Ok(Token::Response(response)) => response.response_token.map(<[u8]>::to_vec),
            Ok(Token::Ntlm(message)) => Some(message.to_vec()),
            _ => None,
        }
    }

    fn mic(&self, number: u8) -> Option<Vec<u8>> {
        if number == u8::MAX {
            return Some(Signature::DUMMY.as_bytes().to_vec());
        }
        mic_of(self.any(number))
    }
}

impl Negotiation {
    /// Passes a token to the server. `None` if the server has already stopped.
    fn serve(
        &mut self,
        token: &[u8],
        knobs: &Negotiations<'_>,
        environment: &mut Scattered,
    ) -> Option<Result<Option<Vec<u8>>, Error>> {
        let server = self.server.take()?;
        match Token::parse(token) {
            Ok(Token::Init(init)) => {
                self.of_server.list = init.mech_types.as_bytes().to_vec();
            }
            Ok(Token::Ntlm(_)) => self.of_server.is_bare = true,
            _ => {}
        }
        self.of_server.given_mics.extend(mic_of(token));
        let outcome = match server.read(token, environment) {
            Ok(Accepting::Outcome(outcome)) => Ok(outcome),
            Ok(Accepting::LookUp(look_up)) => look_up.verify(|claim| {
                let accepted = claim.verify_nt_hash(&NtHash::from_password(PASSWORD))?;
                let identity = knobs.client.identity();
                assert!(!matches!(identity, Identity::Impostor | Identity::Anonymous));
                Ok(accepted)
            }),
            Err(error) => Err(error),
        };
        Some(outcome.map(|outcome| match outcome {
            Outcome::Send(token, next) => {
                assert!(!token.is_empty());
                self.server = Some(next);
                Some(token)
            }
            Outcome::Done(done) => {
                self.assert_accepted(&done, knobs);
                done.token
            }
        }))
    }

    /// Asserts what a server has verified of a client that it accepts.
    fn assert_accepted(&self, done: &Established, knobs: &Negotiations<'_>) {
        let (accepted, side) = (&done.accepted, &self.of_server);
        let is_user = matches!(accepted.identity, Accepted::User { .. });
        assert!(is_user || knobs.server.policy().allow_anonymous);
        let Some(token) = &done.token else {
            assert!(knobs.takes_bare && side.is_bare && side.given_mics.is_empty());
            return;
        };
        assert!(!side.is_bare);
        let keys = &accepted.keys;
        let prefers_another = first_mechanism(&side.list) != Mechanism::Ntlm;
        assert_eq!(done.client_preferred.is_some(), prefers_another);
        let right = mech_list_mic(keys, &side.list, Side::Client);
        let is_due = can_sign(keys) && (prefers_another || accepted.mic_checked);
        assert!(!is_due || !side.given_mics.is_empty(), "a required mechListMIC is missing");
        assert!(side.given_mics.iter().all(|mic| Some(mic) == right.as_ref()), "it was wrong");
        assert!(!is_user || !prefers_another || can_sign(keys), "no mechListMIC is possible");
        let Ok(Token::Response(last)) = Token::parse(token) else { panic!("{token:02x?}") };
        assert_eq!(last.neg_state, Some(NegState::AcceptCompleted));
        if let Some(mic) = last.mech_list_mic {
            let right = mech_list_mic(keys, &side.list, Side::Server);
            assert_eq!(Some(mic), right.as_deref());
        }
    }

    /// Passes a token to the client. `None` if the client has already stopped.
    fn answer(
        &mut self,
        token: &[u8],
        knobs: &Negotiations<'_>,
        environment: &mut Scattered,
    ) -> Option<Result<Option<Vec<u8>>, Error>> {
        let client = self.client.take()?;
        let had_proven = self.of_client.has_proven;
        self.of_client.given_mics.extend(mic_of(token));
        let state = match Token::parse(token) {
            Ok(Token::Response(response)) => response.neg_state,
            _ => None,
        };
        let result = client.read(token, environment);
        let is_early = state == Some(NegState::AcceptCompleted) && !had_proven;
        assert!(!is_early || result.is_err(), "the client accepted a verdict before its proof");
        Some(result.map(|initiated| match initiated {
            Initiated::Send(token, next) => {
                let message = match Token::parse(&token) {
                    Ok(Token::Response(response)) => response.response_token,
                    other => panic!("{other:?}"),
                };
                match message.map(Message::parse) {
                    Some(Ok(Message::Negotiate(_))) => assert!(!had_proven),
                    Some(Ok(Message::Authenticate(_))) => {
                        assert!(!had_proven);
                        self.of_client.has_proven = true;
                    }
                    None => assert!(had_proven && !self.of_client.has_signed),
                    other => panic!("{other:?}"),
                }
                self.of_client.has_signed |= mic_of(&token).is_some();
                self.client = Some(next);
                Some(token)
            }
            Initiated::Done(keys) => {
                self.assert_completed(&keys, had_proven, knobs);
                None
            }
        }))
    }

    /// Asserts what a client has verified when it completes.
    fn assert_completed(&self, keys: &SessionKeys, had_proven: bool, knobs: &Negotiations<'_>) {
        assert!(had_proven, "nothing was proven");
        let side = &self.of_client;
        let right = mech_list_mic(keys, &self.list, Side::Server);
        assert!(side.given_mics.iter().all(|mic| Some(mic) == right.as_ref()), "it was wrong");
        let is_due = side.has_signed || (self.prefers_another && can_sign(keys));
        let is_there = !side.given_mics.is_empty() && side.has_signed;
        assert!(
            !is_due || is_there || knobs.allows_missing_mic,
            "a required mechListMIC is missing"
        );
    }
}

/// Whether an observer can compute a `mechListMIC`.
fn can_sign(keys: &SessionKeys) -> bool {
    let flags = keys.flags();
    flags.contains(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
        && flags.intersects(Flags::PROTECTION)
        && !keys.is_known_to_everyone()
}

fn mech_list_mic(keys: &SessionKeys, list: &[u8], side: Side) -> Option<Vec<u8>> {
    let mut session = Session::new(keys.flags(), keys.exported_session_key(), side);
    let mic = can_sign(keys).then(|| session.mech_list_mic(list).expect("it can sign"))?;
    Some(mic.as_bytes().to_vec())
}

fn mic_of(token: &[u8]) -> Option<Vec<u8>> {
    match Token::parse(token) {
        Ok(Token::Response(response)) => response.mech_list_mic.map(<[u8]>::to_vec),
        _ => None,
    }
}

fn first_mechanism(list: &[u8]) -> Mechanism {
    match Token::parse(&write_init(list, None)) {
        Ok(Token::Init(init)) => init.mech_types.iter().next().expect("it is not empty"),
        other => panic!("{other:?}"),
    }
}

fn alice() -> Client {
    Client::new(Credentials::password(USER, PASSWORD))
}

/// The tokens of other honest negotiations of the same user.
static RECORDED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let (mut sent, environment) = (Vec::new(), &mut Scattered(1 << 40));
    let lists = [write_list(&[0]), write_list(&[1, 2, 0])];
    for list in &lists {
        let mut token = write_init(list, None);
        let mut client = Initiator::new(alice()).continue_after(&token).expect("it offers NTLM");
        let mut server = Acceptor::new(server()).start();
        loop {
            sent.push(token.clone());
            let outcome = match server.read(&token, environment).expect("it is honest") {
                Accepting::Outcome(outcome) => outcome,
                Accepting::LookUp(look_up) => {
                    let verified = look_up.verify(|claim| claim.verify_password(PASSWORD));
                    verified.expect("it is the password")
                }
            };
            let Outcome::Send(answer, next) = outcome else { break };
            server = next;
            sent.push(answer.clone());
            match client.read(&answer, environment).expect("it is honest") {
                Initiated::Send(next, state) => (token, client) = (next, state),
                Initiated::Done(_) => break,
            }
        }
    }
    sent
});

fn write_list(list: &[u8]) -> Vec<u8> {
    let entries: Vec<_> = list.iter().map(|at| element(0x06, pick(&OIDS, *at).0)).collect();
    element(0x30, &entries.concat())
}

fn write_init(list: &[u8], message: Option<&[u8]>) -> Vec<u8> {
    let mut fields = element(0xa0, list);
    fields.extend(message.iter().flat_map(|message| element(0xa2, &element(0x04, message))));
    let init = element(0xa0, &element(0x30, &fields));
    element(0x60, &[element(0x06, b"\x2b\x06\x01\x05\x05\x02"), init].concat())
}

fn write_response(response: &NegTokenResp<'_>) -> Vec<u8> {
    write(
        response.neg_state,
        response.supported_mech,
        response.response_token,
        response.mech_list_mic,
    )
}

fn write(
    state: Option<NegState>,
    mechanism: Option<Mechanism>,
    message: Option<&[u8]>,
    mic: Option<&[u8]>,
) -> Vec<u8> {
    let oid = |mechanism| {
        OIDS.iter().find(|(_, known)| *known == mechanism).map_or(OIDS[3].0, |(oid, _)| oid)
    };
    let resp = Resp {
        neg_state: state.map(|state| state as u8),
        supported_mech: mechanism.map(|mechanism| oid(mechanism).to_vec()),
        token: message.map(<[u8]>::to_vec),
        mic: mic.map(<[u8]>::to_vec),
        unknown: Vec::new(),
    };
    resp.der()
}
