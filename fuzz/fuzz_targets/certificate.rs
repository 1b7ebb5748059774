//! Arbitrary DER: a certificate has the bindings of one of the four hashes, and only a complete one
//! is accepted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::{CertificateError, ChannelBindings};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

fuzz_target!(|der: &[u8]| {
    let Ok(bindings) = ChannelBindings::from_certificate(der) else { return };
    let of = |hash: &[u8]| ChannelBindings::tls_server_end_point(hash).unwrap();
    let short = [of(&Sha224::digest(der)), of(&Sha256::digest(der))];
    let long = [of(&Sha384::digest(der)), of(&Sha512::digest(der))];
    assert!(short.contains(&bindings) || long.contains(&bindings));
    let malformed = Err(CertificateError::Malformed);
    assert_eq!(ChannelBindings::from_certificate(&der[..der.len() - 1]), malformed);
    assert_eq!(ChannelBindings::from_certificate(&[der, &[0]].concat()), malformed);
});
