//! Arbitrary bytes: an AUTHENTICATE that parses has the bytes of its fields, is the same after it was written, and
//! is written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::Authenticate;
use ntlm_fuzz::codec::{assert_located, emitted, field};

fuzz_target!(|bytes: &[u8]| {
    let message = match Authenticate::parse(bytes) {
        Ok(message) => message,
        Err(error) => return assert_located(error, bytes),
    };
    let responses = [message.lm_response.as_bytes(), message.nt_response.as_bytes()];
    assert_eq!(responses, [12, 20].map(|descriptor| field(bytes, descriptor)));
    let names = [message.domain, message.user, message.workstation];
    assert_eq!(names, [28, 36, 44].map(|descriptor| field(bytes, descriptor)));
    let written = emitted(&message);
    let again = Authenticate::parse(&written).expect("what was written parses");
    assert_eq!(again, message);
    assert_eq!(emitted(&again), written);
});
