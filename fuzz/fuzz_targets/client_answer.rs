//! An arbitrary CHALLENGE, to clients with any policy: the answer contains only flags that both
//! sides offered, meets every requirement and proves the password; and an error blames the peer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::exchange::{Answer, assert_peers_fault};
use ntlm_fuzz::knobs::ClientKnobs;

fuzz_target!(|input: (ClientKnobs, bool, &[u8])| {
    let (knobs, is_datagram, challenge) = input;
    match Answer::to(challenge, &knobs, is_datagram) {
        Err(error) => assert_peers_fault(error, &knobs.misuses(), knobs.lacks()),
        Ok(answer) => {
            answer.assert_both_offered_it();
            answer.assert_demands_are_met();
            answer.assert_it_proves_the_password();
        }
    }
});
