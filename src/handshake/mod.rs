//! What client and server share: the flags and the MIC.

pub(crate) mod flags;
pub(crate) mod transcript;
