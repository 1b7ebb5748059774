//! A UDP socket on a bad network.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use clap::Args;
use ntlm::{Environment, Os};

/// The faults to inject into datagrams that are sent.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Faults {
    /// How many of 100 datagrams are lost
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    loss: u64,

    /// How many of 100 datagrams arrive after the one that was sent next
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    reorder: u64,

    /// How many of 100 datagrams arrive twice
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    duplicate: u64,

    /// Seed: lose, reorder and duplicate the same datagrams each time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

fn percent() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(0..=100)
}

/// A socket that sends as a bad network does.
#[derive(Debug)]
pub struct Lossy {
    socket: UdpSocket,
    faults: Faults,
    dice: u64,
    /// A datagram held back, to arrive late.
    held: Option<(Vec<u8>, SocketAddr)>,
    buffer: Vec<u8>,
    lost: u32,
    reordered: u32,
    doubled: u32,
}

impl Lossy {
    pub fn bind(address: SocketAddr, faults: Faults) -> anyhow::Result<Self> {
        let mut seed = [0; 8];
        Os.fill_random(&mut seed)?;
        Ok(Self {
            socket: UdpSocket::bind(address)?,
            faults,
            dice: faults.seed.unwrap_or(u64::from_le_bytes(seed)) | 1,
            held: None,
            buffer: vec![0; 65_536],
            lost: 0,
            reordered: 0,
            doubled: 0,
        })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        if self.happens(self.faults.loss) {
            self.lost += 1;
            return Ok(());
        }
        if self.held.is_none() && self.happens(self.faults.reorder) {
            self.reordered += 1;
            self.held = Some((datagram.into(), to));
            return Ok(());
        }
        self.socket.send_to(datagram, to)?;
        if self.happens(self.faults.duplicate) {
            self.doubled += 1;
            self.socket.send_to(datagram, to)?;
        }
        self.release()
    }

    /// Sends the datagram held back, if there is one.
    pub fn release(&mut self) -> io::Result<()> {
        if let Some((datagram, to)) = self.held.take() {
            self.socket.send_to(&datagram, to)?;
        }
        Ok(())
    }

    /// The next datagram and its claimed sender; `None` if none comes in time.
    pub fn receive(&mut self, patience: Duration) -> io::Result<Option<(&[u8], SocketAddr)>> {
        self.socket.set_read_timeout(Some(patience))?;
        match self.socket.recv_from(&mut self.buffer) {
            Ok((len, from)) => Ok(Some((&self.buffer[..len], from))),
            // `ConnectionReset`: an earlier datagram reached a closed port.
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted
                | io::ErrorKind::ConnectionReset => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Xorshift: good enough to choose faults, but not for cryptography.
    fn happens(&mut self, percent: u64) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 32) % 100 < percent
    }
}

impl fmt::Display for Lossy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, reordered, doubled, .. } = self;
        write!(f, "lost {lost}, reordered {reordered}, doubled {doubled}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);

    /// Which of ten datagrams arrive, in order of arrival.
    fn arrivals(faults: Faults) -> Vec<u8> {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut receiver = Lossy::bind(local, Faults::default()).unwrap();
        let mut sender = Lossy::bind(local, faults).unwrap();
        let to = receiver.address().unwrap();
        (0..10).for_each(|number| sender.send(&[number], to).unwrap());
        sender.release().unwrap();
        let mut arrivals = Vec::new();
        while let Some((datagram, _)) = receiver.receive(PATIENCE).unwrap() {
            arrivals.extend(datagram);
        }
        arrivals
    }

    #[test]
    fn a_good_network_keeps_everything() {
        assert_eq!(arrivals(Faults::default()), Vec::from_iter(0..10));
    }

    #[test]
    fn each_fault_is_injected() {
        assert_eq!(arrivals(Faults { loss: 100, ..Faults::default() }), []);
        let reordered = arrivals(Faults { reorder: 100, ..Faults::default() });
        assert_eq!(reordered, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]);
        let doubled = arrivals(Faults { duplicate: 100, ..Faults::default() });
        assert_eq!(doubled.len(), 20);
    }

    #[test]
    fn a_seed_repeats_the_same_bad_luck() {
        let faults = Faults { loss: 30, reorder: 30, duplicate: 30, seed: Some(7) };
        let first = arrivals(faults);
        assert_ne!(first, Vec::from_iter(0..10));
        assert_eq!(arrivals(faults), first);
    }
}
