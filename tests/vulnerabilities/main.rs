//! Each published vulnerability of an NTLM implementation: the bytes that the product handled
//! wrongly, and how this crate handles them.
//!
//! `data/hostile.json` contains most of them, each with its expected result. A test is named after
//! the number of the vulnerability; its comment names the product and the cause. The tests of the
//! behaviour itself (`server.rs`, `client.rs`, `border.rs` and others) cover each rule in full.
//! Vulnerabilities of sockets and other things that this library does not have are omitted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod fields;
mod hostile;
mod identity;
mod lengths;
mod lists;
mod logic;
mod messages;

use core::fmt::Debug;

use ntlm::server::Policy;
use ntlm::wire::{Authenticate, ErrorKind, Message, NtResponse};
use ntlm::{Client, Credentials, Error, UserName};
use ntlm_testkit::fields::authenticate::{LM, NT, WORKSTATION};
use ntlm_testkit::fields::challenge::TARGET_NAME;
use ntlm_testkit::fields::{described, offset};
use ntlm_testkit::{Fields, Fixed, PASSWORD, alice, answer, case, cases, challenged, server};

/// A token among the hostile ones.
fn token(id: &str) -> Vec<u8> {
    case("hostile.json", id).bytes("message").expect(id)
}

/// All hostile tokens whose ids start with this text.
fn tokens(id: &str) -> impl Iterator<Item = Vec<u8>> {
    let cases = cases("hostile.json").iter();
    let cases = cases.filter(move |case| case.text("id").unwrap().starts_with(id));
    cases.filter_map(|case| case.bytes("message"))
}

/// Well-formed messages of each type, in which each field is read.
fn well_formed() -> [Vec<u8>; 3] {
    let [mut negotiate, challenge, authenticate] = ["H-100", "H-200", "H-300"].map(token);
    negotiate[13] |= 0x30; // both names are supplied
    [negotiate, challenge, authenticate]
}

fn named(user: &str, domain: &str) -> Client {
    Client::new(Credentials::password(UserName::new(user).with_domain(domain), PASSWORD))
}

/// Why a message does not parse. The receiving side reports the same reason, unless the field has
/// no meaning for that side.
#[track_caller]
fn refusal(message: &[u8]) -> (ErrorKind, usize) {
    let error = Message::parse(message).unwrap_err();
    let is_same = receive(message) == Err(Error::Wire(error));
    assert_eq!(is_same, has_meaning(message, error), "{error:?}");
    (error.kind(), error.offset())
}

/// Whether the receiving side reads the malformed part. A server reads neither the names in a
/// NEGOTIATE nor the workstation and the LM response beside NTLMv2; a client does not read
/// `TargetName`, and reports on its own that no character set is chosen.
fn has_meaning(message: &[u8], error: ntlm::wire::Error) -> bool {
    let is_cut = error.kind() == ErrorKind::TooShort;
    match (message.get(8), error.offset()) {
        (Some(1), descriptor) => descriptor < 16 || message.len() < 16,
        (Some(2), 20) => error.kind() != ErrorKind::NoCharacterSet,
        (Some(2), TARGET_NAME) | (Some(3), WORKSTATION) => is_cut,
        (Some(3), LM) => is_cut || !is_ntlmv2(&described(message, LM, 0, 0)),
        (Some(3), end) if error.kind() == ErrorKind::AvPairsUnended => {
            // A server accepts a response without a list.
            end != offset(message, NT) + 44
        }
        _ => true,
    }
}

fn is_ntlmv2(message: &[u8]) -> bool {
    let nt_response = Authenticate::parse(message).map(|message| message.nt_response);
    matches!(nt_response, Ok(NtResponse::V2(_)))
}

/// Passes a message to the side that receives it.
fn receive(message: &[u8]) -> Result<(), Error> {
    match message.get(8) {
        Some(1) => server().challenge(message, &mut Fixed::default()).map(drop),
        Some(3) => challenged(&server()).1.read(message, &mut Fixed::default()).map(drop),
        _ => answer(&alice(), message).map(drop),
    }
}

/// Which part of a message is malformed, and where.
#[track_caller]
fn wire<T: Debug>(result: Result<T, Error>) -> (ErrorKind, usize) {
    match result {
        Err(Error::Wire(error)) => (error.kind(), error.offset()),
        result => panic!("{result:?}"),
    }
}

fn default(_: &mut Policy) {}

/// Fails if memory is kept that was not allocated before.
#[track_caller]
fn assert_leaks_nothing(work: impl Fn()) {
    work(); // Initializes what is kept for good, such as the test data.
    let counted = allocation_counter::measure(work);
    assert_eq!((counted.count_current, counted.bytes_current), (0, 0));
}
