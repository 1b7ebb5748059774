//! The format in which handshakes, session keys and sessions are handed over to another process.
//!
//! Numbers have the least significant byte first. Every export starts with the same six bytes; a
//! body of its kind follows, and nothing after that.
//!
//! | export | bytes | contents |
//! |---|---|---|
//! | start | 4 | `ntlm` |
//! | | 1 | version of this format: 1 |
//! | | 1 | kind of the body: 1 handshake, 2 session keys, 3 session |
//! | handshake | 4 + n | NEGOTIATE: its length, then its bytes; none if connectionless |
//! | | 4 + n | CHALLENGE, likewise |
//! | | 16 | channel bindings of the connection, MD5; zeros if there are none |
//! | session keys | 4 | negotiated flags |
//! | | 16 | exported session key |
//! | | 1 | this side: 0 client, 1 server |
//! | | 1 | key: 0 unusable, 1 secret, 2 known to everyone |
//! | | 1 | `mechListMIC`s made: 0 none, 1 this side's, 2 the peer's, 3 both |
//! | session | 1 | protection: 0 none, 1 sign, 2 seal |
//! | | 1 | directions: 0 none, 1 dummy signatures, 2 one for both, 3 sending then receiving |
//! | | n | each direction, if there is one |
//! | direction | 1 | 0 open, 1 all numbers are used up, 2 closed by a wrong signature |
//! | | 4 | if open: number of the next message |
//! | | 1 | 0 keys not made yet, 1 made |
//! | | 4 | if not made: negotiated flags |
//! | | 16 | if not made: exported session key |
//! | | 1 | if not made: side that sends: 0 client, 1 server |
//! | | 1 | if made: 0 CRC32, 1 HMAC-MD5, 2 HMAC-MD5 with an encrypted start |
//! | | 32 | if made and HMAC-MD5: the MD5 states after the inner and after the outer key block |
//! | | 256 | if made: permutation of RC4 |
//! | | 2 | if made: i and j of RC4 |

use zeroize::Zeroizing;

use super::checksum::Form;
use super::connection::Channel;
use super::direction::{Direction, Keys, Next, Origin};
use super::keys::Secrecy;
use super::mech_list_mics::MechListMics;
use super::{Protection, Session, SessionKeys};
use crate::crypto::stitched::{KeyStream, MacKey};
use crate::crypto::{ExportedSessionKey, Side};
use crate::export::{Decoder, Encoder, Exported, ImportError};
use crate::wire::NegotiateFlags;

const MAGIC: [u8; 4] = *b"ntlm";
const VERSION: u8 = 1;

/// What was exported.
#[derive(Clone, Copy)]
enum Kind {
    Handshake = 1,
    SessionKeys = 2,
    Session = 3,
}

/// The longest bodies of each kind, and the start.
const START_LENGTH: usize = 6;
const SESSION_KEYS_LENGTH: usize = 23;
const DIRECTION_LENGTH: usize = 297;
const SESSION_LENGTH: usize = 2 + 2 * DIRECTION_LENGTH;

/// The values in the order of their numbers.
const SIDES: [Side; 2] = [Side::Client, Side::Server];
const PROTECTIONS: [Protection; 3] = [Protection::None, Protection::Sign, Protection::Seal];
const SECRECIES: [Secrecy; 3] = [Secrecy::Unusable, Secrecy::Secret, Secrecy::KnownToEveryone];

const MECH_LIST_MICS: [MechListMics; 4] = [
    MechListMics { sent: false, received: false },
    MechListMics { sent: true, received: false },
    MechListMics { sent: false, received: true },
    MechListMics { sent: true, received: true },
];

/// What a server has before the AUTHENTICATE arrives: two messages, and the bindings of the connection.
pub(crate) fn export_handshake(
    negotiate: &[u8],
    challenge: &[u8],
    bindings: &[u8; 16],
) -> Exported {
    let mut out = start(Kind::Handshake, 24 + negotiate.len() + challenge.len());
    message(&mut out, negotiate);
    message(&mut out, challenge);
    out.bytes(bindings);
    out.finish()
}

#[expect(clippy::expect_used, reason = "no message comes near 4 GiB")]
fn message(out: &mut Encoder, message: &[u8]) {
    out.u32(u32::try_from(message.len()).expect("policy and fields limit each message"));
    out.bytes(message);
}

/// NEGOTIATE and CHALLENGE, which are not parsed yet, and the channel bindings.
type Handshake<'a> = (&'a [u8], &'a [u8], [u8; 16]);

/// Returns what [`export_handshake`] was given.
pub(crate) fn import_handshake(exported: &[u8]) -> Result<Handshake<'_>, ImportError> {
    let mut from = open(Kind::Handshake, exported)?;
    let mut message = || {
        let length = usize::try_from(from.u32()?).map_err(|_| ImportError::Damaged)?;
        from.bytes(length)
    };
    let (negotiate, challenge) = (message()?, message()?);
    let bindings = from.array()?;
    from.finish().map(|()| (negotiate, challenge, bindings))
}

impl SessionKeys {
    /// Exports the keys as bytes, for another process, which makes the session. They are secret:
    /// see [`Exported`].
    #[must_use]
    pub fn export(self) -> Exported {
        let mut out = start(Kind::SessionKeys, SESSION_KEYS_LENGTH);
        out.u32(self.flags.bits());
        out.bytes(self.key.expose());
        out.byte(self.side as u8);
        out.byte(self.secrecy as u8);
        out.byte(u8::from(self.mics.sent) | u8::from(self.mics.received) << 1);
        out.finish()
    }

    /// Imports keys that [`export`](Self::export) returned. Import them once, and only from a source
    /// that you trust as much as your own process.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn import(exported: &[u8]) -> Result<Self, ImportError> {
        let mut from = open(Kind::SessionKeys, exported)?;
        let keys = Self {
            flags: NegotiateFlags::from_bits_retain(from.u32()?),
            key: ExportedSessionKey::from(from.array()?),
            side: from.one_of(&SIDES)?,
            secrecy: from.one_of(&SECRECIES)?,
            mics: from.one_of(&MECH_LIST_MICS)?,
        };
        from.finish().map(|()| keys)
    }
}

impl Session {
    /// Exports the session as bytes, for another process, which continues where this one stopped.
    /// They are secret: see [`Exported`].
    ///
    /// ```
    #[doc = include_str!("hidden_handshake.md")]
    /// let handed_over = server.export(); // this consumes the session
    /// let mut server = Session::import(handed_over.as_bytes())?;
    /// assert_eq!(server.unwrap(&client.wrap(b"message")?)?, b"message");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn export(self) -> Exported {
        let mut out = start(Kind::Session, SESSION_LENGTH);
        out.byte(self.protection() as u8);
        match &self.channel {
            Channel::Nothing => out.byte(0),
            Channel::Dummy => out.byte(1),
            Channel::Shared(both) => {
                out.byte(2);
                both.export(&mut out);
            }
            Channel::Duplex { sending, receiving } => {
                out.byte(3);
                sending.export(&mut out);
                receiving.export(&mut out);
            }
        }
        out.finish()
    }

    /// Imports a session that [`export`](Self::export) returned. Import it once, because two of them
    /// would encrypt with the same key stream, and only from a source that you trust as much as your
    /// own process.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn import(exported: &[u8]) -> Result<Self, ImportError> {
        let mut from = open(Kind::Session, exported)?;
        let protection = from.one_of(&PROTECTIONS)?;
        let is_protected = protection != Protection::None;
        let kind = from.byte()?;
        let mut direction = || Direction::import(protection, &mut from);
        let channel = match kind {
            0 if !is_protected => Channel::Nothing,
            1 if !is_protected => Channel::Dummy,
            2 if is_protected => Channel::Shared(direction()?),
            3 if is_protected => Channel::Duplex { sending: direction()?, receiving: direction()? },
            _ => return Err(ImportError::Damaged),
        };
        from.finish().map(|()| Self { channel })
    }
}

impl Direction {
    fn export(&self, out: &mut Encoder) {
        match self.next {
            Next::Number(number) => {
                out.byte(0);
                out.u32(number);
            }
            Next::Exhausted => out.byte(1),
            Next::Closed => out.byte(2),
        }
        match &self.keys {
            Keys::Unmade(Origin { flags, key, side }) => {
                out.byte(0);
                out.u32(flags.bits());
                out.bytes(key.expose());
                out.byte(*side as u8);
            }
            Keys::Made(form, stream) => {
                out.byte(1);
                form.export(out);
                let (permutation, i, j) = stream.state();
                out.bytes(permutation);
                out.bytes(&[i, j]);
            }
        }
    }

    fn import(protection: Protection, from: &mut Decoder<'_>) -> Result<Self, ImportError> {
        let next = match from.byte()? {
            0 => Next::Number(from.u32()?),
            1 => Next::Exhausted,
            2 => Next::Closed,
            _ => return Err(ImportError::Damaged),
        };
        let keys = match from.byte()? {
            0 => Keys::Unmade(Origin {
                flags: NegotiateFlags::from_bits_retain(from.u32()?),
                key: ExportedSessionKey::from(from.array()?),
                side: from.one_of(&SIDES)?,
            }),
            1 => {
                let form = Form::import(from)?;
                let permutation = Zeroizing::new(from.array()?);
                let stream = KeyStream::from_state(&permutation, from.byte()?, from.byte()?);
                Keys::Made(form, stream.ok_or(ImportError::Damaged)?)
            }
            _ => return Err(ImportError::Damaged),
        };
        Ok(Self { protection, keys, next })
    }
}

impl Form {
    fn export(&self, out: &mut Encoder) {
        match self {
            Self::Legacy => out.byte(0),
            Self::Extended { mac_key, encrypts_checksum } => {
                out.byte(if *encrypts_checksum { 2 } else { 1 });
                mac_key.states().into_iter().flatten().for_each(|word| out.u32(*word));
            }
        }
    }

    fn import(from: &mut Decoder<'_>) -> Result<Self, ImportError> {
        let encrypts_checksum = match from.byte()? {
            0 => return Ok(Self::Legacy),
            1 => false,
            2 => true,
            _ => return Err(ImportError::Damaged),
        };
        let mut states = Zeroizing::new([[0; 4]; 2]);
        for word in states.iter_mut().flatten() {
            *word = from.u32()?;
        }
        Ok(Self::Extended { mac_key: MacKey::from_states(&states), encrypts_checksum })
    }
}

fn start(kind: Kind, body_length: usize) -> Encoder {
    let mut out = Encoder::new(START_LENGTH + body_length);
    out.bytes(&MAGIC);
    out.byte(VERSION);
    out.byte(kind as u8);
    out
}

fn open(kind: Kind, exported: &[u8]) -> Result<Decoder<'_>, ImportError> {
    let mut from = Decoder(exported);
    if from.array() != Ok(MAGIC) {
        return Err(ImportError::Foreign);
    }
    if from.byte()? != VERSION {
        return Err(ImportError::Version);
    }
    if from.byte()? != kind as u8 {
        return Err(ImportError::Foreign);
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A direction that ended is handed over with the reason.
    #[test]
    fn an_ended_direction_keeps_its_reason() {
        for end in [Next::Exhausted, Next::Closed] {
            let key = ExportedSessionKey::from([7; 16]);
            let mut direction = Direction::derived(NegotiateFlags::PROTECTION, &key, Side::Client);
            direction.next = end;
            let mut out = Encoder::new(64);
            direction.export(&mut out);
            let exported = out.finish();
            let mut from = Decoder(exported.as_bytes());
            let imported = Direction::import(Protection::Seal, &mut from).unwrap();
            assert_eq!(imported.next, end);
        }
    }

    /// The numbers in the table are the places in these arrays.
    #[test]
    fn values_are_numbered_as_in_the_table() {
        assert!(SIDES.iter().zip(0..).all(|(side, number)| *side as u8 == number));
        assert!(PROTECTIONS.iter().zip(0..).all(|(value, number)| *value as u8 == number));
        assert!(SECRECIES.iter().zip(0..).all(|(value, number)| *value as u8 == number));
    }
}
