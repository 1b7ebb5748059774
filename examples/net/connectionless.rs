//! Sealed datagrams over UDP: NTLM's connectionless mode, on a network that loses, reorders and
//! duplicates datagrams.
//!
//! ```text
//! cargo run --example connectionless -- --loss 20 --reorder 20 --duplicate 20
//! ```
//!
//! or in two processes:
//!
//! ```text
//! cargo run --example connectionless -- server
//! cargo run --example connectionless -- client --loss 20 --user 'EXAMPLE\alice:correct horse'
//! ```
//!
//! NTLM seals each datagram on its own, with a key derived from its sequence number. The
//! application must transport the sequence numbers, use each number once, reject replayed
//! datagrams, and repeat the messages of the login until they are answered. What to copy is in
//! `src/datagrams`: [`Channel`] for both sides, [`Service::answer`] for the server and [`log_in`]
//! for the client.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Parser, ValueEnum};
use ntlm::Credentials;
use ntlm_net_examples::credentials::LoginOptions;
use ntlm_net_examples::datagrams::Datagram;
use ntlm_net_examples::datagrams::channel::Channel;
use ntlm_net_examples::datagrams::client::log_in;
use ntlm_net_examples::datagrams::service::Service;
use ntlm_net_examples::lossy::{Faults, Lossy};
use ntlm_net_examples::users::Users;

/// Exchanges sealed datagrams over UDP.
#[derive(Parser)]
struct Options {
    /// Which side to run
    #[arg(value_enum, default_value_t = Role::Both)]
    role: Role,

    /// Where the server listens; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9389")]
    address: SocketAddr,

    /// Who may log in: lines `DOMAIN\user:NT hash`. Without it, `alice` of any domain, with the
    /// password "correct horse"
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Without a user, the client is `EXAMPLE\alice` with the password "correct horse"
    #[command(flatten)]
    login: LoginOptions,

    /// How many datagrams the client sends
    #[arg(long, value_name = "N", default_value_t = 20)]
    messages: u32,

    #[command(flatten)]
    faults: Faults,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Server,
    Client,
    /// Both in this process, on a free port.
    Both,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connectionless: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let is_over = AtomicBool::new(false);
    match options.role {
        Role::Server => serve(bind(options.address, options)?, options, &is_over),
        Role::Client => converse(options.address, options, &is_over),
        Role::Both => {
            let socket = bind(([127, 0, 0, 1], 0).into(), options)?;
            let address = socket.address()?;
            thread::scope(|scope| {
                let server = scope.spawn(|| serve(socket, options, &is_over));
                let conversation = converse(address, options, &is_over);
                let service = server.join().unwrap_or_else(|_| bail!("the server panicked"));
                service.and(conversation)
            })
        }
    }
}

/// Stops the other side when this one ends, also if it fails or panics.
struct EndBoth<'a>(&'a AtomicBool);

impl Drop for EndBoth<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn bind(address: SocketAddr, options: &Options) -> anyhow::Result<Lossy> {
    Lossy::bind(address, options.faults).with_context(|| format!("cannot listen on {address}"))
}

fn serve(mut socket: Lossy, options: &Options, is_over: &AtomicBool) -> anyhow::Result<()> {
    let _end = EndBoth(is_over);
    let users = match &options.users {
        Some(file) => Users::read(file)?,
        None => Users::one("alice", "correct horse"),
    };
    let mut service = Service::new(users)?;
    writeln!(stdout(), "server: listening on {}", socket.address()?)?;
    while !is_over.load(Ordering::Relaxed) {
        let Some((bytes, from)) = socket.receive(Duration::from_millis(50))? else { continue };
        let answered = service.answer(from, bytes).and_then(|answer| match answer {
            Some(answer) => Ok(socket.send(&answer, from)?),
            None => Ok(()),
        });
        // An error of one client does not affect the others.
        if let Err(error) = answered {
            writeln!(stdout(), "server: no answer to {from}: {error:#}")?;
        }
    }
    Ok(writeln!(stdout(), "server: its network {socket}")?)
}

/// Logs in, sends all messages, and waits for the outstanding answers.
fn converse(server: SocketAddr, options: &Options, is_over: &AtomicBool) -> anyhow::Result<()> {
    let _end = EndBoth(is_over);
    let credentials = options.login.credentials()?;
    let credentials =
        credentials.unwrap_or(Credentials::password(r"EXAMPLE\alice", "correct horse"));
    let mut socket = bind(([127, 0, 0, 1], 0).into(), options)?;
    let mut channel = log_in(&mut socket, server, credentials)?;
    let mut answers = 0;
    for number in 0..options.messages {
        ensure!(!is_over.load(Ordering::Relaxed), "the server is gone");
        let datagram = channel.seal(&format!("message {number}"))?;
        socket.send(&datagram, server)?;
        answers += read_all(&mut socket, server, &mut channel, Duration::from_millis(5))?;
    }
    socket.release()?;
    answers += read_all(&mut socket, server, &mut channel, Duration::from_millis(300))?;
    let messages = options.messages;
    writeln!(stdout(), "client: {messages} messages, {answers} answers; its network {socket}")?;
    Ok(())
}

/// Reads datagrams until none arrives for that long, and counts the new ones.
fn read_all(
    socket: &mut Lossy,
    server: SocketAddr,
    channel: &mut Channel,
    patience: Duration,
) -> anyhow::Result<u32> {
    let mut answers = 0;
    while let Some((bytes, from)) = socket.receive(patience)? {
        let Some(Datagram::Sealed { sequence, signature, message }) = Datagram::parse(bytes) else {
            continue;
        };
        if from == server {
            let text = channel.read("client", sequence, &signature, message)?;
            answers += u32::from(text.is_some_and(|text| text.starts_with("You said")));
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_ends_the_other_even_if_it_panics() {
        let is_over = AtomicBool::new(false);
        let ended = thread::scope(|scope| {
            let panics = || {
                let _end = EndBoth(&is_over);
                panic!("on purpose")
            };
            scope.spawn(panics).join()
        });
        assert!(ended.map(|()| {}).is_err() && is_over.load(Ordering::Relaxed));
    }
}
