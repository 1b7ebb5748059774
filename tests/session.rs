//! Signed and sealed messages: which are delivered, which are rejected, and that rejected ones are
//! wiped ([MS-NLMP] 3.4).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::crypto::primitives::crc32;
use ntlm::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use ntlm::error::{Integrity, Misuse};
use ntlm::session::{Part, Protection, Receiver, Sender};
use ntlm::wire::{ErrorKind, NegotiateFlags as Flags, Signature};
use ntlm::{DatagramSession, Error, Session};
use ntlm_testkit::unhex;

const SIGN: Flags = Flags::NEGOTIATE_SIGN;
const SEAL: Flags = Flags::PROTECTION;
const EXTENDED: Flags = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;

/// Every form of a sealing session.
const FORMS: [Flags; 8] = [
    Flags::NEGOTIATE_SEAL, // sealing implies signing
    SEAL,
    SEAL.union(Flags::NEGOTIATE_LM_KEY),
    SEAL.union(Flags::NEGOTIATE_LM_KEY).union(Flags::NEGOTIATE_56),
    SEAL.union(EXTENDED),
    SEAL.union(EXTENDED).union(Flags::NEGOTIATE_56),
    SEAL.union(EXTENDED).union(Flags::NEGOTIATE_128),
    SEAL.union(EXTENDED).union(Flags::NEGOTIATE_128).union(KEY_EXCH),
];

fn pair(flags: Flags) -> (Session, Session) {
    let key = ExportedSessionKey::from([0x55; 16]);
    (Session::new(flags, &key, Side::Client), Session::new(flags, &key, Side::Server))
}

fn sealed(session: &mut Session, text: &str) -> (Vec<u8>, Signature) {
    let mut message = text.as_bytes().to_vec();
    let signature = session.seal(&mut message).unwrap();
    (message, signature)
}

#[test]
fn sealed_message_is_unreadable_and_unseals_to_the_same_text() {
    for flags in FORMS {
        let (mut client, mut server) = pair(flags);
        for text in ["first", "", "x", "a longer message, to the server"] {
            let (mut message, signature) = sealed(&mut client, text);
            assert!(text.is_empty() || message != text.as_bytes(), "{flags}");
            assert_eq!(message.len(), text.len());
            server.unseal(&mut message, &signature).unwrap();
            assert_eq!(message, text.as_bytes());
            let signature = server.sign(text.as_bytes()).unwrap();
            client.verify(text.as_bytes(), &signature).unwrap();
        }
    }
}

#[test]
fn wrapped_message_is_its_signature_and_its_ciphertext() {
    for flags in FORMS {
        let ((mut client, mut server), (mut detached, _)) = (pair(flags), pair(flags));
        for text in ["first", "", "a longer message, which fills more than a block of 64 bytes .."]
        {
            let token = client.wrap(text.as_bytes()).unwrap();
            let (ciphertext, signature) = sealed(&mut detached, text);
            assert_eq!(token, [signature.as_bytes(), &ciphertext[..]].concat(), "{flags}");
            assert_eq!(server.unwrap(&token).unwrap(), text.as_bytes(), "{flags}");
        }
    }
}

#[test]
fn token_without_room_for_a_signature_is_rejected_without_harm() {
    let (mut client, mut server) = pair(SEAL | EXTENDED | KEY_EXCH);
    let token = client.wrap(b"message").unwrap();
    for length in 0..16 {
        let error = server.unwrap(&token[..length]).unwrap_err();
        let is_length = |error: ntlm::wire::Error| error.kind() == ErrorKind::SignatureLength;
        assert!(matches!(error, Error::Wire(error) if is_length(error)), "{error:?}");
    }
    assert_eq!(server.unwrap(&token).unwrap(), b"message");
}

#[test]
fn token_with_any_changed_byte_is_rejected() {
    for flags in FORMS {
        let token = pair(flags).0.wrap(b"attack at dawn").unwrap();
        for at in 0..token.len() {
            // RandomPad, which is ignored.
            if !flags.contains(EXTENDED) && (4..8).contains(&at) {
                continue;
            }
            let mut changed = token.clone();
            changed[at] ^= 1;
            let (_, mut server) = pair(flags);
            assert!(matches!(server.unwrap(&changed), Err(Error::Integrity(_))), "{flags}: {at}");
        }
        let mut cut = pair(flags).1;
        assert_eq!(cut.unwrap(&token[..token.len() - 1]), Err(Integrity::Checksum.into()));
        assert_eq!(cut.unwrap(&token), Err(Integrity::Closed.into()));
    }
}

#[test]
fn nothing_is_wrapped_unless_sealing_was_negotiated() {
    let not_negotiated = Err(Error::from(Misuse::NotNegotiated));
    for flags in [SIGN, SIGN | EXTENDED, Flags::NEGOTIATE_ALWAYS_SIGN, Flags::empty()] {
        let (mut session, _) = pair(flags);
        assert_eq!(session.wrap(b"message"), not_negotiated, "{flags}");
        assert_eq!(session.unwrap(&[1; 20]), not_negotiated, "{flags}");
    }
}

#[test]
fn halves_wrap_and_unwrap() {
    let (mut client, server) = pair(SEAL | EXTENDED | KEY_EXCH);
    let (mut sender, mut receiver) = server.split().unwrap();
    let token = client.wrap(b"to the half").unwrap();
    assert_eq!(receiver.unwrap(&token).unwrap(), b"to the half");
    let token = sender.wrap(b"from the half").unwrap();
    assert_eq!(client.unwrap(&token).unwrap(), b"from the half");
}

#[test]
fn each_direction_has_its_own_keys_with_extended_session_security() {
    let (mut client, mut server) = pair(SEAL | EXTENDED);
    assert_ne!(sealed(&mut client, "same"), sealed(&mut server, "same"));
    let (mut client, mut server) = pair(SEAL);
    assert_eq!(sealed(&mut client, "same"), sealed(&mut server, "same"));
}

/// Replayed, skipped and reordered messages are rejected, and the right message is still accepted
/// afterwards.
#[test]
fn message_out_of_order_is_rejected_and_the_next_one_is_still_accepted() {
    let (mut client, mut server) = pair(SEAL | EXTENDED | KEY_EXCH);
    let (first, second) = (sealed(&mut client, "first"), sealed(&mut client, "second"));
    let sequence = Err(Integrity::Sequence.into());
    let receive = |server: &mut Session, (message, signature): &(Vec<u8>, Signature)| {
        let mut message = message.clone();
        server.unseal(&mut message, signature).map(|()| message)
    };
    assert_eq!(receive(&mut server, &second), sequence);
    assert_eq!(receive(&mut server, &first).as_deref(), Ok(&b"first"[..]));
    assert_eq!(receive(&mut server, &first), sequence);
    assert_eq!(receive(&mut server, &second).as_deref(), Ok(&b"second"[..]));

    let signature = client.sign(b"third").unwrap();
    let mut unknown_version = *signature.as_bytes();
    unknown_version[0] = 2;
    let error = server.verify(b"third", &unknown_version.into()).unwrap_err();
    assert_eq!(error, Integrity::Version.into());
    assert_eq!(server.verify(b"third", &signature), Ok(()));
}

#[test]
fn changed_message_is_wiped_and_closes_the_direction() {
    for flags in FORMS {
        let protected = sealed(&mut pair(flags).0, "attack at dawn");
        for bit in 0..protected.0.len() * 8 {
            let (mut client, mut server) = pair(flags);
            let (mut message, signature) = sealed(&mut client, "attack at dawn");
            message[bit / 8] ^= 1 << (bit % 8);
            let error = server.unseal(&mut message, &signature).unwrap_err();
            assert_eq!(error, Integrity::Checksum.into());
            assert_eq!(message, [0; 14], "the buffer is wiped");
            let (mut next, signature) = sealed(&mut client, "next");
            let closed = Err(Integrity::Closed.into());
            assert_eq!(server.unseal(&mut next, &signature), closed);
            assert_eq!(server.verify(b"next", &signature), closed);
        }
    }
}

/// 3.4.4.1: without extended session security the checksum is CRC32(message) encrypted with RC4,
/// and both are linear. So an attacker who knows neither the key nor the message can change a
/// sealed message and its signature. The bytes are from Wine's conformance tests, which also run on
/// Windows.
#[test]
fn sealed_message_is_changed_without_the_key_without_extended_session_security() {
    let key = [
        0x8e, 0xff, 0x58, 0x5d, 0x2a, 0x73, 0xa2, 0x90, 0x6d, 0xc5, 0x17, 0xed, 0x01, 0x4b, 0xc5,
        0x8a,
    ];
    let sealed = *b"\x86\x9c\x5a\x10\x78\xb3\x30\x98\x46\x15\xa0\x31\xd9";
    let signature = *b"\x01\0\0\0\0\0\0\0\xe8\xc7\xaa\x26\x16\x39\x07\x4e";
    let flags = Flags::from_bits_retain(0xa082_8205) | SEAL;
    let unseal = |flags, mut message: [u8; 13], signature: [u8; 16]| {
        let mut server = Session::new(flags, &ExportedSessionKey::from(key), Side::Server);
        server.unseal(&mut message, &signature.into()).map(|()| message)
    };
    assert_eq!(unseal(flags, sealed, signature).as_ref(), Ok(b"Hello, world!"));

    let mut delta = [0; 13];
    for (place, (old, new)) in delta.iter_mut().zip(b"world".iter().zip(b"enemy")).take(5) {
        *place = old ^ new;
    }
    delta.rotate_right("Hello, ".len());
    let mut changed = sealed;
    changed.iter_mut().zip(delta).for_each(|(byte, delta)| *byte ^= delta);
    let checksum = (crc32(&delta) ^ crc32(&[0; 13])).to_le_bytes();
    let mut forged = signature;
    forged[8..12].iter_mut().zip(checksum).for_each(|(byte, delta)| *byte ^= delta);
    assert_eq!(unseal(flags, changed, forged).as_ref(), Ok(b"Hello, enemy!"));

    // With extended session security the signature is an HMAC, so the same change is detected.
    for flags in [SEAL | EXTENDED, SEAL | EXTENDED | KEY_EXCH] {
        let mut client = Session::new(flags, &ExportedSessionKey::from(key), Side::Client);
        let mut sealed = *b"Hello, world!";
        let mut signature = *client.seal(&mut sealed).unwrap().as_bytes();
        assert_eq!(unseal(flags, sealed, signature).as_ref(), Ok(b"Hello, world!"));
        sealed.iter_mut().zip(delta).for_each(|(byte, delta)| *byte ^= delta);
        signature[8..12].iter_mut().zip(checksum).for_each(|(byte, delta)| *byte ^= delta);
        assert!(unseal(flags, sealed, signature).is_err(), "{flags}");
    }
}

#[test]
fn changed_signature_is_rejected_unless_only_random_pad_changed() {
    for flags in FORMS {
        for bit in 0..128 {
            let (mut client, mut server) = pair(flags);
            let (mut message, signature) = sealed(&mut client, "attack at dawn");
            let mut changed = *signature.as_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let result = server.unseal(&mut message, &changed.into());
            let is_pad = (32..64).contains(&bit) && !flags.contains(EXTENDED);
            assert_eq!(result.is_ok(), is_pad, "{flags}, bit {bit}");
            assert_eq!(message == b"attack at dawn", is_pad);
        }
    }
}

/// With extended session security the other direction continues; without it both directions share
/// one key stream.
#[test]
fn failure_closes_every_direction_that_shares_the_key_stream() {
    for (flags, goes_on) in [(SEAL | EXTENDED, true), (SEAL, false)] {
        let (_, mut server) = pair(flags);
        let signature = Signature::from([1, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0]);
        let error = server.verify(b"forged", &signature).unwrap_err();
        assert_eq!(error, Integrity::Checksum.into());
        let answer = server.sign(b"answer");
        assert_eq!(answer.is_ok(), goes_on);
        assert!(goes_on || answer == Err(Integrity::Closed.into()));
    }
}

#[test]
fn without_extended_session_security_peers_take_turns() {
    let (mut client, mut server) = pair(SEAL);
    let (mut to_server, signature) = sealed(&mut client, "to server");
    server.unseal(&mut to_server, &signature).unwrap();
    let (mut to_client, signature) = sealed(&mut server, "to client");
    client.unseal(&mut to_client, &signature).unwrap();
    // A replayed message cannot be distinguished from a changed one, because its sequence number is
    // encrypted.
    let (mut replaying, mut replayed) = pair(SEAL);
    let (message, signature) = sealed(&mut replaying, "once");
    replayed.unseal(&mut message.clone(), &signature).unwrap();
    let again = replayed.unseal(&mut message.clone(), &signature);
    assert_eq!(again, Err(Integrity::Checksum.into()));
    // If both sides send at the same time, they use the same sequence number and the same part of
    // the key stream.
    let (mut to_server, signature) = sealed(&mut client, "crossing");
    let _ = sealed(&mut server, "crossing");
    assert!(server.unseal(&mut to_server, &signature).is_err());
}

#[test]
fn parts_are_signed_together_and_sealed_separately() {
    let flags = SEAL | EXTENDED | KEY_EXCH;
    let (mut client, mut server) = pair(flags);
    let (mut stub, mut more) = (*b"stub data", *b"more");
    let signature = client
        .seal_parts(&mut [
            Part::Clear(b"header"),
            Part::Sealed(&mut stub),
            Part::Clear(b"trailer"),
            Part::Sealed(&mut more),
        ])
        .unwrap();
    // The same as one message of which a part is sealed: the key stream skips the clear parts.
    let (mut other, _) = pair(flags);
    let mut together = *b"stub datamore";
    let _ = other.seal(&mut together).unwrap();
    assert_eq!([&stub[..], &more].concat(), together);

    for (header, trailer) in [(&b"Header"[..], &b"trailer"[..]), (b"header", b"Trailer")] {
        let (_, mut server) = pair(flags);
        let (mut stub, mut more) = (stub, more);
        let result = server.unseal_parts(
            &mut [
                Part::Clear(header),
                Part::Sealed(&mut stub),
                Part::Clear(trailer),
                Part::Sealed(&mut more),
            ],
            &signature,
        );
        assert_eq!(result, Err(Integrity::Checksum.into()));
        assert_eq!((stub, more), ([0; 9], [0; 4]));
    }
    server
        .unseal_parts(
            &mut [
                Part::Clear(b"header"),
                Part::Sealed(&mut stub),
                Part::Clear(b"trailer"),
                Part::Sealed(&mut more),
            ],
            &signature,
        )
        .unwrap();
    assert_eq!((&stub, &more), (b"stub data", b"more"));
}

/// DCE/RPC without extended session security passes header and trailer this way.
#[test]
fn unsigned_parts_are_neither_signed_nor_sealed() {
    for flags in FORMS {
        let ((mut alone, _), (mut parts, mut server)) = (pair(flags), pair(flags));
        let (mut body, mut stub) = (*b"stub data", *b"stub data");
        let (made, with_header);
        if flags.contains(SEAL) {
            made = alone.seal(&mut body).unwrap();
            let parts_of = &mut [Part::Unsigned(b"header"), Part::Sealed(&mut stub)];
            with_header = parts.seal_parts(parts_of).unwrap();
        } else {
            made = alone.sign(&body).unwrap();
            let parts_of = &mut [Part::Unsigned(b"header"), Part::Clear(&stub)];
            with_header = parts.seal_parts(parts_of).unwrap();
        }
        assert_eq!((made, body), (with_header, stub), "{flags}");
        // The receiver may have any header.
        let part = if flags.contains(SEAL) { Part::Sealed(&mut stub) } else { Part::Clear(&body) };
        server.unseal_parts(&mut [Part::Unsigned(b"Header"), part], &made).unwrap();
    }
}

/// [MS-NLMP] 3.4.6: the checksum covers clear parts too, with and without extended session security.
#[test]
fn changed_clear_part_is_rejected_in_every_form() {
    for flags in FORMS {
        let (mut client, mut server) = pair(flags);
        let mut stub = *b"stub data";
        let part = if flags.contains(SEAL) { Part::Sealed(&mut stub) } else { Part::Clear(b"x") };
        let signature = client.seal_parts(&mut [Part::Clear(b"header"), part]).unwrap();
        let part = if flags.contains(SEAL) { Part::Sealed(&mut stub) } else { Part::Clear(b"x") };
        let result = server.unseal_parts(&mut [Part::Clear(b"Header"), part], &signature);
        assert_eq!(result, Err(Integrity::Checksum.into()), "{flags}");
    }
}

#[test]
fn signature_over_parts_equals_the_signature_over_the_whole() {
    for flags in FORMS {
        let (mut whole, mut parts) = (pair(flags).0, pair(flags).0);
        let signature = parts.seal_parts(&mut [Part::Clear(b"in "), Part::Clear(b"clear")]);
        assert_eq!(signature, whole.sign(b"in clear"));
    }
}

#[test]
fn protection_that_was_not_negotiated_is_rejected() {
    let not_negotiated = Err(Error::from(Misuse::NotNegotiated));
    let mut message = *b"message";
    let (mut signs, _) = pair(SIGN | EXTENDED);
    assert_eq!(signs.protection(), Protection::Sign);
    assert_eq!(signs.seal(&mut message), not_negotiated);
    assert_eq!(signs.seal_parts(&mut [Part::Sealed(&mut message)]), not_negotiated);
    assert_eq!(&message, b"message", "untouched");
    assert!(signs.sign(&message).is_ok());
    let unsealed = signs.unseal(&mut message, &Signature::DUMMY);
    assert_eq!(unsealed, Err(Misuse::NotNegotiated.into()));

    let (mut signs, _) = pair(SIGN);
    assert_eq!(signs.seal(&mut message), not_negotiated);
    let unsealed = signs.unseal(&mut message, &Signature::DUMMY);
    assert_eq!(unsealed, Err(Misuse::NotNegotiated.into()));
    assert_eq!(&message, b"message", "untouched");

    let (mut nothing, _) = pair(Flags::NEGOTIATE_NTLM);
    assert_eq!(nothing.protection(), Protection::None);
    assert_eq!(nothing.sign(&message), not_negotiated);
    let verified = nothing.verify(&message, &Signature::DUMMY);
    assert_eq!(verified, Err(Misuse::NotNegotiated.into()));
    assert_eq!(nothing.split().unwrap_err(), Misuse::NotNegotiated.into());
}

#[test]
fn always_sign_alone_makes_dummy_signatures() {
    let flags = Flags::NEGOTIATE_ALWAYS_SIGN | EXTENDED | KEY_EXCH;
    let (mut client, mut server) = pair(flags);
    assert_eq!(client.protection(), Protection::None);
    for _ in 0..3 {
        let signature = client.sign(b"not protected").unwrap();
        assert_eq!(signature, Signature::DUMMY);
        // A dummy signature does not depend on the message, so it verifies nothing.
        let verified = server.verify(b"not protected", &signature);
        assert_eq!(verified, Err(Misuse::NotNegotiated.into()));
    }
    let mut message = *b"message";
    assert_eq!(client.seal(&mut message), Err(Misuse::NotNegotiated.into()));
    let unsealed = server.unseal(&mut message, &Signature::DUMMY);
    assert_eq!(unsealed, Err(Misuse::NotNegotiated.into()));
    assert_eq!(&message, b"message");
    assert_eq!(client.mech_list_mic(b"list"), Err(Misuse::NotNegotiated.into()));
}

#[test]
fn halves_continue_the_sequence_of_the_session() {
    let (mut client, server) = pair(SEAL | EXTENDED | KEY_EXCH);
    let (mut sender, mut receiver) = server.split().unwrap();
    let (mut message, signature) = sealed(&mut client, "to the half");
    receiver.unseal(&mut message, &signature).unwrap();
    assert_eq!(message, b"to the half");
    let signature = client.sign(b"and signed").unwrap();
    receiver.verify(b"and signed", &signature).unwrap();
    let mut answer = *b"answer";
    let signature = sender.seal(&mut answer).unwrap();
    client.unseal(&mut answer, &signature).unwrap();
    assert_eq!(&answer, b"answer");
    let signature = sender.sign(b"and signed").unwrap();
    client.verify(b"and signed", &signature).unwrap();

    let needs = Misuse::NeedsExtendedSessionSecurity.into();
    assert_eq!(pair(SEAL).0.split().unwrap_err(), needs);
}

#[test]
fn halves_reject_protection_that_was_not_negotiated() {
    let (mut sender, mut receiver) = pair(SIGN | EXTENDED).0.split().unwrap();
    let mut message = *b"message";
    assert_eq!(sender.seal(&mut message), Err(Misuse::NotNegotiated.into()));
    let unsealed = receiver.unseal(&mut message, &Signature::DUMMY);
    assert_eq!(unsealed, Err(Misuse::NotNegotiated.into()));
    assert_eq!(&message, b"message");
}

#[test]
fn sequence_numbers_do_not_wrap_around() {
    let flags = SEAL | EXTENDED | KEY_EXCH;
    let key = ExportedSessionKey::from([0x55; 16]);
    let signing = SigningKey::derive(flags, &key, Side::Client);
    let sealing = || SealingKey::derive(flags, &key, Side::Client);
    let mut sender = Sender::with_keys(flags, signing.as_ref(), sealing(), u32::MAX);
    let mut receiver = Receiver::with_keys(flags, signing.as_ref(), sealing(), u32::MAX);
    let signature = sender.sign(b"the last").unwrap();
    assert_eq!(signature.sequence(), u32::MAX);
    assert_eq!(receiver.verify(b"the last", &signature), Ok(()));
    let exhausted = Error::from(Integrity::Exhausted);
    let mut message = *b"one more";
    assert_eq!(sender.seal(&mut message), Err(exhausted));
    assert_eq!(&message, b"one more");
    assert_eq!(receiver.verify(b"one more", &signature), Err(exhausted));
}

#[test]
fn mech_list_mic_uses_a_sequence_number_and_no_key_stream() {
    let flags = SEAL | EXTENDED | KEY_EXCH;
    let (mut client, mut server) = pair(flags);
    let mic = client.mech_list_mic(b"mechanisms").unwrap();
    server.verify_mech_list_mic(b"mechanisms", &mic).unwrap();
    let answer = server.mech_list_mic(b"mechanisms").unwrap();
    client.verify_mech_list_mic(b"mechanisms", &answer).unwrap();
    // It has the same format as other signatures.
    assert_eq!(mic, pair(flags).0.sign(b"mechanisms").unwrap());
    // The next message has number 1 and starts at the beginning of the key stream.
    let (mut message, signature) = sealed(&mut client, "first");
    assert_eq!(signature.sequence(), 1);
    assert_eq!(message, sealed(&mut pair(flags).0, "first").0);
    server.unseal(&mut message, &signature).unwrap();
    assert_eq!(message, b"first");
}

#[test]
fn mech_list_mic_must_be_first_and_a_wrong_one_closes_the_direction() {
    let flags = SIGN | EXTENDED | KEY_EXCH;
    let too_late = Err(Error::from(Misuse::MechListMicTooLate));
    let (mut client, mut server) = pair(flags);
    let signature = client.sign(b"message").unwrap();
    assert_eq!(client.mech_list_mic(b"mechanisms"), too_late);
    server.verify(b"message", &signature).unwrap();
    let error = server.verify_mech_list_mic(b"mechanisms", &signature).unwrap_err();
    assert_eq!(error, Misuse::MechListMicTooLate.into());

    let (mut client, mut server) = pair(flags);
    let mic = client.mech_list_mic(b"mechanisms").unwrap();
    let wrong = server.verify_mech_list_mic(b"other", &mic);
    assert_eq!(wrong, Err(Integrity::Checksum.into()));
    let signature = client.sign(b"message").unwrap();
    assert_eq!(server.verify(b"message", &signature), Err(Integrity::Closed.into()));

    // A wrong version or sequence number in the signature closes nothing, nor does a late call.
    let (mut client, mut server) = pair(flags);
    let mic = client.mech_list_mic(b"mechanisms").unwrap();
    assert_eq!(client.mech_list_mic(b"mechanisms"), too_late);
    for (byte, error) in [(0, Integrity::Version), (12, Integrity::Sequence)] {
        let mut changed = *mic.as_bytes();
        changed[byte] ^= 2;
        let result = server.verify(b"mechanisms", &changed.into());
        assert_eq!(result, Err(error.into()));
        let result = server.verify_mech_list_mic(b"mechanisms", &changed.into());
        assert_eq!(result, Err(error.into()));
    }
    assert_eq!(server.verify_mech_list_mic(b"mechanisms", &mic), Ok(()));

    let needs = Err(Misuse::NeedsExtendedSessionSecurity.into());
    assert_eq!(pair(SIGN).0.mech_list_mic(b"mechanisms"), needs);
}

fn datagrams(flags: Flags) -> (DatagramSession, DatagramSession) {
    let flags = flags | Flags::NEGOTIATE_DATAGRAM | KEY_EXCH;
    let key = ExportedSessionKey::from([0x55; 16]);
    let session = |side| DatagramSession::new(flags, &key, side);
    (session(Side::Client), session(Side::Server))
}

#[test]
fn datagram_is_accepted_only_with_its_own_number() {
    let (client, server) = datagrams(SEAL | EXTENDED);
    for number in [0, 1, 77, u32::MAX] {
        let mut message = *b"datagram";
        let signature = client.seal(number, &mut message).unwrap();
        assert_ne!(&message, b"datagram");
        let mut other = message;
        let result = server.unseal(number ^ 1, &mut other, &signature);
        assert_eq!(result, Err(Integrity::Sequence.into()));
        server.unseal(number, &mut message, &signature).unwrap();
        assert_eq!(&message, b"datagram");
        let signature = server.sign(number, b"answer").unwrap();
        client.verify(number, b"answer", &signature).unwrap();
        let changed = client.verify(number, b"Answer", &signature);
        assert_eq!(changed, Err(Integrity::Checksum.into()));
        // A failure closes nothing, because the next datagram is independent of it.
        client.verify(number, b"answer", &signature).unwrap();
    }
}

#[test]
fn changed_datagram_is_wiped() {
    let (client, server) = datagrams(SEAL | EXTENDED);
    let mut message = *b"datagram";
    let signature = client.seal(5, &mut message).unwrap();
    message[0] ^= 1;
    let result = server.unseal(5, &mut message, &signature);
    assert_eq!(result, Err(Integrity::Checksum.into()));
    assert_eq!(message, [0; 8]);
}

#[test]
fn datagrams_are_sealed_with_extended_session_security_only() {
    let (client, server) = datagrams(SEAL);
    assert_eq!(client.protection(), Protection::Sign);
    let mut message = *b"datagram";
    let needs = Error::from(Misuse::NeedsExtendedSessionSecurity);
    assert_eq!(client.seal(0, &mut message), Err(needs));
    assert_eq!(&message, b"datagram");
    assert_eq!(server.unseal(0, &mut message, &Signature::DUMMY), Err(needs));
    let signature = client.sign(3, b"signed").unwrap();
    server.verify(3, b"signed", &signature).unwrap();
    assert!(server.verify(4, b"signed", &signature).is_err());

    let (client, _) = datagrams(SIGN | EXTENDED);
    assert_eq!(client.protection(), Protection::Sign);
    assert_eq!(client.seal(0, &mut message), Err(Misuse::NotNegotiated.into()));
    let (client, _) = datagrams(EXTENDED);
    assert_eq!(client.sign(0, b"message"), Err(Misuse::NotNegotiated.into()));
}

/// Vectors of Wine's conformance tests, which also run on Windows' `secur32`: without extended
/// session security and key exchange, header and trailer in clear are signed, and both directions
/// share one key stream and one counter.
#[test]
fn windows_signs_clear_parts_without_extended_session_security() {
    const HEADER: &[u8] = b"Header Test\0";
    let flags = Flags::from_bits_retain(0xa082_8205) | SEAL;
    let key = 0x8eff_585d_2a73_a290_6dc5_17ed_014b_c58a_u128.to_be_bytes();
    let base = ntlm::NtHash::from_password("testpass").session_base_key();
    assert_eq!(*base.expose(), key, "MD4 of the NT hash");
    let mut client = Session::new(flags, &ExportedSessionKey::from(key), Side::Client);
    // The sender, whether header and trailer are present, the plaintext, its ciphertext, and the
    // checksum and sequence number of the signature.
    for (from, has_header, text, ciphertext, signature) in [
        (
            Side::Client,
            false,
            b"Hello, world!",
            "869c5a1078b330984615a031d9",
            "0100000000000000e8c7aa261639074e",
        ),
        (
            Side::Server,
            false,
            b"Hello, world!",
            "f6b7920cacea98e6efa02966fd",
            "01000000000000001c462e77ebf0f69e",
        ),
        (
            Side::Client,
            true,
            b"Hello, world!",
            "206c01abb04c93e41efce1fafe",
            "0100000000000000c5a7f70f5b25bea4",
        ),
        (
            Side::Server,
            true,
            b"Hello, World!",
            "c8f2397f0caff55def0c8b5f82",
            "0100000000000000b14e46b7caf77fb3",
        ),
    ] {
        let (ciphertext, signature) = (unhex(ciphertext), unhex(signature));
        let signature = Signature::try_from(&signature[..]).unwrap();
        let mut message = if from == Side::Client { text.to_vec() } else { ciphertext.clone() };
        let header = if has_header { Part::Clear(HEADER) } else { Part::Unsigned(b"") };
        let trailer = if has_header { Part::Clear(HEADER) } else { Part::Unsigned(b"") };
        let parts = &mut [header, Part::Sealed(&mut message), trailer];
        if from == Side::Client {
            assert_eq!(client.seal_parts(parts), Ok(signature));
            assert_eq!(message, ciphertext);
        } else {
            client.unseal_parts(parts, &signature).unwrap();
            assert_eq!(message, text);
        }
    }
}
