//! A client that waits until its user was looked up.

use alloc::boxed::Box;

use super::{Outcome, ServerConnection};
use crate::credentials::UserName;
use crate::error::{self, Rejection};
use crate::server::{Accepted, Claimed, UserClaim};
#[cfg(feature = "spnego")]
use crate::spnego;

/// A client that says who it is. It holds the connection until the user was looked up; if it is
/// dropped, nobody is authenticated.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct LookUp<'a> {
    pub(super) connection: &'a mut ServerConnection,
    pub(super) claim: Claim,
}

/// The claim, as it was wrapped.
#[derive(Debug)]
pub(super) enum Claim {
    Bare(UserClaim),
    #[cfg(feature = "spnego")]
    Spnego {
        look_up: spnego::LookUp,
        /// Whether the connection can carry another request.
        persists: bool,
    },
}

impl Claim {
    pub(super) const fn user_claim(&self) -> &UserClaim {
        match self {
            Self::Bare(claim) => claim,
            #[cfg(feature = "spnego")]
            Self::Spnego { look_up, .. } => look_up.claim(),
        }
    }

    pub(super) fn claimed(&self) -> Box<Claimed> {
        Box::new(self.user_claim().claimed())
    }
}

impl<'a> LookUp<'a> {
    /// Who the client says it is.
    ///
    /// `EXAMPLE\alice`, `alice@example.com` and `alice` may be one account: look up all forms that you
    /// serve. Names are equal in any case: use [`UserName::to_uppercase`] as the key.
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        self.claim.user_claim().claimed_user()
    }

    /// All that the client claims, and what a domain controller must be asked.
    pub const fn claim(&self) -> &UserClaim {
        self.claim.user_claim()
    }

    /// The mechanism that the client prefers to NTLM, such as Kerberos: see
    /// [`Established::client_preferred`](spnego::Established::client_preferred).
    #[cfg(feature = "spnego")]
    #[must_use]
    pub fn client_preferred(&self) -> Option<spnego::Mechanism> {
        match &self.claim {
            Claim::Bare(_) => None,
            Claim::Spnego { look_up, .. } => look_up.client_preferred(),
        }
    }

    /// Ends the handshake with one of the ways of [`UserClaim`], such as
    /// [`verify_nt_hash`](UserClaim::verify_nt_hash) or
    /// [`verify_by_domain`](UserClaim::verify_by_domain).
    ///
    /// The client is authenticated on this connection from then on, or is refused. In SPNEGO, the
    /// outcome can also be [`Continue`](Outcome::Continue): the password is right, and the client must
    /// sign the list of mechanisms in another request.
    pub fn verify(
        self,
        verify: impl FnOnce(UserClaim) -> Result<Accepted, error::Error>,
    ) -> Outcome<'a> {
        let claimed = self.claim.claimed();
        match self.claim {
            Claim::Bare(claim) => match verify(claim) {
                Ok(accepted) => Outcome::Authenticated(self.connection.accept(accepted)),
                Err(reason) => self.connection.refuse(reason.into(), Some(claimed)),
            },
            #[cfg(feature = "spnego")]
            Claim::Spnego { look_up, persists } => match look_up.verify(verify) {
                Ok(outcome) => self.connection.went(outcome, persists),
                Err(reason) => self.connection.refuse(reason.into(), Some(claimed)),
            },
        }
    }

    /// Rejects the client, with the same reply as for a wrong password: see [`UserClaim::reject`].
    pub fn reject(self, reason: Rejection) -> Outcome<'a> {
        self.verify(|claim| claim.reject(reason))
    }
}
