//! What every pair goes through: every mode, everybody, wrong passwords and nobody, in both roles.

use std::fmt::Debug;

use ntlm::server::Accepted;
use ntlm::session::{Protection, Session, SessionKeys};
use ntlm::spnego::Initiator;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Client, Credentials, LmCompatibility, ResponseKind, Server};
use serde_json::Value;

use crate::bridge::Bridge;
use crate::exchange::{Refusal, let_in, log_in};
use crate::identities::Identity;
use crate::messages::{Abilities, converse};
use crate::modes::{self, Mode};
use crate::scratch::Directory;
use crate::spnego::Carrier;

/// Another implementation.
#[derive(Debug)]
pub struct Peer {
    pub bridge: Bridge,
    pub abilities: Abilities,
    /// How its server begins in a mode.
    pub acceptor: fn(&Mode) -> Value,
    /// How its client begins in a mode.
    pub initiator: fn(&Mode, Identity) -> Value,
    pub framing: Framing,
    /// Files that it reads.
    pub files: Option<Directory>,
}

/// What the messages are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Bare,
    Spnego,
    /// The peer's client asks for signing, whatever a mode says.
    SigningSpnego,
}

/// Who leaves out what a mode is without; the other offers all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    Us,
    Them,
}

/// What an exchange with a peer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It works, with all that the mode has.
    Works,
    /// It works, but the peer leaves out these flags.
    WorksWithout(Flags),
    /// It works, but the peer insists on these flags.
    WorksWith(Flags),
    /// We refuse, and `Debug` of the error holds this.
    WeRefuse(&'static str),
    /// The peer refuses, and what it says holds this.
    PeerRefuses(&'static str),
    /// The two log in, but do not understand each other's messages.
    Misunderstood(&'static str),
}

impl Peer {
    /// The same, with all messages wrapped in SPNEGO.
    #[must_use]
    pub fn in_spnego(self) -> Self {
        Self { framing: Framing::Spnego, ..self }
    }

    /// The same, and its client asks for signing, whatever a mode says.
    #[must_use]
    pub fn in_signing_spnego(self) -> Self {
        Self { framing: Framing::SigningSpnego, ..self }
    }

    /// Logs our client in in every mode, and lets the two talk.
    ///
    /// # Panics
    /// If something comes out other than it should, with all that does.
    #[track_caller]
    pub fn takes_our_client(&mut self, by: LimitedBy, outcome: impl Fn(&Mode) -> Outcome) {
        let mut surprises = Surprises::default();
        for mode in &modes::ALL {
            let client = by.ours(mode).client(Identity::ALICE.credentials());
            let result = self.log_in(&by.theirs(mode), &client);
            let negotiated = self.asked_by_us(mode);
            let flags = result.map(|(flags, _)| flags);
            surprises.compare(&negotiated, mode, outcome(mode), flags);
        }
        surprises.assert_none();
    }

    /// Lets its client in in every mode, and lets the two talk.
    ///
    /// # Panics
    /// If something comes out other than it should, with all that does.
    #[track_caller]
    pub fn suits_our_server(&mut self, by: LimitedBy, outcome: impl Fn(&Mode) -> Outcome) {
        let mut surprises = Surprises::default();
        for mode in &modes::ALL {
            let result = self.let_in(&by.theirs(mode), &by.ours(mode), Identity::ALICE);
            let negotiated = self.asked_by_it(mode);
            let flags = result.map(|(flags, _)| flags);
            surprises.compare(&negotiated, mode, outcome(mode), flags);
        }
        surprises.assert_none();
    }

    /// Logs everybody in with our client.
    ///
    /// # Panics
    /// If something comes out other than it should, with all that does; or if the peer takes
    /// somebody for somebody else.
    #[track_caller]
    pub fn takes_everybody(&mut self, mode: Mode, outcome: impl Fn(Identity) -> Outcome) {
        let mut surprises = Surprises::default();
        for identity in Identity::ALL {
            let result = self.log_in(&mode, &mode.client(identity.credentials()));
            if let Ok((_, Some(user))) = &result {
                let names = [identity.user, identity.account()];
                let is_same = names.iter().any(|name| user.ends_with(name));
                assert!(is_same, "{identity:?} is taken for {user}");
            }
            let flags = result.map(|(flags, _)| flags);
            surprises.compare(&mode, &identity, outcome(identity), flags);
        }
        surprises.assert_none();
    }

    /// Lets everybody in to our server.
    ///
    /// # Panics
    /// If something comes out other than it should, with all that does; or if the peer sends
    /// another name than it was given.
    #[track_caller]
    pub fn sends_everybody(&mut self, mode: Mode, outcome: impl Fn(Identity) -> Outcome) {
        let mut surprises = Surprises::default();
        for identity in Identity::ALL {
            let result = self.let_in(&mode, &mode, identity);
            if let Ok((_, Some(user))) = &result {
                assert_eq!(user, identity.user);
            }
            let flags = result.map(|(flags, _)| flags);
            surprises.compare(&mode, &identity, outcome(identity), flags);
        }
        surprises.assert_none();
    }

    /// Our client knows the name, but not the password.
    ///
    /// # Panics
    /// If something comes out other than it should, with all that does.
    #[track_caller]
    pub fn refuses_a_wrong_password(&mut self, outcome: impl Fn(&Mode) -> Outcome) {
        let mut surprises = Surprises::default();
        for mode in &modes::RESPONSES {
            let result = self.log_in(mode, &mode.client(Identity::MALLORY.credentials()));
            let flags = result.map(|(flags, _)| flags);
            surprises.compare(mode, mode, outcome(mode), flags);
        }
        surprises.assert_none();
    }

    /// Its client knows the name, but not the password.
    ///
    /// # Panics
    /// If our server believes it.
    #[track_caller]
    pub fn is_refused_with_a_wrong_password(&mut self) {
        let mut surprises = Surprises::default();
        for mode in &modes::RESPONSES {
            let result = self.let_in(mode, mode, Identity::MALLORY);
            let flags = result.map(|(flags, _)| flags);
            surprises.compare(mode, mode, Outcome::WeRefuse("Denied(WrongPassword)"), flags);
        }
        surprises.assert_none();
    }

    /// Our client is nobody.
    ///
    /// # Errors
    /// Who refused, and why.
    pub fn take_nobody(&mut self) -> Result<Option<String>, Refusal> {
        let mode = modes::DEFAULT.protected_by(Protection::None);
        let client = mode.client(Credentials::anonymous());
        Ok(self.log_in_silently((self.acceptor)(&mode), &client)?.1)
    }

    /// Its client, which begins so, is nobody, and our server takes nobody too.
    ///
    /// # Errors
    /// Who refused, and why.
    pub fn send_nobody(&mut self, begin: Value) -> Result<Accepted, Refusal> {
        let mut policy = modes::DEFAULT.server_policy();
        policy.allow_anonymous = true;
        self.let_in_silently(begin, &modes::server().with_policy(policy), &[])
    }

    /// Our client logs in to its server, which begins so. Yields the keys, and whom the peer names.
    ///
    /// # Errors
    /// Who refused, and why.
    pub fn log_in_silently(
        &mut self,
        begin: Value,
        client: &Client,
    ) -> Result<(SessionKeys, Option<String>), Refusal> {
        self.begin(begin)?;
        if self.is_in_spnego() {
            let initiator = Initiator::new(client.clone());
            let logged_in = self.carrier().log_in(&initiator)?;
            return Ok((logged_in.keys, logged_in.user));
        }
        let logged_in = log_in(&mut self.bridge, client)?;
        Ok((logged_in.keys, logged_in.user))
    }

    /// Its client, which begins so, logs in.
    ///
    /// # Errors
    /// Who refused, and why.
    pub fn let_in_silently(
        &mut self,
        begin: Value,
        server: &Server,
        users: &[Identity],
    ) -> Result<Accepted, Refusal> {
        self.begin(begin)?;
        if self.is_in_spnego() {
            return Ok(self.carrier().let_in(server, users)?.accepted);
        }
        Ok(let_in(&mut self.bridge, server, users)?.accepted)
    }

    /// Begins a context of the peer, in SPNEGO if this peer is.
    ///
    /// # Errors
    /// What the peer says of its refusal.
    pub fn begin(&mut self, mut arguments: Value) -> Result<(), String> {
        if self.is_in_spnego() {
            arguments["spnego"] = true.into();
        }
        self.bridge.begin(arguments)
    }

    /// Carries tokens of SPNEGO to the context that has begun.
    pub fn carrier(&mut self) -> Carrier<'_> {
        Carrier::new(&mut self.bridge)
    }

    /// Whether messages are wrapped in SPNEGO.
    fn is_in_spnego(&self) -> bool {
        self.framing != Framing::Bare
    }

    /// What our client asks for in a mode: SPNEGO signs the list of mechanisms, if there is a way.
    fn asked_by_us(&self, mode: &Mode) -> Mode {
        let signs = self.is_in_spnego() && mode.is_extended();
        if signs { mode.signed_at_least() } else { *mode }
    }

    /// What its client asks for.
    fn asked_by_it(&self, mode: &Mode) -> Mode {
        let signs = self.framing == Framing::SigningSpnego;
        if signs { mode.signed_at_least() } else { *mode }
    }

    /// Our client logs in, and the two talk. Yields what was negotiated, and whom the peer names.
    ///
    /// # Errors
    /// Who refused, and why.
    pub fn log_in(
        &mut self,
        theirs: &Mode,
        client: &Client,
    ) -> Result<(Flags, Option<String>), Refusal> {
        let (keys, user) = self.log_in_silently((self.acceptor)(theirs), client)?;
        let flags = keys.flags();
        self.talk(keys)?;
        Ok((flags, user))
    }

    /// Its client logs in, and the two talk. Yields what was negotiated, and the user's name.
    ///
    /// # Errors
    /// Who refused, and why.
    ///
    /// # Panics
    /// If it proves itself other than the mode says.
    pub fn let_in(
        &mut self,
        theirs: &Mode,
        ours: &Mode,
        identity: Identity,
    ) -> Result<(Flags, Option<String>), Refusal> {
        self.let_in_to(theirs, &ours.server(), identity)
    }

    /// The same with a server of one's own.
    ///
    /// # Errors
    /// Who refused, and why.
    ///
    /// # Panics
    /// If it proves itself other than the mode says.
    pub fn let_in_to(
        &mut self,
        theirs: &Mode,
        server: &Server,
        identity: Identity,
    ) -> Result<(Flags, Option<String>), Refusal> {
        let users = if identity == Identity::MALLORY { [Identity::ALICE] } else { [identity] };
        let accepted = self.let_in_silently((self.initiator)(theirs, identity), server, &users)?;
        let flags = accepted.keys.flags();
        let response = match self.abilities.sends_ntlmv2_alone {
            true => ResponseKind::Ntlmv2,
            false => theirs.response(flags),
        };
        assert_eq!(accepted.identity.response(), Some(response), "{theirs:?}");
        let user = accepted.user().map(|name| name.user().to_string());
        self.talk(accepted.keys)?;
        Ok((flags, user))
    }

    /// Logs in and lets in with session keys of LM hashes, which need LM responses and no extended
    /// session security, and lets the two talk after that.
    ///
    /// # Panics
    /// If somebody refuses, or they do not understand each other.
    #[track_caller]
    pub fn does_lm_keys(&mut self) {
        for without in [Flags::empty(), Flags::NEGOTIATE_128, modes::STRENGTH] {
            let level = LmCompatibility::SendLmAndNtlm;
            let mode = Mode::new(level, without, Protection::Seal);
            let mut policy = mode.client_policy();
            policy.shared.offer |= Flags::NEGOTIATE_LM_KEY;
            let client = mode.client(Identity::ALICE.credentials()).with_policy(policy);
            let (flags, _) = self.log_in(&mode, &client).expect("it believes us");
            assert!(flags.contains(Flags::NEGOTIATE_LM_KEY));

            let mut policy = mode.server_policy();
            policy.shared.offer |= Flags::NEGOTIATE_LM_KEY;
            let server = modes::server().with_policy(policy);
            let result = self.let_in_to(&mode, &server, Identity::ALICE);
            let (flags, _) = result.expect("we believe it");
            assert!(flags.contains(Flags::NEGOTIATE_LM_KEY));
        }
    }

    /// What our client has once it is logged in.
    ///
    /// # Panics
    /// If somebody refuses.
    #[track_caller]
    pub fn session_of_our_client(&mut self, mode: &Mode) -> Session {
        self.bridge.begin((self.acceptor)(mode)).expect("it begins");
        let client = mode.client(Identity::ALICE.credentials());
        let logged_in = log_in(&mut self.bridge, &client).expect("it believes us");
        assert!(has_flags(logged_in.keys.flags(), mode.expected_flags()), "{mode:?}");
        logged_in.keys.into_session().expect("a session")
    }

    /// What our server has once its client is let in.
    ///
    /// # Panics
    /// If somebody refuses.
    #[track_caller]
    pub fn session_of_its_client(&mut self, mode: &Mode) -> Session {
        self.bridge.begin((self.initiator)(mode, Identity::ALICE)).expect("it begins");
        let let_in = let_in(&mut self.bridge, &mode.server(), &[Identity::ALICE]);
        let keys = let_in.expect("we believe it").accepted.keys;
        assert!(has_flags(keys.flags(), mode.expected_flags()), "{mode:?}");
        keys.into_session().expect("a session")
    }

    /// Both sides have the same key, if the peer tells its own, and understand each other.
    ///
    /// # Errors
    /// [`Refusal::Afterwards`] if not.
    pub fn talk(&mut self, keys: SessionKeys) -> Result<(), Refusal> {
        if self.abilities.tells_key {
            let theirs = self.bridge.key().map_err(Refusal::Afterwards)?;
            if theirs != keys.exported_session_key().expose() {
                return Err(Refusal::Afterwards("the session keys differ".into()));
            }
        }
        let is_extended = keys.flags().contains(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        if !self.abilities.protects(is_extended) {
            return Ok(());
        }
        let session = keys.into_session()?;
        converse(&mut self.bridge, session, self.abilities).map_err(Refusal::Afterwards)
    }
}

impl LimitedBy {
    fn ours(self, mode: &Mode) -> Mode {
        match self {
            Self::Us => *mode,
            Self::Them => Mode { without: Flags::empty(), ..*mode },
        }
    }

    fn theirs(self, mode: &Mode) -> Mode {
        match self {
            Self::Us => Mode { without: Flags::empty(), ..*mode },
            Self::Them => *mode,
        }
    }
}

/// What came out other than it should.
#[derive(Debug, Default)]
pub struct Surprises(Vec<String>);

impl Surprises {
    /// Compares the flags of an exchange, or its refusal, with what is expected of it.
    pub fn compare(
        &mut self,
        mode: &Mode,
        what: &dyn Debug,
        expected: Outcome,
        result: Result<Flags, Refusal>,
    ) {
        let flags = mode.expected_flags();
        let is_expected = match (expected, &result) {
            (Outcome::Works, Ok(got)) => has_flags(*got, flags),
            (Outcome::WorksWithout(missing), Ok(got)) => has_flags(*got, flags - missing),
            (Outcome::WorksWith(more), Ok(got)) => {
                has_flags(*got, with_one_character_set(flags | more))
            }
            (Outcome::WeRefuse(why), Err(Refusal::Ours(error))) => {
                format!("{error:?}").contains(why)
            }
            (Outcome::WeRefuse(why), Err(Refusal::OurSpnego(error))) => {
                format!("{error:?}").contains(why)
            }
            (Outcome::PeerRefuses(why), Err(Refusal::Theirs(error)))
            | (Outcome::Misunderstood(why), Err(Refusal::Afterwards(error))) => error.contains(why),
            _ => false,
        };
        if !is_expected {
            let result = result.map(|flags| flags.to_string());
            self.0.push(format!("{what:?}: expected {expected:?}, got {result:?}"));
        }
    }

    /// # Panics
    /// If there are any.
    #[track_caller]
    pub fn assert_none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

/// UNICODE wins over OEM.
fn with_one_character_set(flags: Flags) -> Flags {
    let wins = flags.contains(Flags::NEGOTIATE_UNICODE);
    flags - if wins { Flags::NEGOTIATE_OEM } else { Flags::empty() }
}

/// Whether exactly these were negotiated, of those that a policy can offer.
fn has_flags(flags: Flags, expected: Flags) -> bool {
    let optional = ntlm::server::Policy::default().shared.offer | Flags::PROTECTION;
    flags & optional == expected & optional
}
