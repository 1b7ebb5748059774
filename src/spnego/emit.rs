//! Writing SPNEGO tokens in DER.

use alloc::vec::Vec;

use der::{Encode, Header, Length, Tag, TagNumber};

use super::mechanism::NTLM;
use super::token::{NegState, SPNEGO};

/// The `hintName` that servers send since Windows Vista, instead of the name of a principal
/// ([MS-SPNG] 3.2.5.2).
const HINT_NAME: &[u8] = b"not_defined_in_RFC4178@please_ignore";

/// Returns the list of mechanisms of a client that offers only NTLM, in the encoding that a
/// `mechListMIC` covers.
pub(super) fn ntlm_only() -> Vec<u8> {
    element(Tag::Sequence, &[&element(Tag::ObjectIdentifier, &[NTLM])])
}

/// Writes a `NegTokenInit` with a message of the first mechanism.
pub(super) fn init(mech_types: &[u8], mech_token: &[u8]) -> Vec<u8> {
    framed_init(&[&field(0, mech_types), &field(2, &octets(mech_token))])
}

/// Writes the `NegTokenInit2` of a server that sends the first token ([MS-SPNG] 2.2.1).
pub(super) fn hints() -> Vec<u8> {
    let hint_name = field(0, &element(Tag::GeneralString, &[HINT_NAME]));
    framed_init(&[&field(0, &ntlm_only()), &field(3, &element(Tag::Sequence, &[&hint_name]))])
}

/// Writes the `NegTokenResp` with which a server rejects the client.
pub(super) fn rejection() -> Vec<u8> {
    Response::new(NegState::Reject).emit()
}

/// The contents of a `NegTokenResp`.
#[derive(Clone, Copy)]
pub(super) struct Response<'a> {
    pub(super) neg_state: NegState,
    /// Whether `supportedMech` is present, with the value NTLM.
    pub(super) names_ntlm: bool,
    pub(super) token: Option<&'a [u8]>,
    pub(super) mic: Option<&'a [u8; 16]>,
}

impl Response<'_> {
    /// Returns a response that contains only this state.
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

/// Writes an element: tag, length, and the concatenated contents.
#[expect(
    clippy::expect_used,
    reason = "tokens are far shorter than the 256 MiB that `der` can write"
)]
fn element(tag: Tag, contents: &[&[u8]]) -> Vec<u8> {
    let length = contents.iter().map(|part| part.len()).sum::<usize>();
    let length = Length::try_from(length).expect("the token is shorter than 256 MiB");
    let header = Header::new(tag, length).to_der().expect("the header can be written");
    [&[&header[..]], contents].concat().concat()
}
