//! A server without password hashes: it passes the challenge and the responses to a domain
//! controller through Samba's winbind, and continues with the answer.
//!
//! ```text
//! cargo run --example pass_through -- server
//! cargo run --example pass_through -- client --user 'EXAMPLE\alice:correct horse' 127.0.0.1:9390
//! ```
//!
//! The machine must be a member of the domain, or its controller; check with `wbinfo --ping-dc`.
//! The server must be allowed to use winbind's privileged pipe: as root, or in the group
//! `winbindd_priv`. If it is not, or winbind does not run, the server rejects all clients and logs
//! `detail=Denied(Rejected(LookupFailed)) status="Reading winbind reply failed!"`.
//!
//! The server writes the responses to the standard input of Samba's `ntlm_auth`, so that other users of
//! the machine do not see them in its command line. `ntlm_auth` sends the name of this machine to the
//! domain in place of the client's workstation. If an account may log on from certain workstations
//! only, this machine must be one of them.
//!
//! # One server becomes many
//!
//! The state of a login, from the NEGOTIATE to the session key, belongs to one connection, and only
//! the domain stores the users. So any number of these servers can run behind a load balancer that
//! keeps connections, as TCP balancers do. The servers share nothing; if one stops, only its own
//! connections are lost.
//!
//! On each of the machines, which are all members of the domain, with the same `--name`:
//!
//! ```text
//! pass_through server --listen 0.0.0.0:9390 --name FILES --domain EXAMPLE
//! ```
//!
//! and in front of them:
//!
//! ```text
//! # haproxy.cfg
//! defaults
//!     mode tcp
//!     timeout connect 5s
//!     # Longer than the servers', which end what is silent for 30 s.
//!     timeout client 60s
//!     timeout server 60s
//!
//! listen pass_through
//!     bind :9390
//!     balance leastconn
//!     server one 10.0.0.1:9390 check
//!     server two 10.0.0.2:9390 check
//! ```
//!
//! A balancer that spreads the messages of one connection, as those for HTTP may, breaks NTLM: see
//! the example `reverse_proxy`. No stickiness is needed beyond the connection: the next one may go
//! to any server. To stop a server, take it out of the balancer first and wait until its
//! connections have ended; the clients log in again at another server.
//!
//! All servers should have the same name (`--name`), because clients may check it. Each login costs
//! the domain controllers one request, which winbind sends through a channel that it keeps open.
//! The domain counts wrong passwords, for all servers together. The servers log the balancer's
//! address instead of the client's, unless both speak the PROXY protocol, which this example leaves
//! out.
//!
//! # What a rejected client learns
//!
//! A rejected client does not learn the reason: it receives the same byte at the same time. A
//! domain answers sooner for a locked account than for a wrong password, so the server sends a
//! rejection one span (`--refuse-after`) after the client's message came or, if the domain took
//! longer, after two spans, and so on. That hides the reason if the domain always answers within
//! one span, so set it longer than `ntlm_auth` ever needs. It does not hide that a login succeeds,
//! nor what the client can find out from the domain itself. Until the rejection is sent, the client
//! counts towards [`MOST_CONNECTIONS`].
//!
//! What to copy is [`Service`] of `src/pass_through.rs`, and [`Winbind`] of `src/winbind.rs`, which
//! interprets winbind's answers.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, Subcommand};
use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, LmCompatibility, Os, Server};
use ntlm_net_examples::connections::serve_each;
use ntlm_net_examples::credentials::LoginOptions;
use ntlm_net_examples::frames::{Frames, seal, unseal};
use ntlm_net_examples::level;
use ntlm_net_examples::pass_through::{Service, VERDICT_ACCEPTED, VERDICT_REFUSED};
use ntlm_net_examples::winbind::Winbind;

/// Accepts the clients that a domain authenticates.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Run the server
    Server(ServerOptions),
    /// Log in, send one message, and print the echo
    Client(ClientOptions),
}

#[derive(Args)]
struct ServerOptions {
    /// Where to listen; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9390")]
    listen: SocketAddr,

    /// The NetBIOS name that is sent to clients
    #[arg(long, value_name = "NAME", default_value = "SERVER")]
    name: String,

    /// The domain's NetBIOS name
    #[arg(long, value_name = "NAME", default_value = "EXAMPLE")]
    domain: String,

    /// The LAN Manager authentication level, 0 to 5: 5 passes on only NTLMv2, 4 also NTLMv1, 3 and
    /// below all responses; 0 also accepts clients without extended session security, so all
    /// sessions of such a user start from one key. The domain has a level of its own
    #[arg(long, value_name = "N", default_value = "5", value_parser = level::parse)]
    level: LmCompatibility,

    /// How long a client waits for a rejection, whatever the reason; 0 sends it at once
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = parse_seconds)]
    refuse_after: Duration,

    /// Samba's program that queries the domain
    #[arg(long, value_name = "PROGRAM", default_value = "ntlm_auth")]
    ntlm_auth: String,
}

#[derive(Args)]
struct ClientOptions {
    /// The server
    server: SocketAddr,

    #[command(flatten)]
    login: LoginOptions,

    /// The LAN Manager authentication level, 0 to 5: below 3, responses are weaker than NTLMv2; at
    /// 0, signatures are weaker too
    #[arg(long, value_name = "N", default_value = "3", value_parser = level::parse)]
    level: LmCompatibility,

    /// The message to send
    #[arg(long, value_name = "TEXT", default_value = "for your eyes only")]
    message: String,
}

fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| *time <= MOST_PATIENCE).ok_or("it is a number from 0 to 20")
}

fn main() -> ExitCode {
    let result = match Options::parse().role {
        Role::Server(options) => serve(&options),
        Role::Client(options) => log_in(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pass_through: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &ServerOptions) -> anyhow::Result<()> {
    let mut policy = level::server_policy(options.level);
    // If a man in the middle clears the flag, the login fails instead of continuing in clear text.
    policy.shared.require = NegotiateFlags::NEGOTIATE_SEAL;
    let names = Names::member(options.name.as_str(), options.domain.as_str());
    let service = Service {
        server: Server::new(names).with_policy(policy).checked()?,
        domain: Winbind { ntlm_auth: options.ntlm_auth.clone(), ..Winbind::default() },
        refuse_after: options.refuse_after,
        pause: thread::sleep,
    };
    let listener = TcpListener::bind(options.listen)?;
    println!("listening on {}", listener.local_addr()?);
    // One thread for each connection, which owns all of its state.
    serve_each(&listener, MOST_CONNECTIONS, move |stream, _| {
        if let Err(error) = service.converse(stream) {
            println!("closed reason={:?}", format!("{error:#}"));
        }
    })
}

fn log_in(options: &ClientOptions) -> anyhow::Result<()> {
    let credentials = options.login.credentials()?;
    let credentials =
        credentials.context("--user is missing: an anonymous client has no key to seal with")?;
    let client = Client::new(credentials)
        .with_policy(level::client_policy(options.level))
        .with_protection(Protection::Seal)
        .checked()?;
    let mut frames = Frames::new(TcpStream::connect(options.server)?)?;
    let (negotiate, await_challenge) = client.initiate()?;
    frames.send(&negotiate)?;
    let challenge = frames.receive()?;
    ensure!(challenge != [VERDICT_REFUSED], "access denied");
    let response = await_challenge.answer(&challenge, &mut Os)?;
    frames.send(&response.token)?;
    match frames.receive()?[..] {
        [VERDICT_ACCEPTED] => {}
        [VERDICT_REFUSED] => bail!("access denied"),
        _ => bail!("the server speaks another protocol"),
    }
    let mut session = response.keys.into_session()?;
    frames.send(&seal(&mut session, options.message.as_bytes())?)?;
    let answer = unseal(&mut session, frames.receive()?)?;
    println!("{:?}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// The most clients at a time; further connections are closed.
const MOST_CONNECTIONS: usize = 200;
/// Less than the 30 seconds of silence after which the client gives up.
const MOST_PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_short_time() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "-1", "21", "inf", "NaN", "2s"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
