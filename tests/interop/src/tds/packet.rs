//! Messages in packets ([MS-TDS] 2.2.3).

use std::io::{self, Read, Write};

const HEADER_LEN: usize = 8;
/// The size that the login grants: that of all clients before it.
pub(super) const PACKET_LEN: usize = 4096;
const END_OF_MESSAGE: u8 = 1;
/// The longest message that is read.
const MAX_MESSAGE_LEN: usize = 1 << 20;

/// What a client sends (2.2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    const RESPONSE: Self = Self(0x04);
    pub(super) const LOGIN7: Self = Self(0x10);
    pub(super) const PRELOGIN: Self = Self(0x12);
}

/// A connection that carries packets.
#[derive(Debug)]
pub(super) struct Packets<S> {
    stream: S,
}

impl<S: Read + Write> Packets<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream }
    }

    /// Receives a whole message.
    pub(super) fn receive(&mut self) -> io::Result<(Kind, Vec<u8>)> {
        let mut message = Vec::new();
        loop {
            let mut header = [0; HEADER_LEN];
            self.stream.read_exact(&mut header)?;
            let [kind, status, high, low, ..] = header;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let length = length.checked_sub(HEADER_LEN).ok_or(io::ErrorKind::InvalidData)?;
            let start = message.len();
            message.resize(start + length, 0);
            self.stream.read_exact(&mut message[start..])?;
            if status & END_OF_MESSAGE != 0 {
                return Ok((Kind(kind), message));
            }
            if message.len() > MAX_MESSAGE_LEN {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }

    /// Sends a response, which must fit one packet.
    pub(super) fn send(&mut self, response: &[u8]) -> io::Result<()> {
        let length = HEADER_LEN + response.len();
        assert!(length <= PACKET_LEN, "a response of {length} bytes");
        let [high, low] = u16::try_from(length).expect("it is short").to_be_bytes();
        let packet = [&[Kind::RESPONSE.0, END_OF_MESSAGE, high, low, 0, 0, 1, 0], response];
        self.stream.write_all(&packet.concat())?;
        self.stream.flush()
    }
}
