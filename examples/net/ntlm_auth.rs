//! A helper for programs that speak NTLM through Samba's `ntlm_auth`, such as Squid, Dovecot and
//! Apache's mod_auth_ntlm_winbind (as servers), wine and old browsers (as clients): the same
//! lines on standard input and output, but no Samba, no winbind and no domain.
//!
//! ```text
//! echo "EXAMPLE\\alice:$(echo 'correct horse' | cargo run -q --example http_server -- --hash)" > users
//! cargo build --example ntlm_auth
//! ```
//!
//! In `squid.conf`:
//!
//! ```text
//! auth_param ntlm program /usr/local/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp \
//!     --users /etc/squid/users --domain EXAMPLE
//! auth_param ntlm children 20
//! acl users proxy_auth REQUIRED
//! http_access allow users
//! ```
//!
//! One process serves one login at a time. Squid sends no channel-ID to it, also if `children` has
//! a `concurrency=`, since it keeps each helper for one client until that is done.
//!
//! Dovecot calls a program without arguments of ours, so it takes a script:
//!
//! ```text
//! auth_mechanisms = ntlm
//! auth_use_winbind = yes
//! auth_winbind_helper_path = /etc/dovecot/ntlm_auth
//!
//! #!/bin/sh
//! exec /usr/local/bin/ntlm_auth "$@" --users /etc/dovecot/users --domain EXAMPLE
//! ```
//!
//! As a client, for a program that brings the transport:
//!
//! ```text
//! NTLM_PASSWORD='correct horse' ntlm_auth --helper-protocol=ntlmssp-client-1 \
//!     --username alice --domain EXAMPLE
//! ```
//!
//! Not all options of Samba's program are taken; these must go from its command line:
//! `--require-membership-of` (the file says who may log in), `--configfile` and `-d`.
//!
//! Refusals are told apart on standard error, which Squid puts into its `cache.log`; on standard
//! output they look alike. What to copy is [`ServerHelper`] and [`ClientHelper`].

use std::io::{self, BufRead, Read, Write};
use std::mem;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use ntlm::client::{self, Response};
use ntlm::error::Denied;
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, Policy};
use ntlm::session::Protection;
use ntlm::wire::{Challenge, Negotiate, NegotiateFlags};
use ntlm::{Client, Credentials, Error, LmCompatibility, Os, Server, SessionKeys, UserName};
use ntlm_net_examples::encoding::{base64, unbase64};
use ntlm_net_examples::users::Users;

/// Speaks NTLM on standard input and output, as Samba's `ntlm_auth` does.
#[derive(Parser)]
// As Samba's: of an option that comes twice, the last one counts.
#[command(args_override_self = true)]
struct Options {
    /// Which part to play: squid-2.5-ntlmssp is the server's, ntlmssp-client-1 the client's
    #[arg(long, value_enum)]
    helper_protocol: Protocol,

    /// As a server: who may log in, lines `DOMAIN\user:NT hash`
    #[arg(long, value_name = "FILE", env = "NTLM_USERS")]
    users: Option<PathBuf>,

    /// As a client: the user
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// As a client: the user's domain; as a server: its own, which it tells to clients
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,

    /// As a client: the password, which the command PW can tell too; better than here, where
    /// everybody can see it, it is in the variable
    #[arg(long, env = "NTLM_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// The name of this machine, which is told to the other side
    #[arg(long, value_name = "NAME")]
    workstation: Option<String>,

    /// As a client: the service that is asked for, such as HTTP
    #[arg(long, value_name = "NAME", requires = "target_hostname")]
    target_service: Option<String>,

    /// As a client: the host that is asked
    #[arg(long, value_name = "NAME", requires = "target_service")]
    target_hostname: Option<String>,

    /// The LAN Manager authentication level, 0 to 5: below 3, a client's responses are weaker than
    /// NTLMv2; below 5, a server takes weaker ones. Default: 3 for clients, 5 for servers
    #[arg(long, value_name = "N", value_parser = parse_level)]
    level: Option<LmCompatibility>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protocol {
    #[value(name = "squid-2.5-ntlmssp")]
    Server,
    #[value(name = "ntlmssp-client-1")]
    Client,
}

fn parse_level(text: &str) -> Result<LmCompatibility, &'static str> {
    let level = text.parse::<u8>().ok().and_then(|level| LmCompatibility::try_from(level).ok());
    level.ok_or("it is a number from 0 to 5")
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ntlm_auth: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    match options.helper_protocol {
        Protocol::Server => {
            let mut helper = ServerHelper::new(options)?;
            converse(|line| helper.answer(line))
        }
        Protocol::Client => {
            let mut helper = ClientHelper::new(options)?;
            converse(|line| helper.answer(line))
        }
    }
}

/// Answers each line until there are no more. The answer is sent at once: the other side waits.
fn converse(mut answer: impl FnMut(Line<'_>) -> String) -> anyhow::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut bytes = Vec::new();
    while read_line(&mut input, &mut bytes)? {
        let answer = match Line::parse(&bytes) {
            Some(line) => answer(line),
            None => "BH Query invalid".into(),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// Longer than the longest token in base64.
const MAX_LINE_LEN: u64 = 100_000;

/// Whether there was a line. One that is too long is passed over, and counts as empty.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut is_whole = true;
    loop {
        line.clear();
        let len = input.by_ref().take(MAX_LINE_LEN).read_until(b'\n', line)?;
        if line.len() < MAX_LINE_LEN as usize || line.ends_with(b"\n") {
            let is_there = len > 0 || !is_whole;
            if !is_whole {
                line.clear();
            }
            return Ok(is_there);
        }
        is_whole = false;
    }
}

/// A command, and what follows it after a space.
#[derive(Clone, Copy)]
struct Line<'a> {
    command: &'a str,
    argument: &'a str,
}

impl<'a> Line<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(['\r', '\n']);
        let (command, argument) = text.split_once(' ').unwrap_or((text, ""));
        (text.len() >= 2).then_some(Self { command, argument })
    }

    /// The token; empty if there is none, and if it is no base64, so that it is no message either.
    /// Squid can be told to add words of its own behind it (`key_extras`).
    fn token(self) -> Vec<u8> {
        unbase64(self.argument.split(' ').next().unwrap_or_default()).unwrap_or_default()
    }
}

/// The server's side: NEGOTIATE in, CHALLENGE out; AUTHENTICATE in, the user's name out.
struct ServerHelper {
    server: Server,
    users: Users,
    state: ServerState,
}

enum ServerState {
    /// A NEGOTIATE comes next.
    Start,
    /// An AUTHENTICATE comes next.
    Challenged(AwaitAuthenticate, NegotiateFlags),
    Accepted(SessionKeys),
}

impl ServerHelper {
    fn new(options: &Options) -> anyhow::Result<Self> {
        let users = options.users.as_deref().context("a server needs --users")?;
        let workstation = options.workstation.as_deref().unwrap_or("SERVER");
        let names = match &options.domain {
            Some(domain) => Names::member(workstation, domain.as_str()),
            None => Names::standalone(workstation),
        };
        let mut policy = Policy::default();
        policy.lm_compatibility = options.level.unwrap_or(policy.lm_compatibility);
        Ok(Self {
            server: Server::new(names).with_policy(policy),
            users: Users::read(users)?,
            state: ServerState::Start,
        })
    }

    fn answer(&mut self, line: Line<'_>) -> String {
        match line.command {
            // A new client, whatever became of the last one.
            "YR" => {
                self.state = ServerState::Start;
                self.step(&line.token())
            }
            "KK" | "TT" if !line.argument.is_empty() => self.step(&line.token()),
            "GK" => session_key(match &self.state {
                ServerState::Accepted(keys) => Some(keys),
                _ => None,
            }),
            "GF" => flags(match &self.state {
                ServerState::Start => None,
                ServerState::Challenged(_, flags) => Some(*flags),
                ServerState::Accepted(keys) => Some(keys.flags()),
            }),
            // What the client asks for is granted anyway, and there is nobody to be.
            "SF" | "PW" if !line.argument.is_empty() => "OK".into(),
            "OK" => "BH Command expected".into(),
            _ => "BH SPNEGO request invalid prefix".into(),
        }
    }

    fn step(&mut self, token: &[u8]) -> String {
        match mem::replace(&mut self.state, ServerState::Start) {
            ServerState::Challenged(handshake, _) => self.finish(handshake, token),
            _ => self.begin(token),
        }
    }

    fn begin(&mut self, negotiate: &[u8]) -> String {
        let started = self.server.challenge(negotiate, &mut Os).and_then(|(token, handshake)| {
            let flags = Challenge::parse(&token)?.flags;
            Ok((token, ServerState::Challenged(handshake, flags)))
        });
        match started {
            Ok((token, state)) => {
                self.state = state;
                format!("TT {}", base64(&token))
            }
            Err(error) => refuse(error, None),
        }
    }

    fn finish(&mut self, handshake: AwaitAuthenticate, authenticate: &[u8]) -> String {
        let claim = match handshake.read(authenticate, &mut Os) {
            Ok(Claim::User(claim)) => claim,
            // The policy allows no anonymous clients.
            Ok(Claim::Anonymous(_)) => return refuse(Denied::UnknownUser.into(), None),
            Err(error) => return refuse(error, None),
        };
        let claimed = claim.claimed_user().clone();
        let Some(user) = self.users.find(&claimed) else {
            return refuse(claim.deny(Denied::UnknownUser), Some(&claimed));
        };
        match claim.with_nt_hash(&user.hash) {
            Ok(Accepted { keys, .. }) => {
                self.state = ServerState::Accepted(keys);
                // As the file has it: a name from the client could hold a line break, or a domain
                // that nobody has checked.
                format!("AF {}", user.name)
            }
            Err(error) => refuse(error, Some(&claimed)),
        }
    }
}

/// The client's side: NEGOTIATE out; CHALLENGE in, AUTHENTICATE out.
struct ClientHelper {
    /// Without the password, which may come late.
    template: Template,
    password: Option<String>,
    protection: Protection,
    state: ClientState,
}

/// All that is known of a client from the beginning.
struct Template {
    user: UserName,
    policy: client::Policy,
    workstation: String,
    target: Option<String>,
}

enum ClientState {
    Start,
    /// A CHALLENGE comes next.
    Negotiated(NegotiateFlags),
    /// A password comes next, and then this CHALLENGE is answered.
    NeedsPassword(Vec<u8>),
    Responded(SessionKeys),
}

impl ClientHelper {
    fn new(options: &Options) -> anyhow::Result<Self> {
        let user = options.username.as_deref().context("a client needs --username")?;
        let mut policy = client::Policy::default();
        policy.lm_compatibility = options.level.unwrap_or(policy.lm_compatibility);
        let target = options.target_service.as_ref().zip(options.target_hostname.as_ref());
        let template = Template {
            user: UserName::new(user, options.domain.as_deref().unwrap_or_default()),
            policy,
            workstation: options.workstation.clone().unwrap_or_default(),
            target: target.map(|(service, host)| format!("{service}/{host}")),
        };
        let password = options.password.clone();
        Ok(Self { template, password, protection: Protection::None, state: ClientState::Start })
    }

    fn answer(&mut self, line: Line<'_>) -> String {
        match line.command {
            "YR" => self.begin(),
            "TT" | "KK" if !line.argument.is_empty() => self.receive(line.token()),
            "PW" if !line.argument.is_empty() => self.learn_password(&line.token()),
            "SF" if !line.argument.is_empty() => {
                self.protection = protection(line.argument);
                "OK".into()
            }
            "GK" => session_key(match &self.state {
                ClientState::Responded(keys) => Some(keys),
                _ => None,
            }),
            "GF" => flags(match &self.state {
                ClientState::Start | ClientState::NeedsPassword(_) => None,
                ClientState::Negotiated(flags) => Some(*flags),
                ClientState::Responded(keys) => Some(keys.flags()),
            }),
            "OK" => "BH Command expected".into(),
            _ => "BH SPNEGO request invalid prefix".into(),
        }
    }

    /// Nothing of it depends on the password.
    fn begin(&mut self) -> String {
        let begun = self.client("").initiate().and_then(|(token, _)| {
            let flags = Negotiate::parse(&token)?.flags;
            Ok((token, flags))
        });
        match begun {
            Ok((token, flags)) => {
                self.state = ClientState::Negotiated(flags);
                format!("YR {}", base64(&token))
            }
            Err(error) => refuse(error, None),
        }
    }

    fn receive(&mut self, challenge: Vec<u8>) -> String {
        let ClientState::Negotiated(_) = mem::replace(&mut self.state, ClientState::Start) else {
            return "NA NT_STATUS_INVALID_PARAMETER".into();
        };
        match &self.password {
            Some(password) => self.respond(&challenge, &password.clone()),
            None => {
                self.state = ClientState::NeedsPassword(challenge);
                "PW".into()
            }
        }
    }

    fn respond(&mut self, challenge: &[u8], password: &str) -> String {
        // Makes the same NEGOTIATE as before, which the MIC covers.
        let begun = self.client(password).initiate();
        match begun.and_then(|(_, handshake)| handshake.respond(challenge, &mut Os)) {
            Ok(Response { token, keys, .. }) => {
                self.state = ClientState::Responded(keys);
                format!("AF {}", base64(&token))
            }
            Err(error) => refuse(error, None),
        }
    }

    /// A password that was asked for is good for this login, as with Samba; another for all that
    /// follow.
    fn learn_password(&mut self, password: &[u8]) -> String {
        let Ok(password) = std::str::from_utf8(password) else { return "BH Query invalid".into() };
        match mem::replace(&mut self.state, ClientState::Start) {
            // Two lines at once.
            ClientState::NeedsPassword(challenge) => {
                format!("OK\n{}", self.respond(&challenge, password))
            }
            state => {
                self.state = state;
                self.password = Some(password.into());
                "OK".into()
            }
        }
    }

    fn client(&self, password: &str) -> Client {
        let Template { user, policy, workstation, target } = &self.template;
        let client = Client::new(Credentials::password(user.clone(), password))
            .with_policy(policy.clone())
            .with_workstation(workstation.as_str())
            .with_protection(self.protection);
        match target {
            Some(target) => client.with_target(target.as_str()),
            None => client,
        }
    }
}

/// What `SF` asks for: `NTLMSSP_FEATURE_SIGN` and the like. To Samba, whoever asks for the session
/// key asks to sign.
fn protection(features: &str) -> Protection {
    if features.contains("NTLMSSP_FEATURE_SEAL") {
        Protection::Seal
    } else if features.contains("NTLMSSP_FEATURE_SIGN")
        || features.contains("NTLMSSP_FEATURE_SESSION_KEY")
    {
        Protection::Sign
    } else {
        Protection::None
    }
}

/// `GK`: the session key.
fn session_key(keys: Option<&SessionKeys>) -> String {
    match keys {
        Some(keys) => format!("GK {}", base64(keys.exported_session_key())),
        None => "BH No session key".into(),
    }
}

/// `GF`: what is negotiated so far.
fn flags(flags: Option<NegotiateFlags>) -> String {
    match flags {
        Some(flags) => format!("GF {:#010x}", flags.bits()),
        None => "BH".into(),
    }
}

/// Says no, to the log why, and to the other side as Samba does.
fn refuse(error: Error, claimed: Option<&UserName>) -> String {
    let claimed = claimed.map(|user| format!(" user={:?}", user.to_string())).unwrap_or_default();
    eprintln!("ntlm_auth: refused{claimed} reason={:?} detail={error:?}", error.to_string());
    match error {
        Error::Denied(_) | Error::Refused(_) => "NA NT_STATUS_LOGON_FAILURE",
        Error::Environment(_) => "BH NT_STATUS_UNSUCCESSFUL",
        _ => "NA NT_STATUS_INVALID_PARAMETER",
    }
    .into()
}

#[cfg(test)]
mod tests {
    use ntlm_net_examples::encoding::hex;

    use super::*;

    fn server() -> ServerHelper {
        let hash = hex(ntlm::NtHash::of_password("correct horse").expose());
        let server = Server::new(Names::member("PROXY", "EXAMPLE"));
        let users = format!("EXAMPLE\\Alice:{hash}\nbob:{hash}\n").parse().unwrap();
        ServerHelper { server, users, state: ServerState::Start }
    }

    fn client(user: &str, password: Option<&str>) -> ClientHelper {
        let template = Template {
            user: UserName::from(user),
            policy: client::Policy::default(),
            workstation: "LAPTOP".into(),
            target: None,
        };
        ClientHelper {
            template,
            password: password.map(Into::into),
            protection: Protection::None,
            state: ClientState::Start,
        }
    }

    trait Helper {
        fn say(&mut self, line: &str) -> String;
    }

    impl Helper for ServerHelper {
        fn say(&mut self, line: &str) -> String {
            self.answer(Line::parse(line.as_bytes()).unwrap())
        }
    }

    impl Helper for ClientHelper {
        fn say(&mut self, line: &str) -> String {
            self.answer(Line::parse(line.as_bytes()).unwrap())
        }
    }

    /// What the server says in the end.
    fn log_in(client: &mut ClientHelper, server: &mut ServerHelper) -> String {
        let challenge = server.say(&client.say("YR"));
        let authenticate = client.say(&challenge).replace("AF ", "KK ");
        server.say(&authenticate)
    }

    #[test]
    fn the_answer_names_the_user_as_the_file_does() {
        let mut server = server();
        for (user, name) in [("example\\ALICE", "EXAMPLE\\Alice"), ("ANY\\Bob", "bob")] {
            let client = &mut client(user, Some("correct horse"));
            assert_eq!(log_in(client, &mut server), format!("AF {name}"));
        }
    }

    #[test]
    fn a_line_break_in_a_name_does_not_get_into_the_answer() {
        let client = &mut client("EVIL\nAF admin\\bob", Some("correct horse"));
        assert_eq!(log_in(client, &mut server()), "AF bob");
    }

    #[test]
    fn refusals_look_alike() {
        for user in ["EXAMPLE\\alice", "EXAMPLE\\nobody"] {
            let client = &mut client(user, Some("wrong"));
            assert_eq!(log_in(client, &mut server()), "NA NT_STATUS_LOGON_FAILURE");
        }
    }

    #[test]
    fn both_sides_tell_the_same_key_and_flags() {
        let (mut server, mut client) = (server(), client("bob", Some("correct horse")));
        assert_eq!(client.say("GF"), "BH");
        assert_eq!(server.say("GF"), "BH");
        assert_eq!(client.say("SF NTLMSSP_FEATURE_SEAL"), "OK");
        assert_eq!(server.say("SF NTLMSSP_FEATURE_SEAL"), "OK");
        let challenge = server.say(&client.say("YR"));
        assert_eq!(client.say("GK"), "BH No session key");
        assert_eq!(server.say("GK"), "BH No session key");
        let authenticate = client.say(&challenge).replace("AF ", "KK ");
        assert_eq!(server.say(&authenticate), "AF bob");
        let key = client.say("GK");
        assert!(key.starts_with("GK ") && key.len() == 27, "{key}");
        assert_eq!(server.say("GK"), key);
        assert!(client.say("GF").starts_with("GF 0x"));
        assert_eq!(server.say("GF"), client.say("GF"));
    }

    #[test]
    fn the_password_may_come_before_or_after_the_challenge() {
        let password = format!("PW {}", base64(b"correct horse"));
        let mut early = client("bob", None);
        assert_eq!(early.say(&password), "OK");
        assert_eq!(log_in(&mut early, &mut server()), "AF bob");

        let (mut late, mut server) = (client("bob", None), server());
        let challenge = server.say(&late.say("YR"));
        assert_eq!(late.say(&challenge), "PW");
        let answer = late.say(&password);
        let authenticate = answer.strip_prefix("OK\nAF ").unwrap();
        assert_eq!(server.say(&format!("KK {authenticate}")), "AF bob");
    }

    #[test]
    fn a_challenge_is_good_for_one_attempt() {
        let (mut server, mut client) = (server(), client("bob", Some("correct horse")));
        let challenge = server.say(&client.say("YR"));
        let authenticate = client.say(&challenge).replace("AF ", "KK ");
        assert_eq!(client.say(&challenge), "NA NT_STATUS_INVALID_PARAMETER");
        assert_eq!(server.say(&authenticate), "AF bob");
        assert_eq!(server.say(&authenticate), "NA NT_STATUS_INVALID_PARAMETER");
    }

    #[test]
    fn nonsense_is_answered_as_samba_does() {
        let mut server = server();
        for (line, answer) in [
            ("YR", "NA NT_STATUS_INVALID_PARAMETER"),
            ("YR ?", "NA NT_STATUS_INVALID_PARAMETER"),
            ("KK AAAA", "NA NT_STATUS_INVALID_PARAMETER"),
            ("KK", "BH SPNEGO request invalid prefix"),
            ("XX", "BH SPNEGO request invalid prefix"),
            ("YRx", "BH SPNEGO request invalid prefix"),
            ("KKAAAA", "BH SPNEGO request invalid prefix"),
            ("OK", "BH Command expected"),
            ("GK", "BH No session key"),
        ] {
            assert_eq!(server.say(line), answer, "{line}");
        }
        let mut client = client("bob", Some("correct horse"));
        assert_eq!(client.say("TT AAAA"), "NA NT_STATUS_INVALID_PARAMETER");
        assert_eq!(client.say("XX"), "BH SPNEGO request invalid prefix");
        assert_eq!(client.say("YRx"), "BH SPNEGO request invalid prefix");
    }

    #[test]
    fn lines_that_are_too_long_are_passed_over() {
        let long = "YR ".to_owned() + &"A".repeat(250_000);
        let input = format!("YR AA\n{long}\nGK");
        let (mut input, mut line) = (input.as_bytes(), Vec::new());
        let mut lines = Vec::new();
        while read_line(&mut input, &mut line).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["YR AA\n", "", "GK"]);
        assert!(Line::parse(b"Y").is_none());
        assert!(Line::parse(&[0xff; 3]).is_none());
    }
}
