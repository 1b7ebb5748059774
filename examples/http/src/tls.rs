//! The server's side of TLS.

use std::path::Path;
use std::sync::Arc;

use ntlm::ChannelBindings;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// What accepts TLS connections with this certificate, and the channel bindings of all of them:
/// both sides hash the server's certificate.
pub fn acceptor(
    certificate: &Path,
    key: &Path,
) -> Result<(TlsAcceptor, ChannelBindings), Box<dyn std::error::Error>> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let first = chain.first().ok_or("there is no certificate in the file")?;
    let bindings = ChannelBindings::from_certificate(first)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    // NTLM needs HTTP/1.1, so that nothing else is offered.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), bindings))
}
