//! Samba's settings.

use ntlm::wire::NegotiateFlags as Flags;
use serde_json::{Value, json};

use crate::modes::Mode;

/// What makes its client suit a mode.
pub fn client_settings(mode: &Mode) -> Value {
    let mut settings = settings("ntlmssp_client", mode);
    settings["client ntlmv2 auth"] = yes(mode.is_ntlmv2());
    settings["client lanman auth"] = yes(!mode.is_ntlmv2());
    settings
}

/// What a mode is without, as settings of `ntlmssp_client` or `ntlmssp_server`.
pub fn settings(side: &str, mode: &Mode) -> Value {
    let mut settings = json!({});
    for (name, flag) in [
        ("unicode", Flags::NEGOTIATE_UNICODE),
        ("ntlm2", Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY),
        ("128bit", Flags::NEGOTIATE_128),
        ("56bit", Flags::NEGOTIATE_56),
        ("keyexchange", Flags::NEGOTIATE_KEY_EXCH),
    ] {
        settings[format!("{side}:{name}")] = yes(!mode.without.contains(flag));
    }
    settings
}

fn yes(holds: bool) -> Value {
    if holds { "yes" } else { "no" }.into()
}
