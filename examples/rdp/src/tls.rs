//! TLS for CredSSP: without resumption; the client accepts any certificate.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ntlm_common_examples::tls;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};

use crate::public_key;

/// The settings of a server with this certificate, and its public key.
pub fn server_config(certificate: &Path, key: &Path) -> anyhow::Result<(ServerConfig, Vec<u8>)> {
    let (mut config, certificate) = tls::server_config(certificate, key)?;
    let public_key = public_key::of_certificate(&certificate)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok((config, public_key))
}

/// Begins TLS with a server, and returns the public key of its certificate.
///
/// Any certificate is accepted, because RDP servers use self-signed ones and CredSSP binds the login to
/// the key in the certificate. Before the server receives a password, it proves that it knows the user's
/// secret and sees the same key.
pub fn connect(
    stream: TcpStream,
    host: &str,
) -> anyhow::Result<(StreamOwned<ClientConnection, TcpStream>, Vec<u8>)> {
    let mut config = tls::any_certificate()?;
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

/// A server's TLS connection; its handshake runs on the first read.
pub fn accept<S: Read + Write>(
    config: &Arc<ServerConfig>,
    stream: S,
) -> anyhow::Result<StreamOwned<ServerConnection, S>> {
    Ok(StreamOwned::new(ServerConnection::new(Arc::clone(config))?, stream))
}
