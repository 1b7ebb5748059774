//! Arbitrary bytes as a SPNEGO token, and as steps of negotiations with a man in the middle: an
//! accepted client has proven the password and signed the list that the server received, and a
//! client completes only after the server has signed the list that it sent.
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
