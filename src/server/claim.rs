//! From a claim to a verdict ([MS-NLMP] 3.2.5.1.2, 3.2.5.2.2).

use super::accepted::{Accepted, Identity};
use super::checks::{self, Checked};
use super::claimed::Claimed;
use super::pass_through::{NetworkLogon, Validation};
use super::prove::{Proven, ProvenDomain};
use super::received::Received;
use super::response::Proof;
use crate::credentials::UserName;
use crate::crypto::{KeyExchangeKey, LmHash, LmSessionKey, NtHash, ResponseKey, Side};
use crate::error::{Denied, Error, Refused, Rejection};
use crate::negotiation::in_use;
use crate::policy::ResponseKind;
use crate::secret::choice;
use crate::session::{Secrecy, SessionKeys};
use crate::text::Text;

/// What a client claims, before anything is proven.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a client has a name or is anonymous")]
#[must_use = "nothing is proven yet"]
pub enum Claim {
    /// It claims to be this user, and sends a proof.
    User(UserClaim),
    /// It claims to be no user; the policy allows it.
    Anonymous(AnonymousClaim),
}

impl Claim {
    pub(super) fn new(received: Received) -> Self {
        match received.proof {
            Proof::Anonymous => Self::Anonymous(AnonymousClaim { received }),
            _ => Self::User(UserClaim {
                received,
                account: UserName::default(),
                has_account_name: false,
            }),
        }
    }
}

/// A client that claims to be a user, and whose proof waits to be verified.
///
/// Everything that it returns is unproven. It owns the whole handshake, so that the user can be
/// looked up elsewhere and later.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct UserClaim {
    pub(super) received: Received,
    /// The account's own name, empty unless the caller gave it: see [`Accepted`] for why it is no
    /// `Option`.
    account: UserName,
    has_account_name: bool,
}

impl UserClaim {
    /// The name that the client claims, as sent. A user principal name is in the user's name, whole,
    /// with an empty domain. To Windows, names are equal in any case.
    ///
    /// One account may come as `EXAMPLE\alice`, as `alice@example.com` and as `alice` alone: look
    /// up all forms that you serve.
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        &self.received.user
    }

    /// The machine that the client claims to run on.
    #[must_use]
    pub const fn claimed_workstation(&self) -> &Text {
        &self.received.workstation
    }

    /// What the client claims, to log it when the claim is used up.
    #[must_use]
    pub fn claimed(&self) -> Claimed {
        let Received { user, workstation, proof, .. } = &self.received;
        Claimed::new(user, workstation, proof.possible_kinds())
    }

    /// Whether the response repeats another time than this CHALLENGE has, so that it answers another
    /// one. Only NTLMv2 has the time; nothing is proven by it, or by its absence.
    #[cfg(feature = "http")]
    pub(crate) fn answers_another_challenge(&self) -> bool {
        let repeated = self.received.announced.as_ref().and_then(|said| said.server_time);
        repeated.zip(self.received.sent_time).is_some_and(|(repeated, sent)| repeated != sent)
    }

    /// Sets the account's own name as your store has it, which [`Identity::User`] then has instead of
    /// the name that the client claims.
    ///
    /// The claimed name is only how the account was found. Letter case, an alias or a missing domain
    /// make no difference to the proof, and neither does the border between user and domain: see
    /// [`Accepted::proven_domain`].
    pub fn with_account(self, account: UserName) -> Self {
        Self { account, has_account_name: true, ..self }
    }

    /// Returns whether the proof was made with this hash, for names that several accounts may have.
    /// It checks the password only: not the MIC, not channel bindings, SPN or time. It takes the same
    /// time wherever the proofs differ.
    #[must_use]
    pub fn proof_matches(&self, hash: &NtHash) -> bool {
        self.received.prove(hash, None).is_some()
    }

    /// Verifies the client's proof with the hash of the user's password, and everything else that the
    /// policy requires.
    ///
    /// The proof comes first, over the received bytes; nothing that the peer sends can skip it.
    /// In NTLMv2, the domain that it covers may be the one that was sent, the same in upper case,
    /// or empty, as clients do.
    ///
    /// # Errors
    /// [`Error::Denied`]: the password is wrong, a check of the policy failed, or the response or its
    /// session key is made of the LM hash ([`Denied::NoLmHash`], whether or not the password is
    /// right).
    #[inline]
    pub fn verify_nt_hash(self, hash: &NtHash) -> Result<Accepted, Error> {
        self.verify_hashes(hash, None)
    }

    /// Verifies as [`verify_nt_hash`](Self::verify_nt_hash) does, also LM responses and session keys
    /// that are made of the LM hash, if the password has one.
    ///
    /// # Errors
    /// [`Error::Denied`]: the password is wrong, or a check of the policy failed.
    #[inline]
    pub fn verify_hashes(
        self,
        nt_hash: &NtHash,
        lm_hash: Option<&LmHash>,
    ) -> Result<Accepted, Error> {
        self.verify(Some(nt_hash), lm_hash, Denied::WrongPassword)
    }

    /// Verifies with the password itself, for stores that have it: see
    /// [`verify_nt_hash`](Self::verify_nt_hash).
    ///
    /// # Errors
    /// [`Error::Denied`]: the password is wrong, or a check of the policy failed.
    pub fn verify_password(self, password: &str) -> Result<Accepted, Error> {
        let lm_hash = LmHash::from_password(password, self.received.policy().shared.code_page);
        self.verify_hashes(&NtHash::from_password(password), lm_hash.as_ref())
    }

    /// Verifies with the hashes of an account. It does the same work if there is no account, so it
    /// takes as many instructions; the reason is that of the rejection. It is not inlined, because a
    /// copy of it for callers without hashes would take fewer.
    #[inline(never)]
    fn verify(
        self,
        nt_hash: Option<&NtHash>,
        lm_hash: Option<&LmHash>,
        reason: Denied,
    ) -> Result<Accepted, Error> {
        let no_nt_hash = NtHash::from([0; 16]);
        let proven = self.received.prove(nt_hash.unwrap_or(&no_nt_hash), lm_hash);
        // Before the verdict, so that this error does not say whether the password is right. `Choice`
        // makes no branches, which would take other numbers of instructions.
        let (exists, has_lm_hash) = (choice(nt_hash.is_some()), choice(lm_hash.is_some()));
        if bool::from(choice(self.received.needs_lm_hash()) & exists & !has_lm_hash) {
            return Err(Denied::NoLmHash.into());
        }
        let proven = proven.filter(|_| bool::from(exists)).ok_or(reason)?;
        self.accept(proven, lm_hash.map(LmSessionKey::from).as_ref())
    }

    /// Verifies with the user's NTLMv2 key, for servers that keep it instead of the hash, which makes
    /// it cheaper: [`ResponseKey::new`] of the hash and of [`claimed_user`](Self::claimed_user) as it
    /// is, because a user who comes under another domain has another key, also if only its case
    /// differs. It verifies NTLMv2 and LMv2 responses.
    ///
    /// Only the caller knows which domain the key was made of, so [`Accepted::proven_domain`] is
    /// `None`. To avoid a timing oracle, verify unknown users against the key of a random hash:
    /// [`reject`](Self::reject) takes as long as a hash does.
    ///
    /// # Errors
    /// [`Error::Denied`]: the key is wrong, or a check of the policy failed;
    /// [`Refused::ResponseKind`] for responses of other kinds.
    pub fn verify_response_key(self, key: &ResponseKey) -> Result<Accepted, Error> {
        let kind = match self.received.proof {
            Proof::Ntlmv2 { .. } => ResponseKind::Ntlmv2,
            _ => ResponseKind::Lmv2,
        };
        let can_be = self.received.proof.possible_kinds().contains(&kind);
        if !can_be || !self.received.policy().accepts(kind) {
            return Err(Refused::ResponseKind.into());
        }
        let proven = self.received.prove_with_key(key, ProvenDomain::Sent);
        let proven = proven.ok_or(Denied::WrongPassword)?;
        self.accept(Proven { domain: None, ..proven }, None)
    }

    /// What a domain controller must be asked that knows the user, with no more than the policy
    /// allows. Ask it by NETLOGON's `NetrLogonSamLogonEx` or through winbind, and continue with
    /// [`verify_by_domain`](Self::verify_by_domain) or [`reject`](Self::reject).
    ///
    /// # Errors
    /// [`Refused::ResponseKind`] if there is only an LM field: the domain controller does not report
    /// whether it took it for LM or for LMv2, so the policy must allow both.
    pub fn network_logon(&self) -> Result<NetworkLogon<'_>, Error> {
        NetworkLogon::new(&self.received)
    }

    /// Verifies with the domain controller's answer, which says that the proof is right, and checks
    /// everything else that the policy requires.
    ///
    /// If the `UserFlags` of the answer contain `LOGON_GUEST`, nothing was proven, and this does what
    /// [`accept_as_guest`](Self::accept_as_guest) does.
    ///
    /// # Errors
    /// Those of [`verify_nt_hash`](Self::verify_nt_hash) and [`network_logon`](Self::network_logon),
    /// with [`Denied::NoLmHash`] if the session key is made of an `LmSessionKey` that the answer lacks;
    /// for guests those of [`accept_as_guest`](Self::accept_as_guest).
    pub fn verify_by_domain(mut self, validation: &Validation) -> Result<Accepted, Error> {
        if validation.is_guest() {
            return self.accept_as_guest();
        }
        let proven = Proven {
            kind: self.received.kind_to_pass_on()?,
            domain: None,
            session_base_key: validation.session_base_key.clone(),
        };
        if let Some(user) = &validation.user {
            self.account = user.clone();
            self.has_account_name = true;
        }
        self.accept(proven, validation.lm_session_key.as_ref())
    }

    /// Accepts a client that proved nothing, without session security. The caller decides that the
    /// user is unknown and that guests are welcome ([MS-NLMP] 3.2.5.1.2). What else the client sends
    /// is not proven either, and not checked. In SPNEGO, a client that signs its list of mechanisms cannot
    /// become a guest, because there is no key to verify the signature.
    ///
    /// # Errors
    /// [`Denied::Guest`] unless the policy allows it, or if the policy requires what only a proof or a
    /// key can give. It takes as long as [`reject`](Self::reject).
    pub fn accept_as_guest(self) -> Result<Accepted, Error> {
        let policy = self.received.policy();
        if !policy.allow_guest || checks::without_proof(policy).is_err() {
            return self.verify(None, None, Denied::Guest);
        }
        accept_unproven(self.received, Identity::Guest, Secrecy::Unusable)
    }

    /// Rejects the client, for this reason. It takes as many instructions as a wrong password does with
    /// [`verify_nt_hash`](Self::verify_nt_hash) and has the same type, so that the time does not show
    /// which users exist.
    ///
    /// # Errors
    /// Always: [`Error::Denied`] with [`Denied::Rejected`].
    #[inline]
    pub fn reject(self, reason: Rejection) -> Result<Accepted, Error> {
        self.verify(None, None, Denied::Rejected(reason))
    }

    /// The end of every way to the keys: what is proven, then the key, then all other checks.
    fn accept(
        self,
        proven: Proven,
        lm_session_key: Option<&LmSessionKey>,
    ) -> Result<Accepted, Error> {
        let Self { received, account, has_account_name } = self;
        let Proven { kind, domain, session_base_key } = proven;
        let key_exchange_key = match kind {
            ResponseKind::Ntlmv2 | ResponseKind::Lmv2 => session_base_key.ntlmv2_key_exchange_key(),
            ResponseKind::Ntlmv1 | ResponseKind::Ntlm2Session | ResponseKind::Lm => {
                session_base_key
                    .ntlmv1_key_exchange_key(
                        received.flags,
                        &received.server_challenge,
                        received.lm_response(),
                        lm_session_key,
                    )
                    .ok_or(Denied::NoLmHash)?
            }
        };
        let key = received.exported_session_key(&key_exchange_key);
        let Checked { mic, bindings } = checks::after_proof(&received, &key)?;
        let (name, claimed_domain) = if has_account_name {
            (account, received.user.into_domain())
        } else {
            (received.user, Text::default())
        };
        Ok(Accepted {
            identity: Identity::User { name, response: kind },
            has_account_name,
            claimed_domain,
            domain_in_proof: domain,
            workstation: received.workstation,
            mic_checked: mic,
            bindings_checked: bindings,
            spn: received.announced.map(|announced| announced.spn).unwrap_or_default(),
            keys: SessionKeys::new(in_use(received.flags), key, Side::Server, Secrecy::Secret),
        })
    }
}

/// A client that claims to be no user.
#[derive(Debug)]
#[must_use = "the client is not accepted yet"]
pub struct AnonymousClaim {
    received: Received,
}

impl AnonymousClaim {
    /// The machine that the client claims to run on.
    #[must_use]
    pub const fn claimed_workstation(&self) -> &Text {
        &self.received.workstation
    }

    /// What the client claims, to log it when the claim is used up.
    #[must_use]
    pub fn claimed(&self) -> Claimed {
        let Received { user, workstation, proof, .. } = &self.received;
        Claimed::new(user, workstation, proof.possible_kinds())
    }

    /// Accepts the client, without session security unless
    /// [`SharedPolicy::allow_insecure_anonymous_keys`](crate::SharedPolicy::allow_insecure_anonymous_keys) is
    /// set.
    ///
    /// # Errors
    /// [`Error::Denied`] if the policy requires what only a proof can carry: a MIC, channel bindings
    /// or an SPN; [`Refused::MissingFlags`] if it requires SIGN or SEAL.
    pub fn accept(self) -> Result<Accepted, Error> {
        let secrecy = if self.received.policy().shared.allow_insecure_anonymous_keys {
            Secrecy::KnownToEveryone
        } else {
            Secrecy::Unusable
        };
        accept_unproven(self.received, Identity::Anonymous, secrecy)
    }
}

fn accept_unproven(
    received: Received,
    identity: Identity,
    secrecy: Secrecy,
) -> Result<Accepted, Error> {
    checks::without_proof(received.policy())?;
    let key = received.exported_session_key(&KeyExchangeKey::from([0; 16]));
    Ok(Accepted {
        identity,
        has_account_name: false,
        claimed_domain: Text::default(),
        domain_in_proof: None,
        workstation: received.workstation,
        mic_checked: false,
        bindings_checked: false,
        spn: Text::default(),
        keys: SessionKeys::new(in_use(received.flags), key, Side::Server, secrecy),
    })
}
