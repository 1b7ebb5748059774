//! Any requests and responses on a connection, honest ones among them: nobody is authenticated
//! without having proven it there, and refusals tell nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm_fuzz::http::Traffic;

fuzz_target!(|traffic: Traffic<'_>| traffic.run());
