//! Forwards HTTP connections between any client and any server, and records their NTLM handshakes.
//!
//! ```text
//! cargo run --example http_server &
//! cargo run --example record -- --to 127.0.0.1:8080 --out handshakes &
//! curl --ntlm -u 'alice:correct horse' http://127.0.0.1:8081/
//! NTLM_PASSWORD='correct horse' inspect handshakes/1.json
//! ```
//!
//! Use an account that exists only for the recording, because anyone who has the file can
//! brute-force the password.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use ntlm_common_examples::connections::serve_each;
use ntlm_http_examples::recording::{Recording, Side, Watch};

/// Forwards connections, and writes the NTLM tokens of each into a file.
#[derive(Parser)]
struct Options {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,

    /// The server to forward to
    #[arg(long, value_name = "ADDRESS:PORT")]
    to: SocketAddr,

    /// The folder for the files 1.json, 2.json, ...
    #[arg(long, value_name = "FOLDER", default_value = "handshakes")]
    out: PathBuf,

    /// A line for the files: the programs, and their versions
    #[arg(long, value_name = "TEXT", default_value = "")]
    about: String,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    fs::create_dir_all(&options.out).with_context(|| options.out.display().to_string())?;
    let listener = TcpListener::bind(options.listen)?;
    println!("listening on {}", listener.local_addr()?);
    let number = AtomicU32::new(1);
    serve_each(&listener, MOST_CONNECTIONS, move |stream, from| {
        let recording = Mutex::new(Recording::new(&options.about));
        if let Err(error) = forward(&stream, options.to, &recording) {
            println!("closed from={from} reason={:?}", error.to_string());
        }
        let recording = recording.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !recording.is_empty() {
            let path = options.out.join(format!("{}.json", number.fetch_add(1, Ordering::Relaxed)));
            report(&path, &recording);
        }
    })
}

fn report(path: &Path, recording: &Recording) {
    match fs::write(path, recording.to_json()) {
        Ok(()) => println!("recorded tokens={} file={:?}", recording.len(), path),
        Err(error) => println!("cannot write {path:?}: {error}"),
    }
}

/// Forwards both directions until each has ended.
fn forward(client: &TcpStream, to: SocketAddr, recording: &Mutex<Recording>) -> io::Result<()> {
    let server = TcpStream::connect_timeout(&to, PATIENCE)?;
    for stream in [client, &server] {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
    }
    thread::scope(|scope| {
        let answers = scope.spawn(|| copy(&server, client, Side::Server, recording));
        copy(client, &server, Side::Client, recording)?;
        answers.join().unwrap_or_else(|_| Err(io::Error::other("the other direction panicked")))
    })
}

fn copy(
    mut from: &TcpStream,
    mut to: &TcpStream,
    side: Side,
    recording: &Mutex<Recording>,
) -> io::Result<()> {
    let mut watch = Watch::new(side);
    let mut buffer = [0; 16 << 10];
    loop {
        let length = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return to.shutdown(Shutdown::Write);
        };
        if let Ok(mut recording) = recording.lock() {
            watch.read(bytes, &mut recording);
        }
        to.write_all(bytes)?;
    }
}

const MOST_CONNECTIONS: usize = 100;
/// How long a connection may be idle.
const PATIENCE: Duration = Duration::from_secs(60);
