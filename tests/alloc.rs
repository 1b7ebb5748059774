//! Reading or protecting a message allocates nothing, at any size; a handshake allocates ten times.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::server::{AwaitAuthenticate, Claim, Names};
use ntlm::session::Part;
use ntlm::wire::{Authenticate, AvPairs, Challenge, Message, NegotiateFlags, NtResponse};
use ntlm::{Client, Credentials, DatagramSession, NtHash, Server, Session};
use ntlm_testkit::{Fields, Fixed, alice, cases, transcripts};

/// Fails if anything is allocated meanwhile.
fn without_allocation<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(work()));
    assert_eq!(counted.count_total, 0, "{what}");
    result.unwrap()
}

/// The number of allocations.
fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(work()));
    (counted.count_total, result.unwrap())
}

/// The client allocates the NEGOTIATE and a copy of it for the MIC, the parts of the AUTHENTICATE,
/// and the AUTHENTICATE. The server allocates the CHALLENGE, a copy of the messages with room for
/// the AUTHENTICATE, and the names in it: user, domain, workstation and SPN.
#[test]
fn handshake_allocates_at_most_what_it_returns_and_keeps() {
    let client = alice()
        .with_protection(ntlm::session::Protection::Seal)
        .with_spn("ldap/files.example.com")
        .with_workstation("LAPTOP");
    let server = Server::new(Names::member("FILES", "EXAMPLE").with_dns_computer("files.example"));
    let hash = NtHash::from_password("secret");

    let (first, (negotiate, await_challenge)) = allocations(|| client.initiate().unwrap());
    let (second, (challenge, handshake)) =
        allocations(|| server.challenge(&negotiate, &mut Fixed::default()).unwrap());
    let (third, response) =
        allocations(|| await_challenge.answer(&challenge, &mut Fixed::default()).unwrap());
    let (last, accepted) =
        allocations(|| match handshake.read(&response.token, &mut Fixed::default()).unwrap() {
            Claim::User(claim) => claim.verify_nt_hash(&hash).unwrap(),
            claim => panic!("{claim:?}"),
        });
    assert!(first + third <= 4, "client: {first} and {third}");
    assert!(second + last <= 6, "server: {second} and {last}");
    assert!(accepted.mic_checked);
}

/// The longest answer: the client adds all its pairs, and of the server's pairs only its names
/// remain. A buffer that grew would leave copies of its contents behind.
#[test]
fn answer_is_written_into_one_allocation() {
    let bindings = ntlm::ChannelBindings::tls_server_end_point(&[7; 32]).unwrap();
    let client = alice()
        .with_spn("HTTP/files.example.com")
        .with_channel_bindings(bindings)
        .with_workstation("LAPTOP");
    let server = Server::new(Names::standalone("FILES"));
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, _) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
    let (count, _) =
        allocations(|| await_challenge.answer(&challenge, &mut Fixed::default()).unwrap());
    assert_eq!(count, 2);
}

#[test]
fn text_is_converted_in_one_allocation() {
    let name = "a name of some length that is all ASCII";
    let text = ntlm::Text::from(name);
    let (count, bytes) = allocations(|| text.to_utf16le());
    assert_eq!((count, bytes.len()), (1, 2 * name.len()));
    assert_eq!(allocations(|| ntlm::Text::from_utf16le(&bytes).unwrap()).0, 1);
    assert_eq!(allocations(|| text.to_uppercase()).0, 1);
    let ill_formed = ntlm::Text::from_utf16(&[0xd800; 40]);
    assert_eq!(allocations(|| ill_formed.to_utf16le()).0, 1);
}

/// A busy server can hold a million such connections.
#[test]
fn waiting_connection_holds_little_memory() {
    let server = Server::new(Names::member("FILES", "EXAMPLE").with_dns_computer("files.example"));
    let (negotiate, _) = Client::new(Credentials::anonymous()).initiate().unwrap();
    let mut handshake = None;
    let counted = allocation_counter::measure(|| {
        let (challenge, waiting) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
        handshake = Some((challenge.len(), waiting));
    });
    let (challenge_len, _handshake) = handshake.unwrap();
    // The CHALLENGE itself is freed.
    let held = usize::try_from(counted.bytes_current).unwrap() + size_of::<AwaitAuthenticate>();
    assert!(held <= negotiate.len() + challenge_len + 1024, "{held} bytes");
    assert!(size_of::<Session>() <= 800, "{} bytes", size_of::<Session>());
}

#[test]
fn messages_are_parsed_in_place() {
    for transcript in transcripts() {
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
fn hostile_lengths_allocate_nothing() {
    for bytes in cases("hostile.json").iter().filter_map(|case| case.bytes("message")) {
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
fn wrapped_and_unwrapped_messages_are_allocated_once() {
    let flags = NegotiateFlags::from_bits_retain(0xe208_8235);
    let key = ExportedSessionKey::from([0x55; 16]);
    let mut client = Session::new(flags, &key, Side::Client);
    let mut server = Session::new(flags, &key, Side::Server);
    let message = vec![7; 1400];
    let mut token = Vec::new();
    let wrapping = allocation_counter::measure(|| token = client.wrap(&message).unwrap());
    assert_eq!((wrapping.count_total, wrapping.bytes_total), (1, 1416));
    let mut unwrapped = Vec::new();
    let unwrapping = allocation_counter::measure(|| unwrapped = server.unwrap(&token).unwrap());
    assert_eq!((unwrapping.count_total, unwrapping.bytes_total), (1, 1400));
    assert_eq!(unwrapped, message);
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
