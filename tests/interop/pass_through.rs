//! Our example `pass_through`, which lets clients in whom winbind of a Samba domain vouches for.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use ntlm::crypto::{LmHash, ResponseKey};
use ntlm::{Ascii, NtHash};
use ntlm_interop::accounts::{ALICE, Account, DOMAIN, JURGEN};
use ntlm_interop::balancers::Balancer;
use ntlm_interop::hex::hex;
use ntlm_interop::log::Line;
use ntlm_interop::process::{Finished, Process, run, wait_until};
use ntlm_interop::programs::{example, installed};
use ntlm_interop::scratch::Directory;
use ntlm_interop::winbind::Winbind;

const WRONG: &str = "battery staple";

#[test]
fn every_kind_of_response_is_passed_on_and_yields_the_right_key() {
    let mut service = Service::start(&["--level", "0"]);
    for (level, response) in
        [("3", "Ntlmv2"), ("2", "Ntlm2Session"), ("1", "Ntlm2Session"), ("0", "Ntlmv1")]
    {
        let got = service.log_in(&ALICE.with_password(), &["--level", level]);
        // The answer is sealed with the session key.
        let answer = got.expect_success().stdout;
        assert_eq!(answer, r#""EXAMPLE\\alice said: for your eyes only""#, "level {level}");
        let login = service.last_line();
        assert!(login.is_login(), "{login:?}");
        assert_eq!(login.field("response"), response);
    }
}

#[test]
fn users_log_in_under_all_their_names() {
    let mut service = Service::start(&[]);
    for user in [
        JURGEN.with_password(),
        format!(r"{DOMAIN}\σίσυφος:correct horse"),
        format!(r"{DOMAIN}\zoë😀:correct horse"),
        "alice@example.com:correct horse".into(),
        "alice:correct horse".into(),
        r"example\ALICE:correct horse".into(),
    ] {
        let got = service.log_in(&user, &["--message", "grün ☃"]).expect_success();
        assert!(got.stdout.contains("said: grün ☃"), "{got:#?}");
    }
}

#[test]
fn refusals_are_told_apart_in_the_log_and_alike_to_the_client() {
    let mut service = Service::start(&["--level", "0"]);
    // Two wrong passwords are too many for this one; it may still be locked out from before.
    let forgetful = format!(r"{DOMAIN}\forgetful");
    for _ in 0..3 {
        service.log_in(&format!("{forgetful}:{WRONG}"), &[]);
    }
    let mut answers = Vec::new();
    for (user, password, detail, status) in [
        ("alice", WRONG, "Denied(Rejected(WrongPassword))", "current password is not correct"),
        ("nobody", WRONG, "Denied(Rejected(UnknownUser))", "account does not exist"),
        ("forgetful", ALICE.password, "Denied(Rejected(AccountLocked))", "automatically locked"),
        ("disabled", ALICE.password, "Denied(Rejected(AccountDisabled))", "currently disabled"),
    ] {
        let account = Account { user, password };
        for level in ["3", "1", "0"] {
            let got = service.log_in(&account.with_password(), &["--level", level]);
            let refusal = service.last_line();
            assert!(refusal.is_refusal(), "{refusal:?}");
            assert_eq!(refusal.field("detail"), detail, "{refusal:?}");
            assert!(refusal.field("status").contains(status), "{refusal:?}");
            answers.push(outcome(got));
        }
    }
    let got = service.log_in(r"ELSEWHERE\alice:correct horse", &[]);
    assert_eq!(service.last_line().field("detail"), "Denied(Rejected(UnknownUser))");
    answers.push(outcome(got));
    let [first, others @ ..] = &answers[..] else { panic!("there are some") };
    assert!(!first.0.success() && first.1.contains("access denied"), "{first:?}");
    assert!(others.iter().all(|other| other == first), "{answers:?}");
}

/// That the domain is quicker with an account that is locked out does not show.
#[test]
fn no_refusal_is_told_sooner_than_the_others() {
    let mut service = Service::start(&["--refuse-after", "1"]);
    for (user, password) in [("alice", WRONG), ("nobody", WRONG), ("disabled", ALICE.password)] {
        let start = Instant::now();
        let got = service.log_in(&Account { user, password }.with_password(), &[]);
        assert!(got.stderr.contains("access denied"), "{got:#?}");
        assert!(start.elapsed() > Duration::from_secs(1), "{user}: {:?}", start.elapsed());
    }
}

/// What the policy does not allow is not passed on either: then the domain says nothing.
#[test]
fn a_weaker_response_than_allowed_does_not_get_to_the_domain() {
    let mut service = Service::start(&["--level", "5"]);
    let got = service.log_in(&ALICE.with_password(), &["--level", "1"]);
    assert!(!got.status.success());
    let refusal = service.last_line();
    assert_eq!(refusal.field("user"), r"EXAMPLE\alice");
    assert_eq!(refusal.field("detail"), "Refused(ResponseKind)");
    assert_eq!(refusal.field("status"), "");
}

/// What the domain does with an LM field that comes without an NT response: it looks for LMv2, and for LM
/// only if `lanman auth` is set, which it is not by default. So a server that passes such a field on
/// gets the key of LMv2.
#[test]
fn domain_takes_an_lm_field_alone_for_lmv2() {
    Winbind::shared();
    let challenge = [7; 8];
    let (nt_hash, lm_hash) = (
        NtHash::from_password(ALICE.password),
        LmHash::from_password(ALICE.password, &Ascii).expect("it is short"),
    );
    let key = ResponseKey::new(&nt_hash, &"alice".into(), &DOMAIN.into());
    let lmv2 = key.lmv2_response(&challenge, &[9; 8]);
    let ask = |lm: &[u8]| {
        let mut command = installed("ntlm_auth");
        command.args(["--request-nt-key", "--username=alice", &format!("--domain={DOMAIN}")]);
        command.arg(format!("--challenge={}", hex(&challenge)));
        run(command.arg(format!("--lm-response={}", hex(lm))))
    };
    let base = key.session_base_key(lmv2.first_chunk().expect("it has 24 bytes"));
    let right = format!("NT_KEY: {}", hex(base.expose()).to_uppercase());
    let accepted = ask(&lmv2).expect_success().stdout;
    assert!(accepted.contains(&right), "{accepted}: not {right}");
    let rejected = ask(&lm_hash.lm_response(&challenge));
    assert!(!rejected.status.success(), "{rejected:?}");
    assert!(rejected.stdout.contains("0xc000006d"), "{rejected:?}");
}

#[test]
fn names_that_look_like_options_are_names() {
    let mut service = Service::start(&[]);
    for user in ["--password=x", "-h", "--request-nt-key", "a b", "%", "alice\n"] {
        let got = service.log_in(&format!("{DOMAIN}\\{user}:{WRONG}"), &[]);
        assert!(!got.status.success());
        let refusal = service.last_line();
        assert_eq!(refusal.field("detail"), "Denied(Rejected(UnknownUser))", "{refusal:?}");
    }
}

#[test]
fn nobody_is_let_in_without_winbind() {
    let mut service = Service::start_alone(&["--ntlm-auth", "/does/not/exist"]);
    assert!(service.cannot_ask().contains("/does/not/exist"));
    // To Samba's programs it does not run then.
    let mut command = example("pass_through");
    command.env("_NO_WINBINDD", "1");
    let mut service = Service::start_with(command, &[]);
    assert_eq!(service.cannot_ask(), NO_WINBIND);
}

/// Others than root, and than its group, may not use winbind's privileged pipe.
#[test]
fn nobody_is_let_in_if_winbind_is_out_of_bounds() {
    Winbind::shared();
    let directory = Directory::new();
    let program = directory.copy(example("pass_through").get_program());
    let mut command = Command::new(program);
    command.uid(NOBODY).gid(NOBODY);
    let mut service = Service::start_with(command, &[]);
    assert_eq!(service.cannot_ask(), NO_WINBIND);
}

/// `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;
/// What Samba's `ntlm_auth` says if it cannot ask, whatever the reason is.
const NO_WINBIND: &str = "Reading winbind reply failed!";

#[test]
fn a_client_without_a_user_does_not_begin() {
    let got = run(example("pass_through").args(["client", "127.0.0.1:1"]));
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stderr.contains("--user is missing"), "{got:#?}");
}

#[test]
fn many_servers_behind_a_balancer_serve_as_one() {
    let mut services = [(); 3].map(|()| Service::start(&["--name", "ONE"]));
    let addresses = services.each_ref().map(|service| service.address.as_str());
    let balancer = Balancer::haproxy(&addresses, "mode tcp");
    let address = balancer.url.trim_start_matches("http://");
    for account in [ALICE, JURGEN].into_iter().cycle().take(9) {
        let got = log_in_at(address, &account.with_password(), &[]).expect_success();
        assert!(got.stdout.contains(account.user), "{got:#?}");
    }
    let wrong = log_in_at(address, &format!(r"{DOMAIN}\alice:{WRONG}"), &[]);
    assert!(wrong.stderr.contains("access denied"), "{wrong:#?}");
    for service in &mut services {
        service.process.wait_for_lines("login ", 1);
    }
}

/// A server that runs.
struct Service {
    address: String,
    process: Process,
    /// How many have been there: it says one line of each.
    clients: usize,
}

impl Service {
    fn start(arguments: &[&str]) -> Self {
        Winbind::shared();
        Self::start_alone(arguments)
    }

    fn start_alone(arguments: &[&str]) -> Self {
        Self::start_with(example("pass_through"), arguments)
    }

    fn start_with(mut command: Command, arguments: &[&str]) -> Self {
        command.args(["server", "--listen", "127.0.0.1:0"]).args(arguments);
        // Most tests need not wait.
        if !arguments.contains(&"--refuse-after") {
            command.args(["--refuse-after", "0"]);
        }
        let mut process = Process::start(&mut command);
        let address = process.wait_for("listening on ");
        Self { address, process, clients: 0 }
    }

    fn log_in(&mut self, user: &str, arguments: &[&str]) -> Finished {
        self.clients += 1;
        log_in_at(&self.address, user, arguments)
    }

    /// Asserts that it has nobody to ask, and returns why not.
    fn cannot_ask(&mut self) -> String {
        let got = self.log_in(&ALICE.with_password(), &[]);
        assert!(got.stderr.contains("access denied"), "{got:#?}");
        let refusal = self.last_line();
        assert_eq!(refusal.field("detail"), "Denied(Rejected(LookupFailed))", "{refusal:?}");
        refusal.field("status").to_owned()
    }

    /// What it said of the last client.
    fn last_line(&self) -> Line {
        wait_until(|| self.process.lines().get(self.clients).map(|line| Line::parse(line)))
    }
}

fn log_in_at(address: &str, user: &str, arguments: &[&str]) -> Finished {
    run(example("pass_through").args(["client", "--user", user, address]).args(arguments))
}

/// All that a client learns.
fn outcome(finished: Finished) -> (ExitStatus, String) {
    (finished.status, finished.stdout + &finished.stderr)
}
