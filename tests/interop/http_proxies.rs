//! Proxies and load balancers between clients and servers: which ones NTLM passes through, which
//! ones break it, and which ones let clients in as somebody else.

use std::thread;

use ntlm::{Client, Credentials};
use ntlm_interop::accounts::{self, ALICE, Account, JURGEN, numbered, numbered_lines};
use ntlm_interop::balancers::Balancer;
use ntlm_interop::browsers::chromium;
use ntlm_interop::certificates::Certificate;
use ntlm_interop::clients::{
    curl, curl_with_gss, http_client, pypsrp_session, requests_ntlm_session,
};
use ntlm_interop::connection::Connection;
use ntlm_interop::http::{HttpServer, PAGE};
use ntlm_interop::log::Line;
use ntlm_interop::process::wait_until;
use ntlm_interop::squid::Squid;

const USERS: usize = 20;

#[test]
fn our_client_logs_in_to_squid_and_through_it_to_a_server() {
    let squid = Squid::start(ALICE);
    let mut server = HttpServer::start(&[]);
    let page = format!("{}/page.txt", server.url);
    let got = through_squid(&squid, ALICE, &[&page]).expect_success();
    assert_eq!(got.stdout, PAGE);
    assert_eq!(server.only_login().field("user"), r"EXAMPLE\jürgen");
    assert!(squid.log().contains("alice"), "{}", squid.log());
}

#[test]
fn our_client_posts_through_squid() {
    let squid = Squid::start(ALICE);
    let server = HttpServer::start(&[]);
    let got = through_squid(&squid, ALICE, &["--data", "twelve bytes", &server.url]);
    assert_eq!(got.expect_success().stdout, r"12 bytes from EXAMPLE\jürgen");
}

#[test]
fn our_client_logs_in_to_squid_and_through_its_tunnel_to_a_server() {
    let squid = Squid::start(ALICE);
    let certificate = Certificate::new();
    let authority = certificate.file().display().to_string();
    let mut server = HttpServer::start_with_tls(&certificate, &["--channel-bindings", "require"]);
    let page = format!("{}/page.txt", server.tls_url());
    let got = through_squid(&squid, ALICE, &["--cacert", &authority, &page]).expect_success();
    assert_eq!(got.stdout, PAGE);
    assert_eq!(server.only_login().field("user"), r"EXAMPLE\jürgen");
}

#[test]
fn our_client_logs_in_through_squid_with_spnego() {
    let squid = Squid::start(ALICE);
    let mut server = HttpServer::start(&["--schemes", "negotiate"]);
    for _ in 0..2 {
        let got = through_squid(&squid, ALICE, &["--spnego", "--data", "x", &server.url]);
        assert_eq!(got.expect_success().stdout, r"1 bytes from EXAMPLE\jürgen");
    }
    for login in server.logins(2) {
        assert_eq!((login.field("user"), login.field("spnego")), (r"EXAMPLE\jürgen", "yes"));
    }
}

#[test]
fn squid_refuses_our_client_with_a_wrong_password() {
    let squid = Squid::start(ALICE);
    let certificate = Certificate::new();
    let server = HttpServer::start_with_tls(&certificate, &[]);
    let wrong = Account { password: "wrong", ..ALICE };
    let got = through_squid(&squid, wrong, &[&server.url]);
    assert_eq!(got.status.code(), Some(22), "{got:#?}");
    assert!(got.stderr.contains("not accepted"), "{got:#?}");
    let got = through_squid(&squid, wrong, &["--insecure", server.tls_url()]);
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    assert!(got.stderr.contains("407"), "{got:#?}");
    assert!(!server.logged().iter().any(Line::is_login));
}

/// It keeps the connections of clients that log in apart by itself, once it has seen the server's
/// 401 with `NTLM` or `Negotiate`.
#[test]
fn haproxy_lets_clients_log_in() {
    for setting in ["", "http-reuse always", "http-reuse never", "option prefer-last-server"] {
        let servers = Servers::start();
        let balancer = Balancer::haproxy(&servers.addresses(), setting);
        servers.assert_clients_log_in_through(&balancer);
    }
}

#[test]
fn haproxy_lets_clients_log_in_if_it_passes_bytes_on() {
    let servers = Servers::start();
    let balancer = Balancer::haproxy(&servers.addresses(), "mode tcp");
    servers.assert_clients_log_in_through(&balancer);
}

#[test]
fn haproxy_breaks_ntlm_if_it_closes_connections_to_servers() {
    for setting in ["option http-server-close", "option httpclose"] {
        let servers = Servers::start();
        let balancer = Balancer::haproxy(&servers.addresses(), setting);
        servers.assert_nobody_logs_in_through(&balancer, "ConnectionCloses");
    }
}

#[test]
fn chromium_shows_a_page_through_haproxy() {
    let servers = Servers::start();
    let balancer = Balancer::haproxy(&servers.addresses(), "");
    let urls = ["/page.html", "/redirect", "/page.txt"].map(|path| balancer.url.clone() + path);
    for page in chromium(ALICE, &urls.each_ref().map(String::as_str)) {
        assert_eq!((&page["status"], &page["user"]), (&200.into(), &r"EXAMPLE\alice".into()));
    }
}

#[test]
fn nginx_lets_clients_log_in_if_it_passes_bytes_on() {
    let servers = Servers::start();
    let [one, two] = servers.addresses();
    let balancer = Balancer::nginx(&format!(
        "stream {{
             upstream servers {{ server {one}; server {two}; }}
             server {{ LISTEN proxy_pass servers; }}
         }}"
    ));
    servers.assert_clients_log_in_through(&balancer);
}

/// It speaks HTTP/1.0 to servers, and closes each connection.
#[test]
fn nginx_breaks_ntlm_by_default() {
    let servers = Servers::start();
    let balancer = nginx_over_http(&servers, "", "");
    servers.assert_nobody_logs_in_through(&balancer, "ConnectionCloses");
}

/// It pretends to keep the connections to servers, and closes each.
#[test]
fn nginx_breaks_ntlm_over_http_1_1_without_keepalive() {
    let servers = Servers::start();
    let balancer = nginx_over_http(&servers, "", NGINX_OVER_HTTP_1_1);
    servers.assert_nobody_logs_in_through(&balancer, "NoPendingChallenge");
}

/// Logins seem to work, and then the next client is taken for the one who logged in. (The
/// commercial version has a setting `ntlm` that keeps connections apart.)
#[test]
fn nginx_lets_clients_in_as_somebody_else_with_keepalive() {
    let servers = Servers::start();
    let balancer = nginx_over_http(&servers, "keepalive 16;", NGINX_OVER_HTTP_1_1);
    assert_other_clients_are_taken_for_alice(&balancer);
}

#[test]
fn spnego_works_through_balancers_that_keep_connections_apart() {
    for setting in ["", "http-reuse always", "http-reuse never", "mode tcp"] {
        let servers = Servers::with_spnego();
        let balancer = Balancer::haproxy(&servers.addresses(), setting);
        servers.assert_clients_log_in_with_spnego_through(&balancer);
    }
    let servers = Servers::with_spnego();
    let [one, two] = servers.addresses();
    let balancer = Balancer::nginx(&format!(
        "stream {{
             upstream servers {{ server {one}; server {two}; }}
             server {{ LISTEN proxy_pass servers; }}
         }}"
    ));
    servers.assert_clients_log_in_with_spnego_through(&balancer);
    let servers = Servers::with_spnego();
    let balancer = Balancer::ours(&servers.addresses(), &[]);
    servers.assert_clients_log_in_with_spnego_through(&balancer);
}

#[test]
fn spnego_breaks_and_is_unsafe_where_ntlm_is() {
    let break_it = |balancer: &Balancer, servers: &Servers, detail| {
        let got = curl_with_gss(ALICE, &["--negotiate", &balancer.url]);
        assert_ne!(got.status(), 200, "{got:#?}");
        assert!(!http_client(ALICE, &["--spnego", &balancer.url]).status.success());
        servers.assert_refused(detail);
    };
    let servers = Servers::with_spnego();
    let balancer = Balancer::haproxy(&servers.addresses(), "option http-server-close");
    break_it(&balancer, &servers, "ConnectionCloses");
    let servers = Servers::with_spnego();
    let balancer = nginx_over_http(&servers, "", NGINX_OVER_HTTP_1_1);
    break_it(&balancer, &servers, "NoPendingChallenge");

    let log_in_and_ask_as_another = |balancer: &Balancer| {
        let page = format!("{}/page.txt", balancer.url);
        assert_eq!(curl_with_gss(ALICE, &["--negotiate", &page]).status(), 200);
        let stranger = Connection::open(&balancer.url).get("/page.txt");
        assert_eq!((stranger.status, stranger.user()), (200, Some(r"EXAMPLE\alice")));
    };
    let servers = Servers::with_spnego();
    log_in_and_ask_as_another(&nginx_over_http(&servers, "keepalive 16;", NGINX_OVER_HTTP_1_1));
    let mut balancer = Balancer::ours(&servers.addresses(), &["--multiplex"]);
    log_in_and_ask_as_another(&balancer);
    balancer.wait_for("NTLM is unsafe: ");
}

#[test]
fn our_reverse_proxy_lets_clients_log_in() {
    let servers = Servers::start();
    let balancer = Balancer::ours(&servers.addresses(), &[]);
    servers.assert_clients_log_in_through(&balancer);
    assert!(!balancer.lines().iter().any(|line| line.contains("NTLM")), "{:?}", balancer.lines());
}

#[test]
fn our_reverse_proxy_continues_when_it_had_too_many_open_files() {
    let servers = Servers::start();
    let mut balancer = Balancer::ours_with_files(&servers.addresses(), 32);
    let connections: Vec<_> = (0..40).map(|_| Connection::open(&balancer.url)).collect();
    balancer.wait_for("cannot accept a connection: ");
    drop(connections);
    let mut connection = Connection::open(&balancer.url);
    assert_eq!(connection.log_in(alice(), "/page.txt").user(), Some(r"EXAMPLE\alice"));
}

#[test]
fn our_reverse_proxy_breaks_ntlm_if_it_multiplexes_and_says_so() {
    let servers = Servers::start();
    let mut balancer = Balancer::ours(&servers.addresses(), &["--multiplex", "--verbose"]);
    // A request that takes its time makes for two connections to servers, which take turns.
    let mut slow = Connection::open(&balancer.url);
    slow.start_post();
    // It has the first connection to itself from here on.
    balancer.wait_for("request ");
    let mut other = Connection::open(&balancer.url);
    let mut answer = other.get("/page.txt");
    assert_eq!(answer.status, 401);
    answer = slow.finish_post();
    assert_eq!(answer.status, 401);

    answer = other.log_in(alice(), "/page.txt");
    assert_eq!(answer.status, 401);
    balancer.wait_for("NTLM breaks: ");
    servers.assert_refused("NoPendingChallenge");
}

#[test]
fn our_reverse_proxy_lets_clients_in_as_somebody_else_if_it_multiplexes_and_says_so() {
    let servers = Servers::start();
    let mut balancer = Balancer::ours(&servers.addresses(), &["--multiplex"]);
    assert_other_clients_are_taken_for_alice(&balancer);
    balancer.wait_for("NTLM is unsafe: ");
}

/// Two servers to choose from, which know all accounts and many users.
struct Servers([HttpServer; 2]);

impl Servers {
    fn start() -> Self {
        Self::start_with(&[])
    }

    /// They offer `Negotiate` alone.
    fn with_spnego() -> Self {
        Self::start_with(&["--schemes", "negotiate"])
    }

    fn start_with(arguments: &[&str]) -> Self {
        let users = accounts::ALL.map(|a| a.nt_hash_line()).concat() + &numbered_lines(USERS);
        Self([(); 2].map(|()| HttpServer::start_with_users(&users, None, arguments)))
    }

    fn addresses(&self) -> [&str; 2] {
        self.0.each_ref().map(HttpServer::address)
    }

    #[track_caller]
    fn assert_clients_log_in_through(&self, balancer: &Balancer) {
        let page = format!("{}/page.txt", balancer.url);
        let got = curl(&["--ntlm", "--user", &ALICE.with_password(), &page, &page, &page]);
        assert_eq!((got.statuses.as_slice(), got.connections), ([200; 3].as_slice(), 1));
        let got = http_client(JURGEN, &[&page]);
        assert_eq!(got.expect_success().stdout, PAGE);
        let got = http_client(ALICE, &["--location", &format!("{}/redirect", balancer.url)]);
        assert!(got.expect_success().stdout.contains("page.txt"));
        for response in requests_ntlm_session(&page, ALICE, 3) {
            assert_eq!(response["user"], r"EXAMPLE\alice");
        }
        assert_nobody_is_taken_for_another(balancer);
        // Both are used. What they print is read a while after.
        for server in &self.0 {
            wait_until(|| server.logged().iter().any(Line::is_login).then_some(()));
        }
    }

    #[track_caller]
    fn assert_clients_log_in_with_spnego_through(&self, balancer: &Balancer) {
        let page = format!("{}/page.txt", balancer.url);
        let assert_unknown = || {
            let stranger = Connection::open(&balancer.url).get("/page.txt");
            assert_eq!((stranger.status, stranger.user()), (401, None));
        };
        let got = curl_with_gss(ALICE, &["--negotiate", &page, &page, &page]);
        assert_eq!((got.statuses.as_slice(), got.connections), ([200; 3].as_slice(), 1));
        assert_unknown();
        let got = http_client(JURGEN, &["--spnego", "--data", "twelve bytes", &balancer.url]);
        assert_eq!(got.expect_success().stdout, r"12 bytes from EXAMPLE\jürgen");
        assert_unknown();
        for response in pypsrp_session(&page, ALICE, 3, None) {
            assert_eq!(response["user"], r"EXAMPLE\alice");
        }
        assert_unknown();
        let logged = self.0.iter().flat_map(HttpServer::logged);
        assert!(logged.filter(Line::is_login).all(|login| login.field("spnego") == "yes"));
    }

    #[track_caller]
    fn assert_nobody_logs_in_through(&self, balancer: &Balancer, detail: &str) {
        let page = format!("{}/page.txt", balancer.url);
        let got = curl(&["--ntlm", "--user", &ALICE.with_password(), &page]);
        // A 401 would make clients try again without end where each connection closes.
        let status = if detail == "ConnectionCloses" { 400 } else { 401 };
        assert_eq!(got.status(), status);
        assert!(!http_client(ALICE, &[&page]).status.success());
        assert_eq!(Connection::open(&balancer.url).log_in(alice(), "/page.txt").status, status);
        self.assert_refused(detail);
    }

    /// One of the servers refused somebody for this reason.
    #[track_caller]
    fn assert_refused(&self, detail: &str) {
        // What it prints comes before its response, and still may be read after that.
        let refused = wait_until(|| self.0.iter().find_map(HttpServer::refusal_so_far));
        assert_eq!(refused.field("detail"), detail);
    }
}

/// Many clients at once, each of them another user, and one without a login between them.
#[track_caller]
fn assert_nobody_is_taken_for_another(balancer: &Balancer) {
    thread::scope(|scope| {
        for (number, credentials) in numbered(USERS).into_iter().enumerate() {
            scope.spawn(move || {
                let name = accounts::numbered_name(number);
                let mut connection = Connection::open(&balancer.url);
                let response = connection.log_in(Client::new(credentials), "/page.txt");
                assert_eq!(response.user(), Some(name.as_str()));
                let stranger = Connection::open(&balancer.url).get("/page.txt");
                assert_eq!((stranger.status, stranger.user()), (401, None));
                for _ in 0..5 {
                    assert_eq!(connection.get("/page.txt").user(), Some(name.as_str()));
                }
            });
        }
    });
}

#[track_caller]
fn assert_other_clients_are_taken_for_alice(balancer: &Balancer) {
    let mut connection = Connection::open(&balancer.url);
    assert_eq!(connection.log_in(alice(), "/page.txt").user(), Some(r"EXAMPLE\alice"));
    let stranger = Connection::open(&balancer.url).get("/page.txt");
    assert_eq!((stranger.status, stranger.user()), (200, Some(r"EXAMPLE\alice")));
}

const NGINX_OVER_HTTP_1_1: &str = "proxy_http_version 1.1; proxy_set_header Connection '';";

/// In front of one server, so that which one is chosen does not matter.
fn nginx_over_http(servers: &Servers, upstream: &str, location: &str) -> Balancer {
    let [server, _] = servers.addresses();
    Balancer::nginx(&format!(
        "http {{
             access_log off;
             upstream servers {{ server {server}; {upstream} }}
             server {{ LISTEN location / {{ proxy_pass http://servers; {location} }} }}
         }}"
    ))
}

/// As `account` at the proxy, and as jürgen at the server.
fn through_squid(
    squid: &Squid,
    account: Account,
    arguments: &[&str],
) -> ntlm_interop::process::Finished {
    let user = account.with_password();
    let proxy = ["--proxy", &squid.url, "--proxy-user", &user];
    http_client(JURGEN, &[&proxy, arguments].concat())
}

fn alice() -> Client {
    Client::new(Credentials::password(ALICE.name().as_str(), ALICE.password))
}
