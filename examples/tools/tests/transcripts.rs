//! Tests the reports of `inspect` on recorded logins.

use std::fs;
use std::path::Path;

use ntlm_net_examples::encoding::unhex;
use ntlm_tools::recording::{Recording, Secret};
use ntlm_tools::verdict::Report;
use serde_json::Value;

#[test]
fn every_login_with_the_right_password_is_reported() {
    let (mut count, mut accepted, mut rejected) = (0, 0, 0);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/transcripts");
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let transcript: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        if transcript["replay"] != "accept" || transcript["expect"] != "accept" {
            continue;
        }
        let text = report(&transcript).unwrap_or_else(|error| panic!("{path:?}: {error:#}"));
        // The servers in the report are configured for their policies, so `Misuse` must not occur.
        assert!(!text.contains("Misuse"), "{path:?}: {text}");
        let has = |line: &str| text.lines().any(|l| l.starts_with(line));
        assert!(has("password        right") || text.contains("anonymous"), "{path:?}: {text}");
        count += 1;
        accepted += usize::from(has("default policy  accepts it"));
        rejected += usize::from(has("default policy  rejects it: "));
    }
    assert_eq!(count, accepted + rejected);
    assert!(accepted > 100 && rejected > 50, "{accepted} and {rejected}");
}

fn report(transcript: &Value) -> anyhow::Result<String> {
    let token = |name: &str| transcript[name].as_str().and_then(unhex).unwrap_or_default();
    let tokens = ["negotiate", "challenge", "authenticate"].map(token).to_vec();
    let secret = Secret::from_password(transcript["password"].as_str().unwrap_or_default());
    let recording = Recording::of(&tokens)?;
    let accepted = recording.verify(&secret)?;
    Ok(Report::new(&recording, &secret, &accepted, false)?.to_string())
}
