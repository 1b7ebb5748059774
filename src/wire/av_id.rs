//! AvId: the id of an AV pair ([MS-NLMP] 2.2.2.1).

use core::fmt;

/// The id of an AV pair (attribute and value), which defines the meaning of the value. Unknown ids
/// are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a number")]
pub struct AvId(pub u16);

impl AvId {
    /// `MsvAvEOL`: the end of the list.
    #[doc(alias = "MsvAvEOL")]
    pub const EOL: Self = Self(0);
    /// `MsvAvNbComputerName`: the server's NetBIOS name, UTF-16.
    #[doc(alias = "MsvAvNbComputerName")]
    pub const NB_COMPUTER_NAME: Self = Self(1);
    /// `MsvAvNbDomainName`: the NetBIOS name of the server's domain, UTF-16.
    #[doc(alias = "MsvAvNbDomainName")]
    pub const NB_DOMAIN_NAME: Self = Self(2);
    /// `MsvAvDnsComputerName`: the server's DNS name, UTF-16.
    #[doc(alias = "MsvAvDnsComputerName")]
    pub const DNS_COMPUTER_NAME: Self = Self(3);
    /// `MsvAvDnsDomainName`: the DNS name of the server's domain, UTF-16.
    #[doc(alias = "MsvAvDnsDomainName")]
    pub const DNS_DOMAIN_NAME: Self = Self(4);
    /// `MsvAvDnsTreeName`: the DNS name of the server's forest, UTF-16.
    #[doc(alias = "MsvAvDnsTreeName")]
    pub const DNS_TREE_NAME: Self = Self(5);
    /// `MsvAvFlags`: [`AvFlags`](super::AvFlags), 4 bytes.
    #[doc(alias = "MsvAvFlags")]
    pub const FLAGS: Self = Self(6);
    /// `MsvAvTimestamp`: the server's time as a [`FileTime`](crate::FileTime), 8 bytes.
    #[doc(alias = "MsvAvTimestamp")]
    pub const TIMESTAMP: Self = Self(7);
    /// `MsvAvSingleHost`: `Single_Host_Data` (\[MS-NLMP\] 2.2.2.2), which identifies the client's
    /// machine to a server on the same machine. From the network it has no meaning.
    #[doc(alias = "MsvAvSingleHost")]
    pub const SINGLE_HOST: Self = Self(8);
    /// `MsvAvTargetName`: the SPN (service principal name) that the client asks for, UTF-16.
    #[doc(alias = "MsvAvTargetName")]
    pub const TARGET_NAME: Self = Self(9);
    /// `MsvAvChannelBindings`: the MD5 of the channel bindings, 16 bytes. Zeros mean that there are
    /// none.
    #[doc(alias = "MsvAvChannelBindings")]
    pub const CHANNEL_BINDINGS: Self = Self(10);

    /// Returns the name in the specification, or `None` for an unknown id.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).copied()
    }

    /// Returns whether the value is text, which is UTF-16 even if the messages use the OEM
    /// character set.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self.0, 1..=5 | 9)
    }

    /// Returns whether the specification allows a value of this length in bytes. `MsvAvSingleHost`
    /// can have any length: one of an unknown length belongs to another platform and is ignored
    /// ([MS-NLMP] 2.2.2.2).
    #[inline]
    pub(super) const fn allows(self, length: usize) -> bool {
        match self {
            Self::EOL => length == 0,
            Self::FLAGS => length == 4,
            Self::TIMESTAMP => length == 8,
            Self::CHANNEL_BINDINGS => length == 16,
            _ => !self.is_text() || length % 2 == 0,
        }
    }
}

const NAMES: [&str; 11] = [
    "MsvAvEOL",
    "MsvAvNbComputerName",
    "MsvAvNbDomainName",
    "MsvAvDnsComputerName",
    "MsvAvDnsDomainName",
    "MsvAvDnsTreeName",
    "MsvAvFlags",
    "MsvAvTimestamp",
    "MsvAvSingleHost",
    "MsvAvTargetName",
    "MsvAvChannelBindings",
];

impl fmt::Display for AvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "AV pair {:#06x}", self.0),
        }
    }
}

impl fmt::Debug for AvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
