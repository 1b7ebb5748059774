//! Libraries of Go log in to our servers: go-ntlmssp over HTTP, and go-mssqldb, a driver for SQL
//! Server, over TDS.

use ntlm::{LmCompatibility, Server, server};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::http_peer::{HttpPeer, Login, server_of};
use ntlm_interop::identities::Identity;
use ntlm_interop::process::run;
use ntlm_interop::programs::go;
use ntlm_interop::service::Service;
use ntlm_interop::{modes, tds};
use serde_json::json;

#[test]
fn go_ntlmssp_logs_in_once_for_three_requests() {
    for level in ["5", "3"] {
        let login = go_ntlmssp().logs_in_once_for_three_requests(&["--level", level]);
        assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "no"));
    }
}

/// It sends bare NTLM under the name that is offered first.
#[test]
fn go_ntlmssp_logs_in_where_negotiate_is_offered() {
    for schemes in ["negotiate,ntlm", "negotiate"] {
        go_ntlmssp().logs_in_once_for_three_requests(&["--schemes", schemes]);
    }
}

#[test]
fn go_ntlmssp_posts_a_body() {
    go_ntlmssp().posts_a_body();
}

/// A user without a domain gets that of the CHALLENGE.
#[test]
fn everybody_logs_in_with_go_ntlmssp() {
    go_ntlmssp().logs_everybody_in(|identity| match identity {
        Identity::HOMELESS => Login::AcceptedAs(r"EXAMPLE\alice"),
        _ => Login::Accepted,
    });
}

#[test]
fn go_ntlmssp_is_rejected_with_a_wrong_password() {
    go_ntlmssp().is_rejected_with_a_wrong_password();
}

#[test]
fn go_ntlmssp_sends_no_bindings_over_tls() {
    go_ntlmssp().logs_in_over_tls_without_bindings();
}

#[test]
fn users_of_go_ntlmssp_with_transports_of_their_own_are_kept_apart() {
    go_ntlmssp().keeps_users_apart();
}

/// It first sends each request without a login, in case the connection has one. All clients of a
/// transport share its connections, so the next user is taken for the first one, also with a wrong
/// password.
#[test]
fn users_of_go_ntlmssp_with_one_transport_are_taken_for_each_other() {
    let mut server = server_of(&[Identity::ALICE, Identity::PATIENT], None, &[]);
    let page = format!("{}/page.txt", server.url);
    let mut go = go_ntlmssp();
    go.begin(Identity::ALICE);
    assert_eq!(go.get(&page).user, r"EXAMPLE\alice");
    for identity in [Identity::PATIENT, Identity::MALLORY] {
        go.begin_with(identity, json!({ "keep_connections": true }));
        assert_eq!(go.get(&page).user, r"EXAMPLE\alice", "{identity:?}");
    }
    server.only_login();
}

/// It sends NTLMv1 with extended session security, which needs no upper case.
#[test]
fn go_mssqldb_runs_a_query_where_the_level_takes_ntlmv1() {
    for user in [Identity::ALICE, Identity::JURGEN, Identity::GROSS] {
        let service = Service::start(tds::serve, level_4(), &[user]);
        assert_eq!(query(&service, user), format!("row: {}", user.full_name()));
        assert_eq!(service.only_login().field("response"), "Ntlm2Session");
    }
}

#[test]
fn go_mssqldb_is_rejected_by_default_and_the_log_names_the_setting() {
    let service = Service::start(tds::serve, modes::server(), &[Identity::ALICE]);
    let printed = query(&service, Identity::ALICE);
    assert!(printed.starts_with("rejected: "), "{printed}");
    let rejection = service.only_rejection();
    assert_eq!(rejection.field("detail"), "Refused(ResponseKind)");
    assert!(rejection.field("hint").contains("lm_compatibility"), "{}", rejection.text());
}

#[test]
fn go_mssqldb_is_rejected_with_a_wrong_password() {
    let service = Service::start(tds::serve, level_4(), &[Identity::ALICE]);
    let printed = query(&service, Identity::MALLORY);
    assert!(printed.starts_with("rejected: Login error: mssql: Login failed"), "{printed}");
    assert_eq!(service.only_rejection().field("detail"), "Denied(WrongPassword)");
}

fn level_4() -> Server {
    let mut policy = server::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::RefuseLm;
    modes::server().with_policy(policy)
}

/// What it prints.
fn query(service: &Service, user: Identity) -> String {
    let mut command = go("tds_client.go");
    command.args([&service.port(), &user.full_name(), user.password, tds::WHO]);
    run(&mut command).expect_success().stdout
}

fn go_ntlmssp() -> HttpPeer {
    HttpPeer { bridge: Bridge::start(go("http_client.go")), settings: json!({}) }
}
