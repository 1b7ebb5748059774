//! NEGOTIATE_MESSAGE: the flags that the client offers ([MS-NLMP] 2.2.1.1).

use alloc::vec::Vec;

use super::field::header_end;
use super::read::Reader;
use super::write::{Payload, Writer};
use super::{Error, MessageType, NegotiateFlags, Version};

/// NEGOTIATE_MESSAGE (\[MS-NLMP\] 2.2.1.1): the client's first message. A connectionless handshake
/// has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias("NEGOTIATE_MESSAGE", "Type 1 message"))]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the message")]
pub struct Negotiate<'a> {
    /// `NegotiateFlags`: what the client offers and asks for.
    pub flags: NegotiateFlags,
    /// `DomainName` in the OEM character set, even if the flags contain UNICODE. Present if
    /// `NEGOTIATE_OEM_DOMAIN_SUPPLIED` is set; [`emit`](Self::emit) sets that flag accordingly.
    pub domain: Option<&'a [u8]>,
    /// `WorkstationName`, in the same way, with `NEGOTIATE_OEM_WORKSTATION_SUPPLIED`.
    pub workstation: Option<&'a [u8]>,
    /// `Version`. Present if the header is long enough, regardless of `NEGOTIATE_VERSION`.
    pub version: Option<Version>,
}

const DOMAIN: usize = 16;
const WORKSTATION: usize = 24;
const VERSION: usize = 32;

impl<'a> Negotiate<'a> {
    /// Parses a message. Headers of 16 bytes (only the flags) and of 32 bytes (without `Version`)
    /// are valid too. Names whose flag is clear are ignored.
    ///
    /// # Errors
    /// - [`ErrorKind::Signature`](super::ErrorKind::Signature) or
    ///   [`ErrorKind::MessageType`](super::ErrorKind::MessageType) if this is not a NEGOTIATE.
    /// - [`ErrorKind::TooShort`](super::ErrorKind::TooShort) if the message ends within its header.
    /// - [`ErrorKind::FieldOutside`](super::ErrorKind::FieldOutside) if a name runs past the end of
    ///   the message.
    #[inline]
    pub fn parse(message: &'a [u8]) -> Result<Self, Error> {
        let flags = Reader::message(message, MessageType::Negotiate)?.flags()?;
        let field = |flag, descriptor| {
            let supplied = flags.contains(flag);
            supplied.then(|| Reader::at(message, descriptor).field()).transpose()
        };
        let domain = field(NegotiateFlags::NEGOTIATE_OEM_DOMAIN_SUPPLIED, DOMAIN)?;
        let workstation = field(NegotiateFlags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED, WORKSTATION)?;
        let fields = [domain, workstation].into_iter().flatten();
        let has_version = header_end(message, VERSION, fields) >= VERSION + 8;
        Ok(Self {
            flags,
            domain: domain.map(|field| field.slice(message)).transpose()?,
            workstation: workstation.map(|field| field.slice(message)).transpose()?,
            version: has_version.then(|| Reader::at(message, VERSION).version()).transpose()?,
        })
    }

    /// Reads only the flags, as a server needs it. Servers do not use the names, and jTDS announces
    /// wrong lengths for them.
    #[inline]
    pub(crate) fn parse_flags(message: &[u8]) -> Result<NegotiateFlags, Error> {
        Reader::message(message, MessageType::Negotiate)?.flags()
    }

    /// Appends the message to `out`. In the payload, `DomainName` precedes `WorkstationName`. The
    /// flags of the two names are set if the name is present, and cleared otherwise.
    ///
    /// # Errors
    /// [`FieldTooLong`](super::ErrorKind::FieldTooLong) if a name exceeds 65 535 bytes. On error,
    /// `out` is unchanged.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut flags = self.flags;
        flags.set(NegotiateFlags::NEGOTIATE_OEM_DOMAIN_SUPPLIED, self.domain.is_some());
        flags.set(NegotiateFlags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED, self.workstation.is_some());
        // An absent name is written like an empty one; only its flag differs.
        let [domain, workstation] =
            [self.domain, self.workstation].map(|name| name.unwrap_or_default());
        let items = [(DOMAIN, domain), (WORKSTATION, workstation)];
        let (payload, [domain_field, workstation_field]) = Payload::new(self.header_len(), items)?;
        let mut writer = Writer::new(out, MessageType::Negotiate, self.encoded_len());
        writer.u32(flags.bits());
        writer.bytes(&domain_field);
        writer.bytes(&workstation_field);
        if let Some(version) = self.version {
            writer.bytes(&version.to_bytes());
        }
        writer.payload(payload);
        Ok(())
    }

    /// Returns the number of bytes that [`emit`](Self::emit) appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let names = [self.domain, self.workstation];
        self.header_len() + names.iter().flatten().map(|name| name.len()).sum::<usize>()
    }

    fn header_len(&self) -> usize {
        if self.version.is_some() { VERSION + 8 } else { VERSION }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ErrorKind;
    use super::*;

    /// The example of Eric Glass's description of NTLM, in which the workstation name precedes the
    /// domain name.
    const DAVENPORT: &[u8] = b"NTLMSSP\0\x01\0\0\0\x07\x32\0\0\x06\0\x06\0\x33\0\0\0\x0b\0\x0b\0\
        \x28\0\0\0\x05\0\x93\x08\0\0\0\x0fWORKSTATIONDOMAIN";

    #[test]
    fn published_message_is_parsed() {
        let negotiate = Negotiate::parse(DAVENPORT).unwrap();
        assert_eq!(negotiate.flags.bits(), 0x3207);
        assert_eq!(negotiate.domain, Some(&b"DOMAIN"[..]));
        assert_eq!(negotiate.workstation, Some(&b"WORKSTATION"[..]));
        assert_eq!(negotiate.version, Some(Version::new(5, 0, 2195)));
    }

    #[test]
    fn written_message_is_parsed_back() {
        let negotiate = Negotiate::parse(DAVENPORT).unwrap();
        let mut out = b"before".to_vec();
        negotiate.emit(&mut out).unwrap();
        assert_eq!(out.len(), 6 + negotiate.encoded_len());
        assert_eq!(Negotiate::parse(&out[6..]), Ok(negotiate));
    }

    #[test]
    fn truncated_message_and_field_outside_it_are_rejected() {
        for len in 0..DAVENPORT.len() {
            assert!(Negotiate::parse(&DAVENPORT[..len]).is_err(), "{len}");
        }
        let mut outside = DAVENPORT.to_vec();
        outside[16..18].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(Negotiate::parse(&outside), Err(Error::new(ErrorKind::FieldOutside, 16)));
    }

    #[test]
    fn short_header_is_parsed_unless_a_name_is_announced() {
        let bytes = b"NTLMSSP\0\x01\0\0\0\x02\x02\0\0";
        let bare = Negotiate::parse(bytes).unwrap();
        assert_eq!((bare.domain, bare.workstation, bare.version), (None, None, None));
        for len in 17..40 {
            let mut longer = bytes.to_vec();
            longer.resize(len, 0);
            assert_eq!(Negotiate::parse(&longer), Ok(bare));
        }
        // The flags announce a name whose descriptor is absent or cut short.
        let mut announced = b"NTLMSSP\0\x01\0\0\0\x02\x12\0\0".to_vec();
        for len in 16..24 {
            announced.resize(len, 0);
            assert_eq!(Negotiate::parse(&announced).unwrap_err().kind(), ErrorKind::TooShort);
        }
    }

    #[test]
    fn names_whose_flag_is_clear_are_ignored() {
        let bytes = [b"NTLMSSP\0\x01\0\0\0\x02\x02\0\0", &[0xff; 16][..], &[0; 8]].concat();
        let negotiate = Negotiate::parse(&bytes).unwrap();
        assert_eq!((negotiate.domain, negotiate.workstation), (None, None));
    }

    #[test]
    fn empty_name_is_not_treated_as_absent() {
        let empty = Negotiate { workstation: Some(b""), ..Negotiate::default() };
        let mut out = Vec::new();
        empty.emit(&mut out).unwrap();
        let parsed = Negotiate::parse(&out).unwrap();
        assert_eq!(parsed.workstation, Some(&b""[..]));
        assert_eq!(parsed.flags, NegotiateFlags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED);
    }

    #[test]
    fn name_that_is_too_long_leaves_the_buffer_unchanged() {
        let long = [b'a'; 65_536];
        let negotiate = Negotiate { workstation: Some(&long), ..Negotiate::default() };
        let mut out = b"before".to_vec();
        assert_eq!(negotiate.emit(&mut out), Err(Error::new(ErrorKind::FieldTooLong, 24)));
        assert_eq!(out, b"before");
    }
}
