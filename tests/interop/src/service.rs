//! Small servers that speak an application protocol over TCP, and log clients in with this crate.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ntlm::Server;

use crate::authenticator::Authenticator;
use crate::identities::Identity;
use crate::log::Line;

/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves one connection to its end.
pub type Protocol = fn(TcpStream, &Authenticator) -> io::Result<()>;

/// A server on a free port of the loopback interface. It stops listening with this value.
#[derive(Debug)]
pub struct Service {
    port: u16,
    authenticator: Arc<Authenticator>,
    is_ending: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts a server that knows these users.
    pub fn start(protocol: Protocol, server: Server, users: &[Identity]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let authenticator = Arc::new(Authenticator::new(server, users));
        let is_ending = Arc::new(AtomicBool::new(false));
        let (ours, ending) = (Arc::clone(&authenticator), Arc::clone(&is_ending));
        let listening = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let ours = Arc::clone(&ours);
                thread::spawn(move || serve(protocol, stream, &ours));
            }
        });
        Self { port, authenticator, is_ending, listening: Some(listening) }
    }

    pub fn port(&self) -> String {
        self.port.to_string()
    }

    /// As [`Authenticator::only_login`].
    #[track_caller]
    pub fn only_login(&self) -> Line {
        self.authenticator.only_login()
    }

    /// As [`Authenticator::only_rejection`].
    #[track_caller]
    pub fn only_rejection(&self) -> Line {
        self.authenticator.only_rejection()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

fn serve(protocol: Protocol, stream: TcpStream, authenticator: &Authenticator) {
    let _ = stream.set_nodelay(true);
    let ready =
        stream.set_read_timeout(Some(PATIENCE)).and(stream.set_write_timeout(Some(PATIENCE)));
    // A client may hang up at any time. Other errors are shown if the test fails.
    match ready.and_then(|()| protocol(stream, authenticator)) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => eprintln!("server: {error}"),
        _ => {}
    }
}
