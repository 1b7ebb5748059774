//! Clients log in to our example `web_application`, whose users are in a file or in a domain.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ntlm::{Client, Credentials};
use ntlm_interop::accounts::{ALICE, Account, DOMAIN, JURGEN};
use ntlm_interop::balancers::Balancer;
use ntlm_interop::browsers::chromium;
use ntlm_interop::certificates::Certificate;
use ntlm_interop::clients::{Transfers, curl, curl_with_gss, http_client};
use ntlm_interop::connection::Connection;
use ntlm_interop::log::Line;
use ntlm_interop::process::{run, wait_until};
use ntlm_interop::programs::example;
use ntlm_interop::web::WebApplication;
use ntlm_interop::winbind::Domain;

const WRONG: Account = Account { password: "wrong", ..ALICE };

#[test]
fn curl_writes_a_note_and_reads_it_and_handshakes_are_counted_apart() {
    let mut web = WebApplication::start(&[]);
    let notes = format!("{}/notes", web.url);
    let written = curl(&["--ntlm", "--user", &ALICE.with_password(), "--data", "milk", &notes]);
    assert_eq!((written.status(), written.connections), (200, 1));
    assert_eq!(written.body, r"EXAMPLE\alice has 1 notes.");
    let read = curl_as(ALICE, &notes);
    assert_eq!((read.status(), read.body.as_str()), (200, "milk"));
    let alice = ALICE.with_password();
    for foreign in ["Sec-Fetch-Site: cross-site", "Origin: http://evil.example"] {
        let form = curl(&["--ntlm", "--user", &alice, "--data", "x", "--header", foreign, &notes]);
        assert_eq!(form.status(), 403, "{foreign}");
    }
    let others = http_client(JURGEN, &[&notes]).expect_success();
    assert_eq!(others.stdout, "");
    assert_eq!(web.logins(5)[4].field("user"), r"EXAMPLE\jürgen");
    let counted = web.metrics();
    assert_eq!((counted["ntlm_logins_total"], counted["ntlm_refusals_total"]), (5, 0));
    // curl sends the NEGOTIATE at once; our client asks first, and is challenged then.
    assert_eq!(counted["ntlm_handshake_401_total"], 1 + 1 + 2 + 2);
}

#[test]
fn our_clients_write_a_note_each() {
    let mut web = WebApplication::start(&[]);
    let notes = format!("{}/notes", web.url);
    let got = http_client(ALICE, &["--data", "eggs", &notes]).expect_success();
    assert_eq!(got.stdout, r"EXAMPLE\alice has 1 notes.");
    let mut reqwest = example("reqwest_client");
    let got = run(reqwest.args(["--user", &ALICE.with_password(), "--count", "5", &notes]));
    assert_eq!(got.expect_success().stdout, "eggs");
    // reqwest's pool may take another connection, which logs in again.
    assert!(web.logins(2).iter().all(|login| login.field("user") == r"EXAMPLE\alice"));
}

#[test]
fn chromium_shows_a_page_and_is_bound_to_the_channel() {
    let certificate = Certificate::new();
    let mut web = WebApplication::start_with_tls(&certificate, &["--require-bindings"]);
    let seen = chromium(ALICE, &[&web.url]);
    assert_eq!(seen[0]["body"], "Hello, EXAMPLE\\alice.\n", "{seen:#?}");
    assert_eq!(web.logins(1)[0].field("bindings"), "yes");
}

#[test]
fn clients_log_in_under_negotiate() {
    let mut web = WebApplication::start(&["--negotiate"]);
    assert_eq!(chromium(ALICE, &[&web.url])[0]["status"], 200);
    assert_eq!(curl_as(ALICE, &web.url).status(), 200);
    assert_eq!(curl_with_gss(ALICE, &["--negotiate", &web.url]).status(), 200);
    let logins = web.logins(3);
    assert!(logins.iter().all(|login| login.field("user") == r"EXAMPLE\alice"));
    assert_eq!((logins[1].field("spnego"), logins[2].field("spnego")), ("no", "yes"));
}

#[test]
fn a_wrong_password_is_rejected_and_the_log_says_so() {
    let mut web = WebApplication::start(&[]);
    assert_eq!(curl_as(WRONG, &web.url).status(), 401);
    assert_eq!(http_client(WRONG, &[&web.url]).status.code(), Some(22));
    assert_eq!(chromium(WRONG, &[&web.url])[0]["status"], 401);
    let nobody = Account { user: "nobody", password: "wrong" };
    assert_eq!(curl_as(nobody, &web.url).status(), 401);
    for refusal in web.refusals(4) {
        let (reason, guess) = match refusal.field("user") {
            r"EXAMPLE\alice" => ("authentication failed: wrong password", "yes"),
            _ => ("authentication failed: unknown user", "no"),
        };
        assert_eq!((refusal.field("reason"), refusal.field("guess")), (reason, guess));
    }
    assert_eq!(web.metrics()["ntlm_refusals_total"], 4);
}

#[test]
fn an_account_waits_after_too_many_wrong_passwords() {
    let mut web = WebApplication::start(&["--guesses", "2"]);
    for _ in 0..2 {
        assert_eq!(
            rejection(&mut web, WRONG).field("reason"),
            "authentication failed: wrong password"
        );
    }
    // From the third on, the account waits for twice as long after each: at last for much longer than
    // it takes to try the right password.
    wait_until(|| {
        let refusal = rejection(&mut web, WRONG);
        let wait = refusal.field("detail").strip_prefix("too many wrong passwords: wait ")?;
        let wait: u64 = wait.strip_suffix(" s").expect("a time").parse().expect("seconds");
        (wait >= 8).then_some(())
    });
    let refusal = rejection(&mut web, ALICE);
    assert_eq!(refusal.field("reason"), "authentication failed: the account is locked out");
    assert!(refusal.field("detail").contains("too many wrong passwords"), "{}", refusal.text());
    // Others do not wait.
    assert_accepts(&web, JURGEN);
}

#[test]
fn no_rejection_comes_sooner_than_others() {
    let mut web = WebApplication::start(&["--reject-after", "1", "--guesses", "1"]);
    let nobody = Account { user: "nobody", password: "wrong" };
    // The last two are for an account that waits.
    for account in [nobody, WRONG, WRONG, WRONG, ALICE] {
        let start = Instant::now();
        let refusal = rejection(&mut web, account);
        let (time, reason) = (start.elapsed(), refusal.text());
        assert!(time >= Duration::from_secs(1), "{time:?}: {reason}");
    }
    assert_accepts(&web, JURGEN);
}

#[test]
fn parallel_logins_of_one_account_are_all_accepted() {
    let mut web = WebApplication::start(&["--guesses", "1"]);
    assert_eq!(curl_in_parallel(&[ALICE.with_password()], 16, &web.url), [200; 16]);
    assert_eq!(web.logins(16).len(), 16);
}

#[test]
fn a_renewed_certificate_is_shown_and_clients_are_bound_to_it() {
    let (certificate, next) = (Certificate::new(), Certificate::new());
    let mut web = WebApplication::start_with_tls(&certificate, &["--require-bindings"]);
    let [old, new] = [&certificate, &next].map(|certificate| fs::read(certificate.file()).unwrap());
    let directory = ntlm_interop::scratch::Directory::new();
    let authority = |content: &[u8]| {
        let path = directory.path().join("authority.pem");
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let old = authority(&old);
    let got = http_client(ALICE, &["--cacert", &old, &web.url]).expect_success();
    assert!(got.stdout.contains("alice"));
    // curl sends no bindings.
    let alice = ALICE.with_password();
    let got = curl(&["--insecure", "--ntlm", "--user", &alice, &web.url]);
    assert_eq!(got.status(), 401);

    // First the key alone: it does not belong to the certificate, and the old pair is kept.
    fs::copy(next.key_file(), certificate.key_file()).unwrap();
    let _ = http_client(ALICE, &["--cacert", &old, &web.url]).expect_success();
    assert_eq!(web.lines("certificate kept ", 1).len(), 1);

    fs::copy(next.file(), certificate.file()).unwrap();
    assert!(!http_client(ALICE, &["--cacert", &old, &web.url]).status.success());
    let new = authority(&new);
    let _ = http_client(ALICE, &["--cacert", &new, &web.url]).expect_success();
    assert_eq!(chromium(ALICE, &[&web.url])[0]["status"], 200);
    assert_eq!(web.lines("certificate renewed", 1).len(), 1);
    assert!(web.logins(4).iter().all(|login| login.field("bindings") == "yes"));
}

#[test]
fn two_instances_behind_haproxy_accept_clients() {
    let mut instances = [(); 2].map(|()| WebApplication::start(&[]));
    let addresses = instances.each_ref().map(WebApplication::address);
    let balancer = Balancer::haproxy(&addresses, "");
    for account in [ALICE, JURGEN].into_iter().cycle().take(6) {
        let got = http_client(account, &[&balancer.url]).expect_success();
        assert!(got.stdout.contains(account.user), "{got:#?}");
    }
    assert_eq!(curl_as(WRONG, &balancer.url).status(), 401);
    // Each request of a connection is its own user's.
    let log_in = |account: Account| {
        let mut connection = Connection::open(&balancer.url);
        let client = Client::new(Credentials::password(account.name().as_str(), account.password));
        let response = connection.log_in(client, "/");
        assert_eq!(response.status, 200);
        assert_eq!(response.header("cache-control"), Some("private, no-store"));
        connection
    };
    let mut connections = [(ALICE, log_in(ALICE)), (JURGEN, log_in(JURGEN))];
    for _ in 0..5 {
        for (account, connection) in &mut connections {
            assert!(connection.get("/").body.contains(account.user));
        }
        assert_eq!(Connection::open(&balancer.url).get("/").status, 401);
    }
    for instance in &mut instances {
        instance.logins(1);
    }
}

/// One instance, from the first to the last: it is never started anew.
#[test]
fn users_of_a_domain_log_in_while_its_controller_answers_and_again_after_it_did_not() {
    let mut domain = Domain::new();
    let mut web = WebApplication::start_in_domain(&["--patience", "3", "--guesses", "3"]);
    let assert_rejected = |web: &mut WebApplication, account: Account, reason: &str| {
        let expected = format!("authentication failed: {reason}");
        // On a busy machine, a controller that answers may take longer than three seconds.
        let refusal = wait_until(|| {
            let refusal = rejection(web, account);
            let is_late =
                reason != LOOK_UP_FAILED && refusal.field("detail").contains("no answer in");
            (!is_late).then_some(refusal)
        });
        assert_eq!(refusal.field("user"), account.name());
        assert_eq!(refusal.field("reason"), expected, "{}", refusal.text());
        refusal.field("detail").to_owned()
    };

    // It is not there yet.
    let detail = assert_rejected(&mut web, ALICE, LOOK_UP_FAILED);
    assert!(detail.contains("WBC_ERR_WINBIND_NOT_AVAILABLE"), "{detail}");

    domain.start();
    accepts_in_time(&web, ALICE);
    accepts_in_time(&web, JURGEN);
    assert_rejected(&mut web, WRONG, "wrong password, as the domain controller reports");
    assert_rejected(&mut web, Account { user: "nobody", ..ALICE }, "unknown user");
    assert_rejected(&mut web, Account { user: "disabled", ..ALICE }, "the account is disabled");
    accepts_in_time(&web, ALICE);

    // It is slow.
    let halted = domain.halt();
    for _ in 0..4 {
        let detail = assert_rejected(&mut web, ALICE, LOOK_UP_FAILED);
        assert!(detail.contains("no answer in 3 s"), "{detail}");
    }
    drop(halted);
    accepts_in_time(&web, ALICE);

    // It is down.
    domain.stop();
    assert_rejected(&mut web, ALICE, LOOK_UP_FAILED);

    // It refuses.
    domain.start_without_ntlm();
    assert_rejected(&mut web, ALICE, "the domain controller does not allow NTLM for this account");
    domain.stop();

    domain.start();
    accepts_in_time(&web, ALICE);
    assert_eq!(web.logins(5).last().unwrap().field("user"), r"EXAMPLE\alice");
}

/// An account has one notebook and one number of guesses, whatever a client calls it.
#[test]
fn all_names_of_a_domain_user_are_one_account() {
    let mut domain = Domain::new();
    domain.start();
    // The machine may be busy.
    let arguments = ["--patience", "60", "--guesses", "3"];
    let mut web = WebApplication::start_in_domain(&arguments);
    let notes = format!("{}/notes", web.url);
    // The domain ignores spaces around a name too.
    let names = [r"EXAMPLE\alice", r"example\ALICE", "alice", r"EXAMPLE.COM\Alice", "  alice "];
    for (name, count) in names.iter().zip(1..) {
        let user = format!("{name}:{}", ALICE.password);
        let written = curl(&["--ntlm", "--user", &user, "--data", "x", &notes]);
        let expected = format!(" has {count} notes.");
        assert!(written.body.ends_with(&expected), "{name}: {}", written.body);
    }
    // Winbind of Samba 4.17 finds no SID for this name: it has a notebook of its own.
    let principal = "alice@example.com";
    let user = format!("{principal}:{}", ALICE.password);
    assert_eq!(curl(&["--ntlm", "--user", &user, &notes]).body, "");

    let names: Vec<_> = names.iter().chain([&principal, &"alice @example.com"]).collect();
    let with = |password: &str| -> Vec<_> {
        names.iter().map(|name| format!("{name}:{password}")).collect()
    };
    let right = curl_in_parallel(&with(ALICE.password), 20, &web.url);
    assert_eq!(right, [200; 20]);
    let wrong = curl_in_parallel(&with("wrong"), 20, &web.url);
    assert_eq!(wrong, [401; 20]);
    let refusals = web.refusals(20);
    let guesses = refusals.iter().filter(|refusal| refusal.field("guess") == "yes").count();
    let waits = |refusal: &&Line| refusal.field("detail").starts_with("too many wrong passwords");
    let waiting = refusals.iter().filter(waits).count();
    // Three are free, then one after each wait, of which there can be few in the time of 20 logins.
    assert!((4..10).contains(&guesses), "{refusals:#?}");
    assert_eq!(guesses + waiting, 20, "{refusals:#?}");
}

const LOOK_UP_FAILED: &str = "the user could not be looked up";

fn curl_as(account: Account, url: &str) -> Transfers {
    assert!(account.name().starts_with(DOMAIN));
    curl(&["--ntlm", "--user", &account.with_password(), url])
}

/// Logs in so often at the same time, with these users in turn, and returns the status of each.
fn curl_in_parallel(users: &[String], count: usize, url: &str) -> Vec<u16> {
    let log_in = |user: &str| curl(&["--ntlm", "--user", user, url]).status();
    thread::scope(|scope| {
        let logins = users.iter().cycle().take(count);
        let logins: Vec<_> = logins.map(|user| scope.spawn(|| log_in(user))).collect();
        logins.into_iter().map(|login| login.join().expect("no panic")).collect()
    })
}

/// With our client: curl does not send names outside ASCII as others do.
#[track_caller]
fn assert_accepts(web: &WebApplication, account: Account) {
    let got = http_client(account, &[&web.url]).expect_success();
    assert!(got.stdout.contains(account.user), "{got:#?}");
}

/// As [`assert_accepts`], also if the domain takes too long at first: the machine may be busy, and what
/// stood still may have questions left to answer.
#[track_caller]
fn accepts_in_time(web: &WebApplication, account: Account) {
    let got = wait_until(|| {
        let got = http_client(account, &[&web.url]);
        got.status.success().then_some(got)
    });
    assert!(got.stdout.contains(account.user), "{got:#?}");
}

/// Asserts that an account is rejected, and returns what the log says of that.
#[track_caller]
fn rejection(web: &mut WebApplication, account: Account) -> Line {
    // What was refused before may not all be read yet.
    let before = web.metrics()["ntlm_refusals_total"];
    let before = usize::try_from(before).expect("few");
    assert_eq!(curl_as(account, &web.url).status(), 401);
    web.refusals(before + 1).remove(before)
}
