//! Writing a list of AV pairs ([MS-NLMP] 2.2.2.1).

use alloc::vec::Vec;

use super::reserved::Reserved;
use super::{AvId, AvPairs, Error, ErrorKind};
use crate::text::Text;

/// A list of AV pairs (attribute and value), for writing. [`AvPairs`] reads it.
#[derive(Clone, Debug)]
#[doc(alias("AV_PAIR", "TargetInfo"))]
pub struct AvPairsBuf {
    /// The pairs, including `MsvAvEOL`.
    bytes: Vec<u8>,
}

/// The pair `MsvAvEOL`: id 0, length 0.
pub(crate) const EOL: [u8; 4] = [0; 4];

impl AvPairsBuf {
    /// Adds a pair at the end of the list, before `MsvAvEOL`.
    ///
    /// # Errors
    /// On error, the list is unchanged.
    /// - [`ErrorKind::FieldTooLong`] if the value exceeds 65 535 bytes.
    /// - [`ErrorKind::AvPairLength`] if the value has a wrong length for its id, or the id is
    ///   [`AvId::EOL`].
    /// - [`ErrorKind::AvPairTwice`] if the list already contains this id, and the specification
    ///   defines it.
    pub fn push(&mut self, id: AvId, value: &[u8]) -> Result<&mut Self, Error> {
        let end = self.bytes.len() - EOL.len();
        let error = |kind| Err(Error::new(kind, end));
        if value.len() > usize::from(u16::MAX) {
            return error(ErrorKind::FieldTooLong);
        }
        if id == AvId::EOL || !id.allows(value.len()) {
            return error(ErrorKind::AvPairLength(id));
        }
        if id.name().is_some() && self.as_pairs().get(id).is_some() {
            return error(ErrorKind::AvPairTwice(id));
        }
        self.bytes.truncate(end);
        append_pair(&mut self.bytes, id, value)?;
        self.bytes.extend_from_slice(&EOL);
        Ok(self)
    }

    /// Adds a pair whose value is text.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub fn push_text(&mut self, id: AvId, text: &Text) -> Result<&mut Self, Error> {
        self.push(id, &text.to_utf16le())
    }

    /// Returns the list so far.
    #[must_use]
    pub fn as_pairs(&self) -> AvPairs<'_> {
        AvPairs::known(&self.bytes)
    }
}

impl Default for AvPairsBuf {
    fn default() -> Self {
        Self { bytes: EOL.to_vec() }
    }
}

/// Appends a pair to a list without `MsvAvEOL`. It does not check whether the list remains well
/// formed. If the value is too long, `out` is unchanged.
pub(crate) fn append_pair(out: &mut Vec<u8>, id: AvId, value: &[u8]) -> Result<(), Error> {
    let too_long = Error::new(ErrorKind::FieldTooLong, out.len());
    let length = u16::try_from(value.len()).map_err(|_| too_long)?;
    out.extend_from_slice(&id.0.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Appends a pair as [`append_pair`] does, with text as UTF-16LE.
pub(crate) fn append_text_pair(out: &mut Vec<u8>, id: AvId, text: &Text) -> Result<(), Error> {
    let pair = out.len();
    out.extend_from_slice(&id.0.to_le_bytes());
    let length_place = Reserved::append(out);
    let start = out.len();
    text.append_utf16le(out);
    let Ok(length) = u16::try_from(out.len() - start) else {
        out.truncate(pair);
        return Err(Error::new(ErrorKind::FieldTooLong, pair));
    };
    length_place.fill(out, length.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn value_of_more_than_65_535_bytes_is_rejected() {
        let mut list = AvPairsBuf::default();
        let value = vec![7; 65_536];
        assert!(list.push(AvId(0x1234), &value[1..]).is_ok());
        let error = list.push(AvId(0x1235), &value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FieldTooLong);
    }

    #[test]
    fn text_of_more_than_32_767_units_is_rejected_and_the_buffer_unchanged() {
        let mut out = b"before".to_vec();
        let error = Error::new(ErrorKind::FieldTooLong, 6);
        let text = "x".repeat(32_768);
        let result = append_text_pair(&mut out, AvId::TARGET_NAME, &text.as_str().into());
        assert_eq!((result, &out[..]), (Err(error), &b"before"[..]));
        let text = &text[1..];
        append_text_pair(&mut out, AvId::TARGET_NAME, &text.into()).unwrap();
        out.extend_from_slice(&EOL);
        let pairs = AvPairs::parse(&out[6..]).unwrap();
        assert_eq!(pairs.text(AvId::TARGET_NAME).unwrap(), text);
    }

    #[test]
    fn pair_that_would_make_the_list_malformed_is_rejected() {
        let mut pairs = AvPairsBuf::default();
        pairs.push_text(AvId::NB_DOMAIN_NAME, &"D".into()).unwrap();
        let kind = |result: Result<&mut AvPairsBuf, Error>| result.unwrap_err().kind();
        assert_eq!(kind(pairs.push(AvId(77), &[0; 65_536])), ErrorKind::FieldTooLong);
        assert_eq!(kind(pairs.push(AvId::EOL, &[])), ErrorKind::AvPairLength(AvId::EOL));
        assert_eq!(kind(pairs.push(AvId::FLAGS, &[0])), ErrorKind::AvPairLength(AvId::FLAGS));
        let twice = ErrorKind::AvPairTwice(AvId::NB_DOMAIN_NAME);
        assert_eq!(kind(pairs.push_text(AvId::NB_DOMAIN_NAME, &"E".into())), twice);
        assert_eq!(pairs.as_pairs().as_bytes(), [2, 0, 2, 0, b'D', 0, 0, 0, 0, 0]);
        assert_eq!(AvPairs::parse(pairs.as_pairs().as_bytes()), Ok(pairs.as_pairs()));
    }
}
