//! Any datagrams with any sequence numbers: what comes as it was sent, with its number, is
//! delivered, and everything else is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::datagram::Datagrams;

fuzz_target!(|datagrams: Datagrams<'_>| datagrams.run());
