//! From a claim to a user ([MS-NLMP] 3.2.5.1.2, 3.2.5.2.2).

use super::checks::Checked;
use super::exchange::{Exchange, Parsed};
use super::pass_through::{NetworkLogon, Validation};
use super::proof::{Candidate, Proven, ProvenDomain, SentProof, verify_with_key};
use crate::credentials::UserName;
use crate::crypto::{
    ExportedSessionKey, KeyExchangeKey, LmHash, LmSessionKey, NtHash, ResponseKey, Side,
};
use crate::error::{Denied, Error, Refused};
use crate::handshake::proof::ResponseChecked;
use crate::policy::{Binding, ResponseKind};
use crate::session::SessionKeys;
use crate::text::Text;
use crate::wire::NegotiateFlags;

/// What a client says of itself, before anything is proven.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "one is somebody or nobody")]
#[must_use = "nothing is proven yet"]
pub enum Claim {
    /// It says it is this user, and sends a proof.
    User(VerifyUser),
    /// It says it is nobody; the policy allows it.
    Anonymous(VerifyAnonymous),
}

/// A client that says who it is, and whose proof waits to be verified.
///
/// All that it shows is unproven. It owns the whole exchange, so that the user can be looked up
/// elsewhere and later.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct VerifyUser {
    pub(super) exchange: Exchange,
    pub(super) user: UserName,
    pub(super) workstation: Text,
}

impl VerifyUser {
    /// Who the client says it is, as sent. A user principal name is in the user's name, whole,
    /// with an empty domain. To Windows, names are the same in any case.
    ///
    /// One account may come as `EXAMPLE\alice`, as `alice@example.com` and as `alice` alone: look
    /// up all forms that you serve.
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        &self.user
    }

    /// Which machine the client says it is.
    #[must_use]
    pub const fn claimed_workstation(&self) -> &Text {
        &self.workstation
    }

    /// Whether the response repeats another time than this CHALLENGE told, so that it answers
    /// another one. Only NTLMv2 tells; nothing is proven by it, or by its absence.
    #[cfg(feature = "http")]
    pub(crate) fn answers_another_challenge(&self) -> bool {
        use crate::wire::NtResponse;

        let times = || {
            let Parsed { sent, received, .. } = self.exchange.parsed().ok()?;
            let NtResponse::V2(response) = received.nt_response else { return None };
            Some((sent.target_info?.timestamp()?, response.target_info().timestamp()?))
        };
        times().is_some_and(|(sent, repeated)| sent != repeated)
    }

    /// Whether this is the hash of the user's password, for users of whom several may be. It takes
    /// the same time wherever the proofs differ.
    #[must_use]
    pub fn matches(&self, hash: &NtHash) -> bool {
        self.exchange.parsed().and_then(|parsed| self.prove(&parsed, hash, None)).is_ok()
    }

    /// Verifies the client's proof with the hash of the user's password, and all else that the
    /// policy demands.
    ///
    /// The proof comes first, over the received bytes; nothing that the peer sends can skip it.
    /// In NTLMv2, the domain that it covers may be the one that was sent, the same in upper case,
    /// or empty, as clients do.
    ///
    /// # Errors
    /// - [`Error::Denied`]: the password is wrong, or a check of the policy failed.
    /// - [`Error::Refused`]: the session key needs an LM hash.
    pub fn with_nt_hash(self, hash: &NtHash) -> Result<Accepted, Error> {
        self.with_hashes(hash, None)
    }

    /// As [`with_nt_hash`](Self::with_nt_hash), also for LM responses and for session keys that
    /// are made of the LM hash, if the password has one.
    ///
    /// # Errors
    /// As there.
    pub fn with_hashes(
        self,
        nt_hash: &NtHash,
        lm_hash: Option<&LmHash>,
    ) -> Result<Accepted, Error> {
        let parsed = self.exchange.parsed()?;
        let proven = self.prove(&parsed, nt_hash, lm_hash)?;
        let opened =
            self.exchange.open(&parsed, proven, lm_hash.map(LmSessionKey::from).as_ref())?;
        Ok(self.accept(opened))
    }

    /// As [`with_nt_hash`](Self::with_nt_hash), for servers that keep the user's NTLMv2 key instead
    /// of the hash, which makes it cheaper: [`ResponseKey::new`] of the hash and of
    /// [`claimed_user`](Self::claimed_user) as it is, since a user who comes under another domain
    /// has another key, also if only its case differs. Good for NTLMv2 and LMv2 responses.
    ///
    /// Which domain the key was made of only the caller knows, so
    /// [`Accepted::proven_domain`] tells none. And for the time not to tell who exists, verify
    /// unknown users with a key of no one, such as of a random hash: [`deny`](Self::deny) takes as
    /// long as a hash does.
    ///
    /// # Errors
    /// As there; [`Refused::ResponseKind`] for responses of other kinds.
    pub fn with_response_key(self, key: &ResponseKey) -> Result<Accepted, Error> {
        let parsed = self.exchange.parsed()?;
        let proof = parsed.proof()?;
        let kind = match proof {
            SentProof::Ntlmv2(_) => ResponseKind::Ntlmv2,
            _ => ResponseKind::Lmv2,
        };
        let can_be = proof.possible_kinds().contains(&kind);
        if !can_be || !self.exchange.policy().accepts(kind) {
            return Err(Refused::ResponseKind.into());
        }
        let challenge = &parsed.sent.server_challenge;
        let proven = verify_with_key(key, ProvenDomain::Sent, proof, challenge)
            .ok_or(Denied::WrongPassword)?;
        let proven = Proven { domain: None, ..proven };
        let opened = self.exchange.open(&parsed, proven, None)?;
        Ok(self.accept(opened))
    }

    /// What a domain controller must be asked that knows the user, with no more than the policy
    /// allows. Ask it by NETLOGON's `NetrLogonSamLogonEx` or through winbind, and go on with
    /// [`with_validation`](Self::with_validation) or [`deny`](Self::deny).
    ///
    /// # Errors
    /// [`Refused::ResponseKind`] if there is only an LM field: the domain controller does not tell
    /// whether it took it for LM or for LMv2, so the policy must allow both.
    pub fn network_logon(&self) -> Result<NetworkLogon<'_>, Error> {
        NetworkLogon::new(self)
    }

    /// Goes on with the domain controller's answer, which says that the proof is right, and checks
    /// all else that the policy demands.
    ///
    /// If the answer's `UserFlags` say `LOGON_GUEST`, nothing was proven: that is for
    /// [`accept_as_guest`](Self::accept_as_guest).
    ///
    /// # Errors
    /// As [`with_nt_hash`](Self::with_nt_hash) and [`network_logon`](Self::network_logon).
    pub fn with_validation(mut self, validation: &Validation) -> Result<Accepted, Error> {
        let parsed = self.exchange.parsed()?;
        let proven = Proven {
            kind: self.exchange.kind_to_pass_on(&parsed)?,
            domain: None,
            session_base_key: validation.session_base_key.clone(),
            checked: ResponseChecked::vouched_for_by_the_domain_controller(),
        };
        let opened = self.exchange.open(&parsed, proven, validation.lm_session_key.as_ref())?;
        if let Some(user) = &validation.user {
            self.user = user.clone();
        }
        Ok(self.accept(opened))
    }

    /// Lets a client in that proved nothing, without session security. Whether there is no such
    /// user, and guests are welcome, the caller says ([MS-NLMP] 3.2.5.1.2). What else the client
    /// sends is not proven either, and not looked at.
    ///
    /// # Errors
    /// [`Refused::Guest`] unless the policy allows it; [`Error::Denied`] or
    /// [`Refused::MissingFlags`] if the policy demands what only a proof or a key can give.
    pub fn accept_as_guest(self) -> Result<Accepted, Error> {
        if !self.exchange.policy().allow_guest {
            return Err(Refused::Guest.into());
        }
        self.exchange.accept_nobody(self.workstation)
    }

    /// Refuses the client: the error to log. It takes as long as a wrong password does with
    /// [`with_nt_hash`](Self::with_nt_hash), so that the time does not tell who exists.
    #[must_use]
    pub fn deny(self, reason: Denied) -> Error {
        core::hint::black_box(self.matches(&NtHash::from([0; 16])));
        Error::Denied(reason)
    }

    /// Compares the proof with the right one.
    fn prove(
        &self,
        parsed: &Parsed<'_>,
        nt_hash: &NtHash,
        lm_hash: Option<&LmHash>,
    ) -> Result<Proven, Error> {
        let proof = parsed.proof()?;
        let candidate = Candidate { user: &self.user, nt_hash, lm_hash };
        let (challenge, policy) = (&parsed.sent.server_challenge, self.exchange.policy());
        let kinds = proof.possible_kinds().iter().filter(|kind| policy.accepts(**kind));
        let mut proven = kinds.filter_map(|kind| candidate.verify(proof, *kind, challenge));
        proven.next().ok_or(Denied::WrongPassword.into())
    }

    fn accept(self, opened: Opened) -> Accepted {
        let Opened { kind, domain, key, checked } = opened;
        Accepted {
            user: Some(self.user),
            proven_domain: domain,
            workstation: self.workstation,
            response: Some(kind),
            mic_checked: checked.mic.is_some(),
            bindings_checked: checked.bindings.is_some(),
            target_name: checked.target_name,
            keys: SessionKeys::new(self.exchange.flags, key, Side::Server),
        }
    }
}

/// What a proven exchange yields.
struct Opened {
    kind: ResponseKind,
    domain: Option<ProvenDomain>,
    key: ExportedSessionKey,
    checked: Checked,
}

impl Exchange {
    /// The end of every way to the keys: what is proven, then the key, then all other checks.
    fn open(
        &self,
        parsed: &Parsed<'_>,
        proven: Proven,
        lm_session_key: Option<&LmSessionKey>,
    ) -> Result<Opened, Error> {
        let Proven { kind, domain, session_base_key, checked: ResponseChecked { .. } } = proven;
        let key_exchange_key = match kind {
            ResponseKind::Ntlmv2 | ResponseKind::Lmv2 => session_base_key.ntlmv2_key_exchange_key(),
            ResponseKind::Ntlmv1 | ResponseKind::Ntlm2Session | ResponseKind::Lm => {
                session_base_key
                    .ntlmv1_key_exchange_key(
                        self.flags,
                        &parsed.sent.server_challenge,
                        parsed.received.lm_response.as_bytes(),
                        lm_session_key,
                    )
                    .ok_or(Refused::NoLmHash)?
            }
        };
        let key = parsed.exported_session_key(&key_exchange_key);
        let checked = self.check(parsed, &key)?;
        Ok(Opened { kind, domain, key, checked })
    }
}

/// A client that says it is nobody.
#[derive(Debug)]
#[must_use = "nobody is accepted yet"]
pub struct VerifyAnonymous {
    pub(super) exchange: Exchange,
    pub(super) workstation: Text,
}

impl VerifyAnonymous {
    /// Which machine the client says it is.
    #[must_use]
    pub const fn claimed_workstation(&self) -> &Text {
        &self.workstation
    }

    /// Lets the client in, without session security.
    ///
    /// # Errors
    /// [`Error::Denied`] if the policy demands what only a proof can carry: a MIC, channel bindings
    /// or a target name; [`Refused::MissingFlags`] if it demands SIGN or SEAL.
    pub fn accept(self) -> Result<Accepted, Error> {
        self.exchange.accept_nobody(self.workstation)
    }
}

impl Exchange {
    fn accept_nobody(self, workstation: Text) -> Result<Accepted, Error> {
        let policy = self.policy();
        let protection = policy.require & NegotiateFlags::PROTECTION;
        if !protection.is_empty() {
            // Whatever flags it sets, it has no key to protect anything with.
            return Err(Refused::MissingFlags(protection).into());
        }
        let demands = [
            (policy.require_mic, Denied::MicMissing),
            (policy.channel_bindings == Binding::Require, Denied::ChannelBindings),
            (policy.target_name == Binding::Require, Denied::TargetName),
        ];
        if let Some((_, denied)) = demands.into_iter().find(|(is_demanded, _)| *is_demanded) {
            return Err(denied.into());
        }
        let key = self.parsed()?.exported_session_key(&KeyExchangeKey::from([0; 16]));
        Ok(Accepted {
            user: None,
            proven_domain: None,
            workstation,
            response: None,
            mic_checked: false,
            bindings_checked: false,
            target_name: None,
            keys: SessionKeys::without_secret(self.flags, key, Side::Server),
        })
    }
}

/// A client that was let in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// Who it is: the user who was claimed and looked up, and whose hash the proof was made with,
    /// or whom the domain controller named. Spelled as the client did: to compare users, use
    /// [`UserName::eq_ignore_case`]. `None` for anonymous clients and guests.
    pub user: Option<UserName>,
    proven_domain: Option<ProvenDomain>,
    /// Which machine it says it is. Nothing proves that.
    pub workstation: Text,
    /// How it proved itself; `None` for anonymous clients and guests.
    pub response: Option<ResponseKind>,
    /// Whether a MIC shows that nobody changed the messages on the way.
    pub mic_checked: bool,
    /// Whether the client's channel bindings are those of this server.
    pub bindings_checked: bool,
    /// Which service the client asked for, unless it does not trust the name itself.
    pub target_name: Option<Text>,
    /// What the server shares with the client.
    pub keys: SessionKeys,
}

impl Accepted {
    /// The domain that the proof covers, if it is known to cover one: that of `user`, the same in
    /// upper case, or none (an empty text). If it is another, or `None`, then the domain of `user`
    /// is what the client says, and without a MIC somebody may have changed it on the way. NTLMv1
    /// and LM responses cover neither name; a domain controller does not tell.
    #[must_use]
    pub fn proven_domain(&self) -> Option<Text> {
        let sent = self.user.as_ref()?.domain();
        self.proven_domain.map(|domain| domain.of(sent))
    }
}
