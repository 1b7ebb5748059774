//! The results of all attacks, by mode and policy.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::thread;

use crate::attack::{Attack, Honest};
use crate::exchange::{Level, Mode, Setting};
use crate::flags::FLAGS;
use crate::flips::FLIPS;
use crate::order::ORDER;
use crate::outcome::{Outcome, Stopped};
use crate::parts::PARTS;
use crate::relays::RELAYS;
use crate::session::{self, Kind};
use crate::splices::SPLICES;

/// All attacks on the messages of a handshake, in groups.
pub(crate) const ATTACKS: [(&str, &[Attack]); 6] = [
    ("Flip each bit of", FLIPS),
    ("Flags, in each combination of the messages:", FLAGS),
    ("Remove or replace", PARTS),
    ("Replace, repeat or delay", ORDER),
    ("Move the borders of the messages:", SPLICES),
    ("Relay a client", RELAYS),
];

pub(crate) const MODES: [(Mode, &str); 8] = [
    (Mode::Ntlmv2, "NTLMv2"),
    (Mode::Datagram, "NTLMv2, connectionless"),
    (Mode::WithoutMic, "NTLMv2 of a client that sends no MIC"),
    (Mode::Ntlm2Session, "NTLMv1 with extended session security"),
    (Mode::Ntlm2SessionDatagram, "the same, connectionless"),
    (Mode::Ntlmv1, "NTLMv1"),
    (Mode::Lmv2Alone, "LMv2 alone"),
    (Mode::Anonymous, "anonymous"),
];

/// Modes that neither built-in policy accepts, tested under a policy that allows them.
pub(crate) const ALLOWED: [(&str, Mode, Level); 5] = [
    ("NTLMv1 with ESS", Mode::Ntlm2Session, Level::Allowing),
    ("the same, connectionless", Mode::Ntlm2SessionDatagram, Level::Allowing),
    ("NTLMv1", Mode::Ntlmv1, Level::Allowing),
    ("LMv2 alone", Mode::Lmv2Alone, Level::Allowing),
    ("anonymous", Mode::Anonymous, Level::Allowing),
];

pub(crate) const SESSIONS: [(&str, Kind); 4] = [
    ("connection", Kind::Extended),
    ("connectionless", Kind::DatagramExtended),
    ("connection, without ESS", Kind::Legacy),
    ("connectionless, without ESS", Kind::DatagramLegacy),
];

/// The results of an attack in all settings of a column.
pub(crate) struct Cell(pub(crate) BTreeSet<Outcome>);

impl Cell {
    pub(crate) fn is_possible(&self) -> bool {
        self.differences().next().is_some()
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.0.iter().all(|outcome| matches!(outcome, Outcome::Refused(_)))
    }

    /// The differences, if the attack is possible.
    pub(crate) fn differences(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|outcome| match outcome {
            Outcome::Possible(what) => Some(what.as_str()),
            _ => None,
        })
    }
}

/// A mode and a level, and the results of all attacks on it.
pub(crate) struct Column {
    pub(crate) mode: Mode,
    pub(crate) level: Level,
    /// Why the handshake is rejected without an attack.
    pub(crate) refusals: BTreeSet<Stopped>,
    /// All fields of all messages.
    pub(crate) fields: BTreeSet<String>,
    /// In the order of [`attacks`].
    cells: Vec<Cell>,
}

impl Column {
    fn new(mode: Mode, level: Level) -> Self {
        let honest: Vec<_> = Setting::all(mode, level).into_iter().map(Honest::new).collect();
        let refusals: Vec<_> =
            honest.iter().filter_map(|honest| honest.end.as_ref().err().cloned()).collect();
        assert!(
            refusals.is_empty() || refusals.len() == honest.len(),
            "all settings are rejected, or none"
        );
        let cell = |attack: &Attack| {
            Cell(honest.iter().flat_map(|honest| honest.suffers(&attack.how)).collect())
        };
        let cells = attacks().map(cell).collect();
        let messages = honest.iter().flat_map(|honest| &honest.messages);
        let fields = messages.flat_map(|sent| sent.fields.iter().cloned()).collect();
        Self { mode, level, refusals: refusals.into_iter().collect(), fields, cells }
    }

    pub(crate) fn cell(&self, place: usize) -> &Cell {
        &self.cells[place]
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static Attack, &Cell)> {
        attacks().zip(&self.cells)
    }
}

pub(crate) fn attacks() -> impl Iterator<Item = &'static Attack> {
    ATTACKS.iter().flat_map(|(_, attacks)| *attacks)
}

/// Runs each mode under each policy: nearly all of the work, in several threads.
pub(crate) static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let levels = [Level::Default, Level::Strict, Level::Allowing];
    thread::scope(|scope| {
        let columns = MODES.iter().flat_map(|(mode, _)| levels.map(|level| (*mode, level)));
        let is_new = |(mode, level): &(Mode, Level)| {
            *level != Level::Allowing || ALLOWED.iter().any(|(_, allowed, _)| allowed == mode)
        };
        let columns: Vec<_> = columns
            .filter(is_new)
            .map(|(mode, level)| scope.spawn(move || Column::new(mode, level)))
            .collect();
        columns.into_iter().map(|column| column.join().unwrap()).collect()
    })
});

pub(crate) fn column(mode: Mode, level: Level) -> &'static Column {
    COLUMNS.iter().find(|column| (column.mode, column.level) == (mode, level)).unwrap()
}

pub(crate) fn session_cell(attack: &session::Attack, kind: Kind) -> Cell {
    Cell(attack.outcomes(kind).into_iter().collect())
}
