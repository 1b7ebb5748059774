//! Tokens and messages on a connection, each after its length in four bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use ntlm::Error;
use ntlm::session::{Session, Signature};

/// A connection.
#[derive(Debug)]
pub struct Frames {
    stream: TcpStream,
    /// When the last frame was received.
    received: Instant,
}

impl Frames {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Instant::now() })
    }

    pub fn send(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        let len = u32::try_from(frame.len())?;
        Ok(self.stream.write_all(&[&len.to_be_bytes(), frame].concat())?)
    }

    pub fn receive(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len).context("there is no answer")?;
        let len = u32::from_be_bytes(len);
        ensure!(len <= MAX_FRAME_LEN, "a message is too long");
        let mut frame = vec![0; usize::try_from(len)?];
        self.stream.read_exact(&mut frame)?;
        self.received = Instant::now();
        Ok(frame)
    }

    /// When the last frame was received, or the connection accepted.
    pub const fn received(&self) -> Instant {
        self.received
    }
}

/// The signature, and the sealed message.
pub fn seal(session: &mut Session, message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut frame = [&[0; 16], message].concat();
    let signature = session.seal(&mut frame[16..])?;
    frame[..16].copy_from_slice(signature.as_bytes());
    Ok(frame)
}

pub fn unseal(session: &mut Session, mut frame: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut message = frame.split_off(frame.len().min(16));
    session.unseal(&mut message, &Signature::try_from(frame.as_slice())?)?;
    Ok(message)
}

/// How long a peer may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_FRAME_LEN: u32 = 65_536;
