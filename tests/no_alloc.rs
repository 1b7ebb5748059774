//! Reading a message and protecting one do not allocate, at any size.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Fields;
use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::session::Part;
use ntlm::wire::{Authenticate, AvPairs, Challenge, Message, NegotiateFlags, NtResponse};
use ntlm::{DatagramSession, Session};

/// Fails unless nothing was allocated on the way.
fn without_allocation<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(work()));
    assert_eq!(counted.count_total, 0, "{what}");
    result.unwrap()
}

#[test]
fn messages_are_read_in_place() {
    for file in std::fs::read_dir(common::data("transcripts")).unwrap() {
        let transcript = common::read_json(&file.unwrap().path());
        for name in ["negotiate", "challenge", "authenticate"] {
            let bytes = transcript.bytes(name).unwrap();
            without_allocation(name, || {
                let message = Message::parse(&bytes);
                let Ok(Message::Authenticate(Authenticate { nt_response, .. })) = message else {
                    return;
                };
                if let NtResponse::V2(response) = nt_response {
                    assert!(response.target_info().flags().bits() < 16);
                }
            });
        }
    }
}

#[test]
fn hostile_lengths_allocate_nothing_either() {
    let hostile = common::read_json(&common::data("hostile.json"));
    let messages = hostile.as_array().unwrap().iter().filter_map(|case| case.bytes("message"));
    for bytes in messages {
        without_allocation("a hostile message", || Message::parse(&bytes).is_ok());
    }
    let many: Vec<u8> = (0..16_000).flat_map(|_| [11, 0, 0, 0]).chain([0; 4]).collect();
    without_allocation("a long list", || AvPairs::parse(&many).unwrap().iter().count());
    without_allocation("no message", || Challenge::parse(&many).is_ok());
}

#[test]
fn messages_are_protected_in_place() {
    let extended = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let exchanged = extended | NegotiateFlags::NEGOTIATE_KEY_EXCH | NegotiateFlags::NEGOTIATE_128;
    for flags in [NegotiateFlags::empty(), extended, exchanged] {
        let flags = flags | NegotiateFlags::PROTECTION;
        let key = ExportedSessionKey::from([0x55; 16]);
        let mut client = Session::new(flags, &key, Side::Client);
        let mut server = Session::new(flags, &key, Side::Server);
        for length in [0, 64, 65_536] {
            let mut message = vec![7; length];
            without_allocation("sealing", || {
                let signature = client.seal(&mut message).unwrap();
                server.unseal(&mut message, &signature).unwrap();
                let signature = server.sign(&message).unwrap();
                client.verify(&message, &signature).unwrap();
                let mut parts =
                    [Part::Clear(b"header"), Part::Sealed(&mut message), Part::Clear(b"trailer")];
                let signature = client.seal_parts(&mut parts).unwrap();
                server.unseal_parts(&mut parts, &signature).unwrap();
            });
            assert_eq!(message, vec![7; length]);
        }
        let mut message = *b"last";
        without_allocation("refusing", || {
            let signature = client.seal(&mut message).unwrap();
            message[0] ^= 1;
            server.unseal(&mut message, &signature).unwrap_err()
        });
    }
}

#[test]
fn datagrams_are_protected_in_place() {
    let flags = NegotiateFlags::from_bits_retain(0xe208_8275);
    let key = ExportedSessionKey::from([0x55; 16]);
    let client = DatagramSession::new(flags, &key, Side::Client);
    let server = DatagramSession::new(flags, &key, Side::Server);
    let mut message = vec![7; 1400];
    without_allocation("a datagram", || {
        let signature = client.seal(9, &mut message).unwrap();
        server.unseal(9, &mut message, &signature).unwrap();
    });
}
