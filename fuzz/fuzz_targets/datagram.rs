//! Arbitrary datagrams with arbitrary sequence numbers: a datagram that arrives unchanged, with its
//! number, is accepted; every other one is rejected.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::datagram::Datagrams;

fuzz_target!(|datagrams: Datagrams<'_>| datagrams.run());
