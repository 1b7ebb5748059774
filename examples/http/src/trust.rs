//! Which servers a client believes to be who they say: the TLS side of the clients.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, ring};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// The options that say whom to trust. Without any, it is whom the operating system trusts.
#[derive(clap::Args)]
pub struct TrustOptions {
    /// Accept any certificate of the server
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    insecure: bool,

    /// Trust the certificate authorities in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
}

impl TrustOptions {
    /// The settings of TLS.
    pub fn tls_config(&self) -> anyhow::Result<Arc<ClientConfig>> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let mut config = if self.insecure {
            let verifier = Arc::new(AnyCertificate(provider));
            config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        } else {
            config.with_root_certificates(self.roots()?).with_no_client_auth()
        };
        // NTLM does not work over HTTP/2.
        config.alpn_protocols = vec![b"http/1.1".into()];
        Ok(Arc::new(config))
    }

    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &self.cacert else {
            // What cannot be read is not trusted; with no roots at all, no server is.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let context = || format!("cannot read certificates from {}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).with_context(context)? {
            roots.add(certificate.with_context(context)?).with_context(context)?;
        }
        ensure!(!roots.is_empty(), "{} holds no certificates", file.display());
        Ok(roots)
    }
}

/// Accepts any certificate, and still checks that the server has its key: otherwise whoever stands
/// in between could show the right server's certificate, and channel bindings, which tell a server
/// that somebody does, would be right too.
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
    use rustls_pki_types::PrivatePkcs8KeyDer;
    use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
    use tokio_rustls::rustls::sign::CertifiedKey;
    use tokio_rustls::rustls::{CertificateError, ServerConfig};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// Shows a certificate that was made with another key.
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

    #[tokio::test]
    async fn any_certificate_is_not_anybodys_certificate() {
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Impostor));
        let client = TrustOptions { insecure: true, cacert: None }.tls_config().unwrap();
        let (client_side, server_side) = tokio::io::duplex(1 << 16);
        let (client, _) = tokio::join!(
            TlsConnector::from(client).connect("localhost".try_into().unwrap(), client_side),
            TlsAcceptor::from(Arc::new(server)).accept(server_side),
        );
        let error = client.err().and_then(std::io::Error::into_inner).unwrap();
        let expected = Error::InvalidCertificate(CertificateError::BadSignature);
        assert_eq!(error.downcast_ref(), Some(&expected));
    }
}
