//! Accepts connections, and serves each in a task of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// The default for the most connections at a time.
pub const MOST_CONNECTIONS: usize = 1000;
/// How long a connection may last. Without this limit, a client that reads no responses would occupy a
/// connection for ever. A logged-in client must then log in again.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How long to wait after `accept` failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves at most `limit` connections at the same time, each for at most an hour; others wait. It never
/// returns: neither a failing `accept` nor a panic in `serve` ends it.
pub async fn serve_each<F>(
    listener: TcpListener,
    limit: usize,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limit));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Otherwise the second part of a response may wait until the client acknowledges
                // the first.
                let _ = stream.set_nodelay(true);
                let served = serve(stream, peer);
                tokio::spawn(async move {
                    if timeout(LIFETIME, served).await.is_err() {
                        println!("closed from={peer} reason=\"it has lasted too long\"");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Usually all file descriptors are in use until another connection ends.
                eprintln!("cannot accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn serve(mut stream: TcpStream) {
        stream.write_all(b"x").await.unwrap();
        let end = stream.read(&mut [0]).await.unwrap();
        assert_eq!(end, 0, "this panic must not end the server");
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_wait_until_another_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_each(listener, 2, |stream, _| serve(stream)));
        let connect = async || TcpStream::connect(address).await.unwrap();
        let (mut first, mut second, mut third) =
            (connect().await, connect().await, connect().await);
        for served in [&mut first, &mut second] {
            timeout(PATIENCE, served.read_exact(&mut [0])).await.unwrap().unwrap();
        }
        let mut byte = [0];
        assert!(timeout(Duration::from_millis(50), third.read(&mut byte)).await.is_err());
        // The first connection panics, which must free its place.
        first.write_all(b"x").await.unwrap();
        timeout(PATIENCE, third.read_exact(&mut byte)).await.unwrap().unwrap();
    }

    /// The clock is paused, so the test does not wait.
    #[tokio::test(start_paused = true)]
    async fn an_idle_client_is_disconnected() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_each(listener, 1, |stream, _| serve(stream)));
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut received = Vec::new();
        timeout(2 * LIFETIME, client.read_to_end(&mut received)).await.unwrap().unwrap();
        assert_eq!(received, b"x");
    }
}
