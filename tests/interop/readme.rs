//! The table of the README is of what is here: each row names tests that there are, each test
//! stands behind a row, and the peers have the versions that it says. Where this and all other
//! tests pass, each row was asserted by the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ntlm_interop::process::run;
use ntlm_interop::programs::installed;

/// Each peer that Debian has, and its package.
const PACKAGES: &[(&str, &str)] = &[
    ("curl", "curl"),
    ("git", "git"),
    ("wget", "wget"),
    ("cntlm", "cntlm"),
    ("gss-ntlmssp", "gss-ntlmssp"),
    ("MIT Kerberos", "libgssapi-krb5-2"),
    ("Samba gensec", "samba"),
    ("Samba smbd", "samba"),
    ("Samba domain", "samba"),
    ("Samba ntlm_auth", "winbind"),
    ("Samba winbind", "winbind"),
    ("WinPR", "libwinpr2-2"),
    ("Cyrus SASL", "libsasl2-modules"),
    ("GNU libntlm", "libntlm0"),
    ("Heimdal", "libgssapi3-heimdal"),
    ("Exim spa", "exim4-daemon-heavy"),
    ("tshark", "tshark"),
    ("Squid", "squid"),
    ("HAProxy", "haproxy"),
    ("nginx", "nginx-light"),
    ("Dovecot", "dovecot-core"),
    ("FreeRADIUS", "freeradius"),
    ("eapol_test", "eapoltest"),
    ("valgrind", "valgrind"),
    ("fetchmail", "fetchmail"),
    ("msmtp", "msmtp"),
    ("mpop", "mpop"),
    ("Jakarta Mail", "libmail-java"),
    ("jTDS", "libjtds-java"),
    ("OpenJDK HttpURLConnection", "openjdk-17-jdk-headless"),
    ("OpenJDK SASL", "openjdk-17-jdk-headless"),
    ("Apache HttpClient 4", "libhttpclient-java"),
    ("Apache HttpClient 5", "libhttpclient5-java"),
    ("go-ntlmssp", "golang-github-azure-go-ntlmssp-dev"),
    ("go-mssqldb", "golang-github-denisenkom-go-mssqldb-dev"),
    ("rubyntlm", "ruby-ntlm"),
    ("libsoup 2.4", "libsoup2.4-1"),
    ("libsoup 3", "libsoup-3.0-0"),
    ("Ruby httpclient", "ruby-httpclient"),
    ("FreeTDS", "freetds-bin"),
    ("Authen::NTLM", "libauthen-ntlm-perl"),
    ("LWP", "libwww-perl"),
    ("libsoup", "gir1.2-soup-3.0"),
    ("smbclient", "smbclient"),
    ("ldbsearch", "ldb-tools"),
    ("ldapsearch", "ldap-utils"),
    ("FreeRDP", "freerdp2-x11"),
];

/// Debian updates the browsers of a release, and nothing else, to new versions.
const BROWSERS: [&str; 2] = ["Chromium", "Firefox ESR"];

const COLUMNS: [&str; 7] = ["#", "peer", "version", "role", "mode", "exercised", "result"];

#[test]
fn every_row_says_who_how_and_with_which_result() {
    let rows = rows();
    assert!(rows.len() > 100, "{} rows are left", rows.len());
    for Row { number, peers, role, rest } in &rows {
        assert!(!peers.is_empty(), "row {number} has no peer");
        let roles =
            ["client", "server", "both", "proxy", "balancer", "helper", "domain", "observer"];
        assert!(roles.contains(&role.as_str()), "row {number} has the role {role:?}");
        assert!(rest.iter().all(|cell| !cell.is_empty()), "row {number} has an empty cell");
    }
    let numbers: BTreeSet<_> = rows.iter().map(|row| &row.number).collect();
    assert_eq!(numbers.len(), rows.len(), "two rows have one number");
}

#[test]
fn every_row_has_a_test_and_every_test_has_a_row() {
    let there: BTreeSet<_> = test_files().iter().flat_map(|file| tests_of(file)).collect();
    let rows: BTreeSet<_> = rows().into_iter().map(|row| row.number).collect();
    let (mut numbers, mut named) = (BTreeSet::new(), BTreeSet::new());
    for cells in table(&file("README.md"), &["#", "file", "tests"]) {
        let [number, file, tests] = &cells[..] else { panic!("not three cells: {cells:?}") };
        let file = file.trim_matches('`');
        for test in tests.split(", ").map(|test| test.trim_matches('`')) {
            named.insert(format!("{file}: {test}"));
        }
        numbers.insert(number.clone());
    }
    let missing = |some: &BTreeSet<String>, all: &BTreeSet<String>| -> Vec<String> {
        all.difference(some).cloned().collect()
    };
    let none: [String; 0] = [];
    assert_eq!(missing(&numbers, &rows), none, "rows without a test");
    assert_eq!(missing(&rows, &numbers), none, "numbers of no row");
    assert_eq!(missing(&there, &named), none, "tests that there are not");
    assert_eq!(missing(&named, &there), none, "tests of no row");
}

#[test]
fn no_test_is_left_out_of_the_run() {
    for name in test_files() {
        assert!(!file(&name).contains("#[ignore"), "{name}");
    }
}

#[test]
fn versions_in_the_table_are_those_that_are_installed() {
    let versions = installed_versions();
    let mut seen = BTreeSet::new();
    for Row { number, peers, .. } in rows() {
        for (peer, said) in peers {
            if peer.starts_with("our ") {
                assert_eq!(said, "-", "row {number}: {peer}");
                continue;
            }
            assert!(said.starts_with(|c: char| c.is_ascii_digit()), "row {number}: {peer} {said}");
            seen.insert(peer.clone());
            if BROWSERS.contains(&peer.as_str()) {
                continue;
            }
            let version = versions.get(&peer).unwrap_or_else(|| panic!("row {number}: {peer}?"));
            assert!(version.starts_with(&said), "row {number}: {peer} {said}, but it is {version}");
        }
    }
    let peers = versions.into_keys().chain(BROWSERS.map(str::to_owned)).collect();
    assert_eq!(seen, peers, "peers of rows, and peers");
}

#[test]
fn each_peer_of_the_first_paragraph_has_a_row() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = file("README.md");
    let head = words(readme.split("\n\n").nth(1).expect("a paragraph"));
    let rows = rows();
    let (names, _) = head.split_once(" and others").expect("there are others");
    let (before, after) = names.split_once(" (").expect("what is in the domain");
    let (_, after) = after.split_once(')').expect("its end");
    for name in [before, after].concat().split(", ").map(|name| name.trim_start_matches("a ")) {
        let has_row = |row: &Row| row.peers.iter().any(|(peer, _)| peer.starts_with(name));
        assert!(rows.iter().any(has_row), "no row of {name}");
    }
}

/// A row of the table.
struct Row {
    number: String,
    /// Each with its version.
    peers: Vec<(String, String)>,
    role: String,
    rest: Vec<String>,
}

/// All of them; where peer and version are empty, they are those above.
fn rows() -> Vec<Row> {
    let mut above = (String::new(), String::new());
    let mut rows = Vec::new();
    for cells in table(&file("README.md"), &COLUMNS) {
        let [number, peers, versions, role, rest @ ..] = &cells[..] else {
            panic!("few cells: {cells:?}")
        };
        assert_eq!(cells.len(), COLUMNS.len(), "row {number}");
        if !peers.is_empty() {
            above = (peers.clone(), versions.clone());
        }
        let (peers, versions): (Vec<_>, Vec<_>) =
            (above.0.split(", ").collect(), above.1.split(", ").collect());
        assert_eq!(peers.len(), versions.len(), "row {number}: a version for each peer");
        let peers = peers.into_iter().zip(versions);
        rows.push(Row {
            number: number.clone(),
            peers: peers.map(|(peer, version)| (peer.to_owned(), version.to_owned())).collect(),
            role: role.clone(),
            rest: rest.to_vec(),
        });
    }
    rows
}

/// The cells of all tables that have this head.
fn table(readme: &str, head: &[&str]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for line in readme.lines() {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            is_inside = false;
            continue;
        };
        let cells: Vec<_> = cells.split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells == head {
            is_inside = true;
        } else if is_inside && !cells.iter().all(|cell| cell == "---") {
            found.push(cells);
        }
    }
    found
}

/// Of all peers whose versions are known, by their names in the table.
fn installed_versions() -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for &(peer, package) in PACKAGES {
        let query = run(installed("dpkg-query").args(["-W", "-f=${Version}", package]));
        let version = query.stdout.as_str();
        let upstream = version.split_once(':').map_or(version, |(_, upstream)| upstream);
        assert!(query.status.success() && !upstream.is_empty(), "apt-get install {package}");
        versions.insert(peer.to_owned(), upstream.to_owned());
    }
    for requirement in file("peers/requirements.txt").lines() {
        let (library, version) = requirement.split_once("==").expect("it is pinned");
        // What others need.
        if !["cryptography", "httpx"].contains(&library) {
            versions.insert(library.to_owned(), version.to_owned());
        }
    }
    for line in file("peers/ntlmclient/Cargo.toml").lines().filter(|line| line.contains("\"=")) {
        let (library, version) = line.split_once(" = \"=").expect("it is pinned");
        versions.insert(library.to_owned(), version.trim_end_matches('"').to_owned());
    }
    let is_client = |line: &&str| line.contains("ntlm\":") || line.contains("\"tedious\":");
    for line in file("peers/package.json").lines().filter(is_client) {
        let [_, library, _, version, ..] = line.split('"').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        versions.insert(library.to_owned(), version.to_owned());
    }
    versions
}

/// All that are here but this one, as the package says.
fn test_files() -> Vec<String> {
    let manifest = file("Cargo.toml");
    let paths =
        manifest.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
    let tests = paths.filter(|path| !path.contains('/') && *path != "readme.rs");
    tests.map(str::to_owned).collect()
}

/// Its tests, as `file: name`.
fn tests_of(name: &str) -> Vec<String> {
    let source = file(name);
    let functions = source.split("#[test]\n").skip(1).map(|after| {
        let function = after.lines().find_map(|line| line.trim_start().strip_prefix("fn "));
        let function = function.and_then(|function| function.split_once('('));
        format!("{name}: {}", function.expect("it has a name").0)
    });
    functions.collect()
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
