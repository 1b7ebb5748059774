//! Every published test vector: each kind of computation has a runner that must check every value
//! of the vector. A kind without a runner, or a value that its runner does not compute, fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::crypto::primitives::{crc32, des, des_key, desl, hmac_md5, md4, md5, rc4k};
use ntlm::crypto::{
    ExportedSessionKey, LmHash, LmSessionKey, NtHash, ResponseKey, SealingKey, SessionBaseKey,
    Side, SigningKey, mic, ntlm2_session_challenge,
};
use ntlm::session::{DatagramSession, Sender};
use ntlm::wire::{
    Authenticate, AvId, AvPairs, Challenge, ClientChallenge, LmResponse, Message, NegotiateFlags,
    NtResponse, Version,
};
use ntlm::{Ascii, ChannelBindings, CharacterSet, FileTime, Text};
use ntlm_testkit::fields::authenticate::{DOMAIN, LM, NT, SESSION_KEY, USER, WORKSTATION};
use ntlm_testkit::replay::{check, text};
use ntlm_testkit::{Emit, Fields, Replay, array, cases, fields, hex, unhex, vector};
use serde_json::{Value, json};

#[test]
fn every_vector_of_every_kind_has_its_published_values() {
    let mut all = Replay::new(&["vectors", "published values", "derived"]);
    for vector in cases("vectors.json") {
        all.check(&vector["id"], || {
            let kind = text(vector, "kind")?;
            let computed =
                compute(kind, &vector["inputs"]).ok_or(format!("no runner for {kind}"))?;
            for (name, expected) in values(vector, "outputs").chain(values(vector, "derived")) {
                let value = computed.get(name).ok_or(format!("{name} is not computed"))?;
                check(name, significant(name, value, vector), significant(name, expected, vector))?;
            }
            Ok(())
        });
        all.count("vectors", 1);
        all.count("published values", values(vector, "outputs").count());
        all.count("derived", values(vector, "derived").count());
    }
    all.finish();
}

fn values<'a>(vector: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    vector[name].as_object().into_iter().flatten()
}

/// For some signatures, the algorithm defines only the bytes from `compare_from` on.
fn significant(name: &str, value: &Value, vector: &Value) -> Value {
    match (vector.get("compare_from").and_then(Value::as_u64), value.as_str()) {
        (Some(start), Some(digits)) if name == "signature" => {
            digits[2 * usize::try_from(start).unwrap()..].into()
        }
        _ => value.clone(),
    }
}

/// Everything that the library computes from a vector's inputs; `None` if the kind is unknown.
fn compute(kind: &str, inputs: &Value) -> Option<Value> {
    Some(match kind {
        "strings" => strings(inputs),
        "constants" => constants(),
        "lmowfv1" => lmowfv1(inputs),
        "ntowfv1" => json!({ "nt_hash": hex(nt_hash(inputs).expose()) }),
        "ntowfv2" => json!({ "ntlmv2_hash": hex(response_key(inputs).expose()) }),
        "des_key" => json!({ "key8_odd_parity": hex(&des_key(&array(inputs, "key7"))) }),
        "desl" => json!({ "result": hex(&desl(&array(inputs, "key"), &array(inputs, "data"))) }),
        "md4" => json!({ "md4": hex(&md4(&inputs.bytes("data")?)) }),
        "crc32" => {
            json!({ "crc32_le": hex(&crc32(&inputs.bytes("message")?).to_le_bytes()) })
        }
        "rc4k" => json!({ "result": hex(&rc4k(&array(inputs, "key"), &array(inputs, "data"))) }),
        "ntlmv1_response" => ntlmv1_response(inputs),
        "ntlmv2_response" => ntlmv2_response(inputs),
        "kxkey" => kxkey(inputs),
        "signkey" => {
            let key = signing_key(inputs);
            json!({ "sign_key": key.map(|key| hex(key.expose())).unwrap_or_default() })
        }
        "sealkey" => sealkey(inputs),
        "sign" => protect(inputs, false),
        "seal" => protect(inputs, true),
        "seal_raw_ess" => seal_raw(inputs),
        "stream" => stream(inputs),
        "message" => message(inputs),
        "build_challenge" => json!({ "message": hex(&build_challenge(inputs)) }),
        "build_authenticate" => json!({ "message": hex(&build_authenticate(inputs)) }),
        "mic" => json!({ "mic": hex(&message_integrity_code(inputs)) }),
        "verify_ntlmv1" => verify_ntlmv1(inputs),
        "verify_ntlmv2" => verify_ntlmv2(inputs),
        "channel_bindings" => {
            let data = inputs.bytes("application_data")?;
            json!({ "md5": hex(ChannelBindings::application_data(&data).md5()) })
        }
        _ => return None,
    })
}

/// 4.2.1: the values that the examples use instead of randomness and time.
fn constants() -> Value {
    json!({
        "random_session_key": hex(&[0x55; 16]),
        "time": hex(&FileTime::from_ticks(0).ticks().to_le_bytes()),
        "client_challenge": hex(&[0xaa; 8]),
        "server_challenge": hex(&0x0123_4567_89ab_cdef_u64.to_be_bytes()),
    })
}

fn strings(inputs: &Value) -> Value {
    let text = |name| Text::from(inputs.text(name).unwrap());
    let unicode = |text: Text| hex(&text.to_utf16le());
    let oem = |text: Text| text.encode(CharacterSet::Oem, &Ascii).unwrap();
    let mut password = oem(text("password").to_uppercase());
    password.resize(14, 0);
    json!({
        "user_utf16le": unicode(text("user")),
        "user_upper_utf16le": unicode(text("user").to_uppercase()),
        "user_oem": hex(&oem(text("user"))),
        "domain_utf16le": unicode(text("domain")),
        "password_utf16le": unicode(text("password")),
        "password_upper_oem_padded14": hex(&password),
        "server_utf16le": unicode(text("server")),
        "workstation_utf16le": unicode(text("workstation")),
    })
}

fn lmowfv1(inputs: &Value) -> Value {
    let hash = lm_hash(inputs).unwrap();
    let (first, second) = hash.expose().split_at(8);
    json!({ "des1": hex(first), "des2": hex(second), "lm_hash": hex(hash.expose()) })
}

fn ntlmv1_response(inputs: &Value) -> Value {
    let (nt_hash, server_challenge) = (nt_hash(inputs), array(inputs, "server_challenge"));
    let client_challenge = array(inputs, "client_challenge");
    let extended = flags(inputs).contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
    let session_hash = md5(&[&server_challenge, &client_challenge]);
    let session_challenge = ntlm2_session_challenge(&server_challenge, &client_challenge);
    assert_eq!(session_challenge, session_hash[..8]);
    let challenge = if extended { session_challenge } else { server_challenge };
    let nt_response = nt_hash.ntlmv1_response(&challenge);
    let lm_response = if extended {
        [&client_challenge[..], &[0; 16]].concat()
    } else if inputs["no_lm_response_ntlmv1"] == true {
        nt_response.to_vec()
    } else {
        lm_hash(inputs).unwrap().lm_response(&server_challenge).to_vec()
    };
    json!({
        "nt_response": hex(&nt_response),
        "lm_response": hex(&lm_response),
        "session_base_key": hex(nt_hash.session_base_key().expose()),
        "session_hash": hex(&session_hash),
    })
}

fn ntlmv2_response(inputs: &Value) -> Value {
    let key = response_key(inputs);
    let server_challenge = array(inputs, "server_challenge");
    let client_challenge = array(inputs, "client_challenge");
    let pairs = ["target_info", "trailer"].map(|name| inputs.bytes(name).unwrap()).concat();
    // One vector has no list at all, which is malformed.
    let target_info = AvPairs::parse(if pairs.is_empty() { &[0; 4] } else { &pairs }).unwrap();
    let time = FileTime::from_ticks(u64::from_le_bytes(array(inputs, "time")));
    let mut temp = Vec::new();
    ClientChallenge { time, client_challenge, target_info }.emit(&mut temp);
    temp.truncate(28 + pairs.len());
    let proof = key.ntlmv2_proof(&server_challenge, &temp);
    json!({
        "temp": hex(&temp),
        "nt_proof_str": hex(&proof),
        "nt_response": hex(&[&proof[..], &temp].concat()),
        "lm_response": hex(&key.lmv2_response(&server_challenge, &client_challenge)),
        "session_base_key": hex(key.session_base_key(&proof).expose()),
    })
}

fn kxkey(inputs: &Value) -> Value {
    let base = SessionBaseKey::from(array(inputs, "session_base_key"));
    let key = if inputs["ntlmv2"] == true {
        base.ntlmv2_key_exchange_key()
    } else {
        let lm_hash = LmHash::from(array(inputs, "lm_hash"));
        base.ntlmv1_key_exchange_key(
            flags(inputs),
            &array(inputs, "server_challenge"),
            &inputs.bytes("lm_response").unwrap(),
            Some(&LmSessionKey::from(&lm_hash)),
        )
        .unwrap()
    };
    json!({ "key_exchange_key": hex(key.expose()) })
}

fn sealkey(inputs: &Value) -> Value {
    let key = inputs.bytes("exported_session_key").unwrap();
    // The only such value has 56 bits.
    let truncated_key = hex(&key[..7]);
    json!({ "seal_key": hex(sealing_key(inputs).expose()), "truncated_key": truncated_key })
}

/// One message, signed or sealed; with DATAGRAM under a key of its own.
fn protect(inputs: &Value, seals: bool) -> Value {
    let flags = flags(inputs);
    let sequence = u32::try_from(inputs["seq_num"].as_u64().unwrap()).unwrap();
    let message = inputs.bytes("message").unwrap();
    let (signing, sealing) = (signing_key(inputs), sealing_key(inputs));
    let protected = flags.intersects(NegotiateFlags::PROTECTION);
    let datagram = flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM);
    let rekeyed = sealing.for_message(sequence);

    let key = if datagram { rekeyed.clone() } else { sealing.clone() };
    let mut ciphertext = message.clone();
    let signature = if !protected {
        let mut session = ntlm::Session::new(flags, &exported_key(inputs), side(inputs));
        session.sign(&message).unwrap()
    } else {
        let mut sender = Sender::with_keys(flags, signing.as_ref(), key.clone(), sequence);
        if seals { sender.seal(&mut ciphertext) } else { sender.sign(&message) }.unwrap()
    };
    if datagram && signing.is_some() {
        let session = DatagramSession::new(flags, &exported_key(inputs), side(inputs));
        let mut sealed = message.clone();
        assert_eq!(session.seal(sequence, &mut sealed), Ok(signature));
        assert_eq!(sealed, ciphertext);
    }

    // The intermediate values of the published examples. The pad is encrypted between the message
    // and the checksum, and replaced by zero before it is sent.
    let pad = {
        let mut stream = vec![0; message.len() + 4];
        let mut sender = Sender::with_keys(NegotiateFlags::PROTECTION, None, key, 0);
        sender.seal(&mut stream).unwrap();
        let start = if seals { message.len() } else { 0 };
        hex(&stream[start..start + 4])
    };
    let hmac =
        signing.as_ref().map(|key| hmac_md5(key.expose(), &[&sequence.to_le_bytes(), &message]));
    let bytes = hex(signature.as_bytes());
    // [MS-NLMP] 2.2.2.9: `Checksum` has 8 bytes with extended session security, and 4 after a pad without.
    let checksum = if signing.is_some() { &bytes[8..24] } else { &bytes[16..24] };
    let with_pad = format!("{}{pad}{}", &bytes[..8], &bytes[16..]);
    json!({
        "ciphertext": hex(&ciphertext),
        "signature": if inputs["keep_pad"] == true { &with_pad } else { &bytes },
        "signature_with_pad": with_pad,
        "crc32": hex(&crc32(&message).to_le_bytes()),
        "random_pad_rc4": pad,
        "checksum_rc4": checksum,
        "seqnum_rc4": &bytes[24..],
        "hmac": hmac.map(|hmac| hex(&hmac)),
        "hmac8": hmac.map(|hmac| hex(&hmac[..8])),
        "sign_key": signing.map(|key| hex(key.expose())),
        "seal_key": hex(sealing.expose()),
        "rekeyed_key": hex(rekeyed.expose()),
    })
}

fn seal_raw(inputs: &Value) -> Value {
    let mut flags = NegotiateFlags::PROTECTION | NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    flags.set(NegotiateFlags::NEGOTIATE_KEY_EXCH, inputs["key_exch"] == true);
    let signing_key = SigningKey::from(array(inputs, "sign_key"));
    let sealing_key = SealingKey::from(array(inputs, "seal_key"));
    let sequence = u32::try_from(inputs["seq_num"].as_u64().unwrap()).unwrap();
    let mut sender = Sender::with_keys(flags, Some(&signing_key), sealing_key, sequence);
    let mut ciphertext = inputs.bytes("message").unwrap();
    let signature = sender.seal(&mut ciphertext).unwrap();
    json!({ "ciphertext": hex(&ciphertext), "signature": hex(signature.as_bytes()) })
}

/// Several messages in one direction; the last is only signed.
fn stream(inputs: &Value) -> Value {
    let mut session = ntlm::Session::new(flags(inputs), &exported_key(inputs), side(inputs));
    let messages = inputs["messages"].as_array().unwrap();
    let results: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(i, message)| {
            let mut message = unhex(message.as_str().unwrap());
            if i + 1 == messages.len() {
                let signature = session.sign(&message).unwrap();
                json!(["sign", "", hex(signature.as_bytes())])
            } else {
                let signature = session.seal(&mut message).unwrap();
                json!(["seal", hex(&message), hex(signature.as_bytes())])
            }
        })
        .collect();
    json!({ "results": results })
}

/// All parts of a message that any vector checks.
fn message(inputs: &Value) -> Value {
    let bytes = inputs.bytes("message").unwrap();
    let mut fields = match Message::parse(&bytes).unwrap() {
        Message::Negotiate(message) => json!({
            "type": 1,
            "flags": shown(message.flags),
            "domain_raw": hex(message.domain.unwrap_or_default()),
            "workstation_raw": hex(message.workstation.unwrap_or_default()),
            "version": message.version.map(|version| hex(&version.to_bytes())),
        }),
        Message::Challenge(message) => json!({
            "type": 2,
            "flags": shown(message.flags),
            "target_name": decoded(message.target_name, message.flags),
            "server_challenge": hex(&message.server_challenge),
            "version": message.version.map(|version| hex(&version.to_bytes())),
            "target_info": message.target_info.map(|pairs| hex(pairs.as_bytes())),
            "av_pairs": message.target_info.map(|pairs| {
                let end = (AvId::EOL, &[][..]);
                let pairs = pairs.iter().chain([end]);
                pairs.map(|(id, value)| json!([id.0, hex(value)])).collect::<Vec<_>>()
            }),
            "av_pairs_text": message.target_info.map(|pairs| {
                let text = |(id, _): (AvId, _)| json!([id.0, pairs.text(id).unwrap().to_string()]);
                pairs.iter().filter(|(id, _)| id.is_text()).map(text).collect::<Vec<_>>()
            }),
        }),
        Message::Authenticate(message) => authenticate(message),
    };
    fields["payload_start"] = json!(payload_start(&bytes));
    fields
}

fn authenticate(message: Authenticate<'_>) -> Value {
    let flags = message.flags.unwrap();
    let ntlmv2 = match message.nt_response {
        NtResponse::V2(response) => Some(response),
        _ => None,
    };
    json!({
        "type": 3,
        "flags": shown(flags),
        "domain": decoded(message.domain, flags),
        "user": decoded(message.user, flags),
        "workstation": decoded(message.workstation, flags),
        "lm_response": hex(message.lm_response.as_bytes()),
        "nt_response": hex(message.nt_response.as_bytes()),
        "nt_proof_str": ntlmv2.map(|response| hex(response.proof())),
        "client_challenge": ntlmv2.map(|response| hex(&response.client_challenge())),
        "channel_bindings_hash":
            ntlmv2.and_then(|response| response.target_info().channel_bindings()).map(|md5| hex(md5)),
        "encrypted_session_key": hex(message.encrypted_random_session_key),
        "version": message.version.map(|version| hex(&version.to_bytes())),
        "mic": message.mic.map(|mic| hex(&mic)),
    })
}

/// The lowest offset of an item of an AUTHENTICATE.
fn payload_start(bytes: &[u8]) -> usize {
    if bytes[8] != 3 {
        return 0;
    }
    let filled = fields::descriptors(bytes).filter(|at| fields::length(bytes, *at) > 0);
    filled.map(|at| fields::offset(bytes, at)).min().unwrap()
}

fn build_challenge(inputs: &Value) -> Vec<u8> {
    let target_name = Text::from(inputs.text("target_name").unwrap()).to_utf16le();
    let target_info = inputs.bytes("target_info");
    let message = Challenge {
        target_name: &target_name,
        flags: flags(inputs),
        server_challenge: array(inputs, "server_challenge"),
        target_info: target_info.as_ref().map(|bytes| AvPairs::parse(bytes).unwrap()),
        version: Some(Version::from_bytes(array(inputs, "version"))),
    };

    message.to_bytes()
}

fn build_authenticate(inputs: &Value) -> Vec<u8> {
    let bytes = |name| inputs.bytes(name).unwrap();
    let text = |name| Text::from(inputs.text(name).unwrap()).to_utf16le();
    let (lm, nt) = (bytes("lm_response"), bytes("nt_response"));
    let message = Authenticate {
        lm_response: LmResponse::new(&lm),
        nt_response: NtResponse::parse(&nt).unwrap(),
        domain: &text("domain"),
        user: &text("user"),
        workstation: &text("workstation"),
        encrypted_random_session_key: &bytes("encrypted_session_key"),
        flags: Some(flags(inputs)),
        version: inputs.bytes("version").map(|v| Version::from_bytes(v.try_into().unwrap())),
        mic: inputs.bytes("mic").map(|mic| mic.try_into().unwrap()),
    };
    let out = message.to_bytes();
    assert_eq!(out.len(), message.encoded_len());
    in_order_of(&out, inputs)
}

/// The message of this crate with its payload in the order of the vector, because Chromium uses
/// another order.
fn in_order_of(ours: &[u8], inputs: &Value) -> Vec<u8> {
    let mut out = ours[..payload_start(ours)].to_vec();
    for name in inputs["order"].as_array().unwrap() {
        let at = match name.as_str().unwrap() {
            "lm" => LM,
            "nt" => NT,
            "domain" => DOMAIN,
            "user" => USER,
            "workstation" => WORKSTATION,
            "key" => SESSION_KEY,
            name => panic!("{name}"),
        };
        out = fields::with_payload(&out, at, fields::payload(ours, at));
    }
    if let Some(offset) = inputs.get("empty_key_offset").and_then(Value::as_u64) {
        out[SESSION_KEY + 4..][..4].copy_from_slice(&u32::try_from(offset).unwrap().to_le_bytes());
    }
    out
}

/// The MIC; if the vector contains only the password, without key exchange.
fn message_integrity_code(inputs: &Value) -> [u8; 16] {
    let bytes = |name| inputs.bytes(name).unwrap();
    let (negotiate, challenge, authenticate) =
        (bytes("negotiate"), bytes("challenge"), bytes("authenticate"));
    let key = if inputs.get("exported_session_key").is_some() {
        exported_key(inputs)
    } else {
        let server_challenge = Challenge::parse(&challenge).unwrap().server_challenge;
        let (key, proof) = ntlmv2_proof(&authenticate, &nt_hash(inputs), &server_challenge, None);
        key.session_base_key(&proof).ntlmv2_key_exchange_key().as_exported_session_key()
    };
    let parsed = Authenticate::parse(&authenticate).unwrap();
    let offset = parsed.mic_offset().unwrap();
    assert_eq!(json!(offset), inputs["mic_offset"]);
    let (before, after) = (&authenticate[..offset], &authenticate[offset + 16..]);
    let right = mic(&key, &[&negotiate, &challenge, before, &[0; 16], after]);
    assert_eq!(parsed.mic, Some(right));
    right
}

fn verify_ntlmv1(inputs: &Value) -> Value {
    let bytes = inputs.bytes("authenticate").unwrap();
    let message = Authenticate::parse(&bytes).unwrap();
    let challenge = array(inputs, "server_challenge");
    let nt = nt_hash(inputs).ntlmv1_response(&challenge);
    let lm = lm_hash(inputs).unwrap().lm_response(&challenge);
    json!({
        "nt_ok": message.nt_response == NtResponse::V1(&nt),
        "lm_ok": message.lm_response.as_v1() == Some(&lm),
    })
}

fn verify_ntlmv2(inputs: &Value) -> Value {
    let bytes = inputs.bytes("authenticate").unwrap();
    let message = Authenticate::parse(&bytes).unwrap();
    let NtResponse::V2(response) = message.nt_response else { panic!("not NTLMv2") };
    let challenge = array(inputs, "server_challenge");
    let domain = inputs.text("domain_override");
    let (key, proof) = ntlmv2_proof(&bytes, &nt_hash(inputs), &challenge, domain);
    let lmv2_ok = message.lm_response.as_v1().map(|sent| {
        let [.., a, b, c, d, e, f, g, h] = *sent;
        key.lmv2_response(&challenge, &[a, b, c, d, e, f, g, h]) == *sent
    });
    let base = key.session_base_key(&proof);
    let exported = <[u8; 16]>::try_from(message.encrypted_random_session_key)
        .ok()
        .map(|sent| hex(base.ntlmv2_key_exchange_key().decrypt(&sent).expose()));
    let pairs = response.target_info();
    json!({
        "nt_proof_ok": proof == *response.proof(),
        "lmv2_ok": lmv2_ok,
        "time": hex(&response.time().ticks().to_le_bytes()),
        "exported_session_key": exported,
        "target_info_with_trailer": hex(pairs.as_bytes()),
        "session_base_key": hex(base.expose()),
        "trailer": hex(pairs.trailing()),
    })
}

fn ntlmv2_proof(
    authenticate: &[u8],
    nt_hash: &NtHash,
    server_challenge: &[u8; 8],
    domain: Option<&str>,
) -> (ResponseKey, [u8; 16]) {
    let message = Authenticate::parse(authenticate).unwrap();
    let NtResponse::V2(response) = message.nt_response else { panic!("not NTLMv2") };
    let text = |bytes| Text::from_utf16le(bytes).unwrap();
    let domain = domain.map_or_else(|| text(message.domain), Text::from);
    let key = ResponseKey::new(nt_hash, &text(message.user), &domain);
    let proof = key.ntlmv2_proof(server_challenge, response.blob());
    (key, proof)
}

fn flags(inputs: &Value) -> NegotiateFlags {
    let digits = inputs.text("flags").unwrap().trim_start_matches("0x");
    NegotiateFlags::from_bits_retain(u32::from_str_radix(digits, 16).unwrap())
}

fn shown(flags: NegotiateFlags) -> String {
    format!("{:#010x}", flags.bits())
}

fn decoded(bytes: &[u8], flags: NegotiateFlags) -> String {
    let text = Text::decode(bytes, flags.character_set().unwrap(), &Ascii).unwrap();
    text.as_str().unwrap().to_owned()
}

fn side(inputs: &Value) -> Side {
    match inputs.text("mode") {
        Some("client") => Side::Client,
        Some("server") => Side::Server,
        mode => panic!("{mode:?}"),
    }
}

fn nt_hash(inputs: &Value) -> NtHash {
    match inputs.text("password") {
        Some(password) => NtHash::from_password(password),
        None => NtHash::from(array(inputs, "nt_hash")),
    }
}

fn lm_hash(inputs: &Value) -> Option<LmHash> {
    LmHash::from_password(inputs.text("password").unwrap(), &Ascii)
}

fn response_key(inputs: &Value) -> ResponseKey {
    let text = |name| Text::from(inputs.text(name).unwrap());
    ResponseKey::new(&nt_hash(inputs), &text("user"), &text("domain"))
}

fn exported_key(inputs: &Value) -> ExportedSessionKey {
    ExportedSessionKey::from(array(inputs, "exported_session_key"))
}

fn signing_key(inputs: &Value) -> Option<SigningKey> {
    SigningKey::derive(flags(inputs), &exported_key(inputs), side(inputs))
}

fn sealing_key(inputs: &Value) -> SealingKey {
    SealingKey::derive(flags(inputs), &exported_key(inputs), side(inputs))
}

/// First messages of Chromium and go-ntlmssp, whose payload is in the order of this crate.
#[test]
fn negotiate_equals_those_of_chromium_and_go_ntlmssp() {
    for id in [
        "chromium-negotiate",
        "go-negotiate-bare",
        "go-negotiate-domain",
        "go-negotiate-wks",
        "go-negotiate-domain-wks",
    ] {
        let bytes = vector(id);
        let Ok(Message::Negotiate(message)) = Message::parse(&bytes) else { panic!("{id}") };
        let out = message.to_bytes();
        assert_eq!(hex(&out), hex(&bytes), "{id}");
    }
}

/// 2.2.1: `MaxLen` is ignored on receipt, whatever it is.
#[test]
fn max_len_is_ignored() {
    let vectors = cases("vectors.json").iter();
    for vector in vectors.filter(|vector| vector.text("kind") == Some("message")) {
        let bytes = vector["inputs"].bytes("message").unwrap();
        for at in fields::descriptors(&bytes).filter(|at| at + 8 <= bytes.len()) {
            for max_len in [[0, 0], [0xff, 0xff]] {
                let mut changed = bytes.clone();
                changed[at + 2..at + 4].copy_from_slice(&max_len);
                assert_eq!(Message::parse(&changed), Message::parse(&bytes), "{}", vector["id"]);
            }
        }
    }
}

#[test]
fn des_matches_the_fips_81_example() {
    // FIPS 81: "Now is t" under 0123456789abcdef, here without the parity bits.
    let key = [0x00, 0x45, 0x13, 0x38, 0x95, 0x73, 0x77];
    assert_eq!(hex(&des_key(&key)), "0123456789abcdef");
    assert_eq!(hex(&des(&key, b"Now is t")), "3fa40e8a984d4815");
}
