//! Writing an AUTHENTICATE.

use alloc::vec::Vec;

use super::super::write::{Payload, Writer};
use super::super::{Error, ErrorKind, MessageType, NtResponse, Reserved};
use super::{
    Authenticate, DOMAIN, FLAGS, LM_RESPONSE, MIC_LEN, NT_RESPONSE, SESSION_KEY, USER, WORKSTATION,
};

impl<'a> Authenticate<'a> {
    /// Appends the message to `out`. The payload has the order of the specification's examples:
    /// domain, user, workstation, LM response, NT response, session key. In this order, UTF-16 text
    /// has even offsets.
    ///
    /// # Errors
    /// On error, `out` is unchanged.
    /// - [`ErrorKind::FieldTooLong`] if a field exceeds 65 535 bytes.
    /// - [`ErrorKind::FlagsMissing`] if `mic` or `version` is present, but `flags` is absent.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let (mut writer, payload) = self.emit_to_version(out)?;
        if let Some(mic) = self.mic {
            writer.bytes(&mic);
        }
        writer.payload(payload);
        Ok(())
    }

    /// Appends the message as [`emit`](Self::emit) does, with zeros as MIC. The MIC is computed
    /// over the message in this form, and then filled in.
    pub(crate) fn emit_without_mic(&self, out: &mut Vec<u8>) -> Result<Reserved<MIC_LEN>, Error> {
        let (mut writer, payload) =
            Self { mic: Some([0; MIC_LEN]), ..*self }.emit_to_version(out)?;
        let place = writer.reserve();
        writer.payload(payload);
        Ok(place)
    }

    /// Writes the header up to the MIC.
    fn emit_to_version<'o>(
        &self,
        out: &'o mut Vec<u8>,
    ) -> Result<(Writer<'o>, Payload<'a, 6>), Error> {
        if self.flags.is_none() && (self.mic.is_some() || self.version.is_some()) {
            return Err(Error::new(ErrorKind::FlagsMissing, FLAGS));
        }
        let items = [
            (DOMAIN, self.domain),
            (USER, self.user),
            (WORKSTATION, self.workstation),
            (LM_RESPONSE, self.lm_response.as_bytes()),
            (NT_RESPONSE, self.nt_response.as_bytes()),
            (SESSION_KEY, self.emitted_session_key()),
        ];
        let (payload, [domain, user, workstation, lm, nt, key]) =
            Payload::new(self.header_len(), items)?;
        let mut writer = Writer::new(out, MessageType::Authenticate, self.encoded_len());
        writer.bytes(&lm);
        // The descriptor of an absent NT response is all zeros, the offset too ([MS-NLMP] 3.3.1).
        writer.bytes(if self.nt_response == NtResponse::Empty { &[0; 8] } else { &nt });
        writer.bytes(&domain);
        writer.bytes(&user);
        writer.bytes(&workstation);
        if let Some(flags) = self.flags {
            writer.bytes(&key);
            writer.u32(flags.bits());
        }
        if let Some(version) = self.version {
            writer.bytes(&version.to_bytes());
        }
        Ok((writer, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FLAGS_SET, MIC, VERSION, emitted, message};
    use super::*;

    #[test]
    fn mic_or_version_without_flags_is_rejected() {
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
    fn session_key_is_omitted_from_a_message_without_flags() {
        let oldest = Authenticate { flags: None, ..message() };
        let with_key = Authenticate { encrypted_random_session_key: &[7; 16], ..oldest };
        assert_eq!(emitted(&with_key), emitted(&oldest));
    }

    #[test]
    fn filled_in_mic_is_at_its_offset() {
        for version in [None, Some(VERSION)] {
            let mut out = b"before".to_vec();
            let unsigned = Authenticate { flags: Some(FLAGS_SET), version, ..message() };
            let place = unsigned.emit_without_mic(&mut out).unwrap();
            let zeros = Authenticate { mic: Some([0; 16]), ..unsigned };
            assert_eq!(out[6..], emitted(&zeros));
            place.fill(&mut out, MIC);
            assert_eq!(out[6..], emitted(&Authenticate { mic: Some(MIC), ..unsigned }));
        }
    }
}
