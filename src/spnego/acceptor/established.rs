//! The result of a server's negotiation.

use alloc::vec::Vec;
use core::fmt;

use crate::secret::Counted;
use crate::server::Accepted;
use crate::spnego::Mechanism;

/// An accepted client.
#[non_exhaustive]
pub struct Established {
    /// The client's identity and the session keys. Sessions made from the keys skip the sequence
    /// numbers of the `mechListMIC`s.
    pub accepted: Accepted,
    /// The last token, to be sent together with the success message of the application protocol. A
    /// client that sent a `mechListMIC` may require the server's, which is in this token. `None` if
    /// the client used NTLM without SPNEGO.
    pub token: Option<Vec<u8>>,
    /// The mechanism that the client prefers to NTLM, such as Kerberos. A server that expects all
    /// clients to use that mechanism can log this or reject the client. If
    /// [`list_checked`](Self::list_checked) is false, a man in the middle may have removed the
    /// client's first choice from the list.
    pub client_preferred: Option<Mechanism>,
    /// Whether the client's `mechListMIC` was verified, which shows that its list of mechanisms was
    /// not changed in transit.
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
