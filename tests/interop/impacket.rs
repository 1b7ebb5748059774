//! impacket's client, which logs in to our server.

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
    assert_eq!(let_in.user(), None);
}

#[test]
fn it_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut impacket());
}

#[test]
fn it_logs_in_in_spnego_as_over_ldap() {
    log_in_in_spnego("ldap", "token mic", "AcceptCompleted mic");
}

/// It does not sign the list. Its AUTHENTICATE has no MIC either, so that no signature is due.
#[test]
fn it_logs_in_in_spnego_as_over_smb() {
    log_in_in_spnego("smb", "token", "AcceptCompleted");
}

#[test]
fn it_is_refused_with_a_wrong_password_in_spnego() {
    let mut impacket = impacket();
    let mut arguments = initiator(&modes::DEFAULT, Identity::MALLORY);
    arguments["spnego"] = "ldap".into();
    impacket.bridge.begin(arguments).expect("it begins");
    let result = impacket.carrier().let_in(&modes::DEFAULT.server(), &[Identity::ALICE]);
    let wrong = Error::Denied(Denied::WrongPassword);
    assert!(matches!(&result, Err(Refusal::Ours(error)) if *error == wrong), "{result:?}");
}

/// Its client logs in, all tokens are as expected, and the two understand each other.
fn log_in_in_spnego(style: &str, authenticate: &str, last: &str) {
    for identity in [Identity::ALICE, Identity::JURGEN] {
        let mut impacket = impacket();
        let mut arguments = initiator(&modes::DEFAULT, identity);
        arguments["spnego"] = style.into();
        impacket.bridge.begin(arguments).expect("it begins");
        let mut carrier = impacket.carrier();
        let done = carrier.let_in(&modes::DEFAULT.server(), &[identity]).expect("it is accepted");
        let expected = [
            "Client: [Ntlm] token".to_owned(),
            "Server: AcceptIncomplete Ntlm token".to_owned(),
            format!("Client: {authenticate}"),
            format!("Server: {last}"),
        ];
        assert_eq!(carrier.tokens, expected);
        drop(carrier);
        impacket.talk(done.accepted.keys).expect("they understand");
    }
}

fn impacket() -> Peer {
    Peer {
        bridge: Bridge::start(python("bridge_impacket.py")),
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
        "ntlmv2": mode.is_ntlmv2(),
        "protection": mode.protection_name(),
        "without": mode.without.bits(),
    })
}
