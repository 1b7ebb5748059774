//! Parse and encoding errors.

use core::fmt;

use super::av_id::AvId;

/// Bytes that do not parse, or a message that cannot be written: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    offset: usize,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The message ends before its fixed part does.
    #[error("the message is too short")]
    TooShort,
    /// The first eight bytes are not `NTLMSSP` and a zero.
    #[error("the signature of an NTLM message is missing")]
    Signature,
    /// The message type is none of 1, 2 and 3, or not the one that was expected.
    #[error("the message type is wrong")]
    MessageType,
    /// A field lies outside the message, wholly or in part.
    #[error("a field runs past the end of the message")]
    FieldOutside,
    /// The flags choose neither the UNICODE nor the OEM character set.
    #[error("no character set is chosen")]
    NoCharacterSet,
    /// UTF-16 text of an odd number of bytes.
    #[error("UTF-16 text has an odd number of bytes")]
    OddLength,
    /// An AV pair lies outside its list, wholly or in part.
    #[error("an AV pair runs past the end of the list")]
    AvPairOutside,
    /// The list of AV pairs does not end with `MsvAvEOL`.
    #[error("the list of AV pairs has no end")]
    AvPairsUnended,
    /// The value of an AV pair does not have the length that its id demands.
    #[error("the value of {0} has a wrong length")]
    AvPairLength(AvId),
    /// An AV pair that can be there once is there again ([MS-NLMP] 2.2.2.1; CVE-2019-1166).
    #[error("duplicate AV pair {0}")]
    AvPairTwice(AvId),
    /// The NT response has 25 to 43 bytes, too many for NTLMv1 and too few for NTLMv2.
    #[error("the NT response has an impossible length")]
    NtResponseLength,
    /// The NTLMv2 response is of a version that does not exist.
    #[error("the NTLMv2 response has an unknown version")]
    ResponseVersion,
    /// A signature that is not 16 bytes long.
    #[error("a signature must have 16 bytes")]
    SignatureLength,
    /// On writing: a field or an AV pair holds more than the 65 535 bytes that its length can say.
    #[error("a field exceeds 65535 bytes")]
    FieldTooLong,
    /// On writing: the message has a version or a MIC but no flags, which come before them.
    #[error("a message without flags has neither version nor MIC")]
    FlagsMissing,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        self.kind
    }

    /// The byte, counted from the start of the message (or of the list of AV pairs that was parsed
    /// on its own), where it is wrong.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset
    }

    /// The same error within something that starts `base` bytes earlier.
    pub(super) const fn at(self, base: usize) -> Self {
        Self { kind: self.kind, offset: self.offset.saturating_add(base) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for Error {}
