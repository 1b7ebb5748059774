//! The MIC: what binds the three messages together ([MS-NLMP] 3.1.5.1.2, 3.2.5.1.2).

use crate::crypto::{ExportedSessionKey, mic};
use crate::error::Unexpected;
use crate::wire::{second_authenticate, second_header};

/// The messages of an exchange, as sent and received, without the MIC that is yet to come.
#[derive(Clone, Copy)]
pub(crate) struct Transcript<'a> {
    /// Empty if the exchange is connectionless. For that case 3.2.5.2.2 has two more formulas;
    /// this one is the client's (3.1.5.2.1), and gss-ntlmssp's.
    pub(crate) negotiate: &'a [u8],
    pub(crate) challenge: &'a [u8],
    pub(crate) authenticate: &'a [u8],
    /// Where the MIC stands in `authenticate`.
    pub(crate) mic_offset: usize,
}

impl Transcript<'_> {
    /// The MIC of these messages, computed with zeros in its place; `None` if they have none.
    pub(crate) fn mic(self, key: &ExportedSessionKey) -> Option<[u8; 16]> {
        let (before, rest) = self.authenticate.split_at_checked(self.mic_offset)?;
        let (_mic, after) = rest.split_first_chunk::<16>()?;
        Some(mic(key, &[self.negotiate, self.challenge, before, &[0; 16], after]))
    }
}

/// Rejects a message that contains `NTLMSSP\0` again after its own header. A server checks each
/// NEGOTIATE and AUTHENTICATE, and a CHALLENGE that it did not make in this process.
///
/// The MIC is an HMAC over NEGOTIATE ‖ CHALLENGE ‖ AUTHENTICATE, and the HMAC does not say where
/// one message ends. Without this check a man in the middle could move the border: he appends an
/// AUTHENTICATE header of his own, y, to the CHALLENGE that the client gets, and puts y in front of
/// the AUTHENTICATE that the server gets. Client and server then hash the same bytes, while the
/// flags and descriptors in y are the attacker's.
///
/// With it, the bytes split in one way only:
/// - The three messages (two if connectionless) start with `NTLMSSP\0` and contain it nowhere
///   else, so the server's own split uses all occurrences within its messages.
/// - `N` is only the first byte of the pattern, so two occurrences cannot overlap. An occurrence
///   across a border would overlap the one that starts the next message.
/// - The client's messages start with the pattern too. So each border of the client's split is one
///   of the same occurrences: both splits are the same, for each size of header and any padding.
/// - The MIC is hashed as 16 zeros. That can complete the pattern only where `NTLMSSP` stands right
///   before the field. Zeros follow there, where each message has its type, which is never zero;
///   so no message of the client starts there.
pub(crate) fn check_single_header(message: &[u8]) -> Result<(), Unexpected> {
    match second_header(message) {
        None => Ok(()),
        Some(_) => Err(Unexpected::SecondHeader),
    }
}

/// Rejects a CHALLENGE that contains the header of an AUTHENTICATE: see [`check_single_header`].
/// So a client is safe with servers that do not check. A CHALLENGE was seen in public that another
/// CHALLENGE follows, so the type is part of the pattern here.
pub(crate) fn check_challenge_has_no_authenticate(challenge: &[u8]) -> Result<(), Unexpected> {
    match second_authenticate(challenge) {
        None => Ok(()),
        Some(_) => Err(Unexpected::SecondHeader),
    }
}
