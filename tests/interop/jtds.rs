//! jTDS, the driver for SQL Server of Java, which logs in over TDS to a small server of ours.

use ntlm::wire::Negotiate;
use ntlm_interop::hex::unhex;
use ntlm_interop::identities::Identity;
use ntlm_interop::process::run;
use ntlm_interop::programs::java;
use ntlm_interop::service::Service;
use ntlm_interop::{modes, tds};

/// A user of a domain outside ASCII.
const JORG: Identity = Identity { user: "jörg", domain: "DÖMÄIN", password: "Pässwörd€1" };

#[test]
fn it_runs_a_query() {
    for user in [Identity::ALICE, Identity::JURGEN] {
        let service = Service::start(tds::serve, modes::server(), &[user]);
        assert_eq!(query(&service, user), format!("row: {}", user.full_name()));
        let login = service.only_login();
        assert_eq!(login.field("user"), user.full_name());
        assert_eq!(login.field("response"), "Ntlmv2");
    }
}

/// The NEGOTIATE announces the bytes of the domain in UTF-8, and carries as many of them as it has
/// characters. The AUTHENTICATE has the whole domain, in upper case and UTF-16.
#[test]
fn a_domain_outside_ascii_logs_in_despite_its_malformed_negotiate() {
    let service = Service::start(tds::serve, modes::server(), &[JORG]);
    let user = Identity { domain: "dömäin", ..JORG };
    assert_eq!(query(&service, user), r"row: DÖMÄIN\jörg");
    let login = service.only_login();
    let negotiate = unhex(login.field("negotiate"));
    assert!(Negotiate::parse(&negotiate).is_err(), "{}", login.text());
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    for user in [Identity::ALICE, JORG] {
        let service = Service::start(tds::serve, modes::server(), &[user]);
        let wrong = Identity { password: "wrong", ..user };
        assert!(query(&service, wrong).starts_with("rejected: Login failed"));
        assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)");
    }
}

/// What it prints.
fn query(service: &Service, user: Identity) -> String {
    let mut command = java("Jtds.java", &["jtds.jar"]);
    command.args([&service.port(), user.domain, user.user, user.password, tds::WHO]);
    run(&mut command).expect_success().stdout
}
