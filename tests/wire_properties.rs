//! Codecs with arbitrary content: what is written can be parsed, what is parsed can be written, and
//! nothing panics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::wire::{
    Authenticate, AvId, AvPairs, AvPairsBuf, Challenge, LmResponse, Message, Negotiate,
    NegotiateFlags as Flags, NtResponse, Version,
};
use ntlm::{CharacterSet, Text, inspect};
use ntlm_testkit::{Emit, Fields, cases};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn flags() -> impl Strategy<Value = Flags> {
    any::<u32>().prop_map(Flags::from_bits_retain)
}

fn version() -> impl Strategy<Value = Version> {
    any::<[u8; 8]>().prop_map(Version::from_bytes)
}

fn av_pairs() -> impl Strategy<Value = AvPairsBuf> {
    let pair = (prop_oneof![0..12_u16, any::<u16>()], vec(any::<u8>(), 0..40));
    vec(pair, 0..12).prop_map(|pairs| {
        let mut list = AvPairsBuf::default();
        for (id, value) in pairs {
            // Pairs that would make the list malformed are omitted.
            let _ = list.push(AvId(id), &value);
        }
        list
    })
}

fn nt_response() -> impl Strategy<Value = Vec<u8>> {
    let ntlmv2 = (any::<[u8; 16]>(), any::<[u8; 26]>(), av_pairs(), vec(any::<u8>(), 0..20));
    let ntlmv2 = ntlmv2.prop_map(|(proof, fixed, pairs, trailing)| {
        [&proof[..], &[1, 1], &fixed, pairs.as_pairs().as_bytes(), &trailing].concat()
    });
    prop_oneof![Just(Vec::new()), vec(any::<u8>(), 24), ntlmv2]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..60)
}

/// A real message with some bytes changed, cut or extended: in nearly all cases part of it still
/// parses.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    let vectors = cases("vectors.json").iter();
    let messages = vectors.filter(|vector| vector.text("kind") == Some("message"));
    let messages: Vec<_> =
        messages.map(|vector| vector["inputs"].bytes("message").unwrap()).collect();
    (proptest::sample::select(messages), edits()).prop_map(|(message, edits)| edits.apply(message))
}

#[derive(Clone, Debug)]
struct Edits {
    bytes: Vec<(usize, u8)>,
    cut: Option<usize>,
    more: Vec<u8>,
}

fn edits() -> impl Strategy<Value = Edits> {
    let bytes = vec((0..100_usize, any::<u8>()), 0..4);
    let cut = prop_oneof![3 => Just(None), 1 => (0..600_usize).prop_map(Some)];
    (bytes, cut, vec(any::<u8>(), 0..4)).prop_map(|(bytes, cut, more)| Edits { bytes, cut, more })
}

impl Edits {
    fn apply(self, mut message: Vec<u8>) -> Vec<u8> {
        for (at, byte) in self.bytes {
            // Lengths and offsets are small numbers, so flipping a few bits covers more of them.
            if let Some(place) = message.get_mut(at) {
                *place = if byte < 128 { *place ^ (1 << (byte % 8)) } else { byte };
            }
        }
        message.truncate(self.cut.unwrap_or(usize::MAX));
        message.extend_from_slice(&self.more);
        message
    }
}

proptest! {
    #[test]
    fn negotiate_parses_to_what_was_written(flags in flags(), domain in option::of(bytes()), workstation in option::of(bytes()), version in option::of(version())) {
        let message = Negotiate {
            flags,
            domain: domain.as_deref(),
            workstation: workstation.as_deref(),
            version,
        };
        let out = message.to_bytes();
        prop_assert_eq!(out.len(), message.encoded_len());
        let parsed = Negotiate::parse(&out).unwrap();
        prop_assert_eq!((parsed.domain, parsed.workstation), (message.domain, message.workstation));
        prop_assert_eq!(parsed.version, message.version);
        let names = Flags::NEGOTIATE_OEM_DOMAIN_SUPPLIED | Flags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED;
        prop_assert_eq!(parsed.flags - names, flags - names);
    }

    #[test]
    fn challenge_parses_to_what_was_written(flags in flags(), name in vec(any::<u16>(), 0..20), server_challenge: [u8; 8], pairs in option::of(av_pairs()), version in option::of(version())) {
        let flags = flags | Flags::NEGOTIATE_OEM | Flags::REQUEST_TARGET;
        let name: Vec<u8> = name.into_iter().flat_map(u16::to_le_bytes).collect();
        let message = Challenge {
            target_name: &name,
            flags,
            server_challenge,
            target_info: pairs.as_ref().map(AvPairsBuf::as_pairs),
            version,
        };
        let out = message.to_bytes();
        prop_assert_eq!(out.len(), message.encoded_len());
        let parsed = Challenge::parse(&out).unwrap();
        // A flag without a list is written as an empty list, and both parse to their own value.
        let flags = if pairs.is_some() { flags | Flags::NEGOTIATE_TARGET_INFO } else { flags };
        prop_assert_eq!(Challenge { flags, ..message }, parsed);
    }

    #[test]
    fn authenticate_parses_to_what_was_written(
        lm in bytes(),
        nt in nt_response(),
        names in (bytes(), bytes(), bytes()),
        key in bytes(),
        header in option::of((flags(), option::of(version()), option::of(any::<[u8; 16]>()))),
    ) {
        let exchanges = header.is_some_and(|(flags, ..)| flags.contains(Flags::NEGOTIATE_KEY_EXCH));
        let message = Authenticate {
            lm_response: LmResponse::new(&lm),
            nt_response: NtResponse::parse(&nt).unwrap(),
            domain: &names.0,
            user: &names.1,
            workstation: &names.2,
            encrypted_random_session_key: if exchanges { &key } else { &[] },
            flags: header.map(|(flags, ..)| flags),
            version: header.and_then(|(_, version, _)| version),
            mic: header.and_then(|(.., mic)| mic),
        };
        let out = message.to_bytes();
        prop_assert_eq!(out.len(), message.encoded_len());
        prop_assert_eq!(Authenticate::parse(&out), Ok(message));
    }

    #[test]
    fn any_message_that_parses_is_the_same_after_a_round_trip(bytes in nearly_a_message()) {
        let Ok(message) = Message::parse(&bytes) else { return Ok(()) };
        let mut out = Vec::new();
        match message {
            Message::Negotiate(message) => message.emit(&mut out),
            Message::Challenge(message) => message.emit(&mut out),
            Message::Authenticate(message) => message.emit(&mut out),
        }
        .unwrap();
        prop_assert_eq!(Message::parse(&out), Ok(message));
    }

    #[test]
    fn lists_parse_to_the_pairs_that_were_written(pairs in av_pairs(), trailing in bytes()) {
        let mut bytes = pairs.as_pairs().as_bytes().to_vec();
        bytes.extend_from_slice(&trailing);
        let parsed = AvPairs::parse(&bytes).unwrap();
        prop_assert_eq!(parsed.trailing(), &trailing[..]);
        let mut again = AvPairsBuf::default();
        for (id, value) in parsed.iter() {
            again.push(id, value).unwrap();
        }
        prop_assert_eq!(again.as_pairs(), pairs.as_pairs());
    }

    #[test]
    fn any_list_is_rejected_or_read_to_its_end(pairs in av_pairs(), edits in edits()) {
        let bytes = edits.apply(pairs.as_pairs().as_bytes().to_vec());
        if let Ok(pairs) = AvPairs::parse(&bytes) {
            let len: usize = pairs.iter().map(|(_, value)| 4 + value.len()).sum();
            prop_assert_eq!(len + 4 + pairs.trailing().len(), bytes.len());
        }
    }

    #[test]
    fn arbitrary_bytes_give_a_table(bytes in prop_oneof![bytes(), nearly_a_message()]) {
        let table = inspect::annotate(&bytes).with_secrets().to_string();
        prop_assert!(table.ends_with('\n'));
        prop_assert!(table.len() < 8192 + 200 * bytes.len());
    }

    #[test]
    fn text_keeps_every_code_unit(units in vec(any::<u16>(), 0..20)) {
        let text = Text::from_utf16(&units);
        prop_assert_eq!(text.utf16_units().collect::<Vec<_>>(), units);
        let bytes = text.encode(CharacterSet::Unicode, &ntlm::Ascii).unwrap();
        prop_assert_eq!(Text::from_utf16le(&bytes), Ok(text));
    }
}
