//! What a server calls itself.

use crate::error::Refused;
use crate::text::{Text, TextError};
use crate::wire::{AvId, AvPairsBuf, NegotiateFlags};

/// The names that a server tells its clients, in the `TargetInfo` of the CHALLENGE
/// ([MS-NLMP] 3.2.1.1). They are configuration, seen by everybody who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    netbios_computer: Text,
    netbios_domain: Option<Text>,
    dns_computer: Option<Text>,
    dns_domain: Option<Text>,
    dns_tree: Option<Text>,
}

impl Names {
    /// A server that belongs to no domain, with its NetBIOS name (up to 15 upper-case characters,
    /// by custom), which stands for its domain too.
    #[must_use]
    pub fn standalone(netbios_computer: impl Into<Text>) -> Self {
        Self {
            netbios_computer: netbios_computer.into(),
            netbios_domain: None,
            dns_computer: None,
            dns_domain: None,
            dns_tree: None,
        }
    }

    /// A server that belongs to a domain, with the NetBIOS names of both.
    #[must_use]
    pub fn member(netbios_computer: impl Into<Text>, netbios_domain: impl Into<Text>) -> Self {
        Self { netbios_domain: Some(netbios_domain.into()), ..Self::standalone(netbios_computer) }
    }

    /// Adds the server's DNS name, such as `files.example.com`.
    #[must_use]
    pub fn with_dns_computer(self, name: impl Into<Text>) -> Self {
        Self { dns_computer: Some(name.into()), ..self }
    }

    /// Adds the DNS name of the domain, such as `example.com`.
    #[must_use]
    pub fn with_dns_domain(self, name: impl Into<Text>) -> Self {
        Self { dns_domain: Some(name.into()), ..self }
    }

    /// Adds the DNS name of the forest.
    #[must_use]
    pub fn with_dns_tree(self, name: impl Into<Text>) -> Self {
        Self { dns_tree: Some(name.into()), ..self }
    }

    /// `TargetName`, and the flag that says whose name it is.
    pub(super) fn target(&self) -> (&Text, NegotiateFlags) {
        match &self.netbios_domain {
            Some(domain) => (domain, NegotiateFlags::TARGET_TYPE_DOMAIN),
            None => (&self.netbios_computer, NegotiateFlags::TARGET_TYPE_SERVER),
        }
    }

    /// `TargetInfo`, in the order of 3.2.5.1.1, with a time to be filled in at its end. The pseudo
    /// code there has no `MsvAvTimestamp`, but 2.2.2.1 says that it is always sent.
    pub(super) fn target_info(&self) -> Result<AvPairsBuf, Refused> {
        let too_long = |_| Refused::OurName(TextError::TooLong);
        let (target, _) = self.target();
        let mut pairs = AvPairsBuf::default();
        for (id, name) in [
            (AvId::NB_COMPUTER_NAME, Some(&self.netbios_computer)),
            (AvId::NB_DOMAIN_NAME, Some(target)),
            (AvId::DNS_COMPUTER_NAME, self.dns_computer.as_ref()),
            (AvId::DNS_DOMAIN_NAME, self.dns_domain.as_ref()),
            (AvId::DNS_TREE_NAME, self.dns_tree.as_ref()),
        ] {
            if let Some(name) = name {
                pairs.push_text(id, name).map_err(too_long)?;
            }
        }
        pairs.push(AvId::TIMESTAMP, &[0; 8]).map_err(too_long)?;
        Ok(pairs)
    }

    pub(super) fn is_nameless(&self) -> bool {
        self.netbios_computer.is_empty() || self.netbios_domain.as_ref().is_some_and(Text::is_empty)
    }
}
