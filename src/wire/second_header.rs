//! Finds a second message header inside a message.

use super::{MessageType, SIGNATURE};

/// Returns the offset at which a message contains `NTLMSSP\0` again after its own header.
pub(crate) fn second_header(message: &[u8]) -> Option<usize> {
    headers_after_the_first(message).next()
}

/// Returns the offset at which a message contains the header of an AUTHENTICATE, `NTLMSSP\0` and
/// the message type 3, after its own header.
pub(crate) fn second_authenticate(message: &[u8]) -> Option<usize> {
    let is_authenticate = |start: &usize| {
        let number = message.get(start + SIGNATURE.len()..).and_then(<[u8]>::first_chunk);
        number == Some(&MessageType::Authenticate.number().to_le_bytes())
    };
    headers_after_the_first(message).find(is_authenticate)
}

/// Finds the offsets of `NTLMSSP\0` after offset 0.
///
/// An occurrence has seven letters, so the offset of one of them is a multiple of 7. The search
/// examines only the bytes at those offsets, which is several times faster than examining all. It
/// does not look for the zero byte of the pattern, because UTF-16 text is full of zeros.
fn headers_after_the_first(message: &[u8]) -> impl Iterator<Item = usize> {
    let is_header = |start: usize| {
        let bytes = message.get(start..).and_then(<[u8]>::first_chunk);
        (bytes == Some(&SIGNATURE)).then_some(start)
    };
    // Most bytes are none of the letters, and testing a range is faster than testing each letter.
    let bytes = message.iter().enumerate().skip(LETTERS).step_by(LETTERS);
    let candidates = bytes.filter(|(_, byte)| matches!(byte, b'L'..=b'T'));
    candidates.filter_map(move |(at, byte)| match byte {
        b'N' => is_header(at),
        b'T' => is_header(at - 1),
        b'L' => is_header(at - 2),
        b'M' => is_header(at - 3),
        b'S' => is_header(at - 4).or_else(|| is_header(at - 5)),
        b'P' => is_header(at - 6),
        _ => None,
    })
}

/// The number of letters in the pattern.
const LETTERS: usize = SIGNATURE.len() - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_header_is_found_at_every_offset_and_the_first_is_not() {
        assert_eq!(second_header(b""), None);
        assert_eq!(second_header(&SIGNATURE), None);
        for offset in 8..80 {
            let message = [&SIGNATURE[..], &b"NTLMSSP".repeat(11)[..offset - 8], &SIGNATURE];
            let message = message.concat();
            assert_eq!(second_header(&message), Some(offset), "{offset}");
            assert_eq!(second_header(&message[..message.len() - 1]), None, "{offset}");
        }
    }

    #[test]
    fn only_the_header_of_an_authenticate_is_a_second_authenticate() {
        for (tail, offset) in [
            (&b"NTLMSSP\0\x03\0\0\0"[..], Some(12)),
            (b"NTLMSSP\0\x02\0\0\0", None),
            (b"NTLMSSP\0\x03\0\0", None),
            (b"NTLMSSP\0\x03\0\0\x01", None),
            (b"\0NTLMSSP\0\x03\0\0\0\xff", Some(13)),
        ] {
            let message = [b"NTLMSSP\0\x02\0\0\0", tail].concat();
            assert_eq!(second_authenticate(&message), offset, "{tail:?}");
        }
        assert_eq!(second_authenticate(b"NTLMSSP\0\x03\0\0\0"), None);
    }
}
