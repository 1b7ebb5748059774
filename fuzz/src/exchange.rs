//! An exchange with somebody in between, and what may come of it.

use arbitrary::Arbitrary;
use ntlm::client::Response;
use ntlm::crypto::{LmHash, ResponseKey};
use ntlm::error::{Denied, Unexpected};
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, UserClaim};
use ntlm::wire::{
    Authenticate, AvFlags, AvId, Challenge, Negotiate, NegotiateFlags as Flags, NtResponse,
};
use ntlm::{
    Ascii, Enforcement, Environment, EnvironmentError, Error, LmCompatibility, NtHash, ResponseKind,
    Server, SessionKeys, client, server,
};

use crate::edit::{Edit, FieldEdit, edit, edit_fields};
use crate::environment::{Fixed, NOW};
use crate::knobs::{ClientKnobs, Identity, PASSWORD, ServerKnobs, USER};

/// What a policy can demand; other flags are nobody's choice.
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

/// Nothing that a peer sends may look like our own mistake, or like a lack of time.
pub fn assert_peers_fault(error: Error, is_misused: bool, lacks: Option<EnvironmentError>) {
    match error {
        Error::Misuse(_) => assert!(is_misused, "{error:?}"),
        Error::Environment(environment) => assert_eq!(Some(environment), lacks),
        Error::Integrity(_) => panic!("{error:?} before there are keys"),
        _ => {}
    }
}

/// A client's answer to a CHALLENGE.
pub struct Answer<'a> {
    knobs: &'a ClientKnobs,
    policy: client::Policy,
    /// Empty if the exchange is connectionless.
    negotiate: Vec<u8>,
    challenge: &'a [u8],
    response: Response,
}

impl<'a> Answer<'a> {
    pub fn to(
        challenge: &'a [u8],
        knobs: &'a ClientKnobs,
        is_datagram: bool,
    ) -> Result<Self, Error> {
        let (client, environment) = (knobs.client(), &mut knobs.environment());
        let (negotiate, response) = if is_datagram {
            (Vec::new(), client.respond_datagram(challenge, environment)?)
        } else {
            let (negotiate, handshake) = client.initiate()?;
            (negotiate, handshake.respond(challenge, environment)?)
        };
        Ok(Self { knobs, policy: knobs.policy(), negotiate, challenge, response })
    }

    fn message(&self) -> Authenticate<'_> {
        Authenticate::parse(&self.response.token).expect("our own message parses")
    }

    fn sent(&self) -> Challenge<'_> {
        Challenge::parse(self.challenge).expect("it was answered")
    }

    fn flags(&self) -> Flags {
        self.message().flags.expect("we always send flags")
    }

    /// The flags of the answer were offered by both sides.
    pub fn assert_both_offered_it(&self) {
        let free = Flags::ANONYMOUS;
        assert!((self.sent().flags | free).contains(self.flags()), "{}", self.flags());
        if let Ok(negotiate) = Negotiate::parse(&self.negotiate) {
            let offered = negotiate.flags | free | Flags::NEGOTIATE_TARGET_INFO;
            assert!(offered.contains(self.flags()), "{}", self.flags());
        }
    }

    /// The answer has all that the policy demands.
    pub fn assert_demands_are_met(&self) {
        let (policy, flags, message) = (&self.policy, self.flags(), self.message());
        assert!(self.challenge.len() <= policy.max_message_len);
        assert!(self.response.keys.protection() >= self.knobs.protection());
        let is_protected = flags.intersects(Flags::PROTECTION);
        let strength = policy.require_when_protected;
        let demanded = policy.require | if is_protected { strength } else { Flags::empty() };
        assert!(flags.contains(demanded & CHOICES), "{flags} without {demanded}");
        assert!(message.mic.is_some() || !policy.require_mic);
        match message.nt_response {
            NtResponse::Empty => assert_eq!(self.knobs.identity(), Identity::Anonymous),
            NtResponse::Short(_) => panic!("this client sends no short response"),
            NtResponse::V1(_) => assert!(!policy.lm_compatibility.sends_ntlmv2()),
            NtResponse::V2(response) => {
                let pairs = response.target_info();
                let has_mic = pairs.flags().contains(AvFlags::MIC_PRESENT);
                assert_eq!(has_mic, message.mic.is_some());
                let is_told = self.sent().target_info.is_some();
                assert_eq!(pairs.get(AvId::TARGET_NAME).is_some(), is_told);
                let has_bindings = is_told && self.knobs.has_bindings();
                assert_eq!(pairs.channel_bindings().is_some(), has_bindings);
            }
        }
    }

    /// A server that has sent this CHALLENGE believes whoever knows the password, and nobody else,
    /// and shares the client's key.
    pub fn assert_it_proves_the_password(self) {
        let both = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_OEM;
        if self.sent().flags.contains(both) {
            // No server leaves the choice open.
            return;
        }
        let mut policy = any_response();
        policy.code_page = self.policy.code_page;
        let is_datagram = self.negotiate.is_empty();
        let challenged_for_datagrams = self.sent().flags.contains(Flags::NEGOTIATE_DATAGRAM);
        let server = Server::new(Names::standalone("SERVER")).with_policy(policy);
        let handshake = server.resume(self.negotiate.clone(), self.challenge.into());
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

/// A policy that looks at the proof alone.
fn any_response() -> server::Policy {
    let mut policy = server::Policy::default();
    policy.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    policy.allow_lmv2_alone = true;
    policy.allow_anonymous = true;
    policy.require_when_protected = Flags::empty();
    policy.allow_constant_key_exchange_key = true;
    policy.channel_bindings = Enforcement::Off;
    policy.target_name = Enforcement::Off;
    policy.max_time_difference = None;
    policy.max_challenge_age = None;
    policy.max_message_len = usize::MAX;
    policy
}

fn assert_same_keys(server: &SessionKeys, client: &SessionKeys) {
    assert_eq!(server.exported_session_key(), client.exported_session_key());
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
    let nt_hash = NtHash::of_password(password);
    match way {
        Way::Hashes => claim.verify_hashes(&nt_hash, LmHash::of_password(password, &Ascii).as_ref()),
        Way::NtHash => claim.verify_nt_hash(&nt_hash),
        Way::ResponseKey => {
            let user = claim.claimed_user();
            let key = ResponseKey::new(&nt_hash, user.user(), user.domain());
            claim.verify_response_key(&key)
        }
        Way::Guest => claim.accept_as_guest(),
    }
}

/// Whoever is accepted as nobody was allowed to be, and has no session.
pub fn assert_is_nobody(accepted: Accepted, policy: &server::Policy) {
    assert_eq!((&accepted.user(), accepted.identity.response()), (&None, None));
    assert!(policy.allow_anonymous || policy.allow_guest);
    assert!(!policy.require.intersects(Flags::PROTECTION));
    assert!(!policy.require_mic && !accepted.mic_checked);
    assert!(policy.channel_bindings != Enforcement::Required && !accepted.bindings_checked);
    assert!(policy.target_name != Enforcement::Required && accepted.spn().is_none());
    assert!(accepted.keys.into_session().is_err());
}

/// A CHALLENGE that waits for its answer.
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

/// A message as it was sent, and as it came.
#[derive(Debug, Default)]
pub struct Message {
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Message {
    fn edited(sent: Vec<u8>, edits: &[Edit<'_>]) -> Self {
        let mut received = sent.clone();
        edit(&mut received, edits);
        Self { sent, received }
    }

    fn is_intact(&self) -> bool {
        self.sent == self.received
    }
}

/// An exchange with somebody in between.
#[derive(Arbitrary, Debug)]
pub struct Tampered<'a> {
    client: ClientKnobs,
    server: ServerKnobs,
    way: Way,
    is_datagram: bool,
    negotiate: Vec<Edit<'a>>,
    challenge: Vec<Edit<'a>>,
    fields: Vec<FieldEdit<'a>>,
    authenticate: Vec<Edit<'a>>,
}

/// What came of it.
pub struct Outcome {
    pub client: ClientKnobs,
    pub policy: server::Policy,
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
            assert_peers_fault(error, self.client.is_misused(), self.client.lacks());
        };
        let excuse_server = |error| {
            assert_peers_fault(error, self.server.is_nameless(), self.server.lacks());
        };
        let client = self.client.client();
        let server = self.server.server();
        let (client_side, server_side) =
            (&mut self.client.environment(), &mut self.server.environment());

        let (negotiate, await_challenge) = client.initiate().map_err(excuse_client).ok()?;
        let negotiate = Message::edited(negotiate, &self.negotiate);
        let (challenge, handshake) =
            live_challenge(&server, &negotiate.received, self.is_datagram, server_side)
                .map_err(excuse_server)
                .ok()?;
        let challenge = Message::edited(challenge, &self.challenge);
        let response = if self.is_datagram {
            client.respond_datagram(&challenge.received, client_side)
        } else {
            await_challenge.respond(&challenge.received, client_side)
        };
        let response = response.map_err(excuse_client).ok()?;
        let authenticate = edit_fields(&response.token, &self.fields)?;
        let mut authenticate = Message::edited(authenticate, &self.authenticate);
        authenticate.sent = response.token;
        let result = handshake
            .read(&authenticate.received, server_side)
            .inspect_err(|error| excuse_server(*error))
            .and_then(|claim| verify(claim, self.way, PASSWORD));
        Some(Outcome {
            policy: self.server.policy(),
            client: self.client,
            negotiate,
            challenge,
            authenticate,
            client_keys: response.keys,
            result,
        })
    }
}

impl Outcome {
    fn is_intact(&self) -> bool {
        [&self.negotiate, &self.challenge, &self.authenticate].into_iter().all(Message::is_intact)
    }

    /// An honest client's exchange that nobody touched fails for what the policy demands, if at all.
    pub fn assert_honest_proof_is_right(&self) {
        let Err(error) = &self.result else { return };
        let never = [Denied::WrongPassword, Denied::Mic, Denied::TargetInfo, Denied::Time];
        let is_wrong = matches!(error, Error::Denied(denied) if never.contains(denied));
        let is_honest = self.client.identity() != Identity::Impostor && self.is_intact();
        assert!(!(is_honest && is_wrong), "{error:?}");
    }

    /// Whoever is accepted has shown all that the policy demands.
    pub fn assert_accepted_as_it_must_be(self) {
        let Ok(accepted) = self.result else { return };
        let policy = &self.policy;
        let Some(user) = &accepted.user() else { return assert_is_nobody(accepted, policy) };
        let kind = accepted.identity.response().expect("a user has proven it");
        assert!(policy.lm_compatibility.accepts(kind));
        assert!(policy.allow_lmv2_alone || kind != ResponseKind::Lmv2);
        assert!(accepted.mic_checked || !policy.require_mic);
        assert!(accepted.spn().is_some() || policy.target_name != Enforcement::Required);
        assert!(accepted.keys.flags().contains(policy.require & CHOICES));
        let identity = self.client.identity();
        assert!(matches!(identity, Identity::Alice | Identity::AliceByHash | Identity::Jurgen));

        let sent = Authenticate::parse(&self.authenticate.sent).expect("our own message parses");
        let received = Authenticate::parse(&self.authenticate.received).expect("it was accepted");
        if received.nt_response == NtResponse::Empty {
            assert_eq!(received.lm_response, sent.lm_response);
        } else {
            assert_eq!(received.nt_response, sent.nt_response);
        }
        if matches!(kind, ResponseKind::Ntlmv2 | ResponseKind::Lmv2) {
            // The proof covers the user's name.
            let right = if identity == Identity::Jurgen { "j\u{fc}rgen" } else { USER };
            assert!(user.user().eq_ignore_case(&right.into()), "{user}");
        }
    }

    /// A MIC that was checked shows that nobody changed anything, and both sides share all.
    pub fn assert_mic_covers_everything(&self) {
        let Ok(accepted) = &self.result else { return };
        if accepted.mic_checked {
            assert!(self.authenticate.is_intact() && self.challenge.is_intact());
        }
        let is_shown = accepted.mic_checked || self.is_intact();
        if is_shown && accepted.user().is_some() {
            assert_same_keys(&accepted.keys, &self.client_keys);
        }
    }
}

/// An attempt to be accepted by a server without its user's password.
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
        if let Claim::User(claim) = &claim {
            assert!(!claim.proof_matches(&NtHash::of_password(UNGUESSED)));
            assert_passed_on(claim, self.authenticate);
        }
        verify(claim, self.way, UNGUESSED)
    }
}

const UNGUESSED: &str = "q7G.x!fR2";

/// What a domain controller is asked is what the client sent.
fn assert_passed_on(claim: &UserClaim, authenticate: &[u8]) {
    let message = Authenticate::parse(authenticate).expect("it was read");
    let Ok(logon) = claim.network_logon() else { return };
    assert_eq!(logon.nt_response, message.nt_response.as_bytes());
    assert!(logon.lm_response.is_empty() || logon.lm_response == message.lm_response.as_bytes());
    assert!(!logon.nt_response.is_empty() || !logon.lm_response.is_empty());
}

/// A CHALLENGE grants what was asked and allowed, and tells names and time.
pub fn assert_challenge_is_right(
    challenge: &[u8],
    negotiate: Option<&[u8]>,
    policy: &server::Policy,
) {
    let message = Challenge::parse(challenge).expect("our own message parses");
    let granted = message.flags & CHOICES;
    let mut allowed = (policy.offer & CHOICES) | Flags::PROTECTION;
    match negotiate {
        None => allowed |= Flags::NEGOTIATE_KEY_EXCH,
        Some(negotiate) => {
            assert!(negotiate.len() <= policy.max_message_len);
            allowed &= Negotiate::parse(negotiate).expect("it was answered").flags;
            assert!(granted.contains(policy.require & CHOICES));
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
