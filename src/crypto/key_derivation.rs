//! From a proven response to the keys of a session: KXKEY, SIGNKEY, SEALKEY and the MIC
//! ([MS-NLMP] 3.4.5, 3.1.5.1.2).

use super::primitives::{des, hmac_md5, join, md5, rc4k};
use super::{ExportedSessionKey, LmHash, key};
use crate::secret::Secret;
use crate::wire::NegotiateFlags;

key! {
    /// `SessionBaseKey`: the key that follows from a proven response.
    SessionBaseKey
}

key! {
    /// `KeyExchangeKey`: encrypts the exported session key on its way to the server.
    KeyExchangeKey
}

key! {
    /// `SignKey`: the HMAC key of one direction, with extended session security.
    SigningKey
}

/// Which side of the exchange: each signs and seals with keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two sides")]
pub enum Side {
    /// The side that authenticates.
    Client,
    /// The side that verifies.
    Server,
}

impl Side {
    /// The side at the other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The first 8 bytes of the LM hash: all of it that session keys need, and what a domain
/// controller hands out as `LmSessionKey`.
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
    /// `KXKEY` of NTLMv2: the same bytes, whatever the flags say (3.4.5.1).
    #[must_use]
    pub fn ntlmv2_key_exchange_key(&self) -> KeyExchangeKey {
        KeyExchangeKey::from(*self.expose())
    }

    /// `KXKEY` of NTLMv1 (3.4.5.1). `lm_response` is the `LmChallengeResponse` as sent.
    ///
    /// `None` if the flags want a key from the LM hash and there is none, or from the LM response
    /// and it does not have 24 bytes.
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
    /// `EncryptedRandomSessionKey`: the exported session key, for the server alone.
    #[must_use]
    pub fn encrypt(&self, key: &ExportedSessionKey) -> [u8; 16] {
        rc4k(self.expose(), key.expose())
    }

    /// The exported session key that `EncryptedRandomSessionKey` holds.
    #[must_use]
    pub fn decrypt(&self, encrypted_random_session_key: &[u8; 16]) -> ExportedSessionKey {
        ExportedSessionKey::from(rc4k(self.expose(), encrypted_random_session_key))
    }

    /// The exported session key if none was sent: the same bytes.
    #[must_use]
    pub fn as_exported_session_key(&self) -> ExportedSessionKey {
        ExportedSessionKey::from(*self.expose())
    }
}

impl SigningKey {
    /// `SIGNKEY` (3.4.5.2): the key with which `side` signs; `None` without extended session
    /// security.
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
    /// The 8 secret bytes. The caller is responsible for wiping any copy.
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

/// `SealKey`: the RC4 key with which one side seals. It has 16 bytes, or 8 if it was weakened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKey(Bytes);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bytes {
    Full(Secret<16>),
    Weakened(Secret<8>),
}

impl SealingKey {
    /// `SEALKEY` (3.4.5.3): the key with which `side` seals. Without extended session security it
    /// is the same for both sides.
    ///
    /// The prose says that 40 or 56 bits count without extended session security; the pseudo code
    /// and the example (4.2.2.4) weaken the key only with LM_KEY, or DATAGRAM.
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

    /// The key of one connectionless message: MD5 of the sealing key and the message's sequence
    /// number (3.4).
    #[must_use]
    pub fn for_message(&self, sequence: u32) -> Self {
        Self::from(md5(&[self.expose(), &sequence.to_le_bytes()]))
    }

    /// The 16 or 8 secret bytes. The caller is responsible for wiping any copy.
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
    /// The secret bytes, as [`expose`](Self::expose) returns them.
    fn as_ref(&self) -> &[u8] {
        self.expose()
    }
}

/// `MIC` (3.1.5.1.2): HMAC-MD5 of the raw messages under the exported session key. The AUTHENTICATE
/// comes in parts, with zeros in the place of its MIC; a connectionless exchange has no NEGOTIATE.
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
    fn extended_session_security_comes_before_lm_key_and_that_before_non_nt() {
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
    fn a_key_of_the_lm_response_needs_all_of_it() {
        for flags in [EXTENDED, LM_KEY] {
            for lm_response in [&[][..], &[4; 8], &[4; 23], &[4; 25]] {
                assert_eq!(ntlmv1_key(flags, lm_response), None);
            }
        }
        assert!(ntlmv1_key(NON_NT, &[]).is_some());
    }
}
