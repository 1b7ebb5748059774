//! Places in a message whose value is known only later.

use alloc::vec::Vec;

/// `N` bytes of a message that are zero until they are filled in, which happens once.
#[derive(Debug)]
#[must_use = "the place must be filled in"]
pub(crate) struct Reserved<const N: usize> {
    start: usize,
}

impl<const N: usize> Reserved<N> {
    /// Appends the place to a buffer.
    pub(super) fn append(out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0; N]);
        Self { start }
    }

    /// Fills in the value. `out` must be the buffer that the place was appended to.
    #[expect(clippy::expect_used, reason = "no caller shortens a buffer that has a reserved place")]
    pub(crate) fn fill(self, out: &mut [u8], value: [u8; N]) {
        let place = out.get_mut(self.start..).and_then(<[u8]>::first_chunk_mut);
        *place.expect("a reserved place lies within its buffer") = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_place_is_zero_and_then_has_its_value() {
        let mut out = b"before".to_vec();
        let place = Reserved::append(&mut out);
        out.extend_from_slice(b"after");
        assert_eq!(out, b"before\0\0\0after");
        place.fill(&mut out, *b"MIC");
        assert_eq!(out, b"beforeMICafter");
    }

    #[test]
    #[should_panic(expected = "a reserved place lies within its buffer")]
    fn a_place_outside_its_buffer_is_not_passed_over() {
        let mut out = Vec::new();
        Reserved::append(&mut out).fill(&mut [0; 2], [1; 3]);
    }
}
