//! The parts of a message, and how to change them.

use ntlm::wire::{Authenticate, AvId, AvPairsBuf, Challenge, NegotiateFlags as Flags, NtResponse};

/// The name of the field that a byte belongs to.
pub(crate) fn field(message: &[u8], byte: usize) -> String {
    if byte < 12 {
        return if byte < 8 { "Signature" } else { "MessageType" }.into();
    }
    let fields = FIELDS[kind(message) - 1];
    let mut start = message.len();
    for (at, name) in fields.iter().filter(|(_, name)| name.ends_with("Fields")) {
        let number = |at: usize, len: usize| {
            message[at..at + len].iter().rev().fold(0_usize, |n, b| n << 8 | usize::from(*b))
        };
        let (length, offset) = (number(*at, 2), number(at + 4, 4));
        if length > 0 {
            start = start.min(offset);
            if (offset..offset + length).contains(&byte) {
                return name.trim_end_matches("Fields").into();
            }
        }
    }
    if byte >= start {
        return format!("byte {byte}");
    }
    fields.iter().rev().find(|(at, _)| *at <= byte).unwrap().1.into()
}

const FIELDS: [&[(usize, &str)]; 3] = [
    &[(12, "NegotiateFlags"), (16, "DomainNameFields"), (24, "WorkstationFields"), (32, "Version")],
    &[
        (12, "TargetNameFields"),
        (20, "NegotiateFlags"),
        (24, "ServerChallenge"),
        (32, "Reserved"),
        (40, "TargetInfoFields"),
        (48, "Version"),
    ],
    &[
        (12, "LmChallengeResponseFields"),
        (20, "NtChallengeResponseFields"),
        (28, "DomainNameFields"),
        (36, "UserNameFields"),
        (44, "WorkstationFields"),
        (52, "EncryptedRandomSessionKeyFields"),
        (60, "NegotiateFlags"),
        (64, "Version"),
        (72, "MIC"),
    ],
];

fn kind(message: &[u8]) -> usize {
    usize::from(message[8])
}

pub(crate) fn flags(message: &[u8]) -> Flags {
    let at = flags_offset(message);
    Flags::from_bits_retain(u32::from_le_bytes(message[at..at + 4].try_into().unwrap()))
}

pub(crate) fn set_flags(message: &mut [u8], flags: Flags) {
    let at = flags_offset(message);
    message[at..at + 4].copy_from_slice(&flags.bits().to_le_bytes());
}

fn flags_offset(message: &[u8]) -> usize {
    let fields = FIELDS[kind(message) - 1];
    fields.iter().find(|(_, name)| *name == "NegotiateFlags").unwrap().0
}

pub(crate) type Pairs = Vec<(AvId, Vec<u8>)>;

/// Puts another `TargetInfo` in the place of a CHALLENGE's.
pub(crate) fn change_target_info(challenge: &mut Vec<u8>, change: impl FnOnce(Pairs) -> Pairs) {
    let message = Challenge::parse(challenge).unwrap();
    let pairs = change(pairs(message.target_info));
    let mut list = AvPairsBuf::default();
    for (id, value) in &pairs {
        list.push(*id, value).unwrap();
    }
    let mut changed = Vec::new();
    Challenge { target_info: Some(list.as_pairs()), ..message }.emit(&mut changed).unwrap();
    *challenge = changed;
}

/// Takes `TargetInfo` out of a CHALLENGE.
pub(crate) fn remove_target_info(challenge: &mut Vec<u8>) {
    let mut changed = Vec::new();
    let message = Challenge { target_info: None, ..Challenge::parse(challenge).unwrap() };
    message.emit(&mut changed).unwrap();
    *challenge = changed;
}

/// Changes what an NTLMv2 response says, but for its proof. Others are left alone.
pub(crate) fn change_response(authenticate: &mut Vec<u8>, change: impl FnOnce(Pairs) -> Pairs) {
    let message = Authenticate::parse(authenticate).unwrap();
    let NtResponse::V2(response) = message.nt_response else { return };
    let list = response.target_info();
    let mut bytes = response.as_bytes()[..16 + 28].to_vec();
    for (id, value) in change(pairs(Some(list))) {
        bytes.extend_from_slice(&id.0.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&value);
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(list.trailing());
    let nt_response = NtResponse::parse(&bytes).unwrap();
    *authenticate = emit(&Authenticate { nt_response, ..message });
}

/// Writes an AUTHENTICATE anew, with other fields.
pub(crate) fn rewrite(authenticate: &mut Vec<u8>, change: impl FnOnce(&mut Authenticate<'_>)) {
    let mut message = Authenticate::parse(authenticate).unwrap();
    change(&mut message);
    *authenticate = emit(&message);
}

pub(crate) fn emit(message: &Authenticate<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.emit(&mut bytes).unwrap();
    bytes
}

fn pairs<'a>(list: impl IntoIterator<Item = ntlm::wire::AvPairs<'a>>) -> Pairs {
    list.into_iter()
        .flat_map(ntlm::wire::AvPairs::iter)
        .map(|(id, value)| (id, value.to_vec()))
        .collect()
}
