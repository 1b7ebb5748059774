//! Channel bindings: which TLS channel the client believes to speak through.

use crate::crypto::primitives::md5;

/// The MD5 of a channel's bindings, as `MsvAvChannelBindings` carries it ([MS-NLMP] 2.2.2.1).
///
/// If client and server see different channels, somebody stands between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelBindings {
    md5: [u8; 16],
}

impl ChannelBindings {
    /// `tls-server-end-point` (RFC 5929, section 4): the hash of the server's certificate, made
    /// with the hash of the certificate's signature, or with SHA-256 if that is MD5 or SHA-1.
    /// What HTTPS, LDAPS and WinRM use.
    #[must_use]
    pub fn tls_server_end_point(certificate_hash: &[u8]) -> Self {
        Self::hash(b"tls-server-end-point:", certificate_hash)
    }

    /// `tls-unique` (RFC 5929, section 3): the first Finished message of the TLS handshake.
    #[must_use]
    pub fn tls_unique(finished: &[u8]) -> Self {
        Self::hash(b"tls-unique:", finished)
    }

    /// The `application_data` of a `gss_channel_bindings_struct`, with its prefix.
    #[must_use]
    pub fn application_data(data: &[u8]) -> Self {
        Self::hash(b"", data)
    }

    /// Bindings that were hashed elsewhere. Zeros mean that there are none.
    #[must_use]
    pub const fn from_md5(md5: [u8; 16]) -> Self {
        Self { md5 }
    }

    /// The MD5 that travels in the AUTHENTICATE: 16 bytes.
    #[must_use]
    pub const fn md5(&self) -> &[u8; 16] {
        &self.md5
    }

    /// No bindings.
    pub(crate) const NONE: Self = Self { md5: [0; 16] };

    /// Whether these are zeros, which mean that there are no bindings.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// MD5 of the structure of RFC 2744, section 3.11: types and lengths of both addresses, all
    /// zero, then the length of the data, each in four bytes, least significant first.
    fn hash(prefix: &[u8], data: &[u8]) -> Self {
        let length = u32::try_from(prefix.len() + data.len()).unwrap_or(u32::MAX);
        Self { md5: md5(&[&[0; 16], &length.to_le_bytes(), prefix, data]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microsoft's example ("NTLM and Channel Binding Hash", 2013).
    #[test]
    fn a_certificate_hash_becomes_microsofts_md5() {
        let sha256 = [
            0xea, 0x05, 0xfe, 0xfe, 0xcc, 0x6b, 0x0b, 0xd5, 0x71, 0xdb, 0xbc, 0x5b, 0xaa, 0x3e,
            0xd4, 0x53, 0x86, 0xd0, 0x44, 0x68, 0x35, 0xf7, 0xb7, 0x4c, 0x85, 0x62, 0x1b, 0x99,
            0x83, 0x47, 0x5f, 0x95,
        ];
        let md5 = 0x6586_e99d_81c2_fc98_4e47_172f_d4dd_0310_u128.to_be_bytes();
        let bindings = ChannelBindings::tls_server_end_point(&sha256);
        assert_eq!(bindings.md5(), &md5);
        let data = [b"tls-server-end-point:", &sha256[..]].concat();
        assert_eq!(ChannelBindings::application_data(&data), bindings);
        let unique = ChannelBindings::application_data(b"tls-unique:finished");
        assert_eq!(ChannelBindings::tls_unique(b"finished"), unique);
    }
}
