//! A WinRM server: users log in with NTLM or SPNEGO, and run a command, in sealed messages over HTTP or in
//! plain ones over HTTPS.
//!
//! ```text
//! cargo run --example winrm_server
//! cargo run --example winrm_client -- --user 'alice:correct horse' http://127.0.0.1:5985/wsman whoami
//! ```
//!
//! What to copy is [`Peer`](server::Peer), the state of one connection. This server starts no programs:
//! `echo`, `hostname` and `whoami` are built in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use clap::Parser;
use ntlm::server::{Names, Policy};
use ntlm::wire::NegotiateFlags;
use ntlm::{Enforcement, Server};
use ntlm_http_examples::connections::{MOST_CONNECTIONS, serve_each};
use ntlm_http_examples::tls;
use ntlm_http_examples::users::Users;
use ntlm_http_examples::winrm::server::{self, PATIENCE, Service};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// A WinRM server: users log in and run a command.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5985")]
    listen: SocketAddr,

    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the password
    /// "correct horse"
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Listen for HTTPS, with this certificate and its chain (PEM); messages need not be sealed then
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,

    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,

    /// Reject clients over HTTPS that send no channel bindings. Those that send wrong ones are always
    /// rejected
    #[arg(long, requires = "certificate")]
    require_channel_bindings: bool,

    /// Require another login after this many requests of a session
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    requests: Option<u32>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let users = match &arguments.users {
        Some(file) => Users::read(file)?,
        None => Users::one("alice", "correct horse"),
    };
    let (server, tls) = server(&arguments)?;
    let (shells, requests, is_secure) = (Mutex::default(), arguments.requests, tls.is_some());
    let service = Arc::new(Service { server, users, shells, is_secure, requests });

    let context = || format!("cannot listen on {}", arguments.listen);
    let listener = TcpListener::bind(arguments.listen).await.with_context(context)?;
    let scheme = if is_secure { "https" } else { "http" };
    println!("listening on {scheme}://{}", listener.local_addr()?);
    serve_each(listener, MOST_CONNECTIONS, |stream, peer| {
        serve(Arc::clone(&service), tls.clone(), stream, peer)
    })
    .await;
    Ok(())
}

/// The settings of NTLM and, if there is a certificate, the acceptor of TLS connections.
fn server(arguments: &Arguments) -> anyhow::Result<(Server, Option<TlsAcceptor>)> {
    let server = Server::new(Names::member("WIN", "EXAMPLE"));
    let mut policy = Policy::default();
    let (Some(certificate), Some(key)) = (&arguments.certificate, &arguments.key) else {
        // A client that cannot seal could not send a request.
        policy.shared.require |= NegotiateFlags::NEGOTIATE_SEAL;
        return Ok((server.with_policy(policy).checked()?, None));
    };
    let (acceptor, bindings) = tls::acceptor(certificate, key)?;
    if arguments.require_channel_bindings {
        policy.channel_bindings = Enforcement::Required;
    }
    let server = server.with_policy(policy).with_channel_bindings(bindings).checked()?;
    Ok((server, Some(acceptor)))
}

async fn serve(
    service: Arc<Service>,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let Some(tls) = tls else { return server::serve(&service, stream, peer).await };
    match timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => server::serve(&service, stream, peer).await,
        Ok(Err(error)) => println!("no-tls from={peer} reason={:?}", error.to_string()),
        Err(_) => println!("no-tls from={peer} reason=\"too slow\""),
    }
}
