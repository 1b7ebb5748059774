//! Recorded CredSSP logins, for tests.

use serde_json::Value;

/// The CredSSP logins in `tests/data/protocols.json`.
pub fn all() -> Vec<Value> {
    let file = include_str!("../../../tests/data/protocols.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let exchanges = file["exchanges"].as_array().unwrap().iter();
    let exchanges = exchanges.filter(|exchange| exchange["protocol"] == "credssp").cloned();
    exchanges.collect()
}

/// The bytes of hexadecimal digits.
pub fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
