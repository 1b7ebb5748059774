//! TLS with rustls: a server's certificate in files, and a client that accepts any certificate.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, ring};
use rustls::server::WantsServerCert;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    WantsVerifier,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

/// The configuration of a server with the certificate and the key in these files (PEM), and the
/// certificate.
pub fn server_config(
    certificate: &Path,
    key: &Path,
) -> anyhow::Result<(ServerConfig, CertificateDer<'static>)> {
    let context = || format!("cannot read a certificate from {}", certificate.display());
    let chain = CertificateDer::pem_file_iter(certificate).with_context(context)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().with_context(context)?;
    let first = chain.first().with_context(context)?.clone();
    let context = || format!("cannot read a key from {}", key.display());
    let key = PrivateKeyDer::from_pem_file(key).with_context(context)?;
    Ok((server()?.with_single_cert(chain, key)?, first))
}

fn server() -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, Error> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(config.with_safe_default_protocol_versions()?.with_no_client_auth())
}

/// The configuration of a client before it chooses which certificates to accept.
pub fn client() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    config.with_safe_default_protocol_versions()
}

/// The configuration of a client that accepts any certificate.
pub fn any_certificate() -> Result<ClientConfig, Error> {
    let verifier = Arc::new(AnyCertificate(Arc::new(ring::default_provider())));
    let config = client()?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(config.with_no_client_auth())
}

/// Accepts any certificate, but checks that the server has its key. Otherwise a man in the middle could
/// present the genuine server's certificate, and the channel bindings would match.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use rustls::{CertificateError, ClientConnection, ServerConnection};
    use rustls_pki_types::PrivatePkcs8KeyDer;

    use super::*;

    /// A server that presents a certificate for another key.
    #[derive(Debug)]
    struct Impostor;

    impl ResolvesServerCert for Impostor {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            let certificate = include_bytes!("../../../tests/data/certificates/ed25519.der");
            // An Ed25519 key of zeros (RFC 8410, section 7).
            let key =
                [&b"\x30\x2e\x02\x01\0\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &[0; 32]];
            let key = PrivatePkcs8KeyDer::from(key.concat());
            let key = ring::default_provider().key_provider.load_private_key(key.into()).unwrap();
            Some(Arc::new(CertifiedKey::new(vec![certificate.as_slice().into()], key)))
        }
    }

    #[test]
    fn any_certificate_is_accepted_only_with_its_key() {
        let server = server().unwrap().with_cert_resolver(Arc::new(Impostor));
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let client = Arc::new(any_certificate().unwrap());
        let mut client = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
        let mut records = Vec::new();
        client.write_tls(&mut records).unwrap();
        server.read_tls(&mut &records[..]).unwrap();
        server.process_new_packets().unwrap();
        records.clear();
        server.write_tls(&mut records).unwrap();
        client.read_tls(&mut &records[..]).unwrap();
        let error = client.process_new_packets().unwrap_err();
        assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature));
    }
}
