//! Bytes as text.

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a text of digits.
///
/// # Panics
/// If it is something else.
pub fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| {
        let digits = digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        digits.expect("it is hexadecimal")
    };
    (0..digits.len()).step_by(2).map(byte).collect()
}
