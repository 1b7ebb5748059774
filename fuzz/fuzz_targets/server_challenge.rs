//! An arbitrary NEGOTIATE, to servers with any policy: the CHALLENGE grants flags that were asked
//! for and allowed, contains names and time, and has a length that the client cannot influence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::exchange::{assert_challenge_is_right, assert_peers_fault, live_challenge};
use ntlm_fuzz::knobs::ServerKnobs;

fuzz_target!(|input: (ServerKnobs, bool, &[u8])| {
    let (knobs, is_datagram, negotiate) = input;
    let environment = &mut knobs.environment();
    match live_challenge(&knobs.server(), negotiate, is_datagram, environment) {
        Err(error) => assert_peers_fault(error, &knobs.misuses(), knobs.lacks()),
        Ok((challenge, _)) => {
            let negotiate = (!is_datagram).then_some(negotiate);
            assert_challenge_is_right(&challenge, negotiate, &knobs.policy());
        }
    }
});
