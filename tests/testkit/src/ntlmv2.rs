//! NTLMv2 responses and MICs, computed independently of the client.

use ntlm::crypto::{ResponseKey, mic};
use ntlm::wire::{Authenticate, Challenge, NegotiateFlags, NtResponse, Version};
use ntlm::{FileTime, NtHash, Text};

use crate::environment::NOW;
use crate::fields::{authenticate, with_payload};
use crate::messages::{self, Emit};
use crate::peers::PASSWORD;

/// The parts of an AUTHENTICATE with a valid NTLMv2 proof.
#[derive(Clone, Debug)]
pub struct Proof<'a> {
    pub user: Text,
    pub domain: Text,
    pub password: &'a str,
    pub time: FileTime,
    /// The AV pairs and the bytes after them, well formed or not.
    pub list: Vec<u8>,
}

/// Alice's, with an empty list.
impl Default for Proof<'_> {
    fn default() -> Self {
        Self::new(vec![0; 4])
    }
}

impl Proof<'_> {
    /// Alice's, with these AV pairs.
    pub fn new(list: Vec<u8>) -> Self {
        let (user, domain) = ("alice".into(), "EXAMPLE".into());
        Self { user, domain, password: PASSWORD, time: NOW, list }
    }

    /// Alice's, with the AV pairs of the CHALLENGE.
    pub fn repeating(challenge: &[u8]) -> Self {
        Self::new(messages::list(&messages::pairs_of(challenge)))
    }

    pub fn key(&self) -> ResponseKey {
        ResponseKey::new(&NtHash::from_password(self.password), &self.user, &self.domain)
    }

    /// The response to a CHALLENGE.
    pub fn response(&self, challenge: &Challenge<'_>) -> Vec<u8> {
        let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
        blob.extend(self.time.ticks().to_le_bytes());
        blob.extend([0xcc; 8]);
        blob.extend([0; 4]);
        blob.extend(&self.list);
        let proof = self.key().ntlmv2_proof(&challenge.server_challenge, &blob);
        [&proof[..], &blob].concat()
    }

    /// An AUTHENTICATE without a MIC.
    pub fn authenticate(&self, challenge: &[u8]) -> Vec<u8> {
        let challenge = Challenge::parse(challenge).expect("a CHALLENGE");
        let message = Authenticate {
            user: &self.user.to_utf16le(),
            domain: &self.domain.to_utf16le(),
            flags: Some(challenge.flags - NegotiateFlags::NEGOTIATE_KEY_EXCH),
            ..Authenticate::default()
        };
        let response = self.response(&challenge);
        match NtResponse::parse(&response) {
            Ok(nt_response) => Authenticate { nt_response, ..message }.to_bytes(),
            Err(_) => with_payload(&message.to_bytes(), authenticate::NT, &response),
        }
    }

    /// An AUTHENTICATE with a MIC over the three messages.
    pub fn with_mic(
        &self,
        negotiate: &[u8],
        challenge: &[u8],
        version: Option<Version>,
    ) -> Vec<u8> {
        let at = if version.is_some() { authenticate::MIC } else { authenticate::VERSION };
        let mut bytes = messages::changed(&self.authenticate(challenge), |message| {
            (message.version, message.mic) = (version, Some([0; 16]));
        });
        let base = self.key().session_base_key(messages::ntlmv2(&bytes).proof());
        let key = base.ntlmv2_key_exchange_key();
        let mic = mic(&key.as_exported_session_key(), &[negotiate, challenge, &bytes]);
        bytes[at..][..16].copy_from_slice(&mic);
        bytes
    }
}
