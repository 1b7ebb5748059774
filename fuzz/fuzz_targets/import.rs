//! Arbitrary bytes as a state from another process: a state that can be imported is exported as the
//! same bytes, and works.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::{Session, SessionKeys};
use ntlm_fuzz::handover::{assert_works, server};

fuzz_target!(|bytes: &[u8]| {
    let import = || Session::import(bytes);
    if let (Ok(session), Ok(same)) = (import(), import()) {
        assert_works(same);
        assert_eq!(session.export().as_bytes(), bytes);
    } else if let Ok(keys) = SessionKeys::import(bytes) {
        assert_eq!(keys.export().as_bytes(), bytes);
    } else if let Ok(handshake) = server().import(bytes) {
        assert_eq!(handshake.export().as_bytes(), bytes);
    }
});
