//! The server's side of TLS.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ntlm::ChannelBindings;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// What accepts TLS connections with this certificate, and the channel bindings of all of them:
/// both sides hash the server's certificate.
pub fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<(TlsAcceptor, ChannelBindings)> {
    let context = || format!("cannot read a certificate from {}", certificate.display());
    let chain = CertificateDer::pem_file_iter(certificate).with_context(context)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().with_context(context)?;
    let first = chain.first().with_context(context)?;
    let context = || format!("cannot read a key from {}", key.display());
    let key = PrivateKeyDer::from_pem_file(key).with_context(context)?;
    let bindings = ChannelBindings::from_certificate(first)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // NTLM needs HTTP/1.1, so that nothing else is offered.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), bindings))
}
