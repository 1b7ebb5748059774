//! The fields of a message, and functions to change them.

use ntlm::wire::{Authenticate, Challenge, NtResponse};
use ntlm_testkit::messages::Pairs;
use ntlm_testkit::{Emit, fields};

/// The name of the field that a byte belongs to.
pub(crate) fn field(message: &[u8], byte: usize) -> String {
    if byte < 12 {
        return if byte < 8 { "Signature" } else { "MessageType" }.into();
    }
    let fields = fields::of(message);
    let mut start = message.len();
    for (at, name) in fields.iter().filter(|(_, name)| name.ends_with("Fields")) {
        let length = fields::length(message, *at);
        let offset = fields::offset(message, *at);
        if length > 0 {
            start = start.min(offset);
            if (offset..offset + length).contains(&byte) {
                return name.trim_end_matches("Fields").into();
            }
        }
    }
    if byte >= start {
        return format!("byte {byte}");
    }
    fields.iter().rev().find(|(at, _)| *at <= byte).unwrap().1.into()
}

/// Replaces the `TargetInfo` of a CHALLENGE.
pub(crate) fn change_target_info(challenge: &mut Vec<u8>, change: impl FnOnce(Pairs) -> Pairs) {
    *challenge = ntlm_testkit::with_pairs(challenge, &change(ntlm_testkit::pairs_of(challenge)));
}

/// Removes `TargetInfo` from a CHALLENGE.
pub(crate) fn remove_target_info(challenge: &mut Vec<u8>) {
    let message = Challenge { target_info: None, ..Challenge::parse(challenge).unwrap() };
    *challenge = message.to_bytes();
}

/// Changes the contents of an NTLMv2 response, but not its proof. Other responses are unchanged.
pub(crate) fn change_response(authenticate: &mut Vec<u8>, change: impl FnOnce(Pairs) -> Pairs) {
    let message = Authenticate::parse(authenticate).unwrap();
    let NtResponse::V2(response) = message.nt_response else { return };
    let pairs = response.target_info();
    let list =
        ntlm_testkit::list(&change(pairs.iter().map(|(id, value)| (id, value.to_vec())).collect()));
    let bytes = [&response.as_bytes()[..16 + 28], &list, pairs.trailing()].concat();
    let nt_response = NtResponse::parse(&bytes).unwrap();
    *authenticate = Authenticate { nt_response, ..message }.to_bytes();
}

/// Encodes an AUTHENTICATE again, with other fields.
pub(crate) fn rewrite(authenticate: &mut Vec<u8>, change: impl FnOnce(&mut Authenticate<'_>)) {
    *authenticate = ntlm_testkit::changed(authenticate, change);
}
