//! The sending and the receiving half of a session, which can be used independently.

use alloc::vec::Vec;

use super::Part;
use super::direction::Direction;
use crate::error::Error;
use crate::wire::Signature;

/// The sending half of a [`Session`](super::Session), made by [`split`](super::Session::split).
#[derive(Debug)]
pub struct Sender(pub(super) Direction);

/// The receiving half of a [`Session`](super::Session), made by [`split`](super::Session::split).
#[derive(Debug)]
pub struct Receiver(pub(super) Direction);

impl Sender {
    /// Signs a message that is sent in clear, and returns the signature: see
    /// [`Session::sign`](super::Session::sign).
    ///
    /// # Errors
    /// [`Integrity::Exhausted`](crate::error::Integrity::Exhausted) after 2^32 messages.
    #[doc(alias("gss_get_mic", "MakeSignature"))]
    pub fn sign(&mut self, message: &[u8]) -> Result<Signature, Error> {
        self.0.sign(message)
    }

    /// Encrypts a message, and returns the signature followed by the ciphertext: see
    /// [`Session::wrap`](super::Session::wrap).
    ///
    /// # Errors
    /// The errors of [`seal`](Self::seal).
    #[doc(alias("gss_wrap", "EncryptMessage"))]
    pub fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.wrap(message)
    }

    /// Encrypts a message in place, and returns its signature: see
    /// [`Session::seal`](super::Session::seal).
    ///
    /// # Errors
    /// On error, the message is unchanged.
    /// - [`Misuse::NotNegotiated`](crate::error::Misuse::NotNegotiated) if SEAL was not negotiated.
    /// - [`Integrity::Exhausted`](crate::error::Integrity::Exhausted) after 2^32 messages.
    pub fn seal(&mut self, message: &mut [u8]) -> Result<Signature, Error> {
        self.0.seal(message)
    }

    /// Protects a message of several parts with one signature: see
    /// [`Session::seal_parts`](super::Session::seal_parts).
    ///
    /// # Errors
    /// The errors of [`seal`](Self::seal). SEAL is needed only if a part is sealed.
    pub fn seal_parts(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        self.0.seal_parts(parts)
    }
}

impl Receiver {
    /// Checks the signature of a message that was received in clear: see
    /// [`Session::verify`](super::Session::verify).
    ///
    /// # Errors
    /// [`Error::Integrity`] if this is not the next message, or it was changed.
    #[doc(alias("gss_verify_mic", "VerifySignature"))]
    pub fn verify(&mut self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.0.verify(message, signature)
    }

    /// Decrypts a token of the peer's [`Sender::wrap`], checks its signature, and returns the
    /// message: see [`Session::unwrap`](super::Session::unwrap).
    ///
    /// # Errors
    /// [`Error::Wire`] if the token is shorter than a signature (16 bytes), and the errors of
    /// [`unseal`](Self::unseal).
    #[doc(alias("gss_unwrap", "DecryptMessage"))]
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.unwrap(token)
    }

    /// Decrypts a message in place, and checks its signature: see
    /// [`Session::unseal`](super::Session::unseal).
    ///
    /// # Errors
    /// - [`Error::Integrity`] if this is not the next message, which then stays encrypted, or if it
    ///   was changed, in which case it is wiped.
    /// - [`Misuse::NotNegotiated`](crate::error::Misuse::NotNegotiated) if SEAL was not negotiated.
    pub fn unseal(&mut self, message: &mut [u8], signature: &Signature) -> Result<(), Error> {
        self.0.unseal(message, signature)
    }

    /// Decrypts the sealed parts in place, and checks the signature: see
    /// [`Session::unseal_parts`](super::Session::unseal_parts).
    ///
    /// # Errors
    /// The errors of [`unseal`](Self::unseal). SEAL is needed only if a part is sealed.
    pub fn unseal_parts(
        &mut self,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.0.unseal_parts(parts, signature)
    }
}
