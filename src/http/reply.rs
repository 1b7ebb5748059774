//! What a server replies to a client that has not proven itself.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::Error;
use crate::error::{self, Denied, Rejection};
use crate::server::Claimed;

/// How to reply to a request: a status and one header, which may have several values.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// 401 or 407; 505 for HTTP/2; 400 if the client closes its connection in the middle of the
    /// handshake, because another 401 would make it try again without end.
    pub status: u16,
    /// `WWW-Authenticate` or `Proxy-Authenticate`.
    pub name: &'static str,
    /// The values, each for a header line of its own; none with 505 and 400.
    pub values: Vec<String>,
    /// For the log, and not part of the reply: the scheme of the request's credentials if it is not
    /// one that this server offers, such as `Basic`. It is at most 32 letters, digits and other
    /// characters of a token (RFC 9110), so nothing in it needs escaping.
    pub tried: Option<String>,
}

/// A request that was refused: what to reply, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The reply. It is the same for every reason why a login fails: the client may start again.
    pub reply: Reply,
    /// The reason, for the log alone. Log it with [`log`](Refusal::log): `Display` says "authentication
    /// failed" whatever it was, so that it cannot leak to the client.
    pub reason: Error,
    /// Who the client claims to be, and how it tried to prove that, if the request contains an
    /// AUTHENTICATE. Nothing of it is proven.
    pub claimed: Option<Box<Claimed>>,
}

impl Refusal {
    /// Prints for the log who was refused and why, with escaped names:
    /// `user="EXAMPLE\\alice" workstation="PC" response=Ntlmv2 reason="authentication failed: wrong
    /// password"`. Without an AUTHENTICATE there is only the reason.
    #[must_use]
    pub fn log(&self) -> impl fmt::Display {
        Log(self)
    }

    /// Returns whether the password was wrong, so that an application counts a guess for the account of
    /// [`claimed`](Self::claimed). All other refusals say nothing about the password: an unknown user,
    /// wrong channel bindings, a domain controller that cannot be asked.
    #[must_use]
    #[doc(alias = "lockout")]
    pub const fn is_wrong_password(&self) -> bool {
        matches!(
            self.reason,
            Error::Exchange(error::Error::Denied(
                Denied::WrongPassword | Denied::Rejected(Rejection::WrongPassword)
            ))
        )
    }
}

/// A refusal as it is logged.
struct Log<'a>(&'a Refusal);

impl fmt::Display for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { claimed, reason, .. } = self.0;
        if let Some(claimed) = claimed {
            write!(f, "{claimed} ")?;
        }
        write!(f, "reason={:?}", reason.log().to_string())
    }
}

impl fmt::Debug for Reply {
    /// Without the tokens, as elsewhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schemes = self.values.iter().filter_map(|value| value.split(' ').next());
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("name", &self.name)
            .field("schemes", &schemes.collect::<Vec<_>>())
            .field("tried", &self.tried)
            .finish()
    }
}
