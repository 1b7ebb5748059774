//! The mechanisms that SPNEGO negotiates, and their object identifiers.

use core::fmt;

/// A mechanism that a client offers or a server chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// NTLM, 1.3.6.1.4.1.311.2.2.10.
    #[doc(alias("NTLMSSP", "gss_mech_ntlmssp"))]
    Ntlm,
    /// Kerberos V5, 1.2.840.113554.1.2.2.
    Kerberos,
    /// Kerberos V5 with another identifier, which Windows lists first: 1.2.840.48018.1.2.2.
    MsKerberos,
    /// Kerberos V5 user-to-user, 1.2.840.113554.1.2.2.3.
    KerberosUserToUser,
    /// NegoEx, 1.3.6.1.4.1.311.2.2.30.
    Negoex,
    /// Another mechanism.
    Other,
}

pub(super) const NTLM: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";

/// The object identifiers, without tag and length.
const KNOWN: [(&[u8], Mechanism); 5] = [
    (NTLM, Mechanism::Ntlm),
    (b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", Mechanism::Kerberos),
    (b"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02", Mechanism::MsKerberos),
    (b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03", Mechanism::KerberosUserToUser),
    (b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e", Mechanism::Negoex),
];

impl Mechanism {
    /// Returns the mechanism of an object identifier (its contents, without tag and length).
    pub(crate) fn of(oid: &[u8]) -> Self {
        let known = KNOWN.iter().find(|(known, _)| *known == oid);
        known.map_or(Self::Other, |(_, mechanism)| *mechanism)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ntlm => "NTLM",
            Self::Kerberos => "Kerberos",
            Self::MsKerberos => "MS-Kerberos",
            Self::KerberosUserToUser => "Kerberos user-to-user",
            Self::Negoex => "NEGOEX",
            Self::Other => "another mechanism",
        })
    }
}
