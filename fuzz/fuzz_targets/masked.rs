//! Two AUTHENTICATE messages that differ only in their secrets, truncated or after other bytes:
//! their tables are equal, and so is their `Debug` output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::inspect;
use ntlm::wire::Message;
use ntlm_fuzz::mask::Masked;

fuzz_target!(|masked: Masked<'_>| {
    let Some([one, other]) = masked.tokens() else { return };
    assert_eq!(inspect::annotate(&one).to_string(), inspect::annotate(&other).to_string());
    let shown = [&one, &other].map(|token| format!("{:?}", Message::parse(token)));
    assert_eq!(shown[0], shown[1]);
});
