//! The offset of each field of a message ([MS-NLMP] 2.2.1).

use ntlm::wire::NegotiateFlags;

pub mod negotiate {
    pub const FLAGS: usize = 12;
    pub const DOMAIN: usize = 16;
    pub const WORKSTATION: usize = 24;
    pub const VERSION: usize = 32;
}

pub mod challenge {
    pub const TARGET_NAME: usize = 12;
    pub const FLAGS: usize = 20;
    pub const SERVER_CHALLENGE: usize = 24;
    pub const RESERVED: usize = 32;
    pub const TARGET_INFO: usize = 40;
    pub const VERSION: usize = 48;
}

pub mod authenticate {
    pub const LM: usize = 12;
    pub const NT: usize = 20;
    pub const DOMAIN: usize = 28;
    pub const USER: usize = 36;
    pub const WORKSTATION: usize = 44;
    pub const SESSION_KEY: usize = 52;
    pub const FLAGS: usize = 60;
    pub const VERSION: usize = 64;
    pub const MIC: usize = 72;
}

/// The fields of the headers of the three messages. The name of a descriptor, which contains the
/// length and offset of its payload, ends in `Fields`.
pub const FIELDS: [&[(usize, &str)]; 3] = [
    &[
        (negotiate::FLAGS, "NegotiateFlags"),
        (negotiate::DOMAIN, "DomainNameFields"),
        (negotiate::WORKSTATION, "WorkstationFields"),
        (negotiate::VERSION, "Version"),
    ],
    &[
        (challenge::TARGET_NAME, "TargetNameFields"),
        (challenge::FLAGS, "NegotiateFlags"),
        (challenge::SERVER_CHALLENGE, "ServerChallenge"),
        (challenge::RESERVED, "Reserved"),
        (challenge::TARGET_INFO, "TargetInfoFields"),
        (challenge::VERSION, "Version"),
    ],
    &[
        (authenticate::LM, "LmChallengeResponseFields"),
        (authenticate::NT, "NtChallengeResponseFields"),
        (authenticate::DOMAIN, "DomainNameFields"),
        (authenticate::USER, "UserNameFields"),
        (authenticate::WORKSTATION, "WorkstationFields"),
        (authenticate::SESSION_KEY, "EncryptedRandomSessionKeyFields"),
        (authenticate::FLAGS, "NegotiateFlags"),
        (authenticate::VERSION, "Version"),
        (authenticate::MIC, "MIC"),
    ],
];

/// The fields of a message's header.
pub fn of(message: &[u8]) -> &'static [(usize, &'static str)] {
    FIELDS[usize::from(message[8]) - 1]
}

/// The offsets of the descriptors of a message.
pub fn descriptors(message: &[u8]) -> impl Iterator<Item = usize> + use<> {
    of(message).iter().filter(|(_, name)| name.ends_with("Fields")).map(|(at, _)| *at)
}

/// The flags of a message.
#[track_caller]
pub fn flags(message: &[u8]) -> NegotiateFlags {
    NegotiateFlags::from_bits_retain(number(message, flags_at(message)))
}

/// Writes other flags into a message.
pub fn set_flags(message: &mut [u8], flags: NegotiateFlags) {
    let at = flags_at(message);
    message[at..][..4].copy_from_slice(&flags.bits().to_le_bytes());
}

/// Clears flags of a message, and sets others.
pub fn change_flags(message: &mut [u8], cleared: NegotiateFlags, set: NegotiateFlags) {
    set_flags(message, (flags(message) - cleared) | set);
}

fn flags_at(message: &[u8]) -> usize {
    let is_flags = |(_, name): &&(usize, &str)| *name == "NegotiateFlags";
    of(message).iter().find(is_flags).expect("every message has flags").0
}

/// The 32-bit number at an offset.
#[track_caller]
pub fn number(message: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(message[at..at + 4].try_into().expect("four bytes"))
}

/// The length of a descriptor's payload.
#[track_caller]
pub fn length(message: &[u8], descriptor: usize) -> usize {
    u16::from_le_bytes([message[descriptor], message[descriptor + 1]]).into()
}

/// The offset of a descriptor's payload.
#[track_caller]
pub fn offset(message: &[u8], descriptor: usize) -> usize {
    usize::try_from(number(message, descriptor + 4)).expect("a usize has 32 bits")
}

/// The payload of a descriptor.
#[track_caller]
pub fn payload(message: &[u8], descriptor: usize) -> &[u8] {
    &message[offset(message, descriptor)..][..length(message, descriptor)]
}

/// Changes the offset of a descriptor's payload.
pub fn set_offset(message: &mut [u8], descriptor: usize, offset: usize) {
    let offset = u32::try_from(offset).expect("it fits").to_le_bytes();
    message[descriptor + 4..][..4].copy_from_slice(&offset);
}

/// Changes a descriptor: the length of its payload (also `MaxLen`), and its offset.
pub fn describe(message: &mut [u8], descriptor: usize, length: usize, offset: usize) {
    let length = u16::try_from(length).expect("it fits").to_le_bytes();
    message[descriptor..][..4].copy_from_slice(&[length, length].concat());
    set_offset(message, descriptor, offset);
}

/// The message with a changed descriptor.
pub fn described(message: &[u8], descriptor: usize, length: usize, offset: usize) -> Vec<u8> {
    let mut changed = message.to_vec();
    describe(&mut changed, descriptor, length, offset);
    changed
}

/// The message with these bytes appended, as the payload of a descriptor.
pub fn with_payload(message: &[u8], descriptor: usize, payload: &[u8]) -> Vec<u8> {
    [&described(message, descriptor, payload.len(), message.len()), payload].concat()
}
