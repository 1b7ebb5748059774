//! Cases from files, each of which must pass.

use core::fmt::{Debug, Display};
use core::panic::AssertUnwindSafe;
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::catch_unwind;
use std::path::Path;

use ntlm::wire::NegotiateFlags;
use serde_json::Value;

use crate::hex::try_unhex;
use crate::json::{Fields, data, try_read_json};

/// The result of a replay, or why it failed.
pub type Outcome<T> = Result<T, String>;

/// Counts the cases of each kind, and those that failed.
#[derive(Debug, Default)]
pub struct Replay {
    kinds: Vec<&'static str>,
    counts: BTreeMap<&'static str, usize>,
    failed: usize,
}

impl Replay {
    /// There must be cases of each of these kinds.
    pub fn new(kinds: &[&'static str]) -> Self {
        Self { kinds: kinds.to_vec(), ..Self::default() }
    }

    pub fn count(&mut self, kind: &'static str, number: usize) {
        *self.counts.entry(kind).or_default() += number;
    }

    /// Runs a case. If it fails or panics, the reason is printed and counted.
    pub fn check<T>(&mut self, id: &dyn Display, case: impl FnOnce() -> Outcome<T>) -> Option<T> {
        let outcome = catch_unwind(AssertUnwindSafe(case)).unwrap_or(Err("panicked".into()));
        let why = match outcome {
            Ok(found) => return Some(found),
            Err(why) => why,
        };
        println!("{id}: {why}");
        self.failed += 1;
        None
    }

    /// Runs all cases of a file below `tests/data`, and of the file that the environment variable
    /// names. A file that cannot be read, or has no cases, counts as failed.
    pub fn files(&mut self, name: &str, variable: &str, run: fn(&mut Self, &Value) -> Outcome<()>) {
        let more = std::env::var_os(variable);
        for path in [Some(data(name)), more.map(Into::into)].into_iter().flatten() {
            self.file(&path, run);
        }
    }

    /// Runs all cases of a file.
    pub fn file(&mut self, path: &Path, run: fn(&mut Self, &Value) -> Outcome<()>) {
        let file = self.check(&path.display(), || try_read_json(path));
        let found = file.map(|file| run(self, &file));
        if let Some(Err(why)) = found {
            self.check::<()>(&path.display(), || Err(why));
        }
    }

    /// Prints one line, even if the test passes.
    ///
    /// # Panics
    /// If a case failed, or there is none of a kind.
    #[track_caller]
    pub fn finish(&self) {
        let counts = self.kinds.iter().map(|kind| (kind, self.counts.get(kind).unwrap_or(&0)));
        let counts: Vec<_> = counts.map(|(kind, count)| format!("{count} {kind}")).collect();
        report(&format!("{}, {} failed", counts.join(", "), self.failed));
        let has_all = self.kinds.iter().all(|kind| self.counts.contains_key(kind));
        assert!(has_all, "no case of a kind: {}", counts.join(", "));
        assert_eq!(self.failed, 0, "failed");
    }
}

/// Prints a separate line even if the test passes, which `println!` does not. If tests run one by
/// one, the test runner has already started a line with the test's name.
pub fn report(line: &str) {
    write!(std::io::stdout(), "\n{line}\n").expect("standard output");
}

/// The bytes of a field; `None` if there is no such field.
pub fn optional_bytes(value: &Value, name: &str) -> Outcome<Option<Vec<u8>>> {
    match &value[name] {
        Value::Null => Ok(None),
        Value::String(digits) => {
            try_unhex(digits).map(Some).ok_or(format!("{name} is not hexadecimal"))
        }
        other => Err(format!("{name} is {other}")),
    }
}

pub fn bytes(value: &Value, name: &str) -> Outcome<Vec<u8>> {
    optional_bytes(value, name)?.ok_or(format!("no {name}"))
}

pub fn text<'a>(value: &'a Value, name: &str) -> Outcome<&'a str> {
    value.text(name).ok_or(format!("no {name}"))
}

pub fn list<'a>(value: &'a Value, name: &str) -> Outcome<&'a [Value]> {
    value[name].as_array().map(Vec::as_slice).ok_or(format!("no list {name}"))
}

pub fn number<T: TryFrom<u64>>(value: &Value, name: &str) -> Outcome<T> {
    let number = value[name].as_u64().and_then(|number| T::try_from(number).ok());
    number.ok_or(format!("no number {name}"))
}

/// Flags as hexadecimal digits after `0x`.
pub fn flags(value: &Value, name: &str) -> Outcome<NegotiateFlags> {
    let bits = u32::from_str_radix(text(value, name)?.trim_start_matches("0x"), 16);
    bits.map(NegotiateFlags::from_bits_retain).map_err(display)
}

/// Compares a computed value with the recorded one.
pub fn check<T: PartialEq + Debug>(what: &str, found: T, recorded: T) -> Outcome<()> {
    if found == recorded {
        return Ok(());
    }
    Err(format!("{what}: {found:x?} instead of {recorded:x?}"))
}

/// An error as the reason why a case fails.
pub fn display(error: impl Display) -> String {
    error.to_string()
}
