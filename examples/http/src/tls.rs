//! The server's side of TLS.

use std::path::Path;
use std::sync::Arc;

use ntlm::ChannelBindings;
use ntlm_common_examples::tls;
use tokio_rustls::TlsAcceptor;

/// An acceptor of TLS connections with this certificate, and their channel bindings, which are the
/// hash of the certificate and so the same for all connections.
pub fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<(TlsAcceptor, ChannelBindings)> {
    let (mut config, certificate) = tls::server_config(certificate, key)?;
    let bindings = ChannelBindings::from_certificate(&certificate)?;
    // NTLM needs HTTP/1.1, so nothing else is offered.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), bindings))
}
