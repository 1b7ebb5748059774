//! Parsing an AUTHENTICATE.

use super::super::field::{Field, header_end};
use super::super::read::Reader;
use super::super::{Error, LmResponse, MessageType, NegotiateFlags, NtResponse};
use super::{Authenticate, FLAGS_END, LEAST, MIC_LEN, NT_RESPONSE, VERSION_LEN};

/// Which fields must be well formed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rigor {
    EveryField,
    /// The fields on which a server's decision depends.
    FieldsThatCount,
}

impl<'a> Authenticate<'a> {
    /// Parses a message. The payload may have any order and gaps.
    ///
    /// The start of the payload determines the length of the header:
    ///
    /// | bytes | last fields |
    /// |---|---|
    /// | 52 | `Workstation` |
    /// | 64 | session key and flags |
    /// | 72 | ... and `Version` |
    /// | 80 | ... and `MIC` without `Version`, as pyspnego sends it |
    /// | 88 | ... and both |
    ///
    /// # Errors
    /// - [`ErrorKind::Signature`](crate::wire::ErrorKind::Signature) or
    ///   [`ErrorKind::MessageType`](crate::wire::ErrorKind::MessageType) if this is not an
    ///   AUTHENTICATE.
    /// - [`ErrorKind::TooShort`](crate::wire::ErrorKind::TooShort) if the message ends within its
    ///   header.
    /// - [`ErrorKind::FieldOutside`](crate::wire::ErrorKind::FieldOutside) if a field runs past the
    ///   end of the message.
    /// - The errors of [`NtResponse::parse`].
    #[inline]
    pub fn parse(message: &'a [u8]) -> Result<Self, Error> {
        let has_key = |flags: NegotiateFlags| flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH);
        Self::parse_fields(message, Rigor::EveryField, has_key)
    }

    /// Parses a message as [`parse`](Self::parse) does, except in two respects. Fields that prove
    /// nothing are treated as empty if they lie outside the message: the workstation, and the LM
    /// response if there is an NTLMv2 response. The NTLMv2 response is parsed with
    /// [`NtResponse::parse_for_server`].
    ///
    /// `has_key` returns whether a message with these flags contains a session key. It depends on
    /// the CHALLENGE, because flags of zero in an AUTHENTICATE stand for those of the CHALLENGE.
    #[inline]
    pub(crate) fn parse_for_server(
        message: &'a [u8],
        has_key: impl Fn(NegotiateFlags) -> bool,
    ) -> Result<Self, Error> {
        Self::parse_fields(message, Rigor::FieldsThatCount, has_key)
    }

    #[inline]
    fn parse_fields(
        message: &'a [u8],
        rigor: Rigor,
        has_key: impl Fn(NegotiateFlags) -> bool,
    ) -> Result<Self, Error> {
        let mut reader = Reader::message(message, MessageType::Authenticate)?;
        let mut lm = reader.field()?;
        let nt = reader.field()?;
        let domain = reader.field()?;
        let user = reader.field()?;
        let mut workstation = reader.field()?;
        let nt_response = nt_response(nt, message, rigor);
        if rigor == Rigor::FieldsThatCount {
            workstation = workstation.or_empty(message);
            if matches!(nt_response, Ok(NtResponse::V2(_))) {
                lm = lm.or_empty(message);
            }
        }
        let mut parsed = Self {
            lm_response: LmResponse::new(lm.slice(message)?),
            nt_response: nt_response?,
            domain: domain.slice(message)?,
            user: user.slice(message)?,
            workstation: workstation.slice(message)?,
            ..Self::default()
        };
        let payload = [lm, nt, domain, user, workstation];
        let end = header_end(message, LEAST, payload);
        // A message that ends between 52 and 64 is cut short. Only a payload that starts there
        // shows that the message has the oldest form.
        if end >= FLAGS_END || (end == message.len() && end > LEAST) {
            parsed.read_tail(reader, message, end, has_key)?;
        }
        Ok(parsed)
    }

    /// Reads the fields after `Workstation`. The header ends at `end`, or where the session key
    /// starts.
    ///
    /// [MS-NLMP] 2.2.1.3 makes `Version` depend on NEGOTIATE_VERSION, but curl, axios-ntlm, cntlm
    /// and libntlm set the flag and send no `Version`, and Chromium's header has room for it with
    /// the flag clear. So only the length of the header counts.
    #[inline]
    fn read_tail(
        &mut self,
        mut reader: Reader<'a>,
        message: &'a [u8],
        end: usize,
        has_key: impl Fn(NegotiateFlags) -> bool,
    ) -> Result<(), Error> {
        let key = reader.field()?;
        let flags = reader.flags()?;
        // Without KEY_EXCH, ignore the field: gss-ntlmssp sends 16 zeros in it.
        let key = Some(key).filter(|_| has_key(flags));
        if let Some(key) = key {
            self.encrypted_random_session_key = key.slice(message)?;
        }
        self.flags = Some(flags);
        let end = end.min(header_end(message, LEAST, key));
        let room = end.saturating_sub(FLAGS_END);
        let has_mic = room >= MIC_LEN;
        if room >= VERSION_LEN + MIC_LEN || (!has_mic && room >= VERSION_LEN) {
            self.version = Some(reader.version()?);
        }
        self.mic = has_mic.then(|| reader.array()).transpose()?;
        Ok(())
    }
}

#[inline]
fn nt_response(field: Field, message: &[u8], rigor: Rigor) -> Result<NtResponse<'_>, Error> {
    let start = field.start().unwrap_or(NT_RESPONSE);
    let bytes = field.slice(message)?;
    let parsed = match rigor {
        Rigor::EveryField => NtResponse::parse(bytes),
        Rigor::FieldsThatCount => NtResponse::parse_for_server(bytes),
    };
    parsed.map_err(|error| error.at(start))
}

#[cfg(test)]
mod tests {
    use super::super::super::ErrorKind;
    use super::super::tests::{FLAGS_SET, MIC, VERSION, emitted, message};
    use super::*;

    #[test]
    fn header_of_each_length_is_parsed_with_its_fields() {
        let with = |flags, version, mic| Authenticate { flags, version, mic, ..message() };
        for (message, payload, mic_offset) in [
            (with(None, None, None), 52, None),
            (with(Some(FLAGS_SET), None, None), 64, None),
            (with(Some(FLAGS_SET), Some(VERSION), None), 72, None),
            (with(Some(FLAGS_SET), None, Some(MIC)), 80, Some(64)),
            (with(Some(FLAGS_SET), Some(VERSION), Some(MIC)), 88, Some(72)),
        ] {
            let bytes = emitted(&message);
            assert_eq!(usize::from(bytes[32]), payload, "where the domain starts");
            assert_eq!(message.mic_offset(), mic_offset);
            assert_eq!(Authenticate::parse(&bytes), Ok(message));
            for len in 0..bytes.len() {
                assert!(Authenticate::parse(&bytes[..len]).is_err(), "{payload}: cut at {len}");
            }
        }
    }

    #[test]
    fn session_key_is_ignored_without_key_exch() {
        let mut with_key = message();
        with_key.encrypted_random_session_key = &[7; 16];
        let mut bytes = emitted(&with_key);
        assert_eq!(Authenticate::parse(&bytes).unwrap().encrypted_random_session_key, b"");
        bytes[63] |= 0x40;
        assert_eq!(Authenticate::parse(&bytes).unwrap().encrypted_random_session_key, [7; 16]);
        bytes[52..60].fill(0xff);
        let outside = Error::new(ErrorKind::FieldOutside, 52);
        assert_eq!(Authenticate::parse(&bytes), Err(outside));
        bytes[63] &= !0x40;
        assert!(Authenticate::parse(&bytes).is_ok());
    }

    #[test]
    fn payload_may_have_gaps_and_any_order() {
        let bytes = emitted(&message());
        // The same payload after a gap of 7 bytes, with the user before the domain.
        let mut moved = bytes[..64].to_vec();
        moved.extend_from_slice(&[0xee; 7]);
        for (descriptor, item) in
            [(36, &b"U\0s\0"[..]), (28, b"D\0"), (12, &[1; 24]), (20, &[2; 24])]
        {
            moved[descriptor + 4] = u8::try_from(moved.len()).unwrap();
            moved.extend_from_slice(item);
        }
        moved.extend_from_slice(&[0xee; 103]);
        assert_eq!(Authenticate::parse(&moved), Ok(message()));
    }

    #[test]
    fn offsets_are_read_with_all_four_bytes() {
        for byte in 40..44 {
            let mut bytes = emitted(&message());
            bytes[byte] ^= 0x80;
            let outside = Error::new(ErrorKind::FieldOutside, 36);
            assert_eq!(Authenticate::parse(&bytes), Err(outside), "{byte}");
        }
    }

    /// Then the offset of the session key determines the end of the header.
    #[test]
    fn session_key_may_be_first_in_the_payload() {
        let mut with_key = message();
        with_key.encrypted_random_session_key = &[7; 16];
        with_key.flags = Some(FLAGS_SET | NegotiateFlags::NEGOTIATE_KEY_EXCH);
        let bytes = emitted(&with_key);
        let (header, payload) = bytes.split_at(64);
        let (payload, key) = payload.split_at(payload.len() - 16);
        let mut moved = [header, key, payload].concat();
        for descriptor in [12, 20, 28, 36] {
            moved[descriptor + 4] += 16;
        }
        moved[56] = 64;
        assert_eq!(Authenticate::parse(&moved), Ok(with_key));
        // The same if the flags are zero, and those of the CHALLENGE contain KEY_EXCH.
        moved[60..64].fill(0);
        with_key.flags = Some(NegotiateFlags::empty());
        assert_eq!(Authenticate::parse_for_server(&moved, |_| true), Ok(with_key));
    }

    #[test]
    fn server_ignores_a_workstation_and_an_lm_response_outside_the_message() {
        let blob = [&[1, 1][..], &[0; 30]].concat();
        let ntlmv2 = [&[0xaa; 16][..], &blob].concat();
        let nt_response = NtResponse::parse(&ntlmv2).unwrap();
        let honest =
            Authenticate { nt_response, version: Some(VERSION), mic: Some(MIC), ..message() };
        let outside = [9, 0, 9, 0, 60, 0xff, 0, 0];
        for (descriptor, without) in [
            (44, Authenticate { workstation: b"", ..honest }),
            (12, Authenticate { lm_response: LmResponse::default(), ..honest }),
        ] {
            let mut bytes = emitted(&honest);
            bytes[descriptor..descriptor + 8].copy_from_slice(&outside);
            assert_eq!(Authenticate::parse_for_server(&bytes, |_| false), Ok(without));
            let error = Error::new(ErrorKind::FieldOutside, descriptor);
            assert_eq!(Authenticate::parse(&bytes), Err(error));
        }
        // The other fields, and an LM response beside NTLMv1, must lie within the message.
        for (message, descriptor) in [
            (honest, 20),
            (honest, 28),
            (honest, 36),
            (Authenticate { mic: None, ..message() }, 12),
        ] {
            let mut bytes = emitted(&message);
            bytes[descriptor..descriptor + 8].copy_from_slice(&outside);
            let error = Error::new(ErrorKind::FieldOutside, descriptor);
            assert_eq!(Authenticate::parse_for_server(&bytes, |_| false), Err(error));
        }
    }

    #[test]
    fn lm_and_nt_response_may_be_the_same_bytes() {
        let mut bytes = emitted(&message());
        bytes[16] = bytes[24];
        let twice = Authenticate { lm_response: LmResponse::new(&[2; 24]), ..message() };
        assert_eq!(Authenticate::parse(&bytes), Ok(twice));
    }

    #[test]
    fn message_with_only_empty_fields_is_parsed() {
        let empty = Authenticate { flags: Some(FLAGS_SET), ..Authenticate::default() };
        assert_eq!(Authenticate::parse(&emitted(&empty)), Ok(empty));
    }

    #[test]
    fn message_that_ends_within_its_header_is_too_short() {
        let empty = Authenticate { flags: Some(FLAGS_SET), ..Authenticate::default() };
        let bytes = emitted(&empty);
        assert_eq!(Authenticate::parse(&bytes[..52]), Ok(Authenticate::default()));
        for len in 53..64 {
            let error = Error::new(ErrorKind::TooShort, len);
            assert_eq!(Authenticate::parse(&bytes[..len]), Err(error));
        }
        assert_eq!(Authenticate::parse(&bytes), Ok(empty));
        // If its payload starts before the end of the flags, the message has the oldest form.
        let mut old = bytes[..58].to_vec();
        old[36..44].copy_from_slice(&[2, 0, 2, 0, 56, 0, 0, 0]);
        let user = Authenticate { user: &old[56..58], ..Authenticate::default() };
        assert_eq!(Authenticate::parse(&old), Ok(user));
    }
}
