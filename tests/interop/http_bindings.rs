//! Channel bindings over TLS, both ways: right, missing and wrong.
//!
//! Wrong are those of somebody in the middle: a load balancer that ends the client's TLS with a
//! certificate of its own, and speaks TLS to the server.

use ntlm::ChannelBindings;
use ntlm::wire::{Authenticate, NtResponse};
use ntlm_interop::accounts::ALICE;
use ntlm_interop::balancers::Balancer;
use ntlm_interop::browsers::chromium;
use ntlm_interop::certificates::{Certificate, Signature};
use ntlm_interop::clients::{Library, curl, http_client};
use ntlm_interop::http::{Acceptor, HttpServer, Implementation, token};
use ntlm_interop::log::Line;

/// What a client sends for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// What the server computes too.
    Right,
    Nothing,
    /// The client gives up before it sends any.
    GivesUp,
}

#[test]
fn our_client_is_bound_to_certificates_of_every_signature() {
    for signature in Signature::ALL {
        let mut servers = Servers::start(signature);
        servers.check(Sent::Right, "our client", |url| {
            u16::from(http_client(ALICE, &["--insecure", url]).status.success()) * 200
        });
    }
}

#[test]
fn requests_ntlm_is_bound_to_certificates_of_every_signature() {
    for signature in Signature::ALL {
        let mut servers = Servers::start(signature);
        servers.check(Sent::Right, "requests_ntlm", |url| status(Library::RequestsNtlm, url));
    }
}

#[test]
fn requests_ntlm2_is_bound_to_certificates_of_every_signature_but_one() {
    for signature in Signature::ALL {
        let sent = match signature {
            // It fails for want of a hash.
            Signature::Ed25519 => Sent::GivesUp,
            _ => Sent::Right,
        };
        let mut servers = Servers::start(signature);
        servers.check(sent, "requests-ntlm2", |url| status(Library::RequestsNtlm2, url));
    }
}

#[test]
fn chromium_is_bound_to_certificates_of_most_signatures() {
    for signature in Signature::ALL {
        let sent = match signature {
            Signature::RsaMd5 | Signature::RsaPssSha256 => Sent::Nothing,
            // It has no such signature in TLS.
            Signature::Ed25519 => Sent::GivesUp,
            _ => Sent::Right,
        };
        let mut servers = Servers::start(signature);
        servers.check(sent, "Chromium", |url| {
            let page = &chromium(ALICE, &[url])[0];
            page["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or_default()
        });
    }
}

#[test]
fn clients_that_know_no_bindings_are_let_in_unless_they_are_required() {
    let mut servers = Servers::start(Signature::RsaSha256);
    servers.check(Sent::Nothing, "curl", |url| {
        curl(&["--insecure", "--http1.1", "--ntlm", "--user", &ALICE.with_password(), url]).status()
    });
    for library in [Library::HttpxNtlm, Library::AxiosNtlm, Library::Httpntlm] {
        let mut servers = Servers::start(Signature::RsaSha256);
        servers.check(Sent::Nothing, &format!("{library:?}"), |url| status(library, url));
    }
    let mut servers = Servers::start(Signature::RsaSha256);
    servers.check(Sent::Nothing, "our client, without", |url| {
        let got = http_client(ALICE, &["--insecure", "--no-channel-bindings", url]);
        u16::from(got.status.success()) * 200
    });
}

#[test]
fn clients_are_refused_if_somebody_stands_between() {
    let other = Certificate::new();
    let mut server = HttpServer::start_with_tls(&Certificate::new(), &[]);
    let middle = Balancer::haproxy_with_tls(&other, server.tls_address());

    assert_eq!(status(Library::RequestsNtlm, &middle.url), 401);
    assert_eq!(status(Library::RequestsNtlm2, &middle.url), 401);
    assert_eq!(chromium(ALICE, &[&middle.url])[0]["status"], 401);
    assert_eq!(http_client(ALICE, &["--insecure", &middle.url]).status.code(), Some(22));
    for refusal in server.refusals(4) {
        assert!(refusal.field("detail").contains("Denied(ChannelBindings)"), "{}", refusal.text());
    }
    assert!(!server.logged().iter().any(Line::is_login));

    // Who sends none goes through, if none are required: that is why they can be.
    let alice = ALICE.with_password();
    let got = curl(&["--insecure", "--http1.1", "--ntlm", "--user", &alice, &middle.url]);
    assert_eq!(got.status(), 200);
    assert_eq!(server.only_login().field("bindings"), "no");
}

#[test]
fn somebody_in_the_middle_is_let_be_if_bindings_are_ignored() {
    let other = Certificate::new();
    let ignore = ["--channel-bindings", "ignore"];
    let mut server = HttpServer::start_with_tls(&Certificate::new(), &ignore);
    let middle = Balancer::haproxy_with_tls(&other, server.tls_address());
    assert_eq!(status(Library::RequestsNtlm, &middle.url), 200);
    assert_eq!(server.only_login().field("bindings"), "no");
}

/// gss-ntlmssp and pyspnego look at bindings; Samba of this version does not.
#[test]
fn other_servers_let_our_client_in_with_the_right_bindings() {
    let certificate = Certificate::new();
    for implementation in Implementation::ALL {
        let mut server = acceptor(implementation, &certificate, "certificate");
        let _ = http_client(ALICE, &["--insecure", &server.url]).expect_success();
        let login = token(&server.events("accepted", 1)[0], "authenticate");
        let expected =
            ChannelBindings::tls_server_end_point(&certificate.fingerprint("sha256")).unwrap();
        assert_eq!(bindings(&login), Some(*expected.md5()), "{implementation:?}");
    }
}

#[test]
fn other_servers_refuse_our_client_with_wrong_bindings() {
    let certificate = Certificate::new();
    for implementation in [Implementation::GssNtlmssp, Implementation::Pyspnego] {
        let mut server = acceptor(implementation, &certificate, "other");
        let got = http_client(ALICE, &["--insecure", &server.url]);
        assert_eq!(got.status.code(), Some(22), "{implementation:?}: {got:#?}");
        let refusal = &server.events("refused", 1)[0];
        let error = refusal["error"].as_str().unwrap_or_default();
        let says_so = error.contains("channel bindings") || error.contains("Permission denied");
        assert!(says_so, "{implementation:?}: {error}");
    }
}

#[test]
fn other_servers_refuse_our_client_if_somebody_stands_between() {
    let certificate = Certificate::new();
    for implementation in [Implementation::GssNtlmssp, Implementation::Pyspnego] {
        let mut server = acceptor(implementation, &certificate, "certificate");
        let address = server.url.trim_start_matches("https://");
        let middle = Balancer::haproxy_with_tls(&Certificate::new(), address);
        let got = http_client(ALICE, &["--insecure", &middle.url]);
        assert_eq!(got.status.code(), Some(22), "{implementation:?}: {got:#?}");
        assert_eq!(server.events("refused", 1).len(), 1, "{implementation:?}");
    }
}

/// With bindings of its own, pyspnego requires those of clients.
#[test]
fn other_servers_treat_missing_bindings_as_they_like() {
    let certificate = Certificate::new();
    let cases = [
        (Implementation::GssNtlmssp, "certificate", Some(0)),
        (Implementation::Pyspnego, "certificate", Some(22)),
        (Implementation::Pyspnego, "none", Some(0)),
        (Implementation::Samba, "none", Some(0)),
    ];
    for (implementation, wanted, code) in cases {
        let server = acceptor(implementation, &certificate, wanted);
        let got = http_client(ALICE, &["--insecure", "--no-channel-bindings", &server.url]);
        assert_eq!(got.status.code(), code, "{implementation:?}: {got:#?}");
    }
}

/// What requests_ntlm takes for a certificate whose signature names no hash.
#[test]
fn requests_ntlm_hashes_certificates_signed_with_ed25519_with_sha_256() {
    let certificate = Certificate::signed_with(Signature::Ed25519);
    let mut server = acceptor(Implementation::Pyspnego, &certificate, "none");
    assert_eq!(status(Library::RequestsNtlm, &server.url), 200);
    let login = token(&server.events("accepted", 1)[0], "authenticate");
    let expected =
        ChannelBindings::tls_server_end_point(&certificate.fingerprint("sha256")).unwrap();
    assert_eq!(bindings(&login), Some(*expected.md5()));
}

/// Two servers with one certificate: one requires bindings, one looks at those that are there.
struct Servers {
    signature: Signature,
    requires: HttpServer,
    when_present: HttpServer,
}

impl Servers {
    fn start(signature: Signature) -> Self {
        let certificate = Certificate::signed_with(signature);
        let start = |mode| HttpServer::start_with_tls(&certificate, &["--channel-bindings", mode]);
        Self { signature, requires: start("require"), when_present: start("if-present") }
    }

    /// Lets a client log in to both; it returns the status, or 0 if it gives up.
    #[track_caller]
    fn check(&mut self, sent: Sent, client: &str, get: impl Fn(&str) -> u16) {
        let page = |server: &HttpServer| format!("{}/page.txt", server.tls_url());
        let is_let_in = [&self.requires, &self.when_present].map(|s| get(&page(s)) == 200);
        let expected = match sent {
            Sent::Right => [true, true],
            Sent::Nothing => [false, true],
            Sent::GivesUp => [false, false],
        };
        assert_eq!(is_let_in, expected, "{client}, {:?}", self.signature);
        match sent {
            Sent::Right => {
                assert_eq!(self.requires.only_login().field("bindings"), "yes", "{client}");
                assert_eq!(self.when_present.only_login().field("bindings"), "yes", "{client}");
            }
            Sent::Nothing => {
                self.requires.assert_bindings_denied();
                assert_eq!(self.when_present.only_login().field("bindings"), "no", "{client}");
            }
            Sent::GivesUp => {
                let logged = [self.requires.logged(), self.when_present.logged()].concat();
                assert!(!logged.iter().any(Line::is_refusal), "{logged:#?}");
            }
        }
    }
}

fn status(library: Library, url: &str) -> u16 {
    let status = library.get(url, ALICE)["status"].as_u64();
    status.and_then(|status| status.try_into().ok()).unwrap_or_default()
}

fn acceptor(implementation: Implementation, certificate: &Certificate, wanted: &str) -> Acceptor {
    Acceptor::start_with_tls(implementation, certificate, &["--channel-bindings", wanted])
}

/// The bindings in an AUTHENTICATE, `None` if there are none.
fn bindings(message: &[u8]) -> Option<[u8; 16]> {
    let authenticate = Authenticate::parse(message).expect("it is an AUTHENTICATE");
    let NtResponse::V2(response) = authenticate.nt_response else { return None };
    response.target_info().channel_bindings().copied()
}
