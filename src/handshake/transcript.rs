//! The MIC: what binds the three messages together ([MS-NLMP] 3.1.5.1.2, 3.2.5.1.2).

use crate::crypto::{ExportedSessionKey, mic};

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
