//! ASN.1's tag, length and content, for LDAP.
//!
//! Handwritten, because describing the protocol to an ASN.1 crate would take more code, and crates
//! for DER reject the long forms of lengths that Active Directory sends in LDAP's BER.

use anyhow::{Context, bail, ensure};

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const OCTET_STRING: u8 = 0x04;
pub const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// The tag `[n]`: explicit, or implicit for a constructed type.
pub const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// `[APPLICATION n]` of a constructed type.
pub const fn application(number: u8) -> u8 {
    0x60 | number
}

/// One element, whose content is the concatenation of `contents`.
pub fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let content = contents.concat();
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(len @ ..0x80) => element.push(len),
        _ => {
            let bytes = content.len().to_be_bytes();
            let leading_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let significant = &bytes[leading_zeros..];
            element.push(0x80 | significant.len() as u8);
            element.extend(significant);
        }
    }
    element.extend(content);
    element
}

/// A number that is not negative.
pub fn unsigned(tag: u8, number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    // The first bit is the sign.
    let redundant = |pair: &[u8]| pair[0] == 0 && pair[1] < 0x80;
    let leading = bytes.windows(2).take_while(|pair| redundant(pair)).count();
    let sign: &[u8] = if bytes[0] < 0x80 { &[] } else { &[0] };
    element(tag, &[sign, &bytes[leading..]])
}

/// Reads the next element: its tag and its content.
pub fn read<'a>(input: &mut &'a [u8]) -> anyhow::Result<(u8, &'a [u8])> {
    let header = header(input)?.context("an ASN.1 element is cut short")?;
    let end = header.len.checked_add(header.content).context("an ASN.1 element is too long")?;
    let content = input.get(header.len..end).context("an ASN.1 element is cut short")?;
    *input = &input[end..];
    Ok((header.tag, content))
}

/// Reads the content of the next element, which must have this tag.
pub fn expect<'a>(input: &mut &'a [u8], tag: u8) -> anyhow::Result<&'a [u8]> {
    let (found, content) = read(input)?;
    ensure!(found == tag, "ASN.1 has tag {found:#04x} instead of {tag:#04x}");
    Ok(content)
}

/// Reads the content of the next element if it has this tag.
pub fn optional<'a>(input: &mut &'a [u8], tag: u8) -> anyhow::Result<Option<&'a [u8]>> {
    if input.first() == Some(&tag) { expect(input, tag).map(Some) } else { Ok(None) }
}

/// A number of at most four bytes that is not negative.
pub fn to_unsigned(content: &[u8]) -> anyhow::Result<u32> {
    ensure!(matches!(content.len(), 1..=4) && content[0] < 0x80, "a number is out of range");
    Ok(content.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// The length of the first element including its header; `None` if the header is incomplete.
pub fn len_of_first(input: &[u8]) -> anyhow::Result<Option<usize>> {
    Ok(header(input)?.and_then(|header| header.len.checked_add(header.content)))
}

/// The header of an element: tag and length.
struct Header {
    tag: u8,
    /// Length of the header.
    len: usize,
    /// Length of the content.
    content: usize,
}

fn header(input: &[u8]) -> anyhow::Result<Option<Header>> {
    let [tag, first, rest @ ..] = input else { return Ok(None) };
    ensure!(tag & 0x1f != 0x1f, "an ASN.1 tag has more than one byte");
    if *first < 0x80 {
        return Ok(Some(Header { tag: *tag, len: 2, content: (*first).into() }));
    }
    let count = usize::from(first & 0x7f);
    // A count of zero is the indefinite form, which LDAP does not allow (RFC 4511, 5.1).
    if !(1..=4).contains(&count) {
        bail!("an ASN.1 length has {count} bytes");
    }
    let Some(bytes) = rest.get(..count) else { return Ok(None) };
    let content = bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
    Ok(Some(Header { tag: *tag, len: 2 + count, content }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (len, start) in [
            (0, [4, 0].as_slice()),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (65_536, &[4, 0x83, 1, 0, 0]),
        ] {
            let written = element(OCTET_STRING, &[&vec![7; len]]);
            assert!(written.starts_with(start), "{len}");
            assert_eq!(len_of_first(&written).unwrap(), Some(written.len()));
            assert_eq!(expect(&mut &*written, OCTET_STRING).unwrap().len(), len);
        }
    }

    #[test]
    fn numbers_are_never_negative() {
        for (number, bytes) in [
            (0, [2, 1, 0].as_slice()),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (0x0012_3456, &[2, 3, 0x12, 0x34, 0x56]),
            (0x8000_0000, &[2, 5, 0, 128, 0, 0, 0]),
        ] {
            assert_eq!(unsigned(INTEGER, number), bytes);
        }
        assert!(to_unsigned(&[0x80]).is_err());
        assert!(to_unsigned(&[]).is_err());
    }

    #[test]
    fn lengths_of_active_directory_are_read() {
        let mut input = &[0x04, 0x84, 0, 0, 0, 2, 8, 9, 5][..];
        assert_eq!(read(&mut input).unwrap(), (OCTET_STRING, &[8, 9][..]));
        assert_eq!(input, [5]);
    }

    #[test]
    fn malformed_elements_are_rejected() {
        let malformed: [&[u8]; 6] =
            [&[], &[4], &[4, 2, 0], &[4, 0x80, 0, 0], &[0x1f, 0x81, 0], &[4, 0x85, 0, 0, 0, 0, 0]];
        for mut input in malformed {
            assert!(read(&mut input).is_err(), "{input:?}");
        }
        assert!(read(&mut &[4, 0x84, 0xff, 0xff, 0xff, 0xff][..]).is_err());
        assert_eq!(len_of_first(&[0x30, 0x82, 1]).unwrap(), None);
    }
}
