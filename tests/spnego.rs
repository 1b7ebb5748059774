//! Recorded SPNEGO negotiations, public tokens and hostile tokens, replayed.
//!
//! Each handshake is replayed twice: with this crate as the server and as the client. The recorded
//! NTLM messages contain random numbers of their own, so the replay passes them through the states
//! that make up [`ntlm::spnego::Acceptor`] and [`ntlm::spnego::Initiator`]; a `Server` reads the
//! recorded messages and verifies the recorded proof.
//!
//! The environment variable `NTLM_SPNEGO` names one more file of this form. A handshake that cannot
//! be replayed counts as a failure.

#![cfg(feature = "spnego")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::panic::catch_unwind;

use ntlm::Session;
use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::server::{AwaitAuthenticate, Identity};
use ntlm::session::{SessionKeys, Signature};
use ntlm::spnego::hazmat::acceptor::{AwaitMic, First, Offer, Start, Verified};
use ntlm::spnego::hazmat::initiator::{AwaitReply, AwaitVerdict, Reply, Verdict};
use ntlm::spnego::{Error, Mechanism, NegState, Token};
use ntlm::wire::{AvId, ErrorKind, NegotiateFlags};
use ntlm_testkit::recorded::lenient_server;
use ntlm_testkit::replay::{Outcome, bytes, display, flags, list};
use ntlm_testkit::spnego::{Init, KERBEROS, MS_KERBEROS, NEGOEX, NTLM};
use ntlm_testkit::{Fields, Fixed, Recorded, Replay, array, json, read_json, try_unhex};
use serde_json::Value;

#[test]
fn every_recorded_negotiation_replays_byte_for_byte() {
    let mut all = Replay::new(&["handshakes", "tokens", "hostile cases"]);
    all.files("spnego.json", "NTLM_SPNEGO", |all, file| {
        let cases = |list: &Value| list.as_array().cloned().unwrap_or_default();
        for handshake in cases(&file["handshakes"]) {
            all.count("handshakes", 1);
            all.count("tokens", cases(&handshake["tokens"]).len());
            all.check(&handshake["id"], || replay(&handshake));
        }
        for public in cases(&file["public_tokens"]) {
            all.count("tokens", cases(&public["tokens"]).len());
            all.check(&public["id"], || read_public(&public));
        }
        for case in cases(&file["hostile"]["cases"]) {
            all.count("hostile cases", 1);
            all.check(&case["id"], || hostile(&file["hostile"], &case));
        }
        let names = ["handshakes", "public_tokens", "hostile"];
        match names.iter().all(|name| file[name].is_null()) {
            true => Err("nothing to replay".into()),
            false => Ok(()),
        }
    });
    all.finish();
}

/// Changed recordings, which a replay must not count as a success.
#[test]
fn negotiation_that_cannot_be_replayed_counts_as_failed() {
    let handshakes = read_json("spnego.json")["handshakes"].as_array().unwrap();
    let good = json::find(handshakes, "lib-gss-samba");
    replay(good).unwrap();
    let fails = |pointer: &str, value: Value| {
        let mut case = good.clone();
        *case.pointer_mut(pointer).expect(pointer) = value;
        let result = catch_unwind(|| replay(&case));
        assert!(!matches!(result, Ok(Ok(()))), "{pointer}");
    };
    fails("/tokens", Value::Null);
    fails("/tokens/0/token", "60".into());
    fails("/tokens/3/token", good["tokens"][1]["token"].clone());
    fails("/negotiate", good["challenge"].clone());
    fails("/challenge", good["negotiate"].clone());
    fails("/authenticate", good["negotiate"].clone());
    fails("/password", "another".into());
    fails("/exported_session_key", "00112233445566778899aabbccddeeff".into());
    fails("/mechTypes_der", "3000".into());
    for at in 0..2 {
        fails(&format!("/mechListMICs/{at}/verified"), false.into());
        fails(&format!("/mechListMICs/{at}/mic"), "01000000000000000000000000000000".into());
    }
    for at in 0..good["messages"].as_array().unwrap().len() {
        fails(&format!("/messages/{at}/plaintext"), "00".into());
        fails(&format!("/messages/{at}/sealed"), "00".into());
    }
    for role in ["acceptor", "initiator"] {
        fails(&format!("/reference/{role}/verdict"), "reject".into());
        fails(&format!("/reference/{role}/answers/0"), "nothing".into());
    }
}

/// The results of one side for the peer's tokens.
#[derive(Default)]
struct Run {
    answers: Vec<String>,
    verdict: &'static str,
    reason: String,
    keys: Option<SessionKeys>,
}

impl Run {
    fn rejects(&mut self, error: impl Into<Error>) {
        self.reason = error.into().log().to_string();
        self.verdict = "reject";
    }
}

fn replay(case: &Value) -> Outcome<()> {
    let tokens = list(case, "tokens")?;
    if case["reference"].text("decode") == Some("reject") {
        let mut all = tokens.iter().map(|token| bytes(token, "token"));
        let one_is_malformed = all.any(|token| token.is_ok_and(|t| Token::parse(&t).is_err()));
        return if one_is_malformed { Ok(()) } else { Err("every token is well formed".into()) };
    }
    let messages = Recorded::read(case)?;
    let from = |side: &str| {
        let of_side = tokens.iter().filter(|token| token.text("from") == Some(side));
        of_side.map(|token| bytes(token, "token")).collect::<Outcome<Vec<_>>>()
    };
    let (clients, servers) = (from("client")?, from("server")?);
    check_mics(case)?;

    let acceptor = accept(case, &messages, &clients, &servers)?;
    check_run(case, "acceptor", acceptor, Side::Server)?;
    if !case["reference"]["initiator"].is_null() {
        let initiator = initiate(case, &messages, &clients, &servers)?;
        check_run(case, "initiator", initiator, Side::Client)?;
    }
    Ok(())
}

/// Compares a run with the reference, and unseals and seals each message that was sealed
/// afterwards.
fn check_run(case: &Value, role: &str, run: Run, side: Side) -> Outcome<()> {
    let reference = &case["reference"][role];
    let verdict = reference.text("verdict").ok_or("no verdict")?;
    if run.verdict != verdict {
        let Run { verdict: ours, reason, answers, .. } = run;
        return Err(format!("{role}: {ours} ({reason}) instead of {verdict}: {answers:?}"));
    }
    if let Some(answers) = reference["answers"].as_array() {
        let answers: Vec<_> = answers.iter().filter_map(Value::as_str).collect();
        if run.answers != answers {
            return Err(format!("{role}: {:?} instead of {answers:?}", run.answers));
        }
    }
    let Some(keys) = run.keys else { return Ok(()) };
    if let Ok(key) = bytes(case, "exported_session_key") {
        if keys.exported_session_key().expose()[..] != key {
            return Err(format!("{role}: another session key"));
        }
    }
    let Some(messages) = case["messages"].as_array() else { return Ok(()) };
    let mut session = keys.into_session().map_err(display)?;
    for message in messages {
        let (plaintext, sealed) = (bytes(message, "plaintext")?, bytes(message, "sealed")?);
        let is_ours =
            message.text("from") == Some(if side == Side::Client { "client" } else { "server" });
        let (made, expected) = match is_ours {
            true => (session.wrap(&plaintext), sealed),
            false => (session.unwrap(&sealed), plaintext),
        };
        if made.as_ref() != Ok(&expected) {
            return Err(format!("{role}: message {}: {made:02x?}", message["seq"]));
        }
    }
    Ok(())
}

/// Verifies each recorded `mechListMIC` on its own.
fn check_mics(case: &Value) -> Outcome<()> {
    let mics = list(case, "mechListMICs")?;
    if mics.is_empty() {
        return Ok(());
    }
    let key = ExportedSessionKey::from(array(case, "exported_session_key"));
    let flags = flags(case, "authenticate_flags")?;
    let mech_types = bytes(case, "mechTypes_der")?;
    // Without extended session security, Samba's `mechListMIC`s are the first two messages of a
    // session.
    let extended = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
    let mut legacy = Session::new(flags, &key, Side::Server);
    for mic in mics {
        let signature = Signature::try_from(&bytes(mic, "mic")?[..]).map_err(display)?;
        let receiver = match mic.text("sender") {
            Some("client") => Side::Server,
            Some("server") => Side::Client,
            sender => return Err(format!("sent by {sender:?}")),
        };
        let mut session = Session::new(flags, &key, receiver);
        let verified = match extended {
            true => session.verify_mech_list_mic(&mech_types, &signature).is_ok(),
            false => legacy.verify(&mech_types, &signature).is_ok(),
        };
        if Some(verified) != mic["verified"].as_bool() {
            return Err(format!("mechListMIC of token {}: {verified}", mic["token"]));
        }
    }
    Ok(())
}

/// The state of an acceptor's replay.
enum State {
    Start(Start),
    Negotiate(Offer),
    /// If the client made no offer, NTLM is not wrapped.
    Authenticate(Option<Offer>),
    Mic(AwaitMic),
    Over,
}

/// Runs this crate as the server. If the recorded server spoke first, so does this one.
fn accept(
    case: &Value,
    messages: &Recorded,
    clients: &[Vec<u8>],
    servers: &[Vec<u8>],
) -> Outcome<Run> {
    let spoke_first = is_hints(servers);
    let mut run = Run { verdict: "incomplete", ..Run::default() };
    let start = Start { takes_ntlm: true, has_sent_hints: spoke_first };
    let mut state = State::Start(start);
    for token in clients {
        let mut passwords = ["server_password", "password"].iter();
        let password = passwords.find_map(|name| case.text(name)).unwrap_or_default();
        match accept_token(&mut run, state, token, messages, |handshake| {
            let claim = match handshake.read(&messages.authenticate, &mut messages.environment()) {
                Err(ntlm::Error::Wire(error)) if error.kind() == FLAGS_TWICE => {
                    return Ok(recorded_proof(case));
                }
                claim => claim?,
            };
            let accepted = ntlm_testkit::accept(claim, password)?;
            let proved_nothing = !matches!(accepted.identity, Identity::User { .. });
            Ok((accepted.keys, accepted.mic_checked, proved_nothing))
        })? {
            State::Over => break,
            next => state = next,
        }
    }
    Ok(run)
}

/// sspi-rs 0.6.0 adds its `MsvAvFlags` to that of gss-ntlmssp's CHALLENGE. This crate rejects a
/// duplicate pair, because servers that accepted one overlooked the MIC (CVE-2019-1166). The SPNEGO
/// part of such a handshake is replayed with the recorded key.
const FLAGS_TWICE: ErrorKind = ErrorKind::AvPairTwice(AvId::FLAGS);

fn recorded_proof(case: &Value) -> (SessionKeys, bool, bool) {
    assert_eq!(case["nt_response_ok"].as_bool(), Some(true));
    let key = ExportedSessionKey::from(array(case, "exported_session_key"));
    let keys = SessionKeys::with_key(flags(case, "authenticate_flags").unwrap(), key, Side::Server);
    (keys, case["ntlm_mic_present"].as_bool().unwrap(), false)
}

/// Keys, whether the AUTHENTICATE has a MIC, and whether the client is anonymous.
type Proven = Result<(SessionKeys, bool, bool), ntlm::Error>;

fn accept_token(
    run: &mut Run,
    state: State,
    token: &[u8],
    messages: &Recorded,
    prove: impl FnOnce(AwaitAuthenticate) -> Proven,
) -> Outcome<State> {
    // A real server reads the NEGOTIATE, and the answer is the recorded CHALLENGE.
    let negotiate = |run: &mut Run, negotiate: &[u8], offer: Option<Offer>| {
        let made = match lenient_server().challenge(negotiate, &mut Fixed::default()) {
            Ok((made, _)) => made,
            Err(error) => {
                run.rejects(error);
                return Ok(State::Over);
            }
        };
        // Some servers failed before they sent one.
        let recorded = Some(&messages.challenge).filter(|challenge| !challenge.is_empty());
        let challenge = recorded.unwrap_or(&made);
        if negotiate != messages.negotiate {
            return Err("another NEGOTIATE arrives inside".to_owned());
        }
        run.answers.push(match &offer {
            Some(offer) => answer(&offer.challenge(challenge), challenge)?,
            None => "raw NTLM".into(),
        });
        if offer.is_none() {
            // In the reference, SPNEGO ends here: no further token is due.
            run.verdict = "accept";
        }
        Ok(State::Authenticate(offer))
    };
    let next = match state {
        State::Start(start) => start.read(token).map(|first| match first {
            First::Hints(token, start) => {
                run.answers.push(answer(&token, &[])?);
                Ok(State::Start(start))
            }
            First::Chosen(token, offer) => {
                run.answers.push(answer(&token, &[])?);
                Ok(State::Negotiate(offer))
            }
            First::Negotiate(message, offer) => negotiate(run, message, Some(offer)),
            First::Ntlm(message) => negotiate(run, message, None),
        }),
        State::Negotiate(offer) => {
            let message = offer.read_negotiate(token).map(<[u8]>::to_vec);
            message.map(|message| negotiate(run, &message, Some(offer)))
        }
        State::Authenticate(None) => match Token::parse(token) {
            Ok(Token::Ntlm(message)) if message == messages.authenticate => {
                run.answers.push("raw NTLM, done".into());
                run.verdict = "accept";
                Ok(Ok(State::Over))
            }
            _ => Err(Error::Over),
        },
        State::Authenticate(Some(offer)) => {
            offer.read_authenticate(token).and_then(|(message, proof)| {
                let handshake = messages.resume(&lenient_server())?;
                if message != messages.authenticate {
                    // A real server reads the AUTHENTICATE.
                    let _ = handshake.read(message, &mut messages.environment())?;
                    return Ok(Err("another AUTHENTICATE arrives inside".to_owned()));
                }
                let (keys, has_mic, proved_nothing) = prove(handshake)?;
                Ok(match proof.accept(keys, has_mic, proved_nothing)? {
                    Verified::Send(token, mic) => answer(&token, &[]).map(|text| {
                        run.answers.push(text);
                        State::Mic(mic)
                    }),
                    Verified::Done(token, keys) => answer(&token, &[]).map(|text| {
                        run.answers.push(text);
                        (run.verdict, run.keys) = ("accept", Some(keys));
                        State::Over
                    }),
                })
            })
        }
        State::Mic(mic) => mic.read(token).map(|(token, keys)| {
            run.answers.push(answer(&token, &[])?);
            (run.verdict, run.keys) = ("accept", Some(keys));
            Ok(State::Over)
        }),
        State::Over => Err(Error::Over),
    };
    next.unwrap_or_else(|error| {
        run.rejects(error);
        Ok(State::Over)
    })
}

/// Describes an acceptor's token in the words of the reference; it must contain this message.
fn answer(token: &[u8], message: &[u8]) -> Outcome<String> {
    let response = match Token::parse(token).map_err(display)? {
        Token::Init(init) if init.has_hints => return Ok("send NegTokenInit2".into()),
        Token::Response(response) => response,
        token => return Err(format!("we sent {token:?}")),
    };
    if response.response_token.unwrap_or_default() != message {
        return Err("another message is inside".into());
    }
    let mut words = vec![match response.neg_state {
        Some(NegState::AcceptCompleted) => "accept-completed",
        Some(NegState::AcceptIncomplete) => "accept-incomplete",
        Some(NegState::RequestMic) => "request-mic",
        state => return Err(format!("we sent {state:?}")),
    }];
    words.extend(response.supported_mech.map(|_| "NTLM"));
    words.extend(response.response_token.map(|_| "CHALLENGE"));
    if response.supported_mech.is_some() && response.response_token.is_none() {
        words.push("no token");
    }
    words.extend(response.mech_list_mic.map(|_| "mechListMIC"));
    Ok(words.join(", "))
}

/// Whether the server spoke first.
fn is_hints(servers: &[Vec<u8>]) -> bool {
    let first = servers.first().map(|token| Token::parse(token));
    matches!(first, Some(Ok(Token::Init(init))) if init.has_hints)
}

/// Runs this crate as the client.
fn initiate(
    case: &Value,
    messages: &Recorded,
    clients: &[Vec<u8>],
    servers: &[Vec<u8>],
) -> Outcome<Run> {
    let mut run = Run { verdict: "incomplete", ..Run::default() };
    let first = clients.first().ok_or("no first token")?;
    // This crate sends the list of Windows; peers that offer only NTLM sign the same list.
    let Ok(Token::Init(init)) = Token::parse(first) else { return Err("no NegTokenInit".into()) };
    let (ours, offer) = AwaitReply::offer(&messages.negotiate);
    let ours_is_the_same = first[..] == ours[..];
    let reply = if ours_is_the_same { offer } else { AwaitReply::after(first).map_err(display)? };
    let signs = clients.iter().any(|token| {
        matches!(Token::parse(token), Ok(Token::Response(response))
            if response.response_token == Some(&messages.authenticate)
                && response.mech_list_mic.is_some())
    });
    let keys = || client_keys(case, messages);
    let mut state = Initiating::Reply(reply);
    for token in servers.iter().filter(|token| !token.is_empty()) {
        if init.mech_token.is_some() && is_hints(core::slice::from_ref(token)) {
            run.answers.push("hints: take note or ignore".into());
            continue;
        }
        match initiate_token(&mut run, state, token, messages, signs, keys)? {
            Initiating::Over => break,
            next => state = next,
        }
    }
    Ok(run)
}

/// The keys of the client, whether or not the server accepted its proof.
fn client_keys(case: &Value, messages: &Recorded) -> Outcome<Option<SessionKeys>> {
    if messages.authenticate.is_empty() {
        return Ok(None);
    }
    let flags = flags(case, "authenticate_flags")?;
    let (key, flags) = match case["exported_session_key"].is_null() {
        false => (array(case, "exported_session_key"), flags),
        // An anonymous client has no secret.
        true => ([0; 16], flags - NegotiateFlags::PROTECTION),
    };
    Ok(Some(SessionKeys::with_key(flags, key.into(), Side::Client)))
}

enum Initiating {
    Reply(AwaitReply),
    Verdict(AwaitVerdict),
    Over,
}

fn initiate_token(
    run: &mut Run,
    state: Initiating,
    token: &[u8],
    messages: &Recorded,
    signs: bool,
    keys: impl FnOnce() -> Outcome<Option<SessionKeys>>,
) -> Outcome<Initiating> {
    let next = match state {
        Initiating::Reply(reply) => match reply.read(token) {
            Err(error) => Err(error),
            Ok(Reply::Negotiate(next)) => {
                run.answers.push("send NEGOTIATE".into());
                let (token, reply) = next.negotiate(&messages.negotiate);
                check_sent(&token, Some(&messages.negotiate), false)?;
                Ok(Initiating::Reply(reply))
            }
            Ok(Reply::Challenge(challenge, next)) => {
                if challenge != messages.challenge {
                    return Err("another CHALLENGE arrives inside".into());
                }
                run.answers.push("send AUTHENTICATE".into());
                let Some(keys) = keys()? else { return Ok(Initiating::Over) };
                let signs = signs && next.signs(&keys, true);
                let (token, verdict) = next.answer(&messages.authenticate, keys, signs);
                check_sent(&token, Some(&messages.authenticate), signs)?;
                Ok(Initiating::Verdict(verdict))
            }
        },
        Initiating::Verdict(verdict) => match verdict.read(token) {
            Err(error) => Err(error),
            Ok(Verdict::Send(token, next)) => {
                run.answers.push("send mechListMIC".into());
                check_sent(&token, None, true)?;
                Ok(Initiating::Verdict(next))
            }
            Ok(Verdict::Done(keys)) => {
                run.answers.push("done".into());
                (run.verdict, run.keys) = ("accept", Some(keys));
                Ok(Initiating::Over)
            }
        },
        Initiating::Over => Err(Error::Over),
    };
    Ok(next.unwrap_or_else(|error| {
        run.rejects(error);
        Initiating::Over
    }))
}

/// An initiator's token must be accept-incomplete and contain this message, and a `mechListMIC` or
/// none.
fn check_sent(token: &[u8], message: Option<&[u8]>, signs: bool) -> Outcome<()> {
    match Token::parse(token) {
        Ok(Token::Response(response))
            if response.neg_state == Some(NegState::AcceptIncomplete)
                && response.response_token == message
                && response.mech_list_mic.is_some() == signs =>
        {
            Ok(())
        }
        token => Err(format!("we sent {token:?}")),
    }
}

fn read_public(public: &Value) -> Outcome<()> {
    for token in list(public, "tokens")? {
        let bytes = bytes(token, "token")?;
        let parsed = Token::parse(&bytes).map_err(display)?;
        let summary = token.text("summary").ok_or("no summary")?;
        if describe(&parsed) != summary {
            return Err(format!("{} instead of {summary}", describe(&parsed)));
        }
    }
    Ok(())
}

/// Describes a token in the words of the recordings.
fn describe(token: &Token<'_>) -> String {
    let message = |bytes: &[u8]| match bytes.strip_prefix(b"NTLMSSP\0") {
        Some([number, ..]) => format!("NTLM {number}"),
        _ => "(other)".into(),
    };
    match token {
        Token::Init(init) => {
            let name = |mechanism| match mechanism {
                Mechanism::KerberosUserToUser => "Kerberos-U2U".to_owned(),
                mechanism => mechanism.to_string(),
            };
            let names: Vec<_> = init.mech_types.iter().map(name).collect();
            let mut words = vec!["NegTokenInit".to_owned(), format!("[{}]", names.join(", "))];
            words.extend(init.mech_token.map(|token| format!("mechToken {}", message(token))));
            words.extend(init.has_hints.then(|| "negHints".into()));
            words.join(", ")
        }
        Token::Response(response) => {
            let state = match response.neg_state {
                None => "no negState",
                Some(NegState::AcceptCompleted) => "accept-completed",
                Some(NegState::AcceptIncomplete) => "accept-incomplete",
                Some(NegState::Reject) => "reject",
                Some(NegState::RequestMic) => "request-mic",
            };
            let mut words = vec!["NegTokenResp".to_owned(), state.into()];
            words.extend(response.supported_mech.map(|name| format!("supportedMech {name}")));
            let token = response.response_token;
            words.extend(token.map(|token| format!("responseToken {}", message(token))));
            words.extend(response.mech_list_mic.map(|_| "mechListMIC".into()));
            words.join(", ")
        }
        token => format!("{token:?}"),
    }
}

/// A token, given as a whole or as parts that are repeated.
fn token_of(case: &Value) -> Outcome<Vec<u8>> {
    let Some(parts) = case["parts"].as_array() else { return bytes(case, "token") };
    let mut token = Vec::new();
    for part in parts {
        let bytes = part[0].as_str().and_then(try_unhex).ok_or("a part is not hexadecimal")?;
        let count = part[1].as_u64().and_then(|count| usize::try_from(count).ok());
        token.extend(bytes.repeat(count.ok_or("a part without a count")?));
    }
    Ok(token)
}

fn hostile(base: &Value, case: &Value) -> Outcome<()> {
    let expected = case.text("expect").ok_or("no expectation")?;
    let (outcome, answers) = match (case.text("level"), case.text("role")) {
        (Some("decode"), _) => {
            let outcome = Token::parse(&token_of(case)?).map_or("reject", |_| "accept");
            return if outcome == expected { Ok(()) } else { Err(format!("it is {outcome}")) };
        }
        (Some("state"), Some("acceptor")) => (hostile_to_acceptor(base, case)?, "answers_before"),
        (Some("state"), Some("initiator")) => (hostile_to_initiator(base, case)?, "actions_before"),
        (level, role) => return Err(format!("level {level:?}, role {role:?}")),
    };
    let verdict = match outcome.verdict {
        "incomplete" => "continue",
        verdict => verdict,
    };
    if verdict != expected {
        return Err(format!("{verdict} instead of {expected}: {:?}", outcome.answers));
    }
    let before = list(case, answers)?;
    let before: Vec<_> = before.iter().filter_map(Value::as_str).collect();
    let same = outcome.answers == before;
    if same { Ok(()) } else { Err(format!("{:?} instead of {before:?}", outcome.answers)) }
}

/// The tokens; all but the last must be accepted.
fn feed(case: &Value) -> Outcome<Vec<Vec<u8>>> {
    list(case, "feed")?.iter().map(token_of).collect()
}

/// The keys of the base handshake, which can sign or not.
fn base_keys(base: &Value, case: &Value, side: Side) -> Outcome<SessionKeys> {
    let flags = flags(base, "flags")?;
    let flags = match case["context_signs"].as_bool().ok_or("no context_signs")? {
        true => flags,
        false => flags - NegotiateFlags::PROTECTION,
    };
    Ok(SessionKeys::with_key(flags, array(base, "exported_session_key").into(), side))
}

fn hostile_to_acceptor(base: &Value, case: &Value) -> Outcome<Run> {
    let messages = Recorded::read(base)?;
    let mut run = Run { verdict: "incomplete", ..Run::default() };
    let mut state = State::Start(Start { takes_ntlm: true, has_sent_hints: false });
    let tokens = feed(case)?;
    for (at, token) in tokens.iter().enumerate() {
        run.verdict = "incomplete";
        let keys = base_keys(base, case, Side::Server)?;
        let has_mic = case["authenticate_has_mic"].as_bool().ok_or("no authenticate_has_mic")?;
        let proved_nothing = case.text("id").is_some_and(|id| id.ends_with("-anonymous"));
        state = accept_token(&mut run, state, token, &messages, |_| {
            Ok((keys, has_mic, proved_nothing))
        })?;
        if run.verdict == "reject" && at + 1 < tokens.len() {
            return Err(format!("token {at} is rejected"));
        }
    }
    Ok(run)
}

fn hostile_to_initiator(base: &Value, case: &Value) -> Outcome<Run> {
    let messages = Recorded::read(base)?;
    let mut run = Run { verdict: "incomplete", ..Run::default() };
    let offered = list(case, "offered")?;
    let reply = match offered.len() {
        1 => AwaitReply::offer(&messages.negotiate).1,
        _ => AwaitReply::after(&first_token(offered)?).map_err(display)?,
    };
    let signs = case["sends_mic_with_authenticate"].as_bool().ok_or("no mechListMIC")?;
    let mut state = Initiating::Reply(reply);
    let tokens = feed(case)?;
    for (at, token) in tokens.iter().enumerate() {
        run.verdict = "incomplete";
        let keys = || base_keys(base, case, Side::Client).map(Some);
        state = initiate_token(&mut run, state, token, &messages, signs, keys)?;
        if run.verdict == "reject" && at + 1 < tokens.len() {
            return Err(format!("token {at} is rejected"));
        }
    }
    Ok(run)
}

/// A `NegTokenInit` that offers these mechanisms, because this crate offers NTLM alone.
fn first_token(offered: &[Value]) -> Outcome<Vec<u8>> {
    let oid = |oid: &Value| match oid.as_str() {
        Some("1.2.840.48018.1.2.2") => Ok(MS_KERBEROS),
        Some("1.2.840.113554.1.2.2") => Ok(KERBEROS),
        Some("1.3.6.1.4.1.311.2.2.30") => Ok(NEGOEX),
        Some("1.3.6.1.4.1.311.2.2.10") => Ok(NTLM),
        oid => Err(format!("unknown mechanism {oid:?}")),
    };
    let offered = offered.iter().map(oid).collect::<Outcome<Vec<_>>>()?;
    Ok(Init::plain(&offered, None).der())
}
