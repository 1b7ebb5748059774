//! Attacks of a man in the middle on the border of two messages. The MIC covers all messages as one
//! string, so bytes that leave one message and enter the next one do not change what it covers.

use std::borrow::Cow;

use arbitrary::Arbitrary;
use ntlm::wire::{Authenticate, SIGNATURE};

use ntlm_testkit::fields;
use ntlm_testkit::fields::authenticate::{FLAGS, MIC, VERSION, WORKSTATION};

use crate::knobs::pick;

/// A change of the last part of a message, for its receiver, and of the first part of the next one,
/// for its receiver.
#[derive(Arbitrary, Debug)]
pub enum Splice<'a> {
    /// The start of an AUTHENTICATE of the attacker. Its fields are in the client's message, and
    /// its MIC is the client's.
    Prefix { header: u8, padding: &'a [u8], flags: u32, moves_mic: bool },
    /// The last bytes of a message become the first of the next one.
    Forward { length: u8 },
    /// The first bytes of a message, known from an earlier handshake, become the last of the one
    /// before.
    Back { length: u8 },
    /// Bytes are appended to a message, and put in front of the next one.
    Between { bytes: &'a [u8] },
    /// The same with a part of a message of an earlier handshake.
    Part { message: u8, start: u8, length: u16, is_between: bool },
    /// A header is inserted into a message.
    Header { at: u16, kind: u8 },
}

/// The messages of an earlier handshake of the same peers; empty if there was none.
pub type Known = [Vec<u8>; 3];

impl Splice<'_> {
    /// Changes the message before the border.
    pub fn end(&self, message: &mut Vec<u8>, next: &[u8], known: &Known) {
        match *self {
            Self::Forward { length } => {
                message.truncate(message.len().saturating_sub(length.into()))
            }
            Self::Back { length } => message.extend_from_slice(first(next, length)),
            Self::Header { at, kind } => insert_header(message, at, kind),
            _ => message.extend_from_slice(&self.added(known)),
        }
    }

    /// Changes the message after the border; `before` is the message before it, as it was sent.
    pub fn start(&self, message: &mut Vec<u8>, before: &[u8], known: &Known) {
        match *self {
            Self::Forward { length } => {
                let kept = before.len().saturating_sub(length.into());
                message.splice(..0, before[kept..].iter().copied());
            }
            Self::Back { length } => drop(message.drain(..message.len().min(length.into()))),
            Self::Part { is_between: false, .. } | Self::Header { .. } => {}
            Self::Prefix { header, moves_mic: true, .. } => {
                let prefix = self.added(known);
                put_before_with_mic(message, &prefix, mic_offset(header_len(header)));
            }
            _ => drop(message.splice(..0, self.added(known).into_owned())),
        }
    }

    /// The bytes that are then between both messages.
    fn added(&self, known: &Known) -> Cow<'_, [u8]> {
        match *self {
            Self::Prefix { header, padding, flags, .. } => {
                prefix(&known[2], header_len(header), first(padding, 128), flags).into()
            }
            Self::Between { bytes } => bytes.into(),
            Self::Part { message, start, length, .. } => {
                let rest = known[usize::from(message % 3)].get(start.into()..).unwrap_or_default();
                rest[..rest.len().min(length.into())].to_vec().into()
            }
            _ => Cow::default(),
        }
    }
}

/// Whether a message contains another header after its own.
pub fn has_second_header(message: &[u8]) -> bool {
    message.windows(SIGNATURE.len()).skip(1).any(|bytes| bytes == SIGNATURE)
}

fn first(bytes: &[u8], length: u8) -> &[u8] {
    &bytes[..bytes.len().min(length.into())]
}

fn insert_header(message: &mut Vec<u8>, at: u16, kind: u8) {
    let at = message.len().min(at.into());
    let header = [&SIGNATURE[..], &[kind % 4, 0, 0, 0]].concat();
    message.splice(at..at, header);
}

/// Headers without flags; with them; with a version; with a MIC but no version; with both; longer
/// ones.
fn header_len(knob: u8) -> usize {
    pick(&[88, 80, 72, 64, 52, 104], knob)
}

fn mic_offset(header: usize) -> Option<usize> {
    match header {
        80 => Some(VERSION),
        88.. => Some(MIC),
        _ => None,
    }
}

/// Lengths and offsets are those of the earlier message, moved by the length of the prefix. The
/// workstation starts where the header ends, so its offset marks the end of the header.
fn prefix(known: &[u8], header: usize, padding: &[u8], flags: u32) -> Vec<u8> {
    let length = header + padding.len();
    let mut prefix = vec![0; header];
    prefix.extend_from_slice(padding);
    prefix[..8].copy_from_slice(&SIGNATURE);
    prefix[8] = 3;
    for descriptor in fields::descriptors(&prefix).filter(|at| at + 8 <= header) {
        let Some(field) = known.get(descriptor..descriptor + 8) else { return prefix };
        prefix[descriptor..descriptor + 8].copy_from_slice(field);
        let offset = fields::number(known, descriptor + 4).wrapping_add(length as u32);
        prefix[descriptor + 4..descriptor + 8].copy_from_slice(&offset.to_le_bytes());
    }
    fields::describe(&mut prefix, WORKSTATION, 2, header);
    if let (64.., Some(known)) = (header, known.get(FLAGS..FLAGS + 4)) {
        let bits = known.iter().zip(flags.to_le_bytes()).map(|(known, bits)| known ^ bits);
        prefix.splice(FLAGS..FLAGS + 4, bits);
    }
    prefix
}

/// Moves the MIC of the message into the prefix, and leaves zeros in its place.
fn put_before_with_mic(message: &mut Vec<u8>, prefix: &[u8], offset: Option<usize>) {
    let own =
        Authenticate::parse(message).ok().and_then(|parsed| parsed.mic_offset().zip(parsed.mic));
    message.splice(..0, prefix.iter().copied());
    if let (Some(offset), Some((own, mic))) = (offset, own) {
        message[prefix.len() + own..][..16].fill(0);
        message[offset..offset + 16].copy_from_slice(&mic);
    }
}
