//! TLS for CredSSP: without resumption, and on the client's side with any certificate.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, StreamOwned,
};

use crate::public_key;

/// The settings of a server with this certificate, and its public key.
pub fn server_config(certificate: &Path, key: &Path) -> anyhow::Result<(ServerConfig, Vec<u8>)> {
    let context = || format!("cannot read a certificate from {}", certificate.display());
    let chain = CertificateDer::pem_file_iter(certificate).with_context(context)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().with_context(context)?;
    let public_key = public_key::of_certificate(chain.first().with_context(context)?)?;
    let context = || format!("cannot read a key from {}", key.display());
    let key = PrivateKeyDer::from_pem_file(key).with_context(context)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok((config, public_key))
}

/// Begins TLS with a server, and returns the public key of its certificate.
///
/// Any certificate will do: RDP servers sign their own, and CredSSP binds the login to the key in it. The
/// server proves that it knows the user's secret and sees the same key before it gets a password.
pub fn connect(
    stream: TcpStream,
    host: &str,
) -> anyhow::Result<(StreamOwned<ClientConnection, TcpStream>, Vec<u8>)> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(host.to_owned())?;
    let connection = ClientConnection::new(Arc::new(config), name)?;
    let mut stream = StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).context("TLS")?;
    }
    let certificate = stream.conn.peer_certificates().and_then(<[_]>::first);
    let public_key = public_key::of_certificate(certificate.context("no certificate")?)?;
    Ok((stream, public_key))
}

/// Accepts any certificate, and checks that the server has its key.
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

/// A server's connection, whose handshake happens when it is first read from.
pub fn accept<S: Read + Write>(
    config: &Arc<ServerConfig>,
    stream: S,
) -> anyhow::Result<StreamOwned<ServerConnection, S>> {
    Ok(StreamOwned::new(ServerConnection::new(Arc::clone(config))?, stream))
}
