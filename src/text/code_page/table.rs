//! Code pages of one byte per character, in which the bytes below 0x80 are ASCII.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use zeroize::Zeroizing;

use super::CodePage;

/// The characters of the bytes 0x80 to 0xff. U+FFFD marks a byte without a character.
impl CodePage for [char; 128] {
    fn decode(&self, bytes: &[u8]) -> Option<String> {
        decode(bytes, |byte| character(self, byte))
    }

    fn encode(&self, text: &str) -> Option<Vec<u8>> {
        encode(text, |byte| character(self, byte))
    }
}

fn character(table: &[char; 128], byte: u8) -> Option<char> {
    table.get(usize::from(byte & 0x7f)).copied().filter(|&c| c != char::REPLACEMENT_CHARACTER)
}

/// Decodes bytes. `upper_half` returns the characters of the bytes 0x80 to 0xff.
pub(super) fn decode(bytes: &[u8], upper_half: impl Fn(u8) -> Option<char>) -> Option<String> {
    let character =
        |&byte: &u8| if byte.is_ascii() { Some(char::from(byte)) } else { upper_half(byte) };
    bytes.iter().map(character).collect()
}

/// Encodes text. `upper_half` returns the characters of the bytes 0x80 to 0xff.
pub(super) fn encode(text: &str, upper_half: impl Fn(u8) -> Option<char>) -> Option<Vec<u8>> {
    let byte = |character: char| match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => Some(byte),
        _ => (0x80..=0xff).find(|byte| upper_half(*byte) == Some(character)),
    };
    // The text may be a password: reserve the maximum, because a vector that grows leaves copies
    // behind, and wipe the bytes if a character cannot be encoded.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    for character in text.chars() {
        bytes.push(byte(character)?);
    }
    Some(mem::take(&mut bytes))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn byte_or_character_outside_the_table_is_rejected() {
        let mut table = ['\u{fffd}'; 128];
        table[0x7f] = 'é';
        assert_eq!(table.encode("né"), Some(vec![b'n', 0xff]));
        assert_eq!(table.decode(&[b'n', 0xff]).as_deref(), Some("né"));
        assert_eq!(table.decode(&[0xfe]), None);
        assert_eq!(table.encode("\u{fffd}"), None);
    }
}
