//! Connectionless sessions: each message is protected on its own ([MS-NLMP] 3.4).

use super::checksum::Form;
use super::direction::Direction;
use super::part::needed;
use super::{Part, Protection};
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::error::{Error, Misuse};
use crate::wire::{NegotiateFlags, Signature};

/// Protects the messages of a connectionless handshake: datagrams, which can be lost or arrive in
/// any order.
///
/// Each message has a sequence number, which the application chooses and transmits. The following
/// is the application's responsibility:
///
/// - Use each number for only one message per direction, because messages with the same number are
///   encrypted with the same key stream.
/// - Reject replayed messages: record which numbers have arrived.
/// - Without extended session security, use each number in only one of the two directions, and
///   reject messages that come back: both directions share a key, so an attacker can return a
///   message to its sender.
///
/// As \[MS-NLMP\] 3.4 requires, the key of a message is made from the sealing key and the sequence
/// number before the message is encrypted. gss-ntlmssp changes the key only after it has encrypted
/// the message, and before it signs. Therefore the two verify each other's signatures, but cannot
/// unseal each other's messages.
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

    /// Returns how this session can protect messages.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// Signs a message that is sent in clear, and returns the signature.
    ///
    /// # Errors
    /// [`Misuse::NotNegotiated`] if neither SIGN nor SEAL was negotiated.
    pub fn sign(&self, sequence: u32, message: &[u8]) -> Result<Signature, Error> {
        self.seal_parts(sequence, &mut [Part::Clear(message)])
    }

    /// Checks the signature of a message that was received in clear.
    ///
    /// # Errors
    /// - [`Error::Integrity`] if the message, its number or its signature was changed.
    /// - [`Misuse::NotNegotiated`] if neither SIGN nor SEAL was negotiated.
    pub fn verify(
        &self,
        sequence: u32,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.unseal_parts(sequence, &mut [Part::Clear(message)], signature)
    }

    /// Encrypts a message in place, and returns its signature.
    ///
    /// # Errors
    /// On error, the message is unchanged.
    /// - [`Misuse::NotNegotiated`] if SEAL was not negotiated.
    /// - [`Misuse::NeedsExtendedSessionSecurity`] if that was not negotiated (\[MS-NLMP\] 3.4.3).
    pub fn seal(&self, sequence: u32, message: &mut [u8]) -> Result<Signature, Error> {
        self.seal_parts(sequence, &mut [Part::Sealed(message)])
    }

    /// Decrypts a message in place and checks its signature.
    ///
    /// # Errors
    /// [`Error::Integrity`] if the signature has another sequence number or version, in which case
    /// the message stays encrypted, or if the message was changed, in which case it is wiped.
    /// [`Error::Misuse`] as [`seal`](Self::seal) returns it.
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

    /// Decrypts the sealed parts in place, and checks the signature that
    /// [`seal_parts`](Self::seal_parts) returned to the peer.
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

    /// Makes the `Direction` that protects the message with this sequence number, and no other.
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
