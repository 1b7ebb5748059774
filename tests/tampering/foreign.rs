//! Clients of other implementations, which omit what this crate's client sends. They require
//! nothing.

use ntlm::session::Protection;
use ntlm::wire::{Authenticate, AvId, Challenge, LmResponse, Negotiate, NegotiateFlags as Flags};
use ntlm::{Error, Text};

use crate::exchange::{Given, Mode};
use crate::outcome::Keys;
use ntlm_testkit::{Emit, Proof, list, ntlmv2, pairs_of};

pub(crate) fn negotiate(protection: Protection) -> Vec<u8> {
    let strength = Flags::NEGOTIATE_128 | Flags::NEGOTIATE_56;
    let flags = Flags::NEGOTIATE_UNICODE
        | Flags::REQUEST_TARGET
        | Flags::NEGOTIATE_NTLM
        | Flags::NEGOTIATE_ALWAYS_SIGN
        | Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY
        | match protection {
            Protection::None => Flags::empty(),
            Protection::Sign => Flags::NEGOTIATE_SIGN | strength,
            _ => Flags::PROTECTION | strength,
        };
    Negotiate { flags, ..Negotiate::default() }.to_bytes()
}

/// Answers as the mode requires, with the flags of the server.
pub(crate) fn respond(
    mode: Mode,
    challenge: &[u8],
    given: Given,
) -> Result<(Vec<u8>, Keys), Error> {
    match mode {
        Mode::WithoutMic => without_mic(challenge, given),
        _ => lmv2_alone(challenge),
    }
}

/// Repeats the server's list unchanged, and adds only pairs that are absent.
fn without_mic(bytes: &[u8], given: Given) -> Result<(Vec<u8>, Keys), Error> {
    Challenge::parse(bytes)?;
    let mut pairs = pairs_of(bytes);
    let bindings = given.channel.map(|channel| channel.bindings().md5().to_vec());
    let target = given.target.map(|target| Text::from(target).to_utf16le());
    for (id, value) in [(AvId::CHANNEL_BINDINGS, bindings), (AvId::TARGET_NAME, target)] {
        let value = value.filter(|_| pairs.iter().all(|(other, _)| *other != id));
        pairs.extend(value.map(|value| (id, value)));
    }
    let token = Proof::new(list(&pairs)).authenticate(bytes);
    let flags = Authenticate::parse(&token)?.flags.unwrap();
    let keys = keys(flags, ntlmv2(&token).proof());
    Ok((token, keys))
}

fn lmv2_alone(bytes: &[u8]) -> Result<(Vec<u8>, Keys), Error> {
    let challenge = Challenge::parse(bytes)?;
    let lmv2 = Proof::default().key().lmv2_response(&challenge.server_challenge, &[0xcc; 8]);
    let message = Authenticate {
        lm_response: LmResponse::new(&lmv2),
        user: &Text::from("alice").to_utf16le(),
        domain: &Text::from("EXAMPLE").to_utf16le(),
        flags: Some(challenge.flags),
        ..Authenticate::default()
    };
    let token = message.to_bytes();
    let proof = lmv2.first_chunk().unwrap();
    Ok((token, keys(challenge.flags, proof)))
}

fn keys(flags: Flags, proof: &[u8; 16]) -> Keys {
    let key = Proof::default().key().session_base_key(proof).ntlmv2_key_exchange_key();
    Keys { flags, key: *key.as_exported_session_key().expose() }
}
