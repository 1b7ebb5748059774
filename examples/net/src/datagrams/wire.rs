//! The format of datagrams.

use ntlm::session::Signature;

/// A datagram: one byte for its kind, and the content.
#[derive(Debug)]
pub enum Datagram<'a> {
    /// The client asks for a CHALLENGE. It is padded to the length of a CHALLENGE, so that an
    /// attacker with a forged address cannot use the server to amplify traffic.
    Hello,
    Challenge(&'a [u8]),
    Authenticate(&'a [u8]),
    /// The server rejects the login. All rejections look alike.
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

/// At least the length of a CHALLENGE.
pub(super) const HELLO_LEN: usize = 512;
