//! FreeTDS, the client of SQL Server of PHP, Perl and others, which logs in over TDS to a small server of
//! ours.

use ntlm_interop::identities::Identity;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::installed;
use ntlm_interop::service::Service;
use ntlm_interop::{modes, tds};

/// A password outside ASCII.
const ALICE_OUTSIDE_ASCII: Identity = Identity { password: "Pässwörd€1", ..Identity::ALICE };

#[test]
fn it_runs_a_query() {
    for version in ["7.1", "7.4"] {
        for user in [Identity::ALICE, ALICE_OUTSIDE_ASCII] {
            let service = Service::start(tds::serve, modes::server(), &[user]);
            let got = query(&service, version, user);
            assert!(got.stdout.lines().any(|line| line == user.full_name()), "{got:#?}");
            let login = service.only_login();
            assert_eq!(login.field("user"), user.full_name());
            assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "no"));
        }
    }
}

/// NTOWFv2 hashes the user's name in upper case ([MS-NLMP] 3.3.2). FreeTDS leaves letters outside ASCII
/// as they are, so the name must be given in upper case.
#[test]
fn a_user_outside_ascii_logs_in_in_upper_case_alone() {
    let upper = Identity { user: "JÜRGEN", ..Identity::JURGEN };
    let service = Service::start(tds::serve, modes::server(), &[Identity::JURGEN]);
    let got = query(&service, "7.4", upper);
    assert!(got.stdout.lines().any(|line| line == upper.full_name()), "{got:#?}");
    service.only_login();

    let service = Service::start(tds::serve, modes::server(), &[Identity::JURGEN]);
    assert!(query(&service, "7.4", Identity::JURGEN).stderr.contains("Login failed"));
    assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)");
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    let service = Service::start(tds::serve, modes::server(), &[Identity::ALICE]);
    let got = query(&service, "7.4", Identity::MALLORY);
    assert!(got.stderr.contains("Login failed"), "{got:#?}");
    assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)");
}

/// Runs a query with its program `tsql`, which reads it from standard input.
fn query(service: &Service, version: &str, user: Identity) -> Finished {
    let script =
        "printf '%s\\ngo\\n' \"$1\" | tsql -o q -H 127.0.0.1 -p \"$2\" -U \"$3\" -P \"$4\"";
    installed("tsql");
    let mut shell = installed("sh");
    shell.args(["-c", script, "sh", tds::WHO, &service.port(), &user.full_name(), user.password]);
    run(shell.env("TDSVER", version).env("LC_ALL", "C.UTF-8"))
}
