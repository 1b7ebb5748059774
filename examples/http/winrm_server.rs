//! A server of WinRM: users log in with NTLM or SPNEGO, and run a command in sealed messages.
//!
//! ```text
//! cargo run --example winrm_server
//! cargo run --example winrm_client -- --user 'alice:correct horse' http://127.0.0.1:5985/wsman whoami
//! ```
//!
//! What to copy is [`Peer`], the state of one connection. This server starts no programs: it has the
//! commands `echo`, `hostname` and `whoami`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::Server;
use ntlm::server::{Names, Policy};
use ntlm::wire::NegotiateFlags;
use ntlm_http_examples::connections::{MOST_CONNECTIONS, serve_each};
use ntlm_http_examples::users::Users;
use ntlm_http_examples::winrm::server::{Peer, Service};
use tokio::net::{TcpListener, TcpStream};

/// Lets users log in and run a command, as WinRM does.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5985")]
    listen: SocketAddr,

    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the password
    /// "correct horse"
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Ask for another login after this many requests of a session
    #[arg(long, value_name = "N")]
    requests: Option<u32>,
}

/// How long a connection may be idle.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let users = match &arguments.users {
        Some(file) => Users::read(file).map_err(anyhow::Error::msg)?,
        None => Users::one("alice", "correct horse"),
    };
    // A client that cannot seal could not send any request.
    let mut policy = Policy::default();
    policy.shared.require |= NegotiateFlags::NEGOTIATE_SEAL;
    let server = Server::new(Names::member("WIN", "EXAMPLE")).with_policy(policy).checked()?;
    let (shells, requests) = (Mutex::default(), arguments.requests);
    let service = Arc::new(Service { server, users, shells, requests });

    let context = || format!("cannot listen on {}", arguments.listen);
    let listener = TcpListener::bind(arguments.listen).await.with_context(context)?;
    println!("listening on http://{}", listener.local_addr()?);
    serve_each(listener, MOST_CONNECTIONS, |stream, peer| {
        serve(Arc::clone(&service), stream, peer)
    })
    .await;
    Ok(())
}

async fn serve(service: Arc<Service>, stream: TcpStream, peer: SocketAddr) {
    let peer = tokio::sync::Mutex::new(Peer::new(&service, peer));
    let answer = service_fn(async |request| peer.lock().await.answer(request).await);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), answer);
    // The client may leave at any time.
    let _ = connection.await;
}
