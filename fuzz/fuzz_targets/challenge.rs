//! Arbitrary bytes: a CHALLENGE that parses stays the same when it is written and parsed again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::Challenge;
use ntlm_fuzz::codec::{assert_located, emitted};

fuzz_target!(|bytes: &[u8]| {
    let message = match Challenge::parse(bytes) {
        Ok(message) => message,
        Err(error) => return assert_located(error, bytes),
    };
    let written = emitted(&message);
    let again = Challenge::parse(&written).expect("what was written parses");
    assert_eq!(again, message);
    assert_eq!(emitted(&again), written);
});
