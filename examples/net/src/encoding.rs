//! Bytes as text: hexadecimal and base64.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits; `None` if the text contains anything else.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let is_hexadecimal = digits.len() % 2 == 0 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect::<Option<_>>().filter(|_| is_hexadecimal)
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of base64, with padding or without; `None` if the text is something else.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text).ok()
}

/// Decodes base64 without padding that may have been cut off anywhere; empty if the text is not
/// base64.
pub fn unbase64_cut(text: &str) -> Vec<u8> {
    const TOLERANT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    // A single leftover character encodes less than one byte.
    let len = if text.len() % 4 == 1 { text.len() - 1 } else { text.len() };
    text.get(..len).and_then(|text| TOLERANT.decode(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_round_trip() {
        for bytes in [&b""[..], b"\0", b"NTLMSSP\0", &[0xff, 0x80, 0x7f]] {
            assert_eq!(unhex(&hex(bytes)).as_deref(), Some(bytes));
            assert_eq!(unbase64(&base64(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(unhex("0aFF"), Some(vec![0x0a, 0xff]));
        assert_eq!(unbase64("TlRMTVNTUAA"), Some(b"NTLMSSP\0".to_vec()));
    }

    #[test]
    fn base64_is_read_wherever_it_was_cut_off() {
        let bytes = b"NTLMSSP\0\xff\xff\xff";
        let text = base64(bytes);
        for len in 0..=15 {
            assert_eq!(unbase64_cut(&text[..len]), bytes[..len * 6 / 8], "{len}");
        }
        assert!(unbase64_cut("?").is_empty() && unbase64_cut("TlR?TVNT").is_empty());
    }

    #[test]
    fn other_text_is_rejected() {
        for text in ["0", "+1", "0x", "é1", "g0"] {
            assert_eq!(unhex(text), None, "{text}");
        }
        assert_eq!(unbase64("TlRM TVNT"), None);
        assert_eq!(unbase64("?"), None);
    }
}
