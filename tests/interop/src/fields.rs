//! Fields of messages as they are sent, where a test looks at what a peer does unusually.

/// The place of `NtChallengeResponseFields` in an AUTHENTICATE.
pub const NT_RESPONSE: usize = 20;
/// The place of `NegotiateFlags` in an AUTHENTICATE.
pub const FLAGS: usize = 60;

/// The value of the field that is described at a place.
///
/// # Panics
/// If the description or the value is outside the message.
#[track_caller]
pub fn field(message: &[u8], at: usize) -> &[u8] {
    let length = u16::from_le_bytes(message[at..at + 2].try_into().expect("two bytes"));
    let offset = number(message, at + 4) as usize;
    &message[offset..offset + usize::from(length)]
}

/// The number at a place.
///
/// # Panics
/// If it is outside the message.
#[track_caller]
pub fn number(message: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(message[at..at + 4].try_into().expect("four bytes"))
}
