//! What a server does with a request.

use super::{LookUp, Outcome};

/// What a server does with a request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and not kept")]
#[expect(clippy::exhaustive_enums, reason = "a server must handle every case; `_` could be a hole")]
#[must_use]
pub enum Step<'a> {
    /// The client says who it is: look that user up, and [verify](LookUp::verify) it, which results in
    /// an outcome.
    LookUp(LookUp<'a>),
    /// There is no user to look up.
    Outcome(Outcome<'a>),
}

impl<'a> From<Outcome<'a>> for Step<'a> {
    fn from(outcome: Outcome<'a>) -> Self {
        Self::Outcome(outcome)
    }
}
