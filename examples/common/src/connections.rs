//! Accepts connections, and serves each in a thread of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long to wait after `accept` failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves at most `limit` connections at the same time, and closes others. It never returns: neither a
/// failing `accept` nor a panic in `serve` ends it.
pub fn serve_each(
    listener: &TcpListener,
    limit: usize,
    serve: impl Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
) -> ! {
    // Each thread has a reference.
    let serve = Arc::new(serve);
    loop {
        let (stream, from) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                // Usually all file descriptors are in use until another connection ends.
                eprintln!("cannot accept a connection: {error}");
                thread::sleep(PAUSE);
                continue;
            }
        };
        if Arc::strong_count(&serve) > limit {
            println!("closed from={from} reason=\"there are {limit} others\"");
            continue;
        }
        let serve = Arc::clone(&serve);
        // If no thread can be started, the closure is dropped, and with it the connection.
        let spawned = thread::Builder::new().spawn(move || serve(stream, from));
        if let Err(error) = spawned {
            println!("closed from={from} reason={:?}", error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn connections_beyond_the_limit_are_closed_until_another_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            serve_each(&listener, 2, |mut stream, _| {
                stream.write_all(b"x").unwrap();
                let end = stream.read(&mut [0]).unwrap();
                assert_eq!(end, 0, "this panic must not end the server");
            })
        });
        let connect = || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let is_served = stream.read(&mut [0]).is_ok_and(|len| len == 1);
            is_served.then_some(stream)
        };
        let first = connect().unwrap();
        let mut second = connect().unwrap();
        assert!(connect().is_none());
        drop(first);
        // The thread ends a little later, so retry.
        let third = (0..1000).find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            connect()
        });
        assert!(third.is_some());
        second.write_all(b"x").unwrap();
        assert!((0..1000).any(|_| {
            thread::sleep(Duration::from_millis(10));
            connect().is_some()
        }));
    }
}
