//! The public key of a certificate, in the form that CredSSP binds.

use anyhow::Context;
use der::Decode;
use x509_cert::certificate::{CertificateInner, Raw};

/// `SubjectPublicKey` of a certificate in DER: the contents of the BIT STRING in
/// `SubjectPublicKeyInfo`, without the octet that counts unused bits ([MS-CSSP] 3.1.5). It is not the
/// whole `SubjectPublicKeyInfo`, and not the certificate.
pub fn of_certificate(certificate: &[u8]) -> anyhow::Result<Vec<u8>> {
    // `Raw`: self-signed certificates often violate rules that do not matter here.
    let certificate = CertificateInner::<Raw>::from_der(certificate)?;
    let info = certificate.tbs_certificate().subject_public_key_info();
    let key = info.subject_public_key.as_bytes().context("the public key is not whole octets")?;
    Ok(key.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings;

    #[test]
    fn keys_of_recorded_certificates_match_those_that_peers_bound() {
        for exchange in recordings::all() {
            let key = of_certificate(&recordings::bytes(&exchange["server_certificate"])).unwrap();
            assert_eq!(
                key,
                recordings::bytes(&exchange["subject_public_key"]),
                "{}",
                exchange["id"]
            );
        }
    }
}
