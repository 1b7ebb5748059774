//! Bytes that are wiped when dropped, compared in constant time and never printed.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// `N` secret bytes; the role of a key is a newtype over this.
#[derive(Clone)]
pub(crate) struct Secret<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Secret<N> {
    pub(crate) fn new(bytes: [u8; N]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves; what is done with them is the caller's care.
    pub(crate) fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    /// Takes the same time wherever the first difference is.
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

/// Bytes that `Debug` counts and does not show: what passwords can be guessed from, or plain text.
pub(crate) struct Counted<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A condition to combine with others without a branch, which would take another number of
/// instructions.
pub(crate) fn choice(condition: bool) -> Choice {
    u8::from(condition).into()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn debug_says_how_many_bytes_and_not_which() {
        assert_eq!(format!("{:?}", Secret::new([0x5a; 4])), "[4 secret bytes]");
    }

    #[test]
    fn any_differing_bit_makes_secrets_unequal() {
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
