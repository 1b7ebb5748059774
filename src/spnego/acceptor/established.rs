//! What a negotiation results in.

use alloc::vec::Vec;
use core::fmt;

use crate::secret::Counted;
use crate::server::Accepted;
use crate::spnego::Mechanism;

/// A client that was accepted.
#[non_exhaustive]
pub struct Established {
    /// The client. Sessions of its keys start after the `mechListMIC`s.
    pub accepted: Accepted,
    /// The last token, to be sent with the carrier's success; `None` if NTLM was not wrapped. A client
    /// that sent a `mechListMIC` may require the server's, which is in this token.
    pub token: Option<Vec<u8>>,
    /// The mechanism that the client prefers to NTLM, such as Kerberos. This crate cannot speak it; a
    /// server that expects all clients to use it may want to log this, or to reject the client. Without
    /// [`list_checked`](Self::list_checked), a man in the middle may have removed the client's first choice.
    pub client_preferred: Option<Mechanism>,
    /// Whether a `mechListMIC` of the client shows that nobody changed its list of mechanisms.
    pub list_checked: bool,
}

impl Established {
    pub(super) const fn new(
        accepted: Accepted,
        token: Option<Vec<u8>>,
        client_preferred: Option<Mechanism>,
    ) -> Self {
        let list_checked = accepted.keys.has_received_mech_list_mic();
        Self { accepted, token, client_preferred, list_checked }
    }
}

impl fmt::Debug for Established {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established")
            .field("accepted", &self.accepted)
            .field("token", &self.token.as_deref().map(Counted))
            .field("client_preferred", &self.client_preferred)
            .field("list_checked", &self.list_checked)
            .finish()
    }
}
