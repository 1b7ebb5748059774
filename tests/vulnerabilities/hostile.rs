//! Hostile and borderline input, most of it from published vulnerabilities, under the strictest
//! policy plus what a case names.
//!
//! The environment variable `NTLM_HOSTILE` names one more file of such cases.

use ntlm::error::{Denied, Refused, Unexpected};
use ntlm::server::{Accepted, Names, Policy};
use ntlm::wire::{Authenticate, AvId, Challenge, ErrorKind, Message, NegotiateFlags};
use ntlm::{
    Ascii, ChannelBindings, Client, Credentials, Enforcement, Error, Server, Text, inspect,
};
use ntlm_testkit::replay::{Outcome, flags, text};
use ntlm_testkit::{Fields, Recorded, Replay, answer, array, user_of};
use serde_json::Value;

use crate::refusal;

#[test]
fn every_hostile_case_has_its_listed_result() {
    let mut all = Replay::new(&["cases"]);
    all.files("hostile.json", "NTLM_HOSTILE", |all, file| {
        for case in file.as_array().ok_or("no list of cases")? {
            all.check(&case["id"], || ends_as_it_must(case));
            all.count("cases", 1);
        }
        Ok(())
    });
    all.finish();
}

fn ends_as_it_must(case: &Value) -> Outcome<()> {
    let outcome = run(case);
    match (text(case, "expect")?, outcome) {
        ("ok", Ok(())) => Ok(()),
        ("error" | "fail", Err(error)) if is_its_own_reason(case, error) => Ok(()),
        (_, outcome) => Err(format!("{outcome:?}, but: {}", case["why"])),
    }
}

/// A case that is rejected for another reason than the listed one counts as failed.
fn is_its_own_reason(case: &Value, error: Error) -> bool {
    if let (Some(kind), Error::Wire(error)) = (case.text("error"), error) {
        let is_recorded = format!("{:?}", error.kind()) == kind && case["at"] == error.offset();
        return is_recorded && refusal(&case.bytes("message").unwrap()).1 == error.offset();
    }
    let Some(reason) = case.text("strict_reason") else { return true };
    match reason {
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
        "downgrade" => {
            let required = flags(case, "required_flags").unwrap();
            matches!(error, Error::Refused(Refused::MissingFlags(flags)) if required.contains(flags))
        }
        "ERSK length" => error == Unexpected::EncryptedSessionKey.into(),
        "AV pair of the challenge not echoed" => error == Denied::TargetInfo.into(),
        reason => panic!("unknown reason {reason}"),
    }
}

fn run(case: &Value) -> Result<(), Error> {
    match case.text("kind") {
        Some("parse") => parse(&case.bytes("message").unwrap()),
        Some("auth") => authenticate(case).map(drop),
        kind => panic!("no runner for the kind {kind:?}"),
    }
}

/// Parses a message, reads its names, and passes it to the side that receives it.
fn parse(bytes: &[u8]) -> Result<(), Error> {
    let table = inspect::annotate(bytes).with_secrets().to_string();
    assert!(table.len() < 4096 + 200 * bytes.len(), "a table of bounded length");
    match Message::parse(bytes)? {
        Message::Negotiate(_) => {}
        Message::Challenge(message) => {
            decode(message.target_name, message.flags)?;
            respond(bytes);
        }
        Message::Authenticate(message) => {
            let flags = message.flags.unwrap_or(NegotiateFlags::NEGOTIATE_UNICODE);
            for name in [message.domain, message.user, message.workstation] {
                decode(name, flags)?;
            }
        }
    }
    Ok(())
}

fn decode(bytes: &[u8], flags: NegotiateFlags) -> Result<Text, Error> {
    let character_set = flags.character_set().ok_or(Unexpected::CharacterSet)?;
    Ok(Text::decode(bytes, character_set, &Ascii).map_err(Unexpected::Text)?)
}

/// A client that receives this CHALLENGE sends an answer that parses, or none.
fn respond(challenge: &[u8]) {
    let client = Client::new(Credentials::password("Domain\\User", "Password"));
    match answer(&client, challenge) {
        Ok(response) => assert!(Authenticate::parse(&response.token).is_ok()),
        Err(error) => assert!(!matches!(error, Error::Misuse(_) | Error::Environment(_))),
    }
}

/// The result of a server with the strictest policy that the case allows.
fn authenticate(case: &Value) -> Result<Accepted, Error> {
    let mut policy = Policy::default();
    policy.shared.require_mic = case["require_mic"] == true;
    if case.text("required_flags").is_some() {
        policy.shared.require = flags(case, "required_flags").unwrap();
    }
    let bindings = case.get("channel_bindings_md5").map(|_| array(case, "channel_bindings_md5"));
    if bindings.is_some() {
        policy.channel_bindings = Enforcement::Required;
    }
    let mut server = Server::new(Names::standalone("SERVER")).with_policy(policy);
    if let Some(md5) = bindings {
        server = server.with_channel_bindings(ChannelBindings::from_md5(md5));
    }
    let recorded = Recorded::of(case);
    let challenge = Challenge::parse(&recorded.challenge).unwrap();
    assert_eq!(challenge.server_challenge, array(case, "server_challenge"));
    user_of(recorded.claim(&server)?).verify_password(case.text("password").unwrap())
}
