//! What a server knows about an accepted client.

use alloc::string::ToString;
use core::fmt;

use super::prove::ProvenDomain;
use crate::credentials::UserName;
use crate::policy::ResponseKind;
use crate::session::SessionKeys;
use crate::text::Text;

/// A client that the server accepted: its identity, the results of the checks, and the session
/// keys.
///
/// Absent names are empty texts and not `None`. Moving a `None` copies the unused bytes of the
/// enum, and these can contain data from the stack, such as a copy of a key.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// Who the client is.
    pub identity: Identity,
    /// Whether the name in `identity` is the account's own.
    pub(super) has_account_name: bool,
    /// The domain that the client claims. Set only if `has_account_name`.
    pub(super) claimed_domain: Text,
    pub(super) domain_in_proof: Option<ProvenDomain>,
    /// The workstation name that the client claims. It is not proven.
    pub workstation: Text,
    /// Whether a valid MIC (message integrity code) proves that the three messages were not
    /// changed.
    pub mic_checked: bool,
    /// Whether the client's channel bindings are equal to this server's.
    pub bindings_checked: bool,
    pub(super) spn: Text,
    /// The session keys.
    pub keys: SessionKeys,
}

/// Who an accepted client is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a client is one of these three")]
pub enum Identity {
    /// A user. The client proved that it knows the password or its hash.
    User {
        /// The account's own name if the application
        /// ([`UserClaim::with_account`](super::UserClaim::with_account)) or the domain controller
        /// set it; otherwise the name as the client sent it. Compare it with
        /// [`UserName::eq_ignore_case`].
        name: UserName,
        /// The kind of response that proved the password.
        response: ResponseKind,
    },
    /// A client that proved nothing and that the application accepted as a guest.
    Guest,
    /// An anonymous client.
    Anonymous,
}

impl Identity {
    /// Returns the user; `None` for guests and anonymous clients.
    #[must_use]
    pub const fn user(&self) -> Option<&UserName> {
        match self {
            Self::User { name, .. } => Some(name),
            Self::Guest | Self::Anonymous => None,
        }
    }

    /// Returns the kind of response that proved the password; `None` for guests and anonymous
    /// clients.
    #[must_use]
    pub const fn response(&self) -> Option<ResponseKind> {
        match self {
            Self::User { response, .. } => Some(*response),
            Self::Guest | Self::Anonymous => None,
        }
    }
}

impl Accepted {
    /// Returns the authenticated user; `None` for guests and anonymous clients, which
    /// [`identity`](Self::identity) distinguishes.
    #[must_use]
    pub const fn user(&self) -> Option<&UserName> {
        self.identity.user()
    }

    /// Returns the domain that the proof was computed with: the claimed one, the same in upper
    /// case, or an empty one. `None` if it is not known, because NTLMv1 and LM responses do not
    /// cover the domain and a domain controller does not report it.
    ///
    /// This does not prove the domain. NTOWFv2 hashes the user's name in upper case followed by the
    /// domain, without a separator. So a man in the middle can change user `app` of domain `LEGACY`
    /// into user `appl` of domain `EGACY`, and the proof remains valid. Only a MIC detects this
    /// ([`mic_checked`](Self::mic_checked)). What the proof shows is that the client knows the
    /// password of the account whose hash was given. Therefore use that account's name, and set it
    /// with [`UserClaim::with_account`](super::UserClaim::with_account).
    #[must_use]
    pub fn proven_domain(&self) -> Option<Text> {
        let user = self.user()?;
        let claimed = if self.has_account_name { &self.claimed_domain } else { user.domain() };
        self.domain_in_proof.map(|domain| domain.of(claimed))
    }

    /// Returns the SPN (service principal name) that the client asked for; `None` if it sent none
    /// or marked it as unverified.
    #[must_use]
    pub fn spn(&self) -> Option<&Text> {
        Some(&self.spn).filter(|spn| !spn.is_empty())
    }

    /// Returns the login as one line for the log:
    /// `user="EXAMPLE\\alice" workstation="PC" response=Ntlmv2 mic=yes bindings=no spn="HTTP/web"`.
    ///
    /// Names are escaped and in quotation marks. Without quotation marks, the user is `guest` or
    /// `anonymous`, and an absent SPN is `none`. The workstation is not proven.
    #[must_use]
    pub fn log(&self) -> impl fmt::Display {
        Log(self)
    }
}

/// Prints a login for the log.
struct Log<'a>(&'a Accepted);

impl fmt::Display for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Accepted { identity, workstation, mic_checked, bindings_checked, .. } = self.0;
        let workstation = workstation.to_string();
        match identity {
            Identity::User { name, response } => {
                let name = name.to_string();
                write!(f, "user={name:?} workstation={workstation:?} response={response:?}")?;
            }
            Identity::Guest => write!(f, "user=guest workstation={workstation:?} response=none")?,
            Identity::Anonymous => {
                write!(f, "user=anonymous workstation={workstation:?} response=none")?;
            }
        }
        write!(f, " mic={} bindings={}", yes_or_no(*mic_checked), yes_or_no(*bindings_checked))?;
        match self.0.spn() {
            Some(spn) => write!(f, " spn={:?}", spn.to_string()),
            None => f.write_str(" spn=none"),
        }
    }
}

const fn yes_or_no(fact: bool) -> &'static str {
    if fact { "yes" } else { "no" }
}
