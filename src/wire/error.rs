//! Parse and encoding errors.

use core::fmt;

use super::av_id::AvId;

/// An error in parsing or writing a message: its [kind](Self::kind), and the
/// [offset](Self::offset) at which it occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    offset: usize,
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The message ends within its header.
    #[error("the message is too short")]
    TooShort,
    /// The first eight bytes are not `NTLMSSP\0`.
    #[error("the signature of an NTLM message is missing")]
    Signature,
    /// The message type is not 1, 2 or 3, or not the expected one.
    #[error("the message type is wrong")]
    MessageType,
    /// A field lies outside the message, entirely or in part.
    #[error("a field runs past the end of the message")]
    FieldOutside,
    /// The flags choose neither the UNICODE nor the OEM character set.
    #[error("the flags choose no character set")]
    NoCharacterSet,
    /// UTF-16 text has an odd number of bytes.
    #[error("UTF-16 text has an odd number of bytes")]
    OddLength,
    /// An AV pair lies outside its list, entirely or in part.
    #[error("an AV pair runs past the end of the list")]
    AvPairOutside,
    /// The list of AV pairs does not end with `MsvAvEOL`.
    #[error("the list of AV pairs does not end with MsvAvEOL")]
    AvPairsUnended,
    /// The value of an AV pair does not have the length that its id requires.
    #[error("the value of {0} has a wrong length")]
    AvPairLength(AvId),
    /// An AV pair that may occur only once (\[MS-NLMP\] 2.2.2.1) occurs twice. An attack with a
    /// second `MsvAvFlags` is CVE-2019-1166.
    #[error("duplicate AV pair {0}")]
    AvPairTwice(AvId),
    /// The NT response has 25 to 43 bytes, too many for NTLMv1 and too few for NTLMv2.
    #[error("the NT response has an impossible length")]
    NtResponseLength,
    /// `RespType` of the NTLMv2 response is not 1, the only version.
    #[error("the NTLMv2 response has an unknown version")]
    ResponseVersion,
    /// The signature of a protected message does not have 16 bytes.
    #[error("a signature must have 16 bytes")]
    SignatureLength,
    /// On writing: a field or the value of an AV pair exceeds 65 535 bytes, the most that its
    /// 16-bit length can express.
    #[error("a field exceeds 65535 bytes")]
    FieldTooLong,
    /// On writing: the AUTHENTICATE has a version or a MIC, but no flags, which precede them.
    #[error("a message without flags can have neither version nor MIC")]
    FlagsMissing,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        self.kind
    }

    /// Returns the offset in bytes at which the error occurred, from the start of the bytes that
    /// were parsed: of the message, or of a list of AV pairs that was parsed on its own.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset
    }

    /// Returns the same error with an offset from the start of an enclosing structure. `base` is
    /// the offset of the inner structure.
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
