//! Connectionless sessions: each message stands alone ([MS-NLMP] 3.4).

use super::cipher::{Cipher, Form};
use super::{Part, Protection, part};
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::error::{Error, Misuse};
use crate::wire::{NegotiateFlags, Signature};

/// Protects datagrams, which may be lost or come in any order.
///
/// Each message has a sequence number that the application gives and transports. Each number must
/// be used for one message in each direction only: two messages with the same number have the same
/// key stream. To refuse replayed messages is the application's business too, since it alone knows
/// which numbers it has seen. Without extended session security, both directions have the same key,
/// so that a number must be used in one of them only, and a message could be sent back to its
/// sender.
///
/// Messages are sealed with a key made of the sealing key and the sequence number, before they are
/// encrypted, as the specification has it. gss-ntlmssp changes the key only between encrypting and
/// signing, so that the two can sign for each other, but not seal.
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
    /// The session that these flags and this key make, for a context that was established
    /// elsewhere. Otherwise it comes from
    /// [`SessionKeys::into_datagram_session`](super::SessionKeys::into_datagram_session).
    #[must_use]
    pub fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
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

    /// What this session can do.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// The signature of a message that is sent in clear.
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
    /// [`Error::Integrity`]: if the signature is of another number or version, the message stays as
    /// it is; if it was changed, it is wiped. Others as [`seal`](Self::seal).
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
    /// As [`seal`](Self::seal).
    pub fn seal_parts(&self, sequence: u32, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        self.cipher(&self.sending, sequence, parts)?.seal(parts)
    }

    /// Takes back what [`seal_parts`](Self::seal_parts) did.
    ///
    /// # Errors
    /// As [`unseal`](Self::unseal).
    pub fn unseal_parts(
        &self,
        sequence: u32,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.cipher(&self.receiving, sequence, parts)?.unseal(parts, signature)
    }

    /// The cipher of this one message.
    fn cipher(&self, keys: &Keys, sequence: u32, parts: &[Part<'_>]) -> Result<Cipher, Error> {
        let needed = part::needed(parts);
        if needed == Protection::Seal && matches!(keys.form, Form::Legacy) {
            return Err(Misuse::NeedsExtendedSessionSecurity.into());
        }
        self.protection.allows(needed)?;
        let sealing_key = keys.sealing_key.for_message(sequence);
        Ok(Cipher::given(keys.form.clone(), sealing_key, sequence))
    }
}
