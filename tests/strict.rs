//! Whom a strict server lets in: clients of other makes, as they were recorded.
//!
//! Many were told to do less than they can, for the sake of the recording: NTLMv1, OEM characters,
//! 40 or 56 bits. What is [documented](Policy::strict) of each make is what it does by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{Fields, Fixed, data, read_json};
use ntlm::server::{Names, Policy};
use ntlm::wire::{Authenticate, AvId, Challenge, Negotiate, NegotiateFlags, NtResponse};
use ntlm::{Binding, ChannelBindings, Error, Server, Text};
use serde_json::Value;

/// What comes of the exchanges of each client. A refusal is early if it is of the first message.
const TRANSCRIPTS: &[(&str, &str)] = &[
    ("chromium 156.0.8078.79", "5 let in"),
    ("curl 7.88.1", "3 early CharacterSet"),
    ("cyrus-sasl 2.1.28", "1 early MissingFlags"),
    (
        "gss-ntlmssp 1.2.0",
        "15 MicMissing, 2 ResponseKind, 2 early CharacterSet, 9 early MissingFlags, 2 let in",
    ),
    ("heimdal 7.8", "1 early MissingFlags"),
    ("httpx-ntlm 1.4.0 (pyspnego)", "4 let in"),
    ("impacket 0.13.1", "1 Anonymous, 13 MicMissing, 2 ResponseKind, 10 early MissingFlags"),
    ("libntlm 1.6", "6 early MissingFlags"),
    ("node axios-ntlm", "3 early CharacterSet"),
    ("node httpntlm", "3 MicMissing"),
    ("ntlm-auth 1.5.0", "4 TargetName, 5 early MissingFlags"),
    ("ntlm_auth 4.17.12 (samba helper)", "1 MicMissing"),
    ("pyspnego 0.12.4", "3 ResponseKind, 2 early CharacterSet, 22 early MissingFlags, 17 let in"),
    ("requests_ntlm 1.3.0 (pyspnego)", "5 let in"),
    ("rpcclient 4.17.12", "2 early MissingFlags, 1 let in"),
    (
        "samba-gensec 4.17.12",
        "1 MicMissing, 2 MissingFlags, 1 ResponseKind, 1 early CharacterSet, \
         10 early MissingFlags, 17 let in",
    ),
    ("smbclient 4.17.12", "2 ResponseKind, 1 early MissingFlags, 6 let in"),
    ("winpr 2.11.7", "12 let in"),
];

/// One of each make that there is no transcript of.
const OTHERS: [(&str, &str); 4] = [
    ("cntlm-nt", "early MissingFlags"),
    ("cyrus-lmv2-alone", "early MissingFlags"),
    ("firefox", "MicMissing"),
    ("wget-oem", "early CharacterSet"),
];

#[test]
fn a_strict_server_lets_in_who_can_do_all_and_says_why_it_refuses_others() {
    let mut peers = BTreeMap::<String, BTreeMap<String, usize>>::new();
    for transcript in transcripts() {
        let outcome = outcome(&transcript, transcript.text("password").unwrap());
        let peer = transcript.text("peer_client").unwrap();
        *peers.entry(peer.into()).or_default().entry(outcome).or_default() += 1;
    }
    let table: Vec<_> = peers.iter().map(|(peer, outcomes)| (&**peer, counted(outcomes))).collect();
    let expected = TRANSCRIPTS.iter().map(|(peer, outcomes)| (*peer, outcomes.to_string()));
    assert_eq!(table, expected.collect::<Vec<_>>());
}

#[test]
fn a_strict_server_refuses_what_else_was_seen() {
    let all = read_json(&data("quirks.json"));
    for (id, expected) in OTHERS {
        let recorded = all.as_array().unwrap().iter().find(|recorded| recorded["id"] == id);
        assert_eq!(outcome(recorded.unwrap(), "correct horse"), expected, "{id}");
    }
}

fn counted(outcomes: &BTreeMap<String, usize>) -> String {
    let each = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}"));
    each.collect::<Vec<_>>().join(", ")
}

/// Those of clients that know the password, with servers that say as much as ours.
fn transcripts() -> impl Iterator<Item = Value> {
    let files = fs::read_dir(data("transcripts")).unwrap();
    let transcripts = files.map(|file| read_json(&file.unwrap().path()));
    transcripts.filter(|transcript| {
        let is_honest = !transcript.text("id").unwrap().starts_with("tamper-");
        is_honest && transcript.text("replay") == Some("accept") && has_a_good_server(transcript)
    })
}

/// A client without extended session security or a MIC may be one because of its server, which did
/// not grant the one, or told no time.
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
    let [negotiate, challenge, authenticate] =
        ["negotiate", "challenge", "authenticate"].map(|name| recorded.bytes(name).unwrap());
    let server = server(recorded, &authenticate);
    if !negotiate.is_empty() {
        if let Err(error) = server.challenge(&negotiate, &mut Fixed::default()) {
            return format!("early {}", reason(error));
        }
    }
    let time = Challenge::parse(&challenge).unwrap().target_info.unwrap().timestamp().unwrap();
    let handshake = server.resume(negotiate, challenge).unwrap();
    let claim = handshake.read(&authenticate, &mut Fixed::at(time));
    match claim.and_then(|claim| common::accept(claim, password)) {
        Ok(_) => "let in".into(),
        Err(error) => reason(error),
    }
}

/// It has the name that the client asks for, if any, and the bindings of the recorded one; where
/// that had none, the client need not have any.
fn server(recorded: &Value, authenticate: &[u8]) -> Server {
    let name = target_name(authenticate).unwrap_or_else(|| "HTTP/files".into());
    let mut policy = Policy::strict();
    let server = Server::new(Names::standalone("FILES")).with_target_names([name]);
    let Some(data) = recorded.bytes("channel_bindings_app_data") else {
        policy.channel_bindings = Binding::WhenPresent;
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
