//! impacket as a client of SQL Server, over TLS: it sends the channel bindings `tls-unique`.

use ntlm::{Enforcement, Server, server};
use ntlm_interop::certificates::Certificate;
use ntlm_interop::identities::Identity;
use ntlm_interop::process::{Process, run};
use ntlm_interop::programs::python;
use ntlm_interop::service::Service;
use ntlm_interop::{modes, tds};

#[test]
fn it_is_bound_to_its_tls_connection_and_runs_a_query() {
    for user in [Identity::ALICE, Identity::JURGEN] {
        let tls = Tls::start(&[user]);
        assert_eq!(tls.query(user, &[]), format!("row: {}", user.full_name()));
        let login = tls.service.only_login();
        assert_eq!(login.field("user"), user.full_name());
        assert_eq!((login.field("response"), login.field("bindings")), ("Ntlmv2", "yes"));
    }
}

/// As if a man in the middle had a TLS connection of its own on each side.
#[test]
fn it_is_rejected_with_the_bindings_of_another_connection() {
    let tls = Tls::start(&[Identity::ALICE]);
    assert_eq!(tls.query(Identity::ALICE, &["000102030405060708090a0b0c0d0e0f"]), "rejected");
    assert_eq!(tls.service.only_rejection().field("detail"), "Denied(ChannelBindings)");
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    let tls = Tls::start(&[Identity::ALICE]);
    assert_eq!(tls.query(Identity::MALLORY, &[]), "rejected");
    assert_eq!(tls.service.only_rejection().field("detail"), "Denied(WrongPassword)");
}

/// A server that requires bindings, and what ends the TLS in front of it.
struct Tls {
    service: Service,
    port: String,
    _process: Process,
}

impl Tls {
    fn start(users: &[Identity]) -> Self {
        let service = Service::start(tds::serve_behind_tls, requires_bindings(), users);
        let certificate = Certificate::new();
        let mut command = python("tds_tls.py");
        command.arg(certificate.file()).arg(certificate.key_file()).arg(service.port());
        let mut process = Process::start(&mut command);
        let port = process.wait_for("listening on ");
        Self { service, port, _process: process }
    }

    /// What the client prints.
    fn query(&self, user: Identity, bindings: &[&str]) -> String {
        let mut command = python("tds_impacket.py");
        command.args([&self.port, user.domain, user.user, user.password, tds::WHO]);
        run(command.args(bindings)).expect_success().stdout
    }
}

fn requires_bindings() -> Server {
    let mut policy = server::Policy::default();
    policy.channel_bindings = Enforcement::Required;
    modes::server().with_policy(policy).with_channel_bindings_per_connection()
}
