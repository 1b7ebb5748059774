//! Signs SMB messages with keys derived from the session key ([MS-SMB2] 3.1.4.1, 3.1.4.2).

use aes::Aes128;
use anyhow::Context;
use cmac::Cmac;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[repr(u16)]
pub enum Dialect {
    #[value(name = "2.0.2")]
    Smb202 = 0x0202,
    #[value(name = "2.1")]
    Smb210 = 0x0210,
    #[value(name = "3.0")]
    Smb300 = 0x0300,
    #[value(name = "3.0.2")]
    Smb302 = 0x0302,
    #[value(name = "3.1.1")]
    Smb311 = 0x0311,
}

impl Dialect {
    /// All versions, the oldest first.
    pub const ALL: [Self; 5] =
        [Self::Smb202, Self::Smb210, Self::Smb300, Self::Smb302, Self::Smb311];
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Smb202 => "2.0.2",
            Self::Smb210 => "2.1",
            Self::Smb300 => "3.0",
            Self::Smb302 => "3.0.2",
            Self::Smb311 => "3.1.1",
        })
    }
}

/// `PreauthIntegrityHashValue`: a hash of all messages before the first signature. The keys of SMB
/// 3.1.1 depend on it, so the keys of both sides differ if a message was changed.
#[derive(Clone, Debug)]
pub(super) struct PreauthIntegrity([u8; 64]);

impl Default for PreauthIntegrity {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl PreauthIntegrity {
    pub(super) fn update(&mut self, message: &[u8]) {
        self.0 = Sha512::new().chain_update(self.0).chain_update(message).finalize().into();
    }
}

/// Signs messages, and checks the signatures of the peer.
pub(super) enum Signer {
    /// SMB 2: HMAC-SHA256 with the session key.
    Hmac(Hmac<Sha256>),
    /// SMB 3: AES-128-CMAC with a key derived from it.
    Cmac(Box<Cmac<Aes128>>),
}

impl Signer {
    /// 3.2.5.3.1: what `Session.SigningKey` is.
    pub(super) fn new(
        dialect: Dialect,
        session_key: &[u8; 16],
        preauth: &PreauthIntegrity,
    ) -> anyhow::Result<Self> {
        let signing_key = match dialect {
            Dialect::Smb202 | Dialect::Smb210 => {
                return Ok(Self::Hmac(Hmac::new_from_slice(session_key)?));
            }
            Dialect::Smb300 | Dialect::Smb302 => {
                derive_key(session_key, b"SMB2AESCMAC\0", b"SmbSign\0")?
            }
            Dialect::Smb311 => derive_key(session_key, b"SMBSigningKey\0", &preauth.0)?,
        };
        Ok(Self::Cmac(Box::new(Cmac::new_from_slice(&signing_key)?)))
    }

    /// Writes the signature into the header of a message, in place of zeros.
    pub(super) fn sign(&self, message: &mut [u8]) {
        let signature: Vec<u8> = match self {
            Self::Hmac(mac) => mac.clone().chain_update(&*message).finalize().into_bytes().to_vec(),
            Self::Cmac(mac) => {
                Cmac::clone(mac).chain_update(&*message).finalize().into_bytes().to_vec()
            }
        };
        let field = message.iter_mut().skip(SIGNATURE_AT).take(SIGNATURE_LEN);
        for (byte, signed) in field.zip(signature) {
            *byte = signed;
        }
    }

    /// Checks the signature in the header, in constant time.
    pub(super) fn verify(&self, message: &[u8]) -> anyhow::Result<()> {
        let mut unsigned = message.to_vec();
        let field = unsigned.get_mut(SIGNATURE_AT..SIGNATURE_AT + SIGNATURE_LEN);
        let field = field.context("the message is too short")?;
        let signature = field.to_vec();
        field.fill(0);
        match self {
            Self::Hmac(mac) => mac.clone().chain_update(unsigned).verify_truncated_left(&signature),
            Self::Cmac(mac) => Cmac::clone(mac).chain_update(unsigned).verify_slice(&signature),
        }
        .context("the signature is wrong")
    }
}

/// `KDF` (3.1.4.2): SP800-108 in counter mode with HMAC-SHA256, one block of it.
fn derive_key(key: &[u8; 16], label: &[u8], context: &[u8]) -> anyhow::Result<[u8; 16]> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key)?;
    for part in [&1u32.to_be_bytes(), label, &[0], context, &128u32.to_be_bytes()] {
        hmac.update(part);
    }
    let block: [u8; 32] = hmac.finalize().into_bytes().into();
    let (key, _) = block.split_first_chunk().context("a block has 32 bytes")?;
    Ok(*key)
}

const SIGNATURE_AT: usize = 48;
const SIGNATURE_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector is from Microsoft's description of the keys of SMB 3.
    #[test]
    fn the_signing_key_of_smb_3_0_is_derived_from_the_session_key() {
        let session_key = 0x7cd4_5182_5d04_50d2_3542_4e44_ba6e_78cc_u128.to_be_bytes();
        let signing_key = derive_key(&session_key, b"SMB2AESCMAC\0", b"SmbSign\0").unwrap();
        let expected = 0x0b7e_9c5c_ac36_c0f6_ea9a_b275_298c_edce_u128;
        assert_eq!(signing_key, expected.to_be_bytes());
    }

    #[test]
    fn a_signature_covers_all_bytes() {
        for dialect in Dialect::ALL {
            let signer = Signer::new(dialect, &[7; 16], &PreauthIntegrity::default()).unwrap();
            let mut message = vec![0; 80];
            signer.sign(&mut message);
            signer.verify(&message).unwrap();
            for at in 0..message.len() {
                message[at] ^= 1;
                assert!(signer.verify(&message).is_err(), "{dialect:?}, byte {at}");
                message[at] ^= 1;
            }
            assert!(signer.verify(&message[..60]).is_err());
        }
    }

    #[test]
    fn keys_of_smb_3_1_1_depend_on_all_earlier_messages() {
        let mut preauth = PreauthIntegrity::default();
        preauth.update(b"negotiate");
        let one = Signer::new(Dialect::Smb311, &[7; 16], &preauth).unwrap();
        preauth.update(b"setup");
        let other = Signer::new(Dialect::Smb311, &[7; 16], &preauth).unwrap();
        let mut message = vec![0; 80];
        one.sign(&mut message);
        assert!(other.verify(&message).is_err());
    }
}
