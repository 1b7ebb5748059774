//! Handing over a state to another process, as bytes.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// A state as bytes, to be handed over to another process, which imports it once.
///
/// They are secret, and as good as the connection itself: whoever has them can read and forge its
/// messages. They are wiped when dropped and never printed; where they go from here is the caller's
/// care. They tell their version, and another version of this library may refuse them: they are
/// for handing over, not for keeping.
pub struct Exported(Zeroizing<Vec<u8>>);

impl Exported {
    /// The bytes: of a session at most some 700, of the others some hundred.
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

/// Bytes that cannot be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// They are no export, or of something else.
    #[error("these bytes are no export of this kind")]
    Foreign,
    /// Another version of this library made them.
    #[error("the export is of another version")]
    Version,
    /// They are cut, longer than they must be, or say what no export says.
    #[error("the export is damaged")]
    Damaged,
}

/// What was exported.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Handshake = 1,
    SessionKeys = 2,
    Session = 3,
}

const MAGIC: [u8; 4] = *b"ntlm";
const VERSION: u8 = 1;

/// Puts an export together. Numbers are written with the least significant byte first.
pub(crate) struct Encoder(Zeroizing<Vec<u8>>);

impl Encoder {
    /// With room for all, since a buffer that grows leaves copies behind.
    pub(crate) fn new(kind: Kind, capacity: usize) -> Self {
        let mut encoder = Self(Zeroizing::new(Vec::with_capacity(capacity + 6)));
        encoder.bytes(&MAGIC);
        encoder.byte(VERSION);
        encoder.byte(kind as u8);
        encoder
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert!(self.0.capacity() - self.0.len() >= bytes.len(), "there is no room for all");
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn finish(self) -> Exported {
        Exported(self.0)
    }
}

/// Takes an export apart.
pub(crate) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(crate) fn new(kind: Kind, bytes: &'a [u8]) -> Result<Self, ImportError> {
        let mut decoder = Self(bytes);
        if decoder.array() != Ok(MAGIC) {
            return Err(ImportError::Foreign);
        }
        if decoder.byte()? != VERSION {
            return Err(ImportError::Version);
        }
        if decoder.byte()? != kind as u8 {
            return Err(ImportError::Foreign);
        }
        Ok(decoder)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ImportError> {
        self.array().map(|[byte]| byte)
    }

    /// A byte that is 0 or 1.
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

    /// Fails unless nothing is left.
    pub(crate) fn finish(self) -> Result<(), ImportError> {
        if self.0.is_empty() { Ok(()) } else { Err(ImportError::Damaged) }
    }
}
