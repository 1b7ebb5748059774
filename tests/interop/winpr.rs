//! WinPR, FreeRDP's implementation of SSPI: both roles.

use ntlm::NtHash;
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{Refusal, log_in};
use ntlm_interop::hex::hex;
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::system_python;
use serde_json::{Value, json};

const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;
const STRENGTH: Flags = Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56);
const EXTENDED: Flags = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;

/// SEC_E_INVALID_TOKEN.
const INVALID: &str = "0x80090308";
/// SEC_E_MESSAGE_ALTERED.
const ALTERED: &str = "0x8009030f";

#[test]
fn our_client_logs_in_in_every_mode() {
    winpr().takes_our_client(LimitedBy::Us, |mode| match mode {
        // It knows NTLMv2 and UNICODE alone.
        mode if !mode.is_ntlmv2() => Outcome::PeerRefuses(INVALID),
        mode if mode.without.contains(Flags::NEGOTIATE_UNICODE) => Outcome::PeerRefuses(INVALID),
        mode => protected(mode),
    });
}

#[test]
fn its_client_logs_in_in_every_mode() {
    winpr().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It sends UTF-16 all the same.
        mode if mode.without.contains(Flags::NEGOTIATE_UNICODE) => Outcome::WeRefuse("UnknownUser"),
        // It makes its MIC with a key that it does not exchange.
        mode if mode.without.contains(KEY_EXCH) => Outcome::WeRefuse("Denied(Mic)"),
        mode if mode.protection == Protection::None => {
            Outcome::WorksWith(Flags::NEGOTIATE_SIGN | STRENGTH | KEY_EXCH)
        }
        mode => protected(mode),
    });
}

/// It seals with 128 bits and encrypted checksums, as if with extended session security and
/// exchanged keys, whatever was negotiated.
fn protected(mode: &Mode) -> Outcome {
    let assumed = EXTENDED | Flags::NEGOTIATE_128 | KEY_EXCH;
    if mode.protection == Protection::Seal && mode.without.intersects(assumed) {
        Outcome::Misunderstood(ALTERED)
    } else {
        Outcome::Works
    }
}

#[test]
fn everybody_logs_in_with_it() {
    winpr().sends_everybody(modes::DEFAULT, |_| Outcome::Works);
}

#[test]
fn everybody_logs_in_to_it() {
    let mut winpr = winpr();
    for identity in Identity::ALL {
        winpr.bridge.begin(acceptor_of(&modes::DEFAULT, identity)).expect("it begins");
        let client = modes::DEFAULT.client(identity.credentials());
        let logged_in = log_in(&mut winpr.bridge, &client)
            .unwrap_or_else(|refusal| panic!("{identity:?}: {refusal:?}"));
        winpr.talk(logged_in.keys).expect("they understand each other");
    }
}

#[test]
fn a_wrong_password_is_refused() {
    winpr().refuses_a_wrong_password(|mode| match mode {
        mode if !mode.is_ntlmv2() => Outcome::PeerRefuses(INVALID),
        _ => Outcome::PeerRefuses(ALTERED),
    });
    winpr().is_refused_with_a_wrong_password();
}

/// It takes any, also wrong ones.
#[test]
fn its_server_does_not_look_at_channel_bindings() {
    let mut winpr = winpr();
    for (ours, theirs) in [
        (Some("this channel"), Some("this channel")),
        (Some("that channel"), Some("this channel")),
        (Some("this channel"), None),
        (None, Some("this channel")),
    ] {
        let result = bindings::log_in(&mut winpr, ours, theirs);
        assert!(result.is_ok(), "{ours:?} {theirs:?} {result:?}");
    }
}

#[test]
fn it_logs_in_with_strict_policies() {
    bindings::a_strict_client_logs_in(&mut winpr());
    bindings::log_in_to_a_strict_server(&mut winpr()).expect("it does all that is demanded");
}

#[test]
fn its_client_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut winpr());
}

#[test]
fn nobody_is_refused_by_it() {
    let refusal = winpr().take_nobody().expect_err("it takes nobody");
    // SEC_E_LOGON_DENIED.
    assert!(matches!(&refusal, Refusal::Theirs(why) if why.contains("0x8009030c")), "{refusal:?}");
}

/// It has no signatures without encryption: SEC_E_UNSUPPORTED_FUNCTION.
#[test]
fn it_signs_nothing() {
    let mut winpr = winpr();
    winpr.bridge.begin(acceptor_of(&modes::DEFAULT, Identity::ALICE)).expect("it begins");
    let client = modes::DEFAULT.client(Identity::ALICE.credentials());
    log_in(&mut winpr.bridge, &client).expect("it believes us");
    let refusal = winpr.bridge.sign(b"a message").expect_err("it cannot");
    assert!(refusal.contains("0x80090302"), "{refusal}");
}

fn winpr() -> Peer {
    Peer {
        bridge: Bridge::start(system_python("bridge_winpr.py")),
        abilities: Abilities {
            tells_key: false,
            signs: false,
            sends_ntlmv2_alone: true,
            ..Abilities::ALL
        },
        acceptor: |mode| acceptor_of(mode, Identity::ALICE),
        initiator,
        framing: Framing::Bare,
        files: None,
    }
}

fn acceptor_of(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "acceptor",
        "nt_hash": hex(NtHash::from_password(identity.password).expose()),
        "protection": mode.protection_name(),
    })
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "protection": mode.protection_name(),
    })
}
