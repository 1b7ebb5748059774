//! The table of a SPNEGO token and of the message inside (feature `spnego`).

use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter};
use core::ops::Range;

use super::table::Table;
use super::value::Hex;
use crate::spnego::{
    Element, Elements, Mechanism, NegState, NegTokenInit, SPNEGO, Token, TokenError,
};
use crate::wire::SIGNATURE;

impl Table<'_, '_, '_> {
    /// Prints a SPNEGO token, or a token of another mechanism in GSS-API framing.
    pub(super) fn spnego(&mut self) -> fmt::Result {
        let token = self.token;
        let parts = match Parts::of(token) {
            Ok(parts) => parts,
            Err(error) => {
                self.not_ntlm()?;
                writeln!(self.f, "malformed SPNEGO token: {error}")?;
                return self.guess();
            }
        };
        writeln!(self.f, "{}, {} bytes", parts.title, token.len())?;
        for (range, name, value) in parts.rows {
            match value {
                Value::Secret => self.secret(range, name)?,
                value => self.line(range, name, value)?,
            }
        }
        let inside = token.get(parts.message.clone()).filter(|inner| inner.starts_with(&SIGNATURE));
        match inside {
            Some(inner) => self.inside(inner, parts.message.start),
            None => Ok(()),
        }
    }
}

/// The value of a part of a token.
enum Value<'a> {
    Text(&'static str),
    Number(u8),
    Mechanism(&'a [u8]),
    Hex(&'a [u8]),
    Name(&'a [u8]),
    /// A value that is masked, like the secrets of an NTLM message.
    Secret,
}

impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Mechanism(SPNEGO) => f.write_str("SPNEGO"),
            Self::Mechanism(oid) => match Mechanism::of(oid) {
                Mechanism::Other => Hex(oid).fmt(f),
                mechanism => mechanism.fmt(f),
            },
            Self::Hex(bytes) => Hex(bytes).fmt(f),
            Self::Name(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Secret => Ok(()),
        }
    }
}

/// The parts of a token, in order.
struct Parts<'a> {
    title: &'static str,
    rows: Vec<(Range<usize>, &'static str, Value<'a>)>,
    /// The range of the mechanism's message.
    message: Range<usize>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a [u8]) -> Result<Self, TokenError> {
        let parsed = Token::parse(token)?;
        let title = match parsed {
            Token::Init(NegTokenInit { has_hints: true, .. }) => "NegTokenInit2",
            Token::Init(_) => "NegTokenInit",
            Token::Response(_) => "NegTokenResp",
            _ => "GSS-API token",
        };
        let mut parts = Self { title, rows: Vec::new(), message: 0..0 };
        let mut element = Elements::new(token).next()?;
        if element.tag == FRAMING {
            parts.add(element.range(), "InitialContextToken", Value::Text("GSS-API framing"));
            let mut contents = element.contents;
            let mechanism = contents.next()?;
            parts.leaf(mechanism, "  thisMech", Value::Mechanism);
            if mechanism.contents.bytes() != SPNEGO {
                parts.message(contents, "  innerContextToken");
                return Ok(parts);
            }
            element = contents.next()?;
        }
        parts.add(element.range(), title, Value::Text("SPNEGO"));
        let mut sequence = element.contents;
        let mut fields = sequence.next()?.contents;
        while !fields.is_empty() {
            let field = fields.next()?;
            parts.field(field, &parsed)?;
        }
        Ok(parts)
    }

    fn add(&mut self, range: Range<usize>, name: &'static str, value: Value<'a>) {
        self.rows.push((range, name, value));
    }

    /// Adds an element that contains a value.
    fn leaf(&mut self, element: Element<'a>, name: &'static str, value: fn(&'a [u8]) -> Value<'a>) {
        let contents = element.contents;
        self.add(contents.range(), name, value(contents.bytes()));
    }

    /// Adds a message of the mechanism.
    fn message(&mut self, contents: Elements<'a>, name: &'static str) {
        let is_ntlm = contents.bytes().starts_with(&SIGNATURE);
        let value = if is_ntlm { Value::Text("NTLM, see below") } else { secret(contents.bytes()) };
        self.add(contents.range(), name, value);
        self.message = contents.range();
    }

    /// Adds a field of a `NegTokenInit` or `NegTokenResp`. Parsing the token has checked the
    /// contents of known fields.
    fn field(&mut self, field: Element<'a>, token: &Token<'_>) -> Result<(), TokenError> {
        let number = field.tag & NUMBER;
        let (is_init, neg_state) = match token {
            Token::Response(response) => (false, response.neg_state),
            _ => (true, None),
        };
        if number > if is_init { 4 } else { 3 } {
            self.add(field.range(), "  unknown field", Value::Number(number));
            return Ok(());
        }
        let mut inside = field.contents;
        let value = inside.next()?;
        match (number, is_init) {
            (0, true) => return self.mech_types(value),
            (1, true) => self.leaf(value, "  reqFlags", Value::Hex),
            (2, true) => self.message(value.contents, "  mechToken"),
            (3, true) if value.tag == SEQUENCE => self.hints(value),
            (0, false) => {
                let name = neg_state.map_or("", NegState::name);
                self.add(value.contents.range(), "  negState", Value::Text(name));
            }
            (1, false) => self.leaf(value, "  supportedMech", Value::Mechanism),
            (2, false) => self.message(value.contents, "  responseToken"),
            _ => self.leaf(value, "  mechListMIC", secret),
        }
        Ok(())
    }

    /// Adds the list of mechanisms. Its range is the one that a `mechListMIC` covers.
    fn mech_types(&mut self, list: Element<'a>) -> Result<(), TokenError> {
        self.add(list.range(), "  mechTypes", Value::Text("in the order of preference"));
        let mut entries = list.contents;
        while !entries.is_empty() {
            self.leaf(entries.next()?, "    mechType", Value::Mechanism);
        }
        Ok(())
    }

    /// Adds `negHints`. Parsing the token has not checked their contents, so they may be malformed.
    fn hints(&mut self, hints: Element<'a>) {
        self.add(hints.range(), "  negHints", Value::Text("not protected"));
        let mut fields = hints.contents;
        while let Ok(Element { tag, mut contents, .. }) = fields.next() {
            let Ok(value) = contents.next() else { return };
            match tag & NUMBER {
                0 => self.leaf(value, "    hintName", Value::Name),
                1 => self.leaf(value, "    hintAddress", Value::Hex),
                _ => {}
            }
        }
    }
}

const FRAMING: u8 = 0x60;
/// The tag of `negHints`, which have the same field number as `mechListMIC` in RFC 4178.
const SEQUENCE: u8 = 0x30;
/// The bits of a tag that contain the number of the field.
const NUMBER: u8 = 0x1f;

const fn secret(contents: &[u8]) -> Value<'_> {
    if contents.is_empty() { Value::Text("empty") } else { Value::Secret }
}
