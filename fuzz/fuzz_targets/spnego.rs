//! Any bytes as a token of SPNEGO; and as steps of negotiations with a man in the middle: whoever is
//! accepted has proven the password and signed the list that the server has seen, and a client is
//! done when the server has signed the one that it sent.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::spnego::{Negotiations, assert_parses};

fuzz_target!(|bytes: &[u8]| {
    assert_parses(bytes);
    if let Ok(negotiations) = Negotiations::arbitrary_take_rest(Unstructured::new(bytes)) {
        negotiations.run();
    }
});
