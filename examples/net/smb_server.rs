//! Logs clients of SMB in with NTLM in SPNEGO, and shares nothing: it shows how a server's
//! SESSION_SETUP carries SPNEGO's tokens.
//!
//! ```text
//! cargo run --example smb_server -- --listen 127.0.0.1:4450
//! smbclient -p 4450 -U 'EXAMPLE\alice%correct horse' '//127.0.0.1/IPC$' -c exit
//! ```
//!
//! What to copy is [`Login::session_setup`]: a token in, a status and a token out. The server's
//! first token, which offers NTLM, is in its answer to NEGOTIATE.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ntlm::error::Rejection;
use ntlm::server::{Identity, Names};
use ntlm::spnego::{Accepting, Acceptor, AwaitClient, Error, Established, Outcome};
use ntlm::{LmCompatibility, Os, Server, UserName};
use ntlm_net_examples::bytes::printable_utf16le;
use ntlm_net_examples::connections::serve_each;
use ntlm_net_examples::level;
use ntlm_net_examples::smb::server::{Request, ServerConnection};
use ntlm_net_examples::smb::{Command, Status};
use ntlm_net_examples::tcp::DeadlineStream;
use ntlm_net_examples::users::Users;

/// Logs clients of SMB 2.0.2, 2.1 and 3.1.1 in, and lets them connect to IPC$, in which there is
/// nothing.
#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4450")]
    listen: SocketAddr,

    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the
    /// password "correct horse"
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Accept anonymous clients
    #[arg(long)]
    anonymous: bool,

    /// Accept NTLM without SPNEGO too
    #[arg(long)]
    bare: bool,

    /// The LAN Manager authentication level, 0 to 5: 5 accepts NTLMv2 alone, 4 NTLMv1 too, 0 also
    /// without extended session security
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

/// What all connections share.
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
    let listener = TcpListener::bind(options.listen)?;
    println!("listening on {}", listener.local_addr()?);
    serve_each(&listener, MOST_CONNECTIONS, move |stream, _| {
        if let Err(error) = service.converse(stream) {
            println!("closed reason={:?}", format!("{error:#}"));
        }
    })
}

/// The session of a connection: this server has one at a time.
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
                (Some(Command::Negotiate), Session::None) => {
                    connection.negotiate(&request, &Acceptor::hints())?;
                    Session::None
                }
                (Some(Command::SessionSetup), Session::LoggingIn(state)) => {
                    self.session_setup(&mut connection, &request, state, from)?
                }
                (Some(Command::SessionSetup), Session::None) => {
                    self.session_setup(&mut connection, &request, self.acceptor.start(), from)?
                }
                (Some(Command::Logoff), Session::LoggedIn) => {
                    respond_briefly(&mut connection, &request)?;
                    connection.stop_signing();
                    Session::None
                }
                (Some(Command::TreeConnect), Session::LoggedIn) => {
                    tree_connect(&mut connection, &request)?;
                    Session::LoggedIn
                }
                (Some(Command::TreeDisconnect), Session::LoggedIn) => {
                    respond_briefly(&mut connection, &request)?;
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

    /// Takes the client's token out of a SESSION_SETUP, and sends the next one ([MS-SMB2] 3.3.5.5.3).
    /// A client that is rejected is sent a status and no token.
    fn session_setup(
        &self,
        connection: &mut ServerConnection,
        request: &Request,
        state: AwaitClient,
        from: SocketAddr,
    ) -> anyhow::Result<Session> {
        let outcome = self.step(state, session_setup_token(request)?);
        let (flags, status, token, session) = match outcome {
            Ok(Outcome::Send(token, next)) => {
                (0, Status::MORE_PROCESSING, token, Session::LoggingIn(next))
            }
            Ok(Outcome::Done(done)) => {
                log_login(from, &done);
                let flags = match done.accepted.identity {
                    // Everyone knows the key, so nothing is signed.
                    Identity::Anonymous => IS_NULL,
                    _ => {
                        connection.start_signing(done.accepted.keys.exported_session_key())?;
                        0
                    }
                };
                (flags, Status::SUCCESS, done.token.unwrap_or_default(), Session::LoggedIn)
            }
            Err((user, error)) => {
                log_rejection(from, user, error);
                connection.respond_with_error(request, Status::from(error.ntstatus()))?;
                return Ok(Session::None);
            }
        };
        connection.respond_to_session_setup(request, SESSION_ID, status, flags, &token)?;
        Ok(session)
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

fn log_login(from: SocketAddr, Established { accepted, client_preferred, .. }: &Established) {
    // Names come from the client: `{:?}` escapes what would break a log.
    let user = accepted.user().as_ref().map(ToString::to_string).unwrap_or_default();
    let response = accepted.identity.response().map_or("none".into(), |kind| format!("{kind:?}"));
    let mic = if accepted.mic_checked { "yes" } else { "no" };
    let preferred = client_preferred.map_or("NTLM".into(), |mechanism| mechanism.to_string());
    println!(
        "login user={user:?} from={from} response={response} mic={mic} preferred={preferred:?}"
    );
}

fn log_rejection(from: SocketAddr, user: Option<UserName>, error: Error) {
    let user = user.as_ref().map(ToString::to_string).unwrap_or_default();
    let reason = error.log().to_string();
    println!("rejected user={user:?} from={from} reason={reason:?} detail={error:?}");
}

/// The token of a SESSION_SETUP (2.2.5).
fn session_setup_token(request: &Request) -> anyhow::Result<&[u8]> {
    let mut fields = request.body();
    fields.take(12)?; // up to SecurityBufferOffset
    request.buffer(fields.u16()?, fields.u16()?)
}

/// Connects to IPC$, the only share (2.2.9, 2.2.10).
fn tree_connect(connection: &mut ServerConnection, request: &Request) -> anyhow::Result<()> {
    let mut fields = request.body();
    fields.take(4)?; // StructureSize, Flags
    let path = printable_utf16le(request.buffer(fields.u16()?, fields.u16()?)?);
    if !path.to_ascii_uppercase().ends_with(r"\IPC$") {
        return connection.respond_with_error(request, Status::BAD_NETWORK_NAME);
    }
    let mut body = Vec::new();
    body.extend(16u16.to_le_bytes()); // StructureSize
    body.extend([SHARE_TYPE_PIPE, 0]);
    body.extend([0; 8]); // ShareFlags, Capabilities
    body.extend(READ_ACCESS.to_le_bytes());
    connection.respond(request, (request.session_id, TREE_ID), Status::SUCCESS, &body)
}

/// Responds with success and nothing more (2.2.8, 2.2.12).
fn respond_briefly(connection: &mut ServerConnection, request: &Request) -> anyhow::Result<()> {
    let ids = (request.session_id, request.tree_id());
    connection.respond(request, ids, Status::SUCCESS, &[4, 0, 0, 0])
}

/// How many clients there may be at once; others are turned away.
const MOST_CONNECTIONS: usize = 200;
/// How long a client may take to log in, and then for each request.
const PATIENCE: Duration = Duration::from_secs(30);
const SESSION_ID: u64 = 1;
const TREE_ID: u32 = 1;
const IS_NULL: u16 = 2;
const SHARE_TYPE_PIPE: u8 = 2;
/// `MaximalAccess`: to read, and to read attributes.
const READ_ACCESS: u32 = 0x0012_0089;
