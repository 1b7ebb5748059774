//! impacket's client, which logs in to our server.

use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{LimitedBy, Outcome, Peer};
use ntlm_interop::programs::python;
use serde_json::{Value, json};

const UNICODE: Flags = Flags::NEGOTIATE_UNICODE;

#[test]
fn it_logs_in_in_every_mode() {
    let outcome = |mode: &Mode| match mode {
        // It offers this character set alone.
        mode if mode.without.contains(UNICODE) => Outcome::WeRefuse("Unexpected(CharacterSet)"),
        mode if mode.protection == Protection::Sign => Outcome::WorksWith(Flags::NEGOTIATE_SEAL),
        _ => Outcome::Works,
    };
    impacket().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It keeps 56 bits, which it offered, also if the challenge does not grant them.
        mode if mode.is_extended() && mode.has_40_bits() => {
            Outcome::Misunderstood("another signature")
        }
        _ => outcome(mode),
    });
    impacket().suits_our_server(LimitedBy::Them, outcome);
}

#[test]
fn everybody_logs_in_with_it() {
    impacket().sends_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn it_is_refused_with_a_wrong_password() {
    impacket().is_refused_with_a_wrong_password();
}

#[test]
fn nobody_logs_in_with_it() {
    let nobody = json!({ "role": "initiator", "user": "", "domain": "", "password": "" });
    let let_in = impacket().send_nobody(nobody).expect("it sends nobody");
    assert_eq!(let_in.accepted.user(), None);
}

#[test]
fn it_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut impacket());
}

fn impacket() -> Peer {
    Peer {
        bridge: Bridge::start(python("bridge_impacket.py")),
        abilities: Abilities::ALL,
        acceptor: |_| unreachable!("it has no server"),
        initiator,
        files: None,
    }
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "ntlmv2": mode.is_ntlmv2(),
        "protection": mode.protection_name(),
        "without": mode.without.bits(),
    })
}
