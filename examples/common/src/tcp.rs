//! TCP connections with time limits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// How long each read and write may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

impl Address {
    /// Parses `host`, `host:port`, `::1`, `[::1]` or `[::1]:port`.
    pub fn parse(text: &str, default_port: u16) -> anyhow::Result<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // An IPv6 address without brackets has no port.
            Some((host, port)) if !port.contains(']') && is_before_port(host) => {
                (host, port.parse().with_context(|| format!("{port:?} is not a port"))?)
            }
            _ => (text, default_port),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        ensure!(!host.is_empty(), "the host is missing");
        Ok(Self { host: host.to_owned(), port })
    }

    /// Connects to the first of the host's addresses that answers.
    pub fn connect(&self) -> anyhow::Result<TcpStream> {
        let Self { host, port } = self;
        let addresses = (host.as_str(), *port).to_socket_addrs();
        let stream = first(addresses.with_context(|| format!("{host} cannot be found"))?)
            .with_context(|| format!("cannot connect to {host}, port {port}"))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

fn is_before_port(host: &str) -> bool {
    !host.contains(':') || host.starts_with('[') && host.ends_with(']')
}

fn first(addresses: impl Iterator<Item = SocketAddr>) -> anyhow::Result<TcpStream> {
    let mut last = Err(anyhow::anyhow!("it has no address"));
    for address in addresses {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Err(error.into()),
        }
    }
    last
}

/// A connection that ends at a deadline, however little the peer sends at a time.
///
/// A socket timeout restarts with each octet, so a slow peer could keep a login running for ever.
pub struct DeadlineStream {
    stream: TcpStream,
    deadline: Instant,
}

impl DeadlineStream {
    /// Starts the time limit.
    pub fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, deadline: Instant::now() + patience }
    }

    /// Restarts the time limit.
    pub fn restart(&mut self, patience: Duration) {
        self.deadline = Instant::now() + patience;
    }

    /// The remaining time, which is not zero.
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "the peer takes too long"));
        }
        Ok(left)
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Appends `len` bytes to the message. The peer chose the length, so memory is allocated as bytes
/// arrive, at most `limit` for the whole message.
pub fn read_onto(
    stream: &mut impl Read,
    message: &mut Vec<u8>,
    len: usize,
    limit: usize,
) -> anyhow::Result<()> {
    let total = message.len().saturating_add(len);
    ensure!(total <= limit, "the server sends a message of {total} bytes");
    let read = stream.take(len as u64).read_to_end(message).context("no answer")?;
    ensure!(read == len, "the server ended the connection");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn deadline_is_not_extended_by_single_octets() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = listener.accept().unwrap().0;
        // The peer ends when the other end is closed, or after a while.
        let peer = thread::spawn(move || {
            for _ in 0..1000 {
                if peer.write_all(b"x").is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
        });
        let patience = Duration::from_millis(200);
        let mut stream = DeadlineStream::new(stream, patience);
        for _ in 0..2 {
            stream.restart(patience);
            let start = Instant::now();
            let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error}");
            assert!(start.elapsed() >= patience);
        }
        assert!(stream.write(b"x").is_err());
        drop(stream);
        peer.join().unwrap();
    }

    #[test]
    fn a_port_is_optional() {
        let address = |text| Address::parse(text, 445).map(|a| (a.host, a.port)).ok();
        assert_eq!(address("files"), Some(("files".into(), 445)));
        assert_eq!(address("files:4450"), Some(("files".into(), 4450)));
        assert_eq!(address("[::1]"), Some(("::1".into(), 445)));
        assert_eq!(address("[::1]:4450"), Some(("::1".into(), 4450)));
        assert_eq!(address("::1"), Some(("::1".into(), 445)));
        assert_eq!(address("fe80::1:4450"), Some(("fe80::1:4450".into(), 445)));
        assert_eq!(address("files:"), None);
        assert_eq!(address(":445"), None);
    }

    #[test]
    fn a_message_has_as_many_bytes_as_announced() {
        let mut message = vec![1];
        read_onto(&mut &[2, 3, 4][..], &mut message, 2, 3).unwrap();
        assert_eq!(message, [1, 2, 3]);
        assert!(read_onto(&mut &[2][..], &mut vec![], 2, 8).is_err());
        assert!(read_onto(&mut &[2, 3][..], &mut vec![], 2, 1).is_err());
    }
}
