//! The messages of a handshake as bytes.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::secret::Counted;

/// The messages one after the other in one buffer, because a busy server stores many of them.
pub(super) struct Messages {
    bytes: Vec<u8>,
    negotiate_end: usize,
    challenge_end: usize,
}

/// Usual size in bytes of the parts of an AUTHENTICATE that do not repeat the CHALLENGE: header,
/// responses and the client's names.
const USUAL_ANSWER: usize = 320;

impl Messages {
    /// Stores the NEGOTIATE, which is empty if the handshake is connectionless, and the CHALLENGE.
    /// Reserves space for an AUTHENTICATE of usual size.
    pub(super) fn new(negotiate: &[u8], challenge: &[u8]) -> Self {
        let (negotiate_end, challenge_end) = (negotiate.len(), negotiate.len() + challenge.len());
        let usual = challenge_end.saturating_add(challenge.len()).saturating_add(USUAL_ANSWER);
        let mut bytes = Vec::with_capacity(usual);
        bytes.extend_from_slice(negotiate);
        bytes.extend_from_slice(challenge);
        Self { bytes, negotiate_end, challenge_end }
    }

    pub(super) fn push_authenticate(&mut self, authenticate: &[u8]) {
        self.bytes.truncate(self.challenge_end);
        self.bytes.extend_from_slice(authenticate);
    }

    pub(super) fn negotiate(&self) -> &[u8] {
        self.bytes.split_at(self.negotiate_end).0
    }

    pub(super) fn challenge(&self) -> &[u8] {
        self.bytes.split_at(self.challenge_end).0.split_at(self.negotiate_end).1
    }

    pub(super) fn authenticate(&self) -> &[u8] {
        self.bytes.split_at(self.challenge_end).1
    }

    /// A range of bytes of the AUTHENTICATE.
    pub(super) fn within_authenticate(&self, range: &Range<usize>) -> &[u8] {
        self.authenticate().split_at(range.end).0.split_at(range.start).1
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = [self.negotiate(), self.challenge(), self.authenticate()];
        f.debug_list().entries(messages.map(Counted)).finish()
    }
}
