//! Arbitrary bytes: a NEGOTIATE that parses stays the same when it is written and parsed again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::Negotiate;
use ntlm_fuzz::codec::{assert_located, emitted};

fuzz_target!(|bytes: &[u8]| {
    let message = match Negotiate::parse(bytes) {
        Ok(message) => message,
        Err(error) => return assert_located(error, bytes),
    };
    let written = emitted(&message);
    let again = Negotiate::parse(&written).expect("what was written parses");
    assert_eq!(again, message);
    assert_eq!(emitted(&again), written);
});
