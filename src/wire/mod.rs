//! The messages as bytes, for reading and writing, without any policy ([MS-NLMP] 2.2).
//!
//! One struct per message: fields borrow from the received bytes, `parse` takes a message apart
//! without allocating, `emit` appends it to a buffer. This layer keeps what it does not know
//! (flags, AV pairs) and states facts, such as "a MIC is there"; whether one is needed is decided
//! above.
//!
//! What is signed or hashed is always the received bytes, never a message written again:
//! [`AvPairs::as_bytes`], [`Ntlmv2Response::as_bytes`] and the whole messages.
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
mod av_pair;
mod challenge;
mod error;
mod field;
mod flags;
mod negotiate;
mod read;
mod response;
mod second_header;
mod signature;
mod version;
mod write;

pub use authenticate::Authenticate;
pub use av_pair::{AvFlags, AvId, AvPairs, AvPairsBuf, AvPairsIter, SingleHost};
pub use challenge::Challenge;
pub use error::{Error, ErrorKind};
pub use flags::NegotiateFlags;
pub use negotiate::Negotiate;
pub use response::{ClientChallenge, LmResponse, Lmv2Response, NtResponse, Ntlmv2Response};
pub use signature::{ExtendedSignature, LegacySignature, Signature};
pub use version::Version;

pub(crate) use av_pair::{EOL, append_pair, append_text_pair};
pub(crate) use field::range_within;
pub(crate) use response::emit_fixed;
pub(crate) use second_header::{second_authenticate, second_header};

use read::Reader;

/// The first eight bytes of every message: "NTLMSSP" and a zero.
pub const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// Which of the three messages bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageType {
    Negotiate,
    Challenge,
    Authenticate,
}

impl MessageType {
    const fn number(self) -> u32 {
        match self {
            Self::Negotiate => 1,
            Self::Challenge => 2,
            Self::Authenticate => 3,
        }
    }

    const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Negotiate),
            2 => Some(Self::Challenge),
            3 => Some(Self::Authenticate),
            _ => None,
        }
    }
}

/// Reads which message this is, and nothing else of it.
#[cfg(feature = "http")]
pub(crate) fn message_type(bytes: &[u8]) -> Result<MessageType, Error> {
    Reader::at(bytes, 0).message_type()
}

/// Any of the three messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has three messages")]
pub enum Message<'a> {
    /// The client's offer.
    Negotiate(Negotiate<'a>),
    /// The server's choice and its challenge.
    Challenge(Challenge<'a>),
    /// The client's answer and who it says it is.
    Authenticate(Authenticate<'a>),
}

impl<'a> Message<'a> {
    /// Takes apart whichever message this is.
    ///
    /// # Errors
    /// [`ErrorKind::Signature`] or [`ErrorKind::MessageType`] if it is none; otherwise as the
    /// `parse` of the message's own type.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match Reader::at(bytes, 0).message_type()? {
            MessageType::Negotiate => Negotiate::parse(bytes).map(Self::Negotiate),
            MessageType::Challenge => Challenge::parse(bytes).map(Self::Challenge),
            MessageType::Authenticate => Authenticate::parse(bytes).map(Self::Authenticate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_told_apart_from_one_cut_short() {
        let kind = |bytes: &[u8]| Message::parse(bytes).unwrap_err().kind();
        assert_eq!(kind(b""), ErrorKind::TooShort);
        assert_eq!(kind(b"NTLM"), ErrorKind::TooShort);
        assert_eq!(kind(b"NTLMSSP\0\x01\0\0"), ErrorKind::TooShort);
        assert_eq!(kind(b"NTLN"), ErrorKind::Signature);
        assert_eq!(kind(b"-ERR authentication failed"), ErrorKind::Signature);
        for number in [0, 4, 0x0100_0000_u32] {
            let bytes = [&SIGNATURE[..], &number.to_le_bytes(), &[0; 80]].concat();
            assert_eq!(kind(&bytes), ErrorKind::MessageType);
        }
        for byte in 0..8 {
            let mut bytes = *b"NTLMSSP\0\x01\0\0\0\x01\0\0\0";
            bytes[byte] ^= 0x20;
            assert_eq!(kind(&bytes), ErrorKind::Signature);
        }
    }

    #[test]
    fn each_parser_takes_its_own_type_only() {
        let negotiate = b"NTLMSSP\0\x01\0\0\0\x01\0\0\0";
        assert!(Negotiate::parse(negotiate).is_ok());
        let wrong_type = Error::new(ErrorKind::MessageType, 8);
        assert_eq!(Challenge::parse(negotiate), Err(wrong_type));
        assert_eq!(Authenticate::parse(negotiate), Err(wrong_type));
    }
}
