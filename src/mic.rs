//! The MIC (message integrity code), which covers the three messages ([MS-NLMP] 3.1.5.1.2,
//! 3.2.5.1.2).

use crate::crypto::{ExportedSessionKey, mic};
use crate::error::Unexpected;
use crate::wire::{second_authenticate, second_header};

/// The messages of a handshake, exactly as sent and received.
#[derive(Clone, Copy)]
pub(crate) struct Transcript<'a> {
    /// Empty if the handshake is connectionless. 3.2.5.2.2 has two other formulas for this case. We
    /// use that of the client (3.1.5.2.1), as gss-ntlmssp does.
    pub(crate) negotiate: &'a [u8],
    pub(crate) challenge: &'a [u8],
    pub(crate) authenticate: &'a [u8],
    /// Offset of the MIC in `authenticate`.
    pub(crate) mic_offset: usize,
}

impl Transcript<'_> {
    /// Computes the MIC of these messages, with zeros in its place; `None` if `authenticate` is too
    /// short for a MIC.
    pub(crate) fn mic(self, key: &ExportedSessionKey) -> Option<[u8; 16]> {
        let (before, rest) = self.authenticate.split_at_checked(self.mic_offset)?;
        let (_mic, after) = rest.split_first_chunk::<16>()?;
        Some(mic(key, &[self.negotiate, self.challenge, before, &[0; 16], after]))
    }
}

/// Rejects a message that contains `NTLMSSP\0` again after its own header. A server checks each
/// NEGOTIATE and AUTHENTICATE, and a CHALLENGE that it did not make in this process.
///
/// The MIC is an HMAC over NEGOTIATE ‖ CHALLENGE ‖ AUTHENTICATE, and it does not cover where one
/// message ends and the next begins. Without this check, a man in the middle can move such a
/// border. He appends an AUTHENTICATE header y of his own to the CHALLENGE for the client, and
/// inserts y before the AUTHENTICATE for the server. Client and server then hash the same bytes,
/// but the flags and descriptors in y are the attacker's.
///
/// With this check, there is only one way to split the bytes:
/// - The three messages (two if connectionless) start with `NTLMSSP\0` and contain it nowhere else,
///   so every occurrence is a border of the server's split.
/// - Occurrences do not overlap, because `N` is only the first byte of the pattern. An occurrence
///   across a border would overlap the one at the start of the next message.
/// - The client's messages start with the pattern too, so every border of the client's split is one
///   of the same occurrences. Therefore both splits are the same, for each size of header and any
///   padding.
/// - The MIC is hashed as 16 zeros. They can complete the pattern only if `NTLMSSP` precedes the
///   field. Then zeros follow the pattern where a message has its type, and no type is zero.
///   Therefore no message of the client starts there.
pub(crate) fn check_single_header(message: &[u8]) -> Result<(), Unexpected> {
    match second_header(message) {
        None => Ok(()),
        Some(_) => Err(Unexpected::SecondHeader),
    }
}

/// Rejects a CHALLENGE that contains the header of an AUTHENTICATE, see [`check_single_header`].
/// This protects a client even if the server does not check.
///
/// The message type is part of this pattern, because a CHALLENGE that is followed by another
/// CHALLENGE was seen in public.
pub(crate) fn check_challenge_has_no_authenticate(challenge: &[u8]) -> Result<(), Unexpected> {
    match second_authenticate(challenge) {
        None => Ok(()),
        Some(_) => Err(Unexpected::SecondHeader),
    }
}
