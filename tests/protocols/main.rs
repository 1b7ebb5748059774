//! Recorded logins over CredSSP, WinRM and TDS, replayed.
//!
//! For each recording, the test extracts the tokens from the protocol, a `Server` verifies the
//! recorded proof, and each sealed message is unsealed to its plaintext and sealed again, byte for
//! byte. Values that the protocol derives from the session, such as CredSSP's `pubKeyAuth`, are
//! computed again.
//!
//! The environment variable `NTLM_PROTOCOLS` names one more file of this form. A recording that
//! cannot be replayed counts as failed.

#![cfg(all(feature = "certificate", feature = "http", feature = "spnego"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod credssp;
mod handshake;
mod tds;
mod winrm;

use std::panic::catch_unwind;

use ntlm_testkit::replay::{Outcome, list, text};
use ntlm_testkit::{Fields, Replay, json, read_json};
use serde_json::Value;

#[test]
fn every_recorded_login_replays_byte_for_byte() {
    let mut all = Replay::new(&["exchanges"]);
    all.files("protocols.json", "NTLM_PROTOCOLS", |all, file| {
        for exchange in list(file, "exchanges")? {
            all.check(&exchange["id"], || replay(exchange));
            all.count("exchanges", 1);
        }
        Ok(())
    });
    all.finish();
}

fn replay(exchange: &Value) -> Outcome<()> {
    match text(exchange, "protocol")? {
        "credssp" => credssp::replay(exchange),
        "winrm" => winrm::replay(exchange),
        "tds" => tds::replay(exchange),
        protocol => Err(format!("unknown protocol {protocol}")),
    }
}

/// Changes to a recording that a replay must detect.
#[test]
fn recording_that_cannot_be_replayed_counts_as_failed() {
    let exchanges = read_json("protocols.json")["exchanges"].as_array().unwrap();
    let find = |id: &str| json::find(exchanges, id);
    let fails = |id: &str, changes: &[(&str, Value)]| {
        for (pointer, value) in changes {
            let mut case = find(id).clone();
            *case.pointer_mut(pointer).expect(pointer) = value.clone();
            let replayed = catch_unwind(|| replay(&case));
            assert!(!matches!(replayed, Ok(Ok(()))), "{id}: {pointer}");
        }
    };
    let zeros = "01000000000000000000000000000000";
    let key = "00112233445566778899aabbccddeeff";
    fails(
        "credssp-pyspnego-client-spnego-v6",
        &[
            ("/protocol", "x".into()),
            ("/password", "another".into()),
            ("/server_knows_password", "another".into()),
            ("/steps", Value::Array(Vec::new())),
            ("/steps/0/tsrequest", "3000".into()),
            ("/steps/4/dir", "s2c".into()),
            ("/ntlm/challenge", "00".into()),
            ("/ntlm/authenticate", "00".into()),
            ("/exported_session_key", key.into()),
            ("/flags", 1.into()),
            ("/wrapping", "bare".into()),
            ("/client_mech_list_mic", zeros.into()),
            ("/server_mech_list_mic", zeros.into()),
            (
                "/server_certificate",
                find("credssp-freerdp2-client-ecdsa")["server_certificate"].clone(),
            ),
            ("/subject_public_key", "00".into()),
            ("/effective_version", 2.into()),
            ("/client_nonce", key.into()),
            ("/client_pubkeyauth_plain", "00".into()),
            ("/server_pubkeyauth_plain", "00".into()),
            ("/check/client_pubkeyauth", "wrong".into()),
            ("/check/server_pubkeyauth", "wrong".into()),
            ("/authinfo_plain", "00".into()),
            ("/ts_credentials/1/2", "another".into()),
            ("/accepted/user", "another".into()),
            ("/check/sealed/0", "another".into()),
        ],
    );
    fails(
        "credssp-freerdp2-client-v6",
        &[("/neg_req_flags", 8.into()), ("/selected_protocol", 1.into())],
    );
    fails("credssp-freerdp2-client-v3-wrong-password", &[("/error_code", 1.into())]);
    fails(
        "winrm-pypsrp-spnego-encrypted",
        &[
            ("/connections", Value::Array(Vec::new())),
            ("/connections/0/requests/6/body", "00".into()),
            ("/connections/0/contexts/0/messages", Value::Null),
            ("/connections/0/contexts/0/messages", Value::Array(Vec::new())),
            ("/check/contexts/0/unsealed", Value::Null),
            ("/connections/0/contexts/0/messages/1/plain", "00".into()),
            ("/connections/0/contexts/0/messages/1/length", 17.into()),
            ("/connections/0/contexts/0/messages/1/dir", "s2c".into()),
            ("/connections/0/contexts/0/scheme", "NTLM".into()),
            ("/connections/0/contexts/0/ntlm/negotiate", "00".into()),
            ("/connections/0/contexts/0/exported_session_key", key.into()),
        ],
    );
    fails(
        "winrm-pypsrp-ntlm-401-in-the-middle",
        &[("/connections/1/requests/2/body", "00".into())],
    );
    fails(
        "tds-pytds-7.4-spnego-final-token",
        &[
            ("/packets/2/packet", "00".into()),
            ("/packets/3/packet", "00".into()),
            ("/packets/4/packet", "00".into()),
            ("/packets/5/packet", "00".into()),
            ("/ib_sspi", 1.into()),
            ("/tds_version", "00000000".into()),
            ("/second_packet_type", 17.into()),
            ("/ntlm/authenticate", "00".into()),
            ("/server_mech_list_mic", zeros.into()),
            ("/check/reply_tokens/0", "aa".into()),
        ],
    );
}

/// Which side sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

impl Sender {
    fn of(value: &Value) -> Outcome<Self> {
        match value.text("dir") {
            Some("c2s") => Ok(Self::Client),
            Some("s2c") => Ok(Self::Server),
            sender => Err(format!("sent by {sender:?}")),
        }
    }
}
