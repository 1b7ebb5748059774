//! The table of the README is of what is here: every file of tests, and the versions that ran.

use std::fs;
use std::path::Path;

use ntlm_interop::process::run;
use ntlm_interop::programs::installed;

/// Each peer of the table, and its package. Debian updates the browsers of a release, and nothing
/// else, to new versions.
const PACKAGES: [(&str, &str); 17] = [
    ("curl", "curl"),
    ("wget", "wget"),
    ("cntlm", "cntlm"),
    ("gss-ntlmssp", "gss-ntlmssp"),
    ("Samba gensec", "samba"),
    ("Samba `ntlm_auth`", "samba"),
    ("Samba's `ntlm_auth`", "samba"),
    ("WinPR", "libwinpr2-2"),
    ("Cyrus SASL", "libsasl2-modules"),
    ("GNU libntlm", "libntlm0"),
    ("Heimdal", "libgssapi3-heimdal"),
    ("Exim `spa`", "exim4-daemon-heavy"),
    ("tshark", "tshark"),
    ("Squid", "squid"),
    ("HAProxy", "haproxy"),
    ("nginx", "nginx-light"),
    ("Dovecot", "dovecot-core"),
];

#[test]
fn every_file_of_tests_is_in_the_table() {
    let (manifest, readme) = (file("Cargo.toml"), file("README.md"));
    let paths =
        manifest.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
    let tests: Vec<_> = paths.filter(|path| !path.contains('/')).collect();
    assert!(tests.contains(&"readme.rs"));
    for test in tests {
        assert!(readme.contains(&format!("`{test}`")), "the README says nothing of {test}");
    }
}

#[test]
fn versions_in_the_table_are_those_that_are_installed() {
    let readme = file("README.md");
    for (peer, package) in PACKAGES {
        let query = run(installed("dpkg-query").args(["-W", "-f=${Version}", package]));
        let version = query.stdout.as_str();
        let upstream = version.split_once(':').map_or(version, |(_, upstream)| upstream);
        assert!(query.status.success() && !upstream.is_empty(), "apt-get install {package}");
        assert_version(&readme, peer, |said| upstream.starts_with(said));
    }
    for requirement in file("peers/requirements.txt").lines() {
        let (library, version) = requirement.split_once("==").expect("it is pinned");
        // What others need.
        if !["cryptography", "httpx"].contains(&library) {
            assert_version(&readme, library, |said| said == version);
        }
    }
    for line in file("peers/package.json").lines().filter(|line| line.contains("ntlm\":")) {
        let [_, library, _, version, ..] = line.split('"').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        assert_version(&readme, library, |said| said == version);
    }
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Some row of the peer, whatever else it says of it, says this version.
#[track_caller]
fn assert_version(readme: &str, peer: &str, is_right: impl Fn(&str) -> bool) {
    let mut rows = readme.lines().filter(|line| line.starts_with('|'));
    let row = rows.find_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let is_of_peer = cells.first()?.strip_prefix(peer)?.split([' ', ',']).next() == Some("");
        is_of_peer.then(|| cells.get(1).copied().unwrap_or_default().to_owned())
    });
    let row = row.unwrap_or_else(|| panic!("no row of {peer}"));
    let version = row.split([' ', ',']).next().unwrap_or_default();
    assert!(!version.is_empty() && is_right(version), "{peer}: the README says {row}");
}
