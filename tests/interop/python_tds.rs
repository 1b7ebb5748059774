//! python-tds, a driver for SQL Server of Python, which logs in over TDS to a small server of ours.

use ntlm_interop::identities::Identity;
use ntlm_interop::process::run;
use ntlm_interop::programs::python;
use ntlm_interop::service::Service;
use ntlm_interop::{modes, tds};

/// What makes its messages.
const LIBRARIES: [&str; 3] = ["ntlm-auth", "pyspnego", "pyspnego-spnego"];

#[test]
fn it_runs_a_query() {
    for library in LIBRARIES {
        for user in [Identity::ALICE, Identity::JURGEN] {
            let service = Service::start(tds::serve, modes::server(), &[user]);
            assert_eq!(query(library, &service, user), format!("row: {}", user.full_name()));
            let login = service.only_login();
            assert_eq!(login.field("user"), user.full_name());
            assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "yes"));
        }
    }
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    for library in LIBRARIES {
        let service = Service::start(tds::serve, modes::server(), &[Identity::ALICE]);
        let printed = query(library, &service, Identity::MALLORY);
        assert!(printed.starts_with("rejected: ('Login failed.'"), "{printed}");
        let rejection = service.only_rejection();
        // In SPNEGO, `Exchange(Denied(WrongPassword))`.
        assert!(
            rejection.field("detail").contains("Denied(WrongPassword)"),
            "{}",
            rejection.text()
        );
    }
}

/// What it prints.
fn query(library: &str, service: &Service, user: Identity) -> String {
    let mut command = python("tds_client.py");
    let (port, name) = (service.port(), user.full_name());
    command.args([library, &port, &name, user.password, tds::WHO]);
    run(&mut command).expect_success().stdout
}
