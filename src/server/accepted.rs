//! What a server knows of an accepted client.

use alloc::string::ToString;
use core::fmt;

use super::prove::ProvenDomain;
use crate::credentials::UserName;
use crate::policy::ResponseKind;
use crate::session::SessionKeys;
use crate::text::Text;

/// An accepted client.
///
/// Its names are empty texts where there are none, not `None`: the unused part of a `None` would
/// carry bytes that were on the stack before, such as a copy of a key, to wherever this is moved.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// Who the client is.
    pub identity: Identity,
    /// Whether the name is the account's own.
    pub(super) has_account_name: bool,
    /// The domain that the client claims, if the name is the account's own.
    pub(super) claimed_domain: Text,
    pub(super) domain_in_proof: Option<ProvenDomain>,
    /// The machine that the client claims to run on. Nothing proves that.
    pub workstation: Text,
    /// Whether a MIC shows that nobody changed the messages in transit.
    pub mic_checked: bool,
    /// Whether the client's channel bindings are those of this server.
    pub bindings_checked: bool,
    pub(super) spn: Text,
    /// The keys that this server shares with the client.
    pub keys: SessionKeys,
}

/// Who an accepted client is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Identity {
    /// A user, whose password the client proved to know.
    User {
        /// The account's own name if the verifying side gave it
        /// ([`UserClaim::with_account`](super::UserClaim::with_account), or the domain controller),
        /// otherwise the name as the client spells it. To compare users, use
        /// [`UserName::eq_ignore_case`].
        name: UserName,
        /// How the password was proven.
        response: ResponseKind,
    },
    /// A client that proved nothing, and that the application accepted as a guest.
    Guest,
    /// A client that claims to be no user.
    Anonymous,
}

impl Identity {
    /// The user; `None` for guests and anonymous clients.
    #[must_use]
    pub const fn user(&self) -> Option<&UserName> {
        match self {
            Self::User { name, .. } => Some(name),
            Self::Guest | Self::Anonymous => None,
        }
    }

    /// How the user's password was proven; `None` for guests and anonymous clients.
    #[must_use]
    pub const fn response(&self) -> Option<ResponseKind> {
        match self {
            Self::User { response, .. } => Some(*response),
            Self::Guest | Self::Anonymous => None,
        }
    }
}

impl Accepted {
    /// The authenticated user; `None` for guests and anonymous clients. To tell those apart, look at
    /// [`identity`](Self::identity).
    #[must_use]
    pub const fn user(&self) -> Option<&UserName> {
        self.identity.user()
    }

    /// Returns which domain the proof was made with: the one that the client claims, the same in
    /// upper case, or none (an empty text). `None` if that is not known: NTLMv1 and LM responses
    /// cover neither name, and a domain controller does not report it.
    ///
    /// This is not proof of the domain. NTOWFv2 hashes the user's name in upper case followed by the
    /// domain, without a border between them: a man in the middle can turn user `app` of domain
    /// `LEGACY` into user `appl` of domain `EGACY`, and the proof stays right. Only a MIC
    /// ([`mic_checked`](Self::mic_checked)) shows such a change. What is proven is that the client
    /// has the password of the account whose hash was given; so accept that account's name, with
    /// [`UserClaim::with_account`](super::UserClaim::with_account).
    #[must_use]
    pub fn proven_domain(&self) -> Option<Text> {
        let user = self.user()?;
        let claimed = if self.has_account_name { &self.claimed_domain } else { user.domain() };
        self.domain_in_proof.map(|domain| domain.of(claimed))
    }

    /// Returns the service principal name that the client asked for; `None` if it asked for none, or
    /// marks the name as unverified.
    #[must_use]
    pub fn spn(&self) -> Option<&Text> {
        Some(&self.spn).filter(|spn| !spn.is_empty())
    }

    /// Prints the login for the log, with escaped names:
    /// `user="EXAMPLE\\alice" workstation="PC" response=Ntlmv2 mic=yes bindings=no spn="HTTP/web"`. The user
    /// of a guest or an anonymous client is `guest` or `anonymous`, and an SPN that was not sent is `none`,
    /// without quotation marks. The workstation is a claim.
    #[must_use]
    pub fn log(&self) -> impl fmt::Display {
        Log(self)
    }
}

/// A login as it is logged.
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
