//! The tests and table rows that the manual (`src/manual`) names exist, and the manual explains
//! every error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::Path;

#[test]
fn every_test_that_the_manual_names_exists() {
    let mut count = 0;
    for (page, paragraph) in paragraphs().filter(|(_, text)| text.starts_with("Tests: ")) {
        let mut file = None;
        for code in code_spans(&paragraph) {
            if code.ends_with(".rs") {
                file = Some((code, read(code)));
                continue;
            }
            let (name, tests) = file.as_ref().expect("a file comes before its tests");
            assert!(tests.contains(&format!("\nfn {code}() {{")), "{page}: {name} has no {code}");
            count += 1;
        }
    }
    assert!(count > 30, "only {count} tests are named");
}

#[test]
fn every_row_of_live_peers_that_the_manual_names_exists() {
    let table = read("tests/interop/README.md");
    let mut count = 0;
    for (page, paragraph) in paragraphs() {
        for (at, word) in ["(row ", "(rows "].iter().flat_map(|w| paragraph.match_indices(w)) {
            let rest = &paragraph[at + word.len()..];
            for row in rest[..rest.find(')').expect("a closing parenthesis")].split(", ") {
                assert!(table.contains(&format!("\n| {row} | ")), "{page}: there is no row {row}");
                count += 1;
            }
        }
    }
    assert!(count > 15, "only {count} rows are named");
}

#[test]
fn page_about_failed_logins_explains_each_reason_and_quotes_the_log() {
    let page = read("src/manual/why_a_login_fails.rs").replace("\n//!", "").replace("   ", " ");
    let sources = ["error/mod", "error/denied", "error/refused", "error/unexpected", "http/error"]
        .map(|name| (name, read(&format!("src/{name}.rs"))));
    let mut count = 0;
    for (name, source) in &sources[1..] {
        let module = if name.starts_with("http") { "http::" } else { "" };
        for variant in variants(source) {
            assert!(page.contains(&format!("`{module}{variant}`")), "{module}{variant} is missing");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} reasons are found");
    for quoted in code_spans(&page).filter(|text| text.contains(' ') && !text.contains("::")) {
        assert!(sources.iter().any(|(_, source)| source.contains(quoted)), "no log has: {quoted}");
    }
}

/// The variants of all public enums of a file, as in `Denied::Mic`.
fn variants(source: &str) -> Vec<String> {
    let enums = source.split("pub enum ").skip(1);
    enums
        .flat_map(|text| {
            let (name, rest) = text.split_once(" {").unwrap();
            let body = rest.split("\n}").next().unwrap();
            let lines = body.lines().map(str::trim);
            let variants = lines.filter(|line| line.starts_with(char::is_uppercase));
            variants
                .map(move |line| format!("{name}::{}", line.split(['(', ',']).next().unwrap()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The paragraphs and items of all pages, each on one line, with the name of the page.
fn paragraphs() -> impl Iterator<Item = (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual");
    let pages = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    pages.flat_map(|path| {
        let page = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> =
            text.lines().map(|line| line.trim_start_matches("//!").trim()).collect();
        let text = lines.join("\n").replace("\n- ", "\n\n- ");
        let paragraphs: Vec<_> =
            text.split("\n\n").map(|text| (page.clone(), text.replace('\n', " "))).collect();
        paragraphs
    })
}

/// What is between backticks.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("there is no {}", path.display()))
}
