//! Recorded handshakes between other implementations, replayed.
//!
//! Each file contains the three messages and the messages that the peers protected afterwards. A
//! replay parses the messages and writes them again, verifies them as the server, recovers the
//! session key, verifies every protected message, and reproduces it byte for byte.
//!
//! The environment variable `NTLM_TRANSCRIPTS` names one more folder of such files. A transcript
//! that cannot be replayed counts as a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::error::Refused;
use ntlm::server::{Accepted, Policy};
use ntlm::session::{Part, Protection};
use ntlm::wire::{Authenticate, Challenge, Message, NegotiateFlags, NtResponse, Signature};
use ntlm::{ChannelBindings, DatagramSession, Enforcement, Error, Server, Session};
use ntlm_testkit::der;
use ntlm_testkit::json::try_read_json;
use ntlm_testkit::recorded::lenient_server;
use ntlm_testkit::replay::{Outcome, bytes, check, display, optional_bytes};
use ntlm_testkit::spnego::Resp;
use ntlm_testkit::{Emit, Fields, Recorded, Replay, data, hex, transcript};
use serde_json::Value;

#[test]
fn every_transcript_replays_byte_for_byte() {
    let mut all = Replay::new(&["transcripts", "messages"]);
    let more = std::env::var_os("NTLM_TRANSCRIPTS");
    for folder in [Some(data("transcripts")), more.map(Into::into)].into_iter().flatten() {
        replay_folder(&mut all, &folder);
    }
    all.finish();
}

/// Changed transcripts, which the runner must not count as a success.
#[test]
fn transcript_that_cannot_be_replayed_counts_as_failed() {
    let good = transcript("v2-signseal-gss-gss");
    let messages = replay(good).unwrap();
    assert!(messages > 0);
    let fails = |field: &str, value: Value| {
        let mut transcript = good.clone();
        transcript[field] = value;
        let result = std::panic::catch_unwind(|| replay(&transcript));
        assert!(!matches!(result, Ok(Ok(_))), "{field}: {}", transcript[field]);
    };
    let all_good = [good["client_to_server"][0].clone(), good["client_to_server"][0].clone()];
    fails("client_to_server", Value::from(all_good.to_vec()));
    for field in ["negotiate", "challenge", "authenticate", "mode", "replay", "password"] {
        fails(field, Value::Null);
        fails(field, "strange".into());
    }
    for field in ["client_to_server", "server_to_client"] {
        fails(field, "none".into());
        fails(field, Value::from(vec![Value::Null]));
    }
    for field in ["exported_session_key", "channel_bindings_app_data", "initial_seq"] {
        fails(field, 7.into());
    }
    // A recording that starts after SPNEGO is replayed without its tokens.
    let spnego = transcript("spnego-gss-gss");
    let mut without_tokens = spnego.clone();
    without_tokens.as_object_mut().unwrap().remove("spnego_tokens");
    assert_eq!(replay(&without_tokens), replay(spnego));
    without_tokens["initial_seq"]["s"] = 0.into();
    assert!(replay(&without_tokens).is_err());
    // A rejected client has sent no messages.
    let mut refused = transcript("reject-wrongpw-gss-gss").clone();
    assert_eq!(replay(&refused), Ok(0));
    refused["client_to_server"] = good["client_to_server"].clone();
    assert!(replay(&refused).is_err());
}

/// Replays all files of a folder and its subfolders, except for texts and hidden files.
fn replay_folder(all: &mut Replay, folder: &Path) {
    let found = all.check(&folder.display(), || match files(folder).map_err(display)? {
        files if files.is_empty() => Err("no transcripts".into()),
        files => Ok(files),
    });
    for file in found.into_iter().flatten() {
        let messages = all.check(&file.display(), || replay(&try_read_json(&file)?));
        all.count("transcripts", 1);
        all.count("messages", messages.unwrap_or_default());
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if !is_hidden && path.extension().is_none_or(|extension| extension != "md") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Replays one handshake, and returns how many protected messages followed.
fn replay(transcript: &Value) -> Outcome<usize> {
    let recorded = Recorded {
        negotiate: bytes(transcript, "negotiate")?,
        challenge: bytes(transcript, "challenge")?,
        authenticate: bytes(transcript, "authenticate")?,
    };
    let messages = messages_in_order(transcript)?;
    match transcript.text("mode") {
        Some("connection") => round_trip(1, &recorded.negotiate)?,
        Some("datagram") if recorded.negotiate.is_empty() => {}
        mode => return Err(format!("unknown mode {mode:?}, or a NEGOTIATE that cannot be")),
    }
    round_trip(2, &recorded.challenge)?;
    let password = ["server_password", "password"].iter().find_map(|name| transcript.text(name));
    let answer = recorded.verify(&server(transcript)?, password.ok_or("no password")?);
    // A message that was truncated in transit need not parse if that is why it is rejected.
    if !matches!(answer, Err(Error::Wire(_))) {
        round_trip(3, &recorded.authenticate)?;
    }
    match (transcript.text("replay"), answer) {
        (Some("accept"), Ok(accepted)) => protected(transcript, accepted, &messages),
        (Some("either"), Ok(accepted)) => {
            println!("{}: accepted as {:?}", transcript["id"], accepted.identity.response());
            protected(transcript, accepted, &messages)
        }
        (Some("either"), Err(error))
            if is_lm_alone_with_extended_security(&recorded)
                && matches!(error, Error::Denied(_) | Error::Refused(Refused::ResponseKind)) =>
        {
            println!("{}: rejected, since LM has no key there: {error:?}", transcript["id"]);
            Ok(0)
        }
        (_, Err(error @ (Error::Misuse(_) | Error::Environment(_)))) => Err(error.to_string()),
        (Some("reject"), Err(_)) if messages.is_empty() => Ok(0),
        (expected, answer) => Err(format!("{expected:?} expected: {answer:?}")),
    }
}

/// An LM response alone although extended session security was negotiated: this crate rejects it.
fn is_lm_alone_with_extended_security(recorded: &Recorded) -> bool {
    let extended = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let challenge = Challenge::parse(&recorded.challenge);
    let granted = challenge.is_ok_and(|message| message.flags.contains(extended));
    let is_lm_alone = Authenticate::parse(&recorded.authenticate).is_ok_and(|message| {
        message.nt_response == NtResponse::Empty
            && message.flags.unwrap_or_default().contains(extended)
            && message.lm_response.as_v1().is_some()
    });
    granted && is_lm_alone
}

/// A server that allows everything, with the channel bindings of the recorded server.
fn server(transcript: &Value) -> Outcome<Server> {
    let clients = optional_bytes(transcript, "channel_bindings_app_data")?;
    let servers = optional_bytes(transcript, "server_channel_bindings_app_data")?;
    let Some(data) = servers.or(clients) else { return Ok(lenient_server()) };
    let mut policy = Policy::insecure_for_analysis();
    policy.channel_bindings = Enforcement::Required;
    let bindings = ChannelBindings::application_data(&data);
    Ok(lenient_server().with_policy(policy).with_channel_bindings(bindings))
}

/// Checks the session key and every message that it protects.
fn protected(transcript: &Value, accepted: Accepted, messages: &[Protected<'_>]) -> Outcome<usize> {
    let flags = accepted.keys.flags();
    let key = *accepted.keys.exported_session_key().expose();
    let recorded = optional_bytes(transcript, "exported_session_key")?;
    if let Some(right) = recorded.filter(|_| accepted.user().is_some()) {
        if key[..] != right {
            return Err(format!("session key {} instead of {}", hex(&key), hex(&right)));
        }
    }
    if messages.is_empty() {
        return Ok(0);
    }
    let key = ExportedSessionKey::from(key);
    if transcript.text("mode") == Some("datagram") {
        let server = accepted.keys.into_datagram_session().map_err(display)?;
        let mut client = Peer::Datagram(DatagramSession::new(flags, &key, Side::Client));
        return replay_messages(&mut client, &mut Peer::Datagram(server), messages, flags);
    }
    let mut server = accepted.keys.into_session().map_err(display)?;
    let mut client = Session::new(flags, &key, Side::Client);
    match (&transcript["initial_seq"], &transcript["spnego_tokens"]) {
        (Value::Null, _) => {}
        (initial, Value::Null) => skip_mech_list_mics(initial, &mut client, &mut server)?,
        (_, tokens) => {
            mech_list_mics(&transcript["initial_seq"], tokens, &mut client, &mut server)?
        }
    }
    replay_messages(&mut Peer::Connected(client), &mut Peer::Connected(server), messages, flags)
}

struct Protected<'a> {
    order: u64,
    from: Side,
    fields: &'a Value,
}

fn messages_in_order(transcript: &Value) -> Outcome<Vec<Protected<'_>>> {
    let mut messages = Vec::new();
    for (name, from) in [("client_to_server", Side::Client), ("server_to_client", Side::Server)] {
        let list = match &transcript[name] {
            Value::Null => continue,
            list => list.as_array().ok_or(format!("{name} is no list"))?,
        };
        for fields in list {
            let order = fields["order"].as_u64().ok_or("a message without order")?;
            messages.push(Protected { order, from, fields });
        }
    }
    messages.sort_by_key(|message| message.order);
    if messages.windows(2).any(|pair| pair[0].order == pair[1].order) {
        return Err("two messages at the same time".into());
    }
    Ok(messages)
}

#[expect(clippy::large_enum_variant, reason = "there are two at a time")]
enum Peer {
    Connected(Session),
    Datagram(DatagramSession),
}

impl Peer {
    fn protect(&mut self, number: u32, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        match self {
            // The dummy signature, if no protection was negotiated.
            Self::Connected(session) if session.protection() == Protection::None => {
                session.sign(b"")
            }
            Self::Connected(session) => session.seal_parts(parts),
            Self::Datagram(session) => session.seal_parts(number, parts),
        }
    }

    fn unprotect(
        &mut self,
        number: u32,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        match self {
            Self::Connected(session) if session.protection() == Protection::None => {
                assert_eq!(*signature, Signature::DUMMY);
                Ok(())
            }
            Self::Connected(session) => session.unseal_parts(parts, signature),
            Self::Datagram(session) => session.unseal_parts(number, parts, signature),
        }
    }
}

fn replay_messages(
    client: &mut Peer,
    server: &mut Peer,
    messages: &[Protected<'_>],
    flags: NegotiateFlags,
) -> Outcome<usize> {
    for (position, message) in messages.iter().enumerate() {
        let (sender, receiver) = match message.from {
            Side::Client => (&mut *client, &mut *server),
            Side::Server => (&mut *server, &mut *client),
        };
        replay_message(sender, receiver, message.fields, flags)
            .map_err(|what| format!("message {position}: {what}"))?;
    }
    Ok(messages.len())
}

fn replay_message(
    sender: &mut Peer,
    receiver: &mut Peer,
    fields: &Value,
    flags: NegotiateFlags,
) -> Outcome<()> {
    let (plaintext, token) = (bytes(fields, "plaintext")?, bytes(fields, "token")?);
    let (signature, ciphertext) = token.split_at_checked(16).ok_or("the token is too short")?;
    let received = Signature::try_from(signature).map_err(display)?;
    let number = fields["seq"].as_u64().and_then(|seq| u32::try_from(seq).ok());
    let number = match sender {
        Peer::Datagram(_) => number.ok_or("no seq")?,
        Peer::Connected(_) => 0,
    };

    // In DCE/RPC, parts before and after the plaintext are signed but not sealed.
    let signed = optional_bytes(fields, "signed_data")?.unwrap_or_else(|| plaintext.clone());
    let mut starts = signed.windows(plaintext.len().max(1));
    let start = starts.position(|part| part == plaintext || plaintext.is_empty());
    let start = start.or(signed.is_empty().then_some(0)).ok_or("what is signed is another")?;
    let (before, after) = (&signed[..start], &signed[start + plaintext.len()..]);
    let seals = match fields.text("op") {
        Some("seal") => true,
        Some("sign") => false,
        op => return Err(format!("unknown operation {op:?}")),
    };
    fn parts<'a>(
        before: &'a [u8],
        body: &'a mut [u8],
        after: &'a [u8],
        seals: bool,
    ) -> [Part<'a>; 3] {
        let body = if seals { Part::Sealed(body) } else { Part::Clear(body) };
        [Part::Clear(before), body, Part::Clear(after)]
    }

    let mut body = plaintext.clone();
    let made = sender.protect(number, &mut parts(before, &mut body, after, seals));
    let made = made.map_err(display)?;
    let ours = comparable(&made, &received, flags);
    if ours != *received.as_bytes() || (seals && body != ciphertext) {
        let (ours, theirs) = (hex(&ours), hex(&token));
        return Err(format!("made {ours} {}, recorded {theirs}", hex(&body)));
    }

    let mut body = if seals { ciphertext.to_vec() } else { plaintext.clone() };
    let result = receiver.unprotect(number, &mut parts(before, &mut body, after, seals), &received);
    result.map_err(display)?;
    if body != plaintext {
        return Err(format!("unsealed to {}", hex(&body)));
    }
    Ok(())
}

/// The signature of this crate. Without extended session security it gets the received `RandomPad`,
/// which the algorithm does not define: Samba sends the output of the cipher.
fn comparable(ours: &Signature, received: &Signature, flags: NegotiateFlags) -> [u8; 16] {
    let mut ours = *ours.as_bytes();
    let has_pad = !flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
    if has_pad && flags.intersects(NegotiateFlags::PROTECTION) {
        assert_eq!(ours[4..8], [0; 4]);
        ours[4..8].copy_from_slice(&received.as_bytes()[4..8]);
    }
    ours
}

/// The `mechListMIC`s of a SPNEGO handshake: the client's is in its last token, the server's in its
/// last; they sign the list of mechanisms in the first token.
fn mech_list_mics(
    initial: &Value,
    tokens: &Value,
    client: &mut Session,
    server: &mut Session,
) -> Outcome<()> {
    if *initial != serde_json::json!({ "c": 1, "s": 1 }) {
        return Err("after two mechListMICs, both sequence numbers are 1".into());
    }
    let tokens = tokens.as_array().ok_or("no SPNEGO tokens")?;
    let first = bytes(tokens.first().ok_or("no SPNEGO token")?, "token")?;
    let mech_types = der::find(&first, &[0x60, 0xa0, 0x30, 0xa0]).ok_or("no mechTypes")?;
    for from in ["client", "server"] {
        let (sender, receiver) = match from {
            "client" => (&mut *client, &mut *server),
            _ => (&mut *server, &mut *client),
        };
        let mut last_first = tokens.iter().rev().filter(|value| value.text("from") == Some(from));
        let mic = last_first.find_map(|value| Resp::read(&value.bytes("token")?)?.mic);
        let mic = mic.ok_or(format!("no mechListMIC of the {from}"))?;
        let mic = Signature::try_from(&mic[..]).map_err(display)?;
        let made = sender.mech_list_mic(mech_types).map_err(display)?;
        if made != mic {
            return Err(format!("the mechListMIC of the {from} is another"));
        }
        receiver.verify_mech_list_mic(mech_types, &mic).map_err(display)?;
    }
    Ok(())
}

/// The same if the recording starts after SPNEGO: each side whose messages start at 1 has made a
/// `mechListMIC` before, of which only the sequence number matters here.
fn skip_mech_list_mics(initial: &Value, client: &mut Session, server: &mut Session) -> Outcome<()> {
    for (name, from_client) in [("c", true), ("s", false)] {
        let (sender, receiver) =
            if from_client { (&mut *client, &mut *server) } else { (&mut *server, &mut *client) };
        match initial[name].as_u64() {
            Some(0) => continue,
            Some(1) => {}
            _ => return Err(format!("initial_seq {initial}: neither 0 nor 1")),
        }
        let mic = sender.mech_list_mic(b"").map_err(display)?;
        receiver.verify_mech_list_mic(b"", &mic).map_err(display)?;
    }
    Ok(())
}

/// Parses a message of this type, writes it, and parses the result.
fn round_trip(kind: u8, bytes: &[u8]) -> Outcome<()> {
    if bytes.get(8) != Some(&kind) {
        return Err(format!("no message of type {kind}"));
    }
    let message = Message::parse(bytes).map_err(display)?;
    let (written, length) = match message {
        Message::Negotiate(message) => (message.to_bytes(), message.encoded_len()),
        Message::Challenge(message) => (message.to_bytes(), message.encoded_len()),
        Message::Authenticate(message) => (message.to_bytes(), message.encoded_len()),
    };
    check("length", length, written.len())?;
    check("round trip", Message::parse(&written), Ok(message))
}
