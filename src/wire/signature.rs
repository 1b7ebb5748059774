//! NTLMSSP_MESSAGE_SIGNATURE: the signature of a protected message ([MS-NLMP] 2.2.2.9).

use super::{Error, ErrorKind};

/// The signature of one protected message: 16 bytes, in one of two forms.
///
/// - With extended session security (\[MS-NLMP\] 2.2.2.9.2): `Version` (4 bytes), `Checksum` (8)
///   and `SeqNum` (4).
/// - Without it (2.2.2.9.1): `Version`, `RandomPad`, `Checksum` and `SeqNum` (4 bytes each). The
///   last two are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 16]);

/// `Version` in both forms.
const VERSION: u32 = 1;

/// `NTLMSSP_MESSAGE_SIGNATURE` with extended session security (2.2.2.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtendedSignature {
    /// `Version`: 1.
    version: u32,
    /// `Checksum`: the first 8 bytes of an HMAC-MD5, encrypted if KEY_EXCH was negotiated.
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
    /// The dummy signature of messages if ALWAYS_SIGN was negotiated without SIGN and SEAL
    /// (\[MS-NLMP\] 3.4.4.3). It protects nothing.
    pub const DUMMY: Self = Self([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    /// Returns the 16 bytes on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the fields of the form with extended session security.
    pub(crate) const fn extended(self) -> ExtendedSignature {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        ExtendedSignature {
            version: u32::from_le_bytes([a, b, c, d]),
            checksum: [e, f, g, h, i, j, k, l],
            sequence: u32::from_le_bytes([m, n, o, p]),
        }
    }

    /// Returns the fields of the form without extended session security.
    pub(crate) const fn legacy(self) -> LegacySignature {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        LegacySignature {
            version: u32::from_le_bytes([a, b, c, d]),
            random_pad: [e, f, g, h],
            checksum: [i, j, k, l],
            sequence: [m, n, o, p],
        }
    }

    /// Returns `SeqNum` of a signature with extended session security: the last 4 bytes,
    /// little-endian. Without extended session security, `SeqNum` is encrypted, so the value has no
    /// meaning.
    #[must_use]
    #[doc(alias = "SeqNum")]
    pub const fn sequence(self) -> u32 {
        self.extended().sequence
    }

    /// Returns `Version`, which is the same in both forms.
    pub(crate) const fn version(self) -> u32 {
        self.extended().version
    }

    /// Returns whether `Version` is 1, the only one that the specification defines.
    pub(crate) const fn is_known_version(self) -> bool {
        self.version() == VERSION
    }
}

impl ExtendedSignature {
    /// Makes a signature to send.
    pub(crate) const fn new(checksum: [u8; 8], sequence: u32) -> Self {
        Self { version: VERSION, checksum, sequence }
    }
}

impl LegacySignature {
    /// Makes a signature to send. `RandomPad` is zero, as [MS-NLMP] 3.4.4.1 requires and as
    /// gss-ntlmssp and pyspnego expect. The specification's example (4.2.2.4) contains the
    /// encrypted pad instead.
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
    /// Wraps the 16 bytes of a received signature.
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = Error;

    /// Converts the bytes of a received signature.
    ///
    /// # Errors
    /// [`ErrorKind::SignatureLength`] if there are not 16 bytes.
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
    fn fields_of_both_forms_are_read_from_and_written_to_their_offsets() {
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
