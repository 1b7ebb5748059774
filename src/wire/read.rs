//! Reading the header fields of messages, with `nom`.

use nom::bytes::complete::{tag, take};
use nom::combinator::map;
use nom::number::complete::{le_u16, le_u32};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::field::Field;
use super::{Error, ErrorKind, MessageType, NegotiateFlags, SIGNATURE, Version};

/// The rest of a message, and its offset within the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at this offset, or at the end of the message if that is shorter.
    #[inline]
    pub(super) fn at(message: &'a [u8], offset: usize) -> Self {
        let offset = offset.min(message.len());
        let (_, rest) = message.split_at(offset);
        Self { rest, offset }
    }

    /// Reads the signature and the message type, which must be `expected`.
    #[inline]
    pub(super) fn message(bytes: &'a [u8], expected: MessageType) -> Result<Self, Error> {
        let mut reader = Self::at(bytes, 0);
        if reader.message_type()? != expected {
            return Err(Error::new(ErrorKind::MessageType, SIGNATURE.len()));
        }
        Ok(reader)
    }

    #[inline]
    pub(super) fn message_type(&mut self) -> Result<MessageType, Error> {
        let start = self.rest.get(..SIGNATURE.len()).unwrap_or(self.rest);
        if !SIGNATURE.starts_with(start) {
            return Err(Error::new(ErrorKind::Signature, 0));
        }
        let number = self.read(preceded(tag(&SIGNATURE[..]), le_u32))?;
        let unknown = Error::new(ErrorKind::MessageType, SIGNATURE.len());
        MessageType::from_number(number).ok_or(unknown)
    }

    #[inline]
    pub(super) fn flags(&mut self) -> Result<NegotiateFlags, Error> {
        self.read(map(le_u32, NegotiateFlags::from_bits_retain))
    }

    #[inline]
    pub(super) fn version(&mut self) -> Result<Version, Error> {
        self.array().map(Version::from_bytes)
    }

    #[inline]
    pub(super) fn field(&mut self) -> Result<Field, Error> {
        let descriptor = self.offset;
        let field = (le_u16, le_u16, le_u32).map(|(length, _maximum, offset)| Field {
            descriptor,
            length,
            offset,
        });
        self.read(field)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(self.too_short())?;
        self.advance_to(rest);
        Ok(*array)
    }

    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        self.read(take(count))
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn read<T>(
        &mut self,
        mut parser: impl Parser<&'a [u8], Output = T, Error = ()>,
    ) -> Result<T, Error> {
        // These parsers fail only at the end of the input.
        let result: IResult<&'a [u8], T, ()> = parser.parse(self.rest);
        let (rest, value) = result.map_err(|_| self.too_short())?;
        self.advance_to(rest);
        Ok(value)
    }

    #[inline]
    fn advance_to(&mut self, rest: &'a [u8]) {
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
    }

    #[inline]
    fn too_short(&self) -> Error {
        Error::new(ErrorKind::TooShort, self.offset + self.rest.len())
    }
}
