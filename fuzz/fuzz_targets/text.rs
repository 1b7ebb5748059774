//! Arbitrary text: UTF-16 and OEM bytes are preserved, and comparisons that ignore case do so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::{CharacterSet, CodePage, Text};
use ntlm_fuzz::knobs::HALF_OF_LATIN_1;

fuzz_target!(|bytes: &[u8]| {
    let code_page: &dyn CodePage = &HALF_OF_LATIN_1;
    for character_set in [CharacterSet::Unicode, CharacterSet::Oem] {
        let Ok(text) = Text::decode(bytes, character_set, code_page) else { continue };
        let encoded = text.encode(character_set, code_page);
        assert!(encoded.is_ok_and(|encoded| encoded == bytes) || bytes.len() > 65_535);
        assert_eq!(Text::from_utf16le(&text.to_utf16le()), Ok(text.clone()));
        assert!(text.eq_ignore_case(&text.to_uppercase()));
        assert!(text.to_string().chars().count() <= bytes.len());
    }
});
