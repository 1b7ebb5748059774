//! Arbitrary requests and responses on a connection, honest ones among them: no client is
//! authenticated without a proof on that connection, and refusals reveal nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::http::Traffic;

fuzz_target!(|traffic: Traffic<'_>| traffic.run());
