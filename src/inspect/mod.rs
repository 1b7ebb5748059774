//! Messages as tables for people: byte range, field and value.
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
//! It takes bytes, not a parsed message, so that it shows how far a broken one makes sense: one cut
//! short, one with fields that lie outside it, or no message at all.
//!
//! With the feature `spnego`, it shows SPNEGO's `NegTokenInit` and `NegTokenResp` around a message too.
//! The byte ranges of the message inside are then counted from the start of the whole token. The
//! offsets that the message itself contains are counted from the start of the message, as always.

mod layout;
#[cfg(feature = "spnego")]
mod spnego;
mod table;
mod value;

use core::fmt::{self, Display, Formatter};

use table::Table;

/// The table of a token: print it with `{}`.
///
/// Responses, the MIC, the encrypted session key and SPNEGO's `mechListMIC` are masked, because they
/// are enough to guess passwords offline. Messages of mechanisms other than NTLM are masked too.
#[must_use]
pub fn annotate(token: &[u8]) -> Annotated<'_> {
    Annotated { token, shows_secrets: false }
}

/// See [`annotate`].
#[derive(Clone, Copy)]
pub struct Annotated<'a> {
    token: &'a [u8],
    shows_secrets: bool,
}

impl Annotated<'_> {
    /// Shows what is masked otherwise.
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
