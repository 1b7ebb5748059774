//! Samba's gensec: both roles, with every setting that it has for NTLM.

use ntlm::session::{Protection, Signature};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{LmCompatibility, ResponseKind};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{Refusal, let_in, log_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{LimitedBy, Outcome, Peer};
use ntlm_interop::programs::system_python;
use ntlm_interop::samba_settings;
use serde_json::{Value, json};

const UNICODE: Flags = Flags::NEGOTIATE_UNICODE;
const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;

#[test]
fn our_client_logs_in_in_every_mode() {
    gensec().takes_our_client(LimitedBy::Us, |_| Outcome::Works);
    gensec().takes_our_client(LimitedBy::Them, |mode| match mode.without {
        // Its server cannot be kept from this.
        without if without.contains(UNICODE) => Outcome::WorksWith(UNICODE),
        _ => Outcome::Works,
    });
}

#[test]
fn its_client_logs_in_in_every_mode() {
    gensec().suits_our_server(LimitedBy::Us, |mode| match mode {
        // Its client offers one character set alone.
        mode if mode.without.contains(UNICODE) => Outcome::WeRefuse("Unexpected(CharacterSet)"),
        // With NTLMv2 it takes this for granted, whatever the challenge says.
        mode if mode.is_ntlmv2() && !mode.is_extended() => Outcome::Misunderstood("Access Denied"),
        mode if mode.protection == Protection::None => Outcome::WorksWith(KEY_EXCH),
        _ => Outcome::Works,
    });
    gensec().suits_our_server(LimitedBy::Them, |mode| match mode {
        // Without extended session security its client sends NTLMv1, whatever it is told.
        mode if mode.is_ntlmv2() && !mode.is_extended() => Outcome::WeRefuse("ResponseKind"),
        mode if mode.protection == Protection::None => Outcome::WorksWith(KEY_EXCH),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_to_it() {
    gensec().takes_everybody(modes::DEFAULT, |_| Outcome::Works);
}

#[test]
fn everybody_logs_in_with_it() {
    gensec().sends_everybody(modes::DEFAULT, |_| Outcome::Works);
}

#[test]
fn a_wrong_password_is_refused() {
    // STATUS_WRONG_PASSWORD.
    gensec().refuses_a_wrong_password(|_| Outcome::PeerRefuses("3221225578"));
    gensec().is_refused_with_a_wrong_password();
}

#[test]
fn either_logs_in_with_spnego() {
    gensec().does_spnego();
}

#[test]
fn nobody_logs_in_to_it() {
    let logged_in = gensec().take_nobody().expect("it takes nobody");
    assert_eq!(logged_in.user.as_deref(), Some("NT AUTHORITY\\ANONYMOUS LOGON"));
}

#[test]
fn nobody_logs_in_with_it() {
    let let_in = gensec().send_nobody(json!({ "role": "initiator" })).expect("it sends nobody");
    assert_eq!(let_in.accepted.user, None);
    assert_eq!(let_in.accepted.keys.protection(), Protection::None);
}

/// What the modes leave out of `ntlmssp_client`.
#[test]
fn its_client_logs_in_with_each_other_setting() {
    let old = json!({
        "client ntlmv2 auth": "no",
        "client lanman auth": "yes",
        "ntlmssp_client:ntlm2": "no",
    });
    let (v2, v1, none) = (ResponseKind::Ntlmv2, ResponseKind::Ntlmv1, Flags::empty());
    let lm_key = Flags::NEGOTIATE_LM_KEY;
    for (setting, value, old, response, flag, misunderstood) in [
        ("alwayssign", "no", None, v2, none, None),
        ("ldap_style_send_seal", "no", None, v2, none, None),
        ("force_old_spnego", "yes", None, v2, none, None),
        ("allow_lm_key", "yes", None, v2, none, None),
        // It agrees on the session key, but seals with none of the keys that 3.4.5.3 makes of it.
        ("allow_lm_key", "yes", Some(&old), v1, lm_key, Some("Access Denied")),
        // It sends a response all the same, but has another key than its own server too.
        ("send_nt_response", "no", Some(&old), v1, none, Some("the session keys differ")),
    ] {
        // Settings last as long as the process.
        let mut gensec = gensec();
        let mut arguments = initiator(&modes::DEFAULT, Identity::ALICE);
        for (name, value) in old.iter().flat_map(|old| old.as_object().expect("settings")) {
            arguments["settings"][name] = value.clone();
        }
        arguments["settings"][format!("ntlmssp_client:{setting}")] = value.into();
        gensec.bridge.begin(arguments).expect("it begins");
        let mut policy = modes::DEFAULT.server_policy();
        policy.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.offer |= Flags::NEGOTIATE_LM_KEY;
        let server = modes::server().with_policy(policy);
        let accepted = let_in(&mut gensec.bridge, &server, &[Identity::ALICE])
            .unwrap_or_else(|refusal| panic!("{setting}: {refusal:?}"))
            .accepted;
        assert_eq!(accepted.response, Some(response), "{setting}");
        assert!(accepted.keys.flags().contains(flag), "{setting}");
        match (gensec.talk(accepted.keys), misunderstood) {
            (Ok(()), None) => {}
            (Err(Refusal::Afterwards(why)), Some(expected)) if why.contains(expected) => {}
            (result, _) => panic!("{setting}: {result:?}"),
        }
    }
}

/// What the modes leave out of `ntlmssp_server`.
#[test]
fn our_client_logs_in_with_each_other_setting_of_its_server() {
    for (setting, value) in [("alwayssign", "no"), ("allow_lm_key", "yes")] {
        let mut gensec = gensec();
        let mut arguments = acceptor(&modes::DEFAULT);
        arguments["settings"][format!("ntlmssp_server:{setting}")] = value.into();
        gensec.bridge.begin(arguments).expect("it begins");
        let client = modes::DEFAULT.client(Identity::ALICE.credentials());
        let logged_in = log_in(&mut gensec.bridge, &client).expect("it believes us");
        gensec.talk(logged_in.keys).unwrap_or_else(|why| panic!("{setting}: {why:?}"));
    }
}

/// Signing alone, its `wrap` puts the signature in front of the message as it is.
#[test]
fn messages_that_are_signed_alone_are_wrapped_in_clear() {
    let mut gensec = gensec();
    let mode = modes::DEFAULT.protected_by(Protection::Sign);
    gensec.bridge.begin(acceptor(&mode)).expect("it begins");
    let client = mode.client(Identity::ALICE.credentials());
    let keys = log_in(&mut gensec.bridge, &client).expect("it believes us").keys;
    let mut session = keys.into_session().expect("a session");
    for message in [&b"a message"[..], b"another"] {
        let signature = session.sign(message).expect("signing was negotiated");
        let ours = [signature.as_bytes(), message].concat();
        assert_eq!(gensec.bridge.unseal(&ours).expect("it is ours"), message);
        let theirs = gensec.bridge.seal(message).expect("it wraps");
        let (signature, content) = theirs.split_at(16);
        let signature = Signature::try_from(signature).expect("a signature");
        session.verify(content, &signature).expect("it is theirs");
        assert_eq!(content, message);
    }
}

fn gensec() -> Peer {
    Peer {
        bridge: Bridge::start(system_python("bridge_samba_gensec.py")),
        abilities: Abilities::ALL,
        acceptor,
        initiator,
        files: None,
    }
}

fn acceptor(mode: &Mode) -> Value {
    json!({
        "role": "acceptor",
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
