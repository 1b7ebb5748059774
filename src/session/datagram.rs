//! Connectionless sessions: each message stands alone ([MS-NLMP] 3.4).

use super::checksum::Form;
use super::direction::Direction;
use super::part::needed;
use super::{Part, Protection};
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::error::{Error, Misuse};
use crate::wire::{NegotiateFlags, Signature};

/// Protects datagrams, which may be lost or arrive in any order.
///
/// Each message has a sequence number that the application chooses and transmits. Each number must
/// be used for one message in each direction only: two messages with the same number have the same
/// key stream. Rejecting replayed messages is the application's responsibility too, because only
/// the application can record which numbers arrived. Without extended session security, both
/// directions have the same key, so a number must be used in one of them only, and an attacker
/// could send a message back to its sender.
///
/// The key of a message is made from the sealing key and the sequence number before the message is
/// encrypted, as the specification says. gss-ntlmssp changes the key only between encrypting and
/// signing; therefore the two can sign for each other, but not seal.
#[derive(Debug)]
pub struct DatagramSession {
    protection: Protection,
    sending: Keys,
    receiving: Keys,
}

#[derive(Debug)]
struct Keys {
    form: Form,
    sealing_key: SealingKey,
}

impl DatagramSession {
    pub(super) fn derived(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        let keys = |side| Keys {
            form: Form::new(flags, SigningKey::derive(flags, key, side).as_ref()),
            sealing_key: SealingKey::derive(flags, key, side),
        };
        Self {
            protection: Protection::from_datagram_flags(flags),
            sending: keys(side),
            receiving: keys(side.peer()),
        }
    }

    /// Returns what this session can do.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// Returns the signature of a message that is sent in clear.
    ///
    /// # Errors
    /// [`Misuse::NotNegotiated`].
    pub fn sign(&self, sequence: u32, message: &[u8]) -> Result<Signature, Error> {
        self.seal_parts(sequence, &mut [Part::Clear(message)])
    }

    /// Checks the signature of a message that came in clear.
    ///
    /// # Errors
    /// [`Error::Integrity`] if the message, its number or its signature was changed;
    /// [`Misuse::NotNegotiated`].
    pub fn verify(
        &self,
        sequence: u32,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.unseal_parts(sequence, &mut [Part::Clear(message)], signature)
    }

    /// Encrypts a message in place and returns its signature.
    ///
    /// # Errors
    /// [`Misuse::NotNegotiated`], or [`Misuse::NeedsExtendedSessionSecurity`] (3.4.3); the message
    /// is unchanged then.
    pub fn seal(&self, sequence: u32, message: &mut [u8]) -> Result<Signature, Error> {
        self.seal_parts(sequence, &mut [Part::Sealed(message)])
    }

    /// Decrypts a message in place and checks its signature.
    ///
    /// # Errors
    /// [`Error::Integrity`]: if the signature is of another number or version, the message stays
    /// encrypted; if it was changed, it is wiped. Otherwise the errors of [`seal`](Self::seal).
    pub fn unseal(
        &self,
        sequence: u32,
        message: &mut [u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.unseal_parts(sequence, &mut [Part::Sealed(message)], signature)
    }

    /// Protects a message of several parts with one signature: see
    /// [`Session::seal_parts`](super::Session::seal_parts).
    ///
    /// # Errors
    /// The errors of [`seal`](Self::seal).
    pub fn seal_parts(&self, sequence: u32, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        self.direction(&self.sending, sequence, parts)?.seal_parts(parts)
    }

    /// Reverses [`seal_parts`](Self::seal_parts): decrypts the sealed parts in place and checks the
    /// signature.
    ///
    /// # Errors
    /// The errors of [`unseal`](Self::unseal).
    pub fn unseal_parts(
        &self,
        sequence: u32,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.direction(&self.receiving, sequence, parts)?.unseal_parts(parts, signature)
    }

    /// Returns the direction that protects this one message.
    fn direction(
        &self,
        keys: &Keys,
        sequence: u32,
        parts: &[Part<'_>],
    ) -> Result<Direction, Error> {
        if needed(parts) == Protection::Seal && !keys.form.is_extended() {
            return Err(Misuse::NeedsExtendedSessionSecurity.into());
        }
        let sealing_key = keys.sealing_key.for_message(sequence);
        Ok(Direction::with_keys(self.protection, keys.form.clone(), &sealing_key, sequence))
    }
}
