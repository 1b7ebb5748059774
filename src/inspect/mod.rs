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

mod layout;
mod table;
mod value;

use core::fmt::{self, Display, Formatter};

use table::Table;

/// The table of a token: print it with `{}`.
///
/// Responses, the MIC and the encrypted session key are masked, since they are enough to guess
/// passwords at leisure.
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
    /// Shows responses, the MIC and the encrypted session key too.
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
        Table { token: self.token, shows_secrets: self.shows_secrets, f }.print()
    }
}
