//! An arbitrary AUTHENTICATE, to servers with any policy and a live challenge: without the password
//! no client is accepted as a user, however the server verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::exchange::{Attempt, assert_is_nobody, assert_peers_fault};
use ntlm_fuzz::knobs::ServerKnobs;

fuzz_target!(|input: (ServerKnobs, Attempt<'_>)| {
    let (knobs, attempt) = input;
    match attempt.run(&knobs) {
        Ok(accepted) => assert_is_nobody(accepted, &knobs.policy()),
        Err(error) => assert_peers_fault(error, &knobs.misuses(), knobs.lacks()),
    }
});
