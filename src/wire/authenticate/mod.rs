//! AUTHENTICATE_MESSAGE: the user name and the proof of the password ([MS-NLMP] 2.2.1.3).

mod emit;
mod parse;

use core::fmt;

use super::{LmResponse, NegotiateFlags, NtResponse, Version};
use crate::secret::Counted;

/// AUTHENTICATE_MESSAGE (\[MS-NLMP\] 2.2.1.3): the client's last message.
///
/// Strings are bytes here. Decode them with [`Text::decode`](crate::Text::decode) in the character
/// set of the CHALLENGE, because the flags in this message can be wrong: wget sets UNICODE and
/// sends OEM.
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
    /// `EncryptedRandomSessionKey`. If `NEGOTIATE_KEY_EXCH` is clear, it is empty, and the field in
    /// the message is ignored.
    pub encrypted_random_session_key: &'a [u8],
    /// `NegotiateFlags`: the negotiated flags. Absent in the oldest form of the message, which ends
    /// after `Workstation`.
    pub flags: Option<NegotiateFlags>,
    /// `Version`. Present if the header is long enough, regardless of `NEGOTIATE_VERSION`.
    pub version: Option<Version>,
    /// `MIC` (message integrity code). Present if the header is long enough. It is valid only if
    /// `MsvAvFlags` in the NTLMv2 response contains `MIC_PRESENT`; many clients send zeros.
    pub mic: Option<[u8; 16]>,
}

/// The length of the mandatory header, which ends after `Workstation`. The oldest clients send no
/// more.
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
    /// Returns the number of bytes that [`emit`](Self::emit) appends.
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

    /// Returns the session key to write: none without flags, because that header has no field for
    /// it.
    const fn emitted_session_key(&self) -> &'a [u8] {
        if self.flags.is_some() { self.encrypted_random_session_key } else { &[] }
    }

    /// Returns the offset of the MIC in the message, if present: 72, or 64 without `Version`.
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
    /// Shows only the lengths of the responses, the session key and the MIC.
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
    fn debug_shows_no_byte_of_response_key_or_mic() {
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
