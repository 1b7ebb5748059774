//! Finds messages in bytes: in SPNEGO, in a packet, or alone.

use ntlm::wire::SIGNATURE;
use ntlm_net_examples::der;

/// The messages in these bytes. Bytes that begin with a message are one message. Otherwise each
/// message ends with the OCTET STRING that contains it, as in SPNEGO, or at the next message.
pub(super) fn messages(bytes: &[u8]) -> Vec<&[u8]> {
    if bytes.starts_with(&SIGNATURE) {
        return vec![bytes];
    }
    let windows = bytes.windows(SIGNATURE.len()).enumerate();
    let starts: Vec<_> =
        windows.filter(|(_, window)| *window == SIGNATURE).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let message = |(start, end): (&usize, usize)| {
        in_octet_string(bytes, *start).or_else(|| bytes.get(*start..end))
    };
    starts.iter().zip(ends).filter_map(message).collect()
}

/// Whether the bytes contain a message, or the beginning of one.
pub(super) fn is_there(bytes: &[u8]) -> bool {
    bytes.windows(SIGNATURE.len()).any(|window| window == SIGNATURE)
}

/// Whether the bytes begin with a tag of SPNEGO or GSS-API.
pub(super) fn is_gss(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x60 | 0xa0 | 0xa1))
}

/// The content of the OCTET STRING whose content begins here, if it is complete; tag and length are
/// two to four bytes before it.
fn in_octet_string(bytes: &[u8], start: usize) -> Option<&[u8]> {
    (2..=4).find_map(|header| {
        let mut element = bytes.get(start.checked_sub(header)?..)?;
        let (tag, content) = der::read(&mut element).ok()?;
        (tag == der::OCTET_STRING && content.starts_with(&SIGNATURE)).then_some(content)
    })
}
