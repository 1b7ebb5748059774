//! A web server that requires NTLM, over HTTP and HTTPS, and serves a page or a directory.
//!
//! ```text
//! cargo run --example http_server
//! curl --ntlm --user 'alice:correct horse' http://127.0.0.1:8080/
//! ```
//!
//! `--schemes negotiate,ntlm` also accepts SPNEGO, which Windows, browsers and `curl --negotiate`
//! send.
//!
//! Each line of output is meant for an administrator who audits NTLM: the user, the address, the
//! kind of response and the flags of each login, or the reason for a rejection. Clients receive the
//! same reply to every rejected login; only the log distinguishes a wrong password from an unknown
//! user.
//!
//! What to copy is [`Entrance::converse`](Entrance), which gives each connection its own NTLM state,
//! and [`Site::answer`], which passes each request to that state.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use ntlm::http::Scheme;
use ntlm::server::{Names, Policy};
use ntlm::{ChannelBindings, Enforcement, LmCompatibility, NtHash, Server};
use ntlm_http_examples::entrance::Entrance;
use ntlm_http_examples::site::Site;
use ntlm_http_examples::tls;
use ntlm_http_examples::users::{self, Users};
use tokio::net::TcpListener;

/// Serves a page or a directory to clients that log in with NTLM.
#[derive(Parser)]
struct Arguments {
    /// The directory to serve; the default is a page that greets the user.
    directory: Option<PathBuf>,
    /// Where to listen for HTTP; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where to listen for HTTPS, in addition to HTTP.
    #[arg(long, value_name = "ADDRESS", requires = "certificate", requires = "key")]
    tls_listen: Option<SocketAddr>,
    /// The certificate for HTTPS, with its chain (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_listen")]
    certificate: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_listen")]
    key: Option<PathBuf>,
    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the password
    /// "correct horse".
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Read a password from standard input, print its NT hash for the file of users, and exit.
    #[arg(long)]
    hash: bool,
    /// The LAN Manager authentication level, 0-5: 5 accepts only NTLMv2, 4 also NTLMv1, 3 and below
    /// all responses.
    #[arg(long, value_name = "LEVEL", default_value_t = 5, value_parser = clap::value_parser!(u8).range(..=5))]
    level: u8,
    /// Whether HTTPS clients must send channel bindings. HTTP clients cannot, and are still
    /// accepted.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Bindings::IfPresent, requires = "tls_listen")]
    channel_bindings: Bindings,
    /// Require a message integrity code (MIC).
    #[arg(long)]
    require_mic: bool,
    /// The schemes to offer, in this order. Under `negotiate`, clients log in with SPNEGO or with bare
    /// NTLM messages.
    #[arg(long, value_enum, value_name = "SCHEME", value_delimiter = ',', default_value = "ntlm")]
    schemes: Vec<OfferedScheme>,
    /// Ask for a login as a proxy does: 407, `Proxy-Authenticate`. It does not forward requests.
    #[arg(long)]
    proxy: bool,
    /// Also log the steps of each handshake.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bindings {
    Ignore,
    IfPresent,
    Require,
}

#[derive(Clone, Copy, ValueEnum)]
enum OfferedScheme {
    Negotiate,
    Ntlm,
}

impl From<OfferedScheme> for Scheme {
    fn from(scheme: OfferedScheme) -> Self {
        match scheme {
            OfferedScheme::Negotiate => Self::Negotiate,
            OfferedScheme::Ntlm => Self::Ntlm,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.hash {
        let password = io::read_to_string(io::stdin())?;
        println!("{}", users::digits(&NtHash::from_password(password.trim_end_matches('\n'))));
        return Ok(());
    }
    let site = Arc::new(site(&arguments)?);
    let listener = listen("http", arguments.listen).await?;
    let plain = Entrance { site: site.clone(), server: server(&arguments, None)?, tls: None };
    tokio::spawn(Arc::new(plain).serve(listener));

    if let (Some(address), Some(certificate), Some(key)) =
        (arguments.tls_listen, &arguments.certificate, &arguments.key)
    {
        let (acceptor, bindings) = tls::acceptor(certificate, key)?;
        let listener = listen("https", address).await?;
        let server = server(&arguments, Some(bindings))?;
        let secure = Entrance { site, server, tls: Some(acceptor) };
        tokio::spawn(Arc::new(secure).serve(listener));
    }
    Ok(tokio::signal::ctrl_c().await?)
}

async fn listen(scheme: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let context = || format!("cannot listen on {address}");
    let listener = TcpListener::bind(address).await.with_context(context)?;
    println!("listening on {scheme}://{}", listener.local_addr()?);
    Ok(listener)
}

/// The settings of NTLM. Plain HTTP has no channel bindings.
fn server(arguments: &Arguments, bindings: Option<ChannelBindings>) -> Result<Server, ntlm::Error> {
    let mut policy = Policy::default();
    policy.shared.lm_compatibility =
        LmCompatibility::try_from(arguments.level).unwrap_or(policy.shared.lm_compatibility);
    policy.shared.require_mic = arguments.require_mic;
    let names = Names::member("WEB", "EXAMPLE").with_dns_computer("localhost");
    let Some(bindings) = bindings else { return Server::new(names).with_policy(policy).checked() };
    policy.channel_bindings = match arguments.channel_bindings {
        Bindings::Ignore => Enforcement::Off,
        Bindings::IfPresent => Enforcement::IfPresent,
        Bindings::Require => Enforcement::Required,
    };
    Server::new(names).with_policy(policy).with_channel_bindings(bindings).checked()
}

/// The content, and the users who may read it.
fn site(arguments: &Arguments) -> anyhow::Result<Site> {
    let users = match &arguments.users {
        Some(file) => Users::read(file)?,
        None => Users::one("alice", "correct horse"),
    };
    let secrets = [&arguments.users, &arguments.key, &arguments.certificate].into_iter();
    let directory = match &arguments.directory {
        Some(directory) => Some(
            directory
                .canonicalize()
                .with_context(|| format!("cannot serve {}", directory.display()))?,
        ),
        None => None,
    };
    Ok(Site {
        directory,
        withheld: secrets.flatten().filter_map(|file| file.canonicalize().ok()).collect(),
        users,
        schemes: arguments.schemes.iter().copied().map(Scheme::from).collect(),
        is_proxy: arguments.proxy,
        is_verbose: arguments.verbose,
    })
}
