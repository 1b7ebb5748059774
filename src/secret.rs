//! Secret bytes: wiped when dropped, compared in constant time, never printed.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// `N` secret bytes. Each role of a key is a newtype over this.
#[derive(Clone)]
pub(crate) struct Secret<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Secret<N> {
    pub(crate) fn new(bytes: [u8; N]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes. The caller is responsible for wiping any copy.
    pub(crate) fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        equal(&*self.0, &*other.0)
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{N} secret bytes]")
    }
}

/// Bytes of which `Debug` prints only the number, because they are plain text or allow guessing a
/// password.
pub(crate) struct Counted<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// Compares two byte strings in a time that depends only on their lengths.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Converts a condition so that it can be combined with others without a branch. A branch would
/// change the number of instructions.
pub(crate) fn choice(condition: bool) -> Choice {
    u8::from(condition).into()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn debug_prints_the_number_of_bytes_only() {
        assert_eq!(format!("{:?}", Secret::new([0x5a; 4])), "[4 secret bytes]");
    }

    #[test]
    fn secrets_that_differ_in_any_bit_are_unequal() {
        let secret = Secret::new([0x5a; 4]);
        assert_eq!(secret, Secret::new([0x5a; 4]));
        for bit in 0..32 {
            let mut other = [0x5a; 4];
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(secret, Secret::new(other));
        }
        assert!(!equal(&[1, 2], &[1, 2, 3]));
    }
}
