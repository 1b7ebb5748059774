//! The RC4 key stream.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

/// An RC4 state. It is not `Clone`, because two copies would encrypt with the same key stream.
pub(crate) struct KeyStream {
    pub(super) permutation: [u8; 256],
    pub(super) i: u8,
    pub(super) j: u8,
}

impl KeyStream {
    /// Sets up the state from a key of 8 or 16 bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        debug_assert!(matches!(key.len(), 8 | 16), "the key must fill rows of 16 bytes");
        let mut row = Zeroizing::new([0; 16]);
        row.iter_mut().zip(key.iter().cycle()).for_each(|(place, byte)| *place = *byte);
        let mut permutation: [u8; 256] = core::array::from_fn(|n| n.to_le_bytes()[0]);
        let mut j = 0_u8;
        // The inner loop has a fixed length, so that the compiler unrolls it. Processors predict
        // for each load instruction whether it depends on an earlier store. A rolled loop has only
        // one such load. It depends on a store in some rounds, so the processor makes it wait in
        // all rounds.
        for start in (0..256).step_by(16) {
            for (n, byte) in row.iter().enumerate() {
                let a = permutation[start + n];
                j = j.wrapping_add(a).wrapping_add(*byte);
                permutation[start + n] = permutation[usize::from(j)];
                permutation[usize::from(j)] = a;
            }
        }
        Self { permutation, i: 0, j: 0 }
    }

    /// Returns the state, for export. The caller must not use this key stream afterwards.
    pub(crate) const fn state(&self) -> (&[u8; 256], u8, u8) {
        (&self.permutation, self.i, self.j)
    }

    /// Restores an exported state. Returns `None` if `permutation` does not contain each byte once.
    pub(crate) fn from_state(permutation: &[u8; 256], i: u8, j: u8) -> Option<Self> {
        let mut seen = [false; 256];
        for byte in permutation {
            seen[usize::from(*byte)] = true;
        }
        seen.iter().all(|seen| *seen).then_some(Self { permutation: *permutation, i, j })
    }

    /// Encrypts or decrypts `data` in place with the next bytes of the key stream.
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        let (mut i, mut j) = (self.i, self.j);
        // Eight bytes per round, so that the loop is unrolled, for the reason given in `new`.
        let mut eights = data.chunks_exact_mut(8);
        for eight in &mut eights {
            for byte in eight {
                *byte ^= next(&mut self.permutation, &mut i, &mut j);
            }
        }
        for byte in eights.into_remainder() {
            *byte ^= next(&mut self.permutation, &mut i, &mut j);
        }
        (self.i, self.j) = (i, j);
    }
}

/// Returns the next byte of a key stream. `i` and `j` are separate arguments, so that the compiler
/// keeps them in registers.
#[inline(always)]
pub(super) fn next(permutation: &mut [u8; 256], i: &mut u8, j: &mut u8) -> u8 {
    *i = i.wrapping_add(1);
    let a = permutation[usize::from(*i)];
    *j = j.wrapping_add(a);
    let b = permutation[usize::from(*j)];
    permutation[usize::from(*i)] = b;
    permutation[usize::from(*j)] = a;
    permutation[usize::from(a.wrapping_add(b))]
}

impl Drop for KeyStream {
    fn drop(&mut self) {
        self.permutation.zeroize();
        (self.i, self.j) = (0, 0);
    }
}

impl fmt::Debug for KeyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyStream")
    }
}
