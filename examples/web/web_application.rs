//! A web application whose users log in with NTLM: a notebook, in which users read and write their
//! own notes.
//!
//! ```text
//! cargo run --example web_application
//! curl --ntlm --user 'alice:correct horse' http://127.0.0.1:8081/notes --data 'buy milk'
//! curl --ntlm --user 'alice:correct horse' http://127.0.0.1:8081/notes
//! curl http://127.0.0.1:8081/metrics
//! ```
//!
//! On a member of a domain, with `--winbind`, the domain controller verifies the users. The documentation
//! of the example `pass_through` lists winbind's requirements. If the controller is down or slow, all
//! logins are rejected and the reason is logged. When winbind answers again, logins succeed without a
//! restart.
//!
//! Over HTTPS, `--require-bindings` turns on extended protection. The files of the certificate may be
//! replaced while the server runs: new connections get the new certificate, and its channel bindings.
//!
//! # What to copy
//!
//! - `src/layer.rs`, a tower layer, for axum and any other tower `Service`.
//! - `src/serve.rs`, which accepts the connections. `axum::serve` cannot be used instead, because it may
//!   negotiate HTTP/2, where NTLM does not work.
//! - `src/gate.rs` for the log, the counters and the time of rejections, with `src/guesses.rs`, the limit
//!   of wrong passwords, and `src/accounts.rs`.
//! - `src/same_site.rs`, which detects requests that another site makes a browser send.
//!
//! Several instances may run behind a load balancer that keeps connections, as HAProxy does; see the
//! documentation of `ntlm::http`. They share no state, so each counts only the wrong passwords that it
//! sees: with `N` instances, an attacker has `N` times as many guesses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::routing::get;
use clap::Parser;
use clap::value_parser;
use ntlm::http::Scheme;
use ntlm::server::{Names, Policy};
use ntlm::{Enforcement, Server};
use ntlm_http_examples::users::Users as FileOfUsers;
use ntlm_net_examples::winbind::Winbind;
use ntlm_web_examples::accounts::{Accounts, Domain};
use ntlm_web_examples::certificates::Certificates;
use ntlm_web_examples::gate::Gate;
use ntlm_web_examples::layer::NtlmLayer;
use ntlm_web_examples::notebook;
use ntlm_web_examples::serve::Site;
use tokio::net::TcpListener;

/// A notebook whose users log in with NTLM.
///
/// The log, on standard output, has a line for each login and each rejection with its reason. The lines have
/// no time, because the service manager adds it. The page `/metrics` counts them. Without options, the only
/// user is `alice` with the password "correct horse".
#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Serve HTTPS with this certificate and its chain (PEM); the file is read again when it
    /// changes
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Reject clients that do not send channel bindings (extended protection), such as curl
    #[arg(long, requires = "certificate")]
    require_bindings: bool,
    /// The users: lines `DOMAIN\user:NT hash`; `http_server --hash` prints hashes
    #[arg(long, value_name = "FILE", conflicts_with = "winbind")]
    users: Option<PathBuf>,
    /// Let a domain controller verify users, through Samba's winbind; every user of the domain may log in
    #[arg(long)]
    winbind: bool,
    /// How long winbind may take for an answer; a login needs two or three
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = value_parser!(u64).range(1..=60))]
    patience: u64,
    /// How many wrong passwords in a row an account may have without waiting; after each further one
    /// it must wait for 1 second, 2, 4 and so on, up to 15 minutes
    #[arg(long, value_name = "N", default_value = "10", value_parser = value_parser!(u32).range(1..))]
    guesses: u32,
    /// How long a client waits for a rejection, whatever the reason; set it longer than winbind
    /// needs
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = value_parser!(u64).range(0..=20))]
    reject_after: u64,
    /// The NetBIOS name that is sent to clients: with `--winbind`, this machine's
    #[arg(long, value_name = "NAME", default_value = "WEB")]
    name: String,
    /// The domain's NetBIOS name
    #[arg(long, value_name = "NAME", default_value = "EXAMPLE")]
    domain: String,
    /// Offer `Negotiate` in addition to `NTLM`
    #[arg(long)]
    negotiate: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let certificates = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => Some(Certificates::read(certificate, key)?),
        _ => None,
    };
    let scheme = if certificates.is_some() { "https" } else { "http" };
    let mut schemes = vec![Scheme::Ntlm];
    schemes.extend(options.negotiate.then_some(Scheme::Negotiate));

    let reject_after = Duration::from_secs(options.reject_after);
    let gate = Arc::new(Gate::new(accounts(&options)?, options.guesses, reject_after));
    let app = notebook::router()
        .layer(NtlmLayer::new(Arc::clone(&gate)))
        // Routes added after the layer need no login. Serve them on another address if clients must not
        // see them.
        .route("/metrics", get(|| async move { gate.metrics() }));
    let server = server(&options, certificates.is_some())?;
    let site = Site { app, server, schemes, certificates };

    let context = || format!("cannot listen on {}", options.listen);
    let listener = TcpListener::bind(options.listen).await.with_context(context)?;
    println!("listening on {scheme}://{}", listener.local_addr()?);
    tokio::select! {
        () = site.serve(listener) => Ok(()),
        end = tokio::signal::ctrl_c() => Ok(end?),
    }
}

fn accounts(options: &Options) -> anyhow::Result<Accounts> {
    Ok(match &options.users {
        Some(file) => Accounts::File(FileOfUsers::read(file)?),
        None if options.winbind => {
            let patience = Duration::from_secs(options.patience);
            Accounts::Domain(Domain::new(Winbind::default(), patience))
        }
        None => Accounts::File(FileOfUsers::one("alice", "correct horse")),
    })
}

fn server(options: &Options, has_certificates: bool) -> Result<Server, ntlm::Error> {
    let mut policy = Policy::default();
    if options.require_bindings {
        policy.channel_bindings = Enforcement::Required;
    }
    let names = Names::member(options.name.as_str(), options.domain.as_str());
    let server = Server::new(names).with_policy(policy);
    if has_certificates { server.with_channel_bindings_per_connection() } else { server }.checked()
}
