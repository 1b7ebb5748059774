//! The two halves of a session, which can be used apart.

use super::cipher::{Cipher, Form};
use super::{Part, Protection, part};
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::error::Error;
use crate::export::{Decoder, Encoder, ImportError};
use crate::wire::{NegotiateFlags, Signature};

/// The sending half of a [`Session`](super::Session), by [`split`](super::Session::split).
#[derive(Debug)]
pub struct Sender {
    protection: Protection,
    cipher: Cipher,
}

/// The receiving half of a [`Session`](super::Session), by [`split`](super::Session::split).
#[derive(Debug)]
pub struct Receiver {
    protection: Protection,
    cipher: Cipher,
}

impl Sender {
    pub(super) fn export(&self, out: &mut Encoder) {
        self.cipher.export(out);
    }

    pub(super) fn import(
        protection: Protection,
        from: &mut Decoder<'_>,
    ) -> Result<Self, ImportError> {
        Ok(Self { protection, cipher: Cipher::import(from)? })
    }

    /// One direction with keys of its own and a fresh key stream, whose next message has this
    /// sequence number. For contexts that were established elsewhere, and for tests.
    ///
    /// Without a signing key it makes signatures without extended session security. A key must be
    /// used for one direction of one session only.
    #[must_use]
    pub fn with_keys(
        flags: NegotiateFlags,
        signing_key: Option<&SigningKey>,
        sealing_key: SealingKey,
        sequence: u32,
    ) -> Self {
        let cipher = Cipher::given(Form::new(flags, signing_key), sealing_key, sequence);
        Self { protection: Protection::from_flags(flags), cipher }
    }

    pub(super) fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        let cipher = Cipher::derived(flags, key, side);
        Self { protection: Protection::from_flags(flags), cipher }
    }

    /// See [`Session::sign`](super::Session::sign).
    ///
    /// # Errors
    /// As there.
    pub fn sign(&mut self, message: &[u8]) -> Result<Signature, Error> {
        self.seal_parts(&mut [Part::Clear(message)])
    }

    /// See [`Session::seal`](super::Session::seal).
    ///
    /// # Errors
    /// As there.
    pub fn seal(&mut self, message: &mut [u8]) -> Result<Signature, Error> {
        self.seal_parts(&mut [Part::Sealed(message)])
    }

    /// See [`Session::seal_parts`](super::Session::seal_parts).
    ///
    /// # Errors
    /// As there.
    pub fn seal_parts(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        self.protection.allows(part::needed(parts))?;
        self.cipher.seal(parts)
    }

    pub(super) fn mech_list_mic(&mut self, mech_types: &[u8]) -> Result<Signature, Error> {
        self.cipher.mech_list_mic(mech_types)
    }
}

impl Receiver {
    pub(super) fn export(&self, out: &mut Encoder) {
        self.cipher.export(out);
    }

    pub(super) fn import(
        protection: Protection,
        from: &mut Decoder<'_>,
    ) -> Result<Self, ImportError> {
        Ok(Self { protection, cipher: Cipher::import(from)? })
    }

    /// The receiving end of [`Sender::with_keys`].
    #[must_use]
    pub fn with_keys(
        flags: NegotiateFlags,
        signing_key: Option<&SigningKey>,
        sealing_key: SealingKey,
        sequence: u32,
    ) -> Self {
        let cipher = Cipher::given(Form::new(flags, signing_key), sealing_key, sequence);
        Self { protection: Protection::from_flags(flags), cipher }
    }

    /// For the messages that this side sends.
    pub(super) fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        let cipher = Cipher::derived(flags, key, side);
        Self { protection: Protection::from_flags(flags), cipher }
    }

    /// See [`Session::verify`](super::Session::verify).
    ///
    /// # Errors
    /// As there.
    pub fn verify(&mut self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.unseal_parts(&mut [Part::Clear(message)], signature)
    }

    /// See [`Session::unseal`](super::Session::unseal).
    ///
    /// # Errors
    /// As there.
    pub fn unseal(&mut self, message: &mut [u8], signature: &Signature) -> Result<(), Error> {
        self.unseal_parts(&mut [Part::Sealed(message)], signature)
    }

    /// See [`Session::unseal_parts`](super::Session::unseal_parts).
    ///
    /// # Errors
    /// As there.
    pub fn unseal_parts(
        &mut self,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.protection.allows(part::needed(parts))?;
        self.cipher.unseal(parts, signature)
    }

    pub(super) fn verify_mech_list_mic(
        &mut self,
        mech_types: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.cipher.verify_mech_list_mic(mech_types, signature)
    }
}
