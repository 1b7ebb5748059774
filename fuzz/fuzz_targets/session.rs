//! Arbitrary operations on both ends of a session: a message that arrives unchanged and in order is
//! accepted; every other one is rejected; and no message is accepted after a changed one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::session::Script;

fuzz_target!(|script: Script<'_>| script.run());
