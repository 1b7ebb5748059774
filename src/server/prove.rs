//! Verifies a response with a hash or a key ([MS-NLMP] 3.3.1, 3.3.2).

use super::received::Received;
use super::response::Proof;
use crate::credentials::UserName;
use crate::crypto::{LmHash, NtHash, ResponseKey, SessionBaseKey};
use crate::policy::ResponseKind;
use crate::secret;
use crate::text::Text;
use crate::upcase::uppercase;

/// A verified response, and the key that follows from it.
pub(super) struct Proven {
    pub(super) kind: ResponseKind,
    /// The domain that the response covers; `None` if it covers none or the domain is not known.
    pub(super) domain: Option<ProvenDomain>,
    pub(super) session_base_key: SessionBaseKey,
}

/// The domain that an NTLMv2 or LMv2 response covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProvenDomain {
    /// The domain that was sent.
    Sent,
    /// The same in upper case, which Samba accepts too.
    Uppercase,
    /// Empty, as 3.2.5.1.2 allows: Windows XP sends its machine name as the domain, but computes
    /// the proof with an empty one.
    Empty,
}

impl ProvenDomain {
    const ALL: [Self; 3] = [Self::Sent, Self::Uppercase, Self::Empty];

    pub(super) fn of(self, sent: &Text) -> Text {
        match self {
            Self::Sent => sent.clone(),
            Self::Uppercase => sent.to_uppercase(),
            Self::Empty => Text::default(),
        }
    }

    /// Returns the user's NTLMv2 key with this domain; `None` if another variant results in the
    /// same key.
    fn response_key(self, nt_hash: &NtHash, user: &UserName) -> Option<ResponseKey> {
        let (user, sent) = (user.user(), user.domain());
        let upper = sent.utf16_units().map(uppercase);
        match self {
            Self::Sent => Some(ResponseKey::new(nt_hash, user, sent)),
            Self::Uppercase if upper.clone().eq(sent.utf16_units()) => None,
            Self::Uppercase => Some(ResponseKey::of_units(nt_hash, user, upper)),
            Self::Empty if sent.is_empty() => None,
            Self::Empty => Some(ResponseKey::of_units(nt_hash, user, [])),
        }
    }
}

impl Received {
    /// Verifies the response with these hashes, as each kind that the policy accepts. `None` if it
    /// is wrong.
    pub(super) fn prove(&self, nt_hash: &NtHash, lm_hash: Option<&LmHash>) -> Option<Proven> {
        let mut kinds = self.proof.possible_kinds().iter().filter(|kind| self.accepts(**kind));
        kinds.find_map(|kind| self.prove_kind(*kind, nt_hash, lm_hash))
    }

    fn prove_kind(
        &self,
        kind: ResponseKind,
        nt_hash: &NtHash,
        lm_hash: Option<&LmHash>,
    ) -> Option<Proven> {
        let proven_by_hash = |is_right: bool| {
            let session_base_key = || nt_hash.session_base_key();
            is_right.then(|| Proven { kind, domain: None, session_base_key: session_base_key() })
        };
        match (self.proof, kind) {
            (Proof::Anonymous, _) => None,
            (Proof::Ntlmv2 { .. }, _) | (Proof::LmField { .. }, ResponseKind::Lmv2) => {
                ProvenDomain::ALL.into_iter().find_map(|domain| {
                    let key = domain.response_key(nt_hash, &self.user)?;
                    self.prove_with_key(&key, domain)
                })
            }
            (Proof::LmField { response, .. }, _) => {
                // Without an LM hash, execute the same number of instructions as with one.
                let no_hash = LmHash::from([0; 16]);
                let right = lm_hash.unwrap_or(&no_hash).lm_response(&self.server_challenge);
                let is_right = secret::choice(secret::equal(&right, &response));
                proven_by_hash((is_right & secret::choice(lm_hash.is_some())).into())
            }
            (Proof::Ntlmv1 { response } | Proof::Ntlm2Session { response, .. }, _) => {
                let challenge = self.proof.challenge(&self.server_challenge);
                proven_by_hash(secret::equal(&nt_hash.ntlmv1_response(&challenge), &response))
            }
        }
    }

    /// Verifies an NTLMv2 response, or an LMv2 response without an NT response, with this key.
    /// `None` if it is wrong or of another kind.
    pub(super) fn prove_with_key(&self, key: &ResponseKey, domain: ProvenDomain) -> Option<Proven> {
        let domain = Some(domain);
        match self.proof {
            Proof::Ntlmv2 { proof } => {
                let (_proof, blob) = self.nt_response().split_at(proof.len());
                let (right, session_base_key) = key.prove_ntlmv2(&self.server_challenge, blob);
                secret::equal(&right, &proof).then_some(Proven {
                    kind: ResponseKind::Ntlmv2,
                    domain,
                    session_base_key,
                })
            }
            Proof::LmField { response, .. } => {
                let [hmac @ .., _, _, _, _, _, _, _, _] = &response;
                let [.., a, b, c, d, e, f, g, h] = response;
                let right = key.lmv2_response(&self.server_challenge, &[a, b, c, d, e, f, g, h]);
                secret::equal(&right, &response).then(|| Proven {
                    kind: ResponseKind::Lmv2,
                    domain,
                    session_base_key: key.session_base_key(hmac),
                })
            }
            Proof::Anonymous | Proof::Ntlmv1 { .. } | Proof::Ntlm2Session { .. } => None,
        }
    }
}
