//! Clients of other makes, which leave out what ours does not. They demand nothing.

use ntlm::crypto::{NtHash, ResponseKey};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, AvId, AvPairsBuf, Challenge, LmResponse, Negotiate, NegotiateFlags as Flags,
    NtResponse,
};
use ntlm::{Error, Text};

use crate::common::{NOW, ntlmv2_without_mic};
use crate::exchange::{Given, Mode};
use crate::outcome::Keys;

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
    let mut bytes = Vec::new();
    Negotiate { flags, ..Negotiate::default() }.emit(&mut bytes).unwrap();
    bytes
}

/// Answers as the mode says, and takes the flags from the server.
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

/// Repeats the server's list as it came, and adds its own only to what is not there.
fn without_mic(bytes: &[u8], given: Given) -> Result<(Vec<u8>, Keys), Error> {
    let challenge = Challenge::parse(bytes)?;
    let mut pairs = AvPairsBuf::default();
    for (id, value) in challenge.target_info.unwrap_or_default().iter() {
        pairs.push(id, value)?;
    }
    let is_new = |id| challenge.target_info.is_none_or(|pairs| pairs.get(id).is_none());
    if let Some(channel) = given.channel.filter(|_| is_new(AvId::CHANNEL_BINDINGS)) {
        pairs.push(AvId::CHANNEL_BINDINGS, channel.bindings().md5())?;
    }
    if let Some(target) = given.target.filter(|_| is_new(AvId::TARGET_NAME)) {
        pairs.push_text(AvId::TARGET_NAME, &target.into())?;
    }
    let token = ntlmv2_without_mic(bytes, "alice", "EXAMPLE", "secret", &pairs, NOW);
    let message = Authenticate::parse(&token)?;
    let NtResponse::V2(response) = message.nt_response else { panic!("it is NTLMv2") };
    let flags = message.flags.unwrap();
    let keys = keys(flags, response.proof());
    Ok((token, keys))
}

fn lmv2_alone(bytes: &[u8]) -> Result<(Vec<u8>, Keys), Error> {
    let challenge = Challenge::parse(bytes)?;
    let lmv2 = alices_key().lmv2_response(&challenge.server_challenge, &[0xcc; 8]);
    let message = Authenticate {
        lm_response: LmResponse::new(&lmv2),
        user: &Text::from("alice").to_utf16le(),
        domain: &Text::from("EXAMPLE").to_utf16le(),
        flags: Some(challenge.flags),
        ..Authenticate::default()
    };
    let mut token = Vec::new();
    message.emit(&mut token)?;
    let proof = lmv2.first_chunk().unwrap();
    Ok((token, keys(challenge.flags, proof)))
}

fn keys(flags: Flags, proof: &[u8; 16]) -> Keys {
    let key = alices_key().session_base_key(proof).ntlmv2_key_exchange_key();
    Keys { flags, key: *key.as_exported_session_key().expose() }
}

fn alices_key() -> ResponseKey {
    ResponseKey::new(&NtHash::from_password("secret"), &"alice".into(), &"EXAMPLE".into())
}
