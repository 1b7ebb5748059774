//! One direction: its keys, its key stream and its counter ([MS-NLMP] 3.4.4).

use zeroize::Zeroizing;

use super::Part;
use super::part::wipe;
use crate::crypto::primitives::Crc32;
use crate::crypto::stitched::{KeyStream, Mac, MacKey};
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::error::{Error, Integrity, Misuse};
use crate::export::{Decoder, Encoder, ImportError};
use crate::secret;
use crate::wire::{ExtendedSignature, LegacySignature, NegotiateFlags, Signature};

/// What signs and seals in one direction or, without extended session security, in both.
#[derive(Debug)]
pub(super) struct Cipher {
    keys: Keys,
    /// The sequence number of the next message, or why there is none.
    next: Result<u32, Error>,
}

/// Keys are made when the first message needs them: many sessions protect none, and SPNEGO's
/// `mechListMIC` needs a key stream of its own.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it becomes the larger one, in place")]
enum Keys {
    Unmade(Recipe),
    Made(Form, KeyStream),
}

/// How keys are made.
#[derive(Debug)]
enum Recipe {
    /// From the session's key, for the messages of a side.
    Derived(NegotiateFlags, ExportedSessionKey, Side),
    Given(Form, SealingKey),
}

impl Recipe {
    fn make(&self) -> (Form, KeyStream) {
        match self {
            Self::Derived(flags, key, side) => {
                let form = Form::new(*flags, SigningKey::derive(*flags, key, *side).as_ref());
                let sealing_key = SealingKey::derive(*flags, key, *side);
                (form, KeyStream::new(sealing_key.expose()))
            }
            Self::Given(form, sealing_key) => (form.clone(), KeyStream::new(sealing_key.expose())),
        }
    }
}

/// Which of the two signatures is made (2.2.2.9): extended session security alone decides.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// HMAC-MD5; its start is encrypted if the session key was exchanged (3.4.4.2).
    Extended { mac_key: MacKey, encrypts_checksum: bool },
    /// An encrypted CRC32 (3.4.4.1).
    Legacy,
}

impl Form {
    pub(super) fn new(flags: NegotiateFlags, signing_key: Option<&SigningKey>) -> Self {
        let encrypts_checksum = flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH);
        signing_key.map_or(Self::Legacy, |key| Self::Extended {
            mac_key: MacKey::new(key.expose()),
            encrypts_checksum,
        })
    }
}

impl Cipher {
    /// For the messages of a side, from the first on.
    pub(super) fn derived(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        Self { keys: Keys::Unmade(Recipe::Derived(flags, key.clone(), side)), next: Ok(0) }
    }

    pub(super) fn given(form: Form, sealing_key: SealingKey, sequence: u32) -> Self {
        Self { keys: Keys::Unmade(Recipe::Given(form, sealing_key)), next: Ok(sequence) }
    }

    pub(super) fn export(&self, out: &mut Encoder) {
        match self.next {
            Ok(sequence) => {
                out.byte(0);
                out.u32(sequence);
            }
            Err(error) => out.byte(if error == Integrity::Exhausted.into() { 1 } else { 2 }),
        }
        match &self.keys {
            Keys::Unmade(Recipe::Derived(flags, key, side)) => {
                out.byte(0);
                out.u32(flags.bits());
                out.bytes(key.expose());
                out.byte(side.number());
            }
            Keys::Unmade(recipe @ Recipe::Given(..)) => {
                let (form, stream) = recipe.make();
                export_made(&form, &stream, out);
            }
            Keys::Made(form, stream) => export_made(form, stream, out),
        }
    }

    pub(super) fn import(from: &mut Decoder<'_>) -> Result<Self, ImportError> {
        let next = match from.byte()? {
            0 => Ok(from.u32()?),
            1 => Err(Integrity::Exhausted.into()),
            2 => Err(Integrity::Closed.into()),
            _ => return Err(ImportError::Damaged),
        };
        let keys = match from.byte()? {
            0 => Keys::Unmade(Recipe::Derived(
                NegotiateFlags::from_bits_retain(from.u32()?),
                ExportedSessionKey::from(from.array()?),
                Side::from_number(from.byte()?).ok_or(ImportError::Damaged)?,
            )),
            1 => {
                let form = Form::import(from)?;
                let permutation = Zeroizing::new(from.array()?);
                let stream = KeyStream::from_state(&permutation, from.byte()?, from.byte()?);
                Keys::Made(form, stream.ok_or(ImportError::Damaged)?)
            }
            _ => return Err(ImportError::Damaged),
        };
        Ok(Self { keys, next })
    }

    /// Encrypts the sealed parts and returns the signature: per part the plain text goes into the
    /// checksum, then it is encrypted; the checksum is encrypted last, with the same stream.
    pub(super) fn seal(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        let sequence = self.next?;
        let (form, stream) = self.keys.made();
        let mut checksum = Checksum::new(form, sequence);
        for part in parts {
            match part {
                Part::Clear(bytes) => checksum.clear(bytes),
                Part::Sealed(bytes) => checksum.seal(stream, bytes),
                Part::Unsigned(_) => {}
            }
        }
        let signature = checksum.sign(stream, sequence);
        self.advance();
        Ok(signature)
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
        let sequence = self.next?;
        admit(signature, sequence, self.keys.are_extended())?;
        let (form, stream) = self.keys.made();
        let mut checksum = Checksum::new(form, sequence);
        for part in &mut *parts {
            match part {
                Part::Clear(bytes) => checksum.clear(bytes),
                Part::Sealed(bytes) => checksum.unseal(stream, bytes),
                Part::Unsigned(_) => {}
            }
        }
        let expected = checksum.sign(stream, sequence);
        let is_equal = form.is_equal(&expected, signature);
        self.conclude(is_equal).inspect_err(|_| wipe(parts))
    }

    /// Signs the first message, with a key stream that is thrown away.
    pub(super) fn mech_list_mic(&mut self, mech_types: &[u8]) -> Result<Signature, Error> {
        let signature = self.first_signature(mech_types)?.1;
        self.advance();
        Ok(signature)
    }

    pub(super) fn verify_mech_list_mic(
        &mut self,
        mech_types: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        let (form, expected) = self.first_signature(mech_types)?;
        admit(signature, 0, form.is_extended())?;
        self.conclude(form.is_equal(&expected, signature))
    }

    fn first_signature(&self, message: &[u8]) -> Result<(Form, Signature), Error> {
        let (0, Keys::Unmade(recipe)) = (self.next?, &self.keys) else {
            return Err(Misuse::MechListMicTooLate.into());
        };
        let (form, mut stream) = recipe.make();
        let mut checksum = Checksum::new(&form, 0);
        checksum.clear(message);
        let signature = checksum.sign(&mut stream, 0);
        Ok((form, signature))
    }

    /// Goes on to the next message, or never more.
    fn conclude(&mut self, is_equal: bool) -> Result<(), Error> {
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

impl Keys {
    /// Whether signatures are those of extended session security.
    fn are_extended(&self) -> bool {
        match self {
            Self::Unmade(Recipe::Derived(flags, ..)) => {
                flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
            }
            Self::Unmade(Recipe::Given(form, _)) | Self::Made(form, _) => form.is_extended(),
        }
    }

    fn made(&mut self) -> (&Form, &mut KeyStream) {
        if let Self::Unmade(recipe) = self {
            let (form, stream) = recipe.make();
            *self = Self::Made(form, stream);
        }
        match self {
            Self::Made(form, stream) => (form, stream),
            Self::Unmade(_) => unreachable!("they were made above"),
        }
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

    fn is_extended(&self) -> bool {
        matches!(self, Self::Extended { .. })
    }

    fn is_equal(&self, expected: &Signature, received: &Signature) -> bool {
        match self {
            Self::Extended { .. } => secret::equal(expected.as_bytes(), received.as_bytes()),
            Self::Legacy => {
                // RandomPad: Windows and Samba send what they like there (3.4.4.1).
                // All else at once: of two comparisons, the compiler skips the second.
                let [expected, received] = [expected, received].map(|signature| {
                    let LegacySignature { checksum, sequence, .. } = signature.legacy();
                    [checksum, sequence]
                });
                secret::equal(expected.as_flattened(), received.as_flattened())
            }
        }
    }
}

fn export_made(form: &Form, stream: &KeyStream, out: &mut Encoder) {
    out.byte(1);
    form.export(out);
    let (permutation, i, j) = stream.state();
    out.bytes(permutation);
    out.bytes(&[i, j]);
}

/// Whether a signature can be that of the message with this number.
fn admit(signature: &Signature, sequence: u32, is_extended: bool) -> Result<(), Error> {
    if !signature.is_known_version() {
        return Err(Integrity::Version.into());
    }
    if is_extended && signature.extended().sequence != sequence {
        return Err(Integrity::Sequence.into());
    }
    Ok(())
}

/// The checksum of one message in the making.
enum Checksum<'a> {
    Extended { mac: Mac<'a>, encrypts: bool },
    Legacy { crc: Crc32 },
}

impl<'a> Checksum<'a> {
    fn new(form: &'a Form, sequence: u32) -> Self {
        match form {
            Form::Extended { mac_key, encrypts_checksum } => {
                let mut mac = mac_key.start();
                mac.update(&sequence.to_le_bytes());
                Self::Extended { mac, encrypts: *encrypts_checksum }
            }
            Form::Legacy => Self::Legacy { crc: Crc32::default() },
        }
    }

    fn clear(&mut self, bytes: &[u8]) {
        match self {
            Self::Extended { mac, .. } => mac.update(bytes),
            Self::Legacy { crc } => crc.update(bytes),
        }
    }

    fn seal(&mut self, stream: &mut KeyStream, bytes: &mut [u8]) {
        match self {
            Self::Extended { mac, .. } => mac.seal(stream, bytes),
            Self::Legacy { crc } => {
                crc.update(bytes);
                stream.apply(bytes);
            }
        }
    }

    fn unseal(&mut self, stream: &mut KeyStream, bytes: &mut [u8]) {
        match self {
            Self::Extended { mac, .. } => mac.unseal(stream, bytes),
            Self::Legacy { crc } => {
                stream.apply(bytes);
                crc.update(bytes);
            }
        }
    }

    fn sign(self, stream: &mut KeyStream, sequence: u32) -> Signature {
        match self {
            Self::Extended { mac, encrypts } => {
                let [a, b, c, d, e, f, g, h, ..] = mac.finish();
                let mut checksum = [a, b, c, d, e, f, g, h];
                if encrypts {
                    stream.apply(&mut checksum);
                }
                ExtendedSignature::new(checksum, sequence).into()
            }
            Self::Legacy { crc } => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Kind;

    /// Whoever gets a direction that ended gets it with the reason.
    #[test]
    fn an_end_is_handed_over_as_what_it_was() {
        for end in [Integrity::Exhausted, Integrity::Closed] {
            let key = ExportedSessionKey::from([7; 16]);
            let mut cipher = Cipher::derived(NegotiateFlags::PROTECTION, &key, Side::Client);
            cipher.next = Err(end.into());
            let mut out = Encoder::new(Kind::Session, 64);
            cipher.export(&mut out);
            let exported = out.finish();
            let mut from = Decoder::new(Kind::Session, exported.as_bytes()).unwrap();
            assert_eq!(Cipher::import(&mut from).unwrap().next, Err(end.into()));
        }
    }
}
