//! The border of user and domain: an NTLMv2 proof covers the user name in upper case followed by
//! the domain, but not where one ends and the other starts.

use ntlm::wire::{Authenticate, NegotiateFlags as Flags};

use ntlm_testkit::fields;

use crate::attack::Honest;
use crate::outcome::Outcome;
use ntlm_testkit::Emit;

/// The first letter of the domain becomes the last one of the user, or the reverse; or the whole
/// domain moves into the user name, and another domain replaces it, because a proof may cover no
/// domain.
pub(crate) fn moved(honest: &Honest) -> Vec<Outcome> {
    let Some(authenticate) = honest.message(3) else { return Vec::new() };
    let rewritten = |names: Option<(Vec<u8>, Vec<u8>)>| {
        let (user, domain) = names?;
        let message = Authenticate::parse(authenticate).unwrap();
        let changed = Authenticate { user: &user, domain: &domain, ..message }.to_bytes();
        honest.tampered_in(3, |message| message.clone_from(&changed))
    };
    let all = [moved_names(authenticate), moved_back(authenticate), all_moved(authenticate)];
    all.into_iter().filter_map(rewritten).collect()
}

/// User and domain, with the first letter of the domain at the end of the user. `None` if the client
/// is anonymous.
pub(crate) fn moved_names(authenticate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let Authenticate { user, domain, .. } = Authenticate::parse(authenticate).unwrap();
    let (letter, rest) = domain.split_at_checked(unit(authenticate))?;
    Some(([user, letter].concat(), rest.to_vec()))
}

/// User and domain, with the last letter of the user, in upper case, at the start of the domain.
fn moved_back(authenticate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let Authenticate { user, domain, .. } = Authenticate::parse(authenticate).unwrap();
    let end = user.len().checked_sub(unit(authenticate))?;
    let (rest, letter) = user.split_at(end);
    Some((rest.to_vec(), [&letter.to_ascii_uppercase(), domain].concat()))
}

/// The user and the domain as the user name, and the last letter of it as the domain.
fn all_moved(authenticate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let Authenticate { user, domain, .. } = Authenticate::parse(authenticate).unwrap();
    let both = [user, domain].concat();
    let letter = both.get(both.len().checked_sub(unit(authenticate))?..)?.to_vec();
    Some((both, letter))
}

/// The number of bytes of an ASCII letter in the names of a message.
pub(crate) fn unit(authenticate: &[u8]) -> usize {
    if fields::flags(authenticate).contains(Flags::NEGOTIATE_UNICODE) { 2 } else { 1 }
}
