//! Parsing a message whose type is not known in advance ([MS-NLMP] 2.2.1).

use super::read::Reader;
use super::{Authenticate, Challenge, Error, MessageType, Negotiate};

/// One of the three messages of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has three messages")]
pub enum Message<'a> {
    /// NEGOTIATE: the client's offer.
    Negotiate(Negotiate<'a>),
    /// CHALLENGE: the server's choice, and its challenge.
    Challenge(Challenge<'a>),
    /// AUTHENTICATE: the client's user name, and the proof of its password.
    Authenticate(Authenticate<'a>),
}

impl<'a> Message<'a> {
    /// Parses a message of any type.
    ///
    /// # Errors
    /// [`ErrorKind::Signature`](super::ErrorKind::Signature) or
    /// [`ErrorKind::MessageType`](super::ErrorKind::MessageType) if this is not an NTLM message,
    /// otherwise the errors of [`Negotiate::parse`], [`Challenge::parse`] or
    /// [`Authenticate::parse`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match Reader::at(bytes, 0).message_type()? {
            MessageType::Negotiate => Negotiate::parse(bytes).map(Self::Negotiate),
            MessageType::Challenge => Challenge::parse(bytes).map(Self::Challenge),
            MessageType::Authenticate => Authenticate::parse(bytes).map(Self::Authenticate),
        }
    }
}

/// Reads the type of a message, without parsing the rest.
#[cfg(feature = "http")]
pub(crate) fn message_type(bytes: &[u8]) -> Result<MessageType, Error> {
    Reader::at(bytes, 0).message_type()
}

#[cfg(test)]
mod tests {
    use super::super::{ErrorKind, SIGNATURE};
    use super::*;

    #[test]
    fn truncated_header_is_too_short_and_other_bytes_lack_the_signature() {
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
    fn message_of_another_type_is_rejected() {
        let negotiate = b"NTLMSSP\0\x01\0\0\0\x01\0\0\0";
        assert!(Negotiate::parse(negotiate).is_ok());
        let wrong_type = Error::new(ErrorKind::MessageType, 8);
        assert_eq!(Challenge::parse(negotiate), Err(wrong_type));
        assert_eq!(Authenticate::parse(negotiate), Err(wrong_type));
    }
}
