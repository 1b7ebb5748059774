//! sspi-rs, as sspilib brings it to Python: both roles, bare and in SPNEGO.

use ntlm::session::Protection;
use ntlm::spnego::Initiator;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::Refusal;
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::negotiations;
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::python;
use serde_json::{Value, json};

/// In SPNEGO its server fails once it has the AUTHENTICATE, also with its own client: it does not
/// verify it.
#[test]
fn its_server_does_not_finish_in_spnego() {
    let mut sspi_rs = sspi_rs().in_spnego();
    sspi_rs.begin((sspi_rs.acceptor)(&modes::DEFAULT)).expect("it begins");
    let client = modes::DEFAULT.client(Identity::ALICE.credentials());
    let mut carrier = sspi_rs.carrier();
    let refusal = carrier.log_in(&Initiator::new(client));
    let fails = |why: &str| why.contains("SEC_E_INTERNAL_ERROR");
    assert!(matches!(&refusal, Err(Refusal::Theirs(why)) if fails(why)), "{refusal:?}");
    let expected = [
        "Client: [Ntlm] token",
        "Server: AcceptIncomplete Ntlm token",
        "Client: AcceptIncomplete token mic",
    ];
    assert_eq!(carrier.tokens, expected);
}

#[test]
fn its_client_logs_in_in_every_mode_in_spnego() {
    sspi_rs().in_spnego().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It sends UTF-16 all the same.
        mode if mode.without.contains(Flags::NEGOTIATE_UNICODE) => {
            Outcome::WeRefuse("Rejected(UnknownUser)")
        }
        // It signs the list although signing was not negotiated, or with a checksum.
        mode if mode.protection == Protection::None || !mode.is_extended() => {
            Outcome::WeRefuse("Mic(NoKey)")
        }
        // It encrypts with 128 bits, whatever was negotiated. Without key exchange, the
        // `mechListMIC` is not encrypted, but messages are.
        mode if mode.without.contains(Flags::NEGOTIATE_128 | Flags::NEGOTIATE_KEY_EXCH) => {
            Outcome::Misunderstood("SEC_E_MESSAGE_ALTERED")
        }
        mode if mode.without.contains(Flags::NEGOTIATE_128) => Outcome::WeRefuse("Mic(Wrong)"),
        // It exchanges keys only to seal.
        mode if mode.protection == Protection::Sign => {
            Outcome::WorksWithout(Flags::NEGOTIATE_KEY_EXCH)
        }
        _ => Outcome::Works,
    });
}

#[test]
fn everybody_logs_in_with_it_in_spnego() {
    sspi_rs().in_spnego().sends_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn it_is_refused_with_a_wrong_password_in_spnego() {
    sspi_rs().in_spnego().is_refused_with_a_wrong_password();
}

#[test]
fn both_sign_the_list_of_mechanisms() {
    negotiations::are_signed_by_its_client(&mut sspi_rs().in_spnego());
}

#[test]
fn a_changed_list_of_mechanisms_is_detected() {
    negotiations::detect_a_changed_list_of_its_client(&mut sspi_rs().in_spnego());
}

#[test]
fn our_server_speaks_first_in_spnego() {
    negotiations::begin_with_our_hints(&mut sspi_rs().in_spnego());
}

#[test]
fn its_client_logs_in_in_every_mode() {
    sspi_rs().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It sends UTF-16 all the same.
        mode if mode.without.contains(Flags::NEGOTIATE_UNICODE) => {
            Outcome::WeRefuse("Rejected(UnknownUser)")
        }
        mode if mode.protection == Protection::Seal && !seals_with(mode) => {
            Outcome::Misunderstood("SEC_E_MESSAGE_ALTERED")
        }
        // It exchanges keys only to seal.
        mode if mode.protection == Protection::Sign => {
            Outcome::WorksWithout(Flags::NEGOTIATE_KEY_EXCH)
        }
        _ => Outcome::Works,
    });
}

/// It seals with 128 bits and extended session security, whatever was negotiated.
fn seals_with(mode: &Mode) -> bool {
    mode.is_extended() && !mode.without.contains(Flags::NEGOTIATE_128)
}

#[test]
fn everybody_logs_in_with_it() {
    sspi_rs().sends_everybody(modes::DEFAULT, |identity| match identity {
        // It takes the upper case of `ß` for `SS`, as Windows does not.
        Identity::GROSS => Outcome::WeRefuse("Denied(WrongPassword)"),
        _ => Outcome::Works,
    });
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    sspi_rs().is_refused_with_a_wrong_password();
}

#[test]
fn our_client_logs_in_in_every_mode() {
    sspi_rs().takes_our_client(LimitedBy::Us, |mode| match mode {
        mode if mode.without.contains(Flags::NEGOTIATE_UNICODE) => {
            Outcome::PeerRefuses("SEC_E_INVALID_TOKEN")
        }
        mode if !mode.is_ntlmv2() => Outcome::PeerRefuses(NO_NTLMV1),
        mode if mode.protection == Protection::Seal && !seals_with(mode) => {
            Outcome::Misunderstood("SEC_E_MESSAGE_ALTERED")
        }
        _ => Outcome::Works,
    });
}

/// What its server says of NTLMv1, which it does not have.
const NO_NTLMV1: &str = "SEC_E_INTERNAL_ERROR";

#[test]
fn everybody_logs_in_to_it() {
    let mut sspi_rs = sspi_rs();
    for identity in Identity::ALL {
        let client = modes::DEFAULT.client(identity.credentials());
        let result = sspi_rs.log_in_silently(acceptor_of(identity), &client);
        if identity == Identity::GROSS {
            let is_denied = |why: &str| why.contains("SEC_E_LOGON_DENIED");
            assert!(matches!(&result, Err(Refusal::Theirs(why)) if is_denied(why)), "{result:?}");
            continue;
        }
        let (keys, _) = result.unwrap_or_else(|why| panic!("{identity:?}: {why:?}"));
        sspi_rs.talk(keys).expect("they understand each other");
    }
}

#[test]
fn our_client_is_rejected_with_a_wrong_password() {
    sspi_rs().refuses_a_wrong_password(|mode| match mode {
        mode if mode.is_ntlmv2() => Outcome::PeerRefuses("SEC_E_LOGON_DENIED"),
        _ => Outcome::PeerRefuses(NO_NTLMV1),
    });
}

/// Without a wrapping, it has no signatures.
#[test]
fn it_signs_nothing() {
    let mut sspi_rs = sspi_rs();
    sspi_rs.session_of_its_client(&modes::DEFAULT);
    let result = sspi_rs.bridge.sign(b"a message");
    assert!(result.as_ref().is_err_and(|why| why.contains("SEC_E_UNSUPPORTED_FUNCTION")));
}

fn sspi_rs() -> Peer {
    Peer {
        bridge: Bridge::start(python("bridge_sspi_rs.py")),
        abilities: Abilities {
            tells_key: false,
            signs: false,
            sends_ntlmv2_alone: true,
            ..Abilities::ALL
        },
        acceptor,
        initiator,
        framing: Framing::Bare,
        files: None,
    }
}

fn acceptor(_: &Mode) -> Value {
    acceptor_of(Identity::ALICE)
}

/// Its server knows one user.
fn acceptor_of(Identity { user, domain, password }: Identity) -> Value {
    json!({ "role": "acceptor", "user": user, "domain": domain, "password": password })
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
