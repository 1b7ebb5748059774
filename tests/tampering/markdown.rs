//! The table as Markdown.

use crate::exchange::{Level, Mode};
use crate::outcome::Outcome;
use crate::session;
#[cfg(feature = "spnego")]
use crate::spnego::{self, KINDS};
use crate::table::{ALLOWED, ATTACKS, Cell, MODES, SESSIONS, column, session_cell};

/// Modes that one of the policies accepts.
const LET_IN: [(&str, Mode, Level); 5] = [
    ("NTLMv2, default", Mode::Ntlmv2, Level::Default),
    ("NTLMv2, strict", Mode::Ntlmv2, Level::Strict),
    ("connectionless, default", Mode::Datagram, Level::Default),
    ("connectionless, strict", Mode::Datagram, Level::Strict),
    ("no MIC, default", Mode::WithoutMic, Level::Default),
];

/// The whole table.
pub(crate) fn render() -> String {
    let mut notes = Notes::default();
    let mut out = String::new();
    INTRODUCTION.iter().for_each(|text| out += &wrap(text));
    out += &modes();
    out += "\n### Attacks on handshakes that a policy accepts\n\n";
    out += &exchanges(&LET_IN, &mut notes);
    out += "\n### Attacks on handshakes that neither policy accepts\n\n";
    out += &wrap(UNDER_ANOTHER_POLICY);
    out += &exchanges(&ALLOWED, &mut notes);
    out += "\n### Attacks on protected messages\n\n";
    out += &wrap(PROTECTED);
    out += &sessions(&mut notes);
    out += "\n### Why an attack is possible, and what stops it\n\n";
    for (place, note) in notes.notes.iter().enumerate() {
        out += &wrap(&format!("- ({}) {note}", notes.mark_of(place)));
    }
    out
}

/// The results of attacks on SPNEGO.
#[cfg(feature = "spnego")]
pub(crate) fn render_spnego() -> String {
    let mut notes = Notes { first: '1', ..Notes::default() };
    let mut out = String::from("### Attacks on SPNEGO around a handshake\n\n");
    SPNEGO.iter().for_each(|text| out += &wrap(text));
    out += &heading(KINDS.iter().map(|kind| kind.title.to_string()));
    for (group, attacks) in spnego::ATTACKS {
        out += &row([format!("*{group}*")].into_iter().chain(KINDS.map(|_| String::new())));
        for attack in attacks {
            let cells = KINDS.map(|kind| notes.cell(&Cell(kind.outcomes(attack)), attack.note));
            out += &row([attack.name.to_string()].into_iter().chain(cells));
        }
    }
    out += "\n";
    for (place, note) in notes.notes.iter().enumerate() {
        out += &wrap(&format!("- ({}) {note}", notes.mark_of(place)));
    }
    out
}

fn modes() -> String {
    let mut out = row(["", "default", "strict"].map(String::from));
    out += "|---|---|---|\n";
    for (mode, name) in MODES {
        let verdict = |level| {
            let refusals = &column(mode, level).refusals;
            let reasons: Vec<_> = refusals.iter().map(ToString::to_string).collect();
            if reasons.is_empty() {
                "accepted".into()
            } else {
                format!("rejected: {}", reasons.join("; "))
            }
        };
        out += &row([name.into(), verdict(Level::Default), verdict(Level::Strict)]);
    }
    out
}

fn exchanges(columns: &[(&str, Mode, Level)], notes: &mut Notes) -> String {
    let titles = columns.iter().map(|(title, ..)| (*title).to_string());
    let mut out = heading(titles);
    let columns: Vec<_> = columns.iter().map(|(_, mode, level)| column(*mode, *level)).collect();
    let mut places = 0..;
    for (group, attacks) in ATTACKS {
        let empty = columns.iter().map(|_| String::new());
        out += &row([format!("*{group}*")].into_iter().chain(empty));
        for (attack, place) in attacks.iter().zip(&mut places) {
            let cells = columns.iter().map(|column| notes.cell(column.cell(place), attack.note));
            out += &row([attack.name.to_string()].into_iter().chain(cells));
        }
    }
    out
}

fn sessions(notes: &mut Notes) -> String {
    let mut out = heading(SESSIONS.iter().map(|(title, _)| (*title).to_string()));
    for attack in session::ATTACKS {
        let cells =
            SESSIONS.iter().map(|(_, kind)| notes.cell(&session_cell(attack, *kind), attack.note));
        out += &row([attack.name.to_string()].into_iter().chain(cells));
    }
    out
}

/// Lines of up to 100 characters, indented below the mark of an item. Items follow each other; a
/// paragraph is followed by an empty line.
fn wrap(text: &str) -> String {
    let is_item = text.starts_with("- ");
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.chars().count() + 1 + word.chars().count() > 100 {
            lines.push(format!("{}{word}", if is_item { "  " } else { "" }));
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n") + if is_item { "\n" } else { "\n\n" }
}

fn heading(titles: impl Iterator<Item = String>) -> String {
    let titles: Vec<_> = [String::new()].into_iter().chain(titles).collect();
    let line = "|---".repeat(titles.len()) + "|\n";
    row(titles) + &line
}

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<_> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The notes in the order in which the table names them.
struct Notes {
    notes: Vec<&'static str>,
    /// The mark of the first one.
    first: char,
}

impl Default for Notes {
    fn default() -> Self {
        Self { notes: Vec::new(), first: 'a' }
    }
}

impl Notes {
    fn mark(&mut self, note: Option<&'static str>) -> char {
        let note = note.expect("what is possible has a note");
        let place = self.notes.iter().position(|other| *other == note).unwrap_or_else(|| {
            self.notes.push(note);
            self.notes.len() - 1
        });
        self.mark_of(place)
    }

    fn mark_of(&self, place: usize) -> char {
        char::from_u32(u32::from(self.first) + u32::try_from(place).unwrap()).unwrap()
    }

    fn cell(&mut self, cell: &Cell, note: Option<&'static str>) -> String {
        let mut possible = Vec::new();
        let mut refusals = Vec::new();
        let mut has_none = false;
        for outcome in &cell.0 {
            match outcome {
                Outcome::Possible(what) => possible.push(what.as_str()),
                Outcome::NoEffect => has_none = true,
                Outcome::Refused(stopped) => refusals.push(stopped.to_string()),
            }
        }
        let mut words = Vec::new();
        if !possible.is_empty() {
            let mark = self.mark(note);
            words.push(format!("**possible** ({mark}): {}", possible.join(", ")));
        }
        if has_none {
            words.push("no effect".into());
        }
        words.extend(refusals);
        if words.is_empty() { "–".into() } else { words.join("; ") }
    }
}

const INTRODUCTION: [&str; 7] = [
    "The man in the middle sees and changes each message between client and server, and knows no \
     password. `cargo test --test tampering` carries out each attack, and compares the results with this \
     text.",
    "Both sides have the default policy, or both have `Policy::strict`. Both applications set channel \
     bindings and SPNs, unless the row says otherwise. Each attack is tried without protection, signed \
     and sealed; and where the policies allow it, also in OEM characters, without extended session \
     security, without key exchange, and with 56 and 40 bits. A cell lists all results:",
    "- a name: the server rejects the client for this reason (`Denied`, `Refused`, `Unexpected` or \
     `Misuse`, or `Wire` for a malformed message). \"client\" means that the client rejects; \"first \
     message\" means that both sides accept, and the receiver of the first protected message rejects it.",
    "- no effect: both sides end as they do without the attack, with the same user, names, \
     protection and keys, and with the same checks passed.",
    "- **possible**: the attack succeeds. The cell lists the changes, and the letter of the note explains \
     why.",
    "- –: the attack does not exist in this mode.",
    "\nThese are the modes that each policy accepts. No attack in the rows below changes that:",
];

const UNDER_ANOTHER_POLICY: &str = "The server has the default policy, changed only so that it accepts \
    the mode. ESS is extended session security.";

const PROTECTED: &str = "Both policies require ESS. \"Continues\" means that the receiver still \
    delivers the messages that were not changed. Signatures cannot show that the last messages are \
    missing.";

#[cfg(feature = "spnego")]
const SPNEGO: [&str; 2] = [
    "The client is an `Initiator`, the server an `Acceptor` (feature `spnego`), and the man in the \
     middle changes how they negotiate the mechanism. \"NTLM alone\" is `Initiator::initiate`; \
     \"Kerberos first\" is `Initiator::continue_after`, with a first token that prefers Kerberos. \
     The last column has a client whose AUTHENTICATE has no MIC (message integrity code).",
    "The cells are as above; names can also be those of `spnego::Error`. \"Other preference\" means that \
     the server accepts the client, but reports another preferred mechanism than the client has; \"then\" \
     means that this error stops the negotiation afterwards.",
];
