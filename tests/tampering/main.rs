//! A man in the middle changes messages, in each mode and under each policy.
//!
//! `README.md` beside this file contains the results as a table. The tests compute each cell by
//! carrying out the attack of its row, and compare it with the table. To write the table again:
//!
//! ```console
//! $ NTLM_WRITE_TABLE=1 cargo test -p ntlm --all-features --test tampering
//! ```
//!
//! If a change weakens a cell, that is a vulnerability, unless a note justifies it. The other tests
//! below check invariants of the whole table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod attack;
mod border;
mod exchange;
mod flags;
mod flips;
mod foreign;
mod injected;
mod markdown;
mod messages;
mod notes;
mod order;
mod outcome;
mod parts;
mod relays;
mod session;
mod splices;
#[cfg(feature = "spnego")]
mod spnego;
mod table;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;

use ntlm::error::Misuse;
use ntlm::session::Protection;
use ntlm::{Server, client, server};

use attack::{Attack, How};
use exchange::{Channel, Given, Level, Mode};
use ntlm_testkit::{Fixed, alice};
use splices::SPLICES;
use table::{COLUMNS, SESSIONS, column};

const BEGIN: &str = "<!-- Written by tests/tampering. -->\n";
const END: &str = "<!-- Up to here. -->\n";
#[cfg(feature = "spnego")]
const BEGIN_SPNEGO: &str = "<!-- Written by tests/tampering with the feature spnego. -->\n";

#[test]
fn table_in_the_readme_equals_the_results() {
    compare_or_write(&[
        (BEGIN, markdown::render()),
        #[cfg(feature = "spnego")]
        (BEGIN_SPNEGO, markdown::render_spnego()),
    ]);
}

/// Compares each part with the text of `README.md` after its start mark, or writes it there.
fn compare_or_write(parts: &[(&str, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tampering/README.md");
    let mut text = fs::read_to_string(&path).unwrap();
    let mut all = String::new();
    for (begin, computed) in parts {
        let (before, rest) = text.split_once(begin).expect("where the table begins");
        let (written, after) = rest.split_once(END).expect("where the table ends");
        all += &difference(written, computed);
        text = [before, begin, computed, END, after].concat();
    }
    if env::var_os("NTLM_WRITE_TABLE").is_some() {
        return fs::write(&path, text).unwrap();
    }
    assert!(
        all.is_empty(),
        "tests/tampering/README.md (-) is not what happens (+):\n{all}If that is as it should be: \
         NTLM_WRITE_TABLE=1 cargo test -p ntlm --all-features --test tampering"
    );
}

/// The lines that only one of the two texts contains.
fn difference(written: &str, computed: &str) -> String {
    let only = |mark: char, one: &str, other: &str| -> Vec<String> {
        let others: BTreeSet<&str> = other.lines().collect();
        let lines = one.lines().filter(|line| !others.contains(line));
        lines.map(|line| format!("{mark} {line}\n")).collect()
    };
    let lines = [only('-', written, computed), only('+', computed, written)].concat();
    if lines.is_empty() && written != computed {
        "the lines are in another order\n".into()
    } else {
        lines.concat()
    }
}

#[test]
fn no_attack_makes_a_policy_accept_what_it_rejects() {
    let refused: Vec<_> = COLUMNS.iter().filter(|column| !column.refusals.is_empty()).collect();
    assert!(!refused.is_empty());
    for column in refused {
        for (attack, cell) in column.rows() {
            assert!(cell.is_refused(), "{:?}, {:?}: {}", column.mode, column.level, attack.name);
        }
    }
}

#[test]
fn mic_detects_every_change() {
    for mode in [Mode::Ntlmv2, Mode::Datagram] {
        for level in [Level::Default, Level::Strict] {
            let is_change = |attack: &Attack| {
                matches!(attack.how, How::Flip(_) | How::Flags(_))
                    || SPLICES.iter().any(|splice| splice.name == attack.name)
            };
            let changes = column(mode, level).rows().filter(|(attack, _)| is_change(attack));
            for (attack, cell) in changes {
                assert!(cell.is_refused(), "{mode:?}, {level:?}: {}", attack.name);
            }
        }
    }
}

/// With an NTLMv2 or LMv2 proof: it covers both names, but not the border between them.
#[test]
fn only_a_moved_border_of_user_and_domain_changes_the_user() {
    for mode in [Mode::Ntlmv2, Mode::Datagram, Mode::WithoutMic, Mode::Lmv2Alone, Mode::Anonymous] {
        for column in COLUMNS.iter().filter(|column| column.mode == mode) {
            for (attack, cell) in column.rows() {
                let becomes_another = cell.differences().any(|what| what.contains("other user"));
                let moves_border = attack.note == Some(notes::BORDER);
                let has_proof = matches!(mode, Mode::WithoutMic | Mode::Lmv2Alone);
                let is_accepted = column.refusals.is_empty();
                assert_eq!(
                    becomes_another,
                    moves_border && has_proof && is_accepted,
                    "{mode:?}, {:?}: {}",
                    column.level,
                    attack.name
                );
            }
        }
    }
}

#[test]
fn under_strict_policies_only_application_mistakes_allow_attacks() {
    for mode in [Mode::Ntlmv2, Mode::Datagram] {
        let rows = column(mode, Level::Strict).rows();
        let possible: Vec<_> =
            rows.filter(|(_, cell)| cell.is_possible()).map(|(attack, _)| attack.name).collect();
        assert_eq!(
            possible,
            ["the AUTHENTICATE, sent twice to a server that keeps its challenge elsewhere"]
        );
    }
}

#[test]
fn exactly_the_possible_attacks_have_a_note() {
    for (place, attack) in table::attacks().enumerate() {
        let is_possible = COLUMNS.iter().any(|column| column.cell(place).is_possible());
        assert_eq!(attack.note.is_some(), is_possible, "{}", attack.name);
    }
    for attack in session::ATTACKS {
        let is_possible = |(_, kind): &(&str, _)| table::session_cell(attack, *kind).is_possible();
        assert_eq!(attack.note.is_some(), SESSIONS.iter().any(is_possible), "{}", attack.name);
    }
}

#[cfg(feature = "spnego")]
#[test]
fn exactly_the_possible_attacks_on_spnego_have_a_note() {
    for attack in spnego::ATTACKS.iter().flat_map(|(_, attacks)| *attacks) {
        let is_possible = spnego::KINDS.iter().any(|kind| {
            let outcomes = kind.outcomes(attack);
            outcomes.iter().any(|outcome| matches!(outcome, outcome::Outcome::Possible(_)))
        });
        assert_eq!(attack.note.is_some(), is_possible, "{}", attack.name);
    }
}

/// Flags are bits too, but have their own rows.
#[test]
fn each_bit_belongs_to_one_row() {
    for field in COLUMNS.iter().flat_map(|column| &column.fields) {
        let flips = |attack: &&Attack| match attack.how {
            How::Flip(fields) => fields.contains(&field.as_str()),
            _ => false,
        };
        let is_of_flags = field.ends_with(" NegotiateFlags");
        assert_eq!(table::attacks().filter(flips).count(), usize::from(!is_of_flags), "{field}");
    }
}

/// If the application configured nothing that a strict policy could require from the peer, the
/// policy rejects the configuration.
#[test]
fn strict_policies_without_bindings_and_spn_start_no_handshake() {
    let alice = alice().with_policy(client::Policy::strict());
    let target = alice.clone().with_spn(Given::TARGET);
    let bound = alice.clone().with_channel_bindings(Channel::OfTheServer.bindings());
    for (client, misuse) in [
        (alice, Misuse::NoSpn),
        (target, Misuse::NoChannelBindings),
        (bound.clone(), Misuse::NoSpn),
        (bound.with_spn(""), Misuse::NoSpn),
    ] {
        assert_eq!(client.initiate().unwrap_err(), misuse.into());
        let datagram = client.answer_datagram(b"", &mut Fixed::default());
        assert_eq!(datagram.unwrap_err(), misuse.into());
    }

    let server =
        Server::new(server::Names::standalone("FILES")).with_policy(server::Policy::strict());
    let named = server.clone().with_spns([Given::TARGET]);
    let bound = server.clone().with_channel_bindings(Channel::OfTheServer.bindings());
    for (server, misuse) in [
        (server, Misuse::NoChannelBindings),
        (named, Misuse::NoChannelBindings),
        (bound, Misuse::NoSpn),
    ] {
        let negotiate = foreign::negotiate(Protection::None);
        let error = server.challenge(&negotiate, &mut Fixed::default()).unwrap_err();
        assert_eq!(error, misuse.into());
        let error = server.challenge_datagram(&mut Fixed::default()).unwrap_err();
        assert_eq!(error, misuse.into());
    }
}
