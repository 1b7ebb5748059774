//! Arbitrary bytes: a CHALLENGE that parses has the bytes of its fields, is the same after it was written, and is
//! written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::CharacterSet;
use ntlm::wire::Challenge;
use ntlm_fuzz::codec::{assert_located, emitted, field};

fuzz_target!(|bytes: &[u8]| {
    let message = match Challenge::parse(bytes) {
        Ok(message) => message,
        Err(error) => return assert_located(error, bytes),
    };
    assert_eq!(message.server_challenge, bytes[24..32]);
    if !message.target_name.is_empty() {
        assert_eq!(message.target_name, field(bytes, 12));
        let is_unicode = message.flags.character_set() == Some(CharacterSet::Unicode);
        assert!(!is_unicode || message.target_name.len() % 2 == 0);
    }
    if let Some(pairs) = message.target_info {
        assert_eq!(pairs.as_bytes(), field(bytes, 40));
    }
    let written = emitted(&message);
    assert_eq!(written[32..40], [0; 8], "`Reserved`");
    let again = Challenge::parse(&written).expect("what was written parses");
    assert_eq!(again, message);
    assert_eq!(emitted(&again), written);
});
