//! A minimal DER reader for recorded structures.

use crate::replay::Outcome;

/// An element: its tag and its contents.
pub type Element<'a> = (u8, &'a [u8]);

/// Reads the first element, and returns what follows it.
pub fn first(bytes: &[u8]) -> Outcome<(Element<'_>, &[u8])> {
    let read = || {
        let (&tag, rest) = bytes.split_first()?;
        let (&len, rest) = rest.split_first()?;
        let (len, rest) = match len {
            0..=0x7f => (usize::from(len), rest),
            _ => {
                let (digits, rest) = rest.split_at_checked(usize::from(len & 0x7f))?;
                if digits.len() > 4 {
                    return None;
                }
                (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
            }
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        Some(((tag, contents), rest))
    };
    read().ok_or_else(|| format!("no DER: {bytes:02x?}"))
}

/// Reads an element that has this tag and is followed by nothing.
pub fn only(tag: u8, bytes: &[u8]) -> Outcome<&[u8]> {
    match first(bytes)? {
        ((found, contents), []) if found == tag => Ok(contents),
        ((found, _), rest) => Err(format!("tag {found:02x}, and {} bytes after it", rest.len())),
    }
}

/// Reads all elements.
pub fn all(mut bytes: &[u8]) -> Outcome<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (element, rest) = first(bytes)?;
        elements.push(element);
        bytes = rest;
    }
    Ok(elements)
}

/// The contents of an element, found by the tags on the path to it; elements with other tags are
/// skipped at each level.
pub fn find<'a>(bytes: &'a [u8], path: &[u8]) -> Option<&'a [u8]> {
    let Some((wanted, path)) = path.split_first() else { return Some(bytes) };
    let mut rest = bytes;
    while !rest.is_empty() {
        let ((tag, contents), after) = first(rest).ok()?;
        if tag == *wanted {
            return find(contents, path);
        }
        rest = after;
    }
    None
}
