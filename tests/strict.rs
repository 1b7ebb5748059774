//! Which recorded clients of other implementations a strict server accepts.
//!
//! Many clients were configured to use less than they support for the recording: NTLMv1, OEM
//! characters, 40 or 56 bits. The list in [`Policy::strict`] describes their defaults.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use ntlm::server::{Names, Policy};
use ntlm::wire::{Authenticate, AvId, Challenge, Negotiate, NegotiateFlags, NtResponse};
use ntlm::{ChannelBindings, Enforcement, Error, Server, Text};
use ntlm_testkit::{Fields, Fixed, Recorded, case, read_json, transcripts};
use serde_json::Value;

/// One client of each implementation without a transcript.
const OTHERS: [(&str, &str); 4] = [
    ("cntlm-nt", "early MissingFlags"),
    ("cyrus-lmv2-alone", "early MissingFlags"),
    ("firefox", "MicMissing"),
    ("wget-oem", "early CharacterSet"),
];

/// `data/strict.json` contains the results of each client's recorded handshakes. A rejection is
/// early if the server rejects the first message.
#[test]
fn strict_policy_accepts_and_rejects_recorded_clients_as_listed() {
    let mut peers = BTreeMap::<String, BTreeSet<String>>::new();
    for transcript in honest_transcripts() {
        let outcome = outcome(transcript, transcript.text("password").unwrap());
        let peer = transcript.text("peer_client").unwrap();
        peers.entry(peer.into()).or_default().insert(outcome);
    }
    let listed = read_json("strict.json");
    let computed = serde_json::to_value(&peers).unwrap();
    for (peer, outcomes) in computed.as_object().unwrap() {
        assert_eq!(Some(outcomes), listed.get(peer), "{peer}");
    }
    assert_eq!(listed.as_object().unwrap().len(), peers.len(), "a listed client has no recording");
}

#[test]
fn strict_policy_rejects_other_recorded_clients() {
    for (id, expected) in OTHERS {
        assert_eq!(outcome(case("quirks.json", id), "correct horse"), expected, "{id}");
    }
}

/// Handshakes of other implementations' clients that know the password, with servers that announce
/// as much as this crate's.
fn honest_transcripts() -> impl Iterator<Item = &'static Value> {
    transcripts().filter(|transcript| {
        let is_honest = !transcript.text("id").unwrap().starts_with("tamper-");
        let is_other = transcript.text("peer_client") != Some("this library");
        is_honest
            && is_other
            && transcript.text("replay") == Some("accept")
            && has_a_good_server(transcript)
    })
}

/// A client may lack extended session security or a MIC because of its server, which did not grant
/// the former, or sent no time.
fn has_a_good_server(recorded: &Value) -> bool {
    let challenge = recorded.bytes("challenge").unwrap();
    let challenge = Challenge::parse(&challenge).unwrap();
    let tells_time = challenge.target_info.is_some_and(|info| info.timestamp().is_some());
    let asked = match &recorded.bytes("negotiate").unwrap()[..] {
        [] => NegotiateFlags::empty(),
        negotiate => Negotiate::parse(negotiate).unwrap().flags,
    };
    let extended = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    tells_time && challenge.flags.contains(asked & extended)
}

fn outcome(recorded: &Value, password: &str) -> String {
    let messages = Recorded::of(recorded);
    let server = server(recorded, &messages.authenticate);
    if !messages.negotiate.is_empty() {
        if let Err(error) = server.challenge(&messages.negotiate, &mut Fixed::default()) {
            return format!("early {}", reason(error));
        }
    }
    match messages.verify(&server, password) {
        Ok(_) => "accepted".into(),
        Err(error) => reason(error),
    }
}

/// The server has the SPN that the client asks for, if any, and the bindings of the recorded
/// server; if that had none, the client may omit them.
fn server(recorded: &Value, authenticate: &[u8]) -> Server {
    let name = target_name(authenticate).unwrap_or_else(|| "HTTP/files".into());
    let mut policy = Policy::strict();
    let server = Server::new(Names::standalone("FILES")).with_spns([name]);
    let Some(data) = recorded.bytes("channel_bindings_app_data") else {
        policy.channel_bindings = Enforcement::IfPresent;
        return server.with_policy(policy);
    };
    let bindings = ChannelBindings::application_data(&data);
    server.with_policy(policy).with_channel_bindings(bindings)
}

fn target_name(authenticate: &[u8]) -> Option<String> {
    match Authenticate::parse(authenticate).unwrap().nt_response {
        NtResponse::V2(response) => {
            response.target_info().text(AvId::TARGET_NAME).as_ref().map(Text::to_string)
        }
        _ => None,
    }
}

/// The name of the variant within that of the error.
fn reason(error: Error) -> String {
    format!("{error:?}").split(['(', ')']).nth(1).unwrap().into()
}
