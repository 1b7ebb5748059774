//! The result of an attack: which side rejects it and why, or what differs from the honest
//! handshake.

use core::fmt;

use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::server::Accepted;
use ntlm::session::{DatagramSession, Protection, Session, SessionKeys};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Error, ResponseKind, Text, UserName};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// The differences from the handshake without the attack.
    Possible(String),
    /// Both sides end as they do without the attack.
    NoEffect,
    Refused(Stopped),
}

impl Outcome {
    /// The result of an attack that succeeds if the server accepts the client.
    pub(crate) fn of_acceptance<T>(result: Result<T, Stopped>, what: &str) -> Self {
        result.map_or_else(Self::Refused, |_| Self::Possible(what.into()))
    }
}

/// Which side ended a handshake early, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stopped {
    pub(crate) by: By,
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    Client,
    Server,
    /// Both sides accepted, and the first protected message was rejected.
    FirstMessage,
    /// The receiver of a protected message, which does not accept the following ones either.
    ReceiverEnds,
    /// The same, but the receiver still accepts the honest messages.
    ReceiverContinues,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = &self.reason;
        match self.by {
            By::Server => write!(f, "`{reason}`"),
            By::Client => write!(f, "client `{reason}`"),
            By::FirstMessage => write!(f, "first message `{reason}`"),
            By::ReceiverEnds => write!(f, "`{reason}`, and nothing more"),
            By::ReceiverContinues => write!(f, "`{reason}`, and continues"),
        }
    }
}

impl Stopped {
    pub(crate) fn by(by: By) -> impl Fn(Error) -> Self {
        move |error| Self { by, reason: reason(error) }
    }
}

/// The name of the variant that gives the reason: the innermost one without values of its own.
pub(crate) fn reason(error: Error) -> String {
    let cause = match error {
        Error::Wire(_) => "Wire".into(),
        Error::Unexpected(cause) => format!("{cause:?}"),
        Error::Refused(cause) => format!("{cause:?}"),
        Error::Denied(cause) => format!("{cause:?}"),
        Error::Integrity(cause) => format!("{cause:?}"),
        Error::Misuse(cause) => format!("{cause:?}"),
        error => panic!("{error:?}"),
    };
    cause.split('(').next().unwrap().into()
}

/// The state of both sides at the end.
pub(crate) struct End {
    pub(crate) client: Keys,
    server: Keys,
    user: Option<UserName>,
    workstation: Text,
    response: Option<ResponseKind>,
    mic_checked: bool,
    bindings_checked: bool,
    target_name: Option<Text>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) flags: Flags,
    pub(crate) key: [u8; 16],
}

impl Keys {
    pub(crate) const NONE: Self = Self { flags: Flags::empty(), key: [0; 16] };

    pub(crate) fn of(keys: &SessionKeys) -> Self {
        Self { flags: keys.flags(), key: *keys.exported_session_key().expose() }
    }

    /// The flags that have an effect after the handshake.
    fn strength(&self) -> Flags {
        let protection = self.flags & Flags::PROTECTION;
        if protection.is_empty() {
            return Flags::empty();
        }
        let bits = if self.flags.contains(Flags::NEGOTIATE_128) {
            Flags::NEGOTIATE_128 | Flags::NEGOTIATE_56
        } else {
            self.flags & Flags::NEGOTIATE_56
        };
        let others = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY | Flags::NEGOTIATE_KEY_EXCH;
        protection | bits | self.flags & others
    }

    pub(crate) fn session(&self, side: Side) -> Session {
        Session::new(self.flags, &ExportedSessionKey::from(self.key), side)
    }

    pub(crate) fn datagram_session(&self, side: Side) -> DatagramSession {
        DatagramSession::new(self.flags, &ExportedSessionKey::from(self.key), side)
    }
}

impl End {
    pub(crate) fn new(client: Keys, accepted: &Accepted) -> Self {
        Self {
            client,
            server: Keys::of(&accepted.keys),
            user: accepted.user().cloned(),
            workstation: accepted.workstation.clone(),
            response: accepted.identity.response(),
            mic_checked: accepted.mic_checked,
            bindings_checked: accepted.bindings_checked,
            target_name: accepted.spn().cloned(),
        }
    }

    /// Whether the server has proof that the client intended to log in to this server.
    pub(crate) fn is_bound(&self) -> bool {
        self.bindings_checked || self.target_name.is_some()
    }

    /// The differences from the honest end.
    pub(crate) fn compared_with(&self, honest: &Self) -> Outcome {
        let mut different = self.differences(honest);
        if different.is_empty() {
            if let Err(error) = self.exchange_first_messages() {
                return Outcome::Refused(Stopped::by(By::FirstMessage)(error));
            }
            if self.client.key != self.server.key {
                different.push("keys differ");
            }
        }
        if different.is_empty() {
            Outcome::NoEffect
        } else {
            Outcome::Possible(different.join(", "))
        }
    }

    fn differences(&self, honest: &Self) -> Vec<&'static str> {
        let is_same_user = match (&self.user, &honest.user) {
            (Some(user), Some(honest)) => user.eq_ignore_case(honest),
            (user, honest) => user == honest,
        };
        let protection =
            |end: &Self| [&end.client, &end.server].map(|keys| keys.flags & Flags::PROTECTION);
        let strength = |end: &Self| [&end.client, &end.server].map(Keys::strength);
        let (theirs, ours) = (protection(self), protection(honest));
        let lacks = |theirs: [Flags; 2], ours: [Flags; 2]| {
            theirs.iter().zip(ours).any(|(theirs, ours)| !theirs.contains(ours))
        };
        let is_less = lacks(theirs, ours);
        let (their_strength, our_strength) = (strength(self), strength(honest));
        let is_weaker = lacks(their_strength, our_strength);
        let differences = [
            ("other user", !is_same_user),
            ("other case", is_same_user && self.user != honest.user),
            ("other workstation", self.workstation != honest.workstation),
            ("other kind of response", self.response != honest.response),
            ("no MIC", self.mic_checked != honest.mic_checked),
            ("no bindings", self.bindings_checked != honest.bindings_checked),
            ("no SPN", self.target_name != honest.target_name),
            ("less protection", is_less),
            ("more protection", !is_less && theirs != ours),
            ("weaker keys", theirs == ours && is_weaker),
            ("stronger keys", theirs == ours && !is_weaker && their_strength != our_strength),
        ];
        differences.into_iter().filter(|(_, is_there)| *is_there).map(|(what, _)| what).collect()
    }

    /// One message in each direction, if messages are protected: it detects a changed session key.
    fn exchange_first_messages(&self) -> Result<(), Error> {
        if self.server.flags.contains(Flags::NEGOTIATE_DATAGRAM) {
            let client = self.client.datagram_session(Side::Client);
            let server = self.server.datagram_session(Side::Server);
            if server.protection() != Protection::None {
                server.verify(0, b"to the server", &client.sign(0, b"to the server")?)?;
                client.verify(1, b"to the client", &server.sign(1, b"to the client")?)?;
            }
            return Ok(());
        }
        let mut client = self.client.session(Side::Client);
        let mut server = self.server.session(Side::Server);
        if server.protection() != Protection::None {
            server.verify(b"to the server", &client.sign(b"to the server")?)?;
            client.verify(b"to the client", &server.sign(b"to the client")?)?;
        }
        Ok(())
    }
}
