//! Samba's `ntlm_auth`, the helper of Squid and others: its client against our server, and its
//! server against our client.

use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{Refusal, log_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::system_python;
use ntlm_interop::samba_settings;
use serde_json::{Value, json};

const UNICODE: Flags = Flags::NEGOTIATE_UNICODE;
const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;

#[test]
fn our_client_logs_in_in_every_mode() {
    ntlm_auth().takes_our_client(LimitedBy::Us, |_| Outcome::Works);
    ntlm_auth().takes_our_client(LimitedBy::Them, |mode| match mode.without {
        // Its server cannot be kept from this.
        without if without.contains(UNICODE) => Outcome::WorksWith(UNICODE),
        _ => Outcome::Works,
    });
}

#[test]
fn its_client_logs_in_in_every_mode() {
    ntlm_auth().suits_our_server(LimitedBy::Us, |mode| match mode {
        // Its client offers one character set alone.
        mode if mode.without.contains(UNICODE) => Outcome::WeRefuse("Unexpected(CharacterSet)"),
        mode if mode.protection == Protection::None => Outcome::WorksWith(KEY_EXCH),
        _ => Outcome::Works,
    });
    ntlm_auth().suits_our_server(LimitedBy::Them, |mode| match mode {
        // Without extended session security its client sends NTLMv1, whatever it is told.
        mode if mode.is_ntlmv2() && !mode.is_extended() => Outcome::WeRefuse("ResponseKind"),
        mode if mode.protection == Protection::None => Outcome::WorksWith(KEY_EXCH),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_to_it() {
    let mut ntlm_auth = ntlm_auth();
    for identity in Identity::ALL {
        let mut arguments = acceptor(&modes::DEFAULT);
        arguments["password"] = identity.password.into();
        ntlm_auth.bridge.begin(arguments).expect("it begins");
        let client = modes::DEFAULT.client(identity.credentials());
        let logged_in = log_in(&mut ntlm_auth.bridge, &client)
            .unwrap_or_else(|refusal| panic!("{identity:?}: {refusal:?}"));
        let user = logged_in.user.clone().expect("it says who logged in");
        assert!(user.ends_with(identity.user), "{identity:?} is taken for {user}");
        ntlm_auth.talk(logged_in.keys).expect("the keys are the same");
    }
}

#[test]
fn everybody_logs_in_with_it() {
    ntlm_auth().sends_everybody(modes::DEFAULT, |_| Outcome::Works);
}

#[test]
fn a_wrong_password_is_refused() {
    ntlm_auth().refuses_a_wrong_password(|_| Outcome::PeerRefuses("NA NT_STATUS_LOGON_FAILURE"));
    ntlm_auth().is_refused_with_a_wrong_password();
}

#[test]
fn nobody_is_refused_by_it() {
    let refusal = ntlm_auth().take_nobody().expect_err("it has a password to compare with");
    let says = |why: &str| why.contains("NT_STATUS_LOGON_FAILURE");
    assert!(matches!(&refusal, Refusal::Theirs(why) if says(why)), "{refusal:?}");
}

fn ntlm_auth() -> Peer {
    Peer {
        bridge: Bridge::start(system_python("bridge_samba_ntlm_auth.py")),
        abilities: Abilities { tells_key: true, ..Abilities::NONE },
        acceptor,
        initiator,
        framing: Framing::Bare,
        files: None,
    }
}

fn acceptor(mode: &Mode) -> Value {
    json!({
        "role": "acceptor",
        "password": Identity::ALICE.password,
        "protection": mode.protection_name(),
        "settings": samba_settings::settings("ntlmssp_server", mode),
    })
}

fn initiator(mode: &Mode, identity: Identity) -> Value {
    json!({
        "role": "initiator",
        "user": identity.user,
        "domain": identity.domain,
        "password": identity.password,
        "protection": mode.protection_name(),
        "settings": samba_settings::client_settings(mode),
    })
}
