//! Logs in to an RDP server with CredSSP (Network Level Authentication), and reports whether the server
//! accepted the login.
//!
//! ```text
//! NTLM_PASSWORD='correct horse' cargo run --example credssp_client -- --user alice 127.0.0.1:3390
//! ```
//!
//! What to copy is [`Login::run`](ntlm_rdp_examples::client::Login::run).

use std::env;
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use ntlm::session::Protection;
use ntlm::{Client, Credentials, NtHash, UserName};
use ntlm_rdp_examples::client::Login;
use ntlm_rdp_examples::credentials::Delegated;
use ntlm_rdp_examples::version::Versions;
use ntlm_rdp_examples::{rdp, tls};
use zeroize::Zeroizing;

/// Logs in to an RDP server with CredSSP, and reports whether the server accepted the login.
///
/// The server gets the password, unless the Restricted Admin mode is chosen. The password is taken from
/// the variable NTLM_PASSWORD, or asked for.
#[derive(Parser)]
struct Options {
    /// The server: HOST[:PORT]; the port is 3389 if it is missing
    server: String,

    /// Log in as this user
    #[arg(short, long, value_name = r"DOMAIN\USER")]
    user: String,

    /// Use the NT hash of the password (32 hexadecimal digits) instead of the password. Nothing is
    /// delegated then, and Windows opens no session without the Restricted Admin mode
    #[arg(long, value_name = "HEX")]
    nt_hash: Option<NtHash>,

    /// Keep the password: the server must support the Restricted Admin mode
    #[arg(long)]
    restricted_admin: bool,

    /// Send NTLM messages without SPNEGO, for servers such as FreeRDP 2
    #[arg(long)]
    bare: bool,

    #[command(flatten)]
    versions: Versions,
}

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("credssp_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let (host, port) = split_port(&options.server)?;
    let user = UserName::from(&*options.user);
    let (credentials, delegated) = match &options.nt_hash {
        Some(hash) => (Credentials::nt_hash(user, hash.clone()), Delegated::nothing()),
        None => {
            let password = password(&options.user)?;
            let delegated = match options.restricted_admin {
                true => Delegated::nothing(),
                false => Delegated::new(user.clone(), &password),
            };
            (Credentials::password(user, &password), delegated)
        }
    };
    let client = Client::new(credentials)
        .with_spn(format!("TERMSRV/{host}"))
        .with_protection(Protection::Seal)
        .checked()?;

    let mut stream = connect(host, port)?;
    rdp::request(&mut stream, options.restricted_admin)?;
    let (mut stream, public_key) = tls::connect(stream, host)?;
    let login = Login {
        client: &client,
        is_bare: options.bare,
        versions: options.versions,
        public_key: &public_key,
        delegated: &delegated,
    };
    let version = login.run(&mut stream).context("cannot log in")?;
    println!("logged in to {host} as {}, CredSSP version {version}", options.user);
    stream.conn.send_close_notify();
    // The server may close first.
    let _ = stream.conn.complete_io(&mut stream.sock);
    Ok(())
}

fn split_port(server: &str) -> anyhow::Result<(&str, u16)> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, port.parse().with_context(|| format!("{port:?} is no port"))?)
        }
        _ => (server, 3389),
    };
    Ok((host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port))
}

fn connect(host: &str, port: u16) -> anyhow::Result<TcpStream> {
    let context = || format!("cannot connect to {host}, port {port}");
    let mut addresses = (host, port).to_socket_addrs().with_context(context)?;
    let address = addresses.next().with_context(context)?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE).with_context(context)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn password(user: &str) -> anyhow::Result<Zeroizing<String>> {
    let password = match env::var("NTLM_PASSWORD") {
        Ok(password) => password,
        Err(env::VarError::NotUnicode(_)) => bail!("NTLM_PASSWORD is not UTF-8"),
        Err(env::VarError::NotPresent) => {
            rpassword::prompt_password(format!("Password of {user}: "))
                .context("cannot ask for a password, and NTLM_PASSWORD is not set")?
        }
    };
    Ok(Zeroizing::new(password))
}
