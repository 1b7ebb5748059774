//! Parsing and writing messages, without any policy (\[MS-NLMP\] 2.2).
//!
//! There is one struct per message: [`Negotiate`], [`Challenge`] and [`Authenticate`]. `parse`
//! reads a message without allocating, so the fields borrow from the received bytes. `emit` appends
//! a message to a buffer.
//!
//! This layer reports what a message contains, for example that a MIC is present. The client and
//! the server decide whether one is required. Unknown flags and AV pairs are kept.
//!
//! To verify a MIC or a proof, hash the bytes as received ([`AvPairs::as_bytes`],
//! [`Ntlmv2Response::as_bytes`], the whole message), not a message that was parsed and written
//! again.
//!
//! `AvPairsBuf` and `ClientChallenge` write the structures inside a message. They need the feature
//! `hazmat`, because only tools that forge messages use them.
//!
//! ```
//! use ntlm::wire::{AvId, AvPairsBuf, Challenge, NegotiateFlags};
//!
//! let mut target_info = AvPairsBuf::default();
//! target_info.push_text(AvId::NB_DOMAIN_NAME, &"EXAMPLE".into())?;
//! let challenge = Challenge {
//!     flags: NegotiateFlags::NEGOTIATE_UNICODE | NegotiateFlags::NEGOTIATE_TARGET_INFO,
//!     server_challenge: *b"8 random",
//!     target_info: Some(target_info.as_pairs()),
//!     ..Challenge::default()
//! };
//! let mut bytes = Vec::new();
//! challenge.emit(&mut bytes)?;
//! assert_eq!(Challenge::parse(&bytes)?, challenge);
//! # Ok::<(), ntlm::wire::Error>(())
//! ```

mod authenticate;
mod av_flags;
mod av_id;
mod av_pairs;
#[cfg_attr(
    not(feature = "hazmat"),
    expect(unreachable_pub, reason = "public with the feature `hazmat`")
)]
mod av_pairs_buf;
mod challenge;
mod client_challenge;
mod error;
mod field;
mod flags;
mod lm_response;
mod message;
mod message_type;
mod negotiate;
mod nt_response;
mod ntlmv2_response;
mod read;
mod reserved;
mod second_header;
mod signature;
mod version;
mod write;

pub use authenticate::Authenticate;
pub use av_flags::AvFlags;
pub use av_id::AvId;
pub use av_pairs::AvPairs;
#[cfg(feature = "hazmat")]
pub use av_pairs_buf::AvPairsBuf;
pub use challenge::Challenge;
#[cfg(feature = "hazmat")]
pub use client_challenge::ClientChallenge;
pub use error::{Error, ErrorKind};
pub use flags::NegotiateFlags;
pub use lm_response::LmResponse;
pub use message::Message;
pub use message_type::SIGNATURE;
pub use negotiate::Negotiate;
pub use nt_response::NtResponse;
pub use ntlmv2_response::Ntlmv2Response;
pub use signature::Signature;
pub use version::Version;

#[cfg(not(feature = "hazmat"))]
pub(crate) use av_pairs_buf::AvPairsBuf;
pub(crate) use av_pairs_buf::{EOL, append_pair, append_text_pair};
pub(crate) use client_challenge::emit_fixed;
pub(crate) use field::range_within;
#[cfg(feature = "http")]
pub(crate) use message::message_type;
pub(crate) use message_type::MessageType;
pub(crate) use reserved::Reserved;
pub(crate) use second_header::{second_authenticate, second_header};
pub(crate) use signature::{ExtendedSignature, LegacySignature};
