//! Reports which servers reject a recorded login although its password is right, and why. The report
//! replays the messages to servers whose policies have one requirement each, instead of checking
//! anything itself.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use ntlm::error::Error;
use ntlm::server::{Accepted, Claimed, Identity, Policy};
use ntlm::wire::Authenticate;
use ntlm::{Enforcement, FileTime};
use ntlm_net_examples::encoding::hex;

use crate::recording::{Recording, Secret};

/// A table of findings.
pub struct Report(Vec<(&'static str, String)>);

/// A policy that accepts everything except for one requirement.
fn demanding(demand: fn(&mut Policy)) -> Policy {
    let mut policy = Policy::insecure_for_analysis();
    demand(&mut policy);
    policy
}

/// A recording, and the secret to verify it with.
struct Judge<'a> {
    recording: &'a Recording<'a>,
    secret: &'a Secret,
}

impl Judge<'_> {
    /// Appends to a finding that a policy with this requirement rejects the login, if it does.
    fn on(&self, finding: String, who: &str, demand: fn(&mut Policy)) -> String {
        match self.recording.verify_under(demanding(demand), self.secret) {
            Ok(_) => finding,
            Err(error) => format!("{finding} ({who} rejects the login: {error:?})"),
        }
    }
}

const DEFAULT: &str = "the default policy";

impl Report {
    /// The report of a recording whose password is known.
    ///
    /// # Errors
    /// If the AUTHENTICATE does not parse.
    pub fn new(
        recording: &Recording<'_>,
        secret: &Secret,
        accepted: &Accepted,
        shows_secrets: bool,
    ) -> anyhow::Result<Self> {
        let judge = Judge { recording, secret };
        let mut report = Self(Vec::new());
        report.proof(&judge, accepted, shows_secrets)?;
        report.bindings(&judge);
        report.session(&judge, accepted, shows_secrets);
        let by_default = recording.verify_under(Policy::default(), secret);
        report.add("default policy", outcome(by_default.as_ref().err()));
        let strictly = recording.verify_under(Policy::strict(), secret);
        report.add("strict policy", outcome(strictly.as_ref().err()));
        if by_default.is_ok() {
            let hint = "if a server rejects it nonetheless, its log has the reason: a proxy that \
                        shares connections between clients, for example, does not show here";
            report.add("hint", hint.into());
        }
        Ok(report)
    }

    /// The report of an AUTHENTICATE without the password; the other messages are optional.
    pub fn without_password(authenticate: &[u8], recording: Option<&Recording<'_>>) -> Self {
        let mut report = Self(Vec::new());
        let claimed = Claimed::parse(authenticate);
        let kinds = claimed.iter().flat_map(|claimed| claimed.responses);
        let kinds: Vec<_> = kinds.map(|kind| format!("{kind:?}")).collect();
        report.add("response", if kinds.is_empty() { "none".into() } else { kinds.join(" or ") });
        let rejected = recording.and_then(|r| r.read_under(Policy::default()).err());
        if let Some(error) = rejected {
            report.add("default policy", outcome(Some(&error)) + ", with any password");
        }
        let advice =
            "not given: with NTLM_PASSWORD or --nt-hash, inspect reports whether it is right";
        report.add("password", advice.into());
        report
    }

    fn add(&mut self, label: &'static str, value: String) {
        self.0.push((label, value));
    }

    fn proof(
        &mut self,
        judge: &Judge<'_>,
        accepted: &Accepted,
        shows_secrets: bool,
    ) -> anyhow::Result<()> {
        match &accepted.identity {
            Identity::User { name, response } => {
                // Names come from the peer: `{:?}` escapes control characters, which could move the
                // cursor.
                self.add("user", format!("{:?}", name.to_string()));
                self.add("password", "right".into());
                let kind = format!("{response:?}");
                self.add(
                    "response",
                    judge.on(kind, "the default policy, level 5,", |policy| {
                        policy.shared.lm_compatibility = Policy::default().shared.lm_compatibility;
                        policy.allow_lmv2_alone = Policy::default().allow_lmv2_alone;
                    }),
                );
            }
            _ => {
                let anonymous = "none: the client is anonymous".into();
                let judged = judge.on(anonymous, DEFAULT, |policy| policy.allow_anonymous = false);
                self.add("user", judged);
            }
        }
        let message = Authenticate::parse(judge.recording.authenticate).context("AUTHENTICATE")?;
        let mic = match message.mic.filter(|_| accepted.mic_checked) {
            Some(mic) if shows_secrets => format!("right: {}", hex(&mic)),
            Some(_) => "right".into(),
            None => "none".into(),
        };
        let who = "a policy that requires a MIC";
        self.add("MIC", judge.on(mic, who, |policy| policy.shared.require_mic = true));
        Ok(())
    }

    /// Adds the channel bindings and the SPN that the client sent.
    fn bindings(&mut self, judge: &Judge<'_>) {
        let pairs = judge.recording.ntlmv2().map(|response| response.target_info());
        let bindings = pairs.and_then(|pairs| pairs.channel_bindings());
        let bindings = bindings.filter(|bindings| **bindings != [0; 16]);
        let bindings = bindings.map_or("none".into(), |bindings| hex(bindings));
        let who = "a policy that requires channel bindings";
        self.add(
            "bindings",
            judge.on(bindings, who, |policy| {
                policy.channel_bindings = Enforcement::Required;
            }),
        );
        let spn = judge.recording.spn();
        let spn = spn.map_or("none".into(), |spn| format!("{:?}", spn.to_string()));
        let who = "a policy that requires an SPN";
        self.add("SPN", judge.on(spn, who, |policy| policy.spn = Enforcement::Required));
        let clock = clock(judge.recording);
        self.add(
            "clock",
            judge.on(clock, DEFAULT, |policy| {
                policy.max_time_difference = Policy::default().max_time_difference;
            }),
        );
    }

    fn session(&mut self, judge: &Judge<'_>, accepted: &Accepted, shows_secrets: bool) {
        let keys = &accepted.keys;
        self.add("flags", keys.flags().to_string());
        let protection = format!("{:?}", keys.protection());
        self.add(
            "protection",
            judge.on(protection, DEFAULT, |policy| {
                let shared = Policy::default().shared;
                policy.shared.require_when_protected = shared.require_when_protected;
                policy.shared.allow_constant_key_exchange_key = false;
                policy.shared.allow_insecure_anonymous_keys = false;
            }),
        );
        if shows_secrets {
            self.add("session key", hex(keys.exported_session_key().expose()));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(label, value)| writeln!(f, "{label:<16}{value}"))
    }
}

fn outcome(error: Option<&Error>) -> String {
    match error {
        None => "accepts it".into(),
        Some(error) => format!("rejects it: {} ({error:?})", error.log()),
    }
}

/// The difference between the client's clock and the server's.
fn clock(recording: &Recording<'_>) -> String {
    let Some(response) = recording.ntlmv2() else {
        return "unknown: only NTLMv2 has the client's time".into();
    };
    let Some(server) = recording.server_time() else {
        return "unknown: the CHALLENGE has no time".into();
    };
    if response.time() == server {
        return "the client repeats the server's time".into();
    }
    let (client, is_ahead) = (response.time(), response.time() > server);
    let direction = if is_ahead { "ahead of" } else { "behind" };
    format!("the client's is {} {direction} the server's", shown(difference(client, server)))
}

/// In ticks of 100 ns.
fn difference(one: FileTime, other: FileTime) -> Duration {
    Duration::from_micros(one.ticks().abs_diff(other.ticks()) / 10)
}

/// A duration in its two largest units.
fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [
        ("d", seconds / 86_400),
        ("h", seconds / 3600 % 24),
        ("min", seconds / 60 % 60),
        ("s", seconds % 60),
    ];
    let significant = units.iter().skip_while(|(_, number)| *number == 0).take(2);
    let shown: Vec<_> = significant.map(|(unit, number)| format!("{number} {unit}")).collect();
    if shown.is_empty() { "less than 1 s".into() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use ntlm::client;
    use ntlm::crypto::ResponseKey;
    use ntlm::server::Names;
    use ntlm::session::Protection;
    use ntlm::wire::{AvId, AvPairsBuf, Challenge, ClientChallenge, NegotiateFlags, NtResponse};
    use ntlm::{LmCompatibility, NtHash, Os, Server};

    use super::*;
    use crate::recording::tests::{alice, exchange};

    fn report(tokens: &[Vec<u8>], shows_secrets: bool) -> String {
        let recording = Recording::of(tokens).unwrap();
        let secret = Secret::from_password("correct horse");
        let accepted = recording.verify(&secret).unwrap();
        Report::new(&recording, &secret, &accepted, shows_secrets).unwrap().to_string()
    }

    #[track_caller]
    fn assert_has(report: &str, lines: &[&str]) {
        for line in lines {
            assert!(report.lines().any(|l| l == *line), "{line} is missing:\n{report}");
        }
    }

    #[test]
    fn report_names_the_policies_that_reject_a_login_without_bindings() {
        let (tokens, ..) = exchange(&alice(Protection::None));
        let text = report(&tokens, false);
        assert_has(
            &text,
            &[
                r#"user            "EXAMPLE\\alice""#,
                "password        right",
                "response        Ntlmv2",
                "MIC             right",
                "bindings        none (a policy that requires channel bindings rejects the login: Denied(ChannelBindingsMissing))",
                "SPN             none (a policy that requires an SPN rejects the login: Denied(SpnMissing))",
                "clock           the client repeats the server's time",
                "default policy  accepts it",
            ],
        );
        assert!(text.contains("\nstrict policy   rejects it: "), "{text}");
        assert!(text.contains("\nhint  "), "{text}");
    }

    #[test]
    fn secrets_are_shown_only_on_request() {
        let (tokens, keys, _) = exchange(&alice(Protection::Seal));
        let key = hex(keys.exported_session_key().expose());
        let mic = hex(&tokens[2][72..88]);
        for (shows_secrets, text) in [false, true].map(|shows| (shows, report(&tokens, shows))) {
            assert_eq!(text.contains(&key), shows_secrets, "{text}");
            assert_eq!(text.contains(&mic), shows_secrets, "{text}");
        }
    }

    /// The messages of a client of this level that logs in to a server that accepts everything.
    fn login_at(level: LmCompatibility) -> Vec<Vec<u8>> {
        let mut policy = client::Policy::default();
        policy.shared.lm_compatibility = level;
        let client = alice(Protection::None).with_policy(policy).with_spn("HTTP/www");
        let server =
            Server::new(Names::standalone("FILES")).with_policy(Policy::insecure_for_analysis());
        let (negotiate, handshake) = client.initiate().unwrap();
        let (challenge, _) = server.challenge(&negotiate, &mut Os).unwrap();
        let answer = handshake.answer(&challenge, &mut Os).unwrap();
        vec![negotiate, challenge, answer.token]
    }

    #[test]
    fn an_ntlmv1_response_is_rejected_by_default() {
        let tokens = login_at(LmCompatibility::SendNtlm);
        let text = report(&tokens, false);
        assert_has(
            &text,
            &[
                "password        right",
                "response        Ntlm2Session (the default policy, level 5, rejects the login: Refused(ResponseKind))",
                "clock           unknown: only NTLMv2 has the client's time",
            ],
        );
        let line = "default policy  rejects it: rejected by policy: this kind of response is not allowed (Refused(ResponseKind))";
        assert_has(&text, &[line]);
        assert!(!text.contains("hint"), "{text}");
        let recording = Recording::of(&tokens).unwrap();
        let without = Report::without_password(&tokens[2], Some(&recording)).to_string();
        assert_has(&without, &["response        Ntlm2Session"]);
        assert_has(&without, &[&format!("{line}, with any password")]);
        assert!(without.contains("NTLM_PASSWORD"), "{without}");
    }

    #[test]
    fn the_spn_is_shown() {
        let text = report(&login_at(LmCompatibility::SendNtlmv2), false);
        assert_has(&text, &[r#"SPN             "HTTP/www""#, "response        Ntlmv2"]);
    }

    /// The messages of a client like curl, whose clock is this many ticks ahead.
    fn login_with_clock(ahead: u64) -> Vec<Vec<u8>> {
        let mut tokens = login_at(LmCompatibility::SendNtlmv2);
        let challenge = Challenge::parse(&tokens[1]).unwrap();
        let server = challenge.target_info.unwrap();
        let mut pairs = AvPairsBuf::default();
        for (id, value) in server.iter().filter(|(id, _)| *id != AvId::TIMESTAMP) {
            pairs.push(id, value).unwrap();
        }
        let mut blob = Vec::new();
        ClientChallenge {
            time: FileTime::from_ticks(server.timestamp().unwrap().ticks() + ahead),
            client_challenge: [7; 8],
            target_info: pairs.as_pairs(),
        }
        .emit(&mut blob);
        let key =
            ResponseKey::new(&NtHash::from_password("correct horse"), &"alice".into(), &"".into());
        let proof = key.ntlmv2_proof(&challenge.server_challenge, &blob);
        let response = [&proof[..], &blob].concat();
        let message = Authenticate {
            nt_response: NtResponse::parse(&response).unwrap(),
            user: b"a\0l\0i\0c\0e\0",
            flags: Some(NegotiateFlags::NEGOTIATE_UNICODE),
            ..Authenticate::default()
        };
        let mut token = Vec::new();
        message.emit(&mut token).unwrap();
        tokens[2] = token;
        tokens
    }

    #[test]
    fn the_difference_of_clocks_is_shown() {
        const SECOND: u64 = 10_000_000;
        let text = report(&login_with_clock(176_461 * SECOND), false);
        assert_has(
            &text,
            &[
                "clock           the client's is 2 d 1 h ahead of the server's (the default policy rejects the login: Denied(Time))",
            ],
        );
        let text = report(&login_with_clock(90 * SECOND), false);
        assert_has(&text, &["clock           the client's is 1 min 30 s ahead of the server's"]);
    }
}
