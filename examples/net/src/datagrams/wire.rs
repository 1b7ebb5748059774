//! What travels.

use ntlm::session::Signature;

/// A byte that says which it is, and the rest.
#[derive(Debug)]
pub enum Datagram<'a> {
    /// The client wants a CHALLENGE. As long as that will be, so that nobody who forges his address
    /// gets more sent there than he sends himself.
    Hello,
    Challenge(&'a [u8]),
    Authenticate(&'a [u8]),
    /// All refusals look alike.
    Refused,
    Sealed {
        sequence: u32,
        signature: Signature,
        message: &'a [u8],
    },
}

impl<'a> Datagram<'a> {
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        Some(match kind {
            0 if bytes.len() == HELLO_LEN => Self::Hello,
            1 => Self::Challenge(rest),
            2 => Self::Authenticate(rest),
            3 if rest.is_empty() => Self::Refused,
            4 => {
                let (sequence, rest) = rest.split_first_chunk()?;
                let (signature, message) = rest.split_first_chunk::<16>()?;
                let sequence = u32::from_le_bytes(*sequence);
                Self::Sealed { sequence, signature: Signature::from(*signature), message }
            }
            _ => return None,
        })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello => vec![0; HELLO_LEN],
            Self::Challenge(token) => [&[1], *token].concat(),
            Self::Authenticate(token) => [&[2], *token].concat(),
            Self::Refused => vec![3],
            Self::Sealed { sequence, signature, message } => {
                [&[4], &sequence.to_le_bytes()[..], signature.as_bytes(), message].concat()
            }
        }
    }
}

/// As long as a CHALLENGE, or longer.
pub(super) const HELLO_LEN: usize = 512;
