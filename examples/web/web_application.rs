//! A web application whose users log in with NTLM: a notebook, in which each user reads and writes
//! notes of their own.
//!
//! ```text
//! cargo run --example web_application
//! curl --ntlm --user 'alice:correct horse' http://127.0.0.1:8081/notes --data 'buy milk'
//! curl --ntlm --user 'alice:correct horse' http://127.0.0.1:8081/notes
//! curl http://127.0.0.1:8081/metrics
//! ```
//!
//! On a member of a domain, with `--winbind`, the domain controller verifies the users. The example
//! `pass_through` says what winbind needs. If the controller is down or slow, all logins are rejected and
//! the log says why. When winbind answers again, users log in again, without a restart.
//!
//! Over HTTPS, `--require-bindings` turns on extended protection. The files of the certificate may be
//! replaced while the server runs: new connections get the new certificate, and its channel bindings.
//!
//! Copy `src/layer.rs`, a tower layer, and `src/serve.rs`, which accepts the connections. `axum::serve`
//! cannot be used in its place, because it may speak HTTP/2, where NTLM does not work. `src/gate.rs` has
//! the log, the counters, and the limit of wrong passwords. `src/same_site.rs` notices requests that
//! another site makes a browser send.
//!
//! Several instances may stand behind a load balancer that keeps connections, as HAProxy does; see
//! the documentation of `ntlm::http`. Nothing of a login is shared between them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use clap::Parser;
use ntlm::http::Scheme;
use ntlm::server::{Identity, Names, Policy};
use ntlm::{Enforcement, Server, UserName};
use ntlm_http_examples::users::Users as FileOfUsers;
use ntlm_net_examples::winbind::Winbind;
use ntlm_web_examples::accounts::{Accounts, Domain};
use ntlm_web_examples::certificates::Certificates;
use ntlm_web_examples::gate::Gate;
use ntlm_web_examples::layer::NtlmLayer;
use ntlm_web_examples::same_site::is_from_another_site;
use ntlm_web_examples::serve::Site;
use tokio::net::TcpListener;

/// A notebook whose users log in with NTLM.
#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Serve HTTPS with this certificate and its chain (PEM), which may be renewed
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Reject clients that do not send channel bindings (extended protection), such as curl
    #[arg(long, requires = "certificate")]
    require_bindings: bool,
    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` with "correct horse"
    #[arg(long, value_name = "FILE", conflicts_with = "winbind")]
    users: Option<PathBuf>,
    /// Let a domain controller verify users, through Samba's winbind
    #[arg(long)]
    winbind: bool,
    /// How long the domain controller may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=60))]
    patience: u64,
    /// How many wrong passwords in a row an account has before it must wait
    #[arg(long, value_name = "N", default_value = "10")]
    guesses: u32,
    /// The NetBIOS name that is sent to clients: with `--winbind`, this machine's
    #[arg(long, value_name = "NAME", default_value = "WEB")]
    name: String,
    /// The domain's NetBIOS name
    #[arg(long, value_name = "NAME", default_value = "EXAMPLE")]
    domain: String,
    /// Offer `Negotiate` too
    #[arg(long)]
    negotiate: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let accounts = match &options.users {
        Some(file) => Accounts::File(FileOfUsers::read(file)?),
        None if options.winbind => {
            let winbind = Winbind { ntlm_auth: "ntlm_auth".into(), wbinfo: "wbinfo".into() };
            Accounts::Domain(Domain::new(winbind, Duration::from_secs(options.patience)))
        }
        None => Accounts::File(FileOfUsers::one("alice", "correct horse")),
    };
    let certificates = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => Some(Certificates::read(certificate, key)?),
        _ => None,
    };
    let scheme = if certificates.is_some() { "https" } else { "http" };

    let gate = Arc::new(Gate::new(accounts, options.guesses));
    let app = Router::new()
        .route("/", get(greet))
        .route("/notes", get(read_notes).post(write_note))
        .with_state(Arc::default())
        .layer(map_response(forbid_storing))
        .layer(NtlmLayer::new(Arc::clone(&gate)))
        // What comes after the layer needs no login.
        .route("/metrics", get(|| async move { gate.metrics() }));

    let mut policy = Policy::default();
    if options.require_bindings {
        policy.channel_bindings = Enforcement::Required;
    }
    let names = Names::member(options.name.as_str(), options.domain.as_str());
    let server = Server::new(names).with_policy(policy);
    let server =
        if certificates.is_some() { server.with_channel_bindings_per_connection() } else { server };
    let mut schemes = vec![Scheme::Ntlm];
    schemes.extend(options.negotiate.then_some(Scheme::Negotiate));
    let site = Site { app, server: server.checked()?, schemes, certificates };

    let context = || format!("cannot listen on {}", options.listen);
    let listener = TcpListener::bind(options.listen).await.with_context(context)?;
    println!("listening on {scheme}://{}", listener.local_addr()?);
    tokio::select! {
        () = site.serve(listener) => Ok(()),
        end = tokio::signal::ctrl_c() => Ok(end?),
    }
}

/// Otherwise a cache could give the page of one user to another.
async fn forbid_storing(mut response: Response) -> Response {
    let value = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(CACHE_CONTROL, value);
    response
}

/// The notes of each user, by the name in upper case, because Windows ignores case. It is the account's
/// name in the file of users. Winbind returns no name: there, the client's `alice`, `EXAMPLE\alice` and
/// `alice@example.com` have separate notes.
type Notebook = Arc<Mutex<HashMap<UserName, Vec<String>>>>;

async fn greet(Extension(identity): Extension<Identity>) -> String {
    format!("Hello, {}.\n", name(&identity))
}

async fn read_notes(
    State(notebook): State<Notebook>,
    Extension(identity): Extension<Identity>,
) -> String {
    let notebook = notebook.lock().unwrap_or_else(PoisonError::into_inner);
    notebook.get(&name(&identity).to_uppercase()).map(|notes| notes.concat()).unwrap_or_default()
}

async fn write_note(
    State(notebook): State<Notebook>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    note: String,
) -> (StatusCode, String) {
    if is_from_another_site(&headers) {
        return (StatusCode::FORBIDDEN, "Another site must not write notes.\n".into());
    }
    let mut notebook = notebook.lock().unwrap_or_else(PoisonError::into_inner);
    let notes = notebook.entry(name(&identity).to_uppercase()).or_default();
    notes.push(note + "\n");
    (StatusCode::OK, format!("{} has {} notes.\n", name(&identity), notes.len()))
}

/// The policy accepts neither guests nor anonymous clients.
fn name(identity: &Identity) -> UserName {
    identity.user().cloned().unwrap_or_default()
}
