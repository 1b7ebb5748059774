//! The names of a server.

use crate::error::Refused;
use crate::text::{Text, TextError};
use crate::wire::{AvId, AvPairsBuf, NegotiateFlags};

/// The names that a server sends to its clients, in the `TargetInfo` of the CHALLENGE ([MS-NLMP]
/// 3.2.1.1).
///
/// Everyone who connects can read them. They are not used to look up users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    netbios_computer: Text,
    is_member: bool,
    /// Empty unless `is_member`. The DNS names are empty if they were not set;
    /// [`Accepted`](super::Accepted) explains why they are not `Option`s.
    netbios_domain: Text,
    dns_computer: Text,
    dns_domain: Text,
    dns_tree: Text,
}

impl Names {
    /// A server that is not a member of a domain, with its NetBIOS name (by convention at most 15
    /// upper-case characters), which is also sent as the domain name.
    #[must_use]
    pub fn standalone(netbios_computer: impl Into<Text>) -> Self {
        Self {
            netbios_computer: netbios_computer.into(),
            is_member: false,
            netbios_domain: Text::default(),
            dns_computer: Text::default(),
            dns_domain: Text::default(),
            dns_tree: Text::default(),
        }
    }

    /// A server that is a member of a domain, with its own NetBIOS name and that of the domain,
    /// such as `FILES` and `EXAMPLE`.
    #[must_use]
    pub fn member(netbios_computer: impl Into<Text>, netbios_domain: impl Into<Text>) -> Self {
        Self {
            is_member: true,
            netbios_domain: netbios_domain.into(),
            ..Self::standalone(netbios_computer)
        }
    }

    /// Adds the server's DNS name, such as `files.example.com`.
    #[must_use]
    pub fn with_dns_computer(self, name: impl Into<Text>) -> Self {
        Self { dns_computer: name.into(), ..self }
    }

    /// Adds the DNS name of the domain, such as `example.com`.
    #[must_use]
    pub fn with_dns_domain(self, name: impl Into<Text>) -> Self {
        Self { dns_domain: name.into(), ..self }
    }

    /// Adds the DNS name of the forest, such as `example.com`.
    #[must_use]
    pub fn with_dns_tree(self, name: impl Into<Text>) -> Self {
        Self { dns_tree: name.into(), ..self }
    }

    /// Returns `TargetName`, and the flag that says whether it is the name of a domain or a server.
    pub(super) fn target(&self) -> (&Text, NegotiateFlags) {
        if self.is_member {
            (&self.netbios_domain, NegotiateFlags::TARGET_TYPE_DOMAIN)
        } else {
            (&self.netbios_computer, NegotiateFlags::TARGET_TYPE_SERVER)
        }
    }

    /// Returns `TargetInfo` in the order of 3.2.5.1.1, with zeros in place of the time at its end.
    /// The pseudocode there does not contain `MsvAvTimestamp`, but 2.2.2.1 says that a server
    /// always sends it.
    pub(super) fn target_info(&self) -> Result<AvPairsBuf, Refused> {
        let too_long = |_| Refused::OurName(TextError::TooLong);
        let (target, _) = self.target();
        let mut pairs = AvPairsBuf::default();
        let netbios =
            [(AvId::NB_COMPUTER_NAME, &self.netbios_computer), (AvId::NB_DOMAIN_NAME, target)];
        let dns = [
            (AvId::DNS_COMPUTER_NAME, &self.dns_computer),
            (AvId::DNS_DOMAIN_NAME, &self.dns_domain),
            (AvId::DNS_TREE_NAME, &self.dns_tree),
        ];
        let given = dns.into_iter().filter(|(_, name)| !name.is_empty());
        for (id, name) in netbios.into_iter().chain(given) {
            pairs.push_text(id, name).map_err(too_long)?;
        }
        pairs.push(AvId::TIMESTAMP, &[0; 8]).map_err(too_long)?;
        Ok(pairs)
    }

    pub(super) fn is_nameless(&self) -> bool {
        self.netbios_computer.is_empty() || self.target().0.is_empty()
    }
}
