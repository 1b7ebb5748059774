//! What a server must do with a request.

use super::{LookUp, Outcome};

/// What a server must do with a request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and not kept")]
#[expect(clippy::exhaustive_enums, reason = "a server must handle every case; `_` could be a hole")]
#[must_use]
pub enum Step<'a> {
    /// The client claims to be a user: look that user up, and [verify](LookUp::verify) the claim,
    /// which returns an outcome.
    LookUp(LookUp<'a>),
    /// There is no user to look up.
    Outcome(Outcome<'a>),
}

impl<'a> From<Outcome<'a>> for Step<'a> {
    fn from(outcome: Outcome<'a>) -> Self {
        Self::Outcome(outcome)
    }
}
