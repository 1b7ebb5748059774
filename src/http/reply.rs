//! The server's reply to a client that is not authenticated.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::Error;
use crate::error::{self, Denied, Rejection};
use crate::server::Claimed;

/// The status and the headers of a reply, and the scheme that the client tried.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The status code: 401, or 407 from a proxy; 505 for HTTP/2; 400 if the client closes its
    /// connection in the middle of the handshake, because some clients answer another 401 with many
    /// more attempts.
    pub status: u16,
    /// The name of the header: `WWW-Authenticate` or `Proxy-Authenticate`.
    pub name: &'static str,
    /// The values of the header. Send each in a header line of its own. Empty with 505 and 400.
    pub values: Vec<String>,
    /// For the log, not for the reply: the scheme of the credentials in the request, such as
    /// `Basic`, if this server does not offer it. It has at most 32 characters, all of which are
    /// allowed in a token (RFC 9110), so it needs no escaping.
    pub tried: Option<String>,
}

/// A rejected request: the reply, and the reason for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The reply to send. It is the same for all reasons for which a login fails, and lets the
    /// client start again.
    pub reply: Reply,
    /// The reason, only for the log. Use [`log`](Refusal::log), because `Display` prints
    /// "authentication failed" for all of these reasons, so that it cannot leak to the client.
    pub reason: Error,
    /// The user that the client claims to be, and the kind of its response, if the request contains
    /// an AUTHENTICATE. Neither is verified.
    pub claimed: Option<Box<Claimed>>,
}

impl Refusal {
    /// Returns the text for the log: who was rejected, and why. Names are escaped.
    ///
    /// An example is `user="EXAMPLE\\alice" workstation="PC" response=Ntlmv2 reason="authentication
    /// failed: wrong password"`. Without an AUTHENTICATE, it contains only the reason.
    #[must_use]
    pub fn log(&self) -> impl fmt::Display {
        Log(self)
    }

    /// Returns whether the password was wrong. Count it as a failed attempt for the account in
    /// [`claimed`](Self::claimed), to limit brute force. For all other reasons, such as an unknown
    /// user, wrong channel bindings or an unreachable domain controller, this returns false.
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

/// The text of a refusal for the log.
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
    /// Omits the tokens, and shows only the schemes.
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
