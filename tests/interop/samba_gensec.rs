//! Samba's gensec: both roles, with every setting that it has for NTLM.

use ntlm::crypto::Side;
use ntlm::error::Misuse;
use ntlm::server::Accepted;
use ntlm::session::{Protection, Session, SessionKeys, Signature};
use ntlm::spnego::{Established, Initiator, MicError};
use ntlm::wire::{Challenge, Negotiate, NegotiateFlags as Flags};
use ntlm::{Client, LmCompatibility, ResponseKind, spnego};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{Refusal, let_in, log_in};
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::{Abilities, seal, unseal};
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::negotiations;
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::system_python;
use ntlm_interop::samba_settings;
use serde_json::{Value, json};

const UNICODE: Flags = Flags::NEGOTIATE_UNICODE;
const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;
const LM_KEY: Flags = Flags::NEGOTIATE_LM_KEY;
const ALWAYS_SIGN: Flags = Flags::NEGOTIATE_ALWAYS_SIGN;
/// A setting of both sides.
const ALLOW_LM_KEY: &str = "allow_lm_key";
const SEND_NT_RESPONSE: &str = "send_nt_response";

/// As old clients have it.
const NTLMV1: Mode = Mode::new(
    LmCompatibility::SendLmAndNtlm,
    Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY,
    Protection::Seal,
);

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
fn our_client_logs_in_in_every_mode_in_spnego() {
    // With NTLMv2 it wants the list signed, and without extended session security that would be a
    // checksum.
    let is_not_signed = |mode: &Mode| mode.is_ntlmv2() && !mode.is_extended();
    gensec().in_spnego().takes_our_client(LimitedBy::Us, |mode| match mode {
        mode if is_not_signed(mode) => Outcome::WeRefuse("Mic(NoKey)"),
        _ => Outcome::Works,
    });
    gensec().in_spnego().takes_our_client(LimitedBy::Them, |mode| match mode {
        mode if is_not_signed(mode) => Outcome::WeRefuse("Mic(NoKey)"),
        mode if mode.without.contains(UNICODE) => Outcome::WorksWith(UNICODE),
        _ => Outcome::Works,
    });
}

#[test]
fn its_client_logs_in_in_every_mode_in_spnego() {
    gensec().in_spnego().suits_our_server(LimitedBy::Us, |mode| match mode {
        // Its client offers one character set alone.
        mode if mode.without.contains(UNICODE) => Outcome::WeRefuse("Unexpected(CharacterSet)"),
        mode if mode.protection == Protection::None => Outcome::WorksWith(KEY_EXCH),
        // It signs the list with a checksum.
        mode if !mode.is_extended() => Outcome::WeRefuse("Mic(NoKey)"),
        _ => Outcome::Works,
    });
    gensec().in_spnego().suits_our_server(LimitedBy::Them, |mode| match mode {
        // Without extended session security its client sends NTLMv1, whatever it is told.
        mode if mode.is_ntlmv2() && !mode.is_extended() => Outcome::WeRefuse("ResponseKind"),
        mode if mode.protection == Protection::None => Outcome::WorksWith(KEY_EXCH),
        mode if !mode.is_extended() => Outcome::WeRefuse("Mic(NoKey)"),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_to_it_in_spnego() {
    gensec().in_spnego().takes_everybody(modes::DEFAULT, |_| Outcome::Works);
}

#[test]
fn everybody_logs_in_with_it_in_spnego() {
    gensec().in_spnego().sends_everybody(modes::DEFAULT, |_| Outcome::Works);
}

#[test]
fn a_wrong_password_is_refused_in_spnego() {
    gensec().in_spnego().refuses_a_wrong_password(|_| Outcome::PeerRefuses("3221225578"));
    gensec().in_spnego().is_refused_with_a_wrong_password();
}

#[test]
fn both_sign_the_list_of_mechanisms() {
    negotiations::are_signed_by_both(&mut gensec().in_spnego());
}

#[test]
fn a_changed_list_of_mechanisms_is_detected() {
    negotiations::detect_a_changed_list(&mut gensec().in_spnego(), "Access Denied");
}

#[test]
fn its_client_sends_no_first_message_if_it_is_set_so() {
    let mut gensec = gensec().in_spnego();
    let (tokens, result) = let_in_with(&mut gensec, &["spnego:client_no_optimistic"]);
    let expected = [
        "Client: [Ntlm]",
        "Server: AcceptIncomplete Ntlm",
        "Client: token",
        "Server: AcceptIncomplete token",
        "Client: token mic",
        "Server: AcceptCompleted mic",
    ];
    assert_eq!(tokens, expected);
    gensec.talk(result.expect("it is accepted").accepted.keys).expect("they understand");
}

/// As Windows 2000 was, its client signs no list. If its AUTHENTICATE has a MIC, which that of Windows
/// 2000 has not, our server asks for the signature, and it gives up.
#[test]
fn its_old_client_signs_no_list() {
    let old = ["spnego:simulate_w2k", "ntlmssp_client:force_old_spnego"];
    let mut gensec = gensec().in_spnego();
    let (tokens, result) = let_in_with(&mut gensec, &old);
    assert_eq!(tokens[2..], ["Client: token", "Server: AcceptCompleted"]);
    gensec.talk(result.expect("it is accepted").accepted.keys).expect("they understand");

    let (tokens, result) = let_in_with(&mut self::gensec().in_spnego(), &old[..1]);
    assert_eq!(tokens[2..], ["Client: token", "Server: AcceptIncomplete mic"]);
    assert!(matches!(&result, Err(Refusal::Theirs(_))), "{result:?}");
}

/// As Windows 2000 was, its server does not read the signature of the list. Our client rejects it, or
/// accepts it if it is told so; then both have the same key, but the server does not count the signature,
/// so that it does not understand what our client seals.
#[test]
fn its_old_server_signs_no_list() {
    let initiator = Initiator::new(modes::DEFAULT.client(Identity::ALICE.credentials()));
    let mut arguments = acceptor(&modes::DEFAULT);
    arguments["settings"]["spnego:simulate_w2k"] = "yes".into();
    let mut gensec = gensec().in_spnego();
    gensec.begin(arguments.clone()).expect("it begins");
    let refusal = gensec.carrier().log_in(&initiator);
    let missing = spnego::Error::Mic(MicError::Missing);
    assert!(matches!(&refusal, Err(Refusal::OurSpnego(error)) if *error == missing), "{refusal:?}");

    gensec.begin(arguments).expect("it begins");
    let mut carrier = gensec.carrier();
    let logged_in = carrier.log_in(&initiator.with_missing_mic_allowed());
    assert_eq!(
        carrier.tokens[2..],
        ["Client: AcceptIncomplete token mic", "Server: AcceptCompleted",]
    );
    drop(carrier);
    let keys = logged_in.expect("it is accepted").keys;
    assert_eq!(gensec.bridge.key().expect("its key"), keys.exported_session_key().expose());
    let refusal = gensec.talk(keys);
    let misunderstands = |why: &str| why.contains("Access Denied");
    assert!(
        matches!(&refusal, Err(Refusal::Afterwards(why)) if misunderstands(why)),
        "{refusal:?}"
    );
}

#[test]
fn nobody_logs_in_to_it_in_spnego() {
    let logged_in = gensec().in_spnego().take_nobody().expect("it takes nobody");
    assert_eq!(logged_in.as_deref(), Some("NT AUTHORITY\\ANONYMOUS LOGON"));
}

#[test]
fn nobody_logs_in_with_it_in_spnego() {
    let begin = json!({ "role": "initiator" });
    let accepted = gensec().in_spnego().send_nobody(begin).expect("it sends nobody");
    assert_eq!(accepted.user(), None);
}

#[test]
fn its_client_logs_in_without_spnego_if_our_server_allows_it() {
    negotiations::allow_bare_ntlm(&mut gensec());
}

#[test]
fn its_server_asks_for_a_late_signature() {
    negotiations::ask_for_a_late_signature(
        &mut gensec().in_spnego(),
        "AcceptIncomplete Ntlm mic",
        Some("AcceptCompleted"),
    );
}

#[test]
fn its_server_speaks_first_in_spnego() {
    negotiations::begin_with_hints_of_the_peer(&mut gensec().in_spnego());
}

#[test]
fn our_server_speaks_first_in_spnego() {
    negotiations::begin_with_our_hints(&mut gensec().in_spnego());
}

#[test]
fn our_client_continues_where_ntlm_is_not_the_first_choice() {
    negotiations::continue_after_another_first_choice(&mut gensec().in_spnego(), None);
}

#[test]
fn nobody_logs_in_to_it() {
    let logged_in = gensec().take_nobody().expect("it takes nobody");
    assert_eq!(logged_in.as_deref(), Some("NT AUTHORITY\\ANONYMOUS LOGON"));
}

#[test]
fn nobody_logs_in_with_it() {
    let let_in = gensec().send_nobody(json!({ "role": "initiator" })).expect("it sends nobody");
    assert_eq!(let_in.user(), None);
    assert_eq!(let_in.keys.protection(), Protection::None);
}

/// What the modes leave out of `ntlmssp_client`, as its NEGOTIATE shows it.
#[test]
fn its_client_offers_what_each_other_setting_says() {
    // Where it sends NTLMv2 it has no use for the LM key that it offers.
    for (setting, value, flag) in [("alwayssign", "no", ALWAYS_SIGN), ("lm_key", "yes", LM_KEY)] {
        let mut arguments = initiator(&modes::DEFAULT, Identity::ALICE);
        let before = offer_of(arguments.clone());
        arguments["settings"][format!("ntlmssp_client:{setting}")] = value.into();
        let expected = if value == "yes" { before | flag } else { before - flag };
        assert_ne!(before, expected, "{setting}");
        assert_eq!(offer_of(arguments.clone()), expected, "{setting}");

        let mut gensec = gensec();
        let accepted = let_in_with_lm_key(&mut gensec, arguments);
        assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv2), "{setting}");
        assert!(!accepted.keys.flags().contains(LM_KEY), "{setting}");
        gensec.talk(accepted.keys).unwrap_or_else(|why| panic!("{setting}: {why:?}"));
    }
}

/// This is said of SPNEGO, but has its effect without.
#[test]
fn its_client_announces_no_mic_for_an_old_spnego() {
    for (value, has_mic) in [("no", true), ("yes", false)] {
        let mut gensec = gensec();
        let mut arguments = initiator(&modes::DEFAULT, Identity::ALICE);
        arguments["settings"]["ntlmssp_client:force_old_spnego"] = value.into();
        let accepted = let_in_with_lm_key(&mut gensec, arguments);
        assert_eq!(accepted.mic_checked, has_mic, "{value}");
        gensec.talk(accepted.keys).unwrap_or_else(|why| panic!("{value}: {why:?}"));
    }
}

#[test]
fn its_client_makes_keys_of_its_own_of_lm_hashes() {
    let (v1, none) = (NTLMV1, Flags::empty());
    for (setting, value, mode, flag, expected) in [
        (ALLOW_LM_KEY, "no", v1, none, None),
        // It agrees on the session key, but seals with none of the keys that 3.4.5.3 makes of it.
        (ALLOW_LM_KEY, "yes", v1, LM_KEY, Some("Access Denied")),
        // Nothing comes of it.
        (ALLOW_LM_KEY, "yes", modes::DEFAULT, none, None),
        (SEND_NT_RESPONSE, "yes", v1, none, None),
        // It sends a response all the same, but makes its key of something else.
        (SEND_NT_RESPONSE, "no", v1, none, Some("the session keys differ")),
    ] {
        let mut gensec = gensec();
        let mut arguments = initiator(&mode, Identity::ALICE);
        arguments["settings"][format!("ntlmssp_client:{setting}")] = value.into();
        let accepted = let_in_with_lm_key(&mut gensec, arguments);
        assert_eq!(
            accepted.identity.response(),
            Some(mode.response(accepted.keys.flags())),
            "{setting}"
        );
        assert_eq!(accepted.keys.flags() & LM_KEY, flag, "{setting}={value}");
        match (gensec.talk(accepted.keys), expected) {
            (Ok(()), None) => {}
            (Err(Refusal::Afterwards(why)), Some(expected)) if why.contains(expected) => {}
            (result, _) => panic!("{setting}={value}: {result:?}"),
        }
    }
}

#[test]
fn its_client_and_its_server_disagree_on_the_key_without_an_nt_response() {
    for (value, agree) in [("yes", true), ("no", false)] {
        let (mut client, mut server) = (gensec().bridge, gensec().bridge);
        let mut arguments = initiator(&NTLMV1, Identity::ALICE);
        arguments["settings"][format!("ntlmssp_client:{SEND_NT_RESPONSE}")] = value.into();
        client.begin(arguments).expect("it begins");
        server.begin(acceptor(&NTLMV1)).expect("it begins");
        let negotiate = client.step(None).expect("it speaks first").token;
        let challenge = server.step(Some(&negotiate)).expect("it answers").token;
        let authenticate = client.step(Some(&challenge)).expect("it answers").token;
        assert!(server.step(Some(&authenticate)).expect("it believes it").is_done);
        let [its, others] = [client, server].map(|mut side| side.key().expect("it tells its key"));
        assert_eq!(its == others, agree, "{value}");
    }
}

/// What the modes leave out of `ntlmssp_server`, as its CHALLENGE shows it.
#[test]
fn its_server_grants_what_each_other_setting_says() {
    for (setting, value, mode, flag, expected) in [
        ("alwayssign", "no", modes::DEFAULT, ALWAYS_SIGN, None),
        // Nothing comes of it.
        (ALLOW_LM_KEY, "yes", modes::DEFAULT, Flags::empty(), None),
        // Its domain keeps no LM hashes, so that nothing can be protected.
        (ALLOW_LM_KEY, "yes", NTLMV1, LM_KEY, Some("Access Denied")),
    ] {
        let mut arguments = acceptor(&mode);
        arguments["settings"]["lanman auth"] = "yes".into();
        let before = grant_of(arguments.clone(), &mode);
        arguments["settings"][format!("ntlmssp_server:{setting}")] = value.into();
        let expected_flags = if value == "yes" { before | flag } else { before - flag };
        assert_eq!(before == expected_flags, flag.is_empty(), "{setting}");
        assert_eq!(grant_of(arguments.clone(), &mode), expected_flags, "{setting}");

        let mut gensec = gensec();
        gensec.bridge.begin(arguments).expect("it begins");
        match (log_in(&mut gensec.bridge, &client_with_lm_key(&mode)), expected) {
            (Ok(logged_in), None) => gensec.talk(logged_in.keys).expect("they understand"),
            (Err(Refusal::Theirs(why)), Some(expected)) if why.contains(expected) => {}
            (result, _) => panic!("{setting}: {result:?}"),
        }
    }
}

/// Over LDAP it takes signing for sealing. Its client also asks for sealing there, by default.
#[test]
fn messages_that_are_signed_alone_are_sealed_over_ldap() {
    let mode = modes::DEFAULT.protected_by(Protection::Sign);
    let (mut server, mut arguments) = (gensec(), acceptor(&mode));
    arguments["ldap_style"] = true.into();
    server.bridge.begin(arguments).expect("it begins");
    let client = mode.client(Identity::ALICE.credentials());
    let keys = log_in(&mut server.bridge, &client).expect("it believes us").keys;
    assert_seals_all_the_same(&mut server.bridge, &keys, Side::Client);

    for (value, protection) in [("no", Protection::Sign), ("yes", Protection::Seal)] {
        let (mut client, mut arguments) = (gensec(), initiator(&mode, Identity::ALICE));
        arguments["ldap_style"] = true.into();
        arguments["settings"]["ntlmssp_client:ldap_style_send_seal"] = value.into();
        let keys = let_in_with_lm_key(&mut client, arguments).keys;
        assert_eq!(keys.protection(), protection, "{value}");
        match protection {
            Protection::Sign => assert_seals_all_the_same(&mut client.bridge, &keys, Side::Server),
            _ => client.talk(keys).expect("they understand"),
        }
    }
}

/// Signing alone, its `wrap` puts the signature in front of the message as it is.
#[test]
fn messages_that_are_signed_alone_are_wrapped_in_clear() {
    let mode = modes::DEFAULT.protected_by(Protection::Sign);
    for session in [Peer::session_of_our_client, Peer::session_of_its_client] {
        let mut gensec = gensec();
        let mut session = session(&mut gensec, &mode);
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
}

/// Lets its client, which has these settings, in to our server. Yields the tokens that were sent.
fn let_in_with(
    gensec: &mut Peer,
    settings: &[&str],
) -> (Vec<String>, Result<Established, Refusal>) {
    let mut arguments = initiator(&modes::DEFAULT, Identity::ALICE);
    for setting in settings {
        arguments["settings"][setting] = "yes".into();
    }
    gensec.begin(arguments).expect("it begins");
    let mut carrier = gensec.carrier();
    let result = carrier.let_in(&modes::DEFAULT.server(), &[Identity::ALICE]);
    (carrier.tokens.clone(), result)
}

/// The flags of the NEGOTIATE of its client, which begins so.
fn offer_of(arguments: Value) -> Flags {
    // Settings last as long as the process.
    let mut bridge = gensec().bridge;
    bridge.begin(arguments).expect("it begins");
    let negotiate = bridge.step(None).expect("it speaks first").token;
    Negotiate::parse(&negotiate).expect("a NEGOTIATE").flags
}

/// The flags of the CHALLENGE of its server, which begins so.
fn grant_of(arguments: Value, mode: &Mode) -> Flags {
    let mut bridge = gensec().bridge;
    bridge.begin(arguments).expect("it begins");
    let (negotiate, _) = client_with_lm_key(mode).initiate().expect("a NEGOTIATE");
    let challenge = bridge.step(Some(&negotiate)).expect("it takes that").token;
    Challenge::parse(&challenge).expect("a CHALLENGE").flags
}

fn client_with_lm_key(mode: &Mode) -> Client {
    let mut policy = mode.client_policy();
    policy.shared.offer |= LM_KEY;
    mode.client(Identity::ALICE.credentials()).with_policy(policy)
}

/// Lets its client, which begins so, in to our server, which takes all that is old.
fn let_in_with_lm_key(gensec: &mut Peer, arguments: Value) -> Accepted {
    gensec.bridge.begin(arguments).expect("it begins");
    let mut policy = modes::DEFAULT.server_policy();
    policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    policy.shared.offer |= LM_KEY;
    let server = modes::server().with_policy(policy);
    let_in(&mut gensec.bridge, &server, &[Identity::ALICE]).expect("we believe it").accepted
}

/// What it wraps is nothing to a session of what was negotiated, and is read with SEAL added.
fn assert_seals_all_the_same(bridge: &mut Bridge, keys: &SessionKeys, side: Side) {
    assert_eq!(keys.protection(), Protection::Sign);
    let key = keys.exported_session_key().clone();
    let session = |flags| Session::new(flags, &key, side);
    let mut sealing = session(keys.flags() | Flags::NEGOTIATE_SEAL);
    for message in [&b"a message"[..], b"another"] {
        let theirs = bridge.seal(message).expect("it wraps");
        assert_eq!(theirs.len(), 16 + message.len());
        assert_ne!(&theirs[16..], message);
        let refusal = unseal(&mut session(keys.flags()), &theirs);
        assert_eq!(refusal, Err(Misuse::NotNegotiated.into()));
        assert_eq!(unseal(&mut sealing, &theirs).as_deref(), Ok(message));
        assert_eq!(bridge.unseal(&seal(&mut sealing, message)).expect("it is ours"), message);
    }
}

fn gensec() -> Peer {
    Peer {
        bridge: Bridge::start(system_python("bridge_samba_gensec.py")),
        abilities: Abilities::ALL,
        acceptor,
        initiator,
        framing: Framing::Bare,
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
