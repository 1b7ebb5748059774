//! CHALLENGE_MESSAGE: the flags that the server chose, and its challenge ([MS-NLMP] 2.2.1.2).

use alloc::vec::Vec;

use super::field::{Field, header_end};
use super::read::Reader;
use super::write::{Payload, Writer};
use super::{AvPairs, Error, ErrorKind, MessageType, NegotiateFlags, Version};
use crate::text::CharacterSet;

/// CHALLENGE_MESSAGE (\[MS-NLMP\] 2.2.1.2): the server's message. It is the second one, or the
/// first one of a connectionless handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias("CHALLENGE_MESSAGE", "Type 2 message"))]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the message")]
pub struct Challenge<'a> {
    /// `TargetName`: the name of the server's domain or of the server, in the character set of
    /// `flags`.
    pub target_name: &'a [u8],
    /// `NegotiateFlags`: what the server chose from the client's offer or, connectionless, what the
    /// server offers.
    pub flags: NegotiateFlags,
    /// `ServerChallenge`: 8 random bytes.
    pub server_challenge: [u8; 8],
    /// `TargetInfo`. Present if `NEGOTIATE_TARGET_INFO` is set and the field is not empty. Some
    /// corporate proxies set the flag and send an empty field, which is treated as absent.
    pub target_info: Option<AvPairs<'a>>,
    /// `Version`. Present if the header is long enough, regardless of `NEGOTIATE_VERSION`.
    pub version: Option<Version>,
}

/// The length of the mandatory header, which ends after the challenge. Very old servers send no
/// more.
const LEAST: usize = 32;
const TARGET_NAME: usize = 12;
/// The length of `Reserved`.
const RESERVED: usize = 8;
const TARGET_INFO: usize = 40;
const VERSION: usize = 48;

impl<'a> Challenge<'a> {
    /// Parses a message. Headers of 32 bytes (without `TargetInfo`) and of 48 bytes (without
    /// `Version`) are valid too. Reserved bytes are ignored, and so is a `TargetInfo` whose flag is
    /// clear.
    ///
    /// # Errors
    /// - [`ErrorKind::Signature`] or [`ErrorKind::MessageType`] if this is not a CHALLENGE.
    /// - [`ErrorKind::TooShort`] if the message ends within its header.
    /// - [`ErrorKind::FieldOutside`] if a field runs past the end of the message.
    /// - [`ErrorKind::NoCharacterSet`] if neither `NEGOTIATE_UNICODE` nor `NEGOTIATE_OEM` is set.
    /// - [`ErrorKind::OddLength`] if `TargetName` is UTF-16 with an odd number of bytes.
    /// - The errors of [`AvPairs::parse`] for `TargetInfo`.
    #[inline]
    pub fn parse(message: &'a [u8]) -> Result<Self, Error> {
        let (mut parsed, name) = Self::parse_but_target_name(message)?;
        parsed.target_name = target_name(name, message, parsed.flags)?;
        Ok(parsed)
    }

    /// Parses a message as a client needs it: `TargetName` stays empty, because clients take names
    /// from the AV pairs, and the character set is not checked, because the negotiation checks it.
    pub(crate) fn parse_for_client(message: &'a [u8]) -> Result<Self, Error> {
        Self::parse_but_target_name(message).map(|(parsed, _)| parsed)
    }

    #[inline]
    fn parse_but_target_name(message: &'a [u8]) -> Result<(Self, Field), Error> {
        let mut reader = Reader::message(message, MessageType::Challenge)?;
        let name = reader.field()?;
        let flags = reader.flags()?;
        let server_challenge = reader.array()?;
        let has_info = flags.contains(NegotiateFlags::NEGOTIATE_TARGET_INFO);
        let info = has_info.then(|| Reader::at(message, TARGET_INFO).field()).transpose()?;
        let fields = [Some(name), info].into_iter().flatten();
        // Exim's header ends before TargetInfo, and that of Cyrus SASL before Version.
        let has_version = header_end(message, LEAST, fields) >= VERSION + 8;
        let parsed = Self {
            target_name: &[],
            flags,
            server_challenge,
            target_info: info
                .and_then(|field| target_info(field, message).transpose())
                .transpose()?,
            version: has_version.then(|| Reader::at(message, VERSION).version()).transpose()?,
        };
        Ok((parsed, name))
    }

    /// Appends the message to `out`. In the payload, `TargetName` precedes `TargetInfo`. If
    /// `target_info` is present, `NEGOTIATE_TARGET_INFO` is set.
    ///
    /// # Errors
    /// [`ErrorKind::FieldTooLong`] if a field exceeds 65 535 bytes. On error, `out` is unchanged.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut flags = self.flags;
        if self.target_info.is_some() {
            flags |= NegotiateFlags::NEGOTIATE_TARGET_INFO;
        }
        let info = self.target_info.map_or(&[][..], AvPairs::as_bytes);
        let items = [(TARGET_NAME, self.target_name), (TARGET_INFO, info)];
        let (payload, [name_field, info_field]) = Payload::new(self.header_len(), items)?;
        let mut writer = Writer::new(out, MessageType::Challenge, self.encoded_len());
        writer.bytes(&name_field);
        writer.u32(flags.bits());
        writer.bytes(&self.server_challenge);
        writer.bytes(&[0; RESERVED]);
        writer.bytes(if self.target_info.is_some() { &info_field } else { &[0; 8] });
        if let Some(version) = self.version {
            writer.bytes(&version.to_bytes());
        }
        writer.payload(payload);
        Ok(())
    }

    /// Returns the number of bytes that [`emit`](Self::emit) appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let target_info = self.target_info.map_or(0, |pairs| pairs.as_bytes().len());
        self.header_len() + self.target_name.len() + target_info
    }

    fn header_len(&self) -> usize {
        if self.version.is_some() { VERSION + 8 } else { VERSION }
    }
}

/// Returns `TargetName`.
///
/// Without REQUEST_TARGET, receivers must ignore the field ([MS-NLMP] 2.2.1.2), but the
/// specification's own example (4.2.2.3) contains one. So it is returned in this case too, except
/// that a malformed field is treated as empty instead of being an error.
fn target_name(field: Field, message: &[u8], flags: NegotiateFlags) -> Result<&[u8], Error> {
    let character_set = flags.character_set().ok_or(Error::new(ErrorKind::NoCharacterSet, 20))?;
    let name = field.slice(message).and_then(|name| {
        if character_set == CharacterSet::Unicode && name.len() % 2 != 0 {
            return Err(Error::new(ErrorKind::OddLength, TARGET_NAME));
        }
        Ok(name)
    });
    if flags.contains(NegotiateFlags::REQUEST_TARGET) { name } else { Ok(name.unwrap_or_default()) }
}

fn target_info(field: Field, message: &[u8]) -> Result<Option<AvPairs<'_>>, Error> {
    if field.length == 0 {
        return Ok(None);
    }
    let list = field.slice(message)?;
    let start = field.start().unwrap_or(TARGET_INFO);
    AvPairs::parse(list).map(Some).map_err(|error| error.at(start))
}

#[cfg(test)]
mod tests {
    use super::super::AvId;
    use super::*;

    /// [MS-NLMP] 4.2.4.3.
    const EXAMPLE: &[u8] = b"NTLMSSP\0\x02\0\0\0\x0c\0\x0c\0\x38\0\0\0\x33\x82\x8a\xe2\
        \x01\x23\x45\x67\x89\xab\xcd\xef\0\0\0\0\0\0\0\0\x24\0\x24\0\x44\0\0\0\x06\0\x70\x17\0\0\
        \0\x0fS\0e\0r\0v\0e\0r\0\x02\0\x0c\0D\0o\0m\0a\0i\0n\0\x01\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0\0";

    #[test]
    fn specification_example_is_parsed_and_written_back_unchanged() {
        let challenge = Challenge::parse(EXAMPLE).unwrap();
        assert_eq!(challenge.target_name, b"S\0e\0r\0v\0e\0r\0");
        assert_eq!(challenge.server_challenge, 0x0123_4567_89ab_cdef_u64.to_be_bytes());
        assert_eq!(challenge.version, Some(Version::new(6, 0, 6000)));
        let pairs = challenge.target_info.unwrap();
        assert_eq!(pairs.get(AvId::NB_COMPUTER_NAME), Some(&b"S\0e\0r\0v\0e\0r\0"[..]));
        let mut out = Vec::new();
        challenge.emit(&mut out).unwrap();
        assert_eq!(out, EXAMPLE);
        assert_eq!(out.len(), challenge.encoded_len());
    }

    #[test]
    fn truncated_message_is_rejected() {
        for len in 0..EXAMPLE.len() {
            assert!(Challenge::parse(&EXAMPLE[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn error_offset_counts_from_the_start_of_the_message() {
        let mut bytes = EXAMPLE.to_vec();
        bytes[0x44 + 2] = 0xff;
        assert_eq!(Challenge::parse(&bytes), Err(Error::new(ErrorKind::AvPairOutside, 0x44)));
    }

    #[test]
    fn message_without_a_character_set_is_rejected() {
        let mut bytes = EXAMPLE.to_vec();
        bytes[20] &= !3;
        let error = Error::new(ErrorKind::NoCharacterSet, 20);
        assert_eq!(Challenge::parse(&bytes), Err(error));
    }

    /// A CHALLENGE of 32 bytes with OEM strings.
    const OLD: &[u8] = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\0\0\0\0\x02\x02\0\0\x01\x23\x45\x67\x89\xab\
        \xcd\xef\0\0\0\0\0\0\0\0";

    #[test]
    fn short_header_is_parsed_unless_target_info_is_announced() {
        let old = Challenge::parse(OLD).unwrap();
        assert_eq!((old.target_info, old.version), (None, None));
        for len in [33, 48, 55] {
            let mut longer = OLD.to_vec();
            longer.resize(len, 0xff);
            assert_eq!(Challenge::parse(&longer), Ok(old));
        }
        // TARGET_INFO is set, and the message ends before or within its descriptor.
        let mut announced = OLD.to_vec();
        announced[22] |= 0x80;
        for len in 32..48 {
            announced.resize(len, 0);
            assert_eq!(Challenge::parse(&announced).unwrap_err().kind(), ErrorKind::TooShort);
        }
    }

    #[test]
    fn malformed_target_name_is_ignored_if_its_flag_is_clear() {
        for field in [[0xff; 8], [1, 0, 1, 0, 0, 0, 0, 0]] {
            let mut bytes = EXAMPLE.to_vec();
            bytes[12..20].copy_from_slice(&field);
            assert_eq!(Challenge::parse(&bytes).unwrap().target_name, b"");
            bytes[20] |= 4;
            assert!(Challenge::parse(&bytes).is_err());
        }
    }

    #[test]
    fn empty_target_info_is_treated_as_absent() {
        let mut bytes = EXAMPLE.to_vec();
        bytes[40..48].fill(0);
        let challenge = Challenge::parse(&bytes).unwrap();
        assert_eq!(challenge.target_info, None);
        let mut out = Vec::new();
        challenge.emit(&mut out).unwrap();
        assert_eq!(Challenge::parse(&out), Ok(challenge));
    }
}
