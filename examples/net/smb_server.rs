//! An SMB server that authenticates clients with NTLM in SPNEGO and shares no files. It shows how a
//! server's SESSION_SETUP carries SPNEGO's tokens.
//!
//! ```text
//! cargo run --example smb_server -- --listen 127.0.0.1:4450
//! smbclient -p 4450 -U 'EXAMPLE\alice%correct horse' '//127.0.0.1/IPC$' -c exit
//! ```
//!
//! `smb_client` logs in too, and then reports STATUS_NOT_SUPPORTED, because there is nothing to list.
//!
//! What to copy is [`Login::session_setup`]: it takes a token and returns a status and a token. The
//! server's first token, which offers NTLM, is in its answer to NEGOTIATE.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use ntlm::error::Rejection;
use ntlm::server::{Identity, Names};
use ntlm::spnego::{Accepting, Acceptor, AwaitClient, Error, Established, Outcome};
use ntlm::{LmCompatibility, Os, Server, UserName};
use ntlm_net_examples::connections::serve_each;
use ntlm_net_examples::level;
use ntlm_net_examples::smb::server::{Request, ServerConnection};
use ntlm_net_examples::smb::{Command, Dialect, Status};
use ntlm_net_examples::tcp::DeadlineStream;
use ntlm_net_examples::users::Users;

/// Authenticates SMB 2 and 3 clients, and lets them connect to an empty IPC$.
#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4450")]
    listen: SocketAddr,

    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the
    /// password "correct horse"
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Accept anonymous clients
    #[arg(long)]
    anonymous: bool,

    /// Also accept NTLM without SPNEGO
    #[arg(long)]
    bare: bool,

    /// The LAN Manager authentication level, 0 to 5: 5 accepts only NTLMv2, 4 also NTLMv1, 0 also
    /// NTLMv1 without extended session security
    #[arg(long, value_name = "N", default_value = "5", value_parser = level::parse)]
    level: LmCompatibility,
}

fn main() -> ExitCode {
    match serve(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smb_server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// State shared by all connections.
struct Service {
    acceptor: Acceptor,
    users: Users,
}

fn serve(options: &Options) -> anyhow::Result<()> {
    let mut policy = level::server_policy(options.level);
    policy.allow_anonymous = options.anonymous;
    // impacket 0.13.1 crashes if a CHALLENGE has no DNS name of the server.
    let names = Names::member("FILES", "EXAMPLE").with_dns_computer("files.example.com");
    let mut acceptor = Acceptor::new(Server::new(names).with_policy(policy).checked()?);
    if options.bare {
        acceptor = acceptor.with_bare_ntlm_allowed();
    }
    let users = match &options.users {
        Some(path) => Users::read(path)?,
        None => Users::one("alice", "correct horse"),
    };
    let service = Service { acceptor, users };
    let context = || format!("cannot listen on {}", options.listen);
    let listener = TcpListener::bind(options.listen).with_context(context)?;
    println!("listening on {}", listener.local_addr()?);
    serve_each(&listener, MOST_CONNECTIONS, move |stream, _| {
        if let Err(error) = service.converse(stream) {
            println!("closed reason={:?}", format!("{error:#}"));
        }
    })
}

/// The session of a connection: this server supports one at a time.
enum Session {
    None,
    LoggingIn(AwaitClient),
    LoggedIn,
}

impl Service {
    /// Serves one connection.
    fn converse(&self, stream: TcpStream) -> anyhow::Result<()> {
        let from = stream.peer_addr()?;
        let mut connection = ServerConnection::new(DeadlineStream::new(stream, PATIENCE));
        let mut session = Session::None;
        while let Some(request) = connection.receive()? {
            session = match (request.command, session) {
                (Some(Command::Negotiate), session) => {
                    connection.negotiate(&request, &Acceptor::hints())?;
                    session
                }
                (Some(Command::SessionSetup), Session::None) => {
                    self.session_setup(&mut connection, &request, self.acceptor.start(), from)?
                }
                (Some(Command::SessionSetup), Session::LoggingIn(state)) => {
                    self.session_setup(&mut connection, &request, state, from)?
                }
                (Some(Command::Logoff), Session::LoggedIn) => {
                    connection.log_off(&request)?;
                    Session::None
                }
                (_, Session::LoggedIn) => {
                    connection.serve_share(&request)?;
                    Session::LoggedIn
                }
                (_, session) => {
                    connection.respond_with_error(&request, Status::NOT_SUPPORTED)?;
                    session
                }
            };
            if matches!(session, Session::LoggedIn) {
                connection.restart_deadline(PATIENCE);
            }
        }
        Ok(())
    }

    /// Reads the client's token from a SESSION_SETUP, and sends the next one ([MS-SMB2] 3.3.5.5.3). A
    /// client that is rejected is sent a status and no token.
    fn session_setup(
        &self,
        connection: &mut ServerConnection,
        request: &Request,
        state: AwaitClient,
        from: SocketAddr,
    ) -> anyhow::Result<Session> {
        match self.step(state, request.token()?) {
            Ok(Outcome::Send(token, next)) => {
                let status = Status::MORE_PROCESSING;
                connection.respond_to_session_setup(request, status, false, &token)?;
                Ok(Session::LoggingIn(next))
            }
            Ok(Outcome::Done(done)) => {
                log_login(from, connection.dialect()?, &done);
                let is_anonymous = matches!(done.accepted.identity, Identity::Anonymous);
                // Everyone knows the key of an anonymous client, so nothing is signed.
                if !is_anonymous {
                    connection.start_signing(done.accepted.keys.exported_session_key())?;
                }
                let token = done.token.unwrap_or_default();
                connection.respond_to_session_setup(
                    request,
                    Status::SUCCESS,
                    is_anonymous,
                    &token,
                )?;
                Ok(Session::LoggedIn)
            }
            Err((user, error)) => {
                log_rejection(from, user, error);
                connection.respond_with_error(request, Status::from(error.ntstatus()))?;
                Ok(Session::None)
            }
        }
    }

    /// Reads a token, and verifies the user if it claims one.
    fn step(&self, state: AwaitClient, token: &[u8]) -> Result<Outcome, (Option<UserName>, Error)> {
        let look_up = match state.read(token, &mut Os).map_err(|error| (None, error))? {
            Accepting::LookUp(look_up) => look_up,
            Accepting::Outcome(outcome) => return Ok(outcome),
        };
        let claimed = look_up.claimed_user().clone();
        let outcome = match self.users.find(&claimed) {
            Some(user) => look_up.verify(|claim| claim.verify_nt_hash(&user.hash)),
            None => look_up.reject(Rejection::UnknownUser),
        };
        outcome.map_err(|error| (Some(claimed), error))
    }
}

fn log_login(from: SocketAddr, version: Dialect, done: &Established) {
    let Established { accepted, client_preferred, .. } = done;
    let preferred = client_preferred.map_or("NTLM".into(), |mechanism| mechanism.to_string());
    println!("login {} from={from} version={version} preferred={preferred:?}", accepted.log());
}

fn log_rejection(from: SocketAddr, user: Option<UserName>, error: Error) {
    let user = user.as_ref().map(ToString::to_string).unwrap_or_default();
    let reason = error.log().to_string();
    println!("rejected user={user:?} from={from} reason={reason:?} detail={error:?}");
}

/// The most clients at a time; further connections are closed.
const MOST_CONNECTIONS: usize = 200;
/// How long a client may take to log in, and then for each request.
const PATIENCE: Duration = Duration::from_secs(30);
