//! Finds a second message header inside a message.

use super::{MessageType, SIGNATURE};

/// Returns where a message contains `NTLMSSP\0` again after its own header.
pub(crate) fn second_header(message: &[u8]) -> Option<usize> {
    after_the_first(message, &SIGNATURE)
}

/// Returns where a message contains the header of an AUTHENTICATE after its own header:
/// `NTLMSSP\0` and the message type 3.
pub(crate) fn second_authenticate(message: &[u8]) -> Option<usize> {
    let [a, b, c, d, e, f, g, h] = SIGNATURE;
    let [i, j, k, l] = MessageType::Authenticate.number().to_le_bytes();
    after_the_first(message, &[a, b, c, d, e, f, g, h, i, j, k, l])
}

fn after_the_first<const N: usize>(message: &[u8], pattern: &[u8; N]) -> Option<usize> {
    let rest = message.get(1..)?;
    rest.windows(N).position(|window| window == pattern).map(|position| position + 1)
}

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
