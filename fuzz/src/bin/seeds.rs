//! Writes the first corpora into `corpus/`, from the published test vectors, transcripts, hostile
//! messages and certificates of `tests/data`.

use std::fs;
use std::io;
use std::path::Path;

use arbitrary::Arbitrary;
use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::wire::{Authenticate, Challenge, Message, NegotiateFlags};
use ntlm::{Exported, Session};
use ntlm_fuzz::knobs::{ClientKnobs, ServerKnobs};
use ntlm_testkit::json::try_read_json;
use ntlm_testkit::{Fixed, alice, data, exchange, hex, read_json, server, try_unhex};
use serde_json::Value;

fn main() -> io::Result<()> {
    let (messages, certificates) = (messages()?, certificates()?);
    for message in &messages {
        write("inspect", message)?;
        write("text", message)?;
        match Message::parse(message) {
            Ok(Message::Negotiate(_)) => write_negotiate(message)?,
            Ok(Message::Challenge(parts)) => write_challenge(message, parts)?,
            Ok(Message::Authenticate(parts)) => write_authenticate(message, parts)?,
            // Hostile messages are seeds for all of them.
            Err(_) => {
                write("negotiate", message)?;
                write("challenge", message)?;
                write("authenticate", message)?;
            }
        }
    }
    for certificate in &certificates {
        write("certificate", certificate)?;
    }
    for export in exports() {
        write("import", export.as_bytes())?;
    }
    for target in ["session", "datagram", "http_headers", "masked", "tampered"] {
        write_streams(target, &messages)?;
    }
    write_splices()?;
    write_negotiations()
}

fn write_negotiate(message: &[u8]) -> io::Result<()> {
    write("negotiate", message)?;
    for knobs in knobs::<ServerKnobs>() {
        write("server_challenge", &[&knobs[..], &[0], message].concat())?;
    }
    Ok(())
}

fn write_challenge(message: &[u8], parts: Challenge<'_>) -> io::Result<()> {
    write("challenge", message)?;
    if let Some(pairs) = parts.target_info {
        write("av_pairs", pairs.as_bytes())?;
    }
    for knobs in knobs::<ClientKnobs>() {
        for is_datagram in [0, 1] {
            write("client_answer", &[&knobs[..], &[is_datagram], message].concat())?;
        }
    }
    Ok(())
}

fn write_authenticate(message: &[u8], parts: Authenticate<'_>) -> io::Result<()> {
    write("authenticate", message)?;
    write("ntlmv2_response", parts.nt_response.as_bytes())?;
    for name in [parts.user, parts.domain, parts.workstation] {
        write("text", name)?;
    }
    for knobs in knobs::<ServerKnobs>() {
        for is_datagram in [0, 1] {
            // Connectionless or not, the way to verify, and the flags of the NEGOTIATE.
            let attempt = [&[is_datagram][..], &[0; 8], message].concat();
            write("server_read", &[&knobs[..], &attempt].concat())?;
        }
    }
    Ok(())
}

/// Targets whose input is a list accept any bytes as one. These are cut from the messages without
/// randomness, so that the same seeds are written each time.
fn write_streams(target: &str, messages: &[Vec<u8>]) -> io::Result<()> {
    let all = messages.concat();
    let longest = 2048;
    for (number, stream) in all.chunks(longest).take(32).enumerate() {
        let knobs = vec![0; number * 4];
        write(target, &[&knobs[..], stream].concat())?;
    }
    Ok(())
}

/// Handshakes under the default policies with one splice, and no other change.
fn write_splices() -> io::Result<()> {
    let policies = [&knobs::<ClientKnobs>()[0][..], &knobs::<ServerKnobs>()[0]].concat();
    let way = [0; 4];
    for is_datagram in [0, 1] {
        for is_client_lax in [0, 1] {
            // The highest byte of a number chooses the kind of splice.
            for kind in (0..=255).step_by(32) {
                for length in 0..16 {
                    let chosen = [is_datagram, is_client_lax, 1, 0, 0, 0, kind, length];
                    let (no_flags, and_so_on) = ([0; 4], [1, 0, 0, 0]);
                    let seed = [&policies[..], &way, &chosen, &no_flags, &and_so_on].concat();
                    write("tampered", &seed)?;
                }
            }
        }
    }
    Ok(())
}

/// The recorded tokens of SPNEGO, and negotiations of honest peers with one change or none.
fn write_negotiations() -> io::Result<()> {
    let mut tokens = Vec::new();
    collect(read_json("spnego.json"), &mut tokens);
    tokens.sort();
    tokens.dedup();
    // Other negotiations have the same form and other random numbers.
    tokens.dedup_by_key(|token| (token.len(), token.get(..12).map(<[u8]>::to_vec)));
    for token in &tokens {
        write("spnego", token)?;
        write("inspect", token)?;
    }
    for client in knobs::<ClientKnobs>() {
        for server in knobs::<ServerKnobs>() {
            write("spnego", &negotiation(&client, &server, 0, &[]))?;
        }
    }
    let (client, server) = (&knobs::<ClientKnobs>()[0], &knobs::<ServerKnobs>()[0]);
    for offer in 0..4 {
        for at in 0..6 {
            // The highest byte of a number chooses among nine kinds.
            for kind in (0..9_u32).map(|kind| (kind * 256 / 9) as u8 + 1) {
                for chosen in 0..4 {
                    let change = [&[1][..], &step(1), &[0, 0, 0, 0, kind], &[chosen; 3]].concat();
                    let passed = [&[1][..], &step(0), &[0]].concat();
                    let steps = [&passed.repeat(at)[..], &change, &passed.repeat(6)].concat();
                    write("spnego", &negotiation(client, server, offer, &steps))?;
                }
            }
        }
    }
    Ok(())
}

/// Which of the five kinds a step is.
fn step(kind: u32) -> [u8; 4] {
    (kind * (u32::MAX / 5) + 1000).to_le_bytes()
}

/// A negotiation that offers this list. If it has no steps, it runs to its end.
fn negotiation(client: &[u8], server: &[u8], offer: u8, steps: &[u8]) -> Vec<u8> {
    let passed = [&[1][..], &step(0), &[0]].concat().repeat(6);
    let steps = if steps.is_empty() { &passed } else { steps };
    [client, server, &[0, 0, offer, offer], steps].concat()
}

/// The default policy, and some in which all knobs have the same value.
fn knobs<T: for<'a> Arbitrary<'a>>() -> [Vec<u8>; 4] {
    let (least, most) = T::size_hint(0);
    assert_eq!(Some(least), most, "knobs have a fixed number of bytes");
    [0, 1, 2, 3].map(|knob| vec![knob; least])
}

/// All messages of the test data, each once.
fn messages() -> io::Result<Vec<Vec<u8>>> {
    let mut files = vec![data("vectors.json"), data("hostile.json")];
    for entry in fs::read_dir(data("transcripts"))? {
        files.push(entry?.path());
    }
    let mut messages = Vec::new();
    for file in files {
        collect(&try_read_json(&file).map_err(io::Error::other)?, &mut messages);
    }
    messages.sort();
    messages.dedup();
    Ok(messages)
}

/// The strings of hexadecimal digits under the names that are used for messages.
fn collect(value: &Value, messages: &mut Vec<Vec<u8>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, messages)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let names = ["message", "negotiate", "challenge", "authenticate", "token"];
                let digits = value.as_str().filter(|_| names.contains(&name.as_str()));
                match digits.and_then(try_unhex) {
                    Some(message) => messages.push(message),
                    None => collect(value, messages),
                }
            }
        }
        _ => {}
    }
}

/// Exported states: a handshake before its last message, keys before the session, and sessions of
/// all kinds that have protected some messages or none.
fn exports() -> Vec<Exported> {
    let (sent, handshake) =
        exchange(&alice(), &server(), &mut Fixed::default()).expect("the default policies agree");
    let mut exports = vec![handshake.export(), sent.client_keys.export()];
    for flags in [0xe208_8235, 0xa208_8235, 0x6200_8215, 0x0208_8215, 0x8205, 0x205] {
        for messages in 0..3 {
            let key = ExportedSessionKey::from([7; 16]);
            let flags = NegotiateFlags::from_bits_retain(flags);
            let mut session = Session::new(flags, &key, Side::Client);
            for _ in 0..messages {
                // If it is not negotiated, the session is unchanged.
                let _ = session.sign(b"message");
            }
            exports.push(session.export());
        }
    }
    exports
}

fn certificates() -> io::Result<Vec<Vec<u8>>> {
    let mut certificates = Vec::new();
    for entry in fs::read_dir(data("certificates"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "der") {
            certificates.push(fs::read(path)?);
        }
    }
    certificates.sort();
    Ok(certificates)
}

/// Writes a seed under a name derived from its content.
fn write(target: &str, seed: &[u8]) -> io::Result<()> {
    use sha2::{Digest, Sha256};
    let folder = root().join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    let hash = Sha256::digest(seed);
    fs::write(folder.join(format!("seed-{}", hex(&hash[..10]))), seed)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
