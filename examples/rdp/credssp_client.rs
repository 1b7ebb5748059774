//! Logs in to an RDP server with CredSSP (Network Level Authentication), and reports whether the server
//! accepted the login.
//!
//! ```text
//! NTLM_PASSWORD='correct horse' cargo run --example credssp_client -- --user alice 127.0.0.1:3390
//! ```
//!
//! What to copy is [`Login::run`](ntlm_rdp_examples::client::Login::run).

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ntlm::session::Protection;
use ntlm::{Client, Credentials, NtHash, UserName};
use ntlm_common_examples::credentials::password;
use ntlm_rdp_examples::client::Login;
use ntlm_rdp_examples::credentials::Delegated;
use ntlm_rdp_examples::tcp::Address;
use ntlm_rdp_examples::version::Versions;
use ntlm_rdp_examples::{rdp, tls};

/// Logs in to an RDP server with CredSSP, and reports whether the server accepted the login.
///
/// The client delegates the password to the server, except in Restricted Admin mode. The password is
/// read from the variable NTLM_PASSWORD, or asked for.
#[derive(Parser)]
struct Options {
    /// The server: HOST[:PORT]; the default port is 3389
    #[arg(value_parser = |text: &str| Address::parse(text, 3389))]
    server: Address,

    /// Log in as this user
    #[arg(short, long, value_name = r"DOMAIN\USER", value_parser = user)]
    user: String,

    /// Use the NT hash of the password (32 hexadecimal digits) instead of the password. Nothing is
    /// delegated then, so Windows opens a session only in Restricted Admin mode
    #[arg(long, value_name = "HEX")]
    nt_hash: Option<NtHash>,

    /// Do not delegate the password (Restricted Admin mode, which the server must support)
    #[arg(long)]
    restricted_admin: bool,

    /// Send bare NTLM messages, without SPNEGO, for servers such as FreeRDP 2
    #[arg(long)]
    bare: bool,

    #[command(flatten)]
    versions: Versions,
}

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

/// Rejects a colon: otherwise a password after it would be sent as part of the name.
fn user(text: &str) -> Result<String, &'static str> {
    match text.contains(':') {
        true => Err("the password does not belong here, but in the variable NTLM_PASSWORD"),
        false => Ok(text.to_owned()),
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let host = &*options.server.host;
    let user = UserName::from(&*options.user);
    let (credentials, delegated) = match &options.nt_hash {
        Some(hash) => (Credentials::nt_hash(user, hash.clone()), Delegated::nothing()),
        None => {
            let password = password(&options.user, "NTLM_PASSWORD")?;
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

    let mut stream = options.server.connect()?;
    let protocol = rdp::request(&mut stream, options.restricted_admin)?;
    let (mut stream, public_key) = tls::connect(stream, host)?;
    let login = Login {
        client: &client,
        is_bare: options.bare,
        versions: options.versions,
        public_key: &public_key,
        delegated: &delegated,
    };
    let version = login.run(&mut stream).context("cannot log in")?;
    protocol.expect_authorization(&mut stream)?;
    println!("logged in to {host} as {}, CredSSP version {version}", options.user);
    stream.conn.send_close_notify();
    // The server may close first.
    let _ = stream.conn.complete_io(&mut stream.sock);
    Ok(())
}
