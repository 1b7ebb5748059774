//! Our `inspect`, on what other implementations say to each other and to us.

use std::process::Command;

use ntlm::http::{AuthHeader, Scheme};
use ntlm::session::Protection;
use ntlm::{Client, Credentials, NtHash, Os};
use ntlm_interop::accounts::ALICE;
use ntlm_interop::bridge::Bridge;
use ntlm_interop::helper::Helper;
use ntlm_interop::hex::hex;
use ntlm_interop::http::HttpServer;
use ntlm_interop::identities;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::{installed, system_python, tool};
use ntlm_interop::scratch::Directory;
use serde_json::json;

#[test]
fn the_log_of_curl_is_shown_and_verified() {
    let server = HttpServer::start(&[]);
    let mut curl = installed("curl");
    curl.args(["--silent", "--verbose", "--ntlm", "--user", &ALICE.with_password(), &server.url]);
    let log = run(&mut curl).expect_success().stderr;
    let directory = Directory::new();
    let file = directory.write("log", &log).display().to_string();

    let shown = run(&mut inspect(&[&file])).expect_success().stdout;
    for part in ["NEGOTIATE_MESSAGE", "CHALLENGE_MESSAGE", "AUTHENTICATE_MESSAGE", "\"EXAMPLE\""] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    let verified = with_password(ALICE.password, &[&file]).expect_success().stdout;
    assert_eq!(line(&verified, "user"), r#""EXAMPLE\\alice""#);
    assert_eq!(line(&verified, "password"), "right");
    assert_eq!(line(&verified, "response"), "Ntlmv2");
    for (label, reason) in
        [("MIC", "MicMissing"), ("bindings", "ChannelBindingsMissing"), ("SPN", "SpnMissing")]
    {
        let finding = line(&verified, label);
        assert!(finding.starts_with("none (a policy that requires"), "{finding}");
        assert!(finding.contains(reason), "{finding}");
    }
    assert_eq!(line(&verified, "default policy"), "accepts it");
    assert!(line(&verified, "strict policy").contains("NTLMSSP_NEGOTIATE_UNICODE"), "{verified}");
    assert!(!verified.contains("session key"), "{verified}");
    assert!(line(&shown, "password").contains("NTLM_PASSWORD"), "{shown}");
    let hash = hex(NtHash::from_password(ALICE.password).expose());
    let by_hash = with_password("battery staple", &["--nt-hash", &hash, &file]);
    assert_eq!(by_hash.expect_success().stdout, verified, "the hash counts");
    let refused = with_password("battery staple", &[&file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("the password is wrong"), "{refused:#?}");
}

/// wget prints the CHALLENGE twice, and its flags name another character set than it uses.
#[test]
fn the_log_of_wget_shows_why_a_server_rejects_it_with_the_right_password() {
    let server = HttpServer::start(&[]);
    let mut wget = installed("wget");
    wget.args(["--debug", "--no-proxy", "--no-config", "--tries=1", "--timeout=30"]);
    wget.args(["--output-document=/dev/null", "--user", ALICE.user, "--password", ALICE.password]);
    let log = run(wget.arg(&server.url)).stderr;
    let directory = Directory::new();
    let file = directory.write("log", &log).display().to_string();

    let verified = with_password(ALICE.password, &[&file]).expect_success().stdout;
    assert_eq!(verified.matches("CHALLENGE_MESSAGE,").count(), 1, "{verified}");
    assert!(verified.contains(r#"; as OEM: "alice""#), "{verified}");
    assert_eq!(line(&verified, "password"), "right");
    let reason = "Refused(ResponseKind)";
    let response = line(&verified, "response");
    assert!(response.starts_with("Ntlmv1 (the default policy"), "{response}");
    assert!(response.contains(reason), "{response}");
    assert!(line(&verified, "default policy").contains(reason), "{verified}");
    let shown = run(&mut inspect(&[&file])).expect_success().stdout;
    assert!(line(&shown, "default policy").ends_with("with any password"), "{shown}");
}

#[test]
fn sambas_exchange_is_verified_and_yields_its_session_key() {
    for (features, settings) in [
        ("NTLMSSP_FEATURE_SEAL", &[][..]),
        ("NTLMSSP_FEATURE_SIGN", &["--option=client ntlmv2 auth=no"]),
    ] {
        let mut server = Helper::samba_server(ALICE.password, "ntlmv1-permitted");
        let mut client = Helper::samba_client("alice", Some(ALICE.password), settings);
        client.ask(&format!("SF {features}"));
        server.ask(&format!("SF {features}"));
        let negotiate = client.ask("YR");
        let challenge = server.ask(&negotiate);
        let authenticate = client.ask(&challenge);
        // The helpers' lines, as they are.
        let lines = [negotiate.as_str(), &challenge, &authenticate];
        let lines = ["--secrets", lines[0], lines[1], lines[2]];
        let verified = with_password(ALICE.password, &lines).expect_success().stdout;
        let key = run(inspect(&[]).args(["--password", ALICE.password]).args(lines));
        assert_eq!(key.expect_success().stdout, verified, "the option does what the variable does");
        let theirs = client.ask("GK");
        let theirs = Scheme::Ntlm.name().to_owned() + theirs.trim_start_matches("GK");
        let theirs = AuthHeader::credentials(&theirs).expect("a header").token().expect("base64");
        assert_eq!(line(&verified, "session key"), hex(&theirs));
    }
}

#[test]
fn what_gss_ntlmssp_and_we_seal_is_read() {
    let files = Directory::new();
    let mut command = system_python("bridge_gss_ntlmssp.py");
    command.env("NTLM_USER_FILE", files.write("users", &identities::user_file()));
    command.env("NETBIOS_COMPUTER_NAME", "FILES").env("NETBIOS_DOMAIN_NAME", "EXAMPLE");
    let mut gss = Bridge::start(command);
    gss.begin(json!({ "role": "acceptor", "protection": "seal" })).expect("it begins");

    let credentials = Credentials::password(ALICE.name(), ALICE.password);
    let client = Client::new(credentials).with_protection(Protection::Seal);
    let (negotiate, handshake) = client.initiate().expect("a token");
    let challenge = gss.step(Some(&negotiate)).expect("a challenge").token;
    let response = handshake.answer(&challenge, &mut Os).expect("a response");
    gss.step(Some(&response.token)).expect("it believes us");

    let mut session = response.keys.into_session().expect("a session");
    let mut message = *b"to the server";
    let signature = session.seal(&mut message).expect("sealing was negotiated");
    let ours = hex(&[signature.as_bytes(), &message[..]].concat());
    let theirs = ["to the client", "and again"]
        .map(|message| hex(&gss.seal(message.as_bytes()).expect("it seals")));
    let tokens = [&negotiate, &challenge, &response.token].map(|token| hex(token));
    let sealed = ["server", &theirs[0], "client", &ours, "server", &theirs[1]];
    let sealed = sealed.chunks(2).flat_map(|pair| ["--sealed-by", pair[0], pair[1]]);
    let arguments: Vec<_> = sealed.chain(tokens.iter().map(String::as_str)).collect();
    let read = with_password(ALICE.password, &arguments).expect_success().stdout;
    assert_eq!(line(&read, "MIC"), "right");
    assert_eq!(line(&read, "protection"), "Seal");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let messages: Vec<_> = read.lines().map(words).collect();
    assert!(messages.ends_with(&[
        r#"server "to the client""#.into(),
        r#"client "to the server""#.into(),
        r#"server "and again""#.into(),
    ]));
}

/// A message of Samba's client, as people paste such.
#[test]
fn what_was_pasted_is_understood() {
    let mut client = Helper::samba_client("alice", Some(ALICE.password), &[]);
    let mut server = Helper::samba_server(ALICE.password, "ntlmv2-only");
    let challenge = server.ask(&client.ask("YR"));
    let authenticate = client.ask(&challenge);
    let expected = run(&mut inspect(&[&authenticate])).expect_success().stdout;
    assert!(expected.starts_with("AUTHENTICATE_MESSAGE"), "{expected}");

    let token = authenticate.trim_start_matches("AF ");
    for pasted in [
        format!("it says \"Authorization: NTLM {token}\" then"),
        format!("`NTLM {}`", token.trim_end_matches('=')),
        piped(token, "fold -w 64"),
        piped(token, "fold -w 76 | sed 's/^/    /'"),
        piped(token, "base64 -d | od -A x -t x1"),
        piped(token, "base64 -d | od -A n -t x1"),
        piped(token, "base64 -d | od -A n -t x1 | tr ' ' :"),
        piped(token, "base64 -d | od -A n -v -t x1 | tr -d ' '"),
    ] {
        let shown = run(&mut inspect(&[&pasted])).expect_success();
        assert_eq!(shown.stdout, expected, "{pasted}");
        assert_eq!(shown.stderr, "", "{pasted}");
    }
    let shown = run(&mut inspect(&[&format!("NTLM {}...", &token[..61])])).expect_success();
    assert!(shown.stdout.starts_with("AUTHENTICATE_MESSAGE, 45 bytes"), "{shown:#?}");
    assert!(shown.stderr.contains("it is abbreviated"), "{shown:#?}");
}

/// What a command makes of a text.
fn piped(text: &str, command: &str) -> String {
    let script = format!(r#"printf %s "$0" | {command}"#);
    run(Command::new("sh").arg("-c").arg(script).arg(text)).expect_success().stdout
}

#[test]
fn standard_input_is_read_and_nonsense_is_refused() {
    let mut command = Command::new("sh");
    let program = tool("inspect").get_program().to_owned();
    command.arg("-c").arg(r#"printf 'NTLM TlRMTVNTUAABAAAAB4IIAA==\r\n' | "$0""#).arg(program);
    let shown = run(command.env_remove("NTLM_PASSWORD")).expect_success().stdout;
    assert!(shown.starts_with("NEGOTIATE_MESSAGE, 16 bytes"), "{shown}");
    let refused = run(&mut inspect(&["what is this?"]));
    assert_eq!(refused.status.code(), Some(1), "{refused:#?}");
}

fn inspect(arguments: &[&str]) -> Command {
    let mut command = tool("inspect");
    command.args(arguments).env_remove("NTLM_PASSWORD");
    command
}

fn with_password(password: &str, arguments: &[&str]) -> Finished {
    run(inspect(arguments).env("NTLM_PASSWORD", password))
}

/// What stands behind a label.
fn line<'a>(output: &'a str, label: &str) -> &'a str {
    let found = output.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {label}: {output}")).trim()
}
