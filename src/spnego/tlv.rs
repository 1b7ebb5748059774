//! Reading elements of tag, length and contents (X.690), without recursion and allocation.
//!
//! DER requires the shortest form of a length, but NetApp sends longer ones, which the crate `der`
//! rejects. This module accepts lengths of up to four octets in any form.

use core::ops::Range;

use super::{TokenError, TokenErrorKind};

/// Reads the elements of one level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements<'a> {
    bytes: &'a [u8],
    /// The offset of `bytes` within the token.
    offset: usize,
}

/// An element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// The whole element as received, with tag and length.
    pub(super) encoded: &'a [u8],
    pub(crate) contents: Elements<'a>,
}

impl<'a> Elements<'a> {
    pub(crate) const fn new(token: &'a [u8]) -> Self {
        Self { bytes: token, offset: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the bytes that were not read yet.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the range of these bytes within the token.
    pub(crate) const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.bytes.len()
    }

    pub(super) const fn error(&self, kind: TokenErrorKind) -> TokenError {
        TokenError::new(kind, self.offset)
    }

    /// Reads an element with any tag of one octet.
    pub(crate) fn next(&mut self) -> Result<Element<'a>, TokenError> {
        let too_short = self.error(TokenErrorKind::TooShort);
        let (&tag, rest) = self.bytes.split_first().ok_or(too_short)?;
        if tag & 0x1f == 0x1f {
            return Err(self.error(TokenErrorKind::Tag));
        }
        let (&first, rest) = rest.split_first().ok_or(too_short)?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let (octets, rest) = rest.split_at_checked(count).ok_or(too_short)?;
                let length = octets.iter().fold(0, |length, octet| length << 8 | u64::from(*octet));
                // A length that exceeds `usize` also lies outside the token.
                (usize::try_from(length).unwrap_or(usize::MAX), rest)
            }
            _ => return Err(self.error(TokenErrorKind::Length)),
        };
        let outside = self.error(TokenErrorKind::Outside);
        let (contents, after) = rest.split_at_checked(length).ok_or(outside)?;
        let header = self.bytes.len() - rest.len();
        let (encoded, _) = self.bytes.split_at(header + length);
        let element = Element {
            tag,
            encoded,
            contents: Self { bytes: contents, offset: self.offset + header },
        };
        *self = Self { bytes: after, offset: self.offset + encoded.len() };
        Ok(element)
    }

    /// Reads an element with this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<Element<'a>, TokenError> {
        let wrong = self.error(TokenErrorKind::Tag);
        let element = self.next()?;
        if element.tag == tag { Ok(element) } else { Err(wrong) }
    }

    /// Reads an element with this tag, which must be the only one of this level.
    pub(super) fn only(mut self, tag: u8) -> Result<Element<'a>, TokenError> {
        let element = self.expect(tag)?;
        self.finish()?;
        Ok(element)
    }

    /// Fails if bytes are left.
    pub(super) const fn finish(self) -> Result<(), TokenError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(TokenErrorKind::Trailing)) }
    }
}

impl Element<'_> {
    /// Returns the range of the element within the token, with tag and length.
    pub(crate) const fn range(&self) -> Range<usize> {
        let end = self.contents.range().end;
        end - self.encoded.len()..end
    }
}
