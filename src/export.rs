//! The encoding of exported states. `session/export.rs` defines their contents.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// An exported state: bytes that another process imports, once.
///
/// The bytes are secret: anyone who has those of a session can read and forge its messages. They
/// are wiped when dropped and never printed, but the caller is responsible for wiping any copy.
/// They contain a format version, and another version of this crate may reject them. So use them to
/// pass a state on, not to store it.
pub struct Exported(Zeroizing<Vec<u8>>);

impl Exported {
    /// Returns the bytes: at most about 700 for a session, and some hundred for other states.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Exported {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} secret bytes]", self.0.len())
    }
}

/// Why bytes cannot be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The bytes are not an export, or they are an export of another type.
    #[error("the bytes are not an export of this type")]
    Foreign,
    /// Another version of this crate made the export.
    #[error("another version of this crate made the export")]
    Version,
    /// The bytes are truncated, too long or inconsistent.
    #[error("the export is truncated, too long or inconsistent")]
    Damaged,
}

/// Writes an export. Numbers are written with the least significant byte first.
pub(crate) struct Encoder(Zeroizing<Vec<u8>>);

impl Encoder {
    /// Reserves the whole capacity, because a buffer that grows leaves unwiped copies.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert!(self.0.capacity() - self.0.len() >= bytes.len(), "the export has no room");
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn finish(self) -> Exported {
        Exported(self.0)
    }
}

/// Reads an export.
pub(crate) struct Decoder<'a>(pub(crate) &'a [u8]);

impl<'a> Decoder<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, ImportError> {
        self.array().map(|[byte]| byte)
    }

    /// Reads a byte that is an index into `values`.
    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> Result<T, ImportError> {
        let place = usize::from(self.byte()?);
        values.get(place).copied().ok_or(ImportError::Damaged)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ImportError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(ImportError::Damaged)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], ImportError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(ImportError::Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Fails if there are unread bytes.
    pub(crate) fn finish(self) -> Result<(), ImportError> {
        if self.0.is_empty() { Ok(()) } else { Err(ImportError::Damaged) }
    }
}
