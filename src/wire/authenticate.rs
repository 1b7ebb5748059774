//! AUTHENTICATE_MESSAGE: who the client says it is, and its proof ([MS-NLMP] 2.2.1.3).

use alloc::vec::Vec;
use core::fmt;

use super::field::{Field, header_end};
use super::read::Reader;
use super::write::Writer;
use super::{Error, ErrorKind, LmResponse, MessageType, NegotiateFlags, NtResponse, Version};
use crate::secret::Counted;

/// The last message, from the client.
///
/// Strings are bytes here: their character set is that of the CHALLENGE, and clients are known
/// (wget) whose flags in this message say otherwise. [`Text::decode`](crate::Text::decode) reads
/// them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the message")]
pub struct Authenticate<'a> {
    /// `LmChallengeResponse`.
    pub lm_response: LmResponse<'a>,
    /// `NtChallengeResponse`.
    pub nt_response: NtResponse<'a>,
    /// `DomainName`.
    pub domain: &'a [u8],
    /// `UserName`.
    pub user: &'a [u8],
    /// `Workstation`.
    pub workstation: &'a [u8],
    /// `EncryptedRandomSessionKey`; empty if `NEGOTIATE_KEY_EXCH` is clear, whatever the field
    /// says.
    pub encrypted_random_session_key: &'a [u8],
    /// What was negotiated; `None` in the oldest messages, which end after `Workstation`.
    pub flags: Option<NegotiateFlags>,
    /// `Version`: whether the message has room for it, whatever the flags say.
    pub version: Option<Version>,
    /// `MIC`: whether the message has room for it. Whether it means anything, `MsvAvFlags` in the
    /// NTLMv2 response says; many clients leave it zero.
    pub mic: Option<[u8; 16]>,
}

/// Up to `Workstation`; what the oldest clients send.
const LEAST: usize = 52;
const LM_RESPONSE: usize = 12;
const NT_RESPONSE: usize = 20;
const DOMAIN: usize = 28;
const USER: usize = 36;
const WORKSTATION: usize = 44;
const SESSION_KEY: usize = 52;
const FLAGS: usize = 60;
const FLAGS_END: usize = 64;
const VERSION_LEN: usize = 8;
const MIC_LEN: usize = 16;

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
        let has_key = |flags: NegotiateFlags| flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH);
        Self::parse_fields(message, Rigor::EveryField, has_key)
    }

    /// Parses a message as [`parse`](Self::parse) does, but treats fields that prove nothing and
    /// lie outside the message as empty: the workstation, and the LM response beside an NTLMv2
    /// response. An NTLMv2 response may end without a list of AV pairs.
    ///
    /// Flags of zero stand for those of the CHALLENGE, so `has_key` decides for given flags whether the
    /// message has a session key.
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
        // A message that just ends between 52 and 64 is a cut one, not an old one.
        if end >= FLAGS_END || (end == message.len() && end > LEAST) {
            parsed.read_tail(reader, message, end, has_key)?;
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
        has_key: impl Fn(NegotiateFlags) -> bool,
    ) -> Result<(), Error> {
        let key = reader.field()?;
        let flags = reader.flags()?;
        // gss-ntlmssp sends 16 zeros where no key is exchanged.
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

    /// Appends the message to `out`, with the payload in the order of the specification's
    /// examples: domain, user, workstation, LM response, NT response, session key. UTF-16 is at
    /// even offsets so.
    ///
    /// # Errors
    /// [`ErrorKind::FieldTooLong`] if a field exceeds 65 535 bytes, [`ErrorKind::FlagsMissing`]
    /// if there is a MIC or a version and no flags before it; `out` is unchanged then.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.flags.is_none() && (self.mic.is_some() || self.version.is_some()) {
            return Err(Error::new(ErrorKind::FlagsMissing, FLAGS));
        }
        let mut writer = Writer::new(out, MessageType::Authenticate, self.header_len());
        writer.field(DOMAIN, self.domain);
        writer.field(USER, self.user);
        writer.field(WORKSTATION, self.workstation);
        writer.field(LM_RESPONSE, self.lm_response.as_bytes());
        if self.nt_response != NtResponse::Empty {
            // An absent response has no offset either (3.3.1).
            writer.field(NT_RESPONSE, self.nt_response.as_bytes());
        }
        if let Some(flags) = self.flags {
            writer.field(SESSION_KEY, self.encrypted_random_session_key);
            writer.u32(FLAGS, flags.bits());
        }
        if let Some(version) = self.version {
            writer.bytes(FLAGS_END, &version.to_bytes());
        }
        if let (Some(mic), Some(offset)) = (self.mic, self.mic_offset()) {
            writer.bytes(offset, &mic);
        }
        writer.finish()
    }

    /// How many bytes [`emit`](Self::emit) appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.header_len()
            + self.domain.len()
            + self.user.len()
            + self.workstation.len()
            + self.lm_response.as_bytes().len()
            + self.nt_response.as_bytes().len()
            + self.encrypted_random_session_key.len()
    }

    /// Where the MIC stands in the message, if it has one: at 72, or at 64 without `Version`.
    #[must_use]
    pub fn mic_offset(&self) -> Option<usize> {
        let version = if self.version.is_some() { VERSION_LEN } else { 0 };
        self.mic.map(|_| FLAGS_END + version)
    }

    fn header_len(&self) -> usize {
        let present = |is_present, len| if is_present { len } else { 0 };
        LEAST
            + present(self.flags.is_some(), FLAGS_END - LEAST)
            + present(self.version.is_some(), VERSION_LEN)
            + present(self.mic.is_some(), MIC_LEN)
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

impl fmt::Debug for Authenticate<'_> {
    /// Shows no byte of the responses, the session key and the MIC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("lm_response", &self.lm_response)
            .field("nt_response", &self.nt_response)
            .field("domain", &self.domain)
            .field("user", &self.user)
            .field("workstation", &self.workstation)
            .field("encrypted_random_session_key", &Counted(self.encrypted_random_session_key))
            .field("flags", &self.flags)
            .field("version", &self.version)
            .field("mic", &self.mic.as_ref().map(|mic| Counted(mic)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS_SET: NegotiateFlags = NegotiateFlags::NEGOTIATE_UNICODE;
    const VERSION: Version = Version::new(6, 0, 6000);
    const MIC: [u8; 16] = [0xcd; 16];

    fn message() -> Authenticate<'static> {
        Authenticate {
            lm_response: LmResponse::new(&[1; 24]),
            nt_response: NtResponse::V1(&[2; 24]),
            domain: b"D\0",
            user: b"U\0s\0",
            workstation: b"",
            flags: Some(FLAGS_SET),
            ..Authenticate::default()
        }
    }

    fn emitted(message: &Authenticate<'_>) -> Vec<u8> {
        let mut out = b"before".to_vec();
        message.emit(&mut out).unwrap();
        assert_eq!(out.len(), 6 + message.encoded_len());
        out.split_off(6)
    }

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
        // Also where the flags are zero, and those of the CHALLENGE say that there is one.
        moved[60..64].fill(0);
        with_key.flags = Some(NegotiateFlags::empty());
        assert_eq!(Authenticate::parse_for_server(&moved, |_| true), Ok(with_key));
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
            assert_eq!(Authenticate::parse_for_server(&bytes, |_| false), Ok(without));
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
            assert_eq!(Authenticate::parse_for_server(&bytes, |_| false), Err(error));
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

    #[test]
    fn a_mic_needs_flags_before_it() {
        for message in [
            Authenticate { mic: Some(MIC), flags: None, ..message() },
            Authenticate { version: Some(VERSION), flags: None, ..message() },
        ] {
            let mut out = b"before".to_vec();
            let error = Error::new(ErrorKind::FlagsMissing, 60);
            assert_eq!(message.emit(&mut out), Err(error));
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn debug_shows_no_response_key_or_mic() {
        use alloc::format;
        let mut message = Authenticate { mic: Some(MIC), ..message() };
        message.encrypted_random_session_key = &[7; 16];
        let shown = format!("{message:?}");
        assert!(shown.contains("mic: Some([16 bytes])"), "{shown}");
        for secret in ["[1, 1", "[2, 2", "[7, 7", "205, 205"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
