//! Our example `connectionless`, in one process and in two, on networks that are not good.

use ntlm_interop::accounts::{ALICE, Account, JURGEN};
use ntlm_interop::process::{Finished, Process, run};
use ntlm_interop::programs::example;
use ntlm_interop::scratch::Directory;

#[test]
fn all_arrives_on_a_good_network() {
    let lines = conversation(&["--messages", "9"]);
    assert_eq!(count(&lines, "server: arrived "), 9);
    assert_eq!(count(&lines, "client: arrived "), 1 + 9, "the welcome comes first");
    assert_eq!(count(&lines, "server: refused "), 0);
    assert!(lines.contains("client: 9 messages, 9 answers"), "{lines}");
}

#[test]
fn what_comes_twice_is_refused_and_nothing_is_lost() {
    let lines = conversation(&["--messages", "9", "--duplicate", "100"]);
    assert_eq!(count(&lines, "server: arrived "), 9);
    assert_eq!(count(&lines, "server: refused "), 9);
    assert!(lines.contains("reason=Seen"), "{lines}");
    assert!(lines.contains("client: 9 messages, 9 answers"), "{lines}");
}

#[test]
fn what_comes_late_is_read() {
    let lines = conversation(&["--messages", "8", "--reorder", "100"]);
    assert_eq!(count(&lines, "server: arrived "), 8);
    assert_eq!(count(&lines, "server: refused "), 0);
    let later = lines.find("\"message 1\"").zip(lines.find("\"message 0\""));
    assert!(later.is_some_and(|(one, zero)| one < zero), "{lines}");
}

#[test]
fn a_login_gets_through_a_bad_network_and_the_rest_is_as_it_comes() {
    for seed in 1..=5 {
        let seed = seed.to_string();
        let faults = ["--loss", "40", "--reorder", "30", "--duplicate", "30", "--seed", &seed];
        let lines = conversation(&faults);
        assert_eq!(count(&lines, "server: login "), 1, "{lines}");
        let arrived = count(&lines, "server: arrived ");
        assert!((1..=20).contains(&arrived), "{lines}");
        assert!(!lines.contains("reason=Integrity"), "{lines}");
    }
}

#[test]
fn two_processes_know_the_users_of_a_file() {
    let directory = Directory::new();
    let users = directory.write("users", &(ALICE.nt_hash_line() + &JURGEN.nt_hash_line()));
    let mut command = example("connectionless");
    command.args(["server", "--address", "127.0.0.1:0", "--users"]).arg(users);
    let mut server = Process::start(&mut command);
    let address = server.wait_for("server: listening on ");
    for account in [ALICE, JURGEN] {
        let got = log_in(&address, account).expect_success();
        assert!(got.stdout.contains("client: 2 messages, 2 answers"), "{got:#?}");
    }
    let wrong = Account { password: "battery staple", ..ALICE };
    let unknown = Account { user: "nobody", ..ALICE };
    for account in [wrong, unknown] {
        let got = log_in(&address, account);
        assert!(!got.status.success() && got.stderr.contains("access denied"), "{got:#?}");
    }
    let refusals = server.wait_for_lines("server: refused login ", 2);
    assert!(refusals[0].ends_with("detail=Denied(WrongPassword)"), "{refusals:?}");
    assert!(refusals[1].ends_with("detail=Denied(Rejected(UnknownUser))"), "{refusals:?}");
}

fn log_in(address: &str, account: Account) -> Finished {
    let user = account.with_password();
    let arguments = ["client", "--address", address, "--user", &user, "--messages", "2"];
    run(example("connectionless").args(arguments))
}

/// Both sides in one process.
fn conversation(arguments: &[&str]) -> String {
    run(example("connectionless").args(arguments)).expect_success().stdout
}

fn count(lines: &str, beginning: &str) -> usize {
    lines.lines().filter(|line| line.starts_with(beginning)).count()
}
