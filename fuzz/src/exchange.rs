//! A handshake with a man in the middle, and its permitted results.

use arbitrary::Arbitrary;

use ntlm::crypto::{LmHash, ResponseKey, mic};
use ntlm::error::{Denied, Misuse, Unexpected};
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, UserClaim};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, AvFlags, AvId, AvPairs, Challenge, Negotiate, NegotiateFlags as Flags, NtResponse,
};
use ntlm::{
    Ascii, Enforcement, Environment, EnvironmentError, Error, NtHash, ResponseKind, Server,
    SessionKeys, Text, client, server,
};

use crate::edit::{Edit, FieldEdit, edit, edit_fields};
use crate::knobs::{ClientKnobs, DOMAIN, Identity, PASSWORD, ServerKnobs, USER};
use crate::splice::{Known, Splice, has_second_header};
use ntlm_testkit::{Fixed, NOW};

/// The flags that a policy can require; the other flags are not policy decisions.
const CHOICES: Flags = Flags::NEGOTIATE_UNICODE
    .union(Flags::NEGOTIATE_OEM)
    .union(Flags::NEGOTIATE_LM_KEY)
    .union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    .union(Flags::NEGOTIATE_IDENTIFY)
    .union(Flags::REQUEST_NON_NT_SESSION_KEY)
    .union(Flags::NEGOTIATE_128)
    .union(Flags::NEGOTIATE_56)
    .union(Flags::NEGOTIATE_KEY_EXCH)
    .union(Flags::PROTECTION);

/// Flags that have no effect if messages are not protected.
const STRENGTH: Flags = Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56);

/// No input from a peer may cause an error that blames this side or reports a missing clock.
pub fn assert_peers_fault(error: Error, misuses: &[Misuse], lacks: Option<EnvironmentError>) {
    match error {
        Error::Misuse(misuse) => assert!(misuses.contains(&misuse), "{error:?}"),
        Error::Environment(environment) => assert_eq!(Some(environment), lacks),
        Error::Integrity(_) => panic!("{error:?} before there are keys"),
        _ => {}
    }
}

/// A client's answer to a CHALLENGE.
pub struct Answer<'a> {
    knobs: &'a ClientKnobs,
    policy: client::Policy,
    /// Empty in a connectionless handshake.
    negotiate: Vec<u8>,
    challenge: &'a [u8],
    response: client::Answer,
}

impl<'a> Answer<'a> {
    pub fn to(
        challenge: &'a [u8],
        knobs: &'a ClientKnobs,
        is_datagram: bool,
    ) -> Result<Self, Error> {
        let (client, environment) = (knobs.client(), &mut knobs.environment());
        let (negotiate, response) = if is_datagram {
            (Vec::new(), client.answer_datagram(challenge, environment)?)
        } else {
            let (negotiate, handshake) = client.initiate()?;
            (negotiate, handshake.answer(challenge, environment)?)
        };
        Ok(Self { knobs, policy: knobs.policy(), negotiate, challenge, response })
    }

    fn message(&self) -> Authenticate<'_> {
        Authenticate::parse(&self.response.token).expect("our own message parses")
    }

    /// The flags of the CHALLENGE. The client ignores its `TargetName`, which may be malformed.
    fn sent(&self) -> Flags {
        flags_at(self.challenge, 20).expect("it was answered")
    }

    fn target_info(&self) -> Option<AvPairs<'_>> {
        let list = field(self.challenge, TARGET_INFO);
        let is_there = self.sent().contains(Flags::NEGOTIATE_TARGET_INFO) && !list.is_empty();
        is_there.then(|| AvPairs::parse(list).expect("it was answered"))
    }

    fn flags(&self) -> Flags {
        self.message().flags.expect("we always send flags")
    }

    /// Both sides offered the flags of the answer.
    pub fn assert_both_offered_it(&self) {
        let free = Flags::ANONYMOUS;
        assert!((self.sent() | free).contains(self.flags()), "{}", self.flags());
        if let Ok(negotiate) = Negotiate::parse(&self.negotiate) {
            let offered = negotiate.flags | free | Flags::NEGOTIATE_TARGET_INFO;
            assert!(offered.contains(self.flags()), "{}", self.flags());
        }
    }

    /// The answer contains everything that the policy requires.
    pub fn assert_demands_are_met(&self) {
        let (policy, flags, message) = (&self.policy, self.flags(), self.message());
        assert!(self.challenge.len() <= policy.shared.max_message_len);
        assert!(self.response.keys.protection() >= self.knobs.protection());
        let is_protected = flags.intersects(Flags::PROTECTION);
        let strength = policy.shared.require_when_protected;
        let demanded = policy.shared.require | if is_protected { strength } else { Flags::empty() };
        assert!(flags.contains(demanded & CHOICES), "{flags} without {demanded}");
        assert!(message.mic.is_some() || !policy.shared.require_mic);
        let must_carry = policy.require_spn || policy.require_channel_bindings;
        match message.nt_response {
            NtResponse::Empty => {
                assert_eq!(self.knobs.identity(), Identity::Anonymous);
                assert!(!must_carry && self.response.keys.is_known_to_everyone());
                assert!(
                    !is_usable(&self.response.keys) || policy.shared.allow_insecure_anonymous_keys
                );
            }
            NtResponse::Short(_) => panic!("this client sends no short response"),
            NtResponse::V1(_) => {
                assert!(!must_carry && !policy.shared.lm_compatibility.sends_ntlmv2());
                let is_allowed = policy.shared.allow_constant_key_exchange_key;
                assert!(is_allowed || !has_constant_key(flags, ResponseKind::Ntlmv1));
            }
            NtResponse::V2(response) => {
                let pairs = response.target_info();
                let has_target = pairs.text(AvId::TARGET_NAME).is_some_and(|name| !name.is_empty());
                assert!(has_target || !policy.require_spn);
                let bindings = pairs.channel_bindings();
                assert!(bindings.is_some() || !policy.require_channel_bindings);
                let names = [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME];
                let has_names = names.into_iter().all(|name| pairs.get(name).is_some());
                let needs_names = self.knobs.protection() != Protection::None;
                assert!(has_names || !needs_names || policy.allow_missing_netbios_names);
                let has_mic = pairs.flags().contains(AvFlags::MIC_PRESENT);
                assert_eq!(has_mic, message.mic.is_some());
                let is_told = self.target_info().is_some();
                assert_eq!(pairs.get(AvId::TARGET_NAME).is_some(), is_told);
                let has_bindings = is_told && self.knobs.has_bindings();
                assert_eq!(pairs.channel_bindings().is_some(), has_bindings);
            }
        }
    }

    /// A server that has sent this CHALLENGE accepts a client that knows the password, rejects
    /// every other client, and shares the client's key.
    pub fn assert_it_proves_the_password(self) {
        let both = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_OEM;
        if self.sent().contains(both) {
            // No server leaves the choice of the character set open.
            return;
        }
        let mut policy = any_response();
        policy.shared.code_page = self.policy.shared.code_page;
        policy.shared.allow_insecure_anonymous_keys =
            self.policy.shared.allow_insecure_anonymous_keys;
        let is_datagram = self.negotiate.is_empty();
        let challenged_for_datagrams = self.sent().contains(Flags::NEGOTIATE_DATAGRAM);
        let server = Server::new(Names::standalone("SERVER")).with_policy(policy);
        let handshake = server.resume(&self.negotiate, self.challenge);
        if has_second_header(self.challenge) {
            // A client answers a CHALLENGE that is followed by a part of another one.
            assert!(!has_authenticate_header(self.challenge));
            assert_eq!(handshake.unwrap_err(), Unexpected::SecondHeader.into());
            return;
        }
        let handshake = handshake.expect("it was answered");
        let claim = match handshake.read(&self.response.token, &mut Fixed::default()) {
            Ok(claim) => claim,
            Err(error) => {
                assert_eq!(error, Unexpected::NotConnectionless.into());
                return assert!(challenged_for_datagrams && !is_datagram);
            }
        };
        match (verify(claim, Way::Hashes, PASSWORD), self.knobs.identity()) {
            (Err(error), Identity::Impostor) => assert_eq!(error, Denied::WrongPassword.into()),
            (Ok(accepted), identity) => {
                assert_eq!(accepted.user().is_none(), identity == Identity::Anonymous);
                assert_ne!(identity, Identity::Impostor);
                assert_same_keys(&accepted.keys, &self.response.keys);
            }
            (Err(error), identity) => panic!("{identity:?}: {error:?}"),
        }
    }
}

/// A policy that verifies only the proof.
fn any_response() -> server::Policy {
    server::Policy::insecure_for_analysis()
}

/// Whether the keys allow a session.
fn is_usable(keys: &SessionKeys) -> bool {
    keys.protection() != Protection::None
}

/// Whether messages are protected with keys that are the same in all sessions of a user.
fn has_constant_key(flags: Flags, kind: ResponseKind) -> bool {
    let depends = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY | Flags::NEGOTIATE_LM_KEY;
    flags.intersects(Flags::PROTECTION)
        && matches!(kind, ResponseKind::Ntlmv1 | ResponseKind::Lm)
        && !flags.intersects(depends)
}

const TARGET_INFO: usize = 40;
const LM_RESPONSE: usize = 12;
const NT_RESPONSE: usize = 20;

/// The flags at an offset in a message.
fn flags_at(message: &[u8], offset: usize) -> Option<Flags> {
    let bits = message.get(offset..offset + 4)?.try_into().ok()?;
    Some(Flags::from_bits_retain(u32::from_le_bytes(bits)))
}

/// The payload of a field of a message; empty if it is outside.
fn field(message: &[u8], descriptor: usize) -> &[u8] {
    let number = |at: usize, length: usize| {
        let bytes = message.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0, |number: usize, byte| number << 8 | usize::from(*byte))
    };
    let (length, offset) = (number(descriptor, 2), number(descriptor + 4, 4));
    message.get(offset..offset + length).unwrap_or_default()
}

fn has_authenticate_header(message: &[u8]) -> bool {
    message.windows(12).skip(1).any(|bytes| bytes == b"NTLMSSP\0\x03\0\0\0")
}

fn assert_same_keys(server: &SessionKeys, client: &SessionKeys) {
    assert_eq!(server.exported_session_key().expose(), client.exported_session_key().expose());
    assert_eq!(server.flags() & CHOICES, client.flags() & CHOICES);
    assert_eq!(server.protection(), client.protection());
}

/// How a server verifies a claim.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Way {
    Hashes,
    NtHash,
    ResponseKey,
    Guest,
}

pub fn verify(claim: Claim, way: Way, password: &str) -> Result<Accepted, Error> {
    let claim = match claim {
        Claim::User(claim) => claim,
        Claim::Anonymous(claim) => return claim.accept(),
    };
    let nt_hash = NtHash::from_password(password);
    let result = match way {
        Way::Hashes => {
            claim.verify_hashes(&nt_hash, LmHash::from_password(password, &Ascii).as_ref())
        }
        Way::NtHash => claim.verify_nt_hash(&nt_hash),
        Way::ResponseKey => {
            let user = claim.claimed_user();
            let key = ResponseKey::new(&nt_hash, user.user(), user.domain());
            claim.verify_response_key(&key)
        }
        Way::Guest => {
            return claim.accept_as_guest().inspect(|accepted| assert!(!is_usable(&accepted.keys)));
        }
    };
    let lacks_lm_hash = result.as_ref().is_err_and(|error| *error == Denied::NoLmHash.into());
    assert!(
        !lacks_lm_hash || matches!(way, Way::NtHash),
        "NoLmHash although the hash was passed or is not needed"
    );
    result
}

/// The policy allowed a client that is accepted without a proof. A guest has no session, and an
/// anonymous client has none unless the policy allows one whose key everyone knows.
pub fn assert_is_nobody(accepted: Accepted, policy: &server::Policy) {
    let may_protect = match accepted.identity {
        server::Identity::User { .. } => panic!("a user has a proof"),
        server::Identity::Guest => {
            assert!(policy.allow_guest);
            false
        }
        server::Identity::Anonymous => {
            assert!(policy.allow_anonymous);
            policy.shared.allow_insecure_anonymous_keys
        }
    };
    assert!(!policy.shared.require.intersects(Flags::PROTECTION));
    assert!(!policy.shared.require_mic && !accepted.mic_checked);
    assert!(policy.channel_bindings != Enforcement::Required && !accepted.bindings_checked);
    assert!(policy.spn != Enforcement::Required && accepted.spn().is_none());
    assert!(accepted.keys.is_known_to_everyone());
    assert!(may_protect || !is_usable(&accepted.keys));
    let is_datagram = accepted.keys.flags().contains(Flags::NEGOTIATE_DATAGRAM);
    let session = if is_datagram {
        accepted.keys.into_datagram_session().map(drop)
    } else {
        accepted.keys.into_session().map(drop)
    };
    let expected = if may_protect { Ok(()) } else { Err(Misuse::NoSessionSecurity.into()) };
    assert_eq!(session, expected);
}

/// A CHALLENGE whose answer is still due.
pub fn live_challenge(
    server: &Server,
    negotiate: &[u8],
    is_datagram: bool,
    environment: &mut dyn Environment,
) -> Result<(Vec<u8>, AwaitAuthenticate), Error> {
    if is_datagram {
        server.challenge_datagram(environment)
    } else {
        server.challenge(negotiate, environment)
    }
}

/// A message as it was sent, and as it was received.
#[derive(Debug, Default)]
pub struct Message {
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Message {
    fn new(sent: Vec<u8>) -> Self {
        Self { received: sent.clone(), sent }
    }

    fn is_intact(&self) -> bool {
        self.sent == self.received
    }
}

/// A handshake with a man in the middle.
#[derive(Arbitrary, Debug)]
pub struct Tampered<'a> {
    client: ClientKnobs,
    server: ServerKnobs,
    way: Way,
    is_datagram: bool,
    /// The client does not check the bytes after the CHALLENGE, like other implementations.
    is_client_lax: bool,
    before_authenticate: Option<Splice<'a>>,
    before_challenge: Option<Splice<'a>>,
    negotiate: Vec<Edit<'a>>,
    challenge: Vec<Edit<'a>>,
    fields: Vec<FieldEdit<'a>>,
    authenticate: Vec<Edit<'a>>,
}

/// The result.
pub struct Outcome {
    pub client: ClientKnobs,
    pub policy: server::Policy,
    way: Way,
    negotiate: Message,
    challenge: Message,
    authenticate: Message,
    client_keys: SessionKeys,
    result: Result<Accepted, Error>,
}

impl Tampered<'_> {
    /// `None` if one side stopped before the last message.
    pub fn run(self) -> Option<Outcome> {
        let excuse_client = |error| {
            assert_peers_fault(error, &self.client.misuses(), self.client.lacks());
        };
        let excuse_server = |error| {
            assert_peers_fault(error, &self.server.misuses(), self.server.lacks());
        };
        let known = self.known();
        let client = self.client.client();
        let server = self.server.server();
        let (client_side, server_side) =
            (&mut self.client.environment(), &mut self.server.environment());

        let (negotiate, await_challenge) = client.initiate().map_err(excuse_client).ok()?;
        // A connectionless handshake has no NEGOTIATE.
        let mut negotiate = Message::new(if self.is_datagram { Vec::new() } else { negotiate });
        if !self.is_datagram {
            edit(&mut negotiate.received, &self.negotiate);
            if let Some(splice) = &self.before_challenge {
                splice.end(&mut negotiate.received, &known[1], &known);
            }
        }
        let (challenge, handshake) =
            live_challenge(&server, &negotiate.received, self.is_datagram, server_side)
                .map_err(excuse_server)
                .ok()?;
        let mut challenge = Message::new(challenge);
        edit(&mut challenge.received, &self.challenge);
        if let Some(splice) = &self.before_challenge {
            splice.start(&mut challenge.received, &negotiate.sent, &known);
        }
        let unspliced = challenge.received.clone();
        if let Some(splice) = &self.before_authenticate {
            splice.end(&mut challenge.received, &known[2], &known);
        }
        let is_lax = self.is_client_lax && challenge.received.starts_with(&unspliced);
        let answered = if is_lax { &unspliced } else { &challenge.received };
        let mut response = if self.is_datagram {
            client.answer_datagram(answered, client_side)
        } else {
            await_challenge.answer(answered, client_side)
        }
        .map_err(excuse_client)
        .ok()?;
        assert!(!has_authenticate_header(answered), "the client checks what it answers");
        if is_lax {
            cover(&mut response, &negotiate.sent, &challenge.received);
        }
        let mut authenticate = Message::new(response.token);
        authenticate.received = edit_fields(&authenticate.sent, &self.fields)?;
        edit(&mut authenticate.received, &self.authenticate);
        if let Some(splice) = &self.before_authenticate {
            splice.start(&mut authenticate.received, &unspliced, &known);
        }
        let result = handshake
            .read(&authenticate.received, server_side)
            .inspect_err(|error| excuse_server(*error))
            .and_then(|claim| verify(claim, self.way, PASSWORD));
        Some(Outcome {
            policy: self.server.policy(),
            client: self.client,
            way: self.way,
            negotiate,
            challenge,
            authenticate,
            client_keys: response.keys,
            result,
        })
    }

    /// The messages of an earlier handshake that the attacker saw.
    fn known(&self) -> Known {
        let mut known = Known::default();
        if self.before_challenge.is_none() && self.before_authenticate.is_none() {
            return known;
        }
        let (client_side, server_side) =
            (&mut self.client.environment(), &mut self.server.environment());
        let client = self.client.client();
        let Ok((negotiate, await_challenge)) = client.initiate() else { return known };
        let server = self.server.server();
        let challenge = live_challenge(&server, &negotiate, self.is_datagram, server_side);
        known[0] = negotiate;
        let Ok((challenge, _)) = challenge else { return known };
        let response = if self.is_datagram {
            client.answer_datagram(&challenge, client_side)
        } else {
            await_challenge.answer(&challenge, client_side)
        };
        known[1] = challenge;
        known[2] = response.map(|response| response.token).unwrap_or_default();
        known
    }
}

/// Computes the MIC of an answer over another CHALLENGE than the one that was answered.
fn cover(response: &mut client::Answer, negotiate: &[u8], challenge: &[u8]) {
    let message = Authenticate::parse(&response.token).expect("our own message parses");
    let Some(offset) = message.mic_offset() else { return };
    response.token[offset..offset + 16].fill(0);
    let key = response.keys.exported_session_key().clone();
    let mic = mic(&key, &[negotiate, challenge, &response.token]);
    response.token[offset..offset + 16].copy_from_slice(&mic);
}

impl Outcome {
    fn is_intact(&self) -> bool {
        [&self.negotiate, &self.challenge, &self.authenticate].into_iter().all(Message::is_intact)
    }

    /// An honest handshake that was not changed fails only because of a requirement of the policy.
    pub fn assert_honest_proof_is_right(&self) {
        let Err(error) = &self.result else { return };
        let never = [Denied::WrongPassword, Denied::Mic, Denied::TargetInfo, Denied::Time];
        let is_wrong = matches!(error, Error::Denied(denied) if never.contains(denied))
            || *error == Unexpected::SecondHeader.into();
        let is_honest = self.client.identity() != Identity::Impostor && self.is_intact();
        assert!(!(is_honest && is_wrong), "{error:?}");
    }

    /// An accepted client meets every requirement of the policy.
    pub fn assert_accepted_as_it_must_be(self) {
        let Ok(accepted) = self.result else { return };
        let policy = &self.policy;
        let Some(user) = &accepted.user() else { return assert_is_nobody(accepted, policy) };
        let kind = accepted.identity.response().expect("a user has proven it");
        assert!(policy.shared.lm_compatibility.accepts(kind));
        assert!(policy.allow_lmv2_alone || kind != ResponseKind::Lmv2);
        assert!(accepted.mic_checked || !policy.shared.require_mic);
        assert!(!accepted.keys.is_known_to_everyone());
        let has_constant_key = has_constant_key(accepted.keys.flags(), kind);
        assert!(policy.shared.allow_constant_key_exchange_key || !has_constant_key);
        if policy.channel_bindings == Enforcement::Required {
            assert_eq!(kind, ResponseKind::Ntlmv2);
            assert!(accepted.bindings_checked || policy.allow_any_channel_bindings);
        }
        assert!(accepted.spn().is_some() || policy.spn != Enforcement::Required);
        let mut required = policy.shared.require & CHOICES;
        if accepted.keys.protection() == Protection::None {
            required -= STRENGTH;
        }
        assert!(accepted.keys.flags().contains(required));
        let identity = self.client.identity();
        assert!(matches!(identity, Identity::Alice | Identity::AliceByHash | Identity::Jurgen));

        let sent = Authenticate::parse(&self.authenticate.sent).expect("our own message parses");
        let received = &self.authenticate.received;
        assert!(!has_second_header(received) && !has_second_header(&self.negotiate.received));
        if kind == ResponseKind::Lmv2 || kind == ResponseKind::Lm {
            assert_eq!(field(received, LM_RESPONSE), sent.lm_response.as_bytes());
        } else {
            assert_eq!(field(received, NT_RESPONSE), sent.nt_response.as_bytes());
        }
        if matches!(kind, ResponseKind::Ntlmv2 | ResponseKind::Lmv2) {
            // The proof covers the user name and the domain, but not the border between them. It
            // may cover no domain, whatever the message contains.
            let name = if identity == Identity::Jurgen { "j\u{fc}rgen" } else { USER };
            let claimed = matches!(self.way, Way::ResponseKey).then(|| user.domain().clone());
            let domain = claimed.or(accepted.proven_domain()).expect("a hash was given");
            let proven = Text::from(format!("{}{domain}", user.user()));
            assert!(proven.eq_ignore_case(&Text::from(format!("{name}{DOMAIN}"))), "{proven}");
            assert!(user.user().eq_ignore_case(&name.into()) || !accepted.mic_checked, "{user}");
        }
    }

    /// If a MIC was verified, nothing was changed, and both sides share everything.
    pub fn assert_mic_covers_everything(&self) {
        let Ok(accepted) = &self.result else { return };
        if accepted.mic_checked {
            assert!(self.is_intact());
        }
        let is_shown = accepted.mic_checked || self.is_intact();
        if is_shown && accepted.user().is_some() {
            assert_same_keys(&accepted.keys, &self.client_keys);
        }
    }
}

/// An attempt to be accepted by a server without the user's password.
#[derive(Arbitrary, Debug)]
pub struct Attempt<'a> {
    is_datagram: bool,
    way: Way,
    flags: u32,
    authenticate: &'a [u8],
}

impl Attempt<'_> {
    pub fn run(&self, knobs: &ServerKnobs) -> Result<Accepted, Error> {
        let environment = &mut knobs.environment();
        let flags = Flags::from_bits_retain(self.flags ^ 0xe208_8237);
        let mut negotiate = Vec::new();
        Negotiate { flags, ..Negotiate::default() }.emit(&mut negotiate)?;
        let (_, handshake) =
            live_challenge(&knobs.server(), &negotiate, self.is_datagram, environment)?;
        let claim = handshake.read(self.authenticate, environment)?;
        assert!(!has_second_header(self.authenticate));
        if let Claim::User(claim) = &claim {
            assert!(!claim.proof_matches(&NtHash::from_password(UNGUESSED)));
            assert_passed_on(claim, self.authenticate);
        }
        verify(claim, self.way, UNGUESSED)
    }
}

const UNGUESSED: &str = "q7G.x!fR2";

/// The domain controller receives what the client sent.
fn assert_passed_on(claim: &UserClaim, authenticate: &[u8]) {
    let Ok(logon) = claim.network_logon() else { return };
    assert_eq!(logon.nt_response, field(authenticate, NT_RESPONSE));
    let lm_response = field(authenticate, LM_RESPONSE);
    assert!(logon.lm_response.is_empty() || logon.lm_response == lm_response);
    assert!(!logon.nt_response.is_empty() || !logon.lm_response.is_empty());
}

/// A CHALLENGE grants flags that were asked for and allowed, and contains names and time.
pub fn assert_challenge_is_right(
    challenge: &[u8],
    negotiate: Option<&[u8]>,
    policy: &server::Policy,
) {
    let message = Challenge::parse(challenge).expect("our own message parses");
    let granted = message.flags & CHOICES;
    let mut allowed = (policy.shared.offer & CHOICES) | Flags::PROTECTION;
    match negotiate {
        None => allowed |= Flags::NEGOTIATE_KEY_EXCH,
        Some(negotiate) => {
            assert!(
                negotiate.len() <= policy.shared.max_message_len && !has_second_header(negotiate)
            );
            // The server ignores everything after the flags.
            allowed &= flags_at(negotiate, 12).expect("it was answered");
            assert!(granted.contains(policy.shared.require & CHOICES));
        }
    }
    assert!(allowed.contains(granted), "{granted} of {allowed}");
    let is_one_set = |flags: Flags| {
        flags.contains(Flags::NEGOTIATE_UNICODE) != flags.contains(Flags::NEGOTIATE_OEM)
    };
    assert!(is_one_set(granted));
    assert_eq!(message.flags.contains(Flags::NEGOTIATE_DATAGRAM), negotiate.is_none());
    let pairs = message.target_info.expect("it tells names");
    assert!(pairs.text(AvId::NB_COMPUTER_NAME).is_some_and(|name| !name.is_empty()));
    assert!(pairs.text(AvId::NB_DOMAIN_NAME).is_some_and(|name| !name.is_empty()));
    assert_eq!(pairs.timestamp(), Some(NOW));
    assert!(challenge.len() < 300);
}
