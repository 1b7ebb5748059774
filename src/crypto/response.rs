//! The responses to a challenge ([MS-NLMP] 3.3.1, 3.3.2).

use super::primitives::{HmacMd5Key, desl, hmac_md5, md4, md5};
use super::{LmHash, NtHash, ResponseKey, SessionBaseKey, hazmat};

hazmat! {
    impl NtHash {
        /// Computes `NtChallengeResponse` of NTLMv1. With extended session security, pass the
        /// result of [`ntlm2_session_challenge`], otherwise the server's challenge.
        #[must_use]
        fn ntlmv1_response(&self, challenge: &[u8; 8]) -> [u8; 24] {
            desl(self.expose(), challenge)
        }

        /// Computes `SessionBaseKey` of NTLMv1, with and without extended session security.
        #[must_use]
        fn session_base_key(&self) -> SessionBaseKey {
            SessionBaseKey::from(md4(self.expose()))
        }
    }

    impl LmHash {
        /// Computes `LmChallengeResponse` of NTLMv1 without extended session security.
        #[must_use]
        fn lm_response(&self, server_challenge: &[u8; 8]) -> [u8; 24] {
            desl(self.expose(), server_challenge)
        }
    }

    impl ResponseKey {
        /// Computes `LMv2_RESPONSE`: the HMAC-MD5 of both challenges, followed by the client's
        /// challenge.
        ///
        /// \[MS-NLMP\] 2.2.2.4 also lists the key among the hashed data. According to 3.3.2 and the
        /// example it is only the key of the HMAC.
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

        /// Computes `SessionBaseKey` of NTLMv2 from the `NTProofStr`.
        ///
        /// If the client sent an LMv2 response but no NTLMv2 response, pass the first 16 bytes of
        /// the LMv2 response. The specification does not define this case; Windows and Samba do the
        /// same.
        #[must_use]
        fn session_base_key(&self, proof: &[u8; 16]) -> SessionBaseKey {
            SessionBaseKey::from(hmac_md5(self.expose(), &[proof]))
        }
    }
}

impl ResponseKey {
    /// Computes `NTProofStr`: the HMAC-MD5 of the server's challenge and `blob`, the bytes of the
    /// `NTLMv2_CLIENT_CHALLENGE` as sent.
    #[cfg(feature = "hazmat")]
    #[must_use]
    pub fn ntlmv2_proof(&self, server_challenge: &[u8; 8], blob: &[u8]) -> [u8; 16] {
        hmac_md5(self.expose(), &[server_challenge, blob])
    }

    /// Computes the `NTProofStr` and its [`session_base_key`](Self::session_base_key), with one
    /// set-up of the HMAC key.
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

/// Computes the challenge of the "NTLM2 session response", which is NTLMv1 with extended session
/// security: the first 8 bytes of the MD5 of both challenges. It replaces the server's challenge.
#[cfg_attr(
    not(feature = "hazmat"),
    expect(unreachable_pub, reason = "public with the feature `hazmat`")
)]
#[must_use]
pub fn ntlm2_session_challenge(server_challenge: &[u8; 8], client_challenge: &[u8; 8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = md5(&[server_challenge, client_challenge]);
    [a, b, c, d, e, f, g, h]
}
