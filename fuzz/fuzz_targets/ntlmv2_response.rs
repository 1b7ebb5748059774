//! An arbitrary NT response: its length determines its kind, and an NTLMv2 response can be written
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::NtResponse;
use ntlm_fuzz::codec::{assert_located, assert_pairs_agree, assert_written_anew};

fuzz_target!(|bytes: &[u8]| match NtResponse::parse(bytes) {
    Err(error) => assert_located(error, bytes),
    Ok(NtResponse::Empty) => assert!(bytes.is_empty()),
    Ok(NtResponse::Short(short)) => assert_eq!((short, short.len() < 24), (bytes, true)),
    Ok(NtResponse::V1(response)) => assert_eq!(response, bytes),
    Ok(NtResponse::V2(response)) => {
        assert_eq!([&response.proof()[..], response.blob()].concat(), bytes);
        // [MS-NLMP] 2.2.2.7: RespType, TimeStamp, ChallengeFromClient, AvPairs.
        assert_eq!(bytes[16], 1);
        assert_eq!(response.time().ticks().to_le_bytes(), bytes[24..32]);
        assert_eq!(response.client_challenge(), bytes[32..40]);
        assert_eq!(response.target_info().as_bytes(), &bytes[44..]);
        assert_pairs_agree(response.target_info());
        assert_written_anew(response);
    }
});
