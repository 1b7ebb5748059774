//! The format in which handshakes, session keys and sessions are exported to another process.
//!
//! An export is a start of 6 bytes and one body, with nothing after it. Lengths are in bytes, and
//! integers are little-endian.
//!
//! | export | bytes | contents |
//! |---|---|---|
//! | start | 4 | `ntlm` in ASCII |
//! | | 1 | version of this format: 1 |
//! | | 1 | kind of the body: 1 handshake, 2 session keys, 3 session |
//! | handshake | 4 + n | NEGOTIATE: its length, then its bytes; length 0 if connectionless |
//! | | 4 + n | CHALLENGE, in the same way |
//! | | 16 | channel bindings of the connection (MD5); zeros if there are none |
//! | session keys | 4 | negotiated flags |
//! | | 16 | exported session key |
//! | | 1 | this side: 0 client, 1 server |
//! | | 1 | key: 0 unusable, 1 secret, 2 known to everyone |
//! | | 1 | `mechListMIC`s made: 0 none, 1 this side's, 2 the peer's, 3 both |
//! | session | 1 | protection: 0 none, 1 sign, 2 seal |
//! | | 1 | directions: 0 none, 1 none, with dummy signatures, 2 one for both, 3 sending, then receiving |
//! | | n | the directions |
//! | direction | 1 | 0 open, 1 all sequence numbers used up, 2 closed by a wrong signature |
//! | | 4 | if open: sequence number of the next message |
//! | | 1 | keys: 0 not derived yet, 1 derived |
//! | | 4 | if not derived: negotiated flags |
//! | | 16 | if not derived: exported session key |
//! | | 1 | if not derived: side that sends: 0 client, 1 server |
//! | | 1 | if derived: 0 CRC32, 1 HMAC-MD5, 2 HMAC-MD5 whose first 8 bytes are encrypted |
//! | | 32 | if derived and HMAC-MD5: the MD5 states after the inner and after the outer key block |
//! | | 256 | if derived: permutation of RC4 |
//! | | 2 | if derived: i and j of RC4 |

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

/// The kind of an export. The numbers are those in the table above.
#[derive(Clone, Copy)]
enum Kind {
    Handshake = 1,
    SessionKeys = 2,
    Session = 3,
}

/// The lengths of the start and of the longest bodies, in bytes.
const START_LENGTH: usize = 6;
const SESSION_KEYS_LENGTH: usize = 23;
const DIRECTION_LENGTH: usize = 297;
const SESSION_LENGTH: usize = 2 + 2 * DIRECTION_LENGTH;

/// Each value is at the index by which the table numbers it.
const SIDES: [Side; 2] = [Side::Client, Side::Server];
const PROTECTIONS: [Protection; 3] = [Protection::None, Protection::Sign, Protection::Seal];
const SECRECIES: [Secrecy; 3] = [Secrecy::Unusable, Secrecy::Secret, Secrecy::KnownToEveryone];

const MECH_LIST_MICS: [MechListMics; 4] = [
    MechListMics { sent: false, received: false },
    MechListMics { sent: true, received: false },
    MechListMics { sent: false, received: true },
    MechListMics { sent: true, received: true },
];

/// Exports the state of a server that waits for the AUTHENTICATE. `negotiate` is empty if the
/// handshake is connectionless.
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

#[expect(clippy::expect_used, reason = "messages are shorter than 4 GiB")]
fn message(out: &mut Encoder, message: &[u8]) {
    out.u32(u32::try_from(message.len()).expect("the policy limits the length of messages"));
    out.bytes(message);
}

/// NEGOTIATE and CHALLENGE, not parsed yet, and the channel bindings.
type Handshake<'a> = (&'a [u8], &'a [u8], [u8; 16]);

/// Returns the arguments of [`export_handshake`].
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
    /// Exports the keys, so that another process can make the session. The bytes are secret: see
    /// [`Exported`].
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

    /// Imports keys that [`export`](Self::export) returned.
    ///
    /// Import them only once, because two sessions would encrypt with the same key stream, and only
    /// from a source that you trust as much as your own process.
    ///
    /// # Errors
    /// [`ImportError`] if the bytes are not an export of session keys by this version of the
    /// format.
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
    /// Exports the session, so that another process can continue it. The bytes are secret: see
    /// [`Exported`].
    ///
    /// ```
    #[doc = include_str!("hidden_handshake.md")]
    /// let exported = server.export(); // consumes the session
    /// let mut server = Session::import(exported.as_bytes())?;
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

    /// Imports a session that [`export`](Self::export) returned.
    ///
    /// Import it only once, because two sessions would encrypt with the same key stream, and only
    /// from a source that you trust as much as your own process.
    ///
    /// # Errors
    /// [`ImportError`] if the bytes are not an export of a session by this version of the format.
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

    #[test]
    fn exhausted_or_closed_direction_stays_so_after_import() {
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

    /// Export writes the discriminant, and import takes it as index into the array.
    #[test]
    fn exported_numbers_are_indices_of_the_import_arrays() {
        assert!(SIDES.iter().zip(0..).all(|(side, number)| *side as u8 == number));
        assert!(PROTECTIONS.iter().zip(0..).all(|(value, number)| *value as u8 == number));
        assert!(SECRECIES.iter().zip(0..).all(|(value, number)| *value as u8 == number));
    }
}
