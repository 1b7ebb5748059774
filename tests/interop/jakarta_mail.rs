//! Jakarta Mail, which logs in over SMTP and IMAP to small servers of ours.

use ntlm_interop::fields::{authenticate::FLAGS, number};
use ntlm_interop::hex::unhex;
use ntlm_interop::identities::Identity;
use ntlm_interop::log::Line;
use ntlm_interop::process::run;
use ntlm_interop::programs::java;
use ntlm_interop::service::Service;
use ntlm_interop::{imap, modes, smtp};

#[test]
fn it_sends_a_message_over_smtp() {
    for user in [Identity::ALICE, Identity::JURGEN] {
        let service = Service::start(smtp::serve, modes::server(), &[user]);
        assert_eq!(mail("smtp", &service, user), "sent");
        assert_logged(&service.only_login(), user);
    }
}

#[test]
fn it_opens_a_mailbox_over_imap() {
    for user in [Identity::ALICE, Identity::JURGEN] {
        let service = Service::start(imap::serve, modes::server(), &[user]);
        assert_eq!(mail("imap", &service, user), format!("messages: {}", imap::MESSAGES));
        assert_logged(&service.only_login(), user);
    }
}

#[test]
fn it_is_rejected_over_smtp_with_a_wrong_password() {
    let service = Service::start(smtp::serve, modes::server(), &[Identity::ALICE]);
    assert!(mail("smtp", &service, Identity::MALLORY).starts_with("rejected: 535"));
    assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)");
}

#[test]
fn it_is_rejected_over_imap_with_a_wrong_password() {
    let service = Service::start(imap::serve, modes::server(), &[Identity::ALICE]);
    assert!(mail("imap", &service, Identity::MALLORY).starts_with("rejected: "));
    assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)");
}

/// The flags of its last message are all clear: they are those of the CHALLENGE.
fn assert_logged(login: &Line, user: Identity) {
    assert_eq!(login.field("user"), user.full_name());
    assert_eq!(login.field("response"), "Ntlmv2");
    assert_eq!(number(&unhex(login.field("authenticate")), FLAGS), 0, "{}", login.text());
}

/// What it prints.
fn mail(protocol: &str, service: &Service, user: Identity) -> String {
    let mut command = java("JakartaMail.java", &["javax.mail.jar"]);
    command.args([protocol, &service.port(), user.domain, user.user, user.password]);
    run(&mut command).expect_success().stdout
}
