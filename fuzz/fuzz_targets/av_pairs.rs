//! An arbitrary list of AV pairs is rejected, or read to its end, and can be built pair by pair.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::AvPairs;
use ntlm_fuzz::codec::{assert_located, assert_pairs_agree, rebuilt};

fuzz_target!(|bytes: &[u8]| {
    let pairs = match AvPairs::parse(bytes) {
        Ok(pairs) => pairs,
        Err(error) => return assert_located(error, bytes),
    };
    let length: usize = pairs.iter().map(|(_, value)| 4 + value.len()).sum();
    assert_eq!(length + 4 + pairs.trailing().len(), bytes.len());
    assert_eq!(rebuilt(pairs).as_pairs().as_bytes(), &bytes[..length + 4]);
    assert_pairs_agree(pairs);
});
