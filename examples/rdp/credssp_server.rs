//! Authenticates RDP clients with CredSSP (Network Level Authentication), and logs the users.
//!
//! ```text
//! cargo run --example credssp_server -- --certificate certificate.pem --key key.pem
//! xfreerdp /v:127.0.0.1:3390 /cert:ignore /sec:nla +auth-only /u:alice /p:'correct horse'
//! ```
//!
//! What to copy is [`Gate::log_in`](ntlm_rdp_examples::server::Gate::log_in). This server has no
//! desktop: it closes the connection after the login.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use ntlm::server::Names;
use ntlm::spnego::Acceptor;
use ntlm::{Server, UserName};
use ntlm_rdp_examples::connections::serve_each;
use ntlm_rdp_examples::server::{Gate, Login, policy};
use ntlm_rdp_examples::tcp::DeadlineStream;
use ntlm_rdp_examples::users::Users;
use ntlm_rdp_examples::version::Versions;
use ntlm_rdp_examples::{rdp, tls};
use rustls::ServerConfig;

/// Authenticates RDP clients with CredSSP, and logs the users.
#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3390")]
    listen: SocketAddr,

    /// The certificate, with its chain (PEM)
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,

    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the password
    /// "correct horse"
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    #[command(flatten)]
    versions: Versions,
}

/// The most clients at a time; further connections are closed.
const MOST_CONNECTIONS: usize = 200;
/// How long a client may take to log in, and then to begin a session.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let (config, public_key) = tls::server_config(&options.certificate, &options.key)?;
    let users = match &options.users {
        Some(file) => Users::read(file)?,
        None => Users::one("alice", "correct horse"),
    };
    let server = Server::new(Names::member("RDP", "EXAMPLE")).with_policy(policy()).checked()?;
    let acceptor = Acceptor::new(server).with_bare_ntlm_allowed();
    let gate = Gate { acceptor, users, versions: options.versions, public_key };
    let config = Arc::new(config);

    let context = || format!("cannot listen on {}", options.listen);
    let listener = TcpListener::bind(options.listen).with_context(context)?;
    println!("listening on {}", listener.local_addr()?);
    serve_each(&listener, MOST_CONNECTIONS, move |stream, peer| {
        serve(&gate, &config, stream, peer);
    })
}

fn serve(gate: &Gate, config: &Arc<ServerConfig>, stream: TcpStream, peer: SocketAddr) {
    let mut claimed = None;
    match converse(gate, config, stream, peer, &mut claimed) {
        Ok(()) => {}
        Err(error) => {
            // Names come from the client: `{:?}` escapes line breaks.
            let claimed = claimed.as_ref().map_or("none".into(), UserName::to_string);
            println!("refused user={claimed:?} from={peer} reason={:?}", format!("{error:#}"));
        }
    }
}

/// Runs RDP up to the login, on one connection.
fn converse(
    gate: &Gate,
    config: &Arc<ServerConfig>,
    stream: TcpStream,
    peer: SocketAddr,
    claimed: &mut Option<UserName>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = DeadlineStream::new(stream, PATIENCE);
    let protocol = rdp::confirm(&mut stream)?;
    let mut stream = tls::accept(config, stream)?;
    // No close_notify is sent after a rejection, because a client of pyspnego 0.12.4 never ends if
    // it receives one.
    let login = gate.log_in(&mut stream, claimed)?;
    log_login(&login, peer);
    protocol.authorize(&mut stream)?;
    // A full client continues with RDP; one that only logs in closes the connection.
    stream.sock.restart(PATIENCE);
    if rdp::begins(&mut stream) {
        println!("continues from={peer}");
        stream.write_all(&rdp::DISCONNECT)?;
    }
    stream.conn.send_close_notify();
    // The client may have left already.
    let _ = stream.conn.complete_io(&mut stream.sock);
    Ok(())
}

fn log_login(login: &Login, peer: SocketAddr) {
    let delegated = match login.delegated.is_nothing() {
        true => "nothing".into(),
        false => login.delegated.user.to_string(),
    };
    let spnego = if login.has_spnego { "yes" } else { "no" };
    let Login { log, version, .. } = login;
    println!("login {log} from={peer} version={version} spnego={spnego} delegated={delegated:?}");
}
