//! Comparing a client's proof with the right one ([MS-NLMP] 3.3.1, 3.3.2).

use crate::credentials::UserName;
use crate::crypto::{LmHash, NtHash, ResponseKey, SessionBaseKey, ntlm2_session_challenge};
use crate::error::Unexpected;
use crate::handshake::proof::ResponseChecked;
use crate::policy::ResponseKind;
use crate::text::Text;
use crate::upcase::uppercase;
use crate::wire::{Authenticate, Lmv2Response, NegotiateFlags, NtResponse, Ntlmv2Response};

/// What an AUTHENTICATE holds as proof. If there is an NT response, the LM response proves nothing:
/// it may stand for less (CVE-2019-1338, CVE-2018-1139).
#[derive(Clone, Copy)]
pub(super) enum SentProof<'a> {
    Ntlmv2(Ntlmv2Response<'a>),
    Ntlm2Session {
        response: &'a [u8; 24],
        client_challenge: &'a [u8; 8],
    },
    Ntlmv1(&'a [u8; 24]),
    /// No NT response that proves anything: LMv2 (Cyrus SASL) or LM (cntlm), which look alike.
    ///
    /// With extended session security LM has no key, and a short NT response was seen beside LMv2
    /// alone (tedious).
    LmField {
        lm: &'a [u8; 24],
        lmv2: Lmv2Response<'a>,
        can_be_lm: bool,
    },
}

impl<'a> SentProof<'a> {
    pub(super) fn of(
        message: &Authenticate<'a>,
        flags: NegotiateFlags,
    ) -> Result<Self, Unexpected> {
        let lm = message.lm_response;
        let is_extended = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        match message.nt_response {
            NtResponse::V2(response) => Ok(Self::Ntlmv2(response)),
            NtResponse::V1(response) if is_extended => {
                let client_challenge =
                    lm.client_challenge().ok_or(Unexpected::NoClientChallenge)?;
                Ok(Self::Ntlm2Session { response, client_challenge })
            }
            NtResponse::V1(response) => Ok(Self::Ntlmv1(response)),
            NtResponse::Empty | NtResponse::Short(_) => {
                let can_be_lm = message.nt_response == NtResponse::Empty && !is_extended;
                lm.as_v1()
                    .zip(lm.as_v2())
                    .map(|(lm, lmv2)| Self::LmField { lm, lmv2, can_be_lm })
                    .ok_or(Unexpected::NoResponse)
            }
        }
    }

    /// Which kinds of response it can be.
    pub(super) fn possible_kinds(self) -> &'static [ResponseKind] {
        match self {
            Self::Ntlmv2(_) => &[ResponseKind::Ntlmv2],
            Self::Ntlm2Session { .. } => &[ResponseKind::Ntlm2Session],
            Self::Ntlmv1(_) => &[ResponseKind::Ntlmv1],
            Self::LmField { can_be_lm: true, .. } => &[ResponseKind::Lmv2, ResponseKind::Lm],
            Self::LmField { can_be_lm: false, .. } => &[ResponseKind::Lmv2],
        }
    }

    /// What stands for the server's challenge where the proof is computed or passed on.
    pub(super) fn challenge(self, server_challenge: &[u8; 8]) -> [u8; 8] {
        match self {
            Self::Ntlm2Session { client_challenge, .. } => {
                ntlm2_session_challenge(server_challenge, client_challenge)
            }
            _ => *server_challenge,
        }
    }
}

/// A proof that is right, and what follows from it.
pub(super) struct Proven {
    pub(super) kind: ResponseKind,
    /// The domain that the proof covers, if it is known to cover one.
    pub(super) domain: Option<ProvenDomain>,
    pub(super) session_base_key: SessionBaseKey,
    pub(super) checked: ResponseChecked,
}

/// Which domain follows the user's name in what an NTLMv2 or LMv2 proof covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProvenDomain {
    /// The one that was sent.
    Sent,
    /// The same in upper case, as Samba tries it.
    Uppercase,
    /// None, as 3.2.5.1.2 has it. A Windows XP that sent its own name meant none.
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
}

/// A user whose password has these hashes.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) user: &'a UserName,
    pub(super) nt_hash: &'a NtHash,
    pub(super) lm_hash: Option<&'a LmHash>,
}

impl Candidate<'_> {
    /// Compares a proof of that kind, over the received bytes. `None` if it is wrong.
    pub(super) fn verify(
        self,
        proof: SentProof<'_>,
        kind: ResponseKind,
        server_challenge: &[u8; 8],
    ) -> Option<Proven> {
        let without_domain = |checked| {
            let session_base_key = self.nt_hash.session_base_key();
            Proven { kind, domain: None, session_base_key, checked }
        };
        match (proof, kind) {
            (SentProof::Ntlmv2(_), _) | (SentProof::LmField { .. }, ResponseKind::Lmv2) => {
                ProvenDomain::ALL.into_iter().find_map(|domain| {
                    let key = self.response_key(domain)?;
                    verify_with_key(&key, domain, proof, server_challenge)
                })
            }
            (SentProof::LmField { lm, .. }, _) => {
                // A user without an LM hash takes as many instructions as one with.
                let no_hash = LmHash::from([0; 16]);
                let right = self.lm_hash.unwrap_or(&no_hash).lm_response(server_challenge);
                let checked = ResponseChecked::compare(&right, lm);
                checked.filter(|_| self.lm_hash.is_some()).map(without_domain)
            }
            (SentProof::Ntlmv1(sent) | SentProof::Ntlm2Session { response: sent, .. }, _) => {
                let right = self.nt_hash.ntlmv1_response(&proof.challenge(server_challenge));
                ResponseChecked::compare(&right, sent).map(without_domain)
            }
        }
    }

    /// The user's NTLMv2 key with that domain; `None` if it is one of the others.
    fn response_key(self, domain: ProvenDomain) -> Option<ResponseKey> {
        let (user, sent) = (self.user.user(), self.user.domain());
        let upper = sent.utf16_units().map(uppercase);
        match domain {
            ProvenDomain::Sent => Some(ResponseKey::new(self.nt_hash, user, sent)),
            ProvenDomain::Uppercase if upper.clone().eq(sent.utf16_units()) => None,
            ProvenDomain::Uppercase => Some(ResponseKey::of_units(self.nt_hash, user, upper)),
            ProvenDomain::Empty if sent.is_empty() => None,
            ProvenDomain::Empty => Some(ResponseKey::of_units(self.nt_hash, user, [])),
        }
    }
}

/// Compares an NTLMv2 response, or an LMv2 response that stands alone, with the right one. `None` if
/// it is wrong, or of another kind.
pub(super) fn verify_with_key(
    key: &ResponseKey,
    domain: ProvenDomain,
    proof: SentProof<'_>,
    server_challenge: &[u8; 8],
) -> Option<Proven> {
    let domain = Some(domain);
    match proof {
        SentProof::Ntlmv2(sent) => {
            let (right, session_base_key) = key.prove_ntlmv2(server_challenge, sent.blob());
            let checked = ResponseChecked::compare(&right, sent.proof())?;
            Some(Proven { kind: ResponseKind::Ntlmv2, domain, session_base_key, checked })
        }
        SentProof::LmField { lmv2, lm, .. } => {
            let right = key.lmv2_response(server_challenge, lmv2.client_challenge);
            let checked = ResponseChecked::compare(&right, lm)?;
            let session_base_key = key.session_base_key(lmv2.response);
            Some(Proven { kind: ResponseKind::Lmv2, domain, session_base_key, checked })
        }
        SentProof::Ntlmv1(_) | SentProof::Ntlm2Session { .. } => None,
    }
}
