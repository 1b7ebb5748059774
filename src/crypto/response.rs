//! The responses to a challenge ([MS-NLMP] 3.3.1, 3.3.2).

use super::primitives::{HmacMd5Key, desl, hmac_md5, md4, md5};
use super::{LmHash, NtHash, ResponseKey, SessionBaseKey, hazmat};

hazmat! {
    impl NtHash {
        /// `NtChallengeResponse` of NTLMv1. The challenge is the server's or, with extended session
        /// security, [`ntlm2_session_challenge`].
        #[must_use]
        fn ntlmv1_response(&self, challenge: &[u8; 8]) -> [u8; 24] {
            desl(self.expose(), challenge)
        }

        /// `SessionBaseKey` of NTLMv1, with and without extended session security.
        #[must_use]
        fn session_base_key(&self) -> SessionBaseKey {
            SessionBaseKey::from(md4(self.expose()))
        }
    }

    impl LmHash {
        /// `LmChallengeResponse` of NTLMv1 without extended session security.
        #[must_use]
        fn lm_response(&self, server_challenge: &[u8; 8]) -> [u8; 24] {
            desl(self.expose(), server_challenge)
        }
    }

    impl ResponseKey {
        /// `LMv2_RESPONSE`: HMAC-MD5 of both challenges, followed by the client's challenge.
        ///
        /// 2.2.2.4 names the key among what is hashed; 3.3.2 and the example show that it is the key
        /// only.
        #[must_use]
        fn lmv2_response(
            &self,
            server_challenge: &[u8; 8],
            client_challenge: &[u8; 8],
        ) -> [u8; 24] {
            let mut response = [0; 24];
            let (hmac, challenge) = response.split_at_mut(16);
            hmac.copy_from_slice(&hmac_md5(self.expose(), &[server_challenge, client_challenge]));
            challenge.copy_from_slice(client_challenge);
            response
        }

        /// `SessionBaseKey` of NTLMv2, from its `NTProofStr`. For an LMv2 response without an NTLMv2
        /// response it is made from the first 16 bytes of that, which the specification does not
        /// say, but Windows and Samba do.
        #[must_use]
        fn session_base_key(&self, proof: &[u8; 16]) -> SessionBaseKey {
            SessionBaseKey::from(hmac_md5(self.expose(), &[proof]))
        }
    }
}

impl ResponseKey {
    /// `NTProofStr`: HMAC-MD5 of the server's challenge and the `NTLMv2_CLIENT_CHALLENGE`, which
    /// is taken as it is on the wire.
    #[cfg(feature = "hazmat")]
    #[must_use]
    pub fn ntlmv2_proof(&self, server_challenge: &[u8; 8], blob: &[u8]) -> [u8; 16] {
        hmac_md5(self.expose(), &[server_challenge, blob])
    }

    /// The `NTProofStr` and its [`session_base_key`](Self::session_base_key), with the work on the key
    /// done once.
    pub(crate) fn prove_ntlmv2(
        &self,
        server_challenge: &[u8; 8],
        blob: &[u8],
    ) -> ([u8; 16], SessionBaseKey) {
        let key = HmacMd5Key::new(self.expose());
        let mut hmac = key.start();
        hmac.update(server_challenge);
        hmac.update(blob);
        let proof = hmac.finish();
        let mut hmac = key.start();
        hmac.update(&proof);
        (proof, SessionBaseKey::from(hmac.finish()))
    }
}

/// Replaces the server's challenge in NTLMv1 with extended session security: the "NTLM2 session
/// response" binds the client's challenge too.
#[cfg_attr(
    not(feature = "hazmat"),
    expect(unreachable_pub, reason = "public with the feature `hazmat`")
)]
#[must_use]
pub fn ntlm2_session_challenge(server_challenge: &[u8; 8], client_challenge: &[u8; 8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = md5(&[server_challenge, client_challenge]);
    [a, b, c, d, e, f, g, h]
}
