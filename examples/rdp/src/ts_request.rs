//! `TSRequest`, the only message of CredSSP ([MS-CSSP] 2.2.1).

use std::io::{ErrorKind, Read};

use anyhow::{Context, bail, ensure};
use der::asn1::OctetString;
use der::{Decode, Encode, Sequence};

/// A message of either side.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TsRequest {
    #[asn1(context_specific = "0")]
    pub version: u32,
    #[asn1(context_specific = "1", optional = "true")]
    nego_tokens: Option<Vec<NegoData>>,
    #[asn1(context_specific = "2", optional = "true")]
    auth_info: Option<OctetString>,
    #[asn1(context_specific = "3", optional = "true")]
    pub_key_auth: Option<OctetString>,
    /// A signed number. Some peers write the NTSTATUS as an unsigned number, which has one more
    /// octet.
    #[asn1(context_specific = "4", optional = "true")]
    error_code: Option<i64>,
    #[asn1(context_specific = "5", optional = "true")]
    client_nonce: Option<OctetString>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct NegoData {
    #[asn1(context_specific = "0")]
    nego_token: OctetString,
}

/// The client's random number, which `pubKeyAuth` covers since version 5.
pub type Nonce = [u8; 32];

impl TsRequest {
    /// A message with only the version.
    pub const fn new(version: u32) -> Self {
        Self {
            version,
            nego_tokens: None,
            auth_info: None,
            pub_key_auth: None,
            error_code: None,
            client_nonce: None,
        }
    }

    /// Adds a token of NTLM or SPNEGO.
    pub fn with_token(mut self, token: &[u8]) -> anyhow::Result<Self> {
        self.nego_tokens = Some(vec![NegoData { nego_token: OctetString::new(token)? }]);
        Ok(self)
    }

    /// Adds sealed `TSCredentials`.
    pub fn with_auth_info(mut self, sealed: &[u8]) -> anyhow::Result<Self> {
        self.auth_info = Some(OctetString::new(sealed)?);
        Ok(self)
    }

    /// Adds the sealed proof of the public key, and the client's nonce if the proof covers one.
    pub fn with_pub_key_auth(
        mut self,
        sealed: &[u8],
        nonce: Option<&Nonce>,
    ) -> anyhow::Result<Self> {
        self.pub_key_auth = Some(OctetString::new(sealed)?);
        self.client_nonce = nonce.map(|nonce| OctetString::new(*nonce)).transpose()?;
        Ok(self)
    }

    /// Adds the NTSTATUS with which the login failed.
    pub fn with_error_code(mut self, status: u32) -> Self {
        self.error_code = Some(i32::from_ne_bytes(status.to_ne_bytes()).into());
        self
    }

    /// The token of NTLM or SPNEGO.
    pub fn token(&self) -> Option<&[u8]> {
        self.nego_tokens.as_ref()?.first().map(|data| data.nego_token.as_bytes())
    }

    pub fn auth_info(&self) -> Option<&[u8]> {
        self.auth_info.as_ref().map(OctetString::as_bytes)
    }

    pub fn pub_key_auth(&self) -> Option<&[u8]> {
        self.pub_key_auth.as_ref().map(OctetString::as_bytes)
    }

    /// The NTSTATUS with which the peer rejects the login.
    pub fn error_code(&self) -> Option<u32> {
        // The lower 32 bits are the same with and without the sign.
        self.error_code.map(|code| (code & 0xffff_ffff) as u32)
    }

    /// # Errors
    /// If its length differs from the specification's.
    pub fn client_nonce(&self) -> anyhow::Result<Option<Nonce>> {
        let nonce = self.client_nonce.as_ref().map(|nonce| nonce.as_bytes().try_into());
        nonce.transpose().context("the nonce does not have 32 octets")
    }

    pub fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.to_der()?)
    }

    /// Reads a message. TLS does not delimit messages, so its length is that of the DER.
    pub fn read(stream: &mut impl Read) -> anyhow::Result<Self> {
        let mut message = vec![0; 2];
        match stream.read_exact(&mut message) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => bail!(CLOSED),
            read => read.context("no TSRequest")?,
        }
        let len = match message[1] {
            short @ 0..0x80 => usize::from(short),
            long => {
                let mut len = vec![0; usize::from(long & 0x7f)];
                ensure!((1..=4).contains(&len.len()), "the TSRequest has no length");
                stream.read_exact(&mut len).context("no TSRequest")?;
                message.extend_from_slice(&len);
                len.iter().fold(0, |len, octet| len << 8 | usize::from(*octet))
            }
        };
        // The length is not trusted: memory is allocated as the message arrives.
        ensure!(len <= MAX_LEN, "the TSRequest has {len} octets");
        let read = stream.take(len as u64).read_to_end(&mut message).context("no TSRequest")?;
        ensure!(read == len, "the peer closed the connection within a TSRequest");
        Ok(Self::from_der(&message)?)
    }
}

const CLOSED: &str = "no TSRequest: the peer has closed the connection. In versions 2 and 5, a server \
    rejects a login in this way";
/// Kerberos tokens, which a client may send first, can be tens of kilobytes long.
const MAX_LEN: usize = 0x4_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings;

    /// Reads messages that follow each other in one buffer, as TLS may deliver them.
    #[test]
    fn every_recorded_message_is_read_and_written_again() {
        let mut messages = 0;
        for exchange in recordings::all() {
            let steps = exchange["steps"].as_array().unwrap();
            let bytes: Vec<_> = steps.iter().map(|s| recordings::bytes(&s["tsrequest"])).collect();
            let stream = bytes.concat();
            let mut stream = &stream[..];
            for bytes in &bytes {
                let request = TsRequest::read(&mut stream).unwrap();
                assert_eq!(request.to_bytes().unwrap(), *bytes, "{}", exchange["id"]);
                messages += 1;
            }
            assert!(stream.is_empty());
        }
        assert_eq!(messages, 256);
    }

    #[test]
    fn error_codes_are_signed_and_may_be_unsigned() {
        let request = TsRequest::new(6).with_error_code(0xc000_006d);
        assert_eq!(request.to_bytes().unwrap()[7..], *b"\xa4\x06\x02\x04\xc0\x00\x00\x6d");
        assert_eq!(request.error_code(), Some(0xc000_006d));
        let unsigned = b"\x30\x0e\xa0\x03\x02\x01\x06\xa4\x07\x02\x05\x00\xc0\x00\x00\x6d";
        assert_eq!(TsRequest::read(&mut &unsigned[..]).unwrap().error_code(), Some(0xc000_006d));
    }

    #[test]
    fn invalid_messages_are_rejected() {
        assert_eq!(TsRequest::read(&mut &b""[..]).unwrap_err().to_string(), CLOSED);
        let whole = TsRequest::new(6).with_token(&[7; 200]).unwrap().to_bytes().unwrap();
        for len in 0..whole.len() {
            assert!(TsRequest::read(&mut &whole[..len]).is_err(), "{len}");
        }
        for bytes in
            [&b"\x30\x84\xff\xff\xff\xff"[..], b"\x30\x80", b"\x30\x85\0\0\0\0\0", b"\x31\0"]
        {
            assert!(TsRequest::read(&mut &*bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn nonce_of_another_length_is_rejected() {
        let mut request = TsRequest::new(6).with_pub_key_auth(&[], Some(&[1; 32])).unwrap();
        assert_eq!(request.client_nonce().unwrap(), Some([1; 32]));
        request.client_nonce = Some(OctetString::new([1; 31]).unwrap());
        assert!(request.client_nonce().is_err());
    }
}
