//! Runs a command on a WinRM server, in messages sealed with NTLM or over HTTPS, and prints its output.
//!
//! ```text
//! NTLM_PASSWORD='correct horse' cargo run --example winrm_client -- \
//!     --user 'EXAMPLE\alice' http://server.example.com:5985/wsman ipconfig /all
//! ```
//!
//! What to copy is [`Remote::call`], which seals a request, and seals it again if the server requires
//! another login in the middle of the session.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ntlm::Client;
use ntlm_http_examples::credentials::LoginOptions;
use ntlm_http_examples::trust::TrustOptions;
use ntlm_http_examples::winrm::client::{Remote, Site};
use url::Url;

/// Runs a command on a WinRM server, and prints its output.
///
/// The exit code is that of the command.
#[derive(Parser)]
struct Options {
    /// The server: http://HOST:5985/wsman or https://HOST:5986/wsman
    url: Url,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,

    #[command(flatten)]
    login: LoginOptions,

    #[command(flatten)]
    trust: TrustOptions,

    /// Send bare NTLM messages under Negotiate, without SPNEGO
    #[arg(long)]
    bare: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("winrm_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<i32> {
    let url = &options.url;
    let credentials = options.login.credentials()?.context("--user is required")?;
    let client = Client::new(credentials)
        .with_spn(format!("HTTP/{}", url.host_str().unwrap_or_default()))
        .checked()?;
    let site = Site { url, client, tls: options.trust.tls_config()?, is_bare: options.bare };
    Remote::log_in(site).await?.run(&options.command.join(" ")).await
}
