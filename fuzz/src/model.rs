//! Which protected messages must be delivered, and which refused.
//!
//! It knows no cryptography: a message that comes as it was sent is delivered if the receiver is
//! where the sender was when it sent it, and nothing else is.

use ntlm::error::{Error, Integrity, Misuse};
use ntlm::session::{Protection, Signature};
use ntlm::wire::NegotiateFlags as Flags;

/// What a message is, apart from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Message,
    MechListMic,
}

/// The parts of a message, sealed or clear.
pub type Parts = Vec<(bool, Vec<u8>)>;

/// Which of the two signatures is made.
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

    /// How far a message moves the key stream.
    fn length(self, parts: &Parts) -> usize {
        let sealed: usize = parts.iter().filter(|(s, _)| *s).map(|(_, bytes)| bytes.len()).sum();
        sealed
            + match self {
                Self::Extended { encrypts_checksum: true } => 8,
                Self::Extended { encrypts_checksum: false } => 0,
                Self::Legacy => 12,
            }
    }

    /// Whether what a signature covers is still what was signed. The legacy one does not cover its own
    /// random pad.
    pub fn is_intact(self, sent: (&Parts, Signature), received: (&Parts, Signature)) -> bool {
        if self != Self::Legacy {
            return sent == received;
        }
        let covered = |signature: Signature| signature.as_bytes()[8..].to_vec();
        sent.0 == received.0 && covered(sent.1) == covered(received.1)
    }
}

/// What a direction of a session can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Each direction stands for itself.
    Duplex,
    /// Both have one key stream.
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

    /// What a call is refused for, whatever the message is.
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

/// Where a key stream and its counter are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    position: usize,
    sequence: u32,
}

/// What one key stream has done so far.
#[derive(Clone, Debug)]
pub struct Stream {
    form: Form,
    next: Result<Place, Integrity>,
}

impl Stream {
    pub fn new(form: Form, sequence: u32) -> Self {
        Self { form, next: Ok(Place { position: 0, sequence }) }
    }

    /// Where the next message will be.
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

    /// What a signature says of itself.
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
