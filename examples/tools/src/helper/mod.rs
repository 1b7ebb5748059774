//! The protocols of Samba's `ntlm_auth`, each as a state machine that answers lines.

pub mod admission;
pub mod basic;
pub mod client;
pub mod line;
pub mod ms_chap;
pub mod options;
pub mod server;
pub mod smb_conf;

use ntlm::wire::NegotiateFlags;
use ntlm::{Error, SessionKeys, UserName};

use ntlm_net_examples::encoding::base64;

/// `GK`: the session key.
fn session_key(keys: Option<&SessionKeys>) -> String {
    match keys {
        Some(keys) => format!("GK {}", base64(keys.exported_session_key().expose())),
        None => "BH No session key".into(),
    }
}

/// `GF`: the flags negotiated so far.
fn flags(flags: Option<NegotiateFlags>) -> String {
    match flags {
        Some(flags) => format!("GF {:#010x}", flags.bits()),
        None => "BH".into(),
    }
}

/// Logs the reason for the rejection, and returns the line that Samba would send.
fn reject(error: Error, claimed: Option<&UserName>) -> String {
    log_rejection(error, claimed);
    match error {
        Error::Denied(_) | Error::Refused(_) => "NA NT_STATUS_LOGON_FAILURE",
        Error::Environment(_) => "BH NT_STATUS_UNSUCCESSFUL",
        _ => "NA NT_STATUS_INVALID_PARAMETER",
    }
    .into()
}

/// Standard error is Squid's `cache.log`. Names come from the client: `{:?}` escapes line breaks.
fn log_rejection(error: Error, claimed: Option<&UserName>) {
    let claimed = claimed.map(|user| format!(" user={:?}", user.to_string())).unwrap_or_default();
    eprintln!("ntlm_auth: refused{claimed} reason={:?} detail={error:?}", error.log().to_string());
}
