//! Questions and answers, tested without Samba.

use ntlm::server::{Claim, Names};
use ntlm::{Client, Credentials, Os, Server};

use super::*;

fn output(is_success: bool, stdout: &str, stderr: &str) -> Output {
    Output { is_success, stdout: stdout.into(), stderr: stderr.into() }
}

#[test]
fn reasons_are_derived_from_the_text_of_the_status() {
    for (status, expected) in [
        ("The specified account does not exist.", Rejection::UnknownUser),
        ("Wrong Password", Rejection::WrongPassword),
        (
            "When trying to update a password, this return status indicates that the value \
             provided as the current password is not correct.",
            Rejection::WrongPassword,
        ),
        (
            "The attempted logon is invalid. This is either due to a bad username or \
             authentication information.",
            Rejection::WrongPassword,
        ),
        (
            "The user account has been automatically locked because too many invalid logon \
             attempts or password change attempts have been requested.",
            Rejection::AccountLocked,
        ),
        (
            "The referenced account is currently disabled and cannot be logged on to.",
            Rejection::AccountDisabled,
        ),
        ("The authentication failed because NTLM was blocked.", Rejection::NtlmBlocked),
        (
            "No logon servers are currently available to service the logon request.",
            Rejection::Unreachable,
        ),
        ("Reading winbind reply failed!", Rejection::LookupFailed),
        (
            "Configuration information could not be read from the domain controller, either because \
             the machine is unavailable or access has been denied.",
            Rejection::LookupFailed,
        ),
        (
            "{Virtual Circuit Closed} An existing connection (virtual circuit) has been broken at \
             the remote computer.",
            Rejection::LookupFailed,
        ),
        ("What is this?", Rejection::DomainController),
    ] {
        let text = format!("Authenticated: No\nAuthentication-Error: {status}\n.\n.\n");
        let got = unvouched(&output(true, &text, ""));
        assert_eq!((got.reason, got.status.as_str()), (expected, status));
    }
}

#[test]
fn output_without_a_verdict_is_a_failure_to_ask() {
    for stdout in [
        "",
        ".\n",
        "Error: No password supplied!\n.\n",
        "Wrong Password\n",
        "Authentication-Error: Wrong Password\n.\n",
    ] {
        let got = unvouched(&output(true, stdout, "no winbind\n"));
        assert_eq!(got.reason, Rejection::LookupFailed, "{stdout}");
        assert!(got.status.ends_with("no winbind"), "{got:?}");
    }
}

#[test]
fn only_a_success_with_yes_and_a_session_key_is_accepted() {
    let is_good = |is_success, stdout: &str, stderr: &str| {
        validation(&output(is_success, stdout, stderr)).is_some()
    };
    let yes = "Authenticated: Yes\nUser-Session-Key: 000102030405060708090A0B0C0D0E0F\n.\n";
    assert!(is_good(true, yes, ""));
    assert!(is_good(true, &format!("LANMAN-Session-Key: 0001020304050607\n{yes}"), ""));
    assert!(!is_good(false, yes, ""));
    assert!(!is_good(true, "", yes));
    assert!(!is_good(true, &yes.replace("Yes", "No"), ""));
    let (verdict, key) = yes.split_once('\n').unwrap();
    for stdout in [key, verdict, "Authenticated: Yes\nUser-Session-Key: 00\n.\n"] {
        assert!(!is_good(true, stdout, ""), "{stdout}");
    }
}

#[test]
fn a_logon_is_asked_about_on_standard_input() {
    let user = UserName::from("EXAMPLE\\alice\nNT-Domain: OTHER");
    let logon = Client::new(Credentials::password(user, "secret"));
    let server = Server::new(Names::member("WEB", "EXAMPLE"));
    let (negotiate, next) = logon.initiate().unwrap();
    let (challenge, handshake) = server.challenge(&negotiate, &mut Os).unwrap();
    let token = next.answer(&challenge, &mut Os).unwrap().token;
    let Claim::User(claim) = handshake.read(&token, &mut Os).unwrap() else { panic!() };
    let winbind = Winbind::default();
    let logon = claim.network_logon().unwrap();
    let Question { command, input } = winbind.question(&logon).unwrap();
    let arguments: Vec<_> = command.get_args().collect();
    assert_eq!(arguments, ["--helper-protocol=ntlm-server-1"]);
    let lines: Vec<_> = input.lines().collect();
    let user = base64(b"alice\nNT-Domain: OTHER");
    assert_eq!(lines[0], format!("Username:: {user}"));
    assert_eq!(lines[1], format!("NT-Domain:: {}", base64(b"EXAMPLE")));
    assert_eq!(lines[3], format!("NT-Response: {}", hex(logon.nt_response)));
    assert_eq!((lines.len(), lines[6]), (7, "."));
}

#[test]
fn the_sid_of_a_group_is_ignored() {
    let winbind = Winbind::default();
    let sid = |stdout: &str, stderr: &str| {
        winbind.sid(Ok(output(stderr.is_empty(), stdout, stderr))).map_err(|it| it.reason)
    };
    assert_eq!(
        sid("S-1-5-21-1-2-3-1102 SID_USER (1)\n", ""),
        Ok(Some("S-1-5-21-1-2-3-1102".into()))
    );
    assert_eq!(sid("S-1-5-21-1-2-3-513 SID_DOM_GROUP (2)\n", ""), Ok(None));
    let stdout = "S-1-5-21-1-2-3-1102 SID_USER (1)\n";
    let noisy = output(true, stdout, "cache: WBC_ERR_DOMAIN_NOT_FOUND\n");
    assert_eq!(winbind.sid(Ok(noisy)).unwrap().as_deref(), Some("S-1-5-21-1-2-3-1102"));
    assert_eq!(sid("", "failed to call wbcLookupName: WBC_ERR_DOMAIN_NOT_FOUND\n"), Ok(None));
    for (stdout, stderr) in [("", ""), ("", "could not obtain winbind separator!\n"), ("?\n", "")] {
        assert_eq!(sid(stdout, stderr), Err(Rejection::LookupFailed), "{stderr}");
    }
}

#[test]
fn a_program_that_hangs_is_ended() {
    let start = Instant::now();
    let question = |program: &str| Question { command: Command::new(program), input: "x".into() };
    let mut hangs = question("sleep");
    hangs.command.arg("60");
    // More than the buffer of a pipe.
    hangs.input = "x".repeat(1 << 20);
    let ended = run(hangs, Duration::from_millis(50));
    assert!(ended.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(run(question("/does/not/exist"), PATIENCE).is_err());
    assert_eq!(run(question("cat"), PATIENCE).unwrap().stdout, "x");
}
