//! ntlm-auth, a client of PyPI, which logs in to our server.

use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::python;
use serde_json::{Value, json};

const UNICODE: Flags = Flags::NEGOTIATE_UNICODE;

#[test]
fn it_logs_in_in_every_mode() {
    let outcome = |mode: &Mode| match mode {
        mode if mode.protection == Protection::None => {
            Outcome::WorksWith(Flags::NEGOTIATE_KEY_EXCH)
        }
        // It has a cipher and a counter for each direction, where there is one for both (3.4).
        mode if !mode.is_extended() => Outcome::Misunderstood("Integrity(Checksum)"),
        _ => Outcome::Works,
    };
    ntlm_auth().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It offers this character set alone,
        mode if mode.without.contains(UNICODE) => Outcome::WeRefuse("Unexpected(CharacterSet)"),
        _ => outcome(mode),
    });
    ntlm_auth().suits_our_server(LimitedBy::Them, |mode| match mode {
        // and cannot be kept from it.
        mode if mode.without == UNICODE => Outcome::WorksWith(UNICODE),
        _ => outcome(mode),
    });
}

#[test]
fn everybody_logs_in_with_it() {
    ntlm_auth().sends_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn it_is_refused_with_a_wrong_password() {
    ntlm_auth().is_refused_with_a_wrong_password();
}

#[test]
fn it_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut ntlm_auth());
}

fn ntlm_auth() -> Peer {
    Peer {
        bridge: Bridge::start(python("bridge_ntlm_auth.py")),
        abilities: Abilities::ALL,
        acceptor: |_| unreachable!("it has no server"),
        initiator,
        framing: Framing::Bare,
        files: None,
    }
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "level": mode.level as u8,
        "protection": mode.protection_name(),
        "without": mode.without.bits(),
    })
}
