//! asyauth's client, which aiosmb, msldap and others of Python use, logs in to our server.

use ntlm::Error;
use ntlm::error::Denied;
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::Refusal;
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::python;
use serde_json::{Value, json};

/// It offers no keys of 56 bits.
const SIGNED: Mode = modes::DEFAULT.protected_by(Protection::Sign);
const SIGNED_OUTCOME: Outcome = Outcome::WorksWithout(Flags::NEGOTIATE_56);

#[test]
fn it_logs_in_in_every_mode() {
    asyauth().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It insists on this character set.
        mode if mode.without.contains(Flags::NEGOTIATE_UNICODE) => {
            Outcome::WeRefuse("Unexpected(CharacterSet)")
        }
        // It sends no name with NTLMv1.
        mode if !mode.is_ntlmv2() => Outcome::WeRefuse("Rejected(UnknownUser)"),
        // It exchanges keys, also if the challenge does not allow it.
        mode if mode.protection == Protection::None => {
            Outcome::WorksWith(Flags::NEGOTIATE_KEY_EXCH)
        }
        mode if mode.without.contains(Flags::NEGOTIATE_KEY_EXCH) => {
            Outcome::Misunderstood("the session keys differ")
        }
        mode if !mode.is_extended() => Outcome::Misunderstood("Not implemented"),
        mode if mode.protection == Protection::Sign => SIGNED_OUTCOME,
        // It understands all sealed messages, and does not compare their signatures.
        _ => Outcome::Misunderstood("the peer believes a changed message"),
    });
}

#[test]
fn everybody_logs_in_with_it() {
    asyauth().sends_everybody(SIGNED, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => SIGNED_OUTCOME,
    });
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    let result = asyauth().let_in(&SIGNED, &SIGNED, Identity::MALLORY);
    let denied = Error::Denied(Denied::WrongPassword);
    assert!(matches!(&result, Err(Refusal::Ours(error)) if *error == denied), "{result:?}");
}

#[test]
fn it_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut asyauth());
}

fn asyauth() -> Peer {
    Peer {
        bridge: Bridge::start(python("bridge_asyauth.py")),
        abilities: Abilities::ALL,
        acceptor: |_| unreachable!("its server verifies nothing"),
        initiator,
        framing: Framing::Bare,
        files: None,
    }
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "ntlmv2": mode.is_ntlmv2(),
        "protection": mode.protection_name(),
    })
}
