//! The bytes that a state is handed over in, and how they are read. What they mean is in
//! `session/export.rs`.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// A state as bytes, for another process, which imports it once.
///
/// They are secret, and as good as the connection itself: anyone who has them can read and forge
/// its messages. They are wiped when dropped and never printed; any copy is the caller's
/// responsibility. They carry a version, and another version of this library may reject them: use
/// them to hand a state over, not to store it.
pub struct Exported(Zeroizing<Vec<u8>>);

impl Exported {
    /// Returns the bytes: at most some 700 for a session, some hundred for the others.
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
    /// They are no export, or one of something else.
    #[error("these bytes are no export of this kind")]
    Foreign,
    /// Another version of this library made them.
    #[error("the export is of another version")]
    Version,
    /// They are too short, too long, or contain a value that no export contains.
    #[error("the export is damaged")]
    Damaged,
}

/// Writes an export. Numbers are written with the least significant byte first.
pub(crate) struct Encoder(Zeroizing<Vec<u8>>);

impl Encoder {
    /// Reserves room for the whole export, because a buffer that grows leaves copies behind.
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

    /// Reads a byte that says which of these values it is.
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

    /// Fails if anything is left.
    pub(crate) fn finish(self) -> Result<(), ImportError> {
        if self.0.is_empty() { Ok(()) } else { Err(ImportError::Damaged) }
    }
}
