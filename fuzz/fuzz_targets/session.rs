//! Any operations on both ends of a session: what comes as it was sent, when its turn is, is
//! delivered; everything else is refused; and nothing comes after a message that was changed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::session::Script;

fuzz_target!(|script: Script<'_>| script.run());
