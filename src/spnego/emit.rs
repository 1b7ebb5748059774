//! Writing SPNEGO's tokens, in DER.

use alloc::vec::Vec;

use der::{Encode, Header, Length, Tag, TagNumber};

use super::mechanism::NTLM;
use super::token::{NegState, SPNEGO};

/// What servers send since Windows Vista in the place of a principal ([MS-SPNG] 3.2.5.2).
const HINT_NAME: &[u8] = b"not_defined_in_RFC4178@please_ignore";

/// The list of mechanisms of a client that offers NTLM alone, as a `mechListMIC` covers it.
pub(super) fn ntlm_only() -> Vec<u8> {
    element(Tag::Sequence, &[&element(Tag::ObjectIdentifier, &[NTLM])])
}

/// `NegTokenInit` with a message of the first mechanism.
pub(super) fn init(mech_types: &[u8], mech_token: &[u8]) -> Vec<u8> {
    framed_init(&[&field(0, mech_types), &field(2, &octets(mech_token))])
}

/// `NegTokenInit2` of a server that speaks first ([MS-SPNG] 2.2.1).
pub(super) fn hints() -> Vec<u8> {
    let hint_name = field(0, &element(Tag::GeneralString, &[HINT_NAME]));
    framed_init(&[&field(0, &ntlm_only()), &field(3, &element(Tag::Sequence, &[&hint_name]))])
}

/// `NegTokenResp` of a server that rejects.
pub(super) fn rejection() -> Vec<u8> {
    Response::new(NegState::Reject).emit()
}

/// What a `NegTokenResp` contains.
#[derive(Clone, Copy)]
pub(super) struct Response<'a> {
    pub(super) neg_state: NegState,
    /// Whether `supportedMech` is there, with NTLM.
    pub(super) names_ntlm: bool,
    pub(super) token: Option<&'a [u8]>,
    pub(super) mic: Option<&'a [u8; 16]>,
}

impl Response<'_> {
    /// A response of this state alone.
    pub(super) const fn new(neg_state: NegState) -> Self {
        Self { neg_state, names_ntlm: false, token: None, mic: None }
    }

    pub(super) fn emit(self) -> Vec<u8> {
        let mut fields = field(0, &element(Tag::Enumerated, &[&[self.neg_state as u8]]));
        if self.names_ntlm {
            fields.extend(field(1, &element(Tag::ObjectIdentifier, &[NTLM])));
        }
        if let Some(token) = self.token {
            fields.extend(field(2, &octets(token)));
        }
        if let Some(mic) = self.mic {
            fields.extend(field(3, &octets(mic)));
        }
        field(1, &element(Tag::Sequence, &[&fields]))
    }
}

fn framed_init(fields: &[&[u8]]) -> Vec<u8> {
    let init = field(0, &element(Tag::Sequence, fields));
    let frame = Tag::Application { constructed: true, number: TagNumber(0) };
    element(frame, &[&element(Tag::ObjectIdentifier, &[SPNEGO]), &init])
}

fn field(number: u32, contents: &[u8]) -> Vec<u8> {
    let tag = Tag::ContextSpecific { constructed: true, number: TagNumber(number) };
    element(tag, &[contents])
}

fn octets(octets: &[u8]) -> Vec<u8> {
    element(Tag::OctetString, &[octets])
}

/// An element of these contents.
#[expect(
    clippy::expect_used,
    reason = "tokens are far shorter than the 256 MiB that `der` can write"
)]
fn element(tag: Tag, contents: &[&[u8]]) -> Vec<u8> {
    let length = contents.iter().map(|part| part.len()).sum::<usize>();
    let length = Length::try_from(length).expect("a token of a few kilobytes");
    let header = Header::new(tag, length).to_der().expect("a header can be written");
    [&[&header[..]], contents].concat().concat()
}
