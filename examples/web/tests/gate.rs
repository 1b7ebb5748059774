//! Tests the limit of wrong passwords and the time of rejections, with users in a file and with fakes
//! of Samba's programs.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::{Extensions, HeaderMap, Version};
use ntlm::http::{ClientConnection, Next, Outcome, Scheme, ServerConnection, Step};
use ntlm::server::Names;
use ntlm::{Client, Credentials, Os, Server};
use ntlm_http_examples::users::Users as FileOfUsers;
use ntlm_net_examples::winbind::Winbind;
use ntlm_web_examples::accounts::{AccountId, Accounts, Domain};
use ntlm_web_examples::gate::Gate;
use ntlm_web_examples::layer::Users;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PASSWORD: &str = "correct horse";
const WRONG_PASSWORD: &str = "Wrong Password";

#[tokio::test(start_paused = true)]
async fn rejections_come_after_the_same_time_for_every_reason() {
    // Far more time than a test needs. tokio's clock is paused and advances only while all tasks
    // sleep.
    let span = Duration::from_secs(1000);
    let gate = in_file(1, span);
    for (user, password) in [
        ("alice", "wrong"),
        ("nobody", "wrong"),
        ("alice", "wrong"),
        // The account must wait.
        ("alice", "wrong"),
        ("alice", PASSWORD),
    ] {
        let start = Instant::now();
        assert_eq!(log_in(&gate, user, password).await, None);
        let time = start.elapsed();
        assert!(time > span / 2 && time <= span + Duration::from_millis(1), "{user}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_accepted_client_does_not_wait() {
    let start = Instant::now();
    let gate = in_file(1, Duration::from_secs(1000));
    assert!(log_in(&gate, "alice", PASSWORD).await.is_some());
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn all_names_of_a_file_are_one_account() {
    let gate = in_file(1, Duration::ZERO);
    let alice = log_in(&gate, "alice", PASSWORD).await;
    assert!(alice.is_some());
    assert_eq!(log_in(&gate, r"EXAMPLE\ALICE", PASSWORD).await, alice);
    for name in [r"OTHER\Alice", "aLICE"] {
        assert_eq!(log_in(&gate, name, "wrong").await, None);
    }
    assert_eq!(log_in(&gate, "alice", PASSWORD).await, None);
}

#[tokio::test]
async fn a_login_resets_the_count_of_wrong_passwords() {
    let gate = in_file(1, Duration::ZERO);
    for _ in 0..5 {
        assert_eq!(log_in(&gate, "alice", "wrong").await, None);
        assert!(log_in(&gate, "alice", PASSWORD).await.is_some());
    }
}

#[tokio::test]
async fn parallel_logins_of_one_account_are_all_accepted() {
    let gate: &Gate = Box::leak(Box::new(in_file(1, Duration::ZERO)));
    let mut logins = JoinSet::new();
    for _ in 0..100 {
        logins.spawn(log_in(gate, "alice", PASSWORD));
    }
    assert!(logins.join_all().await.iter().all(Option::is_some));
}

/// Uses four names, each of them in parallel.
#[tokio::test]
async fn the_limit_applies_to_a_domain_whatever_name_is_sent() {
    let fake = Fake::new(WRONG_PASSWORD);
    let gate: &Gate = Box::leak(Box::new(fake.gate(3, PATIENCE)));
    let mut logins = JoinSet::new();
    for name in ["ALICE", "alice", r"EXAMPLE\alice", "alice@example.com"].iter().cycle().take(40) {
        logins.spawn(log_in(gate, name, "wrong"));
    }
    assert!(logins.join_all().await.iter().all(Option::is_none));
    // Three are free, and the fourth makes the account wait.
    let asked = fake.asked();
    assert_eq!(asked.lines().count(), 4);
    // Other users of this machine can see the command line.
    assert!(
        asked.lines().all(|arguments| arguments == "--helper-protocol=ntlm-server-1"),
        "{asked}"
    );
}

/// The domain controller may know a name that winbind does not.
#[tokio::test]
async fn guesses_at_a_name_without_a_sid_count() {
    let fake = Fake::new(WRONG_PASSWORD);
    let gate = fake.gate(1, PATIENCE);
    for name in ["a.smith@example.com", "A.Smith@EXAMPLE", r"EXAMPLE\a.smith"] {
        assert_eq!(log_in(&gate, name, "wrong").await, None);
    }
    assert_eq!(fake.asked().lines().count(), 2);
}

/// Another version of Samba may use another text.
#[tokio::test]
async fn a_rejection_with_an_unknown_text_counts_as_a_guess() {
    let fake = Fake::new("Falsches Kennwort");
    let gate = fake.gate(1, PATIENCE);
    for _ in 0..4 {
        assert_eq!(log_in(&gate, "alice", "wrong").await, None);
    }
    assert_eq!(fake.asked().lines().count(), 2);
}

/// Samba ignores the spaces, so these are names of alice.
#[tokio::test]
async fn a_domain_is_not_asked_about_long_names() {
    let fake = Fake::new(WRONG_PASSWORD);
    let gate = fake.gate(1, PATIENCE);
    for length in [252, 253, 10_000] {
        let name = format!("alice{}", " ".repeat(length - 1));
        assert_eq!(log_in(&gate, &name, "wrong").await, None);
    }
    assert_eq!(fake.asked().lines().count(), 1);
}

#[tokio::test]
async fn users_that_do_not_exist_are_not_counted() {
    let fake = Fake::new("The specified account does not exist.");
    let gate = fake.gate(1, PATIENCE);
    for _ in 0..4 {
        assert_eq!(log_in(&gate, "nobody", "wrong").await, None);
    }
    assert_eq!(fake.asked().lines().count(), 4);
}

#[tokio::test]
async fn a_program_that_hangs_is_ended() {
    let fake = Fake::new(WRONG_PASSWORD);
    let gate = fake.gate(1, Duration::from_millis(50));
    let start = Instant::now();
    assert_eq!(log_in(&gate, "hangs", "wrong").await, None);
    assert!(start.elapsed() < Duration::from_secs(30));
}

/// A long time, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

fn in_file(guesses: u32, reject_after: Duration) -> Gate {
    Gate::new(Accounts::File(FileOfUsers::one("alice", PASSWORD)), guesses, reject_after)
}

/// A directory with fakes of Samba's programs.
struct Fake {
    directory: PathBuf,
}

impl Fake {
    fn new(verdict: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ntlm-web-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        for program in ["ntlm_auth", "wbinfo"] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake").join(program);
            symlink(source, directory.join(program)).unwrap();
        }
        fs::write(directory.join("verdict"), verdict).unwrap();
        Self { directory }
    }

    fn gate(&self, guesses: u32, patience: Duration) -> Gate {
        let program = |name| self.directory.join(name).display().to_string();
        let winbind = Winbind { ntlm_auth: program("ntlm_auth"), wbinfo: program("wbinfo") };
        Gate::new(Accounts::Domain(Domain::new(winbind, patience)), guesses, Duration::ZERO)
    }

    /// The command lines of the questions about a logon.
    fn asked(&self) -> String {
        fs::read_to_string(self.directory.join("asked")).unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Logs in on a connection of its own; `None` if the client is rejected.
async fn log_in(gate: &Gate, user: &str, password: &str) -> Option<AccountId> {
    let mut server = ServerConnection::new(Server::new(Names::member("WEB", "EXAMPLE")));
    let credentials = Credentials::password(user, password);
    let mut client = ClientConnection::new(Client::new(credentials));
    let mut header = client.start(Scheme::Ntlm).unwrap();
    loop {
        let mut headers = HeaderMap::new();
        header.insert_into(&mut headers);
        match server.on_request(Version::HTTP_11, &headers, &mut Os) {
            Step::LookUp(claim) => {
                let (from, mut account) =
                    (SocketAddr::from(([127, 0, 0, 1], 1)), Extensions::new());
                let outcome = gate.verify(claim, from, &mut account).await;
                let is_accepted = matches!(outcome, Outcome::Authenticated(_));
                return is_accepted.then(|| account.remove().expect("it was found"));
            }
            Step::Outcome(Outcome::Continue(reply)) => {
                let answer = [(reply.name, &reply.values[0])];
                let next = client.on_response(reply.status, Version::HTTP_11, answer, &mut Os);
                let Ok(Next::Send(next)) = next else { panic!("{next:?}") };
                header = next;
            }
            Step::Outcome(outcome) => panic!("{outcome:?}"),
        }
    }
}
