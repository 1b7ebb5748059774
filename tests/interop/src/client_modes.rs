//! The modes as our example clients have them: `smb_client`, `ldap_client` and `rpc_client`.

use ntlm::session::Protection;

use crate::modes::{ALL, Mode};
use crate::process::Finished;

/// Those that differ by more than the protection, of which the protocol decides.
pub fn all() -> impl Iterator<Item = Mode> {
    ALL.into_iter().filter(|mode| mode.protection == Protection::Seal)
}

/// The options that make them suit a mode, and show what was negotiated.
pub fn options(mode: &Mode) -> Vec<&'static str> {
    let mut options = vec!["--verbose", "--level", if mode.is_ntlmv2() { "3" } else { "1" }];
    for (name, _) in mode.without.iter_names() {
        options.extend(["--without", name]);
    }
    options
}

/// Whether our client rejects Samba's `mechListMIC`: Samba signs the list where the AUTHENTICATE has a
/// MIC, so with NTLMv2. Without extended session security that signature is a CRC, which our client
/// does not accept.
pub fn has_weak_mech_list_mic(mode: &Mode) -> bool {
    mode.is_ntlmv2() && !mode.is_extended()
}

/// What our client says of it.
pub const WEAK_MECH_LIST_MIC: &str =
    "cannot log in: mechListMIC: it was received, but this handshake has no key to verify it";

/// Whether the client's last message, which it shows, has the flags of the mode.
///
/// # Panics
/// If not.
#[track_caller]
pub fn assert_negotiated(mode: &Mode, got: &Finished) {
    let (_, shown) = got.stderr.split_once("\nAUTHENTICATE\n").expect("it is shown");
    for flag in OPTIONAL {
        let is_expected = !mode.without.iter_names().any(|(name, _)| name == flag);
        assert_eq!(shown.contains(flag), is_expected, "{flag} {mode:?} {shown}");
    }
}

/// What both sides have by default.
const OPTIONAL: [&str; 5] = [
    "NEGOTIATE_UNICODE",
    "NEGOTIATE_EXTENDED_SESSIONSECURITY",
    "NEGOTIATE_128",
    "NEGOTIATE_56",
    "NEGOTIATE_KEY_EXCH",
];
