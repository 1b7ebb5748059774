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
use crate::handshake::flags::in_use;
use crate::handshake::proof::ResponseChecked;
use crate::policy::{Enforcement, ResponseKind};
use crate::session::{Secrecy, SessionKeys};
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
    /// The account's own name, if the caller gave it.
    pub(super) account: Option<UserName>,
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

    /// Sets the account's own name as your store has it, which [`Accepted::user`] then is instead of
    /// the name that the client claims.
    ///
    /// The claimed name is only how the account was found. Letter case, an alias or a missing domain
    /// make no difference to the proof, and neither does the border between user and domain: see
    /// [`Accepted::proven_domain`].
    pub fn with_account(mut self, account: UserName) -> Self {
        self.account = Some(account);
        self
    }

    /// Returns whether the proof was made with this hash, for names that several accounts may have.
    /// It checks the password only: not the MIC, not channel bindings, target name or time. It takes
    /// the same time wherever the proofs differ.
    #[must_use]
    pub fn proof_matches(&self, hash: &NtHash) -> bool {
        self.exchange.parsed().is_ok_and(|parsed| self.prove(&parsed, hash, None).is_some())
    }

    /// Verifies the client's proof with the hash of the user's password, and all else that the
    /// policy demands.
    ///
    /// The proof comes first, over the received bytes; nothing that the peer sends can skip it.
    /// In NTLMv2, the domain that it covers may be the one that was sent, the same in upper case,
    /// or empty, as clients do.
    ///
    /// # Errors
    /// [`Error::Denied`]: the password is wrong, a check of the policy failed, or the session key is
    /// made of the LM hash ([`Denied::NoLmHash`], whether or not the password is right).
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
        self.verify(Some(nt_hash), lm_hash, Denied::WrongPassword)
    }

    /// Verifies with the hashes of an account. It does the same work if there is no account, so it
    /// takes as many instructions; the reason is that of the rejection.
    fn verify(
        self,
        nt_hash: Option<&NtHash>,
        lm_hash: Option<&LmHash>,
        reason: Denied,
    ) -> Result<Accepted, Error> {
        let parsed = self.exchange.parsed()?;
        let no_nt_hash = NtHash::from([0; 16]);
        let is_proven = self.prove(&parsed, nt_hash.unwrap_or(&no_nt_hash), lm_hash);
        // Before the verdict, so that this error does not say whether the password is right.
        if parsed.needs_lm_hash()? & lm_hash.is_none() & nt_hash.is_some() {
            return Err(Denied::NoLmHash.into());
        }
        let proven = is_proven.filter(|_| nt_hash.is_some()).ok_or(reason)?;
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
    /// If the `UserFlags` of the answer contain `LOGON_GUEST`, nothing was proven, and this does what
    /// [`accept_as_guest`](Self::accept_as_guest) does.
    ///
    /// # Errors
    /// Those of [`with_nt_hash`](Self::with_nt_hash) and [`network_logon`](Self::network_logon), with
    /// [`Denied::NoLmHash`] if the session key is made of an `LmSessionKey` that the answer lacks;
    /// for guests those of [`accept_as_guest`](Self::accept_as_guest).
    pub fn with_validation(mut self, validation: &Validation) -> Result<Accepted, Error> {
        if validation.is_guest() {
            return self.accept_as_guest();
        }
        let parsed = self.exchange.parsed()?;
        let proven = Proven {
            kind: self.exchange.kind_to_pass_on(&parsed)?,
            domain: None,
            session_base_key: validation.session_base_key.clone(),
            checked: ResponseChecked::vouched_for_by_the_domain_controller(),
        };
        let opened = self.exchange.open(&parsed, proven, validation.lm_session_key.as_ref())?;
        if let Some(user) = &validation.user {
            self.account = Some(user.clone());
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
        self.exchange.accept_nobody(self.workstation, Secrecy::Unusable)
    }

    /// Refuses the client: the error to log. It takes as long as a wrong password does with
    /// [`with_nt_hash`](Self::with_nt_hash), so that the time does not tell who exists.
    #[must_use]
    pub fn deny(self, reason: Denied) -> Error {
        // There is no hash that could prove anything.
        self.verify(None, None, reason).err().unwrap_or(Error::Denied(reason))
    }

    /// Compares the proof with the right one.
    fn prove(
        &self,
        parsed: &Parsed<'_>,
        nt_hash: &NtHash,
        lm_hash: Option<&LmHash>,
    ) -> Option<Proven> {
        let proof = parsed.proof().ok()?;
        let candidate = Candidate { user: &self.user, nt_hash, lm_hash };
        let challenge = &parsed.sent.server_challenge;
        let kinds = proof.possible_kinds().iter().filter(|kind| self.exchange.accepts(**kind));
        let mut proven = kinds.filter_map(|kind| candidate.verify(proof, *kind, challenge));
        proven.next()
    }

    fn accept(self, opened: Opened) -> Accepted {
        let Opened { kind, domain, key, checked } = opened;
        let flags = in_use(self.exchange.flags);
        let has_account_name = self.account.is_some();
        let (user, claimed_domain) = match self.account {
            Some(account) => (account, self.user.domain().clone()),
            None => (self.user, Text::default()),
        };
        Accepted {
            user: Some(user),
            has_account_name,
            claimed_domain,
            proven_domain: domain,
            workstation: self.workstation,
            response: Some(kind),
            mic_checked: checked.mic.is_some(),
            bindings_checked: checked.bindings.is_some(),
            spn: checked.target_name.unwrap_or_default(),
            keys: SessionKeys::new(flags, key, Side::Server, Secrecy::Secret),
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
                    .ok_or(Denied::NoLmHash)?
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

    /// Accepts the client, without session security unless
    /// [`Policy::allow_insecure_anonymous_keys`](super::Policy::allow_insecure_anonymous_keys) is
    /// set.
    ///
    /// # Errors
    /// [`Error::Denied`] if the policy demands what only a proof can carry: a MIC, channel bindings
    /// or a target name; [`Refused::MissingFlags`] if it demands SIGN or SEAL.
    pub fn accept(self) -> Result<Accepted, Error> {
        let secrecy = if self.exchange.policy().allow_insecure_anonymous_keys {
            Secrecy::KnownToEveryone
        } else {
            Secrecy::Unusable
        };
        self.exchange.accept_nobody(self.workstation, secrecy)
    }
}

impl Exchange {
    fn accept_nobody(self, workstation: Text, secrecy: Secrecy) -> Result<Accepted, Error> {
        let policy = self.policy();
        let protection = policy.require & NegotiateFlags::PROTECTION;
        if !protection.is_empty() {
            // Whatever flags it sets, it has no key to protect anything with.
            return Err(Refused::MissingFlags(protection).into());
        }
        let demands = [
            (policy.require_mic, Denied::MicMissing),
            (policy.channel_bindings == Enforcement::Required, Denied::ChannelBindings),
            (policy.target_name == Enforcement::Required, Denied::TargetName),
        ];
        if let Some((_, denied)) = demands.into_iter().find(|(is_demanded, _)| *is_demanded) {
            return Err(denied.into());
        }
        let key = self.parsed()?.exported_session_key(&KeyExchangeKey::from([0; 16]));
        Ok(Accepted {
            user: None,
            has_account_name: false,
            claimed_domain: Text::default(),
            proven_domain: None,
            workstation,
            response: None,
            mic_checked: false,
            bindings_checked: false,
            spn: Text::default(),
            keys: SessionKeys::new(in_use(self.flags), key, Side::Server, secrecy),
        })
    }
}

/// An authenticated client.
///
/// Its names are empty texts where there are none, not `None`: the unused part of a `None` would
/// carry bytes that were on the stack before, such as a copy of a key, to wherever this is moved.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// The user whose password the client proved: the account's own name if the verifying side gave
    /// it ([`VerifyUser::with_account`], or the domain controller), otherwise the name as the client
    /// spells it. To compare users, use [`UserName::eq_ignore_case`]. `None` for anonymous clients
    /// and guests.
    pub user: Option<UserName>,
    /// Whether `user` is the account's own name.
    has_account_name: bool,
    /// The domain that the client claims, where `user` is the account's own name.
    claimed_domain: Text,
    proven_domain: Option<ProvenDomain>,
    /// Which machine it says it is. Nothing proves that.
    pub workstation: Text,
    /// How it proved itself; `None` for anonymous clients and guests.
    pub response: Option<ResponseKind>,
    /// Whether a MIC shows that nobody changed the messages on the way.
    pub mic_checked: bool,
    /// Whether the client's channel bindings are those of this server.
    pub bindings_checked: bool,
    spn: Text,
    /// What the server shares with the client.
    pub keys: SessionKeys,
}

impl Accepted {
    /// Returns which domain the proof was made with: the one that the client claims, the same in
    /// upper case, or none (an empty text). `None` if that is not known: NTLMv1 and LM responses
    /// cover neither name, and a domain controller does not report it.
    ///
    /// This is not proof of the domain. NTOWFv2 hashes the user's name in upper case followed by the
    /// domain, without a border between them: a man in the middle can turn user `app` of domain
    /// `LEGACY` into user `appl` of domain `EGACY`, and the proof stays right. Only a MIC
    /// ([`mic_checked`](Self::mic_checked)) shows such a change. What is proven is that the client
    /// has the password of the account whose hash was given; so accept that account's name, with
    /// [`VerifyUser::with_account`].
    #[must_use]
    pub fn proven_domain(&self) -> Option<Text> {
        let user = self.user.as_ref()?;
        let claimed = if self.has_account_name { &self.claimed_domain } else { user.domain() };
        self.proven_domain.map(|domain| domain.of(claimed))
    }

    /// Returns the service principal name that the client asked for; `None` if it asked for none, or
    /// marks the name as unverified.
    #[must_use]
    pub fn spn(&self) -> Option<&Text> {
        Some(&self.spn).filter(|spn| !spn.is_empty())
    }
}
