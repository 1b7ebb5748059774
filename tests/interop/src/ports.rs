//! Ports for programs that cannot choose one themselves and say which.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nobody listens on, and that is given out once.
///
/// It is none of those that the system chooses for others: until the program listens, somebody else
/// could get it.
pub fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        // Tests of two programs at once start at different ones.
        let offset = process::id() % 1000 * 10;
        AtomicU16::new(20_000 + u16::try_from(offset).expect("less than 10 000"))
    });
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
