//! Key derivation: KXKEY, SIGNKEY, SEALKEY ([MS-NLMP] 3.4.5) and the MIC (3.1.5.1.2).

use super::primitives::{des, hmac_md5, join, md5, rc4k};
use super::{ExportedSessionKey, LmHash, key};
use crate::secret::Secret;
use crate::wire::NegotiateFlags;

key! {
    /// `SessionBaseKey`: the key that follows from the user's response, and the start of the key
    /// derivation.
    SessionBaseKey
}

key! {
    /// `KeyExchangeKey`: encrypts the exported session key that the client sends to the server.
    KeyExchangeKey
}

key! {
    /// `SignKey`: the HMAC-MD5 key with which one side signs, with extended session security.
    SigningKey
}

/// A side of the handshake. Each side signs and seals with keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two sides")]
pub enum Side {
    /// The side that authenticates.
    Client,
    /// The side that verifies the proof.
    Server,
}

impl Side {
    /// Returns the other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The first 8 bytes of the LM hash. Session keys need no more of it, and a domain controller
/// returns them as `LmSessionKey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LmSessionKey(Secret<8>);

impl From<[u8; 8]> for LmSessionKey {
    fn from(bytes: [u8; 8]) -> Self {
        Self(Secret::new(bytes))
    }
}

impl From<&LmHash> for LmSessionKey {
    fn from(lm_hash: &LmHash) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *lm_hash.expose();
        Self::from([a, b, c, d, e, f, g, h])
    }
}

impl SessionBaseKey {
    /// Returns `KXKEY` of NTLMv2: the same bytes, regardless of the flags (\[MS-NLMP\] 3.4.5.1).
    #[must_use]
    pub fn ntlmv2_key_exchange_key(&self) -> KeyExchangeKey {
        KeyExchangeKey::from(*self.expose())
    }

    /// Returns `KXKEY` of NTLMv1 (\[MS-NLMP\] 3.4.5.1). `lm_response` is the `LmChallengeResponse`
    /// as sent.
    ///
    /// The result is `None` if the flags require the LM hash but `lm_session_key` is `None`, or if
    /// they require the LM response but it does not have 24 bytes.
    #[must_use]
    pub fn ntlmv1_key_exchange_key(
        &self,
        flags: NegotiateFlags,
        server_challenge: &[u8; 8],
        lm_response: &[u8],
        lm_session_key: Option<&LmSessionKey>,
    ) -> Option<KeyExchangeKey> {
        let lm_start = || -> Option<&[u8; 8]> {
            let response: &[u8; 24] = lm_response.try_into().ok()?;
            response.first_chunk()
        };
        let key = if flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY) {
            hmac_md5(self.expose(), &[server_challenge, lm_start()?])
        } else if flags.contains(NegotiateFlags::NEGOTIATE_LM_KEY) {
            let [a, b, c, d, e, f, g, h] = *lm_session_key?.0.expose();
            let second = [h, 0xbd, 0xbd, 0xbd, 0xbd, 0xbd, 0xbd];
            let data = lm_start()?;
            join(des(&[a, b, c, d, e, f, g], data), des(&second, data))
        } else if flags.contains(NegotiateFlags::REQUEST_NON_NT_SESSION_KEY) {
            join(*lm_session_key?.0.expose(), [0; 8])
        } else {
            *self.expose()
        };
        Some(KeyExchangeKey::from(key))
    }
}

impl KeyExchangeKey {
    /// Encrypts the exported session key, and returns the `EncryptedRandomSessionKey` of the
    /// AUTHENTICATE.
    #[must_use]
    pub fn encrypt(&self, key: &ExportedSessionKey) -> [u8; 16] {
        rc4k(self.expose(), key.expose())
    }

    /// Decrypts the exported session key from the `EncryptedRandomSessionKey` of the AUTHENTICATE.
    #[must_use]
    pub fn decrypt(&self, encrypted_random_session_key: &[u8; 16]) -> ExportedSessionKey {
        ExportedSessionKey::from(rc4k(self.expose(), encrypted_random_session_key))
    }

    /// Returns the exported session key of a handshake without KEY_EXCH: the same bytes.
    #[must_use]
    pub fn as_exported_session_key(&self) -> ExportedSessionKey {
        ExportedSessionKey::from(*self.expose())
    }
}

impl SigningKey {
    /// Derives `SIGNKEY` (\[MS-NLMP\] 3.4.5.2), the key with which `side` signs. Returns `None`
    /// without extended session security.
    #[must_use]
    pub fn derive(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Option<Self> {
        let magic: &[u8] = match side {
            Side::Client => b"session key to client-to-server signing key magic constant\0",
            Side::Server => b"session key to server-to-client signing key magic constant\0",
        };
        flags
            .contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
            .then(|| Self::from(md5(&[key.expose(), magic])))
    }
}

impl AsRef<[u8]> for LmSessionKey {
    /// Returns the 8 secret bytes. Wiping any copy is the caller's responsibility.
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

/// `SealKey`: the RC4 key with which one side seals, 16 bytes, or 8 if it is weakened to 56 or 40
/// bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKey(Bytes);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bytes {
    Full(Secret<16>),
    Weakened(Secret<8>),
}

impl SealingKey {
    /// Derives `SEALKEY` (\[MS-NLMP\] 3.4.5.3), the key with which `side` seals. Without extended
    /// session security, both sides have the same key.
    ///
    /// For that case, the prose of 3.4.5.3 says that keys have 56 or 40 bits. The pseudocode there
    /// and the example in 4.2.2.4 weaken the key only if LM_KEY or DATAGRAM was negotiated. This
    /// function does the latter.
    #[must_use]
    pub fn derive(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        let key = key.expose();
        let has_56_bits = flags.contains(NegotiateFlags::NEGOTIATE_56);
        if flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY) {
            let strength = match () {
                () if flags.contains(NegotiateFlags::NEGOTIATE_128) => 16,
                () if has_56_bits => 7,
                () => 5,
            };
            let magic: &[u8] = match side {
                Side::Client => b"session key to client-to-server sealing key magic constant\0",
                Side::Server => b"session key to server-to-client sealing key magic constant\0",
            };
            let (strong, _) = key.split_at(strength);
            return Self::from(md5(&[strong, magic]));
        }
        let weakening = NegotiateFlags::NEGOTIATE_LM_KEY | NegotiateFlags::NEGOTIATE_DATAGRAM;
        if !flags.intersects(weakening) {
            return Self::from(*key);
        }
        let [a, b, c, d, e, f, g, ..] = *key;
        Self(Bytes::Weakened(Secret::new(if has_56_bits {
            [a, b, c, d, e, f, g, 0xa0]
        } else {
            [a, b, c, d, e, 0xe5, 0x38, 0xb0]
        })))
    }

    /// Derives the key of one connectionless message: MD5 of the sealing key and the message's
    /// sequence number (4 bytes, little-endian; \[MS-NLMP\] 3.4).
    #[must_use]
    pub fn for_message(&self, sequence: u32) -> Self {
        Self::from(md5(&[self.expose(), &sequence.to_le_bytes()]))
    }

    /// Returns the 16 or 8 secret bytes. Wiping any copy is the caller's responsibility.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Bytes::Full(key) => key.expose(),
            Bytes::Weakened(key) => key.expose(),
        }
    }
}

impl From<[u8; 16]> for SealingKey {
    fn from(bytes: [u8; 16]) -> Self {
        Self(Bytes::Full(Secret::new(bytes)))
    }
}

impl AsRef<[u8]> for SealingKey {
    /// Returns the secret bytes, as [`expose`](Self::expose) does.
    fn as_ref(&self) -> &[u8] {
        self.expose()
    }
}

/// Computes the MIC (message integrity code, \[MS-NLMP\] 3.1.5.1.2): the HMAC-MD5 of all messages
/// as sent, under the exported session key.
///
/// The function concatenates its parts, so pass NEGOTIATE (none in a connectionless handshake),
/// CHALLENGE, and AUTHENTICATE with 16 zeros in the place of its MIC.
#[must_use]
pub fn mic(key: &ExportedSessionKey, messages: &[&[u8]]) -> [u8; 16] {
    hmac_md5(key.expose(), messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENDED: NegotiateFlags = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    const LM_KEY: NegotiateFlags = NegotiateFlags::NEGOTIATE_LM_KEY;
    const NON_NT: NegotiateFlags = NegotiateFlags::REQUEST_NON_NT_SESSION_KEY;

    fn ntlmv1_key(flags: NegotiateFlags, lm_response: &[u8]) -> Option<KeyExchangeKey> {
        let lm_session_key = LmSessionKey::from([2; 8]);
        let base = SessionBaseKey::from([1; 16]);
        base.ntlmv1_key_exchange_key(flags, &[3; 8], lm_response, Some(&lm_session_key))
    }

    #[test]
    fn extended_session_security_overrides_lm_key_which_overrides_non_nt() {
        let key = |flags| ntlmv1_key(flags, &[4; 24]);
        assert_eq!(key(EXTENDED | LM_KEY), key(EXTENDED));
        assert_eq!(key(EXTENDED | NON_NT), key(EXTENDED));
        assert_eq!(key(LM_KEY | NON_NT), key(LM_KEY));
        let none = NegotiateFlags::empty();
        let keys = [EXTENDED, LM_KEY, NON_NT, none].map(key);
        for (place, one) in keys.iter().enumerate() {
            assert!(one.is_some() && keys.iter().skip(place + 1).all(|other| one != other));
        }
    }

    #[test]
    fn key_from_an_lm_response_of_another_length_is_none() {
        for flags in [EXTENDED, LM_KEY] {
            for lm_response in [&[][..], &[4; 8], &[4; 23], &[4; 25]] {
                assert_eq!(ntlmv1_key(flags, lm_response), None);
            }
        }
        assert!(ntlmv1_key(NON_NT, &[]).is_some());
    }
}
