//! Computes channel bindings from a server's certificate: `tls-server-end-point` (RFC 5929, section
//! 4).

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{ContextSpecific, ObjectIdentifier};
use x509_cert::der::oid::db::{rfc5912, rfc8410};
use x509_cert::der::{Decode, Reader, Result as DerResult, TagNumber};
use x509_cert::spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};

use crate::channel_bindings::ChannelBindings;

/// Why channel bindings cannot be computed from a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The bytes are not an X.509 certificate in DER.
    #[error("not an X.509 certificate in DER")]
    Malformed,
    /// The hash function of the certificate's signature is not supported.
    #[error("the hash function of the certificate's signature is not supported")]
    UnknownHash,
}

impl ChannelBindings {
    /// Creates [`tls_server_end_point`](Self::tls_server_end_point) bindings from the server's
    /// certificate in DER, which is the first certificate of the chain that the server sends.
    ///
    /// Needs the feature `certificate`. The certificate is hashed with the hash function of its own
    /// signature, or with SHA-256 if that is MD5 or SHA-1. RFC 5929 does not define the hash
    /// function for signatures without one, Ed25519 and Ed448. Java and requests_ntlm 1.3.0 use
    /// SHA-256 then, and so do we, because both sides must agree.
    ///
    /// # Errors
    /// - [`CertificateError::Malformed`]: the bytes are not an X.509 certificate in DER.
    /// - [`CertificateError::UnknownHash`]: the hash function of the signature is not supported.
    ///   There are then no bindings to send, and a server that requires them rejects the client.
    #[doc(alias = "tls-server-end-point")]
    pub fn from_certificate(der: &[u8]) -> Result<Self, CertificateError> {
        // The profile `Raw` does not enforce RFC 5280, whose rules self-signed certificates often
        // violate.
        let certificate = CertificateInner::<Raw>::from_der(der);
        let signature =
            certificate.map_err(|_| CertificateError::Malformed)?.signature_algorithm().clone();
        let hash = Hash::of_signature(&signature).ok_or(CertificateError::UnknownHash)?;
        Ok(match hash {
            Hash::Sha224 => Self::from_certificate_hash(&Sha224::digest(der)),
            Hash::Sha256 => Self::from_certificate_hash(&Sha256::digest(der)),
            Hash::Sha384 => Self::from_certificate_hash(&Sha384::digest(der)),
            Hash::Sha512 => Self::from_certificate_hash(&Sha512::digest(der)),
        })
    }
}

/// `ecdsa-with-SHA1` (RFC 3279, section 2.2.3), which `rfc5912` does not contain.
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");

/// `sha1WithRSASignature` of the Open Systems Environment Implementors' Workshop. Certificates of
/// old Windows tools contain it.
const OIW_SHA_1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.29");

/// The hash function for a certificate.
#[derive(Clone, Copy)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of_signature(signature: &AlgorithmIdentifierOwned) -> Option<Self> {
        match signature.oid {
            rfc5912::MD_5_WITH_RSA_ENCRYPTION
            | OIW_SHA_1_WITH_RSA
            | rfc5912::SHA_1_WITH_RSA_ENCRYPTION
            | rfc5912::SHA_256_WITH_RSA_ENCRYPTION
            | ECDSA_WITH_SHA_1
            | rfc5912::ECDSA_WITH_SHA_256
            | rfc5912::DSA_WITH_SHA_1
            | rfc5912::DSA_WITH_SHA_256
            | rfc8410::ID_ED_25519
            | rfc8410::ID_ED_448 => Some(Self::Sha256),
            rfc5912::SHA_224_WITH_RSA_ENCRYPTION
            | rfc5912::ECDSA_WITH_SHA_224
            | rfc5912::DSA_WITH_SHA_224 => Some(Self::Sha224),
            rfc5912::SHA_384_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_384 => {
                Some(Self::Sha384)
            }
            rfc5912::SHA_512_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_512 => {
                Some(Self::Sha512)
            }
            rfc5912::ID_RSASSA_PSS => Self::of_pss(signature),
            _ => None,
        }
    }

    /// Returns the hash function of `RSASSA-PSS-params` (RFC 4055, section 3.1): the first
    /// parameter, or SHA-1 if that is absent.
    fn of_pss(signature: &AlgorithmIdentifierOwned) -> Option<Self> {
        type Algorithm<'a> = AlgorithmIdentifierRef<'a>;
        let parameters = signature.parameters.as_ref()?;
        let named = parameters.sequence(|parameters| -> DerResult<_> {
            let named =
                ContextSpecific::<Algorithm<'_>>::decode_explicit(parameters, TagNumber(0))?;
            while !parameters.is_finished() {
                parameters.tlv_bytes()?;
            }
            Ok(named.map(|named| named.value.oid))
        });
        Self::of_oid(named.ok()?.unwrap_or(rfc5912::ID_SHA_1))
    }

    fn of_oid(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            rfc5912::ID_SHA_1 | rfc5912::ID_SHA_256 => Some(Self::Sha256),
            rfc5912::ID_SHA_224 => Some(Self::Sha224),
            rfc5912::ID_SHA_384 => Some(Self::Sha384),
            rfc5912::ID_SHA_512 => Some(Self::Sha512),
            _ => None,
        }
    }
}
