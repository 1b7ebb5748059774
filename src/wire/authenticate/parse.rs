//! Parses an AUTHENTICATE.

use super::super::field::{Field, header_end};
use super::super::read::Reader;
use super::super::{Error, LmResponse, MessageType, NegotiateFlags, NtResponse};
use super::{Authenticate, FLAGS_END, LEAST, MIC_LEN, NT_RESPONSE, VERSION_LEN};

/// Which fields must lie within the message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rigor {
    EveryField,
    FieldsThatCount,
}

impl<'a> Authenticate<'a> {
    /// Takes a message apart, with the payload in any order and with any gaps.
    ///
    /// How long the header is, only the payload tells: it may start at 52, 64 (flags), 72
    /// (`Version`), 80 (`MIC` without `Version`, as pyspnego sends it) or 88 (both).
    ///
    /// # Errors
    /// If it is no AUTHENTICATE, ends within a part that it must have, names a field outside
    /// itself, or holds an NT response that is not well formed.
    #[inline]
    pub fn parse(message: &'a [u8]) -> Result<Self, Error> {
        Self::parse_fields(message, Rigor::EveryField)
    }

    /// Parses a message as [`parse`](Self::parse) does, but treats fields that prove nothing and
    /// lie outside the message as empty: the workstation, and the LM response beside an NTLMv2
    /// response. An NTLMv2 response may end without a list of AV pairs.
    #[inline]
    pub(crate) fn parse_for_server(message: &'a [u8]) -> Result<Self, Error> {
        Self::parse_fields(message, Rigor::FieldsThatCount)
    }

    #[inline]
    fn parse_fields(message: &'a [u8], rigor: Rigor) -> Result<Self, Error> {
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
        // A message that just ends between 52 and 64 is a cut one, not an old one.
        if end >= FLAGS_END || (end == message.len() && end > LEAST) {
            parsed.read_tail(reader, message, end)?;
        }
        Ok(parsed)
    }

    /// Reads what the oldest messages do not have. The header ends at `end`, or where the session key
    /// starts, whatever the flags say: curl, axios-ntlm, cntlm and libntlm announce a version and
    /// send none; Chromium has room for one and does not say so.
    #[inline]
    fn read_tail(
        &mut self,
        mut reader: Reader<'a>,
        message: &'a [u8],
        end: usize,
    ) -> Result<(), Error> {
        let key = reader.field()?;
        let flags = reader.flags()?;
        let is_exchanged = flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH);
        // gss-ntlmssp sends 16 zeros where no key is exchanged.
        let key = Some(key).filter(|_| is_exchanged);
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
    fn every_header_that_peers_send_is_told_from_the_others() {
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
    fn the_session_key_counts_only_if_it_was_negotiated() {
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
    fn the_payload_may_be_anywhere() {
        let bytes = emitted(&message());
        // The same payload, 7 bytes further, with the order of user and domain exchanged.
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
    fn all_four_bytes_of_an_offset_count() {
        for byte in 40..44 {
            let mut bytes = emitted(&message());
            bytes[byte] ^= 0x80;
            let outside = Error::new(ErrorKind::FieldOutside, 36);
            assert_eq!(Authenticate::parse(&bytes), Err(outside), "{byte}");
        }
    }

    /// Then it tells where the header ends.
    #[test]
    fn the_session_key_may_come_first() {
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
    }

    #[test]
    fn servers_ignore_a_workstation_and_an_lm_response_outside_the_message() {
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
            assert_eq!(Authenticate::parse_for_server(&bytes), Ok(without));
            let error = Error::new(ErrorKind::FieldOutside, descriptor);
            assert_eq!(Authenticate::parse(&bytes), Err(error));
        }
        // What counts must be right: the other fields, and an LM response beside NTLMv1.
        for (message, descriptor) in [
            (honest, 20),
            (honest, 28),
            (honest, 36),
            (Authenticate { mic: None, ..message() }, 12),
        ] {
            let mut bytes = emitted(&message);
            bytes[descriptor..descriptor + 8].copy_from_slice(&outside);
            let error = Error::new(ErrorKind::FieldOutside, descriptor);
            assert_eq!(Authenticate::parse_for_server(&bytes), Err(error));
        }
    }

    #[test]
    fn both_responses_may_be_the_same_bytes() {
        let mut bytes = emitted(&message());
        bytes[16] = bytes[24];
        let twice = Authenticate { lm_response: LmResponse::new(&[2; 24]), ..message() };
        assert_eq!(Authenticate::parse(&bytes), Ok(twice));
    }

    #[test]
    fn an_all_empty_message_parses_and_says_nothing() {
        let empty = Authenticate { flags: Some(FLAGS_SET), ..Authenticate::default() };
        assert_eq!(Authenticate::parse(&emitted(&empty)), Ok(empty));
    }

    /// Without a payload only the length tells an old message from a cut one.
    #[test]
    fn a_message_that_ends_within_its_header_is_cut() {
        let empty = Authenticate { flags: Some(FLAGS_SET), ..Authenticate::default() };
        let bytes = emitted(&empty);
        assert_eq!(Authenticate::parse(&bytes[..52]), Ok(Authenticate::default()));
        for len in 53..64 {
            let error = Error::new(ErrorKind::TooShort, len);
            assert_eq!(Authenticate::parse(&bytes[..len]), Err(error));
        }
        assert_eq!(Authenticate::parse(&bytes), Ok(empty));
        // With one, it is old wherever the payload starts before the end of the flags.
        let mut old = bytes[..58].to_vec();
        old[36..44].copy_from_slice(&[2, 0, 2, 0, 56, 0, 0, 0]);
        let user = Authenticate { user: &old[56..58], ..Authenticate::default() };
        assert_eq!(Authenticate::parse(&old), Ok(user));
    }
}
