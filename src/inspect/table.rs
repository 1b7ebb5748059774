//! Prints the table of a token, line by line.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter};
use core::ops::Range;

use super::layout::{
    AUTHENTICATE, CHALLENGE, Header, Item, Kind, NEGOTIATE, NTLMV2, Part, UNKNOWN,
};
use super::value::{AvValue, Hex, Name, descriptor, exactly, time};
use crate::text::CharacterSet;
use crate::wire::{AvId, NegotiateFlags, SIGNATURE, Signature, Version};

/// A part of the header, or an item of the payload with its bytes.
enum Row<'a> {
    Part(Kind),
    Item(Item, &'a [u8]),
}

/// The printer of a token.
pub(super) struct Table<'a, 'f, 'g> {
    pub(super) token: &'a [u8],
    /// The offset of the token within the bytes whose ranges the table shows.
    pub(super) start: usize,
    pub(super) shows_secrets: bool,
    pub(super) f: &'f mut Formatter<'g>,
}

impl<'a> Table<'a, '_, '_> {
    pub(super) fn print(mut self) -> fmt::Result {
        if let Some(rest) = self.token.strip_prefix(&SIGNATURE) {
            return self.message(rest);
        }
        match <[u8; 16]>::try_from(self.token).map(Signature::from) {
            Ok(signature) if signature.is_known_version() => self.signature(signature),
            #[cfg(feature = "spnego")]
            _ if self.may_be_spnego() => self.spnego(),
            _ => {
                self.not_ntlm()?;
                self.guess()
            }
        }
    }

    /// Returns whether the first byte is that of GSS-API framing (RFC 2743, section 3.1), or of a
    /// SPNEGO token without framing (RFC 4178, section 4.2).
    fn may_be_spnego(&self) -> bool {
        matches!(self.token.first(), Some(0x60 | 0xa0 | 0xa1))
    }

    fn message(&mut self, after_signature: &[u8]) -> fmt::Result {
        let number = after_signature.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let header = match number {
            Some(1) => NEGOTIATE,
            Some(2) => CHALLENGE,
            Some(3) => AUTHENTICATE,
            _ => UNKNOWN,
        };
        writeln!(self.f, "{}, {} bytes", header.name, self.token.len())?;
        self.line(0..8, "Signature", "\"NTLMSSP\\0\"")?;
        match number {
            Some(number) => self.line(8..12, "MessageType", number)?,
            None => self.missing(8..12, "MessageType")?,
        }
        self.fields(&header)
    }

    fn fields(&mut self, header: &Header) -> fmt::Result {
        let flags = header.parts.iter().find(|(.., kind)| matches!(kind, Kind::Flags));
        let flags = flags.and_then(|(at, ..)| self.array(*at)).map_or(0, u32::from_le_bytes);
        let flags = NegotiateFlags::from_bits_retain(flags);
        let items = self.items(header, flags);
        let end = items.iter().map(|(range, ..)| range.start).filter(|at| *at >= header.least);
        let end = end.min().unwrap_or(self.token.len());

        let mut rows = self.rows(header, end);
        rows.extend(items.into_iter().filter_map(|(range, name, item)| {
            let bytes = self.token.get(range.clone())?;
            Some((range, name, Row::Item(item, bytes)))
        }));
        rows.sort_by_key(|(range, ..)| range.start);
        let mut end = 12;
        for (range, name, row) in rows {
            self.gap(end, range.start)?;
            // A part that is missing from a truncated message covers none of its bytes.
            if range.end <= self.token.len() {
                end = end.max(range.end);
            }
            match row {
                Row::Part(kind) => self.part(range, name, kind, flags)?,
                Row::Item(item, bytes) => {
                    self.item(range, name, item, bytes, flags.character_set())?
                }
            }
        }
        self.gap(end, self.token.len())
    }

    /// Returns the parts of the header, which ends at `end`. Old peers omit the last ones.
    fn rows(&self, header: &Header, end: usize) -> Vec<(Range<usize>, &'static str, Row<'a>)> {
        // pyspnego omits the version, and sends the MIC in its place.
        let has_mic_only = (80..88).contains(&end);
        let row = |(at, name, kind): &Part| {
            let at = match kind {
                Kind::Mic if has_mic_only => 64,
                Kind::Version if has_mic_only && header.least == AUTHENTICATE.least => return None,
                _ => *at,
            };
            let range = at..at + kind.len();
            let is_there = range.end <= end || (at < self.token.len() && end == self.token.len());
            (at < header.least || is_there).then_some((range, *name, Row::Part(*kind)))
        };
        header.parts.iter().filter_map(row).collect()
    }

    fn part(
        &mut self,
        range: Range<usize>,
        name: &str,
        kind: Kind,
        flags: NegotiateFlags,
    ) -> fmt::Result {
        let Some(bytes) = self.token.get(range.clone()) else {
            return self.missing(range, name);
        };
        match kind {
            Kind::Flags => {
                let flags = NegotiateFlags::from_bits_retain(u32::from_le_bytes(exactly(bytes)));
                self.line(range, name, format_args!("{:#010x}", flags.bits()))?;
                flags.named_bits().try_for_each(|(bit, name)| match name {
                    Some(name) => self.detail(name),
                    None => self.detail(format_args!("{bit:#010x}")),
                })
            }
            Kind::Version => self.line(range, name, Version::from_bytes(exactly(bytes))),
            Kind::Bytes(_) => self.line(range, name, Hex(bytes)),
            Kind::Mic => self.secret(range, name),
            Kind::Field(_, needed) => {
                let (length, offset) = descriptor(exactly(bytes));
                let is_outside = self.token.len().checked_sub(offset).is_none_or(|n| n < length);
                let remark = match () {
                    () if length == 0 => "",
                    () if !flags.contains(needed) => ", ignored",
                    () if is_outside => ", outside the message",
                    () => "",
                };
                // Offsets in a message count from its start; if the message is inside a token, that
                // differs from the byte ranges of the table.
                let of = if self.start == 0 { "" } else { " of the message" };
                self.line(
                    range,
                    format_args!("{name}Fields"),
                    format_args!("{length} bytes at {offset}{of}{remark}"),
                )
            }
        }
    }

    /// Returns the payload items that are not ignored, including those outside the message.
    fn items(
        &self,
        header: &Header,
        flags: NegotiateFlags,
    ) -> Vec<(Range<usize>, &'static str, Item)> {
        let item = |(at, name, kind): &Part| {
            let Kind::Field(item, needed) = *kind else { return None };
            let (length, offset) = descriptor(self.array(*at)?);
            let range = offset..offset.checked_add(length)?;
            (length > 0 && flags.contains(needed)).then_some((range, *name, item))
        };
        header.parts.iter().filter_map(item).collect()
    }

    fn item(
        &mut self,
        range: Range<usize>,
        name: &str,
        item: Item,
        bytes: &[u8],
        character_set: Option<CharacterSet>,
    ) -> fmt::Result {
        match item {
            Item::Secret => self.secret(range, name),
            Item::NtResponse if bytes.len() > 24 => self.ntlmv2(range, name),
            Item::NtResponse => self.secret(range, name),
            Item::AvPairs => {
                self.line(range.clone(), name, "AV pairs")?;
                self.av_pairs(range)
            }
            Item::Text => {
                let character_set = character_set.unwrap_or(CharacterSet::Oem);
                self.line(range, name, Name(bytes, character_set))
            }
            Item::OemText => self.line(range, name, Name(bytes, CharacterSet::Oem)),
        }
    }

    fn ntlmv2(&mut self, range: Range<usize>, name: &str) -> fmt::Result {
        self.line(range.clone(), name, "NTLMv2 response")?;
        let within = |part: &Range<usize>| range.start + part.start..range.start + part.end;
        self.secret(within(&(0..16)), "  NTProofStr")?;
        for (part, name) in NTLMV2 {
            let part = within(part);
            let bytes = self.token.get(part.clone()).filter(|_| part.end <= range.end);
            match bytes {
                None => return self.missing(part, name),
                Some(bytes) if name.ends_with("TimeStamp") => {
                    self.line(part, name, format_args!("{} (the client's)", time(exactly(bytes))))?
                }
                Some(bytes) => self.line(part, name, Hex(bytes))?,
            }
        }
        self.av_pairs(range.start + 44..range.end)
    }

    fn av_pairs(&mut self, list: Range<usize>) -> fmt::Result {
        let mut at = list.start;
        loop {
            let header = self.token.get(at..at + 4).filter(|_| at + 4 <= list.end);
            let Some([id_low, id_high, low, high]) = header else {
                return self.missing(at..at + 4, "  AV pair");
            };
            let id = AvId(u16::from_le_bytes([*id_low, *id_high]));
            let end = at + 4 + usize::from(u16::from_le_bytes([*low, *high]));
            let Some(value) = self.token.get(at + 4..end).filter(|_| end <= list.end) else {
                return self.missing(at..end, format_args!("  {id}"));
            };
            self.line(at..end, format_args!("  {id}"), AvValue(id, value))?;
            if id == AvId::EOL {
                return if end < list.end {
                    let count = list.end - end;
                    self.line(end..list.end, "  ", format_args!("{count} bytes after the list"))
                } else {
                    Ok(())
                };
            }
            at = end;
        }
    }

    fn signature(&mut self, signature: Signature) -> fmt::Result {
        let (extended, legacy) = (signature.extended(), signature.legacy());
        writeln!(self.f, "NTLMSSP_MESSAGE_SIGNATURE, 16 bytes")?;
        self.line(0..4, "Version", signature.version())?;
        writeln!(self.f, "  with extended session security")?;
        self.line(4..12, "Checksum", Hex(&extended.checksum))?;
        self.line(12..16, "SeqNum", extended.sequence)?;
        writeln!(self.f, "  without")?;
        self.line(4..8, "RandomPad", Hex(&legacy.random_pad))?;
        self.line(8..12, "Checksum", Hex(&legacy.checksum))?;
        self.line(12..16, "SeqNum, encrypted", Hex(&legacy.sequence))
    }

    pub(super) fn not_ntlm(&mut self) -> fmt::Result {
        writeln!(self.f, "not an NTLM message, {} bytes", self.token.len())
    }

    /// Prints a guess at what a token is that is not an NTLM message: base64, or a wrapped message.
    pub(super) fn guess(&mut self) -> fmt::Result {
        let token = self.token;
        let inside = token.windows(SIGNATURE.len()).position(|bytes| bytes == SIGNATURE);
        if let Some(start) = inside {
            let (_, inner) = token.split_at(start);
            let wrapping = if self.may_be_spnego() { "SPNEGO" } else { "something else" };
            writeln!(self.f, "{wrapping} around an NTLM message at byte {start}:")?;
            return self.inside(inner, 0);
        }
        if token.windows(5).any(|bytes| bytes == b"TlRMT") {
            return writeln!(self.f, "it is in base64: decode it first");
        }
        self.gap(0, token.len())
    }

    /// Prints the table of a message inside this token, at the offset `start`.
    pub(super) fn inside(&mut self, token: &[u8], start: usize) -> fmt::Result {
        Table { token, start, shows_secrets: self.shows_secrets, f: &mut *self.f }.print()
    }

    /// Returns `N` bytes at the offset `at`, or `None` if the token is too short.
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.token.get(at..)?.first_chunk().copied()
    }

    /// Prints a line for bytes that belong to no field, if there are any.
    fn gap(&mut self, start: usize, end: usize) -> fmt::Result {
        if start >= end {
            return Ok(());
        }
        self.line(start..end, "", format_args!("{} bytes in no field", end - start))
    }

    pub(super) fn secret(&mut self, range: Range<usize>, name: &str) -> fmt::Result {
        match self.token.get(range.clone()) {
            None => self.missing(range, name),
            Some(bytes) if self.shows_secrets || bytes.iter().all(|byte| *byte == 0) => {
                self.line(range, name, Hex(bytes))
            }
            Some(bytes) => self.line(range, name, format_args!("[{} bytes]", bytes.len())),
        }
    }

    fn missing(&mut self, range: Range<usize>, name: impl Display) -> fmt::Result {
        self.line(range, name, "missing")
    }

    pub(super) fn line(
        &mut self,
        range: Range<usize>,
        name: impl Display,
        value: impl Display,
    ) -> fmt::Result {
        let (start, end) = (self.start + range.start, self.start + range.end);
        let name = name.to_string();
        writeln!(self.f, "{start:>6}..{end:<6}{name:<33}{value}")
    }

    fn detail(&mut self, value: impl Display) -> fmt::Result {
        writeln!(self.f, "{:47}{value}", "")
    }
}
