//! Moved borders between the messages: the MIC covers NEGOTIATE ‖ CHALLENGE ‖ AUTHENTICATE as one
//! string, but not where one message ends and the next one starts.

use ntlm::crypto::{ExportedSessionKey, mic};
use ntlm::wire::{Authenticate, NegotiateFlags as Flags, SIGNATURE};

use ntlm_testkit::fields;
use ntlm_testkit::fields::authenticate::{
    DOMAIN, LM, MIC, NT, SESSION_KEY, USER, VERSION, WORKSTATION,
};
use ntlm_testkit::fields::challenge::{TARGET_INFO, TARGET_NAME};

use crate::attack::{Attack, Honest, How};
use crate::border;
use crate::notes;
use crate::outcome::{Keys, Outcome};

pub(crate) const SPLICES: &[Attack] = &[
    Attack::new(
        "an AUTHENTICATE header with other flags and names, appended to the CHALLENGE for the \
         client, and put in front of the AUTHENTICATE for the server, with the client's MIC",
        How::Other(authenticate_header),
    ),
    Attack::new("the same, with a client that does not check", How::Other(unchecked_header)),
    Attack::new(
        "the same, with the MIC field over the header of the client's AUTHENTICATE",
        How::Other(hidden_header),
    ),
    Attack::new(
        "a CHALLENGE header, appended to the NEGOTIATE for the server, and put in front of the \
         CHALLENGE for the client",
        How::Other(challenge_header),
    ),
    Attack::new("each border, by 1 to 24 bytes to either side", How::Other(moved_borders)),
    Attack::new(
        "a message of this or another handshake, appended to a message or inserted between two",
        How::Other(whole_messages),
    ),
    Attack::new(
        "trailing bytes, appended to a message or inserted between two",
        How::Other(trailing),
    ),
    Attack::new(
        "the border of user and domain, by a letter or past both names",
        How::Other(border::moved),
    )
    .possible_since(notes::BORDER),
];

const HEADERS: [usize; 6] = [52, 64, 72, 80, 88, 104];
const PADDINGS: [usize; 6] = [0, 1, 7, 8, 16, 100];

/// What the attacker puts between the CHALLENGE and the client's AUTHENTICATE: the start of another
/// AUTHENTICATE, whose fields are in the client's.
struct Prefix {
    bytes: Vec<u8>,
    /// Where the MIC is in the message that starts with `bytes`, if there is room for one.
    mic_offset: Option<usize>,
}

impl Prefix {
    /// The lengths and offsets of the client's message are those of an earlier handshake.
    fn new(honest: &Honest, header: usize, padding: usize) -> Option<Self> {
        let authenticate = honest.message(3)?;
        let length = header + padding;
        let mut bytes = vec![0; length];
        bytes[..12].copy_from_slice(&authenticate[..12]);
        for descriptor in fields::descriptors(authenticate).filter(|at| at + 8 <= header) {
            bytes[descriptor..][..8].copy_from_slice(&authenticate[descriptor..][..8]);
            let offset = fields::offset(authenticate, descriptor) + length;
            fields::set_offset(&mut bytes, descriptor, offset);
        }
        if header >= 64 {
            let strength = Flags::NEGOTIATE_128 | Flags::NEGOTIATE_56;
            let flags = fields::flags(authenticate) - Flags::PROTECTION - strength;
            fields::set_flags(&mut bytes, flags);
        }
        // The header ends where the first field starts. If there is no padding, the workstation is
        // the first letter of the client's message.
        let unit = border::unit(authenticate);
        fields::describe(&mut bytes, WORKSTATION, unit, header);
        if let Some(place) = bytes.get_mut(header) {
            *place = b'E';
        }
        // An anonymous client has no names.
        let (user, domain) = border::moved_names(authenticate).unwrap_or_default();
        let (user_offset, domain_offset) = (header + unit, header + unit + user.len());
        if let Some(place) = bytes.get_mut(user_offset..domain_offset + domain.len()) {
            place.copy_from_slice(&[&user[..], &domain].concat());
            fields::describe(&mut bytes, USER, user.len(), user_offset);
            fields::describe(&mut bytes, DOMAIN, domain.len(), domain_offset);
        }
        let mic_offset = match header {
            80 => Some(VERSION),
            88.. => Some(MIC),
            _ => None,
        };
        Some(Self { bytes, mic_offset })
    }

    fn all(honest: &Honest) -> impl Iterator<Item = Self> {
        let sizes =
            HEADERS.into_iter().flat_map(|header| PADDINGS.map(|padding| (header, padding)));
        sizes.filter_map(|(header, padding)| Self::new(honest, header, padding))
    }

    /// The message for the server: the client's MIC moves to the attacker's header.
    fn before(&self, authenticate: &[u8]) -> Vec<u8> {
        let mut message = [&self.bytes, authenticate].concat();
        if let Some((offset, mic)) = mic_of(authenticate) {
            message[self.bytes.len() + offset..][..16].fill(0);
            if let Some(offset) = self.mic_offset {
                message[offset..offset + 16].copy_from_slice(&mic);
            }
        }
        message
    }

    /// What a client answers to the CHALLENGE with these bytes after it if it does not check.
    fn answered(&self, honest: &Honest) -> Vec<u8> {
        let mut authenticate = honest.message(3).unwrap().clone();
        if let Some((offset, _)) = mic_of(&authenticate) {
            let challenge = [&honest.message(2).unwrap()[..], &self.bytes].concat();
            let mic = right_mic(honest, &challenge, &authenticate, offset);
            authenticate[offset..offset + 16].copy_from_slice(&mic);
        }
        authenticate
    }
}

/// An honest client detects the second header.
fn authenticate_header(honest: &Honest) -> Vec<Outcome> {
    Prefix::all(honest).map(|prefix| put_between(honest, &prefix)).collect()
}

fn put_between(honest: &Honest, prefix: &Prefix) -> Outcome {
    honest.tampered(&|number, message| match number {
        2 => message.extend_from_slice(&prefix.bytes),
        3 => *message = prefix.before(message),
        _ => {}
    })
}

fn unchecked_header(honest: &Honest) -> Vec<Outcome> {
    let outcome = |prefix: Prefix| {
        let message = prefix.before(&prefix.answered(honest));
        assert_mic_is_right(honest, &prefix, &message);
        honest.answered(&message)
    };
    Prefix::all(honest).map(outcome).collect()
}

/// Otherwise the row would test a malformed attack and not the check.
fn assert_mic_is_right(honest: &Honest, prefix: &Prefix, message: &[u8]) {
    let has_mic = mic_of(honest.message(3).unwrap()).is_some();
    let Some(offset) = prefix.mic_offset.filter(|_| has_mic) else { return };
    assert_eq!(Authenticate::parse(message).unwrap().mic_offset(), Some(offset));
    let right = right_mic(honest, honest.message(2).unwrap(), message, offset);
    assert_eq!(message[offset..offset + 16], right, "the server's view has the client's MIC");
}

/// The server hashes zeros for the MIC field, so a header in that field is not what the client
/// hashed. If the field starts within the signature, the received message has no second header.
fn hidden_header(honest: &Honest) -> Vec<Outcome> {
    let at = |header: usize, mic_offset: usize| {
        let starts = mic_offset - 11..mic_offset + 16;
        starts.filter_map(move |start| {
            let mut prefix = Prefix::new(honest, header, 0)?;
            let shift = header - start;
            prefix.bytes.truncate(start);
            for descriptor in [LM, NT, DOMAIN, USER, SESSION_KEY] {
                if descriptor + 8 <= start {
                    let offset = fields::offset(&prefix.bytes, descriptor);
                    fields::set_offset(&mut prefix.bytes, descriptor, offset - shift);
                }
            }
            let authenticate = prefix.answered(honest);
            let mut message = [&prefix.bytes[..], &authenticate].concat();
            if let Some((offset, mic)) = mic_of(&authenticate) {
                message[start + offset..][..16].fill(0);
                message[mic_offset..mic_offset + 16].copy_from_slice(&mic);
            }
            Some(honest.answered(&message))
        })
    };
    at(80, VERSION).chain(at(88, MIC)).collect()
}

/// The start of a CHALLENGE whose `TargetInfo` is in the server's. The attacker knows the server's
/// challenge before the server sends it, which no real one does.
fn challenge_header(honest: &Honest) -> Vec<Outcome> {
    let Some(challenge) = honest.message(2) else { return Vec::new() };
    let outcomes = |(header, padding): (usize, usize)| {
        let mut prefix = challenge[..header].to_vec();
        prefix.resize(header + padding, 0);
        fields::describe(&mut prefix, TARGET_NAME, 0, 0);
        if header >= 48 {
            let offset = fields::offset(challenge, TARGET_INFO) + prefix.len();
            fields::set_offset(&mut prefix, TARGET_INFO, offset);
        }
        let for_both = honest.message(1).map(|_| honest.tampered(&splice(1, &prefix)));
        let for_the_client =
            honest.tampered_in(2, |message| *message = [&prefix[..], message].concat());
        for_both.into_iter().chain(for_the_client)
    };
    let sizes = [32, 48, 56].into_iter().flat_map(|header| PADDINGS.map(|more| (header, more)));
    sizes.flat_map(outcomes).collect()
}

/// Bytes appended to a message for its receiver, and put in front of the next one for the other.
fn splice(number: usize, bytes: &[u8]) -> impl Fn(usize, &mut Vec<u8>) + '_ {
    move |current, message| {
        if current == number {
            message.extend_from_slice(bytes);
        } else if current == number + 1 {
            *message = [bytes, message].concat();
        }
    }
}

/// Within the signature, within the header and beyond it.
fn moved_borders(honest: &Honest) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for length in 1..=24 {
        for sent in honest.messages.iter().filter(|sent| sent.number < 3) {
            let (first, second) = (&sent.bytes, honest.message(sent.number + 1));
            let Some(second) = second else { continue };
            let tail = &first[first.len() - length..];
            let head = &second[..length];
            // The end of a message becomes the start of the next one.
            outcomes.push(honest.tampered(&|number, message| {
                if number == sent.number {
                    message.truncate(message.len() - length);
                } else if number == sent.number + 1 {
                    *message = [tail, message].concat();
                }
            }));
            // The start of a message becomes the end of the one before.
            outcomes.push(honest.tampered(&|number, message| {
                if number == sent.number {
                    message.extend_from_slice(head);
                } else if number == sent.number + 1 {
                    message.drain(..length);
                }
            }));
            outcomes.push(honest.tampered(&splice(sent.number, head)));
        }
    }
    outcomes
}

fn whole_messages(honest: &Honest) -> Vec<Outcome> {
    let another = honest.another();
    let all = honest.messages.iter().chain(&another.messages);
    all.flat_map(|sent| put_everywhere(honest, &sent.bytes)).collect()
}

fn trailing(honest: &Honest) -> Vec<Outcome> {
    let signature = (1..8).map(|length| SIGNATURE[..length].to_vec());
    let others = [1, 7, 8, 16, 100].into_iter().flat_map(|n| [vec![0; n], vec![0xff; n]]);
    signature.chain(others).flat_map(|bytes| put_everywhere(honest, &bytes)).collect()
}

/// After each message, and between each two.
fn put_everywhere(honest: &Honest, bytes: &[u8]) -> Vec<Outcome> {
    let appended = |sent: &crate::attack::Sent| {
        honest.tampered_in(sent.number, |message| message.extend_from_slice(bytes))
    };
    let between = |sent: &crate::attack::Sent| {
        (sent.number < 3).then(|| honest.tampered(&splice(sent.number, bytes)))
    };
    let messages = honest.messages.iter();
    messages.flat_map(|sent| [appended(sent), between(sent)]).flatten().collect()
}

/// Where the MIC of a message is, and its value, if the message has room for one.
fn mic_of(authenticate: &[u8]) -> Option<(usize, [u8; 16])> {
    let message = Authenticate::parse(authenticate).unwrap();
    message.mic_offset().zip(message.mic)
}

fn right_mic(honest: &Honest, challenge: &[u8], authenticate: &[u8], offset: usize) -> [u8; 16] {
    let key = honest.end.as_ref().map_or(Keys::NONE, |end| end.client).key;
    let negotiate = honest.message(1).map_or(&[][..], Vec::as_slice);
    let (before, after) = (&authenticate[..offset], &authenticate[offset + 16..]);
    let parts = [negotiate, challenge, before, &[0; 16], after];
    mic(&ExportedSessionKey::from(key), &parts)
}
