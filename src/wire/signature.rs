//! NTLMSSP_MESSAGE_SIGNATURE: what goes with a protected message ([MS-NLMP] 2.2.2.9).

use super::{Error, ErrorKind};

/// The signature of one message: 16 bytes, in one of two forms.
///
/// The negotiated flags decide which form it is. With extended session security the bytes are
/// `Version`, `Checksum` (8 bytes) and `SeqNum` (2.2.2.9.2). Without it they are `Version`, `RandomPad`
/// (4 bytes), `Checksum` (4 bytes) and `SeqNum`, and the last two are encrypted (2.2.2.9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 16]);

/// `Version` in both forms.
const VERSION: u32 = 1;

/// `NTLMSSP_MESSAGE_SIGNATURE` with extended session security (2.2.2.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtendedSignature {
    /// `Version`: 1.
    version: u32,
    /// `Checksum`: the first 8 bytes of an HMAC-MD5, encrypted if keys were exchanged.
    pub(crate) checksum: [u8; 8],
    /// `SeqNum`, in clear.
    pub(crate) sequence: u32,
}

/// `NTLMSSP_MESSAGE_SIGNATURE` without extended session security (2.2.2.9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LegacySignature {
    /// `Version`: 1.
    version: u32,
    /// `RandomPad`: zero when sent, ignored on receipt.
    pub(crate) random_pad: [u8; 4],
    /// `Checksum`: the CRC32, encrypted.
    pub(crate) checksum: [u8; 4],
    /// `SeqNum`, encrypted.
    pub(crate) sequence: [u8; 4],
}

impl Signature {
    /// What stands for a signature if ALWAYS_SIGN was negotiated without SIGN (3.4.4.3): it
    /// protects nothing.
    pub const DUMMY: Self = Self([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    /// The 16 bytes on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The fields of the form with extended session security.
    pub(crate) const fn extended(self) -> ExtendedSignature {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        ExtendedSignature {
            version: u32::from_le_bytes([a, b, c, d]),
            checksum: [e, f, g, h, i, j, k, l],
            sequence: u32::from_le_bytes([m, n, o, p]),
        }
    }

    /// The fields of the form without extended session security.
    pub(crate) const fn legacy(self) -> LegacySignature {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        LegacySignature {
            version: u32::from_le_bytes([a, b, c, d]),
            random_pad: [e, f, g, h],
            checksum: [i, j, k, l],
            sequence: [m, n, o, p],
        }
    }

    /// `SeqNum` with extended session security, where it is sent in clear: the last 4 bytes, little
    /// endian. Without extended session security it is encrypted, and this value means nothing.
    #[must_use]
    #[doc(alias = "SeqNum")]
    pub const fn sequence(self) -> u32 {
        self.extended().sequence
    }

    /// `Version`, which both forms begin with.
    pub(crate) const fn version(self) -> u32 {
        self.extended().version
    }

    /// Whether `Version` is 1, the only one that the specification defines.
    pub(crate) const fn is_known_version(self) -> bool {
        self.version() == VERSION
    }
}

impl ExtendedSignature {
    /// A signature to send.
    pub(crate) const fn new(checksum: [u8; 8], sequence: u32) -> Self {
        Self { version: VERSION, checksum, sequence }
    }
}

impl LegacySignature {
    /// A signature to send: 3.4.4.1 ends with a `RandomPad` of zero, while the example in 4.2.2.4
    /// keeps the encrypted one. Zero is what gss-ntlmssp and pyspnego demand.
    pub(crate) const fn new(checksum: [u8; 4], sequence: [u8; 4]) -> Self {
        Self { version: VERSION, random_pad: [0; 4], checksum, sequence }
    }
}

impl From<ExtendedSignature> for Signature {
    fn from(fields: ExtendedSignature) -> Self {
        let [a, b, c, d] = fields.version.to_le_bytes();
        let [e, f, g, h, i, j, k, l] = fields.checksum;
        let [m, n, o, p] = fields.sequence.to_le_bytes();
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

impl From<LegacySignature> for Signature {
    fn from(fields: LegacySignature) -> Self {
        let [a, b, c, d] = fields.version.to_le_bytes();
        let [e, f, g, h] = fields.random_pad;
        let [i, j, k, l] = fields.checksum;
        let [m, n, o, p] = fields.sequence;
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

impl From<[u8; 16]> for Signature {
    /// A signature as received.
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = Error;

    /// A signature cut out of a message.
    ///
    /// # Errors
    /// [`ErrorKind::SignatureLength`] if it does not have 16 bytes.
    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = Error::new(ErrorKind::SignatureLength, bytes.len().min(16));
        bytes.try_into().map(Self).map_err(|_| wrong)
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_come_apart_and_together() {
        let bytes: [u8; 16] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let signature = Signature::from(bytes);
        assert_eq!(signature.extended().sequence, 0x0f0e_0d0c);
        assert_eq!(signature.extended().checksum, bytes[4..12]);
        assert_eq!(signature.legacy().checksum, bytes[8..12]);
        assert_eq!(Signature::from(signature.extended()), signature);
        assert_eq!(Signature::from(signature.legacy()), signature);
    }

    #[test]
    fn only_16_bytes_are_a_signature() {
        for len in [0, 1, 15, 17] {
            assert!(Signature::try_from(&[1; 20][..len]).is_err());
        }
        assert!(Signature::try_from(&[1; 16][..]).is_ok());
    }
}
