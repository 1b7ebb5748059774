//! Hostile and borderline input, most of it from published vulnerabilities, under the strictest
//! policy plus what a case names.
//!
//! The environment variable `NTLM_HOSTILE` names one more file of such cases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use common::{Fields, Fixed, NOW, array};
use ntlm::error::{Denied, Refused, Unexpected};
use ntlm::server::{Accepted, Claim, Names, Policy};
use ntlm::wire::{Authenticate, AvId, Challenge, ErrorKind, Message, NegotiateFlags};
use ntlm::{
    Ascii, ChannelBindings, Client, Credentials, Enforcement, Error, FileTime, NtHash, Server,
    Text, inspect,
};
use serde_json::Value;

/// Cases in which we are lenient on purpose: the id, and the reason.
const LENIENT: [(&str, &str); 0] = [];

#[test]
fn every_hostile_case_ends_as_it_must() {
    let ours = common::read_json(&common::data("hostile.json")).as_array().unwrap().clone();
    let mut cases = ours.clone();
    if let Some(file) = std::env::var_os("NTLM_HOSTILE") {
        cases.extend(more_cases(Path::new(&file)));
    }
    let mut failed = 0;
    for case in &cases {
        let outcome = std::panic::catch_unwind(|| run(case));
        if !ends_as_it_must(case, &outcome) {
            println!("{}: {outcome:?}, but: {}", case["id"], case["why"]);
            failed += 1;
        }
    }
    common::report(&format!("{} cases, {failed} failed", cases.len()));
    assert_eq!(failed, 0);
    for case in &ours {
        assert_refused_for_its_reason(case);
    }
}

/// The cases of a file, or one that fails if it holds none.
fn more_cases(file: &Path) -> Vec<Value> {
    let broken = |what: String| vec![serde_json::json!({ "why": what })];
    match common::try_read_json(file) {
        Ok(Value::Array(cases)) if !cases.is_empty() => cases,
        Ok(_) => broken(format!("{}: no list of cases", file.display())),
        Err(what) => broken(what),
    }
}

fn ends_as_it_must(case: &Value, outcome: &std::thread::Result<Result<(), Error>>) -> bool {
    let id = case.text("id");
    let is_lenient = LENIENT.iter().any(|(lenient, _)| Some(*lenient) == id);
    match (case.text("expect"), outcome) {
        (Some("ok"), Ok(Ok(()))) => true,
        (Some("error" | "fail"), Ok(Err(_))) => true,
        (Some("error" | "fail"), Ok(Ok(()))) => is_lenient,
        _ => false,
    }
}

/// A case that is refused for another reason than its own would show nothing.
fn assert_refused_for_its_reason(case: &Value) {
    let Some(reason) = case.text("strict_reason") else { return };
    let error = run(case).expect_err(reason);
    let is_its_own = match reason {
        "second header" => error == Unexpected::SecondHeader.into(),
        "MIC" => error == Denied::Mic.into(),
        "MIC required" | "MIC announced, no room" => error == Denied::MicMissing.into(),
        "duplicate AV 6" => matches!(
            error,
            Error::Wire(error) if error.kind() == ErrorKind::AvPairTwice(AvId::FLAGS)
        ),
        "proof" => error == Denied::WrongPassword.into(),
        "NTLMv2 required" => error == Refused::ResponseKind.into(),
        "bindings" => {
            let missing = error == Denied::ChannelBindingsMissing.into();
            error == Denied::ChannelBindings.into() || missing
        }
        "downgrade" => matches!(error, Error::Refused(Refused::MissingFlags(_))),
        "ERSK length" => error == Unexpected::EncryptedSessionKey.into(),
        "AV pair of the challenge not echoed" => error == Denied::TargetInfo.into(),
        reason => panic!("unknown reason {reason}"),
    };
    assert!(is_its_own, "{}: {reason}: {error:?}", case["id"]);
}

fn run(case: &Value) -> Result<(), Error> {
    match case.text("kind") {
        Some("parse") => parse(&case.bytes("message").unwrap()),
        Some("auth") => authenticate(case).map(drop),
        kind => panic!("no runner for the kind {kind:?}"),
    }
}

/// Takes a message apart, reads its names, and does with it what a peer would.
fn parse(bytes: &[u8]) -> Result<(), Error> {
    let table = inspect::annotate(bytes).with_secrets().to_string();
    assert!(table.len() < 4096 + 200 * bytes.len(), "a table of bounded length");
    match Message::parse(bytes)? {
        Message::Negotiate(_) => {}
        Message::Challenge(message) => {
            text(message.target_name, message.flags)?;
            respond(bytes);
        }
        Message::Authenticate(message) => {
            let flags = message.flags.unwrap_or(NegotiateFlags::NEGOTIATE_UNICODE);
            for name in [message.domain, message.user, message.workstation] {
                text(name, flags)?;
            }
        }
    }
    Ok(())
}

fn text(bytes: &[u8], flags: NegotiateFlags) -> Result<Text, Error> {
    let character_set = flags.character_set().ok_or(Unexpected::CharacterSet)?;
    Ok(Text::decode(bytes, character_set, &Ascii).map_err(Unexpected::Text)?)
}

/// A client that gets this CHALLENGE answers with a message that parses, or not at all.
fn respond(challenge: &[u8]) {
    let client = Client::new(Credentials::password("Domain\\User", "Password"));
    let (_, handshake) = client.initiate().unwrap();
    match handshake.answer(challenge, &mut Fixed::default()) {
        Ok(response) => assert!(Authenticate::parse(&response.token).is_ok()),
        Err(error) => assert!(!matches!(error, Error::Misuse(_) | Error::Environment(_))),
    }
}

/// The answer of a server with the strictest policy that the case allows.
fn authenticate(case: &Value) -> Result<Accepted, Error> {
    let mut policy = Policy::default();
    policy.shared.require_mic = case["require_mic"] == true;
    if let Some(flags) = case.text("required_flags") {
        let bits = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap();
        policy.shared.require = NegotiateFlags::from_bits_retain(bits);
    }
    let bindings = case.get("channel_bindings_md5").map(|_| array(case, "channel_bindings_md5"));
    policy.channel_bindings =
        if bindings.is_some() { Enforcement::Required } else { Enforcement::IfPresent };
    let mut server = Server::new(Names::standalone("SERVER")).with_policy(policy);
    if let Some(md5) = bindings {
        server = server.with_channel_bindings(ChannelBindings::from_md5(md5));
    }
    let challenge = case.bytes("challenge").unwrap();
    let message = Challenge::parse(&challenge).unwrap();
    assert_eq!(message.server_challenge, array(case, "server_challenge"));
    let now = message.target_info.and_then(|pairs| pairs.timestamp()).unwrap_or(NOW);
    attempt(&server, case, challenge.clone(), now)
}

fn attempt(
    server: &Server,
    case: &Value,
    challenge: Vec<u8>,
    now: FileTime,
) -> Result<Accepted, Error> {
    let handshake = server.resume(case.bytes("negotiate").unwrap(), challenge)?;
    let claim = handshake.read(&case.bytes("authenticate").unwrap(), &mut Fixed::at(now))?;
    match claim {
        Claim::User(claim) => {
            claim.verify_nt_hash(&NtHash::from_password(case.text("password").unwrap()))
        }
        claim => panic!("{claim:?} under the strictest policy"),
    }
}
