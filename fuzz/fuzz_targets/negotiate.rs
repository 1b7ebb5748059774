//! Arbitrary bytes: a NEGOTIATE that parses has the names of its descriptors, is the same after it was written,
//! and is written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::{Negotiate, NegotiateFlags as Flags};
use ntlm_fuzz::codec::{assert_located, emitted, field};

fuzz_target!(|bytes: &[u8]| {
    let message = match Negotiate::parse(bytes) {
        Ok(message) => message,
        Err(error) => return assert_located(error, bytes),
    };
    let flags = [Flags::NEGOTIATE_OEM_DOMAIN_SUPPLIED, Flags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED];
    let names = [message.domain, message.workstation];
    for ((flag, name), descriptor) in flags.into_iter().zip(names).zip([16, 24]) {
        assert_eq!(name, message.flags.contains(flag).then(|| field(bytes, descriptor)));
    }
    let written = emitted(&message);
    let without_flags = Negotiate { flags: message.flags - flags[0] - flags[1], ..message };
    assert_eq!(emitted(&without_flags), written, "the flags of the names are set");
    let again = Negotiate::parse(&written).expect("what was written parses");
    assert_eq!(again, message);
    assert_eq!(emitted(&again), written);
});
