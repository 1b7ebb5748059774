//! Verifies what a client claims ([MS-NLMP] 3.2.5.1.2, 3.2.5.2.2).

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
    /// The client claims to be a user, and sent a proof.
    User(UserClaim),
    /// The client is anonymous, and the policy allows that.
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

/// A user's name that a client claims, and a proof that is still to be verified.
///
/// Everything that this type returns is unproven. It owns the whole handshake, so the user can be
/// looked up in another thread or task, and later.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct UserClaim {
    pub(super) received: Received,
    /// The account's own name, empty unless the caller set it. [`Accepted`] explains why this is
    /// not an `Option`.
    account: UserName,
    has_account_name: bool,
}

impl UserClaim {
    /// The name that the client claims, as it was sent. A user principal name (UPN) such
    /// as `alice@example.com` is the user's name as a whole, and the domain is empty.
    ///
    /// Clients can send the same account as `EXAMPLE\alice`, `alice@example.com` or `alice`, in any
    /// letter case: Windows ignores the case of names. Look up every form that you support.
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        &self.received.user
    }

    /// The workstation name that the client claims.
    #[must_use]
    pub const fn claimed_workstation(&self) -> &Text {
        &self.received.workstation
    }

    /// Returns everything that the client claims, for the log. Call it before the claim is
    /// consumed.
    #[must_use]
    pub fn claimed(&self) -> Claimed {
        let Received { user, workstation, proof, .. } = &self.received;
        Claimed::new(user, workstation, proof.possible_kinds())
    }

    /// Whether the response repeats the time of another CHALLENGE, so that it does not answer this
    /// one. Only NTLMv2 repeats the time, and neither result proves anything.
    #[cfg(feature = "http")]
    pub(crate) fn answers_another_challenge(&self) -> bool {
        let repeated = self.received.announced.as_ref().and_then(|said| said.server_time);
        repeated.zip(self.received.sent_time).is_some_and(|(repeated, sent)| repeated != sent)
    }

    /// Sets the account's name as your user store spells it. [`Identity::User`] then contains this
    /// name instead of the claimed one.
    ///
    /// The claimed name only serves to find the account: a client may send another letter case, an
    /// alias or no domain. A man in the middle can even move the border between user and domain: see
    /// [`Accepted::proven_domain`].
    pub fn with_account(self, account: UserName) -> Self {
        Self { account, has_account_name: true, ..self }
    }

    /// Checks whether the proof was made with this hash, without consuming the claim. Use it if
    /// several accounts can have the claimed name.
    ///
    /// It checks only the password: not the MIC, channel bindings, SPN or time. It compares in
    /// constant time.
    #[must_use]
    pub fn proof_matches(&self, hash: &NtHash) -> bool {
        self.received.prove(hash, None).is_some()
    }

    /// Verifies the proof with the hash of the user's password, and then everything else that the
    /// policy requires.
    ///
    /// The proof is verified first, over the received bytes, and nothing that the peer sends can
    /// skip that. An NTLMv2 or LMv2 proof may cover the domain that was sent, the same in upper
    /// case, or an empty one, because clients differ in this.
    ///
    /// # Errors
    /// - [`Denied::WrongPassword`]: the proof was not made with this hash.
    /// - [`Denied::NoLmHash`]: the response or its session key is derived from the LM hash, whether
    ///   or not the password is right. Use [`verify_hashes`](Self::verify_hashes).
    /// - [`Error::Denied`] with another reason: a check of the MIC, channel bindings, SPN,
    ///   `TargetInfo` or time failed.
    #[inline]
    pub fn verify_nt_hash(self, hash: &NtHash) -> Result<Accepted, Error> {
        self.verify_hashes(hash, None)
    }

    /// Does what [`verify_nt_hash`](Self::verify_nt_hash) does, and can also verify LM responses and
    /// derive session keys from the LM hash. Pass `None` if the password has no LM hash.
    ///
    /// # Errors
    /// [`Error::Denied`], for the reasons that [`verify_nt_hash`](Self::verify_nt_hash) lists.
    /// [`Denied::NoLmHash`] occurs only if `lm_hash` is `None`.
    #[inline]
    pub fn verify_hashes(
        self,
        nt_hash: &NtHash,
        lm_hash: Option<&LmHash>,
    ) -> Result<Accepted, Error> {
        self.verify(Some(nt_hash), lm_hash, Denied::WrongPassword)
    }

    /// Does what [`verify_hashes`](Self::verify_hashes) does, with the password itself. Use it if
    /// the user store has passwords in clear.
    ///
    /// # Errors
    /// [`Error::Denied`], for the reasons that [`verify_nt_hash`](Self::verify_nt_hash) lists.
    /// [`Denied::NoLmHash`] occurs only if the password has no LM hash.
    pub fn verify_password(self, password: &str) -> Result<Accepted, Error> {
        let lm_hash = LmHash::from_password(password, self.received.policy().shared.code_page);
        self.verify_hashes(&NtHash::from_password(password), lm_hash.as_ref())
    }

    /// Verifies with the hashes of an account. `nt_hash` is `None` if the account does not exist; this
    /// executes the same number of instructions, to avoid a timing oracle. `reason` is the error for
    /// a wrong proof.
    ///
    /// It is not inlined: the compiler would specialize a copy for callers without hashes, and that
    /// would execute fewer instructions.
    #[inline(never)]
    fn verify(
        self,
        nt_hash: Option<&NtHash>,
        lm_hash: Option<&LmHash>,
        reason: Denied,
    ) -> Result<Accepted, Error> {
        let no_nt_hash = NtHash::from([0; 16]);
        let proven = self.received.prove(nt_hash.unwrap_or(&no_nt_hash), lm_hash);
        // Checked before the verdict, so that this error does not show whether the password is
        // right. `Choice` needs no branch, which would change the number of instructions.
        let (exists, has_lm_hash) = (choice(nt_hash.is_some()), choice(lm_hash.is_some()));
        if bool::from(choice(self.received.needs_lm_hash()) & exists & !has_lm_hash) {
            return Err(Denied::NoLmHash.into());
        }
        let proven = proven.filter(|_| bool::from(exists)).ok_or(reason)?;
        self.accept(proven, lm_hash.map(LmSessionKey::from).as_ref())
    }

    /// Verifies the proof with the user's NTLMv2 key, for servers that store this key instead of
    /// the NT hash. It is faster than [`verify_nt_hash`](Self::verify_nt_hash), and verifies NTLMv2
    /// and LMv2 responses only.
    ///
    /// The key is [`ResponseKey::new`] of the hash and of [`claimed_user`](Self::claimed_user)
    /// exactly as it was sent: another domain, or the same domain in another letter case, results
    /// in another key. [`Accepted::proven_domain`] is `None`, because only the caller knows the
    /// domain of the key.
    ///
    /// To avoid a timing oracle, verify unknown users with the key of a random hash. Do not use
    /// [`reject`](Self::reject) for them, because it takes as long as
    /// [`verify_nt_hash`](Self::verify_nt_hash).
    ///
    /// # Errors
    /// - [`Denied::WrongPassword`]: the proof was not made with this key.
    /// - [`Refused::ResponseKind`]: the response is neither NTLMv2 nor LMv2, or the policy does not
    ///   accept it.
    /// - [`Error::Denied`] with another reason: a check of the MIC, channel bindings, SPN,
    ///   `TargetInfo` or time failed.
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

    /// Returns what to send to a domain controller that knows the user, limited to what the policy
    /// allows.
    ///
    /// Send it by NETLOGON's `NetrLogonSamLogonEx` or through winbind. Then call
    /// [`verify_by_domain`](Self::verify_by_domain) or [`reject`](Self::reject).
    ///
    /// # Errors
    /// - [`Refused::ResponseKind`]: there is only an `LmChallengeResponse`, and the policy does not
    ///   allow both LM and LMv2. The domain controller does not report which of the two it
    ///   verified.
    /// - [`Refused::ConstantKeyExchangeKey`]: messages are to be protected, and all sessions of the
    ///   user would start from the same key.
    pub fn network_logon(&self) -> Result<NetworkLogon<'_>, Error> {
        NetworkLogon::new(&self.received)
    }

    /// Accepts the domain controller's answer that the proof is right, and then checks everything
    /// else that the policy requires.
    ///
    /// If the `UserFlags` of the answer contain `LOGON_GUEST`, nothing was proven, and the result
    /// is that of [`accept_as_guest`](Self::accept_as_guest).
    ///
    /// # Errors
    /// - [`Refused::ResponseKind`], [`Refused::ConstantKeyExchangeKey`]: the causes are those of
    ///   [`network_logon`](Self::network_logon).
    /// - [`Denied::NoLmHash`]: the session key is derived from the `LmSessionKey`, and the answer
    ///   has none.
    /// - [`Error::Denied`] with another reason: a check of the MIC, channel bindings, SPN,
    ///   `TargetInfo` or time failed.
    /// - Those of [`accept_as_guest`](Self::accept_as_guest) if the client is a guest.
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

    /// Accepts a client as a guest, without a proof and without session security ([MS-NLMP]
    /// 3.2.5.1.2).
    ///
    /// The caller decides that the user is unknown and that guests are allowed. Nothing that the
    /// client sent is proven or checked. In SPNEGO, a client that signs its list of mechanisms
    /// cannot become a guest, because there is no key to verify the signature.
    ///
    /// # Errors
    /// - [`Denied::Guest`]: the policy does not allow guests, or it requires something that only a
    ///   client with a proof can have. This takes as long as [`reject`](Self::reject).
    pub fn accept_as_guest(self) -> Result<Accepted, Error> {
        let policy = self.received.policy();
        if !policy.allow_guest || checks::without_proof(policy).is_err() {
            return self.verify(None, None, Denied::Guest);
        }
        accept_unproven(self.received, Identity::Guest, Secrecy::Unusable)
    }

    /// Rejects the client for this reason.
    ///
    /// It executes as many instructions as [`verify_nt_hash`](Self::verify_nt_hash) with a wrong
    /// password, and returns the same type. So the time does not show which users exist.
    ///
    /// # Errors
    /// Always [`Denied::Rejected`] with this reason.
    #[inline]
    pub fn reject(self, reason: Rejection) -> Result<Accepted, Error> {
        self.verify(None, None, Denied::Rejected(reason))
    }

    /// Derives the session key from the verified proof, and runs the remaining checks. Every user
    /// that is accepted passes through here.
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

/// An anonymous client that is still to be accepted.
#[derive(Debug)]
#[must_use = "the client is not accepted yet"]
pub struct AnonymousClaim {
    received: Received,
}

impl AnonymousClaim {
    /// The workstation name that the client claims.
    #[must_use]
    pub const fn claimed_workstation(&self) -> &Text {
        &self.received.workstation
    }

    /// Returns everything that the client claims, for the log. Call it before the claim is
    /// consumed.
    #[must_use]
    pub fn claimed(&self) -> Claimed {
        let Received { user, workstation, proof, .. } = &self.received;
        Claimed::new(user, workstation, proof.possible_kinds())
    }

    /// Accepts the client. It has no session security, unless
    /// [`SharedPolicy::allow_insecure_anonymous_keys`](crate::SharedPolicy::allow_insecure_anonymous_keys)
    /// is set.
    ///
    /// # Errors
    /// - [`Denied::MicMissing`], [`Denied::ChannelBindingsMissing`], [`Denied::SpnMissing`]: the
    ///   policy requires a MIC, channel bindings or an SPN, which only a proof can carry.
    /// - [`Refused::MissingFlags`]: the policy requires SIGN or SEAL, and an anonymous client has
    ///   no secret key.
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
