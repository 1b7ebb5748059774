//! A server that keeps no hashes: it passes challenge and responses on to the domain, through
//! Samba's winbind, and goes on with the answer.
//!
//! ```text
//! cargo run --example pass_through -- server
//! cargo run --example pass_through -- client --user 'EXAMPLE\alice:correct horse' 127.0.0.1:9390
//! ```
//!
//! The machine must be a member of the domain, or its controller: `wbinfo --ping-dc` says so. The
//! server must be allowed to use winbind's privileged pipe: as root, or in the group
//! `winbindd_priv`.
//!
//! # One server becomes many
//!
//! All that a server knows of a login is in the state of that one connection, from the NEGOTIATE to
//! the session key; who may log in, only the domain knows. So any number of these servers can stand
//! behind a load balancer that keeps connections, as TCP balancers do: nothing is shared between
//! them, and nothing is lost when one goes but its own connections.
//!
//! ```text
//! # haproxy.cfg
//! listen pass_through
//!     mode tcp
//!     bind :9390
//!     server one 10.0.0.1:9390 check
//!     server two 10.0.0.2:9390 check
//! ```
//!
//! A balancer that spreads the messages of one connection, as those for HTTP may, breaks NTLM:
//! see the example `reverse_proxy`. The servers should have one name (`--name`) if clients look at
//! it. Each login costs the domain controllers one request, which winbind sends through a channel
//! that it keeps open; whoever counts wrong passwords is the domain, for all servers together.
//!
//! What to copy is [`Service::let_in`], and [`Winbind::ask`] with what its answers mean.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, Subcommand};
use ntlm::error::Denied;
use ntlm::server::{Accepted, Claim, Names, NetworkLogon, Policy, Validation};
use ntlm::session::{Protection, Session, Signature};
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, Error, LmCompatibility, Os, Server, Text, UserName, client};
use ntlm_net_examples::credentials::LoginOptions;
use ntlm_net_examples::encoding::{hex, unhex};

/// Lets clients in whom the domain vouches for.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Let clients in
    Server(ServerOptions),
    /// Log in, and have one message said back
    Client(ClientOptions),
}

#[derive(Args)]
struct ServerOptions {
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9390")]
    listen: SocketAddr,

    /// The NetBIOS name that is told to clients
    #[arg(long, value_name = "NAME", default_value = "SERVER")]
    name: String,

    /// The domain's NetBIOS name
    #[arg(long, value_name = "NAME", default_value = "EXAMPLE")]
    domain: String,

    /// The LAN Manager authentication level, 0 to 5: 5 passes on NTLMv2 alone, 4 NTLMv1 too, 3 and
    /// less all. The domain has its own
    #[arg(long, value_name = "N", default_value = "5", value_parser = parse_level)]
    level: LmCompatibility,

    /// Samba's program that asks the domain
    #[arg(long, value_name = "PROGRAM", default_value = "ntlm_auth")]
    ntlm_auth: String,

    /// Samba's program that looks up names, for the log
    #[arg(long, value_name = "PROGRAM", default_value = "wbinfo")]
    wbinfo: String,
}

#[derive(Args)]
struct ClientOptions {
    /// The server
    server: SocketAddr,

    #[command(flatten)]
    login: LoginOptions,

    /// The LAN Manager authentication level, 0 to 5: below 3, responses are weaker than NTLMv2
    #[arg(long, value_name = "N", default_value = "3", value_parser = parse_level)]
    level: LmCompatibility,

    /// What to say
    #[arg(long, value_name = "TEXT", default_value = "for your eyes only")]
    message: String,
}

fn parse_level(text: &str) -> Result<LmCompatibility, &'static str> {
    let level = text.parse::<u8>().ok().and_then(|level| LmCompatibility::try_from(level).ok());
    level.ok_or("it is a number from 0 to 5")
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

/// How long a peer may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many clients there may be at once; others are turned away.
const MOST_CONNECTIONS: usize = 200;

fn serve(options: &ServerOptions) -> anyhow::Result<()> {
    let mut policy = Policy::default();
    policy.lm_compatibility = options.level;
    // Whoever clears the flag on the way gets nothing in clear.
    policy.require = NegotiateFlags::NEGOTIATE_SEAL;
    // So that NTLMv1 clients without extended session security get in where the level lets them.
    if options.level < LmCompatibility::RefuseLmAndNtlm {
        policy.require_when_protected = NegotiateFlags::NEGOTIATE_128;
    }
    let names = Names::member(options.name.as_str(), options.domain.as_str());
    let service = Arc::new(Service {
        server: Server::new(names).with_policy(policy),
        winbind: Winbind { ntlm_auth: options.ntlm_auth.clone(), wbinfo: options.wbinfo.clone() },
    });
    let listener = TcpListener::bind(options.listen)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of file descriptors, most likely: some will be given back.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let service = Arc::clone(&service);
        if Arc::strong_count(&service) > MOST_CONNECTIONS {
            continue;
        }
        // A thread for each connection, and in it all of its state.
        thread::spawn(move || {
            if let Err(error) = service.converse(stream) {
                println!("closed reason={:?}", format!("{error:#}"));
            }
        });
    }
    Ok(())
}

/// What all connections share, none of which changes.
struct Service {
    server: Server,
    winbind: Winbind,
}

impl Service {
    fn converse(&self, stream: TcpStream) -> anyhow::Result<()> {
        let from = stream.peer_addr()?;
        let mut frames = Frames::new(stream)?;
        let Accepted { user, keys, .. } = match self.let_in(&mut frames)? {
            Ok(accepted) => {
                log_login(from, &accepted);
                frames.send(&[VERDICT_ACCEPTED])?;
                accepted
            }
            Err(refusal) => {
                println!("refused from={from} {refusal}");
                // The same whatever it was.
                return frames.send(&[VERDICT_REFUSED]);
            }
        };
        let mut session = keys.into_session()?;
        let message = unseal(&mut session, frames.receive()?)?;
        let user = user.map(|user| user.to_string()).unwrap_or_default();
        let answer = format!("{user} said: {}", String::from_utf8_lossy(&message));
        frames.send(&seal(&mut session, answer.as_bytes())?)
    }

    /// The three messages; the outer result is about the connection, the inner one about the
    /// client.
    fn let_in(&self, frames: &mut Frames) -> anyhow::Result<Result<Accepted, Refusal>> {
        let negotiate = frames.receive()?;
        let (challenge, handshake) = match self.server.challenge(&negotiate, &mut Os) {
            Ok(challenged) => challenged,
            Err(error) => return Ok(Err(error.into())),
        };
        frames.send(&challenge)?;
        let authenticate = frames.receive()?;
        Ok(handshake
            .read(&authenticate, &mut Os)
            .map_err(Refusal::from)
            .and_then(|claim| self.verify(claim)))
    }

    fn verify(&self, claim: Claim) -> Result<Accepted, Refusal> {
        let Claim::User(claim) = claim else {
            // The policy does not let them get here.
            return Err(Error::from(Denied::UnknownUser).into());
        };
        let user = claim.claimed_user().clone();
        let refusal = |error: Error, status: &str| Refusal {
            user: Some(user.clone()),
            status: status.into(),
            error,
        };
        let logon = claim.network_logon().map_err(|error| refusal(error, ""))?;
        match self.winbind.ask(&logon) {
            Ok(validation) => {
                claim.with_validation(&validation).map_err(|error| refusal(error, "NT_STATUS_OK"))
            }
            Err(Unvouched { reason, status }) => Err(refusal(claim.deny(reason), &status)),
        }
    }
}

/// A client that is not let in, for the log.
struct Refusal {
    user: Option<UserName>,
    /// What the domain said.
    status: String,
    error: Error,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { user: None, status: String::new(), error }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, status, error } = self;
        // Names come from the client: `{:?}` escapes what would break a log.
        let user = user.as_ref().map(ToString::to_string).unwrap_or_default();
        write!(f, "user={user:?} detail={error:?} status={status:?}")
    }
}

fn log_login(from: SocketAddr, accepted: &Accepted) {
    let user = accepted.user.as_ref().map(ToString::to_string).unwrap_or_default();
    let response = accepted.response.map_or("none".into(), |kind| format!("{kind:?}"));
    let mic = if accepted.mic_checked { "yes" } else { "no" };
    println!("login user={user:?} from={from} response={response} mic={mic}");
}

/// Samba's winbind, asked by its programs.
struct Winbind {
    ntlm_auth: String,
    wbinfo: String,
}

/// The domain does not vouch for a client.
struct Unvouched {
    reason: Denied,
    status: String,
}

/// How long winbind may take, which asks other machines.
const WINBIND_PATIENCE: Duration = Duration::from_secs(20);

impl Winbind {
    /// Asks the domain about a claim.
    ///
    /// The responses are in the command line, where the users of this machine can see them for a
    /// moment; if there are others than the server's, `--helper-protocol=ntlm-server-1` takes them
    /// on standard input, but says less of refusals.
    fn ask(&self, logon: &NetworkLogon<'_>) -> Result<Validation, Unvouched> {
        let nobody = || Unvouched { reason: Denied::UnknownUser, status: "no name".into() };
        let user = argument(logon.user.user()).ok_or_else(nobody)?;
        let domain = argument(logon.user.domain()).ok_or_else(nobody)?;
        let mut command = Command::new(&self.ntlm_auth);
        // With `=`, so that no name is taken for an option.
        command.args(["--request-nt-key", "--request-lm-key"]);
        command.arg(format!("--username={user}"));
        if !domain.is_empty() {
            command.arg(format!("--domain={domain}"));
        }
        if let Some(workstation) = argument(logon.workstation).filter(|name| !name.is_empty()) {
            command.arg(format!("--workstation={workstation}"));
        }
        command.arg(format!("--challenge={}", hex(&logon.challenge)));
        if !logon.nt_response.is_empty() {
            command.arg(format!("--nt-response={}", hex(logon.nt_response)));
        }
        if !logon.lm_response.is_empty() {
            command.arg(format!("--lm-response={}", hex(logon.lm_response)));
        }
        let output = run(&mut command, WINBIND_PATIENCE).map_err(|error| Unvouched {
            reason: Denied::LookupFailed,
            status: format!("{}: {error}", self.ntlm_auth),
        })?;
        if let Some(validation) = validation(&output) {
            return Ok(validation);
        }
        let mut unvouched = unvouched(&output);
        // winbind may say the same of a wrong password and of an unknown user, and takes as long
        // with either: to the client these two are alike. Others are not: of an account that is
        // locked out or disabled the answer comes sooner, as from the domain itself.
        if unvouched.reason == Denied::WrongPassword && !self.may_know(user, domain) {
            unvouched.reason = Denied::UnknownUser;
        }
        Err(unvouched)
    }

    /// Whether there may be such a user: winbind does not say that there is none, which it may only
    /// of names that it looks up, so not of user principal names.
    fn may_know(&self, user: &str, domain: &str) -> bool {
        let name = if domain.is_empty() { user.to_owned() } else { format!("{domain}\\{user}") };
        let mut command = Command::new(&self.wbinfo);
        let found = run(command.arg(format!("--name-to-sid={name}")), WINBIND_PATIENCE);
        // `WBC_ERR_DOMAIN_NOT_FOUND` of Samba 4.17 means the user too.
        let is_unknown = |output: String| {
            output.contains("WBC_ERR_DOMAIN_NOT_FOUND") || output.contains("WBC_ERR_NOT_MAPPED")
        };
        user.contains('@') || !found.is_ok_and(is_unknown)
    }
}

/// A name as an argument. NUL would end it, and no account is called so.
fn argument(name: &Text) -> Option<&str> {
    name.as_str().filter(|name| !name.contains('\0'))
}

/// `NT_KEY: ` and 32 digits: the user session key. `LM_KEY: ` and 16.
fn validation(output: &str) -> Option<Validation> {
    let key = |name| output.lines().find_map(|line| unhex(line.strip_prefix(name)?.trim()));
    let validation = Validation::new(key("NT_KEY:")?.try_into().ok()?);
    Some(match key("LM_KEY:").and_then(|key| key.try_into().ok()) {
        Some(key) => validation.with_lm_session_key(key),
        None => validation,
    })
}

/// What the status says, such as `NT_STATUS_WRONG_PASSWORD: ... (0xc000006a)` ([MS-ERREF] 2.3.1).
fn unvouched(output: &str) -> Unvouched {
    let status = output.lines().find(|line| line.contains("(0x")).unwrap_or(output).trim();
    let code = status.rsplit_once("(0x").and_then(|(_, code)| code.strip_suffix(')'));
    let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
    let reason = match code {
        // STATUS_NO_SUCH_USER
        Some(0xc000_0064) => Denied::UnknownUser,
        // STATUS_WRONG_PASSWORD, STATUS_LOGON_FAILURE: one that does not say which
        Some(0xc000_006a | 0xc000_006d) => Denied::WrongPassword,
        // STATUS_ACCOUNT_RESTRICTION, INVALID_LOGON_HOURS, INVALID_WORKSTATION, PASSWORD_EXPIRED,
        // ACCOUNT_DISABLED, LOGON_TYPE_NOT_GRANTED, ACCOUNT_EXPIRED, PASSWORD_MUST_CHANGE,
        // ACCOUNT_LOCKED_OUT
        Some(0xc000_006e..=0xc000_0072 | 0xc000_015b | 0xc000_0193 | 0xc000_0224 | 0xc000_0234) => {
            Denied::AccountRestriction
        }
        // STATUS_NTLM_BLOCKED
        Some(0xc000_0418) => Denied::NtlmBlocked,
        // STATUS_OBJECT_NAME_NOT_FOUND (winbind's pipe), NO_LOGON_SERVERS, and what has no status.
        None | Some(0xc000_0034 | 0xc000_005e) => Denied::LookupFailed,
        Some(_) => Denied::DomainController,
    };
    Unvouched { reason, status: status.into() }
}

/// What a program prints, which is little.
fn run(command: &mut Command, patience: Duration) -> io::Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let ended = wait(&mut child, patience);
    if ended.is_err() {
        child.kill()?;
    }
    let output = child.wait_with_output()?;
    ended?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn wait(child: &mut Child, patience: Duration) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn log_in(options: &ClientOptions) -> anyhow::Result<()> {
    let credentials = options.login.credentials()?.unwrap_or_else(Credentials::anonymous);
    let mut policy = client::Policy::default();
    policy.lm_compatibility = options.level;
    if !options.level.offers_extended_session_security() {
        policy.require_when_protected = NegotiateFlags::NEGOTIATE_128;
    }
    let client = Client::new(credentials).with_policy(policy).with_protection(Protection::Seal);
    let mut frames = Frames::new(TcpStream::connect(options.server)?)?;
    let (negotiate, await_challenge) = client.initiate()?;
    frames.send(&negotiate)?;
    let challenge = frames.receive()?;
    ensure!(challenge != [VERDICT_REFUSED], "access denied");
    let response = await_challenge.respond(&challenge, &mut Os)?;
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

/// The signature, and the sealed message.
fn seal(session: &mut Session, message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut frame = [&[0; 16], message].concat();
    let signature = session.seal(&mut frame[16..])?;
    frame[..16].copy_from_slice(signature.as_bytes());
    Ok(frame)
}

fn unseal(session: &mut Session, mut frame: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut message = frame.split_off(frame.len().min(16));
    session.unseal(&mut message, &Signature::try_from(frame.as_slice())?)?;
    Ok(message)
}

/// Tokens and messages on a connection, each after its length in four bytes.
struct Frames {
    stream: TcpStream,
}

/// What the server says to the AUTHENTICATE. No token is one byte long.
const VERDICT_ACCEPTED: u8 = 0;
const VERDICT_REFUSED: u8 = 1;

const MAX_FRAME_LEN: u32 = 65_536;

impl Frames {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream })
    }

    fn send(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        let len = u32::try_from(frame.len())?;
        Ok(self.stream.write_all(&[&len.to_be_bytes(), frame].concat())?)
    }

    fn receive(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len).context("there is no answer")?;
        let len = u32::from_be_bytes(len);
        ensure!(len <= MAX_FRAME_LEN, "a message is too long");
        let mut frame = vec![0; usize::try_from(len)?];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(output: &str) -> Denied {
        unvouched(output).reason
    }

    #[test]
    fn reasons_are_told_apart_by_the_status() {
        for (output, expected) in [
            ("NT_STATUS_NO_SUCH_USER: ... (0xc0000064)\n", Denied::UnknownUser),
            ("NT_STATUS_WRONG_PASSWORD: ... (0xc000006a)", Denied::WrongPassword),
            ("NT_STATUS_LOGON_FAILURE: ... (0xc000006d)", Denied::WrongPassword),
            ("The user account ... locked (0xc0000234)", Denied::AccountRestriction),
            ("NT_STATUS_ACCOUNT_DISABLED (0xc0000072)", Denied::AccountRestriction),
            ("NTLM blocked (0xc0000418)", Denied::NtlmBlocked),
            ("no logon servers (0xc000005e)", Denied::LookupFailed),
            ("what is this? (0xc0000001)", Denied::DomainController),
            ("could not obtain winbind interface details", Denied::LookupFailed),
            ("", Denied::LookupFailed),
        ] {
            assert_eq!(reason(output), expected, "{output}");
        }
    }

    #[test]
    fn a_key_is_needed_to_be_vouched_for() {
        let output = "NT_KEY: 000102030405060708090A0B0C0D0E0F\n";
        assert!(validation(output).is_some());
        assert!(validation(&(output.to_owned() + "LM_KEY: 0001020304050607\n")).is_some());
        for output in ["", "NT_KEY: \n", "NT_KEY: 00\n", "NT_STATUS_OK: (0x0)\n"] {
            assert!(validation(output).is_none(), "{output}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let start = Instant::now();
        let ended = run(Command::new("sleep").arg("60"), Duration::from_millis(50));
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(run(&mut Command::new("/does/not/exist"), PATIENCE).is_err());
    }
}
