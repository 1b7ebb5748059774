//! Command-line clients and libraries log in to our server.

use ntlm_interop::accounts::{ALICE, Account, DOMAIN, JURGEN};
use ntlm_interop::certificates::Certificate;
use ntlm_interop::clients::{Library, curl, requests_ntlm_session};
use ntlm_interop::http::{HttpServer, PAGE};
use ntlm_interop::ports::free_port;
use ntlm_interop::process::{Process, run};
use ntlm_interop::programs::{example, installed, tool};
use ntlm_interop::scratch::Directory;

#[test]
fn curl_gets_a_page() {
    let mut server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    let got = curl(&["--ntlm", "--user", &ALICE.with_password(), "--include", &page]);
    assert_eq!((got.status(), got.connections), (200, 1));
    assert!(got.body.contains(PAGE));
    assert!(got.body.to_lowercase().contains(r"x-user: example\alice"), "{}", got.body);
    let login = server.only_login();
    assert_eq!(login.field("user"), r"EXAMPLE\alice");
    assert_eq!(login.field("response"), "Ntlmv2");
}

#[test]
fn curl_sends_the_body_of_a_post_once_it_is_logged_in() {
    let mut server = HttpServer::start(&[]);
    let directory = Directory::new();
    let body = directory.write("body", &"x".repeat(1_000_000));
    let data = format!("@{}", body.display());
    let alice = ALICE.with_password();
    let got = curl(&["--ntlm", "--user", &alice, "--data-binary", &data, &server.url]);
    assert_eq!((got.status(), got.connections), (200, 1));
    assert_eq!(got.body, r"1000000 bytes from EXAMPLE\alice");
    server.only_login();
}

#[test]
fn curl_follows_a_redirect_with_head_on_one_login() {
    let mut server = HttpServer::start(&[]);
    let redirect = format!("{}/redirect", server.url);
    let got = curl(&["--ntlm", "--user", &ALICE.with_password(), "-I", "-L", &redirect]);
    assert_eq!((got.status(), got.connections), (200, 1));
    let statuses: Vec<_> = got.body.lines().filter(|line| line.starts_with("HTTP/")).collect();
    // The CHALLENGE, the redirect for who is known, and its target without another exchange.
    assert_eq!(statuses, ["HTTP/1.1 401 Unauthorized", "HTTP/1.1 302 Found", "HTTP/1.1 200 OK"]);
    server.only_login();
}

#[test]
fn curl_logs_in_once_for_several_requests_on_a_connection() {
    let mut server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    let got = curl(&["--ntlm", "--user", &ALICE.with_password(), &page, &page, &page]);
    assert_eq!((got.statuses.as_slice(), got.connections), ([200; 3].as_slice(), 1));
    server.only_login();
}

#[test]
fn a_handshake_is_recorded_and_its_password_verified() {
    let server = HttpServer::start(&[]);
    let (directory, address) = (Directory::new(), format!("127.0.0.1:{}", free_port()));
    let out = directory.path().join("handshakes");
    let to = server.url.trim_start_matches("http://");
    let mut command = example("record");
    command.args(["--listen", &address, "--to", to, "--about", "a test", "--out"]).arg(&out);
    let mut record = Process::start(&mut command);
    record.wait_for("listening on ");
    let got = curl(&["--ntlm", "--user", &ALICE.with_password(), &format!("http://{address}/")]);
    assert_eq!(got.status(), 200);
    record.wait_for("recorded tokens=3 ");

    let verdict = |password| {
        let mut command = tool("inspect");
        run(command.arg(out.join("1.json")).env("NTLM_PASSWORD", password))
    };
    let right = verdict(ALICE.password).expect_success();
    assert!(right.stdout.contains("\npassword        right\n"), "{right:#?}");
    let wrong = verdict("wrong");
    assert!(!wrong.status.success() && wrong.stderr.contains("password is wrong"), "{wrong:#?}");
}

#[test]
fn curl_logs_in_to_a_proxy() {
    let mut server = HttpServer::start(&["--proxy"]);
    let (proxy, alice) = (server.url.clone(), ALICE.with_password());
    let url = "http://www.example.com/page.txt";
    let got = curl(&["--proxy", &proxy, "--proxy-ntlm", "--proxy-user", &alice, url]);
    assert_eq!((got.status(), got.connections), (200, 1));
    server.only_login();
}

#[test]
fn curl_logs_in_over_tls() {
    let certificate = Certificate::new();
    let mut server = HttpServer::start_with_tls(&certificate, &[]);
    let page = format!("{}/page.txt", server.tls_url());
    let certificate = certificate.file().display().to_string();
    let alice = ALICE.with_password();
    let got = curl(&["--cacert", &certificate, "--http1.1", "--ntlm", "--user", &alice, &page]);
    assert_eq!((got.status(), got.connections), (200, 1));
    server.only_login();
}

#[test]
fn curl_is_refused_with_a_wrong_password() {
    let mut server = HttpServer::start(&[]);
    let got = curl(&["--ntlm", "--user", r"EXAMPLE\alice:wrong", &server.url]);
    assert_eq!(got.status(), 401);
    let refusal = server.refusal();
    assert_eq!(refusal.field("user"), r"EXAMPLE\alice");
    assert!(refusal.field("detail").contains("Denied(WrongPassword)"), "{}", refusal.text());
}

#[test]
fn curl_is_refused_as_an_unknown_user() {
    let mut server = HttpServer::start(&[]);
    let got = curl(&["--ntlm", "--user", r"EXAMPLE\mallory:wrong", &server.url]);
    assert_eq!(got.status(), 401);
    let refusal = server.refusal();
    assert!(
        refusal.field("detail").contains("Denied(Rejected(UnknownUser))"),
        "{}",
        refusal.text()
    );
}

/// curl sends the bytes that it was given under the name of the OEM code page, and hashes name and
/// password as if each byte were a character. In a locale of UTF-8 no code page makes that right.
#[test]
fn curl_is_refused_with_a_user_outside_ascii_and_the_reason_is_the_code_page() {
    let mut server = HttpServer::start(&[]);
    let got = curl(&["--ntlm", "--user", &JURGEN.with_password(), &server.url]);
    assert_eq!(got.status(), 401);
    let refusal = server.refusal();
    assert!(refusal.field("reason").contains("code page"), "{}", refusal.text());
}

/// curl takes what it thinks is best of what is offered, and does not take the next if it cannot
/// do that. Under `Negotiate` it logs in with GSS-API, which has credentials of its own and does not
/// see the password of the command line.
#[test]
fn curl_does_not_fall_back_to_ntlm_from_negotiate_without_gss_credentials() {
    let mut server = HttpServer::start(&["--schemes", "negotiate,ntlm"]);
    let (page, alice) = (format!("{}/page.txt", server.url), ALICE.with_password());
    assert_eq!(curl(&["--anyauth", "--user", &alice, &page]).status(), 401);
    assert_eq!(curl(&["--ntlm", "--user", &alice, &page]).status(), 200);
    server.only_login();
}

#[test]
fn curl_finds_out_that_the_server_wants_ntlm() {
    let mut server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    let got = curl(&["--anyauth", "--user", &ALICE.with_password(), &page]);
    assert_eq!((got.status(), got.connections), (200, 1));
    server.only_login();
}

#[test]
fn libraries_get_a_page() {
    for library in Library::ALL {
        let mut server = HttpServer::start(&[]);
        let got = library.get(&format!("{}/page.txt", server.url), ALICE);
        assert_eq!(got["status"], 200, "{library:?}");
        assert_eq!(got["user"], r"EXAMPLE\alice", "{library:?}");
        assert_eq!(got["body"], format!("{PAGE}\n"), "{library:?}");
        let login = server.only_login();
        assert_eq!(login.field("response"), "Ntlmv2", "{library:?}");
        // Who announces a MIC must send a right one; the libraries for Node have none.
        let has_mic = !matches!(library, Library::AxiosNtlm | Library::Httpntlm);
        assert_eq!(login.field("mic"), if has_mic { "yes" } else { "no" }, "{library:?}");
    }
}

#[test]
fn libraries_get_a_page_where_negotiate_is_offered_too() {
    let server = HttpServer::start(&["--schemes", "negotiate,ntlm"]);
    for library in Library::ALL {
        let got = library.get(&format!("{}/page.txt", server.url), ALICE);
        assert_eq!(got["user"], r"EXAMPLE\alice", "{library:?}: {got}");
    }
}

#[test]
fn libraries_post_a_body() {
    let server = HttpServer::start(&[]);
    for library in Library::ALL {
        let got = library.post(&server.url, ALICE, "twelve bytes");
        assert_eq!(got["status"], 200, "{library:?}");
        assert_eq!(got["body"], "12 bytes from EXAMPLE\\alice\n", "{library:?}");
    }
}

#[test]
fn libraries_are_refused_with_a_wrong_password() {
    let wrong = Account { password: "wrong", ..ALICE };
    for library in Library::ALL {
        let mut server = HttpServer::start(&[]);
        assert_eq!(library.get(&server.url, wrong)["status"], 401, "{library:?}");
        assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"), "{library:?}");
    }
}

#[test]
fn libraries_that_speak_unicode_log_in_as_a_user_outside_ascii() {
    for library in Library::ALL {
        let mut server = HttpServer::start(&[]);
        let got = library.get(&format!("{}/page.txt", server.url), JURGEN);
        // axios-ntlm asks for OEM alone, as curl does, and sends Latin-1, where curl sends UTF-8.
        if library == Library::AxiosNtlm {
            assert_eq!(got["status"], 401);
            assert!(server.refusal().field("reason").contains("code page"));
            continue;
        }
        assert_eq!(got["status"], 200, "{library:?}");
        assert_eq!(got["user"], r"EXAMPLE\j%C3%BCrgen", "{library:?}");
        assert_eq!(server.only_login().field("user"), r"EXAMPLE\jürgen", "{library:?}");
    }
}

#[test]
fn a_session_of_requests_logs_in_once() {
    let mut server = HttpServer::start(&[]);
    let got = requests_ntlm_session(&format!("{}/page.txt", server.url), ALICE, 3);
    let statuses: Vec<_> = got.iter().map(|response| &response["status"]).collect();
    assert_eq!(statuses, [200, 200, 200]);
    server.only_login();
}

/// wget speaks NTLMv1 without extended session security.
#[test]
fn wget_is_let_in_up_to_level_4() {
    for (level, is_let_in) in [(0, true), (3, true), (4, true), (5, false)] {
        let mut server = HttpServer::start(&["--level", &level.to_string()]);
        let page = format!("{}/page.txt", server.url);
        let wget = &mut installed("wget");
        wget.args(["--quiet", "--no-proxy", "--no-config", "--tries=1", "--timeout=30"]);
        wget.args(["--output-document=-", "--user", &ALICE.name(), "--password", ALICE.password]);
        let got = run(wget.arg(page));
        assert_eq!(got.status.success(), is_let_in, "level {level}: {got:#?}");
        if is_let_in {
            assert_eq!(got.stdout, PAGE, "level {level}");
            assert_eq!(server.only_login().field("response"), "Ntlmv1", "level {level}");
        } else {
            assert_refused_by_policy(&mut server);
        }
    }
}

/// cntlm is a proxy that logs in to another for its clients.
#[test]
fn cntlm_is_let_in_with_the_responses_that_the_level_allows() {
    // The kind of response as cntlm and as we call it, and up to which level it is let in.
    let cases = [("NTLMv2", "Ntlmv2", 5), ("NTLM2SR", "Ntlm2Session", 4), ("NTLM", "Ntlmv1", 4)];
    for (kind, response, highest_level) in cases {
        for level in [0, 3, 4, 5] {
            let mut server = HttpServer::start(&["--proxy", "--level", &level.to_string()]);
            let cntlm = Cntlm::start(server.address(), kind);
            let got = curl(&["--proxy", &cntlm.url, "http://www.example.com/page.txt"]);
            if level > highest_level {
                assert_eq!(got.status(), 407, "{kind} at level {level}");
                assert_refused_by_policy(&mut server);
                continue;
            }
            assert_eq!(got.status(), 200, "{kind} at level {level}");
            let login = server.only_login();
            assert_eq!(login.field("response"), response, "{kind} at level {level}");
            assert_eq!(login.field("workstation"), "CNTLM");
        }
    }
}

/// As `NT`, cntlm makes a right response, and then sends zeros. As `LM`, it sends a right LM response
/// alone, for which our server has no hash.
#[test]
fn cntlm_is_refused_with_its_nt_and_lm_responses() {
    for (kind, response, denied) in
        [("NT", "Ntlmv1", "Denied(WrongPassword)"), ("LM", "Lmv2/Lm", "Denied(NoLmHash)")]
    {
        let mut server = HttpServer::start(&["--proxy", "--level", "0"]);
        let cntlm = Cntlm::start(server.address(), kind);
        let got = curl(&["--proxy", &cntlm.url, "http://www.example.com/page.txt"]);
        assert_eq!(got.status(), 407, "{kind}");
        let refusal = server.refusal();
        assert!(refusal.field("detail").contains(denied), "{}", refusal.text());
        assert_eq!(refusal.field("response"), response);
    }
}

/// It gives up at once; as long as the server replied 401, it connected 51 times.
#[test]
fn curl_gives_up_over_http_1_0_without_keep_alive() {
    let mut server = HttpServer::start(&[]);
    let alice = ALICE.with_password();
    let close = "Connection: close";
    let got = curl(&["--ntlm", "--http1.0", "-H", close, "--user", &alice, &server.url]);
    assert_eq!((got.status(), got.connections), (400, 1));
    assert!(server.refusal().field("detail").contains("ConnectionCloses"));
}

#[track_caller]
fn assert_refused_by_policy(server: &mut HttpServer) {
    let refusal = server.refusal();
    assert!(refusal.field("detail").contains("Refused(ResponseKind)"), "{}", refusal.text());
    assert!(refusal.field("user").to_lowercase().ends_with("alice"), "{}", refusal.text());
    assert!(refusal.field("response").starts_with("Ntlm"), "{}", refusal.text());
}

struct Cntlm {
    url: String,
    _process: Process,
    _directory: Directory,
}

impl Cntlm {
    fn start(parent: &str, kind: &str) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let Account { user, password } = ALICE;
        let configuration = format!(
            "Username {user}\nDomain {DOMAIN}\nPassword {password}\nWorkstation CNTLM\n\
             Proxy {parent}\nListen 127.0.0.1:{port}\n"
        );
        let configuration = directory.write("cntlm.conf", &configuration);
        let cntlm = &mut installed("cntlm");
        let mut process = Process::start(cntlm.args(["-f", "-a", kind, "-c"]).arg(configuration));
        process.wait_for_port(port);
        Self { url: format!("http://127.0.0.1:{port}"), _process: process, _directory: directory }
    }
}
