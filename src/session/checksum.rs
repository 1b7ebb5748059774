//! The checksum of one message, and the signature made of it ([MS-NLMP] 2.2.2.9, 3.4.4).

use super::Part;
use crate::crypto::SigningKey;
use crate::crypto::primitives::Crc32;
use crate::crypto::stitched::{KeyStream, Mac, MacKey};
use crate::error::{Error, Integrity};
use crate::secret;
use crate::wire::{ExtendedSignature, LegacySignature, NegotiateFlags, Signature};

/// Which of the two signatures messages get ([MS-NLMP] 2.2.2.9), and with which key: `Extended`
/// with extended session security, `Legacy` without it.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// The first 8 bytes of an HMAC-MD5, encrypted if KEY_EXCH was negotiated (3.4.4.2).
    Extended { mac_key: MacKey, encrypts_checksum: bool },
    /// An encrypted CRC32 and sequence number (3.4.4.1).
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

    /// Starts the checksum of the message with this number.
    pub(super) fn start(&self, sequence: u32) -> Checksum<'_> {
        match self {
            Self::Extended { mac_key, encrypts_checksum } => {
                let mut mac = mac_key.start();
                mac.update(&sequence.to_le_bytes());
                Checksum::Extended { mac, encrypts: *encrypts_checksum }
            }
            Self::Legacy => Checksum::Legacy { crc: Crc32::default() },
        }
    }

    pub(super) const fn is_extended(&self) -> bool {
        matches!(self, Self::Extended { .. })
    }

    /// Compares two signatures in constant time.
    pub(super) fn is_equal(&self, expected: &Signature, received: &Signature) -> bool {
        match self {
            Self::Extended { .. } => secret::equal(expected.as_bytes(), received.as_bytes()),
            Self::Legacy => {
                // Skip RandomPad: receivers ignore it (3.4.4.1), and Windows and Samba send
                // arbitrary bytes there.
                // Compare checksum and sequence number as one slice: if they were compared one
                // after the other, the compiler could skip the second comparison.
                let [expected, received] = [expected, received].map(|signature| {
                    let LegacySignature { checksum, sequence, .. } = signature.legacy();
                    [checksum, sequence]
                });
                secret::equal(expected.as_flattened(), received.as_flattened())
            }
        }
    }
}

/// Rejects a signature whose version or sequence number is wrong, before any key stream is used.
/// Legacy signatures encrypt the number, so only their version is checked here.
///
/// # Errors
/// [`Integrity::Version`], [`Integrity::Sequence`].
pub(super) fn admit(signature: &Signature, sequence: u32, is_extended: bool) -> Result<(), Error> {
    if !signature.is_known_version() {
        return Err(Integrity::Version.into());
    }
    if is_extended && signature.sequence() != sequence {
        return Err(Integrity::Sequence.into());
    }
    Ok(())
}

/// An incremental checksum of one message.
pub(super) enum Checksum<'a> {
    Extended { mac: Mac<'a>, encrypts: bool },
    Legacy { crc: Crc32 },
}

impl Checksum<'_> {
    /// Adds a part to the checksum, and encrypts it if it is sealed.
    pub(super) fn seal(&mut self, stream: &mut KeyStream, part: &mut Part<'_>) {
        match (self, part) {
            (_, Part::Unsigned(_)) => {}
            (this, Part::Clear(bytes)) => this.update(bytes),
            (Self::Extended { mac, .. }, Part::Sealed(bytes)) => mac.seal(stream, bytes),
            (Self::Legacy { crc }, Part::Sealed(bytes)) => {
                crc.update(bytes);
                stream.apply(bytes);
            }
        }
    }

    /// Decrypts a part if it is sealed, and adds it to the checksum.
    pub(super) fn unseal(&mut self, stream: &mut KeyStream, part: &mut Part<'_>) {
        match (self, part) {
            (_, Part::Unsigned(_)) => {}
            (this, Part::Clear(bytes)) => this.update(bytes),
            (Self::Extended { mac, .. }, Part::Sealed(bytes)) => mac.unseal(stream, bytes),
            (Self::Legacy { crc }, Part::Sealed(bytes)) => {
                stream.apply(bytes);
                crc.update(bytes);
            }
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Extended { mac, .. } => mac.update(bytes),
            Self::Legacy { crc } => crc.update(bytes),
        }
    }

    /// Returns the signature, encrypted with the next bytes of the key stream.
    pub(super) fn finish(self, stream: &mut KeyStream, sequence: u32) -> Signature {
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
                // RandomPad uses up 4 bytes of the key stream, although zeros are sent in its
                // place.
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
