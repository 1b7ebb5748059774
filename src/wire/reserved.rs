//! Placeholders in a message for values that are computed later.

use alloc::vec::Vec;

/// `N` zero bytes in a message that must be filled in once, such as the place of the MIC.
#[derive(Debug)]
#[must_use = "the placeholder must be filled in"]
pub(crate) struct Reserved<const N: usize> {
    start: usize,
}

impl<const N: usize> Reserved<N> {
    /// Appends the placeholder to a buffer.
    pub(super) fn append(out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0; N]);
        Self { start }
    }

    /// Fills in the value. `out` must be the buffer to which the placeholder was appended.
    #[expect(clippy::expect_used, reason = "no caller shortens a buffer with a placeholder")]
    pub(crate) fn fill(self, out: &mut [u8], value: [u8; N]) {
        let place = out.get_mut(self.start..).and_then(<[u8]>::first_chunk_mut);
        *place.expect("a reserved place lies within its buffer") = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholder_is_zero_until_it_is_filled() {
        let mut out = b"before".to_vec();
        let place = Reserved::append(&mut out);
        out.extend_from_slice(b"after");
        assert_eq!(out, b"before\0\0\0after");
        place.fill(&mut out, *b"MIC");
        assert_eq!(out, b"beforeMICafter");
    }

    #[test]
    #[should_panic(expected = "a reserved place lies within its buffer")]
    fn placeholder_outside_its_buffer_panics() {
        let mut out = Vec::new();
        Reserved::append(&mut out).fill(&mut [0; 2], [1; 3]);
    }
}
