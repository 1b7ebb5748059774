//! One direction: its keys, its key stream and its counter ([MS-NLMP] 3.4.4).

use super::Part;
use super::part::{any_sealed, wipe};
use crate::crypto::primitives::{Crc32, HmacMd5, KeyStream};
use crate::crypto::{SealingKey, SigningKey};
use crate::error::{Error, Integrity, Misuse};
use crate::secret;
use crate::wire::{ExtendedSignature, LegacySignature, NegotiateFlags, Signature};

/// What signs and seals in one direction or, without extended session security, in both.
#[derive(Debug)]
pub(super) struct Cipher {
    form: Form,
    sealing_key: SealingKey,
    stream: KeyStream,
    /// The sequence number of the next message, or why there is none.
    next: Result<u32, Error>,
}

/// Which of the two signatures is made (2.2.2.9): extended session security alone decides.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// HMAC-MD5; its start is encrypted if the session key was exchanged (3.4.4.2).
    Extended { hmac: HmacMd5, encrypts_checksum: bool },
    /// An encrypted CRC32 (3.4.4.1).
    Legacy,
}

impl Form {
    pub(super) fn new(flags: NegotiateFlags, signing_key: Option<&SigningKey>) -> Self {
        let encrypts_checksum = flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH);
        signing_key.map_or(Self::Legacy, |key| Self::Extended {
            hmac: HmacMd5::new(key.expose()),
            encrypts_checksum,
        })
    }
}

impl Cipher {
    pub(super) fn new(
        flags: NegotiateFlags,
        signing_key: Option<&SigningKey>,
        sealing_key: SealingKey,
        sequence: u32,
    ) -> Self {
        Self::with_form(Form::new(flags, signing_key), sealing_key, sequence)
    }

    pub(super) fn with_form(form: Form, sealing_key: SealingKey, sequence: u32) -> Self {
        let stream = KeyStream::new(sealing_key.expose());
        Self { form, sealing_key, stream, next: Ok(sequence) }
    }

    /// Encrypts the sealed parts and returns the signature: per part the plain text goes into the
    /// checksum, then it is encrypted; the checksum is encrypted last, with the same stream.
    pub(super) fn seal(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        let sequence = self.next?;
        let mut checksum = Checksum::new(&self.form, sequence, any_sealed(parts));
        for part in parts {
            match part {
                Part::Clear(bytes) => checksum.clear(bytes),
                Part::Sealed(bytes) => {
                    checksum.sealed(bytes);
                    self.stream.apply(bytes);
                }
            }
        }
        self.advance();
        Ok(checksum.sign(&mut self.stream, sequence))
    }

    /// Decrypts the sealed parts and checks the signature.
    ///
    /// What is wrong with the signature in itself is found before the key stream is touched, and
    /// does no harm. After that there is no way back.
    pub(super) fn unseal(
        &mut self,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        let sequence = self.admit(signature)?;
        let mut checksum = Checksum::new(&self.form, sequence, any_sealed(parts));
        for part in &mut *parts {
            match part {
                Part::Clear(bytes) => checksum.clear(bytes),
                Part::Sealed(bytes) => {
                    self.stream.apply(bytes);
                    checksum.sealed(bytes);
                }
            }
        }
        let expected = checksum.sign(&mut self.stream, sequence);
        self.compare(&expected, signature).inspect_err(|_| wipe(parts))
    }

    /// Signs the first message, with a key stream that is thrown away.
    pub(super) fn mech_list_mic(&mut self, mech_types: &[u8]) -> Result<Signature, Error> {
        let sequence = self.next?;
        if sequence != 0 {
            return Err(Misuse::MechListMicTooLate.into());
        }
        self.advance();
        Ok(self.first_signature(mech_types))
    }

    pub(super) fn verify_mech_list_mic(
        &mut self,
        mech_types: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        if self.next? != 0 {
            return Err(Misuse::MechListMicTooLate.into());
        }
        self.admit(signature)?;
        let expected = self.first_signature(mech_types);
        self.compare(&expected, signature)
    }

    fn first_signature(&self, message: &[u8]) -> Signature {
        let mut checksum = Checksum::new(&self.form, 0, false);
        checksum.clear(message);
        checksum.sign(&mut KeyStream::new(self.sealing_key.expose()), 0)
    }

    /// The sequence number of the next message, if the signature can be its.
    fn admit(&self, signature: &Signature) -> Result<u32, Error> {
        let sequence = self.next?;
        if !signature.is_known_version() {
            return Err(Integrity::Version.into());
        }
        match self.form {
            Form::Extended { .. } if signature.extended().sequence != sequence => {
                Err(Integrity::Sequence.into())
            }
            _ => Ok(sequence),
        }
    }

    /// Goes on to the next message, or never more.
    fn compare(&mut self, expected: &Signature, received: &Signature) -> Result<(), Error> {
        let is_equal = match self.form {
            Form::Extended { .. } => secret::equal(expected.as_bytes(), received.as_bytes()),
            Form::Legacy => {
                // RandomPad: Windows and Samba send what they like there (3.4.4.1).
                let (expected, received) = (expected.legacy(), received.legacy());
                secret::equal(&expected.checksum, &received.checksum)
                    & secret::equal(&expected.sequence, &received.sequence)
            }
        };
        if is_equal {
            self.advance();
            Ok(())
        } else {
            self.next = Err(Integrity::Closed.into());
            Err(Integrity::Checksum.into())
        }
    }

    /// The number after the last one is no number: it would be used twice.
    fn advance(&mut self) {
        let after = |number: u32| number.checked_add(1).ok_or(Integrity::Exhausted.into());
        self.next = self.next.and_then(after);
    }
}

/// The checksum of one message in the making.
enum Checksum {
    Extended { hmac: HmacMd5, encrypts: bool },
    Legacy { crc: Crc32, covers_clear: bool },
}

impl Checksum {
    fn new(form: &Form, sequence: u32, any_sealed: bool) -> Self {
        match form {
            Form::Extended { hmac, encrypts_checksum } => {
                let mut hmac = hmac.clone();
                hmac.update(&sequence.to_le_bytes());
                Self::Extended { hmac, encrypts: *encrypts_checksum }
            }
            Form::Legacy => Self::Legacy { crc: Crc32::default(), covers_clear: !any_sealed },
        }
    }

    fn clear(&mut self, bytes: &[u8]) {
        match self {
            Self::Extended { hmac, .. } => hmac.update(bytes),
            Self::Legacy { crc, covers_clear: true } => crc.update(bytes),
            Self::Legacy { .. } => {}
        }
    }

    /// Takes in the plain text of a sealed part.
    fn sealed(&mut self, plain: &[u8]) {
        match self {
            Self::Extended { hmac, .. } => hmac.update(plain),
            Self::Legacy { crc, .. } => crc.update(plain),
        }
    }

    fn sign(self, stream: &mut KeyStream, sequence: u32) -> Signature {
        match self {
            Self::Extended { hmac, encrypts } => {
                let [a, b, c, d, e, f, g, h, ..] = hmac.finish();
                let mut checksum = [a, b, c, d, e, f, g, h];
                if encrypts {
                    stream.apply(&mut checksum);
                }
                ExtendedSignature::new(checksum, sequence).into()
            }
            Self::Legacy { crc, .. } => {
                // RandomPad takes its share of the key stream, though zero is sent in its place.
                let (mut pad, mut number) = ([0; 4], sequence.to_le_bytes());
                let mut checksum = crc.finish().to_le_bytes();
                stream.apply(&mut pad);
                stream.apply(&mut checksum);
                stream.apply(&mut number);
                LegacySignature::new(checksum, number).into()
            }
        }
    }
}
