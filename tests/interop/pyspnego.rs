//! pyspnego: both roles, and its ways to seal a message in parts.

use ntlm::session::{Part, Protection, Session, Signature};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{Refusal, log_in};
use ntlm_interop::hex::{hex, unhex};
use ntlm_interop::identities::{self, Identity};
use ntlm_interop::messages::{Abilities, seal, unseal};
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{LimitedBy, Outcome, Peer};
use ntlm_interop::programs::python;
use ntlm_interop::scratch::Directory;
use serde_json::{Value, json};

const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;

#[test]
fn our_client_logs_in_in_every_mode() {
    // Its server grants all that is asked for.
    pyspnego().takes_our_client(LimitedBy::Us, |_| Outcome::Works);
}

#[test]
fn its_client_logs_in_in_every_mode() {
    // It leaves this set also where nothing is protected, and sends no key then.
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
    for (ours, theirs, is_let_in) in [
        (Some("this channel"), Some("this channel"), true),
        (Some("that channel"), Some("this channel"), false),
        (Some("this channel"), None, true),
        // Unlike gss-ntlmssp.
        (None, Some("this channel"), false),
    ] {
        let result = bindings::log_in(&mut pyspnego, ours, theirs);
        assert_eq!(result.is_ok(), is_let_in, "{ours:?} {theirs:?} {result:?}");
    }
}

#[test]
fn its_client_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut pyspnego());
}

/// DCE/RPC signs header and trailer, and encrypts what is between.
#[test]
fn parts_sealed_by_either_are_understood() {
    for mode in [modes::DEFAULT, modes::DEFAULT.without(Flags::NEGOTIATE_KEY_EXCH)] {
        let mut pyspnego = pyspnego();
        let mut session = session_of_our_client(&mut pyspnego, &mode);
        for number in 0..5_u8 {
            let (header, trailer) = ([number; 24], [number; 8]);
            let stub = vec![number; usize::from(number) * 77 + 1];

            let mut sealed = stub.clone();
            let signature = session
                .seal_parts(&mut [
                    Part::Clear(&header),
                    Part::Sealed(&mut sealed),
                    Part::Clear(&trailer),
                ])
                .expect("sealing was negotiated");
            let parts = parts(&header, &sealed, &trailer);
            let signature = hex(signature.as_bytes());
            let arguments = json!({ "parts": parts, "signature": signature });
            let opened = pyspnego.bridge.ask("unseal_parts", arguments).expect("it is ours");
            assert_eq!(opened["parts"], json!([hex(&header), hex(&stub), hex(&trailer)]));

            let arguments = json!({ "parts": self::parts(&header, &stub, &trailer) });
            let theirs = pyspnego.bridge.ask("seal_parts", arguments).expect("it seals");
            let mut sealed = bytes(&theirs["parts"][1]);
            assert_ne!(sealed, stub);
            let signature = Signature::try_from(&bytes(&theirs["signature"])[..]).expect("16");
            session
                .unseal_parts(
                    &mut [Part::Clear(&header), Part::Sealed(&mut sealed), Part::Clear(&trailer)],
                    &signature,
                )
                .expect("it is theirs");
            assert_eq!(sealed, stub);
        }
    }
}

/// Also without extended session security, where only the sealed part is signed.
#[test]
fn messages_of_winrm_sealed_by_either_are_understood() {
    for mode in modes::RESPONSES {
        let mut pyspnego = pyspnego();
        let mut session = session_of_our_client(&mut pyspnego, &mode);
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

fn session_of_our_client(pyspnego: &mut Peer, mode: &Mode) -> Session {
    pyspnego.bridge.begin(acceptor(mode)).expect("it begins");
    let client = mode.client(Identity::ALICE.credentials());
    let logged_in = log_in(&mut pyspnego.bridge, &client).expect("it believes us");
    logged_in.keys.into_session().expect("a session")
}

fn parts(header: &[u8], stub: &[u8], trailer: &[u8]) -> Value {
    json!([["clear", hex(header)], ["sealed", hex(stub)], ["clear", hex(trailer)]])
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
