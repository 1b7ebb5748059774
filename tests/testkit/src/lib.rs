//! Code that the tests, fuzz targets and benchmarks of the crate `ntlm` share.
//!
//! | module | contents |
//! |---|---|
//! | [`der`] | a reader of DER |
//! | [`environment`] | fixed clocks, and deterministic bytes in the place of random ones |
//! | [`fields`] | the offset of each field of a message |
//! | [`handshake`] | both sides of a handshake in memory |
//! | [`hex`] | bytes as hexadecimal digits |
//! | [`json`] | the files of `tests/data` |
//! | [`messages`] | messages and AV pairs, that are changed and encoded again |
//! | [`ntlmv2`] | NTLMv2 responses and MICs, computed independently of the client |
//! | [`peers`] | Alice, and the server that she logs in to |
//! | [`recorded`] | recorded handshakes, verified again |
//! | [`replay`] | cases from files, each of which must pass |
//! | [`spnego`] | an encoder of SPNEGO tokens |

// Test helpers panic as tests do.
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate)]

pub mod der;
pub mod environment;
pub mod fields;
pub mod handshake;
pub mod hex;
pub mod json;
pub mod messages;
#[cfg(feature = "hazmat")]
pub mod ntlmv2;
pub mod peers;
pub mod recorded;
pub mod replay;
pub mod spnego;

pub use environment::{Fixed, NOW, Scattered};
pub use handshake::{
    Exchange, accept, answer, challenged, claim, exchange, log_in, log_in_changed, user_of, verdict,
};
pub use hex::{hex, try_unhex, unhex};
pub use json::{Fields, array, case, cases, data, read_json, transcript, transcripts, vector};
pub use messages::{Emit, changed, list, ntlmv2, pairs_of, with_pairs};
#[cfg(feature = "hazmat")]
pub use ntlmv2::Proof;
pub use peers::{PASSWORD, alice, alice_at, alice_with, permissive, server, server_with, weaken};
pub use recorded::Recorded;
pub use replay::Replay;
