//! Imports point downward only: a module may use what its row allows, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

/// Each module, and what of the crate it may use besides itself.
const MODULES: [(&str, &str); 18] = [
    ("secret", ""),
    ("upcase", ""),
    ("text", "upcase"),
    ("environment", ""),
    ("wire", "secret text environment"),
    ("error", "text environment wire"),
    ("crypto", "secret text upcase wire"),
    ("export", ""),
    ("session", "secret error export wire crypto"),
    ("policy", ""),
    ("channel_bindings", "crypto"),
    ("credentials", "text crypto"),
    ("handshake", "secret error wire crypto session policy"),
    ("client", SIDES),
    ("server", SIDES),
    ("certificate", "channel_bindings"),
    ("inspect", "text environment wire"),
    ("http", "environment error wire session channel_bindings credentials client server"),
];

const SIDES: &str = "secret upcase text environment error export wire crypto session policy channel_bindings \
                     credentials handshake";

/// Outside crates that must not spread, and the files that may name them.
const CRATES: [(&str, &str); 13] = [
    ("::http", "http/types"),
    ("base64", "http/header"),
    ("nom", "wire/read"),
    ("byteorder", "wire/write"),
    ("des", "crypto/primitives"),
    ("hmac", "crypto/primitives"),
    ("md4", "crypto/primitives"),
    ("md5", "crypto/primitives"),
    ("rc4", "crypto/primitives"),
    ("rand", "environment"),
    ("sha2", "certificate"),
    ("subtle", "secret"),
    ("x509_cert", "certificate"),
];

#[test]
fn no_module_imports_from_above() {
    let mut wrong = Vec::new();
    for (name, code) in source_files() {
        let module = name.split('/').next().unwrap();
        if module == "lib" {
            continue;
        }
        // Imports are written out one by one, or this test would not see them.
        assert!(!code.contains("crate::{"), "{name}");
        let row = MODULES.iter().find(|(layer, _)| *layer == module);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{module} is in no layer"));
        for used in code.split("crate::").skip(1).map(first_name) {
            if used != module && !allowed.split(' ').any(|layer| layer == used) {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn outside_crates_stay_where_they_are() {
    let mut seen = 0;
    for (name, code) in source_files() {
        for (outside, user) in CRATES {
            let uses = code.lines().any(|line| {
                line.trim_start().starts_with(&format!("use {outside}::"))
                    || line.contains(&format!(" {outside}::"))
            });
            assert!(!uses || name == user, "{name} names {outside}");
            seen += usize::from(uses);
        }
    }
    assert_eq!(seen, CRATES.len(), "each crate is used in its place");
}

/// The name of each file below `src`, without its ending, and its code without comments.
fn source_files() -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&source);
    assert!(files.len() > 40, "{files:?}");
    let read = |file: &PathBuf| {
        let name = file.strip_prefix(&source).unwrap().with_extension("");
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        (name.to_str().unwrap().replace('\\', "/"), code.collect::<Vec<_>>().join("\n"))
    };
    files.iter().map(read).collect()
}

/// The name at the start of a path.
fn first_name(path: &str) -> &str {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    path.get(..end.unwrap_or(path.len())).unwrap()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
