//! The state of one direction of a session: keys, key stream and counter ([MS-NLMP] 3.4).

use alloc::vec::Vec;
use core::mem;

use zeroize::Zeroizing;

use super::checksum::{Form, admit};
use super::part::{needed, wipe};
use super::{Part, Protection};
use crate::crypto::stitched::KeyStream;
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::error::{Error, Integrity, Misuse};
use crate::wire::{NegotiateFlags, Signature};

/// Protects the messages of one direction. Without extended session security, one value protects
/// both directions.
#[derive(Debug)]
pub(super) struct Direction {
    /// What was negotiated.
    pub(super) protection: Protection,
    pub(super) keys: Keys,
    pub(super) next: Next,
}

/// The number of the next message, or why there is no next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Number(u32),
    /// All sequence numbers are used up.
    Exhausted,
    /// An earlier message did not match its signature, and RC4 cannot be rewound.
    Closed,
}

/// The keys of a direction. They are derived when the first message needs them, because many
/// sessions protect no message, and because SPNEGO's `mechListMIC` needs a key stream of its own.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "`Unmade` becomes `Made` in place")]
pub(super) enum Keys {
    Unmade(Origin),
    Made(Form, KeyStream),
}

/// What the keys of a direction are derived from.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) flags: NegotiateFlags,
    pub(super) key: ExportedSessionKey,
    /// The side that sends.
    pub(super) side: Side,
}

/// The sequence number of the first message.
const FIRST: u32 = 0;

/// The length of a signature in bytes.
const SIGNATURE_LENGTH: usize = 16;

impl Direction {
    /// Returns the direction in which `side` sends. Its keys are derived later.
    pub(super) fn derived(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        let origin = Origin { flags, key: key.clone(), side };
        let (keys, next) = (Keys::Unmade(origin), Next::Number(FIRST));
        Self { protection: Protection::from_flags(flags), keys, next }
    }

    /// Returns a direction with these keys, a fresh key stream, and this number for the next
    /// message.
    pub(super) fn with_keys(
        protection: Protection,
        form: Form,
        sealing_key: &SealingKey,
        sequence: u32,
    ) -> Self {
        let keys = Keys::Made(form, KeyStream::new(sealing_key.expose()));
        Self { protection, keys, next: Next::Number(sequence) }
    }

    pub(super) fn sign(&mut self, message: &[u8]) -> Result<Signature, Error> {
        self.seal_parts(&mut [Part::Clear(message)])
    }

    pub(super) fn verify(&mut self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.unseal_parts(&mut [Part::Clear(message)], signature)
    }

    pub(super) fn seal(&mut self, message: &mut [u8]) -> Result<Signature, Error> {
        self.seal_parts(&mut [Part::Sealed(message)])
    }

    pub(super) fn unseal(
        &mut self,
        message: &mut [u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.unseal_parts(&mut [Part::Sealed(message)], signature)
    }

    /// Returns the signature, followed by the sealed message. If sealing fails, the copy of the
    /// message is wiped.
    pub(super) fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut token = Zeroizing::new(Vec::with_capacity(SIGNATURE_LENGTH + message.len()));
        token.extend_from_slice(&[0; SIGNATURE_LENGTH]);
        token.extend_from_slice(message);
        let (place, message) = token.split_at_mut(SIGNATURE_LENGTH);
        place.copy_from_slice(self.seal(message)?.as_bytes());
        Ok(mem::take(&mut *token))
    }

    /// Returns the message of a token that [`wrap`](Self::wrap) made. If unsealing fails, the copy
    /// of the message is wiped.
    pub(super) fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        let (signature, sealed) = token.split_at(token.len().min(SIGNATURE_LENGTH));
        let signature = Signature::try_from(signature)?;
        let mut message = Zeroizing::new(sealed.to_vec());
        self.unseal(&mut message, &signature)?;
        Ok(mem::take(&mut *message))
    }

    /// Encrypts the sealed parts, and returns the signature. The checksum covers the plaintext of
    /// all signed parts. It is encrypted after them, with the same key stream.
    pub(super) fn seal_parts(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        let sequence = self.begin(parts)?;
        let (form, stream) = self.keys.made();
        let mut checksum = form.start(sequence);
        for part in parts {
            checksum.seal(stream, part);
        }
        let signature = checksum.finish(stream, sequence);
        self.next = Next::after(sequence);
        Ok(signature)
    }

    /// Decrypts the sealed parts, and checks the signature. A wrong checksum closes the direction;
    /// a wrong version or number is rejected before the key stream is used, so the direction stays
    /// open.
    pub(super) fn unseal_parts(
        &mut self,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        let sequence = self.begin(parts)?;
        admit(signature, sequence, self.keys.are_extended())?;
        let (form, stream) = self.keys.made();
        let mut checksum = form.start(sequence);
        for part in &mut *parts {
            checksum.unseal(stream, part);
        }
        let expected = checksum.finish(stream, sequence);
        let is_equal = form.is_equal(&expected, signature);
        self.conclude(sequence, is_equal).inspect_err(|_| wipe(parts))
    }

    /// Signs SPNEGO's list of mechanisms as first message, with a key stream that is then dropped.
    pub(super) fn mech_list_mic(&mut self, mech_types: &[u8]) -> Result<Signature, Error> {
        let (_, signature) = self.first_signature(mech_types)?;
        self.next = Next::after(FIRST);
        Ok(signature)
    }

    /// Skips the sequence number of a `mechListMIC` that was made or verified before this value
    /// existed.
    pub(super) fn skip_first(&mut self) {
        self.next = Next::after(FIRST);
    }

    pub(super) fn verify_mech_list_mic(
        &mut self,
        mech_types: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        let (form, expected) = self.first_signature(mech_types)?;
        admit(signature, FIRST, form.is_extended())?;
        self.conclude(FIRST, form.is_equal(&expected, signature))
    }

    fn first_signature(&self, message: &[u8]) -> Result<(Form, Signature), Error> {
        let (FIRST, Keys::Unmade(origin)) = (self.next.number()?, &self.keys) else {
            return Err(Misuse::MechListMicTooLate.into());
        };
        let (form, mut stream) = origin.derive();
        let mut checksum = form.start(FIRST);
        checksum.update(message);
        let signature = checksum.finish(&mut stream, FIRST);
        Ok((form, signature))
    }

    /// Returns the number of the next message. Fails if these parts need more than was negotiated:
    /// this is the only place that checks it.
    fn begin(&self, parts: &[Part<'_>]) -> Result<u32, Error> {
        self.protection.allows(needed(parts))?;
        self.next.number()
    }

    /// Advances to the next number, or closes the direction if the signature is wrong.
    fn conclude(&mut self, sequence: u32, is_equal: bool) -> Result<(), Error> {
        if is_equal {
            self.next = Next::after(sequence);
            Ok(())
        } else {
            self.next = Next::Closed;
            Err(Integrity::Checksum.into())
        }
    }
}

impl Next {
    fn number(self) -> Result<u32, Error> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Exhausted => Err(Integrity::Exhausted.into()),
            Self::Closed => Err(Integrity::Closed.into()),
        }
    }

    /// Returns what follows the message with this number. Numbers never wrap around, because each
    /// is used only once.
    fn after(number: u32) -> Self {
        number.checked_add(1).map_or(Self::Exhausted, Self::Number)
    }
}

impl Keys {
    /// Returns whether signatures have the form of extended session security.
    fn are_extended(&self) -> bool {
        match self {
            Self::Unmade(origin) => {
                origin.flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
            }
            Self::Made(form, _) => form.is_extended(),
        }
    }

    /// Returns the keys, and derives them first if necessary.
    fn made(&mut self) -> (&Form, &mut KeyStream) {
        if let Self::Unmade(origin) = self {
            let (form, stream) = origin.derive();
            *self = Self::Made(form, stream);
        }
        match self {
            Self::Made(form, stream) => (form, stream),
            Self::Unmade(_) => unreachable!("the keys were made above"),
        }
    }
}

impl Origin {
    fn derive(&self) -> (Form, KeyStream) {
        let Self { flags, key, side } = self;
        let form = Form::new(*flags, SigningKey::derive(*flags, key, *side).as_ref());
        (form, KeyStream::new(SealingKey::derive(*flags, key, *side).expose()))
    }
}
