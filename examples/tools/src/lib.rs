//! The modules of `inspect` and `ntlm_auth`.

pub mod helper;
pub mod listener;
pub mod recording;
pub mod tokens;
pub mod verdict;
