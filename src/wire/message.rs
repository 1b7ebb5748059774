//! Any of the three messages, told apart by its type ([MS-NLMP] 2.2.1).

use super::read::Reader;
use super::{Authenticate, Challenge, Error, MessageType, Negotiate};

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
    /// Parses whichever message this is.
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

/// Reads which message this is, and nothing else of it.
#[cfg(feature = "http")]
pub(crate) fn message_type(bytes: &[u8]) -> Result<MessageType, Error> {
    Reader::at(bytes, 0).message_type()
}

#[cfg(test)]
mod tests {
    use super::super::{ErrorKind, SIGNATURE};
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
