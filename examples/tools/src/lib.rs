//! What `inspect` and `ntlm_auth` are made of.

pub mod helper;
pub mod listener;
pub mod recording;
pub mod tokens;
pub mod verdict;
