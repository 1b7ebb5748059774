//! The server certificates that a client accepts.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use ntlm_common_examples::tls;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The options for the certificates to accept; the default is those that the operating system
/// trusts.
#[derive(clap::Args)]
pub struct TrustOptions {
    /// Accept any certificate of the server
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    insecure: bool,

    /// Trust only the certificate authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
}

impl TrustOptions {
    /// The settings of TLS.
    pub fn tls_config(&self) -> anyhow::Result<Arc<ClientConfig>> {
        let mut config = match self.insecure {
            true => tls::any_certificate()?,
            false => tls::client()?.with_root_certificates(self.roots()?).with_no_client_auth(),
        };
        // NTLM does not work over HTTP/2.
        config.alpn_protocols = vec![b"http/1.1".into()];
        Ok(Arc::new(config))
    }

    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &self.cacert else {
            // Unreadable certificates are not trusted; without any roots, no server is trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let context = || format!("cannot read certificates from {}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).with_context(context)? {
            roots.add(certificate.with_context(context)?).with_context(context)?;
        }
        ensure!(!roots.is_empty(), "{} contains no certificates", file.display());
        Ok(roots)
    }
}
