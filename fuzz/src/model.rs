//! A model of which protected messages must be accepted, and which rejected.
//!
//! It contains no cryptography: a message that arrives unchanged is accepted if the receiver is in
//! the state that the sender was in when it sent the message; every other message is rejected.

use ntlm::error::{Error, Integrity, Misuse};
use ntlm::session::{Protection, Signature};
use ntlm::wire::NegotiateFlags as Flags;

/// The properties of a message besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Message,
    MechListMic,
}

/// The parts of a message, sealed or clear.
pub type Parts = Vec<(bool, Vec<u8>)>;

/// Which of the two kinds of signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Extended { encrypts_checksum: bool },
    Legacy,
}

impl Form {
    pub fn of(flags: Flags) -> Self {
        if flags.contains(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY) {
            Self::Extended { encrypts_checksum: flags.contains(Flags::NEGOTIATE_KEY_EXCH) }
        } else {
            Self::Legacy
        }
    }

    /// How far a message advances the key stream.
    fn length(self, parts: &Parts) -> usize {
        let sealed: usize = parts.iter().filter(|(s, _)| *s).map(|(_, bytes)| bytes.len()).sum();
        sealed
            + match self {
                Self::Extended { encrypts_checksum: true } => 8,
                Self::Extended { encrypts_checksum: false } => 0,
                Self::Legacy => 12,
            }
    }

    /// Whether the bytes that a signature covers are unchanged. The legacy signature does not cover
    /// its own random pad.
    pub fn is_intact(self, sent: (&Parts, Signature), received: (&Parts, Signature)) -> bool {
        if self != Self::Legacy {
            return sent == received;
        }
        let covered = |signature: Signature| signature.as_bytes()[8..].to_vec();
        sent.0 == received.0 && covered(sent.1) == covered(received.1)
    }
}

/// The operations of a direction of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Each direction is independent.
    Duplex,
    /// Both directions share one key stream.
    Shared,
    /// As [`Duplex`](Self::Duplex), without a `mechListMIC`.
    Half,
    /// Signatures are dummies.
    Dummy,
    Nothing,
}

impl Channel {
    pub fn of(flags: Flags) -> Self {
        match Protection::from_flags(flags) {
            Protection::None if flags.contains(Flags::NEGOTIATE_ALWAYS_SIGN) => Self::Dummy,
            Protection::None => Self::Nothing,
            _ if Form::of(flags) == Form::Legacy => Self::Shared,
            _ => Self::Duplex,
        }
    }

    /// The error of an operation, whatever the message is.
    pub fn refuses(self, protection: Protection, call: Call, parts: &Parts) -> Option<Misuse> {
        let needed = if parts.iter().any(|(is_sealed, _)| *is_sealed) {
            Protection::Seal
        } else {
            Protection::Sign
        };
        match (self, call) {
            (Self::Dummy | Self::Nothing, _) => Some(Misuse::NotNegotiated),
            (Self::Shared | Self::Half, Call::MechListMic) => {
                Some(Misuse::NeedsExtendedSessionSecurity)
            }
            (_, Call::MechListMic) => None,
            (_, Call::Message) => (needed > protection).then_some(Misuse::NotNegotiated),
        }
    }
}

/// The position of a key stream and of its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    position: usize,
    sequence: u32,
}

/// The state of one key stream.
#[derive(Clone, Debug)]
pub struct Stream {
    form: Form,
    next: Result<Place, Integrity>,
}

impl Stream {
    pub fn new(form: Form, sequence: u32) -> Self {
        Self { form, next: Ok(Place { position: 0, sequence }) }
    }

    /// The position of the next message.
    pub fn next(&self, call: Call) -> Result<Place, Error> {
        match (call, self.next?) {
            (Call::MechListMic, place) if place.sequence != 0 => {
                Err(Misuse::MechListMicTooLate.into())
            }
            (_, place) => Ok(place),
        }
    }

    /// A message was sent or accepted.
    pub fn advance(&mut self, call: Call, parts: &Parts) {
        let Ok(Place { position, sequence }) = self.next else { return };
        let length = if call == Call::Message { self.form.length(parts) } else { 0 };
        let after = sequence.checked_add(1).ok_or(Integrity::Exhausted);
        self.next = after.map(|sequence| Place { position: position + length, sequence });
    }

    /// What a signature claims about itself.
    pub fn admit(&self, place: Place, signature: Signature) -> Result<(), Error> {
        if !signature.as_bytes().starts_with(&[1, 0, 0, 0]) {
            return Err(Integrity::Version.into());
        }
        if self.form != Form::Legacy && signature.sequence() != place.sequence {
            return Err(Integrity::Sequence.into());
        }
        Ok(())
    }

    /// A message did not match its signature.
    pub fn close(&mut self) -> Error {
        self.next = Err(Integrity::Closed);
        Integrity::Checksum.into()
    }
}
