//! SPNEGO around a handshake, and the attacks of a man in the middle on it.

use core::cell::RefCell;
use std::collections::BTreeSet;

use ntlm::NtHash;
use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::server::Identity;
use ntlm::session::{Protection, SessionKeys, Signature};
use ntlm::spnego::hazmat::initiator::{AwaitReply, AwaitVerdict, Reply, Verdict};
use ntlm::spnego::{
    Accepting, Acceptor, AwaitClient, AwaitServer, Error, Initiated, Initiator, Mechanism,
    NegState, Outcome, Token,
};
use ntlm::wire::NegotiateFlags as Flags;

use crate::exchange::{Given, Level, Mode, Setting};
use crate::outcome::By;
use crate::{foreign, notes, outcome};
use ntlm_testkit::Fixed;
use ntlm_testkit::fields;
use ntlm_testkit::spnego::{
    Encoder, Init, KERBEROS, KERBEROS_FIRST, NEGOEX, NTLM, Resp, change_response,
};

/// A row of the table.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// The change to the tokens, in one or several ways.
    how: fn(&Honest) -> Vec<Change>,
    pub(crate) note: Option<&'static str>,
    takes_bare: bool,
}

impl Attack {
    const fn new(name: &'static str, how: fn(&Honest) -> Vec<Change>) -> Self {
        Self { name, how, note: None, takes_bare: false }
    }

    const fn possible_since(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }

    const fn if_bare_is_allowed(self) -> Self {
        Self { takes_bare: true, ..self }
    }
}

/// Is called for each token with its number among the tokens of its sender, the sender, and the
/// token. A token that is removed does not arrive; then the attacker may answer instead of the
/// server.
type Change = Box<Changes<'static>>;
type Changes<'a> = dyn Fn(usize, Side, &mut Option<Vec<u8>>) + 'a;

/// A column of the table.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) title: &'static str,
    prefers_kerberos: bool,
    mode: Mode,
    level: Level,
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind::new("NTLM alone, default", false, Mode::Ntlmv2, Level::Default),
    Kind::new("NTLM alone, strict", false, Mode::Ntlmv2, Level::Strict),
    Kind::new("Kerberos first, default", true, Mode::Ntlmv2, Level::Default),
    Kind::new("Kerberos first, strict", true, Mode::Ntlmv2, Level::Strict),
    Kind::new("Kerberos first, no MIC, default", true, Mode::WithoutMic, Level::Default),
];

impl Kind {
    const fn new(title: &'static str, prefers_kerberos: bool, mode: Mode, level: Level) -> Self {
        Self { title, prefers_kerberos, mode, level }
    }

    /// The results of an attack, with each protection.
    pub(crate) fn outcomes(self, attack: &Attack) -> BTreeSet<outcome::Outcome> {
        let mut outcomes = BTreeSet::new();
        for setting in Setting::all(self.mode, self.level) {
            // Without extended session security there is no mechListMIC.
            if setting.without.is_empty() {
                let honest = Honest::new(self, setting);
                for change in (attack.how)(&honest) {
                    let end = honest.negotiation(attack.takes_bare).run(&*change);
                    outcomes.insert(honest.compare(&end));
                }
            }
        }
        outcomes
    }
}

/// The results without an attack.
pub(crate) struct Honest {
    kind: Kind,
    setting: Setting,
    client: Vec<Vec<u8>>,
    server: Vec<Vec<u8>>,
    end: End,
}

impl Honest {
    fn new(kind: Kind, setting: Setting) -> Self {
        Self::at_time(kind, setting, 1)
    }

    /// The same peers at another time.
    fn earlier(&self) -> Self {
        Self::at_time(self.kind, self.setting, 51)
    }

    fn at_time(kind: Kind, setting: Setting, time: u8) -> Self {
        let end = End::default();
        let mut honest = Self { kind, setting, client: Vec::new(), server: Vec::new(), end };
        let tokens = RefCell::new((Vec::new(), Vec::new()));
        let end = honest.negotiation_at(time, false).run(&|_, side, token| {
            let (client, server) = &mut *tokens.borrow_mut();
            let sent = if side == Side::Client { client } else { server };
            sent.extend(token.clone());
        });
        assert!(end.error.is_none(), "{:?}", end.error);
        (honest.client, honest.server) = tokens.into_inner();
        Self { end, ..honest }
    }

    fn negotiation(&self, takes_bare: bool) -> Negotiation {
        self.negotiation_at(1, takes_bare)
    }

    /// Another negotiation has other random numbers.
    fn negotiation_at(&self, time: u8, takes_bare: bool) -> Negotiation {
        let Self { kind, setting, .. } = self;
        let acceptor = Acceptor::new(setting.server(Given::RIGHT));
        let acceptor = if takes_bare { acceptor.with_bare_ntlm_allowed() } else { acceptor };
        let kerberos_first = Init::plain(&KERBEROS_FIRST, Some(b"a ticket")).der();
        let (first, client) = match (kind.mode, kind.prefers_kerberos) {
            (Mode::WithoutMic, _) => {
                let reply = AwaitReply::after(&kerberos_first).unwrap();
                (kerberos_first, Client::Foreign(reply, setting.protection))
            }
            (_, prefers_kerberos) => {
                let initiator = Initiator::new(setting.client(Given::RIGHT));
                let (first, next) = match prefers_kerberos {
                    true => {
                        let next = initiator.continue_after(&kerberos_first).unwrap();
                        (kerberos_first, next)
                    }
                    false => initiator.initiate().unwrap(),
                };
                (first, Client::Ours(next))
            }
        };
        let environments = (Fixed::starting_with(time), Fixed::starting_with(time + 100));
        Negotiation { first, client: Some(client), server: Some(acceptor.start()), environments }
    }

    fn compare(&self, end: &End) -> outcome::Outcome {
        let mut different = Vec::new();
        if let (Some(server), Some(honest)) = (&end.server, &self.end.server) {
            if server.preferred != honest.preferred {
                different.push("other preference".to_owned());
            }
            if server.protection != honest.protection || server.is_user != honest.is_user {
                different.push("other protection or user".to_owned());
            }
        }
        if different.is_empty() {
            if let Some(stopped) = &end.error {
                return outcome::Outcome::Refused(stopped.clone());
            }
            if self.end.messages == end.messages {
                return outcome::Outcome::NoEffect;
            }
            different.push("other messages".to_owned());
        }
        different.extend(end.error.as_ref().map(|stopped| format!("then {stopped}")));
        outcome::Outcome::Possible(different.join(", "))
    }

    /// The first token with this list. A ticket of Kerberos stays only where NTLM is not first.
    fn with_list(&self, list: &[&[u8]]) -> Vec<u8> {
        let Ok(Token::Init(init)) = Token::parse(&self.client[0]) else {
            panic!("no NegTokenInit")
        };
        let stays = list[0] != NTLM || !self.kind.prefers_kerberos;
        Init::plain(list, init.mech_token.filter(|_| stays)).der()
    }
}

/// The results of a negotiation.
#[derive(Default)]
struct End {
    server: Option<Accepted>,
    /// The first signed messages of both sessions.
    messages: Vec<Vec<u8>>,
    error: Option<outcome::Stopped>,
}

struct Accepted {
    /// The keys, until a session is made from them.
    keys: Option<SessionKeys>,
    protection: Protection,
    is_user: bool,
    preferred: Option<Mechanism>,
}

struct Negotiation {
    first: Vec<u8>,
    client: Option<Client>,
    server: Option<AwaitClient>,
    environments: (Fixed, Fixed),
}

/// A client of this crate, or one whose AUTHENTICATE has no MIC.
enum Client {
    Ours(AwaitServer),
    Foreign(AwaitReply, Protection),
    Proven(AwaitVerdict),
}

impl Client {
    /// The next token and state, or the keys.
    fn read(
        self,
        token: &[u8],
        environment: &mut Fixed,
    ) -> Result<Result<(Vec<u8>, Self), SessionKeys>, Error> {
        match self {
            Self::Ours(client) => match client.read(token, environment)? {
                Initiated::Send(token, next) => Ok(Ok((token, Self::Ours(next)))),
                Initiated::Done(keys) => Ok(Err(keys)),
            },
            Self::Foreign(reply, protection) => match reply.read(token)? {
                Reply::Negotiate(next) => {
                    // The client asks for SIGN, because SPNEGO needs it.
                    let asked =
                        if protection == Protection::None { Protection::Sign } else { protection };
                    let (token, reply) = next.negotiate(&foreign::negotiate(asked));
                    Ok(Ok((token, Self::Foreign(reply, protection))))
                }
                Reply::Challenge(challenge, next) => {
                    let (message, keys) =
                        foreign::respond(Mode::WithoutMic, challenge, Given::RIGHT)?;
                    let key = ExportedSessionKey::from(keys.key);
                    let keys = SessionKeys::with_key(keys.flags, key, Side::Client);
                    let signs = next.signs(&keys, false);
                    let (token, verdict) = next.answer(&message, keys, signs);
                    Ok(Ok((token, Self::Proven(verdict))))
                }
            },
            Self::Proven(verdict) => match verdict.read(token)? {
                Verdict::Send(token, next) => Ok(Ok((token, Self::Proven(next)))),
                Verdict::Done(keys) => Ok(Err(keys)),
            },
        }
    }

    fn finish(self) -> Result<SessionKeys, Error> {
        match self {
            Self::Ours(client) => client.finish(),
            Self::Foreign(..) => Err(Error::NoMessage),
            Self::Proven(verdict) => verdict.finish(),
        }
    }
}

impl Negotiation {
    fn run(self, change: &Changes<'_>) -> End {
        let mut end = End::default();
        if let Err(stopped) = self.try_run(change, &mut end) {
            end.error = Some(stopped);
        }
        end
    }

    fn try_run(mut self, change: &Changes<'_>, end: &mut End) -> Result<(), outcome::Stopped> {
        let mut sent = self.first.clone();
        for number in 0.. {
            let mut token = Some(sent);
            change(number, Side::Client, &mut token);
            let mut token = match token {
                Some(token) => self.serve(&token, end).map_err(stopped(By::Server))?,
                None => None,
            };
            change(number, Side::Server, &mut token);
            let Some(client) = self.client.take() else { break };
            let read = match token {
                Some(token) => client.read(&token, &mut self.environments.0),
                // The carrier reports success.
                None => client.finish().map(Err),
            };
            match read.map_err(stopped(By::Client))? {
                Ok((token, next)) => {
                    sent = token;
                    self.client = Some(next);
                }
                Err(keys) => {
                    let others = end.server.as_mut().and_then(|accepted| accepted.keys.take());
                    if let Some(others) = others {
                        end.messages = first_messages(keys, others);
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn serve(&mut self, token: &[u8], end: &mut End) -> Result<Option<Vec<u8>>, Error> {
        let server = self.server.take().ok_or(Error::Over)?;
        let outcome = match server.read(token, &mut self.environments.1)? {
            Accepting::Outcome(outcome) => outcome,
            Accepting::LookUp(look_up) => {
                let hash = NtHash::from_password("secret");
                look_up.verify(|claim| claim.verify_nt_hash(&hash))?
            }
        };
        match outcome {
            Outcome::Send(token, next) => {
                self.server = Some(next);
                Ok(Some(token))
            }
            Outcome::Done(done) => {
                end.server = Some(Accepted {
                    is_user: matches!(done.accepted.identity, Identity::User { .. }),
                    protection: done.accepted.keys.protection(),
                    keys: Some(done.accepted.keys),
                    preferred: done.client_preferred,
                });
                Ok(done.token)
            }
        }
    }
}

fn stopped(by: By) -> impl Fn(Error) -> outcome::Stopped {
    move |error| {
        let reason = match error {
            Error::Exchange(error) => outcome::reason(error),
            Error::Mic(error) => format!("MicError::{error:?}"),
            error => format!("{error:?}").split(['(', ' ']).next().unwrap().into(),
        };
        outcome::Stopped { by, reason }
    }
}

/// Signs and verifies one message in each direction.
fn first_messages(client: SessionKeys, server: SessionKeys) -> Vec<Vec<u8>> {
    let (mut client, mut server) = (client.into_session().unwrap(), server.into_session().unwrap());
    let message = client.sign(b"to the server").unwrap();
    server.verify(b"to the server", &message).unwrap();
    let answer = server.sign(b"to the client").unwrap();
    client.verify(b"to the client", &answer).unwrap();
    [message, answer].map(|signature| signature.as_bytes().to_vec()).to_vec()
}

/// Changes one token.
fn at(number: usize, side: Side, change: impl Fn(&mut Vec<u8>) + 'static) -> Change {
    Box::new(move |current, sender, token| {
        if let Some(token) = token.as_mut().filter(|_| (current, sender) == (number, side)) {
            change(token);
        }
    })
}

/// Changes each `NegTokenResp` of these sides.
fn each(sides: &'static [Side], change: impl Fn(&mut Resp) + 'static) -> Change {
    Box::new(move |_, sender, token| {
        if let Some(token) = token.as_mut().filter(|_| sides.contains(&sender)) {
            change_response(token, &change);
        }
    })
}

/// Makes one change after the other.
fn both(first: Change, second: Change) -> Change {
    Box::new(move |number, side, token| {
        first(number, side, token);
        second(number, side, token);
    })
}

const CLIENT: &[Side] = &[Side::Client];
const SERVER: &[Side] = &[Side::Server];
const BOTH: &[Side] = &[Side::Client, Side::Server];

fn without_mic(sides: &'static [Side]) -> Change {
    each(sides, |response| response.mic = None)
}

fn with_mic(side: &'static [Side], mic: Vec<u8>) -> Change {
    each(side, move |response| {
        if response.mic.is_some() {
            response.mic = Some(mic.clone());
        }
    })
}

impl Honest {
    fn sent(&self, side: Side) -> &[Vec<u8>] {
        if side == Side::Client { &self.client } else { &self.server }
    }

    /// Each token, with its number and sender.
    fn places(&self) -> impl Iterator<Item = (usize, Side)> {
        let places = |side| (0..self.sent(side).len()).map(move |number| (number, side));
        places(Side::Client).chain(places(Side::Server))
    }

    fn replaced(&self, number: usize, side: Side, other: &[u8]) -> Option<Change> {
        let other = other.to_vec();
        let is_same = self.sent(side)[number] == other;
        (!is_same).then(|| at(number, side, move |token| token.clone_from(&other)))
    }

    fn mic(&self, side: Side) -> Vec<u8> {
        let mut mics = self.sent(side).iter().filter_map(|token| match Token::parse(token) {
            Ok(Token::Response(response)) => response.mech_list_mic,
            _ => None,
        });
        mics.next_back().unwrap().to_vec()
    }

    /// A first token with this list.
    fn lists(&self, lists: &[&[&[u8]]]) -> Vec<Change> {
        let change = |list: &&[&[u8]]| self.replaced(0, Side::Client, &self.with_list(list));
        lists.iter().filter_map(change).collect()
    }

    /// The list without the mechanisms before NTLM.
    fn shorter(&self) -> Vec<Change> {
        match self.kind.prefers_kerberos {
            true => self.lists(&[&[KERBEROS, NTLM], &[MS_KERBEROS, NTLM], &[NTLM]]),
            false => Vec::new(),
        }
    }

    fn ntlm_in_front(&self) -> Vec<Change> {
        match self.kind.prefers_kerberos {
            true => self.lists(&[&[NTLM, MS_KERBEROS, KERBEROS], &[NTLM, KERBEROS]]),
            false => Vec::new(),
        }
    }

    /// The changes, and the state that belongs to them.
    fn and(changes: Vec<Change>, other: fn() -> Change) -> Vec<Change> {
        changes.into_iter().map(|change| both(change, other())).collect()
    }

    /// Clears flags in NEGOTIATE and CHALLENGE; the client's AUTHENTICATE follows them.
    fn flags(&self, flags: Flags) -> Vec<Change> {
        let clear = move |type_number: u8| -> Change {
            Box::new(move |_, _, token| {
                let Some(token) = token else { return };
                change_message(token, |message| {
                    if message[8] == type_number {
                        let kept = fields::flags(message) - flags;
                        fields::set_flags(message, kept);
                    }
                });
            })
        };
        vec![clear(1), clear(2), both(clear(1), clear(2)), both(both(clear(1), clear(2)), clear(3))]
    }
}

fn change_message(token: &mut Vec<u8>, change: impl Fn(&mut Vec<u8>)) {
    match Token::parse(token) {
        Ok(Token::Init(init)) => {
            let Some(message) = init.mech_token.filter(|token| token.starts_with(b"NTLMSSP\0"))
            else {
                return;
            };
            let mut message = message.to_vec();
            change(&mut message);
            *token = Init::plain(&[NTLM], Some(&message)).der();
        }
        _ => change_response(token, |response| response.token.iter_mut().for_each(&change)),
    }
}

const MS_KERBEROS: &[u8] = KERBEROS_FIRST[0];

pub(crate) const ATTACKS: [(&str, &[Attack]); 4] = [
    ("The list of mechanisms", LIST),
    ("`mechListMIC`", MICS),
    ("`negState`", STATES),
    ("Tokens and messages", TOKENS),
];

const LIST: &[Attack] = &[
    Attack::new("mechanisms before NTLM removed", Honest::shorter),
    Attack::new("the same, and the client's `mechListMIC` dropped", |honest| {
        Honest::and(honest.shorter(), || without_mic(CLIENT))
    })
    .possible_since(notes::LIST),
    Attack::new("the same, and both dropped", |honest| {
        Honest::and(honest.shorter(), || without_mic(BOTH))
    })
    .possible_since(notes::LIST),
    Attack::new("NTLM moved to the front", Honest::ntlm_in_front),
    Attack::new("the same, and the client's `mechListMIC` dropped", |honest| {
        Honest::and(honest.ntlm_in_front(), || without_mic(CLIENT))
    })
    .possible_since(notes::LIST),
    Attack::new("NTLM moved to the second place", |honest| {
        honest.lists(&[&[KERBEROS, NTLM], &[NEGOEX, NTLM], &[NEGOEX, MS_KERBEROS, NTLM]])
    }),
    Attack::new("a mechanism added after NTLM", |honest| match honest.kind.prefers_kerberos {
        true => honest.lists(&[&[MS_KERBEROS, KERBEROS, NTLM, NEGOEX]]),
        false => honest.lists(&[&[NTLM, NEGOEX]]),
    }),
    Attack::new("NTLM removed", |honest| honest.lists(&[&[MS_KERBEROS, KERBEROS]])),
    Attack::new("the same mechanisms, with lengths encoded in another form", |honest| {
        let Ok(Token::Init(init)) = Token::parse(&honest.client[0]) else {
            panic!("no NegTokenInit")
        };
        let list: &[&[u8]] = if honest.kind.prefers_kerberos { &KERBEROS_FIRST } else { &[NTLM] };
        let (token, _) = Init::plain(list, init.mech_token).encode(&mut Encoder::new(&[2; 4]));
        honest.replaced(0, Side::Client, &token).into_iter().collect()
    }),
];

const MICS: &[Attack] = &[
    Attack::new("the client's dropped", |_| vec![without_mic(CLIENT)]),
    Attack::new("the server's dropped", |_| vec![without_mic(SERVER)]),
    Attack::new("both dropped", |_| vec![without_mic(BOTH)]),
    Attack::new("each bit of either flipped", |_| {
        let flipped = |sides: &'static [Side]| {
            (0..128).map(move |bit| {
                each(sides, move |response| {
                    if let Some(mic) = &mut response.mic {
                        mic[bit / 8] ^= 1 << (bit % 8);
                    }
                })
            })
        };
        flipped(CLIENT).chain(flipped(SERVER)).collect()
    }),
    Attack::new("replaced with that of another list, or of an earlier negotiation", |honest| {
        let mut others = vec![honest.earlier()];
        if honest.kind.mode != Mode::WithoutMic {
            let prefers_kerberos = !honest.kind.prefers_kerberos;
            let other = Kind { prefers_kerberos, ..honest.kind };
            others.push(Honest::new(other, honest.setting));
        }
        let client = others.iter().map(|other| with_mic(CLIENT, other.mic(Side::Client)));
        let server = others.iter().map(|other| with_mic(SERVER, other.mic(Side::Server)));
        client.chain(server).collect()
    }),
    Attack::new("either sent back to its sender", |honest| {
        let mic = honest.mic(Side::Client);
        let without = || each(SERVER, |response| response.mic = None);
        vec![with_mic(SERVER, mic), both(with_mic(CLIENT, honest.mic(Side::Server)), without())]
    }),
    Attack::new("replaced with the dummy signature", |_| {
        let dummy = || Signature::DUMMY.as_bytes().to_vec();
        vec![with_mic(CLIENT, dummy()), with_mic(SERVER, dummy())]
    }),
    Attack::new("replaced with the NTLM message, as Windows 2000 sends it", |_| {
        vec![
            each(CLIENT, |response| {
                if response.mic.is_some() {
                    response.mic.clone_from(&response.token);
                }
            }),
            each(SERVER, |response| {
                if response.mic.is_some() {
                    response.token.clone_from(&response.mic);
                }
            }),
        ]
    }),
    Attack::new("one before the AUTHENTICATE", |honest| {
        let (client, server) = (honest.mic(Side::Client), honest.mic(Side::Server));
        let early = |sides: &'static [Side], mic: Vec<u8>| {
            each(sides, move |response| {
                if response.token.as_ref().is_none_or(|message| message[8] != 3) {
                    response.mic.get_or_insert_with(|| mic.clone());
                }
            })
        };
        if honest.kind.prefers_kerberos {
            vec![early(CLIENT, client), early(SERVER, server)]
        } else {
            vec![early(SERVER, server)]
        }
    }),
];

const STATES: &[Attack] = &[
    Attack::new("request-mic turned into accept-incomplete", |honest| {
        match honest.kind.prefers_kerberos {
            true => vec![state(0, NegState::AcceptIncomplete)],
            false => Vec::new(),
        }
    }),
    Attack::new("accept-incomplete turned into request-mic", |honest| {
        vec![state(honest.server.len() - 2, NegState::RequestMic)]
    }),
    Attack::new("accept-completed before the AUTHENTICATE", |honest| {
        (0..honest.server.len() - 1).map(|at| state(at, NegState::AcceptCompleted)).collect()
    }),
    Attack::new(
        "accept-completed without `mechListMIC`, sent instead of the server's token",
        |honest| {
            let last = honest.server.len() - 1;
            vec![Box::new(move |number, side, token| {
                if number == last {
                    *token = (side == Side::Server).then(|| completed().der());
                }
            })]
        },
    ),
    Attack::new("the last one turned into accept-incomplete or request-mic", |honest| {
        let last = honest.server.len() - 1;
        vec![state(last, NegState::AcceptIncomplete), state(last, NegState::RequestMic)]
    }),
    Attack::new("reject", |honest| {
        let places: Vec<_> = honest.places().collect();
        let reject = |response: &mut Resp| response.neg_state = Some(NegState::Reject as u8);
        let rejected =
            |(number, side)| at(number, side, move |token| change_response(token, reject));
        places.into_iter().skip(1).map(rejected).collect()
    }),
];

fn state(number: usize, state: NegState) -> Change {
    at(number, Side::Server, move |token| {
        change_response(token, |response| response.neg_state = Some(state as u8));
    })
}

fn completed() -> Resp {
    Resp { neg_state: Some(NegState::AcceptCompleted as u8), ..Resp::default() }
}

const TOKENS: &[Attack] = &[
    Attack::new("a token removed", |honest| {
        honest.places().filter_map(|(number, side)| honest.replaced(number, side, b"")).collect()
    }),
    Attack::new("a token replaced with another one of the negotiation", |honest| {
        let all = [&honest.client[..], &honest.server].concat();
        let by_each =
            |(number, side)| all.iter().filter_map(move |o| honest.replaced(number, side, o));
        honest.places().flat_map(by_each).collect()
    }),
    Attack::new("a token replaced with one of an earlier negotiation", |honest| {
        let earlier = honest.earlier();
        let replaced = |(number, side)| honest.replaced(number, side, &earlier.sent(side)[number]);
        honest.places().filter_map(replaced).collect()
    }),
    Attack::new("the last token does not arrive, and the carrier reports success", |honest| {
        let last = honest.server.len() - 1;
        vec![Box::new(move |number, side, token| {
            if (number, side) == (last, Side::Server) {
                *token = None;
            }
        })]
    }),
    Attack::new("the supported mechanism replaced with Kerberos", |_| {
        let kerberos = |response: &mut Resp| response.supported_mech = Some(KERBEROS.to_vec());
        vec![each(CLIENT, kerberos), each(SERVER, kerberos)]
    }),
    Attack::new("a message without SPNEGO, in the middle", |honest| {
        let bare = |(number, side): (usize, Side)| {
            let message = message_in(&honest.sent(side)[number])?;
            let is_first = (number, side) == (0, Side::Client);
            honest.replaced(number, side, &message).filter(|_| !is_first)
        };
        honest.places().filter_map(bare).collect()
    }),
    Attack::new("all messages without SPNEGO, for the server", |honest| vec![honest.bare()]),
    Attack::new("the same, with `with_bare_ntlm_allowed`", |honest| vec![honest.bare()])
        .if_bare_is_allowed()
        .possible_since(notes::BARE),
    Attack::new("SIGN cleared", |honest| {
        honest.flags(Flags::NEGOTIATE_SIGN | Flags::NEGOTIATE_SEAL)
    }),
    Attack::new("EXTENDED_SESSIONSECURITY cleared", |honest| {
        honest.flags(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    }),
    Attack::new("either cleared, and no `mechListMIC`", |honest| {
        let signing = Flags::NEGOTIATE_SIGN | Flags::NEGOTIATE_SEAL;
        let extended = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
        let cleared = [honest.flags(signing), honest.flags(extended)].into_iter().flatten();
        Honest::and(cleared.collect(), || without_mic(BOTH))
    }),
];

impl Honest {
    /// The server receives bare messages; the client receives its answers in SPNEGO.
    fn bare(&self) -> Change {
        let prefers_kerberos = self.kind.prefers_kerberos;
        Box::new(move |number, side, token| {
            let is_choice = prefers_kerberos && number == 0;
            match side {
                Side::Client => {
                    *token = token.as_deref().filter(|_| !is_choice).and_then(message_in)
                }
                Side::Server if is_choice => {
                    let neg_state = Some(NegState::RequestMic as u8);
                    let supported_mech = Some(NTLM.to_vec());
                    *token = Some(Resp { neg_state, supported_mech, ..Resp::default() }.der());
                }
                Side::Server => {
                    *token = Some(match token.take() {
                        Some(message) => {
                            let neg_state = Some(NegState::AcceptIncomplete as u8);
                            Resp { neg_state, token: Some(message), ..Resp::default() }.der()
                        }
                        None => completed().der(),
                    });
                }
            }
        })
    }
}

fn message_in(token: &[u8]) -> Option<Vec<u8>> {
    match Token::parse(token) {
        Ok(Token::Init(init)) => init.mech_token.map(<[u8]>::to_vec),
        Ok(Token::Response(response)) => response.response_token.map(<[u8]>::to_vec),
        _ => None,
    }
}
