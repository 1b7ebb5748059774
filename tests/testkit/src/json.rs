//! The files of `tests/data`.

use core::fmt::Display;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::hex::unhex;

/// A file below `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(name)
}

/// A file below `tests/data`, which is read only once.
pub fn read_json(name: &str) -> &'static Value {
    static FILES: Mutex<BTreeMap<String, &Value>> = Mutex::new(BTreeMap::new());
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    files.entry(name.into()).or_insert_with(|| {
        Box::leak(Box::new(try_read_json(&data(name)).unwrap_or_else(|why| panic!("{why}"))))
    })
}

/// A file at another place.
pub fn try_read_json(path: &Path) -> Result<Value, String> {
    let at = |error: &dyn Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| at(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| at(&error))
}

/// The cases in a file below `tests/data` that contains a list.
pub fn cases(file: &str) -> &'static [Value] {
    read_json(file).as_array().expect("a list of cases")
}

/// The case with this id.
#[track_caller]
pub fn case(file: &str, id: &str) -> &'static Value {
    find(cases(file), id)
}

/// The case with this id in a list.
#[track_caller]
pub fn find<'a>(cases: &'a [Value], id: &str) -> &'a Value {
    cases.iter().find(|case| case.text("id") == Some(id)).unwrap_or_else(|| panic!("no {id}"))
}

/// A message among the published test vectors.
#[track_caller]
pub fn vector(id: &str) -> Vec<u8> {
    case("vectors.json", id)["inputs"].bytes("message").expect(id)
}

/// The recorded handshake with this id.
pub fn transcript(id: &str) -> &'static Value {
    read_json(&format!("transcripts/{id}.json"))
}

/// All recorded handshakes below `tests/data/transcripts`, sorted by name.
pub fn transcripts() -> impl Iterator<Item = &'static Value> {
    let folder = std::fs::read_dir(data("transcripts")).expect("the folder of transcripts");
    let mut names: Vec<_> = folder.map(|file| file.expect("a file").file_name()).collect();
    assert!(!names.is_empty(), "no transcripts");
    names.sort();
    names.into_iter().map(|name| read_json(&format!("transcripts/{}", name.to_string_lossy())))
}

/// The fields of a JSON object, by their type.
pub trait Fields {
    fn text(&self, name: &str) -> Option<&str>;

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.text(name).map(unhex)
    }
}

impl Fields for Value {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::as_str)
    }
}

/// This many bytes of a mandatory field.
#[track_caller]
pub fn array<const N: usize>(value: &Value, name: &str) -> [u8; N] {
    let bytes = value.bytes(name).unwrap_or_else(|| panic!("{name} in {value}"));
    bytes.try_into().unwrap_or_else(|bytes: Vec<u8>| panic!("{name}: {} bytes", bytes.len()))
}
