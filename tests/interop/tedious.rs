//! tedious, the driver for SQL Server of Node, which logs in over TDS to a small server of ours.

use ntlm::{Server, server};
use ntlm_interop::fields::{authenticate::NT, payload};
use ntlm_interop::hex::unhex;
use ntlm_interop::identities::Identity;
use ntlm_interop::process::run;
use ntlm_interop::programs::node;
use ntlm_interop::service::Service;
use ntlm_interop::{modes, tds};

/// Its NT response is the proof alone, without what it proves, so that its LMv2 response is all
/// that a server can verify.
#[test]
fn it_runs_a_query_if_the_policy_allows_lmv2_alone() {
    for user in [Identity::ALICE, Identity::JURGEN] {
        let service = Service::start(tds::serve, accepts_lmv2_alone(), &[user]);
        assert_eq!(query(&service, user), format!("row: {}", user.full_name()));
        let login = service.only_login();
        assert_eq!(login.field("user"), user.full_name());
        assert_eq!(login.field("response"), "Lmv2");
        let authenticate = unhex(login.field("authenticate"));
        assert_eq!(payload(&authenticate, NT).len(), 16, "{}", login.text());
    }
}

#[test]
fn it_is_rejected_by_default_and_the_log_names_the_setting() {
    let service = Service::start(tds::serve, modes::server(), &[Identity::ALICE]);
    assert!(query(&service, Identity::ALICE).starts_with("rejected: Login failed"));
    let rejection = service.only_rejection();
    assert_eq!(rejection.field("detail"), "Refused(ResponseKind)");
    assert!(rejection.field("hint").contains("allow_lmv2_alone"), "{}", rejection.text());
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    let service = Service::start(tds::serve, accepts_lmv2_alone(), &[Identity::ALICE]);
    assert!(query(&service, Identity::MALLORY).starts_with("rejected: Login failed"));
    assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)");
}

fn accepts_lmv2_alone() -> Server {
    let mut policy = server::Policy::default();
    policy.allow_lmv2_alone = true;
    modes::server().with_policy(policy)
}

/// What it prints.
fn query(service: &Service, user: Identity) -> String {
    let mut command = node("tds_client.js");
    command.args([&service.port(), user.domain, user.user, user.password, tds::WHO]);
    run(&mut command).expect_success().stdout
}
