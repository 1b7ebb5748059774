//! gss-ntlmssp, through MIT Kerberos' GSS-API, and directly for datagrams: both roles.

use ntlm::error::Denied;
use ntlm::session::{Protection, Signature};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{DatagramSession, Error, LmCompatibility, Os};
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::{Refusal, log_in, verify};
use ntlm_interop::identities::{self, Identity};
use ntlm_interop::kerberos::NO_REALM;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::negotiations;
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer, Surprises};
use ntlm_interop::programs::system_python;
use ntlm_interop::scratch::Directory;
use serde_json::{Value, json};

const EXTENDED: Flags = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;

#[test]
fn our_client_logs_in_in_every_mode() {
    gss_ntlmssp().takes_our_client(LimitedBy::Us, |_| Outcome::Works);
    gss_ntlmssp().takes_our_client(LimitedBy::Them, |mode| match mode {
        // Its server grants extended session security to whoever asks.
        mode if mode.is_extended() => Outcome::Works,
        _ => Outcome::WorksWith(EXTENDED),
    });
}

#[test]
fn its_client_logs_in_in_every_mode() {
    // It offers NTLMv1 with extended session security only where it seals, if left to itself.
    let weaker = |mode: &Mode| !mode.is_ntlmv2() && mode.protection != Protection::Seal;
    gss_ntlmssp().suits_our_server(LimitedBy::Us, |mode| match mode {
        mode if weaker(mode) => Outcome::WorksWithout(EXTENDED),
        _ => Outcome::Works,
    });
    // Where it protects, it wants these whatever flags it is given.
    let key_exchange = Flags::NEGOTIATE_KEY_EXCH;
    gss_ntlmssp().suits_our_server(LimitedBy::Them, |mode| match mode {
        mode if weaker(mode) => Outcome::WorksWithout(EXTENDED),
        Mode { protection: Protection::Seal, .. } => Outcome::WorksWith(EXTENDED | key_exchange),
        Mode { protection: Protection::Sign, .. } => Outcome::WorksWith(key_exchange),
        _ => Outcome::Works,
    });
}

/// So the messages of the modes are none of these. One that we sealed it reads.
#[test]
fn it_signs_and_seals_no_messages_of_no_bytes() {
    for session in [Peer::session_of_our_client, Peer::session_of_its_client] {
        let mut gss = gss_ntlmssp();
        let mut ours = session(&mut gss, &modes::DEFAULT);
        let signature = ours.sign(b"").expect("signing was negotiated");
        for refusal in [
            gss.bridge.sign(b"").map(drop),
            gss.bridge.seal(b"").map(drop),
            gss.bridge.verify(b"", signature.as_bytes()),
        ] {
            let refusal = refusal.expect_err("there is nothing in it");
            assert!(refusal.contains("required input parameter could not be read"), "{refusal}");
        }
        let mut ours = session(&mut gss, &modes::DEFAULT);
        let signature = ours.seal(&mut []).expect("sealing was negotiated");
        assert_eq!(gss.bridge.unseal(signature.as_bytes()).expect("it is ours"), b"");
    }
}

#[test]
fn everybody_logs_in_to_it() {
    gss_ntlmssp().takes_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::PeerRefuses("Invalid argument"),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_with_it() {
    gss_ntlmssp().sends_everybody(modes::DEFAULT, |identity| match identity {
        // As above.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn a_wrong_password_is_refused() {
    gss_ntlmssp().refuses_a_wrong_password(|mode| match mode {
        // Its server says yes to whatever comes as NTLMv1 with extended session security, but then
        // has another key.
        mode if !mode.is_ntlmv2() && mode.is_extended() => {
            Outcome::Misunderstood("the session keys differ")
        }
        _ => Outcome::PeerRefuses("Invalid argument"),
    });
    gss_ntlmssp().is_refused_with_a_wrong_password();
}

/// As above, at each of its levels: where nothing is protected, nobody notices.
#[test]
fn its_server_lets_in_who_has_a_wrong_password_and_nothing_protected() {
    let mut gss = gss_ntlmssp();
    let ours = modes::DEFAULT.protected_by(Protection::None);
    let ours = Mode { level: LmCompatibility::SendNtlm, ..ours };
    let mallory = ours.client(Identity::MALLORY.credentials());
    for level in (1..6).map(|level| LmCompatibility::try_from(level).expect("a level")) {
        gss.bridge.begin(acceptor(&Mode { level, ..ours })).expect("it begins");
        let logged_in = log_in(&mut gss.bridge, &mallory).expect("it believes anybody");
        assert_eq!(logged_in.user.as_deref(), Some("EXAMPLE\\alice"), "{level:?}");
    }
}

#[test]
fn session_keys_of_lm_hashes_are_the_same() {
    gss_ntlmssp().does_lm_keys();
}

#[test]
fn nobody_is_refused_by_it() {
    let refusal = gss_ntlmssp().take_nobody().expect_err("it takes nobody");
    assert!(matches!(&refusal, Refusal::Theirs(why) if why.contains("Failed to decode")));
}

#[test]
fn it_logs_nobody_in() {
    let mut gss = gss_ntlmssp();
    let nobody = json!({ "role": "initiator", "target": "HTTP@files.example.com" });
    gss.bridge.begin(nobody).expect("it begins");
    let refusal = gss.bridge.step(None).expect_err("it has no credential");
    assert!(refusal.contains("not available or unsupported"), "{refusal}");
}

/// Our server follows the rule; its server does not look at the level.
#[test]
fn levels_say_which_responses_are_sent_and_taken() {
    let mut gss = gss_ntlmssp();
    let mut surprises = Surprises::default();
    for (client, server) in (0..6).flat_map(|client| (0..6).map(move |server| (client, server))) {
        let level = |number: u8| LmCompatibility::try_from(number).expect("a level");
        let mode = |number| Mode { level: level(number), ..modes::DEFAULT };
        let is_weak = |number| if number == 0 { EXTENDED } else { Flags::empty() };
        let mut compare = |what, expected, result: Result<(Flags, _), Refusal>| {
            let what = format!("{what} of level {client}, server of level {server}");
            surprises.compare(&modes::DEFAULT, &what, expected, result.map(|(flags, _)| flags));
        };

        let our_client = mode(client).client(Identity::ALICE.credentials());
        let result = gss.log_in(&mode(server), &our_client);
        // At level 0 its server does not know extended session security either.
        let missing = is_weak(client) | is_weak(server);
        compare("our client", Outcome::WorksWithout(missing), result);

        let missing = is_weak(client);
        let mut policy = mode(server).server_policy();
        policy.shared.lm_compatibility = level(server);
        let response = mode(client).response(modes::DEFAULT.expected_flags() - missing);
        let expected = if level(server).accepts(response) {
            Outcome::WorksWithout(missing)
        } else {
            Outcome::WeRefuse("Refused(ResponseKind)")
        };
        let our_server = modes::server().with_policy(policy);
        let result = gss.let_in_to(&mode(client), &our_server, Identity::ALICE);
        compare("its client", expected, result);
    }
    surprises.assert_none();
}

#[test]
fn its_server_compares_channel_bindings() {
    let mut gss = gss_ntlmssp();
    for (ours, theirs, refusal) in [
        (Some("this channel"), Some("this channel"), None),
        (Some("that channel"), Some("this channel"), Some("Permission denied")),
        (Some("this channel"), None, None),
        (None, Some("this channel"), None),
    ] {
        bindings::are_compared_by_it(&mut gss, ours, theirs, refusal);
    }
}

/// Outside SPNEGO its client sends no MIC.
#[test]
fn its_server_suits_a_strict_client_and_its_client_no_strict_server() {
    bindings::a_strict_client_logs_in(&mut gss_ntlmssp());
    let result = bindings::log_in_to_a_strict_server(&mut gss_ntlmssp());
    let refused = matches!(result, Err(Refusal::Ours(Error::Denied(Denied::MicMissing))));
    assert!(refused, "{result:?}");
}

#[test]
fn its_client_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut gss_ntlmssp());
}

#[test]
fn our_client_logs_in_in_every_mode_in_spnego() {
    gss_ntlmssp().in_spnego().takes_our_client(LimitedBy::Us, |_| Outcome::Works);
}

/// Settings of its own are for bare NTLM alone.
#[test]
fn its_client_logs_in_in_every_mode_in_spnego() {
    gss_ntlmssp().in_signing_spnego().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It offers NTLMv1 with extended session security only where it seals, if left to itself.
        mode if !mode.is_ntlmv2() && mode.protection != Protection::Seal => {
            Outcome::WorksWithout(EXTENDED)
        }
        // It signs the list with a checksum.
        mode if mode.is_ntlmv2() && !mode.is_extended() => Outcome::WeRefuse("Mic(NoKey)"),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_to_it_in_spnego() {
    gss_ntlmssp().in_spnego().takes_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::PeerRefuses("Invalid argument"),
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_with_it_in_spnego() {
    gss_ntlmssp().in_spnego().sends_everybody(modes::DEFAULT, |identity| match identity {
        // As above.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn a_wrong_password_is_refused_in_spnego() {
    gss_ntlmssp().in_spnego().refuses_a_wrong_password(|mode| match mode {
        // As outside SPNEGO.
        mode if !mode.is_ntlmv2() && mode.is_extended() => {
            Outcome::Misunderstood("the session keys differ")
        }
        _ => Outcome::PeerRefuses("Invalid argument"),
    });
    gss_ntlmssp().in_spnego().is_refused_with_a_wrong_password();
}

#[test]
fn both_sign_the_list_of_mechanisms() {
    negotiations::are_signed_by_both(&mut gss_ntlmssp().in_spnego());
}

#[test]
fn a_changed_list_of_mechanisms_is_detected() {
    negotiations::detect_a_changed_list(
        &mut gss_ntlmssp().in_spnego(),
        "invalid Message Integrity Check",
    );
}

/// In SPNEGO its client sends a MIC.
#[test]
fn strict_policies_suit_it_in_spnego() {
    bindings::a_strict_client_logs_in(&mut gss_ntlmssp().in_spnego());
    bindings::log_in_to_a_strict_server(&mut gss_ntlmssp().in_spnego()).expect("it does all");
}

/// Its server does not read NTLM without SPNEGO where it expects SPNEGO. Ours does if it is told so.
#[test]
fn its_client_logs_in_without_spnego_if_our_server_allows_it() {
    negotiations::allow_bare_ntlm(&mut gss_ntlmssp());
}

#[test]
fn its_server_speaks_first_in_spnego() {
    negotiations::begin_with_hints_of_the_peer(&mut gss_ntlmssp().in_spnego());
}

#[test]
fn our_server_speaks_first_in_spnego() {
    negotiations::begin_with_our_hints(&mut gss_ntlmssp().in_spnego());
}

#[test]
fn our_client_continues_where_ntlm_is_not_the_first_choice() {
    negotiations::continue_after_another_first_choice(&mut gss_ntlmssp().in_spnego(), None);
}

/// Its signatures are as the specification has them.
#[test]
fn datagrams_signed_by_either_are_understood() {
    for protection in [Protection::Sign, Protection::Seal] {
        for (mut gss, session) in [log_in_datagram(protection), let_in_datagram(protection)] {
            // In any order.
            for sequence in [0, 1, 77, 5, 0xffff_fffe] {
                let numbered = json!({ "number": sequence });
                gss.bridge.ask("set_sequence", numbered.clone()).expect("it takes a number");
                let ours = session.sign(sequence, b"ours").expect("signing was negotiated");
                gss.bridge.verify(b"ours", ours.as_bytes()).expect("it is ours");
                gss.bridge.ask("set_sequence", numbered).expect("it takes a number");
                let theirs = gss.bridge.sign(b"theirs").expect("it signs");
                let theirs = Signature::try_from(&theirs[..]).expect("a signature");
                session.verify(sequence, b"theirs", &theirs).expect("it is theirs");
                let other = session.verify(sequence, b"others", &theirs);
                assert!(matches!(other, Err(Error::Integrity(_))), "{other:?}");
            }
        }
    }
}

/// It encrypts a datagram with the key of the connection, and makes the key of the message only
/// then, for the signature ([MS-NLMP] 3.4 has the key first). So neither reads the other's.
#[test]
fn datagrams_sealed_by_either_are_not_understood() {
    for (mut gss, session) in [log_in_datagram(Protection::Seal), let_in_datagram(Protection::Seal)]
    {
        for sequence in [0, 1] {
            let numbered = json!({ "number": sequence });
            gss.bridge.ask("set_sequence", numbered.clone()).expect("it takes a number");
            let mut ours = b"ours".to_vec();
            let signature = session.seal(sequence, &mut ours).expect("sealing was negotiated");
            let refusal = gss.bridge.unseal(&[signature.as_bytes(), &ours[..]].concat());
            assert!(refusal.is_err(), "it reads ours: {refusal:?}");
            gss.bridge.ask("set_sequence", numbered).expect("it takes a number");
            let theirs = gss.bridge.seal(b"theirs").expect("it seals");
            let (signature, message) = theirs.split_at(16);
            let signature = Signature::try_from(signature).expect("a signature");
            let refusal = session.unseal(sequence, &mut message.to_vec(), &signature);
            assert!(matches!(refusal, Err(Error::Integrity(_))), "we read theirs: {refusal:?}");
        }
    }
}

fn log_in_datagram(protection: Protection) -> (Peer, DatagramSession) {
    let mut gss = gss_ntlmssp();
    let mode = modes::DEFAULT.protected_by(protection);
    let mut arguments = acceptor(&mode);
    arguments["datagram"] = true.into();
    gss.bridge.begin(arguments).expect("it begins");
    let challenge = gss.bridge.step(None).expect("it speaks first").token;
    let client = mode.client(Identity::ALICE.credentials());
    let response = client.answer_datagram(&challenge, &mut Os).expect("its challenge is good");
    assert!(gss.bridge.step(Some(&response.token)).expect("it believes us").is_done);
    let theirs = gss.bridge.key().expect("it tells its key");
    assert_eq!(theirs, response.keys.exported_session_key().expose());
    (gss, response.keys.into_datagram_session().expect("a session of datagrams"))
}

fn let_in_datagram(protection: Protection) -> (Peer, DatagramSession) {
    let mut gss = gss_ntlmssp();
    let mode = modes::DEFAULT.protected_by(protection);
    let mut arguments = initiator(&mode, Identity::ALICE);
    arguments["datagram"] = true.into();
    gss.bridge.begin(arguments).expect("it begins");
    assert!(gss.bridge.step(None).expect("it waits").token.is_empty());
    let (challenge, handshake) = mode.server().challenge_datagram(&mut Os).expect("a challenge");
    let authenticate = gss.bridge.step(Some(&challenge)).expect("it answers").token;
    let claim = handshake.read(&authenticate, &mut Os).expect("a claim");
    let accepted = verify(claim, &[Identity::ALICE]).expect("it is alice");
    let theirs = gss.bridge.key().expect("it tells its key");
    assert_eq!(theirs, accepted.keys.exported_session_key().expose());
    (gss, accepted.keys.into_datagram_session().expect("a session of datagrams"))
}

fn gss_ntlmssp() -> Peer {
    let files = Directory::new();
    let mut command = system_python("bridge_gss_ntlmssp.py");
    command.env("NTLM_USER_FILE", files.write("users", &identities::user_file()));
    command.env("KRB5_CONFIG", files.write("krb5.conf", NO_REALM));
    command.env("NETBIOS_COMPUTER_NAME", "FILES").env("NETBIOS_DOMAIN_NAME", "EXAMPLE");
    Peer {
        bridge: Bridge::start(command),
        abilities: Abilities { protects_nothing: false, ..Abilities::ALL },
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
        "flags": flags(mode),
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
        "flags": flags(mode),
        "environment": { "LM_COMPAT_LEVEL": mode.level as u8 },
    })
}

/// What it offers of its own, if it is not left to it.
fn flags(mode: &Mode) -> Option<u32> {
    let always = Flags::REQUEST_TARGET | Flags::NEGOTIATE_NTLM | Flags::NEGOTIATE_ALWAYS_SIGN;
    (!mode.without.is_empty()).then(|| (always | mode.expected_flags()).bits())
}
