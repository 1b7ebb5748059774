//! pyspnego: both roles, and its ways to seal a message in parts.

use ntlm::Error;
use ntlm::session::{Part, Protection, Session, Signature};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::Refusal;
use ntlm_interop::hex::{hex, unhex};
use ntlm_interop::identities::{self, Identity};
use ntlm_interop::messages::{Abilities, seal, unseal};
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::negotiations;
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::python;
use ntlm_interop::scratch::Directory;
use serde_json::{Value, json};

const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;

/// Each kind of response, and the same without key exchange.
const RESPONSES: [Mode; 6] = [
    modes::RESPONSES[0],
    modes::RESPONSES[1],
    modes::RESPONSES[2],
    modes::RESPONSES[0].without(KEY_EXCH),
    modes::RESPONSES[1].without(KEY_EXCH),
    modes::RESPONSES[2].without(KEY_EXCH),
];

#[test]
fn our_client_logs_in_in_every_mode() {
    // Its server grants all that is asked for.
    pyspnego().takes_our_client(LimitedBy::Us, |_| Outcome::Works);
}

#[test]
fn its_client_logs_in_in_every_mode() {
    // It leaves this set also where nothing is protected, and sends a byte of zero for a key.
    let outcome = |mode: &Mode| match mode.protection {
        Protection::None => Outcome::WorksWith(KEY_EXCH),
        _ => Outcome::Works,
    };
    pyspnego().suits_our_server(LimitedBy::Us, outcome);
    pyspnego().suits_our_server(LimitedBy::Them, outcome);
}

#[test]
fn everybody_logs_in_to_it() {
    pyspnego().takes_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::PeerRefuses("Invalid NTLM response"),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_with_it() {
    pyspnego().sends_everybody(modes::DEFAULT, |identity| match identity {
        // As above.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn a_wrong_password_is_refused() {
    pyspnego().refuses_a_wrong_password(|_| Outcome::PeerRefuses("Invalid NTLM response"));
    pyspnego().is_refused_with_a_wrong_password();
}

#[test]
fn our_client_logs_in_in_every_mode_in_spnego() {
    pyspnego().in_spnego().takes_our_client(LimitedBy::Us, |mode| match mode {
        // It wants the list signed, and without extended session security that is a checksum.
        mode if !mode.is_extended() => Outcome::WeRefuse("Mic(NoKey)"),
        _ => Outcome::Works,
    });
}

#[test]
fn its_client_logs_in_in_every_mode_in_spnego() {
    for by in [LimitedBy::Us, LimitedBy::Them] {
        pyspnego().in_spnego().suits_our_server(by, |mode| match mode {
            // As above. Where it asks for no protection, it signs the list all the same, with a
            // constant.
            mode if !mode.is_extended() => Outcome::WeRefuse("Mic(NoKey)"),
            mode if mode.protection == Protection::None => Outcome::WeRefuse("Mic(NoKey)"),
            _ => Outcome::Works,
        });
    }
}

#[test]
fn everybody_logs_in_to_it_in_spnego() {
    pyspnego().in_spnego().takes_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::PeerRefuses("Invalid NTLM response"),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_with_it_in_spnego() {
    pyspnego().in_spnego().sends_everybody(modes::DEFAULT, |identity| match identity {
        // As above.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn a_wrong_password_is_refused_in_spnego() {
    pyspnego()
        .in_spnego()
        .refuses_a_wrong_password(|_| Outcome::PeerRefuses("Invalid NTLM response"));
    pyspnego().in_spnego().is_refused_with_a_wrong_password();
}

#[test]
fn both_sign_the_list_of_mechanisms() {
    negotiations::are_signed_by_both(&mut pyspnego().in_spnego());
}

#[test]
fn a_changed_list_of_mechanisms_is_detected() {
    negotiations::detect_a_changed_list(
        &mut pyspnego().in_spnego(),
        "invalid Message Integrity Check",
    );
}

#[test]
fn its_client_logs_in_without_spnego_if_our_server_allows_it() {
    negotiations::allow_bare_ntlm(&mut pyspnego());
}

#[test]
fn its_server_asks_for_a_late_signature() {
    negotiations::ask_for_a_late_signature(
        &mut pyspnego().in_spnego(),
        "AcceptIncomplete mic",
        None,
    );
}

#[test]
fn its_server_speaks_first_in_spnego() {
    negotiations::begin_with_hints_of_the_peer(&mut pyspnego().in_spnego());
}

#[test]
fn our_server_speaks_first_in_spnego() {
    negotiations::begin_with_our_hints(&mut pyspnego().in_spnego());
}

/// If the first choice is Kerberos, and there is a token of it, it gives that to NTLM.
#[test]
fn our_client_continues_where_ntlm_is_not_the_first_choice() {
    negotiations::continue_after_another_first_choice(
        &mut pyspnego().in_spnego(),
        Some("KeyError"),
    );
}

#[test]
fn session_keys_of_lm_hashes_are_the_same() {
    pyspnego().does_lm_keys();
}

#[test]
fn nobody_is_refused_by_it() {
    let refusal = pyspnego().take_nobody().expect_err("it takes nobody");
    let says = |why: &str| why.contains("Anonymous user authentication not implemented");
    assert!(matches!(&refusal, Refusal::Theirs(why) if says(why)), "{refusal:?}");
}

#[test]
fn its_server_compares_channel_bindings() {
    let mut pyspnego = pyspnego();
    for (ours, theirs, refusal) in [
        (Some("this channel"), Some("this channel"), None),
        (Some("that channel"), Some("this channel"), Some("bindings do not match")),
        (Some("this channel"), None, None),
        // Unlike gss-ntlmssp.
        (None, Some("this channel"), Some("not present in initiator response")),
    ] {
        bindings::are_compared_by_it(&mut pyspnego, ours, theirs, refusal);
    }
}

#[test]
fn it_logs_in_with_strict_policies() {
    bindings::a_strict_client_logs_in(&mut pyspnego());
    bindings::log_in_to_a_strict_server(&mut pyspnego()).expect("it does all that is demanded");
}

#[test]
fn its_client_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut pyspnego());
}

/// DCE/RPC signs header and trailer, and encrypts what is between.
#[test]
fn parts_sealed_and_in_clear_are_understood_both_ways() {
    for mode in RESPONSES {
        for session in [Peer::session_of_our_client, Peer::session_of_its_client] {
            let mut pyspnego = pyspnego();
            let mut session = session(&mut pyspnego, &mode);
            for number in 0..5_u8 {
                let stub = vec![number; usize::from(number) * 77 + 1];
                let message = Message { stub, ..RPC };
                seal_for_peer(&mut pyspnego, &mut session, &message).expect("it is ours");
                unseal_from_peer(&mut pyspnego, &mut session, &message).expect("it is theirs");
            }
        }
    }
}

/// With and without extended session security; nothing is sent in clear.
#[test]
fn messages_of_winrm_sealed_by_either_are_understood() {
    for mode in RESPONSES {
        for session in [Peer::session_of_our_client, Peer::session_of_its_client] {
            let mut pyspnego = pyspnego();
            let mut session = session(&mut pyspnego, &mode);
            for message in [&b"<s:Envelope/>"[..], &[0x20; 20_000]] {
                let ours = seal(&mut session, message);
                let (signature, sealed) = ours.split_at(16);
                let arguments = json!({ "header": hex(signature), "sealed": hex(sealed) });
                let opened = pyspnego.bridge.bytes("unseal_winrm", arguments).expect("it is ours");
                assert_eq!(opened, message);
                let arguments = json!({ "message": hex(message) });
                let theirs = pyspnego.bridge.ask("seal_winrm", arguments).expect("it seals");
                let sealed = [bytes(&theirs["header"]), bytes(&theirs["sealed"])].concat();
                assert_eq!(unseal(&mut session, &sealed).expect("it is theirs"), message);
            }
        }
    }
}

/// A message of DCE/RPC.
struct Message {
    header: &'static [u8],
    stub: Vec<u8>,
    trailer: &'static [u8],
}

const RPC: Message = Message { header: &[1; 24], stub: Vec::new(), trailer: &[2; 8] };

impl Message {
    /// As the bridge takes them.
    fn parts(&self, stub: &[u8]) -> Value {
        json!([["clear", hex(self.header)], ["sealed", hex(stub)], ["clear", hex(self.trailer)]])
    }
}

/// What we sealed, it reads.
fn seal_for_peer(
    pyspnego: &mut Peer,
    session: &mut Session,
    message: &Message,
) -> Result<(), String> {
    let Message { header, stub, trailer } = message;
    let mut sealed = stub.clone();
    let parts = &mut [Part::Clear(header), Part::Sealed(&mut sealed), Part::Clear(trailer)];
    let signature = session.seal_parts(parts).expect("sealing was negotiated");
    let (parts, signature) = (message.parts(&sealed), hex(signature.as_bytes()));
    let arguments = json!({ "parts": parts, "signature": signature });
    let opened = pyspnego.bridge.ask("unseal_parts", arguments)?;
    assert_eq!(opened["parts"], json!([hex(header), hex(stub), hex(trailer)]));
    Ok(())
}

/// What it sealed, we read.
fn unseal_from_peer(
    pyspnego: &mut Peer,
    session: &mut Session,
    message: &Message,
) -> Result<(), Error> {
    let Message { header, stub, trailer } = message;
    let arguments = json!({ "parts": message.parts(stub) });
    let theirs = pyspnego.bridge.ask("seal_parts", arguments).expect("it seals");
    let mut sealed = bytes(&theirs["parts"][1]);
    // A single byte is encrypted as itself once in 256 times.
    assert!(sealed != *stub || stub.len() < 8, "it is not encrypted");
    let signature = Signature::try_from(&bytes(&theirs["signature"])[..]).expect("16 bytes");
    let parts = &mut [Part::Clear(header), Part::Sealed(&mut sealed), Part::Clear(trailer)];
    session.unseal_parts(parts, &signature)?;
    assert_eq!(sealed, *stub);
    Ok(())
}

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().expect("digits"))
}

fn pyspnego() -> Peer {
    let files = Directory::new();
    let mut command = python("bridge_pyspnego.py");
    command.env("NTLM_USER_FILE", files.write("users", &identities::user_file()));
    command.env("NETBIOS_COMPUTER_NAME", "FILES");
    Peer {
        bridge: Bridge::start(command),
        abilities: Abilities::ALL,
        acceptor,
        initiator,
        framing: Framing::Bare,
        files: Some(files),
    }
}

fn acceptor(mode: &Mode) -> Value {
    json!({
        "role": "acceptor",
        "protection": mode.protection_name(),
        "without": mode.without.bits(),
        "environment": { "LM_COMPAT_LEVEL": mode.level as u8 },
    })
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.full_name(),
        "password": identity.password,
        "target": "HTTP@files.example.com",
        "protection": mode.protection_name(),
        "without": mode.without.bits(),
        "environment": { "LM_COMPAT_LEVEL": mode.level as u8 },
    })
}
