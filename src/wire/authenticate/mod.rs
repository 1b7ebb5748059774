//! AUTHENTICATE_MESSAGE: the user's name and the proof of the password ([MS-NLMP] 2.2.1.3).

mod emit;
mod parse;

use core::fmt;

use super::{LmResponse, NegotiateFlags, NtResponse, Version};
use crate::secret::Counted;

/// AUTHENTICATE_MESSAGE: the last message, from the client.
///
/// Strings are bytes here: their character set is that of the CHALLENGE, and clients are known
/// (wget) whose flags in this message say otherwise. [`Text::decode`](crate::Text::decode) reads
/// them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the message")]
#[doc(alias("AUTHENTICATE_MESSAGE", "Type 3 message"))]
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

impl<'a> Authenticate<'a> {
    /// How many bytes [`emit`](Self::emit) appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.header_len()
            + self.domain.len()
            + self.user.len()
            + self.workstation.len()
            + self.lm_response.as_bytes().len()
            + self.nt_response.as_bytes().len()
            + self.emitted_session_key().len()
    }

    /// A message without flags has no field for a session key.
    const fn emitted_session_key(&self) -> &'a [u8] {
        if self.flags.is_some() { self.encrypted_random_session_key } else { &[] }
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
    use alloc::vec::Vec;

    use super::*;

    pub(super) const FLAGS_SET: NegotiateFlags = NegotiateFlags::NEGOTIATE_UNICODE;
    pub(super) const VERSION: Version = Version::new(6, 0, 6000);
    pub(super) const MIC: [u8; 16] = [0xcd; 16];

    pub(super) fn message() -> Authenticate<'static> {
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

    pub(super) fn emitted(message: &Authenticate<'_>) -> Vec<u8> {
        let mut out = b"before".to_vec();
        message.emit(&mut out).unwrap();
        assert_eq!(out.len(), 6 + message.encoded_len());
        out.split_off(6)
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
