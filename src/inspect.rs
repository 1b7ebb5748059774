//! Messages as tables for people: byte range, field and value.
//!
//! ```
//! use ntlm::{Client, Credentials, inspect};
//!
//! let client = Client::new(Credentials::password("alice", "secret"));
//! let (negotiate, _) = client.initiate()?;
//! let table = inspect::annotate(&negotiate).to_string();
//! assert!(table.contains("    12..16    NegotiateFlags                   0x02088207\n"), "{table}");
//! assert!(table.contains("NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY\n"));
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! It takes bytes, not a parsed message, so that it shows how far a broken one makes sense: one cut
//! short, one with fields that lie outside it, or no message at all.

use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter};
use core::ops::Range;

use crate::environment::FileTime;
use crate::text::{CharacterSet, Text};
use crate::wire::{AvFlags, AvId, NegotiateFlags, SIGNATURE, Signature, Version};

/// The table of a token: print it with `{}`.
///
/// Responses, the MIC and the encrypted session key are masked, since they are enough to guess
/// passwords at leisure.
#[must_use]
pub fn annotate(token: &[u8]) -> Annotated<'_> {
    Annotated { token, shows_secrets: false }
}

/// See [`annotate`].
#[derive(Clone, Copy)]
pub struct Annotated<'a> {
    token: &'a [u8],
    shows_secrets: bool,
}

impl Annotated<'_> {
    /// Shows responses, the MIC and the encrypted session key too.
    #[must_use]
    pub fn with_secrets(self) -> Self {
        Self { shows_secrets: true, ..self }
    }
}

impl fmt::Debug for Annotated<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Annotated([{} bytes])", self.token.len())
    }
}

impl Display for Annotated<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table { token: self.token, shows_secrets: self.shows_secrets, f };
        if let Some(rest) = self.token.strip_prefix(&SIGNATURE) {
            return table.message(rest);
        }
        match <[u8; 16]>::try_from(self.token).map(Signature::from) {
            Ok(signature) if signature.is_known_version() => table.signature(signature),
            _ => table.stranger(),
        }
    }
}

/// A part of a message's header: where it is, its name, and what it is.
type Part = (usize, &'static str, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Flags,
    /// Bytes of that number.
    Bytes(usize),
    Version,
    Mic,
    /// A descriptor of an item of the payload, which counts if the flags have these.
    Field(Item, NegotiateFlags),
}

/// A line of the table, or several.
enum Row {
    Part(Kind),
    Item(Item),
}

/// What an item of the payload is.
#[derive(Clone, Copy)]
enum Item {
    Text,
    OemText,
    AvPairs,
    NtResponse,
    Secret,
}

/// The header of a message: its name, up to where it always goes, and its parts.
struct Header {
    name: &'static str,
    least: usize,
    parts: &'static [Part],
}

const NEGOTIATE: Header = Header {
    name: "NEGOTIATE_MESSAGE",
    least: 16,
    parts: &[
        (12, "NegotiateFlags", Kind::Flags),
        (16, "DomainName", Kind::Field(Item::OemText, OEM_DOMAIN)),
        (24, "Workstation", Kind::Field(Item::OemText, OEM_WORKSTATION)),
        (32, "Version", Kind::Version),
    ],
};

const CHALLENGE: Header = Header {
    name: "CHALLENGE_MESSAGE",
    least: 32,
    parts: &[
        (12, "TargetName", Kind::Field(Item::Text, ALWAYS)),
        (20, "NegotiateFlags", Kind::Flags),
        (24, "ServerChallenge", Kind::Bytes(8)),
        (32, "Reserved", Kind::Bytes(8)),
        (40, "TargetInfo", Kind::Field(Item::AvPairs, TARGET_INFO)),
        (48, "Version", Kind::Version),
    ],
};

const AUTHENTICATE: Header = Header {
    name: "AUTHENTICATE_MESSAGE",
    least: 52,
    parts: &[
        (12, "LmChallengeResponse", Kind::Field(Item::Secret, ALWAYS)),
        (20, "NtChallengeResponse", Kind::Field(Item::NtResponse, ALWAYS)),
        (28, "DomainName", Kind::Field(Item::Text, ALWAYS)),
        (36, "UserName", Kind::Field(Item::Text, ALWAYS)),
        (44, "Workstation", Kind::Field(Item::Text, ALWAYS)),
        (52, "EncryptedRandomSessionKey", Kind::Field(Item::Secret, KEY_EXCH)),
        (60, "NegotiateFlags", Kind::Flags),
        (64, "Version", Kind::Version),
        (72, "MIC", Kind::Mic),
    ],
};

const ALWAYS: NegotiateFlags = NegotiateFlags::empty();
const OEM_DOMAIN: NegotiateFlags = NegotiateFlags::NEGOTIATE_OEM_DOMAIN_SUPPLIED;
const OEM_WORKSTATION: NegotiateFlags = NegotiateFlags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED;
const TARGET_INFO: NegotiateFlags = NegotiateFlags::NEGOTIATE_TARGET_INFO;
const KEY_EXCH: NegotiateFlags = NegotiateFlags::NEGOTIATE_KEY_EXCH;

/// What has the signature of a message and no known type.
const UNKNOWN: Header = Header { name: "NTLM message of unknown type", least: 12, parts: &[] };

/// `NTLMv2_CLIENT_CHALLENGE` behind `NTProofStr`, up to its AV pairs.
const NTLMV2: &[(Range<usize>, &str)] = &[
    (16..18, "RespType, HiRespType"),
    (18..24, "Reserved"),
    (24..32, "TimeStamp"),
    (32..40, "ChallengeFromClient"),
    (40..44, "Reserved"),
];

struct Table<'a, 'f, 'g> {
    token: &'a [u8],
    shows_secrets: bool,
    f: &'f mut Formatter<'g>,
}

impl<'a> Table<'a, '_, '_> {
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
        let flags = flags.and_then(|(at, ..)| self.token.get(*at..*at + 4)).map(number);
        let flags = NegotiateFlags::from_bits_retain(flags.unwrap_or_default());
        let items = self.items(header, flags);
        let end = items.iter().map(|(range, ..)| range.start).filter(|at| *at >= header.least);
        let end = end.min().unwrap_or(self.token.len());

        let mut rows = self.rows(header, end);
        let within = |range: &Range<usize>| range.end <= self.token.len();
        let items = items.into_iter().filter(|(range, ..)| within(range));
        rows.extend(items.map(|(range, name, item)| (range, name, Row::Item(item))));
        rows.sort_by_key(|(range, ..)| range.start);
        let mut end = 12;
        for (range, name, row) in rows {
            self.gap(end, range.start)?;
            end = end.max(range.end);
            match row {
                Row::Part(kind) => self.part(range, name, kind, flags)?,
                Row::Item(item) => self.item(range, name, item, flags.character_set())?,
            }
        }
        self.gap(end, self.token.len())
    }

    /// The parts of the header, of which old peers leave out the last ones: it ends at `end`.
    fn rows(&self, header: &Header, end: usize) -> Vec<(Range<usize>, &'static str, Row)> {
        // pyspnego leaves the version out and puts the MIC in its place.
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
                let flags = NegotiateFlags::from_bits_retain(number(bytes));
                self.line(range, name, format_args!("{:#010x}", flags.bits()))?;
                flags.named_bits().try_for_each(|(bit, name)| match name {
                    Some(name) => self.detail(name),
                    None => self.detail(format_args!("{bit:#010x}")),
                })
            }
            Kind::Version => {
                let version = Version::from_bytes(bytes.try_into().unwrap_or_default());
                self.line(range, name, version)
            }
            Kind::Bytes(_) => self.line(range, name, Hex(bytes)),
            Kind::Mic => self.secret(range, name),
            Kind::Field(_, needed) => {
                let (length, offset) = descriptor(bytes);
                let is_outside = self.token.len().checked_sub(offset).is_none_or(|n| n < length);
                let remark = match () {
                    () if length == 0 => "",
                    () if !flags.contains(needed) => ", ignored",
                    () if is_outside => ", outside the message",
                    () => "",
                };
                let name = format_args!("{name}Fields");
                self.line(range, name, format_args!("{length} bytes at {offset}{remark}"))
            }
        }
    }

    /// The items of the payload that count, also those outside the message.
    fn items(
        &self,
        header: &Header,
        flags: NegotiateFlags,
    ) -> Vec<(Range<usize>, &'static str, Item)> {
        let item = |(at, name, kind): &Part| {
            let Kind::Field(item, needed) = *kind else { return None };
            let (length, offset) = descriptor(self.token.get(*at..*at + 8)?);
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
        character_set: Option<CharacterSet>,
    ) -> fmt::Result {
        let bytes = self.token.get(range.clone()).unwrap_or_default();
        match item {
            Item::Secret => self.secret(range, name),
            Item::NtResponse if bytes.len() > 24 => self.ntlmv2(range, name),
            Item::NtResponse => self.secret(range, name),
            Item::AvPairs => {
                self.line(range.clone(), name, "AV pairs")?;
                self.av_pairs(range)
            }
            Item::Text if character_set == Some(CharacterSet::Unicode) => {
                self.line(range, name, Utf16(bytes))
            }
            Item::Text | Item::OemText => {
                self.line(range, name, format_args!("\"{}\"", bytes.escape_ascii()))
            }
        }
    }

    fn ntlmv2(&mut self, range: Range<usize>, name: &str) -> fmt::Result {
        self.line(range.clone(), name, "NTLMv2 response")?;
        let within = |part: &Range<usize>| range.start + part.start..range.start + part.end;
        self.secret(within(&(0..16)), "  NTProofStr")?;
        for (part, name) in NTLMV2 {
            let part = within(part);
            let bytes = self.token.get(part.clone()).filter(|_| part.end <= range.end);
            let indented = format_args!("  {name}");
            match bytes {
                None => return self.missing(part, indented),
                Some(bytes) if *name == "TimeStamp" => self.line(part, indented, Time(bytes))?,
                Some(bytes) => self.line(part, indented, Hex(bytes))?,
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
        self.line(0..4, "Version", extended.version)?;
        writeln!(self.f, "  with extended session security")?;
        self.line(4..12, "Checksum", Hex(&extended.checksum))?;
        self.line(12..16, "SeqNum", extended.sequence)?;
        writeln!(self.f, "  without")?;
        self.line(4..8, "RandomPad", Hex(&legacy.random_pad))?;
        self.line(8..12, "Checksum", Hex(&legacy.checksum))?;
        self.line(12..16, "SeqNum, encrypted", Hex(&legacy.sequence))
    }

    /// What is no NTLM message, and what it may be instead.
    fn stranger(&mut self) -> fmt::Result {
        let token = self.token;
        writeln!(self.f, "no NTLM message, {} bytes", token.len())?;
        let inside = token.windows(SIGNATURE.len()).position(|bytes| bytes == SIGNATURE);
        if let Some(start) = inside {
            // SPNEGO (RFC 4178), in GSS-API framing (0x60) or without (0xa1).
            let wrapping = match token.first() {
                Some(0x60 | 0xa0 | 0xa1) => "SPNEGO",
                _ => "something else",
            };
            writeln!(self.f, "{wrapping} around an NTLM message at byte {start}:")?;
            let inner = token.get(start..).unwrap_or_default();
            return Annotated { token: inner, shows_secrets: self.shows_secrets }.fmt(self.f);
        }
        if token.windows(5).any(|bytes| bytes == b"TlRMT") {
            return writeln!(self.f, "it is in base64: decode it first");
        }
        self.gap(0, token.len())
    }

    /// Bytes that belong to no field.
    fn gap(&mut self, start: usize, end: usize) -> fmt::Result {
        if start >= end {
            return Ok(());
        }
        self.line(start..end, "", format_args!("{} bytes in no field", end - start))
    }

    fn secret(&mut self, range: Range<usize>, name: &str) -> fmt::Result {
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

    fn line(
        &mut self,
        range: Range<usize>,
        name: impl Display,
        value: impl Display,
    ) -> fmt::Result {
        let name = alloc::string::ToString::to_string(&name);
        writeln!(self.f, "{:>6}..{:<6}{name:<33}{value}", range.start, range.end)
    }

    fn detail(&mut self, value: impl Display) -> fmt::Result {
        writeln!(self.f, "{:47}{value}", "")
    }
}

impl Kind {
    const fn len(self) -> usize {
        match self {
            Self::Flags => 4,
            Self::Bytes(count) => count,
            Self::Version | Self::Field(..) => 8,
            Self::Mic => 16,
        }
    }
}

/// The bytes as a number, least significant first.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Length and offset of an item.
fn descriptor(bytes: &[u8]) -> (usize, usize) {
    let (length, offset) = (bytes.get(..2), bytes.get(4..8));
    let number = |bytes: Option<&[u8]>| number(bytes.unwrap_or_default());
    let number = |bytes| usize::try_from(number(bytes)).unwrap_or(usize::MAX);
    (number(length), number(offset))
}

struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Utf16<'a>(&'a [u8]);

impl Display for Utf16<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match Text::from_utf16le(self.0) {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "{} is no UTF-16", Hex(self.0)),
        }
    }
}

struct Time<'a>(&'a [u8]);

impl Display for Time<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ticks = u64::from_le_bytes(self.0.try_into().unwrap_or_default());
        FileTime::from_ticks(ticks).fmt(f)
    }
}

struct AvValue<'a>(AvId, &'a [u8]);

impl Display for AvValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(id, value) = *self;
        match (id, value.len()) {
            (AvId::EOL, 0) => f.write_str("end of the list"),
            (AvId::FLAGS, 4) => {
                let flags = AvFlags::from_bits_retain(number(value));
                write!(f, "{:#x}", flags.bits())?;
                flags.iter_names().try_for_each(|(name, _)| write!(f, " {name}"))
            }
            (AvId::TIMESTAMP, 8) => Time(value).fmt(f),
            _ if id.is_text() => Utf16(value).fmt(f),
            _ => Hex(value).fmt(f),
        }
    }
}
