//! The part of SMB 2 and 3 ([MS-SMB2]) that is needed to read files: one connection, one session,
//! one request at a time, everything signed. No encryption, no compression, no SMB 1.

mod client;
mod negotiate;
pub mod server;
mod signing;
mod status;

pub use client::{Connection, Entry, File, Response};
pub use signing::Dialect;
pub use status::Status;

/// The command of a request (2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Command {
    Negotiate = 0,
    SessionSetup = 1,
    Logoff = 2,
    TreeConnect = 3,
    TreeDisconnect = 4,
    Create = 5,
    Close = 6,
    Read = 8,
    Ioctl = 11,
    QueryDirectory = 14,
}

impl Command {
    const ALL: [Self; 10] = [
        Self::Negotiate,
        Self::SessionSetup,
        Self::Logoff,
        Self::TreeConnect,
        Self::TreeDisconnect,
        Self::Create,
        Self::Close,
        Self::Read,
        Self::Ioctl,
        Self::QueryDirectory,
    ];

    /// The command with this number.
    fn of(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|command| *command as u16 == number)
    }
}

/// The offset, counted from the start of the header, of a position in the body.
const fn offset(body: u8) -> u16 {
    HEADER_LEN as u16 + body as u16
}

const PROTOCOL_ID: [u8; 4] = *b"\xfeSMB";
const HEADER_LEN: usize = 64;
const FLAGS_SERVER_TO_REDIR: u32 = 0x1;
const FLAGS_SIGNED: u32 = 0x8;
/// More than the longest response to our requests.
const MAX_MESSAGE_LEN: usize = 0x2_0000;
