//! Prints messages as tables of byte range, field and value.
//!
//! ```
//! use ntlm::{Client, Credentials, inspect};
//!
//! let client = Client::new(Credentials::password("alice", "secret"));
//! let (negotiate, _) = client.initiate()?;
//! let table = inspect::annotate(&negotiate).to_string();
//! assert!(table.contains("    12..16    NegotiateFlags                   0xa2088207\n"), "{table}");
//! assert!(table.contains("NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY\n"));
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! The input is bytes, not a parsed message. So malformed messages are shown as far as they make
//! sense: truncated ones, ones with fields outside the message, and bytes that are not NTLM at all.
//!
//! With the feature `spnego`, the table also shows SPNEGO's `NegTokenInit` and `NegTokenResp`
//! around a message. The byte ranges of the message then count from the start of the whole token.
//! Offsets inside the message count from the start of the message.

mod layout;
#[cfg(feature = "spnego")]
mod spnego;
mod table;
mod value;

use core::fmt::{self, Display, Formatter};

use table::Table;

/// Returns the table of a token, which `{}` prints.
///
/// Responses, the MIC, the encrypted session key and SPNEGO's `mechListMIC` are masked, because
/// with them an attacker can brute-force the password offline. Messages of mechanisms other than
/// NTLM are masked too.
#[must_use]
pub fn annotate(token: &[u8]) -> Annotated<'_> {
    Annotated { token, shows_secrets: false }
}

/// The table of a token, made by [`annotate`].
#[derive(Clone, Copy)]
pub struct Annotated<'a> {
    token: &'a [u8],
    shows_secrets: bool,
}

impl Annotated<'_> {
    /// Shows the values that are otherwise masked.
    #[must_use]
    pub fn with_secrets(self) -> Self {
        Self { shows_secrets: true, ..self }
    }
}

impl fmt::Debug for Annotated<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Annotated([{} bytes])", self.token.len())
    }
}

impl Display for Annotated<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Table { token: self.token, start: 0, shows_secrets: self.shows_secrets, f }.print()
    }
}
