//! An honest exchange of any policies, whose messages are changed on the way, byte by byte or field
//! by field: what is accepted was proven, is what the policy demands, and unchanged where a MIC
//! says so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::exchange::Tampered;

fuzz_target!(|exchange: Tampered<'_>| {
    let Some(outcome) = exchange.run() else { return };
    outcome.assert_honest_proof_is_right();
    outcome.assert_mic_covers_everything();
    outcome.assert_accepted_as_it_must_be();
});
