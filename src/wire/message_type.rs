//! Signature and MessageType: the first 12 bytes of every message ([MS-NLMP] 2.2.1).

/// `Signature`: the first eight bytes of every message, `NTLMSSP\0`.
pub const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// `MessageType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageType {
    Negotiate,
    Challenge,
    Authenticate,
}

impl MessageType {
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Negotiate => 1,
            Self::Challenge => 2,
            Self::Authenticate => 3,
        }
    }

    pub(super) const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Negotiate),
            2 => Some(Self::Challenge),
            3 => Some(Self::Authenticate),
            _ => None,
        }
    }
}
