//! An honest handshake with any policies, whose messages are changed in transit, byte by byte or
//! field by field: an accepted client has proven its password and meets the policy, and a verified
//! MIC means that nothing was changed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::exchange::Tampered;

fuzz_target!(|exchange: Tampered<'_>| {
    let Some(outcome) = exchange.run() else { return };
    outcome.assert_honest_proof_is_right();
    outcome.assert_mic_covers_everything();
    outcome.assert_accepted_as_it_must_be();
});
