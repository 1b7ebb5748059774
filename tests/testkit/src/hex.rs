//! Bytes as hexadecimal digits.

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
pub fn unhex(digits: &str) -> Vec<u8> {
    try_unhex(digits).unwrap_or_else(|| panic!("not hexadecimal: {digits}"))
}

pub fn try_unhex(digits: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        u8::try_from(digit(0)? << 4 | digit(1)?).ok()
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}
