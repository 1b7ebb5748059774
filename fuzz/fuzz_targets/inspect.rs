//! Arbitrary bytes give a table and `Debug` output of bounded length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::inspect;
use ntlm::wire::Message;

fuzz_target!(|bytes: &[u8]| {
    let masked = inspect::annotate(bytes);
    for table in [masked, masked.with_secrets()] {
        let table = table.to_string();
        assert!(table.ends_with('\n'));
        assert!(table.len() < 8192 + 200 * bytes.len(), "{} bytes", table.len());
    }
    let Ok(message) = Message::parse(bytes) else { return };
    let debug = format!("{message:?}");
    assert!(debug.len() < 4096 + 50 * bytes.len(), "{} bytes", debug.len());
});
