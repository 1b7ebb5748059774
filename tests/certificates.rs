//! Channel bindings of certificates made by openssl, compared with openssl's own hashes and with
//! two other implementations, requests_ntlm and OpenJDK 17.

#![cfg(feature = "certificate")]
#![allow(clippy::unwrap_used)]

use ntlm::{CertificateError, ChannelBindings};
use ntlm_testkit::{Fields, data, hex, read_json};

#[test]
fn each_signature_algorithm_has_its_hash() {
    let mut hashes = std::collections::BTreeSet::new();
    for expected in read_json("certificates/expected.json").as_array().unwrap() {
        let file = expected.text("file").unwrap();
        let der = std::fs::read(data("certificates").join(file)).unwrap();
        let bindings = ChannelBindings::from_certificate(&der).map(|bindings| hex(bindings.md5()));
        let right = expected.text("channel_bindings").map(ToOwned::to_owned);
        assert_eq!(bindings, right.ok_or(CertificateError::UnknownHash), "{file}");
        hashes.insert(expected.text("hash").map(ToOwned::to_owned));
    }
    assert!(hashes.len() > 1 && hashes.contains(&None), "hashes and none: {hashes:?}");
}

#[test]
fn bindings_equal_those_of_requests_ntlm_and_openjdk() {
    for expected in read_json("certificates/expected.json").as_array().unwrap() {
        let (file, ours) = (expected.text("file").unwrap(), expected.text("channel_bindings"));
        let same = |other| expected.text(other) == ours;
        // For an unknown hash algorithm, no bindings are better than invented ones.
        assert!(same("requests_ntlm") || file == "rsa-sha3-256.der", "{file}");
        // OpenJDK uses SHA-256 for every RSASSA-PSS certificate.
        assert!(same("openjdk") || file.starts_with("rsa-pss-sha"), "{file}");
    }
}

#[test]
fn input_that_is_not_a_certificate_has_no_bindings() {
    let der = std::fs::read(data("certificates/rsa-pss-sha384.der")).unwrap();
    for len in 0..der.len() {
        let cut = ChannelBindings::from_certificate(&der[..len]);
        assert_eq!(cut, Err(CertificateError::Malformed), "{len}");
    }
    let pem = b"-----BEGIN CERTIFICATE-----\n";
    assert_eq!(ChannelBindings::from_certificate(pem), Err(CertificateError::Malformed));
}

/// The parameters of RSASSA-PSS come from the peer: no value of a byte may cause a panic.
#[test]
fn any_changed_byte_is_rejected_or_hashed() {
    let der = std::fs::read(data("certificates/rsa-pss-sha384.der")).unwrap();
    for at in 0..der.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = der.clone();
            changed[at] ^= change;
            let _ = ChannelBindings::from_certificate(&changed);
        }
    }
}
