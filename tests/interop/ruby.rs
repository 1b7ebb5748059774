//! Libraries of Ruby log in to our server: rubyntlm, and httpclient, which uses it over HTTP.

use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm_interop::bindings;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::http_peer::{HttpPeer, Login};
use ntlm_interop::identities::Identity;
use ntlm_interop::messages::Abilities;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::peer::{Framing, LimitedBy, Outcome, Peer};
use ntlm_interop::programs::ruby;
use serde_json::{Value, json};

#[test]
fn rubyntlm_logs_in_in_every_mode() {
    rubyntlm().suits_our_server(LimitedBy::Us, |mode| match mode {
        // It encodes the names twice.
        mode if mode.without.contains(Flags::NEGOTIATE_UNICODE) => {
            Outcome::PeerRefuses("Encoding::InvalidByteSequenceError")
        }
        // It exchanges keys where nothing is protected, if the challenge allows it.
        mode if mode.protection == Protection::None => {
            Outcome::WorksWith(Flags::NEGOTIATE_KEY_EXCH)
        }
        // It seals with 128 bits and extended session security, whatever was negotiated.
        mode if !mode.is_extended() || mode.without.contains(Flags::NEGOTIATE_128) => {
            Outcome::Misunderstood("wrong signature")
        }
        _ => Outcome::Works,
    });
}

/// It takes the upper case of a name that is UTF-16 already as if that were UTF-8.
const NO_UPPER_CASE: &str = "ArgumentError: input string invalid";

#[test]
fn everybody_with_an_ascii_name_logs_in_with_rubyntlm() {
    rubyntlm().sends_everybody(modes::DEFAULT, |identity| match identity.user.is_ascii() {
        true => Outcome::Works,
        false => Outcome::PeerRefuses(NO_UPPER_CASE),
    });
}

#[test]
fn rubyntlm_is_rejected_with_a_wrong_password() {
    rubyntlm().is_refused_with_a_wrong_password();
}

#[test]
fn rubyntlm_sends_channel_bindings() {
    bindings::are_checked_by_us(&mut rubyntlm());
}

#[test]
fn httpclient_logs_in_once_for_three_requests() {
    for level in ["5", "3"] {
        let login = httpclient().logs_in_once_for_three_requests(&["--level", level]);
        assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "no"));
    }
}

#[test]
fn httpclient_logs_in_where_negotiate_is_offered_too() {
    httpclient().logs_in_once_for_three_requests(&["--schemes", "negotiate,ntlm"]);
}

#[test]
fn httpclient_posts_a_body() {
    httpclient().posts_a_body();
}

#[test]
fn everybody_with_an_ascii_name_logs_in_with_httpclient() {
    httpclient().logs_everybody_in(|identity| match identity.user.is_ascii() {
        true => Login::Accepted,
        false => Login::GivesUp(NO_UPPER_CASE),
    });
}

#[test]
fn httpclient_is_rejected_with_a_wrong_password() {
    httpclient().is_rejected_with_a_wrong_password();
}

#[test]
fn httpclient_keeps_users_apart() {
    httpclient().keeps_users_apart();
}

#[test]
fn httpclient_sends_no_bindings_over_tls() {
    httpclient().logs_in_over_tls_without_bindings();
}

#[test]
fn httpclient_logs_in_to_a_proxy() {
    httpclient().logs_in_to_a_proxy();
}

fn httpclient() -> HttpPeer {
    HttpPeer { bridge: Bridge::start(ruby("http_client.rb")), settings: json!({}) }
}

fn rubyntlm() -> Peer {
    Peer {
        bridge: Bridge::start(ruby("bridge_rubyntlm.rb")),
        abilities: Abilities { sends_ntlmv2_alone: true, ..Abilities::ALL },
        acceptor: |_| unreachable!("it has no server"),
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
        "protection": mode.protection_name(),
    })
}
