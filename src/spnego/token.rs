//! SPNEGO's two tokens (RFC 4178, 4.2; [MS-SPNG] 2.2.1).

use core::fmt;

use super::tlv::{Element, Elements};
use super::{Mechanism, TokenError, TokenErrorKind, TokenKind};
use crate::secret::Counted;

/// The longest token that is read, in bytes.
const MAX_LEN: usize = 65_535;
const MAX_MECH_TYPES: usize = 64;
const MAX_OID_LEN: usize = 128;

/// SPNEGO's own object identifier, 1.3.6.1.5.5.2, without tag and length.
pub(crate) const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
/// `[APPLICATION 0]`, the framing of GSS-API (RFC 2743, 3.1).
const INITIAL_CONTEXT_TOKEN: u8 = 0x60;
/// `[0]`, constructed; the others follow.
const CONTEXT: u8 = 0xa0;
const INIT: u8 = CONTEXT;
const RESPONSE: u8 = CONTEXT + 1;

/// What a carrier of SPNEGO transports: a token of SPNEGO, or what peers send in its place.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a carrier transports nothing else")]
pub enum Token<'a> {
    /// The first token.
    Init(NegTokenInit<'a>),
    /// Each later token.
    Response(NegTokenResp<'a>),
    /// An NTLM message without SPNEGO.
    Ntlm(&'a [u8]),
    /// A token of another mechanism, in the framing of GSS-API.
    Other(Mechanism),
    /// No bytes.
    Empty,
}

/// `NegTokenInit`: which mechanisms the sender offers, and a token of the first one. Servers that speak
/// first send `NegTokenInit2`, which is read the same.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NegTokenInit<'a> {
    /// The mechanisms, in the order of preference.
    pub mech_types: MechTypes<'a>,
    /// `mechToken`: the first message of the first mechanism.
    pub mech_token: Option<&'a [u8]>,
    /// Whether there are `negHints`. What they say is not protected, and not read.
    pub has_hints: bool,
}

/// `NegTokenResp`: each later token, of both sides.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NegTokenResp<'a> {
    /// `negState`.
    pub neg_state: Option<NegState>,
    /// `supportedMech`: the mechanism that the server chose.
    pub supported_mech: Option<Mechanism>,
    /// `responseToken`: a message of the mechanism; `None` if it is empty.
    pub response_token: Option<&'a [u8]>,
    /// `mechListMIC`; `None` if it is empty or a copy of the `responseToken`, as Windows 2000 sends it.
    pub mech_list_mic: Option<&'a [u8]>,
}

/// `negState`: where the negotiation stands, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 4178 has four")]
pub enum NegState {
    /// accept-completed.
    AcceptCompleted = 0,
    /// accept-incomplete: another token is due.
    AcceptIncomplete = 1,
    /// reject.
    Reject = 2,
    /// request-mic: the list of mechanisms must be signed.
    RequestMic = 3,
}

/// The mechanisms that a client offers, as they were received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MechTypes<'a>(&'a [u8]);

impl<'a> Token<'a> {
    /// Reads a token of at most 65,535 bytes. It accepts what known peers send: lengths that are not
    /// minimal, `NegTokenInit` without the framing of GSS-API, unknown fields at the end.
    ///
    /// # Errors
    /// [`TokenError`] says what is wrong, and where.
    pub fn parse(token: &'a [u8]) -> Result<Self, TokenError> {
        if token.len() > MAX_LEN {
            return Err(TokenError::new(TokenErrorKind::TooLong, MAX_LEN));
        }
        if token.is_empty() {
            return Ok(Self::Empty);
        }
        if token.starts_with(b"NTLMSSP\0") {
            return Ok(Self::Ntlm(token));
        }
        let mut elements = Elements::new(token);
        let wrong_tag = elements.error(TokenErrorKind::Tag);
        let element = elements.next()?;
        elements.finish()?;
        match element.tag {
            INITIAL_CONTEXT_TOKEN => Self::framed(element.contents),
            INIT => NegTokenInit::parse(element.contents).map(Self::Init),
            RESPONSE => NegTokenResp::parse(element.contents).map(Self::Response),
            _ => Err(wrong_tag),
        }
    }

    /// Only `NegTokenInit` is framed.
    fn framed(mut contents: Elements<'a>) -> Result<Self, TokenError> {
        let mechanism = oid(contents.expect(OBJECT_IDENTIFIER)?)?;
        if mechanism != SPNEGO {
            return Ok(Self::Other(Mechanism::of(mechanism)));
        }
        NegTokenInit::parse(contents.only(INIT)?.contents).map(Self::Init)
    }

    /// Returns which kind of token this is.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        match self {
            Self::Init(_) => TokenKind::Init,
            Self::Response(_) => TokenKind::Response,
            Self::Ntlm(_) => TokenKind::Ntlm,
            Self::Other(_) => TokenKind::Other,
            Self::Empty => TokenKind::Empty,
        }
    }
}

impl<'a> NegTokenInit<'a> {
    fn parse(contents: Elements<'a>) -> Result<Self, TokenError> {
        let mut fields = Fields::new(contents)?;
        let none = fields.elements.error(TokenErrorKind::NoMechTypes);
        let (mut mech_types, mut mech_token, mut has_hints, mut has_mic) =
            (None, None, false, false);
        while let Some((number, field)) = fields.next()? {
            match number {
                0 => mech_types = Some(MechTypes::parse(field)?),
                // `reqFlags`, whose bits mean nothing to NTLM.
                1 => drop(field.only(BIT_STRING)?),
                2 => mech_token = Some(field.only(OCTET_STRING)?.contents.bytes()),
                // `negHints` of NegTokenInit2, or the mechListMIC of RFC 4178, for which there is no
                // key yet.
                3 if field.bytes().first() == Some(&SEQUENCE) => {
                    field.only(SEQUENCE)?;
                    has_hints = true;
                }
                3 => {
                    field.only(OCTET_STRING)?;
                    has_mic = true;
                }
                4 if has_mic => return Err(field.error(TokenErrorKind::FieldOrder)),
                4 => drop(field.only(OCTET_STRING)?),
                _ => {}
            }
        }
        let mech_token = mech_token.filter(|token| !token.is_empty());
        Ok(Self { mech_types: mech_types.ok_or(none)?, mech_token, has_hints })
    }
}

impl<'a> NegTokenResp<'a> {
    fn parse(contents: Elements<'a>) -> Result<Self, TokenError> {
        let mut fields = Fields::new(contents)?;
        let mut response = Self::default();
        while let Some((number, field)) = fields.next()? {
            match number {
                0 => response.neg_state = Some(NegState::parse(field.only(ENUMERATED)?.contents)?),
                1 => {
                    let mechanism = Mechanism::of(oid(field.only(OBJECT_IDENTIFIER)?)?);
                    response.supported_mech = Some(mechanism);
                }
                2 => response.response_token = octets(field)?,
                3 => response.mech_list_mic = octets(field)?,
                _ => {}
            }
        }
        if response.mech_list_mic == response.response_token {
            response.mech_list_mic = None;
        }
        Ok(response)
    }
}

impl NegState {
    const ALL: [Self; 4] =
        [Self::AcceptCompleted, Self::AcceptIncomplete, Self::Reject, Self::RequestMic];

    fn parse(contents: Elements<'_>) -> Result<Self, TokenError> {
        let state = match contents.bytes() {
            [number] => Self::ALL.get(usize::from(*number)).copied(),
            _ => None,
        };
        state.ok_or(contents.error(TokenErrorKind::NegState))
    }

    /// The name that RFC 4178 gives it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AcceptCompleted => "accept-completed",
            Self::AcceptIncomplete => "accept-incomplete",
            Self::Reject => "reject",
            Self::RequestMic => "request-mic",
        }
    }
}

impl<'a> MechTypes<'a> {
    fn parse(field: Elements<'a>) -> Result<Self, TokenError> {
        let list = field.only(SEQUENCE)?;
        let mut entries = list.contents;
        if entries.is_empty() {
            return Err(entries.error(TokenErrorKind::NoMechTypes));
        }
        let too_many = entries.error(TokenErrorKind::TooManyMechTypes);
        for _ in 0..MAX_MECH_TYPES {
            if entries.is_empty() {
                break;
            }
            oid(entries.expect(OBJECT_IDENTIFIER)?)?;
        }
        if entries.is_empty() { Ok(Self(list.encoded)) } else { Err(too_many) }
    }

    /// The list as it was received, with tag and length: what a `mechListMIC` covers.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The mechanisms in order.
    pub fn iter(&self) -> impl Iterator<Item = Mechanism> + use<'a> {
        self.oids().map(Mechanism::of)
    }

    /// The object identifiers in order, without tag and length.
    #[expect(clippy::expect_used, reason = "`parse` has read each entry of the list")]
    pub(crate) fn oids(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let checked = "the list was read before";
        let mut entries = Elements::new(self.0).next().expect(checked).contents;
        core::iter::from_fn(move || {
            let has_next = !entries.is_empty();
            has_next.then(|| entries.next().expect(checked).contents.bytes())
        })
    }

    /// The mechanism that the client prefers.
    #[expect(clippy::expect_used, reason = "see the message")]
    pub(super) fn first(&self) -> Mechanism {
        self.iter().next().expect("`parse` rejects an empty list")
    }
}

/// The fields of a token's SEQUENCE: context tags that ascend.
struct Fields<'a> {
    elements: Elements<'a>,
    next: u8,
}

impl<'a> Fields<'a> {
    fn new(contents: Elements<'a>) -> Result<Self, TokenError> {
        Ok(Self { elements: contents.only(SEQUENCE)?.contents, next: 0 })
    }

    /// The number of the next field, and its contents.
    fn next(&mut self) -> Result<Option<(u8, Elements<'a>)>, TokenError> {
        if self.elements.is_empty() {
            return Ok(None);
        }
        let (wrong_tag, wrong_order) = (
            self.elements.error(TokenErrorKind::Tag),
            self.elements.error(TokenErrorKind::FieldOrder),
        );
        let Element { tag, contents, .. } = self.elements.next()?;
        let number = tag.checked_sub(CONTEXT).filter(|number| *number < 0x1f).ok_or(wrong_tag)?;
        if number < self.next {
            return Err(wrong_order);
        }
        self.next = number + 1;
        Ok(Some((number, contents)))
    }
}

/// The contents of an OCTET STRING; `None` if it is empty.
fn octets(field: Elements<'_>) -> Result<Option<&[u8]>, TokenError> {
    Ok(Some(field.only(OCTET_STRING)?.contents.bytes()).filter(|octets| !octets.is_empty()))
}

/// The contents of an OBJECT IDENTIFIER. Its numbers are not decoded: they have any size.
fn oid(element: Element<'_>) -> Result<&[u8], TokenError> {
    let octets = element.contents.bytes();
    let ends = octets.last().is_some_and(|octet| octet & 0x80 == 0);
    // Each number starts with an octet that is not 0x80.
    let mut starts = core::iter::once(&0).chain(octets).zip(octets);
    let is_minimal = starts.all(|(before, octet)| before & 0x80 != 0 || *octet != 0x80);
    if ends && is_minimal && octets.len() <= MAX_OID_LEN {
        Ok(octets)
    } else {
        Err(element.contents.error(TokenErrorKind::ObjectIdentifier))
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(init) => f.debug_tuple("Init").field(init).finish(),
            Self::Response(response) => f.debug_tuple("Response").field(response).finish(),
            Self::Ntlm(message) => f.debug_tuple("Ntlm").field(&Counted(message)).finish(),
            Self::Other(mechanism) => f.debug_tuple("Other").field(mechanism).finish(),
            Self::Empty => f.write_str("Empty"),
        }
    }
}

impl fmt::Debug for NegTokenInit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NegTokenInit")
            .field("mech_types", &self.mech_types)
            .field("mech_token", &self.mech_token.map(Counted))
            .field("has_hints", &self.has_hints)
            .finish()
    }
}

impl fmt::Debug for NegTokenResp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NegTokenResp")
            .field("neg_state", &self.neg_state)
            .field("supported_mech", &self.supported_mech)
            .field("response_token", &self.response_token.map(Counted))
            .field("mech_list_mic", &self.mech_list_mic.map(Counted))
            .finish()
    }
}

impl fmt::Debug for MechTypes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
