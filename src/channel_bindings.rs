//! Channel bindings, which tie a login to a TLS connection.

use crate::crypto::primitives::md5;
use crate::error::{Error, Misuse};

/// Channel bindings tie a login to one TLS connection, so that a man in the middle cannot relay it
/// to another server. Microsoft calls this Extended Protection for Authentication (EPA); LDAP and
/// others call the value a channel binding token (CBT).
///
/// Client and server compute the bindings from the server's certificate. The client sends them
/// inside its proof (`MsvAvChannelBindings`, \[MS-NLMP\] 2.2.2.1), and the server compares them
/// with its own. If they differ, client and server do not use the same TLS connection: a proxy ends
/// TLS, or there is a man in the middle.
///
/// With the feature `certificate`, `ChannelBindings::from_certificate` computes the bindings from a
/// certificate. This is a client that uses rustls:
///
#[cfg_attr(feature = "certificate", doc = "```")]
#[cfg_attr(not(feature = "certificate"), doc = "```ignore")]
/// use ntlm::{ChannelBindings, Client, Credentials};
/// # struct ClientConnection(Vec<Vec<u8>>);
/// # impl ClientConnection {
/// #     fn peer_certificates(&self) -> Option<&[Vec<u8>]> { Some(&self.0) }
/// # }
///
/// fn bound(tls: &ClientConnection, client: Client) -> Result<Client, ntlm::CertificateError> {
///     // The first certificate is the server's own. A server uses the one in its `ServerConfig`.
///     match tls.peer_certificates().and_then(|chain| chain.first()) {
///         Some(certificate) => {
///             Ok(client.with_channel_bindings(ChannelBindings::from_certificate(certificate)?))
///         }
///         None => Ok(client), // before the TLS handshake is complete
///     }
/// }
/// # let client = Client::new(Credentials::password("alice", "correct horse"));
/// # assert!(bound(&ClientConnection(vec![b"no certificate".to_vec()]), client).is_err());
/// ```
///
/// When a server's certificate is renewed, its bindings change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[doc(alias(
    "EPA",
    "CBT",
    "extended protection",
    "channel binding",
    "channel binding token",
    "tls-server-end-point",
    "MsvAvChannelBindings",
    "gss_channel_bindings_struct",
    "SECBUFFER_CHANNEL_BINDINGS"
))]
pub struct ChannelBindings {
    md5: [u8; 16],
}

impl ChannelBindings {
    /// Creates `tls-server-end-point` bindings (RFC 5929, section 4) from the hash of the server's
    /// certificate. HTTPS, LDAPS and WinRM use these bindings.
    ///
    /// The hash is that of the certificate in DER, with the hash function of the certificate's own
    /// signature (SHA-224, SHA-256, SHA-384 or SHA-512), or with SHA-256 if that is MD5 or SHA-1.
    /// `ChannelBindings::from_certificate` (feature `certificate`) chooses the hash function and
    /// computes the hash.
    ///
    /// ```
    /// use ntlm::ChannelBindings;
    ///
    /// let sha256 = [7; 32];
    /// assert!(ChannelBindings::tls_server_end_point(&sha256).is_ok());
    ///
    /// let certificate = [0x30; 1024];
    /// let error = ChannelBindings::tls_server_end_point(&certificate).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "misuse: a certificate's hash has 28, 32, 48 or 64 bytes, not 1024"
    /// );
    /// ```
    ///
    /// # Errors
    /// [`Misuse::CertificateHashLength`] if the length is not 28, 32, 48 or 64 bytes, for example
    /// because the bytes are the certificate itself.
    #[doc(alias = "tls-server-end-point")]
    pub fn tls_server_end_point(certificate_hash: &[u8]) -> Result<Self, Error> {
        match certificate_hash.len() {
            28 | 32 | 48 | 64 => Ok(Self::from_certificate_hash(certificate_hash)),
            length => Err(Misuse::CertificateHashLength(length).into()),
        }
    }

    /// Does the same as [`tls_server_end_point`](Self::tls_server_end_point) for a hash of correct
    /// length.
    pub(crate) fn from_certificate_hash(certificate_hash: &[u8]) -> Self {
        Self::hash(b"tls-server-end-point:", certificate_hash)
    }

    /// Creates `tls-unique` bindings (RFC 5929, section 3) from the first Finished message of the
    /// TLS handshake. They are not defined for TLS 1.3.
    ///
    /// # Panics
    /// If the message has 4 GiB or more.
    #[doc(alias = "tls-unique")]
    #[must_use]
    pub fn tls_unique(finished: &[u8]) -> Self {
        Self::hash(b"tls-unique:", finished)
    }

    /// Creates bindings from the `application_data` of a `gss_channel_bindings_struct`, including
    /// its prefix, such as `tls-server-end-point:`.
    ///
    /// # Panics
    /// If the data has 4 GiB or more.
    #[must_use]
    pub fn application_data(data: &[u8]) -> Self {
        Self::hash(b"", data)
    }

    /// Creates bindings from their MD5. 16 zeros mean that there are no bindings.
    #[must_use]
    pub const fn from_md5(md5: [u8; 16]) -> Self {
        Self { md5 }
    }

    /// The MD5 of the bindings, which the AUTHENTICATE contains: 16 bytes.
    #[must_use]
    pub const fn md5(&self) -> &[u8; 16] {
        &self.md5
    }

    /// Absent bindings.
    pub(crate) const NONE: Self = Self { md5: [0; 16] };

    /// Whether the bindings are absent: 16 zeros.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Computes the MD5 of a `gss_channel_bindings_struct` (RFC 2744, section 3.11) without
    /// addresses: 16 zero bytes for the types and lengths of both addresses, then the length of the
    /// data in 4 bytes, least significant first, then the data.
    #[expect(clippy::expect_used, reason = "documented: the structure cannot hold longer data")]
    fn hash(prefix: &[u8], data: &[u8]) -> Self {
        let length = u32::try_from(prefix.len() + data.len()).expect("the data is below 4 GiB");
        Self { md5: md5(&[&[0; 16], &length.to_le_bytes(), prefix, data]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microsoft's example ("NTLM and Channel Binding Hash", 2013).
    #[test]
    fn certificate_hash_results_in_the_published_md5() {
        let sha256 = [
            0xea, 0x05, 0xfe, 0xfe, 0xcc, 0x6b, 0x0b, 0xd5, 0x71, 0xdb, 0xbc, 0x5b, 0xaa, 0x3e,
            0xd4, 0x53, 0x86, 0xd0, 0x44, 0x68, 0x35, 0xf7, 0xb7, 0x4c, 0x85, 0x62, 0x1b, 0x99,
            0x83, 0x47, 0x5f, 0x95,
        ];
        let md5 = 0x6586_e99d_81c2_fc98_4e47_172f_d4dd_0310_u128.to_be_bytes();
        let bindings = ChannelBindings::tls_server_end_point(&sha256).unwrap();
        assert_eq!(bindings.md5(), &md5);
        let data = [b"tls-server-end-point:", &sha256[..]].concat();
        assert_eq!(ChannelBindings::application_data(&data), bindings);
        let unique = ChannelBindings::application_data(b"tls-unique:finished");
        assert_eq!(ChannelBindings::tls_unique(b"finished"), unique);
    }

    #[test]
    fn certificate_hash_of_impossible_length_is_rejected() {
        for length in 0..100 {
            let result = ChannelBindings::tls_server_end_point(&[1; 100][..length]);
            let is_hash = [28, 32, 48, 64].contains(&length);
            assert_eq!(
                result.err(),
                (!is_hash).then_some(Misuse::CertificateHashLength(length).into())
            );
        }
    }
}
