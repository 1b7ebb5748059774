//! What client and server share: the flags, the MIC, and what was proven.

pub(crate) mod flags;
pub(crate) mod proof;
pub(crate) mod transcript;
