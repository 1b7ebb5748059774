//! What else logs in with libcurl: curl with less common options, git, and pycurl.

use std::process::Command;

use ntlm_interop::accounts::ALICE;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::certificates::Certificate;
use ntlm_interop::clients::curl;
use ntlm_interop::http::{Acceptor, HttpServer, Implementation, PAGE};
use ntlm_interop::http_peer::{HttpPeer, Login, server_of};
use ntlm_interop::identities::Identity;
use ntlm_interop::log::Line;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::{installed, python, required};
use ntlm_interop::scratch::Directory;
use serde_json::json;

/// A body that is sent in chunks has no length; with `Expect`, curl waits for 100 (Continue).
#[test]
fn curl_sends_a_body_in_chunks_and_waits_for_100_continue() {
    let directory = Directory::new();
    let body = directory.write("body", &"x".repeat(200_000)).display().to_string();
    let data = format!("@{body}");
    for header in ["Expect: 100-continue", "Expect:", "Transfer-Encoding: chunked"] {
        let mut server = HttpServer::start(&[]);
        let alice = ALICE.with_password();
        let got =
            curl(&["--ntlm", "--user", &alice, "-H", header, "--data-binary", &data, &server.url]);
        assert_eq!((got.status(), got.connections), (200, 1), "{header}");
        assert_eq!(got.body, r"200000 bytes from EXAMPLE\alice", "{header}");
        server.only_login();
    }
}

/// It cannot read the body again, and sends it once, with the AUTHENTICATE.
#[test]
fn curl_sends_a_body_from_standard_input() {
    let mut server = HttpServer::start(&[]);
    let got = upload_from_pipe(&["--ntlm"], &server);
    assert_eq!(got.stdout, "200000 bytes from EXAMPLE\\alice\n200");
    server.only_login();
}

/// With `--anyauth` it sends the body with the first request, before it knows that it must log in.
#[test]
fn curl_cannot_send_a_body_from_standard_input_again() {
    let server = HttpServer::start(&[]);
    let got = upload_from_pipe(&["--anyauth"], &server);
    assert_eq!(got.status.code(), Some(65), "{got:#?}");
    assert!(!server.logged().iter().any(Line::is_login), "{:#?}", server.logged());
}

/// curl opens connections at once, and may give one of them up when another has logged in.
#[test]
fn curl_logs_in_with_parallel_transfers() {
    let mut server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    let alice = ALICE.with_password();
    let options = ["--parallel", "--no-progress-meter", "--ntlm", "--user", &alice];
    let got = curl(&[&options[..], &[page.as_str(); 8]].concat());
    assert_eq!(got.statuses, [200; 8]);
    assert_eq!(got.body.matches(PAGE).count(), 8);
    assert!(server.logins(1).len() <= got.connections as usize);
    assert!(server.refusal_so_far().is_none(), "{:#?}", server.logged());
}

/// `--next` begins other options in one process, which keeps its connections.
#[test]
fn curl_takes_another_connection_for_another_user() {
    let mut server = server_of(&[Identity::ALICE, Identity::PATIENT], None, &[]);
    let page = format!("{}/page.txt", server.url);
    let [alice, patient, mallory] = [Identity::ALICE, Identity::PATIENT, Identity::MALLORY]
        .map(|identity| [identity.full_name(), identity.password.to_owned()].join(":"));
    let status = ["--write-out", "%{stderr}%{http_code} %{num_connects}\n"];
    let next =
        |user| [&["--next", "--ntlm", "--user", user], &status[..], &[page.as_str()]].concat();
    let nobody = [&["--next"], &status[..], &[page.as_str()]].concat();
    let got = curl(
        &[
            &["--ntlm", "--user", &alice, &page][..],
            &next(&patient),
            &next(&alice),
            &nobody,
            &next(&mallory),
        ]
        .concat(),
    );
    assert_eq!(got.statuses, [200, 200, 200, 401, 401]);
    let users: Vec<_> = server.logins(2).iter().map(|line| line.field("user").to_owned()).collect();
    assert_eq!(users[..2], [Identity::ALICE, Identity::PATIENT].map(Identity::full_name));
    assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"));
}

/// In a tunnel, the two logins are of different connections. Without one, both are of the connection
/// to the proxy, which has a connection to our server for each of its clients.
#[test]
fn curl_logs_in_to_a_proxy_and_through_it_to_our_server() {
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    let patient = [Identity::PATIENT.full_name(), Identity::PATIENT.password.into()].join(":");
    let alice = ALICE.with_password();
    for (tunnel, is_tls) in
        [("--proxytunnel", true), ("--proxytunnel", false), ("--no-proxytunnel", false)]
    {
        let mut proxy = Acceptor::start(Implementation::Pyspnego, &["--proxy"]);
        let mut server = server_of(&[Identity::PATIENT], Some(&certificate), &[]);
        let url = if is_tls { server.tls_url() } else { &server.url };
        let page = format!("{url}/page.txt");
        let to_proxy = ["--proxy", &proxy.url, "--proxy-ntlm", "--proxy-user", &alice, tunnel];
        let to_server = ["--cacert", &authority, "--ntlm", "--user", &patient, &page, &page];
        let got = curl(&[&to_proxy[..], &to_server].concat());
        assert_eq!(got.statuses, [200; 2], "{tunnel} to {url}");
        assert_eq!(proxy.events("accepted", 1)[0]["user"], ALICE.name());
        assert_eq!(proxy.count("accepted"), 1, "{tunnel} to {url}");
        assert_eq!(server.only_login().field("user"), Identity::PATIENT.full_name());
    }
}

#[test]
fn git_clones_a_repository() {
    let mut server = HttpServer::start(&[]);
    let directory = Directory::new();
    publish_a_repository(&server, &directory);
    let got = clone(&server, "correct%20horse", &directory);
    assert!(got.status.success(), "{got:#?}");
    let cloned = std::fs::read_to_string(directory.path().join("clone/notes.txt"));
    assert_eq!(cloned.expect("it was cloned"), PAGE);
    assert_eq!(server.only_login().field("response"), "Ntlmv2");
}

#[test]
fn git_clones_nothing_with_a_wrong_password() {
    let mut server = HttpServer::start(&[]);
    let directory = Directory::new();
    publish_a_repository(&server, &directory);
    let got = clone(&server, "wrong", &directory);
    assert!(got.stderr.contains("Authentication failed"), "{got:#?}");
    assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"));
}

#[test]
fn pycurl_logs_in_once_for_three_requests() {
    for level in ["5", "3"] {
        let login = pycurl().logs_in_once_for_three_requests(&["--level", level]);
        assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "no"));
    }
}

#[test]
fn pycurl_posts_a_body() {
    pycurl().posts_a_body();
}

/// It asks for OEM and sends UTF-8, as curl does.
#[test]
fn everybody_with_an_ascii_name_logs_in_with_pycurl() {
    pycurl().logs_everybody_in(|identity| match identity.user.is_ascii() {
        true => Login::Accepted,
        false => Login::Rejected("CodePage"),
    });
}

#[test]
fn pycurl_is_rejected_with_a_wrong_password() {
    pycurl().is_rejected_with_a_wrong_password();
}

#[test]
fn pycurl_sends_no_bindings_over_tls() {
    pycurl().logs_in_over_tls_without_bindings();
}

#[test]
fn pycurl_logs_in_to_a_proxy() {
    pycurl().logs_in_to_a_proxy();
}

#[test]
fn pycurl_keeps_users_apart_on_shared_connections() {
    pycurl().keeps_users_apart();
}

/// Eight transfers at once, as two users and with a wrong password, three times over.
#[test]
fn users_of_parallel_transfers_of_pycurl_are_kept_apart() {
    let server = server_of(&[Identity::ALICE, Identity::PATIENT], None, &[]);
    let page = format!("{}/page.txt", server.url);
    let mut pycurl = pycurl();
    pycurl.begin(Identity::ALICE);
    let users: Vec<_> = (0..8)
        .map(|at| [Identity::ALICE, Identity::PATIENT, Identity::ALICE, Identity::MALLORY][at % 4])
        .collect();
    let names: Vec<_> = users.iter().map(|user| [user.full_name(), user.password.into()]).collect();
    for _ in 0..3 {
        let arguments = json!({ "url": page, "users": names });
        let got = pycurl.bridge.ask("at_once", arguments).expect("responses");
        for (at, user) in users.iter().enumerate() {
            let response = &got["responses"][at];
            if *user == Identity::MALLORY {
                assert_eq!((&response["status"], response["user"].as_str()), (&json!(401), None));
            } else {
                assert_eq!(response["user"], user.full_name(), "{got}");
            }
        }
    }
}

fn pycurl() -> HttpPeer {
    HttpPeer { bridge: Bridge::start(python("http_pycurl.py")), settings: json!({}) }
}

/// Sends 200,000 bytes that come from a pipe, and prints the status after the response.
fn upload_from_pipe(options: &[&str], server: &HttpServer) -> Finished {
    let shell = &mut installed("sh");
    shell.args(["-c", r#"head -c 200000 /dev/zero | curl "$@""#, "sh"]);
    shell.args(["--silent", "--show-error", "--max-time", "30", "--user", &ALICE.with_password()]);
    shell.args(["--write-out", "%{http_code}", "--request", "POST", "--upload-file", "-"]);
    run(shell.args(options).arg(&server.url))
}

/// Debian's git, without anyone's configuration.
fn git(directory: &Directory) -> Command {
    let mut git = Command::new(required("/usr/bin/git"));
    git.env("HOME", directory.path()).env("GIT_CONFIG_NOSYSTEM", "1");
    git.env("GIT_TERMINAL_PROMPT", "0").current_dir(directory.path());
    git.args(["-c", "user.name=Alice", "-c", "user.email=alice@example.com"]);
    git
}

/// Puts a repository among the pages of the server, as files.
fn publish_a_repository(server: &HttpServer, directory: &Directory) {
    let repository = server.pages().join("repository.git").display().to_string();
    directory.write("notes.txt", PAGE);
    for arguments in [
        &["init", "--quiet", "."][..],
        &["add", "notes.txt"],
        &["commit", "--quiet", "--message", "notes"],
        &["clone", "--quiet", "--bare", ".", &repository],
        &["-C", &repository, "update-server-info"],
    ] {
        let _ = run(git(directory).args(arguments)).expect_success();
    }
}

fn clone(server: &HttpServer, password: &str, directory: &Directory) -> Finished {
    let credentials = format!("http://EXAMPLE%5Calice:{password}@{}\n", server.address());
    let credentials = directory.write("credentials", &credentials);
    let helper = format!("credential.helper=store --file={}", credentials.display());
    let repository = format!("{}/repository.git", server.url);
    run(git(directory).args(["-c", &helper, "clone", "--quiet", &repository, "clone"]))
}
