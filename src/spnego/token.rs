//! Reading SPNEGO's two tokens (RFC 4178, section 4.2; [MS-SPNG] 2.2.1).

use core::fmt;

use super::tlv::{Element, Elements};
use super::{Mechanism, TokenError, TokenErrorKind, TokenKind};
use crate::secret::Counted;

/// The maximum length of a token, in bytes.
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
/// `[APPLICATION 0]`, the GSS-API framing (RFC 2743, section 3.1).
const INITIAL_CONTEXT_TOKEN: u8 = 0x60;
/// The context tag `[0]`, constructed. `[1]` is one higher, and so on.
const CONTEXT: u8 = 0xa0;
const INIT: u8 = CONTEXT;
const RESPONSE: u8 = CONTEXT + 1;

/// A token of an application protocol with SPNEGO: a SPNEGO token, or something else that peers
/// send in its place.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "peers send nothing else")]
pub enum Token<'a> {
    /// `NegTokenInit`: the first token.
    Init(NegTokenInit<'a>),
    /// `NegTokenResp`: each later token.
    Response(NegTokenResp<'a>),
    /// An NTLM message without SPNEGO.
    Ntlm(&'a [u8]),
    /// A token of another mechanism in GSS-API framing.
    Other(Mechanism),
    /// No bytes.
    Empty,
}

/// `NegTokenInit`: the mechanisms that the sender offers, and a message of the first one. A server
/// that sends the first token sends `NegTokenInit2`, which is parsed in the same way.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NegTokenInit<'a> {
    /// `mechTypes`: the mechanisms in order of preference.
    pub mech_types: MechTypes<'a>,
    /// `mechToken`: the first message of the first mechanism; `None` if it is absent or empty.
    pub mech_token: Option<&'a [u8]>,
    /// Whether `negHints` are present. Their contents are ignored, because nothing protects them.
    pub has_hints: bool,
}

/// `NegTokenResp`: each token after the first, of both sides.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NegTokenResp<'a> {
    /// `negState`.
    pub neg_state: Option<NegState>,
    /// `supportedMech`: the mechanism that the server chose.
    pub supported_mech: Option<Mechanism>,
    /// `responseToken`: a message of the mechanism; `None` if it is absent or empty.
    pub response_token: Option<&'a [u8]>,
    /// `mechListMIC`; `None` if it is absent or empty, or a copy of `responseToken`, which Windows
    /// 2000 sends.
    pub mech_list_mic: Option<&'a [u8]>,
}

/// `negState`: the state of the negotiation according to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 4178 defines four")]
pub enum NegState {
    /// accept-completed: the sender accepts, and expects no more tokens.
    AcceptCompleted = 0,
    /// accept-incomplete: the sender expects another token.
    AcceptIncomplete = 1,
    /// reject: the sender rejects the negotiation.
    Reject = 2,
    /// request-mic: both sides must sign the list of mechanisms.
    RequestMic = 3,
}

/// `mechTypes`: the list of mechanisms that a client offers, as received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MechTypes<'a>(&'a [u8]);

impl<'a> Token<'a> {
    /// Parses a token of at most 65,535 bytes. It accepts what known peers send: lengths that are
    /// not in the shortest form, `NegTokenInit` without GSS-API framing, and unknown fields at the
    /// end.
    ///
    /// # Errors
    /// [`TokenError`] with the [kind](TokenErrorKind) of error and its offset.
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

    /// Parses a token in GSS-API framing. With SPNEGO's identifier, it must be a `NegTokenInit`.
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
                // `reqFlags` are ignored, because they have no effect on NTLM.
                1 => drop(field.only(BIT_STRING)?),
                2 => mech_token = Some(field.only(OCTET_STRING)?.contents.bytes()),
                // Field 3 is `negHints` in NegTokenInit2, and `mechListMIC` in RFC 4178. The latter
                // is ignored, because there is no key yet.
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

    /// Returns the name in RFC 4178.
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

    /// Returns the list as received, with tag and length. These bytes are covered by a
    /// `mechListMIC`.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Returns the mechanisms in order.
    pub fn iter(&self) -> impl Iterator<Item = Mechanism> + use<'a> {
        self.oids().map(Mechanism::of)
    }

    /// Returns the object identifiers in order, without tag and length.
    #[expect(clippy::expect_used, reason = "`parse` has read each entry of the list")]
    pub(crate) fn oids(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let checked = "the list was parsed before";
        let mut entries = Elements::new(self.0).next().expect(checked).contents;
        core::iter::from_fn(move || {
            let has_next = !entries.is_empty();
            has_next.then(|| entries.next().expect(checked).contents.bytes())
        })
    }

    /// Returns the mechanism that the client prefers.
    #[expect(clippy::expect_used, reason = "`parse` rejects an empty list")]
    pub(super) fn first(&self) -> Mechanism {
        self.iter().next().expect("`parse` rejects an empty list")
    }
}

/// Reads the fields of a token's SEQUENCE, whose context tags must be in ascending order.
struct Fields<'a> {
    elements: Elements<'a>,
    next: u8,
}

impl<'a> Fields<'a> {
    fn new(contents: Elements<'a>) -> Result<Self, TokenError> {
        Ok(Self { elements: contents.only(SEQUENCE)?.contents, next: 0 })
    }

    /// Reads the next field, and returns its number and contents.
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

/// Reads an OCTET STRING, and returns its contents, or `None` if it is empty.
fn octets(field: Elements<'_>) -> Result<Option<&[u8]>, TokenError> {
    Ok(Some(field.only(OCTET_STRING)?.contents.bytes()).filter(|octets| !octets.is_empty()))
}

/// Returns the contents of an OBJECT IDENTIFIER. The numbers in it are checked, but not decoded,
/// because they have no maximum.
fn oid(element: Element<'_>) -> Result<&[u8], TokenError> {
    let octets = element.contents.bytes();
    let ends = octets.last().is_some_and(|octet| octet & 0x80 == 0);
    // The first octet of a number must not be 0x80, because that would be a leading zero.
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
