//! The step in which the application looks up a user.

use alloc::boxed::Box;

use super::{Outcome, ServerConnection};
use crate::credentials::UserName;
use crate::error::{self, Rejection};
use crate::server::{Accepted, Claimed, UserClaim};
#[cfg(feature = "spnego")]
use crate::spnego;

/// A client that claims to be a user. The connection waits until the application has looked up that
/// user; if this value is dropped, the connection is not authenticated.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct LookUp<'a> {
    pub(super) connection: &'a mut ServerConnection,
    pub(super) claim: Claim,
}

/// The client's claim, bare or in SPNEGO.
#[derive(Debug)]
pub(super) enum Claim {
    Bare(UserClaim),
    #[cfg(feature = "spnego")]
    Spnego {
        look_up: spnego::LookUp,
        /// Whether the connection persists after this request.
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
    /// Returns the user name that the client claims.
    ///
    /// `EXAMPLE\alice`, `alice@example.com` and `alice` can be the same account, so look up all
    /// forms that you support. Case is ignored, so use [`UserName::to_uppercase`] as key.
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        self.claim.user_claim().claimed_user()
    }

    /// Returns everything that the client claims, and the request for a domain controller.
    pub const fn claim(&self) -> &UserClaim {
        self.claim.user_claim()
    }

    /// Returns the mechanism that the client prefers to NTLM, such as Kerberos: see
    /// [`Established::client_preferred`](spnego::Established::client_preferred).
    #[cfg(feature = "spnego")]
    #[must_use]
    pub fn client_preferred(&self) -> Option<spnego::Mechanism> {
        match &self.claim {
            Claim::Bare(_) => None,
            Claim::Spnego { look_up, .. } => look_up.client_preferred(),
        }
    }

    /// Verifies the claim, and returns the outcome. `verify` calls one of the methods of
    /// [`UserClaim`], such as [`verify_nt_hash`](UserClaim::verify_nt_hash) or
    /// [`verify_by_domain`](UserClaim::verify_by_domain).
    ///
    /// If `verify` succeeds, the connection is authenticated; otherwise the client is rejected. In
    /// SPNEGO, the outcome can also be [`Continue`](Outcome::Continue): the password is right, but
    /// the client must first sign the list of mechanisms in another request.
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
