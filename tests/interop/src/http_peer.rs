//! What every HTTP library is tried with that logs in to our server, behind a bridge of `peers/`.

use serde_json::{Value, json};

use crate::accounts::nt_hash_line;
use crate::bridge::Bridge;
use crate::certificates::Certificate;
use crate::http::{HttpServer, PAGE};
use crate::identities::Identity;
use crate::log::Line;

/// An HTTP library. Its bridge has a client at a time, which keeps its connections.
#[derive(Debug)]
pub struct HttpPeer {
    pub bridge: Bridge,
    /// What every client begins with, such as the name of a library.
    pub settings: Value,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    pub status: u64,
    /// The value of the header `X-User`, which has the name of who logged in.
    pub user: String,
    pub body: String,
}

/// What the library gets with the password of each user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    Accepted,
    /// It sends this name instead.
    AcceptedAs(&'static str),
    /// Our server rejects it, and `detail` in its log holds this.
    Rejected(&'static str),
    /// The library gives up, and what it says holds this.
    GivesUp(&'static str),
}

impl HttpPeer {
    /// Begins a client that logs in as this user.
    ///
    /// # Panics
    /// If the library cannot.
    pub fn begin(&mut self, identity: Identity) {
        self.begin_with(identity, json!({}));
    }

    /// The same with more settings.
    ///
    /// # Panics
    /// If the library cannot.
    pub fn begin_with(&mut self, identity: Identity, more: Value) {
        let Identity { user, domain, password } = identity;
        let mut settings = json!({ "user": user, "domain": domain, "password": password });
        for (name, value) in
            [&self.settings, &more].into_iter().filter_map(Value::as_object).flatten()
        {
            settings[name] = value.clone();
        }
        self.bridge.begin(settings).expect("it begins");
    }

    /// GET with the client that began last.
    ///
    /// # Panics
    /// If there is no response.
    pub fn get(&mut self, url: &str) -> Response {
        self.request(url, None).expect("a response")
    }

    /// GET, or POST if there are data.
    ///
    /// # Errors
    /// What the library says if it gets no response.
    pub fn request(&mut self, url: &str, data: Option<&str>) -> Result<Response, String> {
        let got = self.bridge.ask("request", json!({ "url": url, "data": data }))?;
        Ok(Response {
            status: got["status"].as_u64().unwrap_or_default(),
            user: got["user"].as_str().unwrap_or_default().to_owned(),
            body: got["body"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// Gets a page three times with one login, whose line in the log is returned.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn logs_in_once_for_three_requests(&mut self, arguments: &[&str]) -> Line {
        let mut server = server_of(&[Identity::ALICE], None, arguments);
        self.begin(Identity::ALICE);
        for _ in 0..3 {
            let page = self.get(&format!("{}/page.txt", server.url));
            assert_eq!((page.status, page.user.as_str()), (200, r"EXAMPLE\alice"), "{page:?}");
            assert_eq!(page.body.trim_end(), PAGE);
        }
        server.only_login()
    }

    /// Sends a long body, which arrives once it is logged in.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn posts_a_body(&mut self) {
        let mut server = server_of(&[Identity::ALICE], None, &[]);
        self.begin(Identity::ALICE);
        let posted = self.request(&server.url, Some(&"x".repeat(100_000))).expect("a response");
        assert_eq!((posted.status, posted.user.as_str()), (200, r"EXAMPLE\alice"), "{posted:?}");
        assert_eq!(posted.body.trim_end(), r"100000 bytes from EXAMPLE\alice");
        server.only_login();
    }

    /// Logs everybody in.
    ///
    /// # Panics
    /// If something comes out other than it should.
    #[track_caller]
    pub fn logs_everybody_in(&mut self, outcome: impl Fn(Identity) -> Login) {
        for identity in Identity::ALL {
            self.logs_in_as(identity, outcome(identity));
        }
    }

    /// Logs a user in.
    ///
    /// # Panics
    /// If it comes out other than it should.
    #[track_caller]
    pub fn logs_in_as(&mut self, identity: Identity, outcome: Login) {
        let mut server = server_of(&[identity], None, &[]);
        self.begin(identity);
        let result = self.request(&format!("{}/page.txt", server.url), None);
        let status = result.as_ref().map(|page| page.status);
        match outcome {
            Login::Accepted => {
                assert_eq!(status, Ok(200), "{identity:?}: {:#?}", server.logged());
                assert_eq!(server.only_login().field("user"), identity.name().to_string());
            }
            Login::AcceptedAs(name) => {
                assert_eq!(status, Ok(200), "{identity:?}: {:#?}", server.logged());
                assert_eq!(server.only_login().field("user"), name);
            }
            Login::Rejected(detail) => {
                assert_eq!(status, Ok(401), "{identity:?}");
                let refusal = server.refusal();
                assert!(refusal.field("detail").contains(detail), "{}", refusal.text());
            }
            Login::GivesUp(why) => {
                assert!(result.as_ref().is_err_and(|error| error.contains(why)), "{result:?}");
            }
        }
    }

    /// A wrong password is rejected.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn is_rejected_with_a_wrong_password(&mut self) {
        let mut server = server_of(&[Identity::ALICE], None, &[]);
        self.begin(Identity::MALLORY);
        // Some libraries give up instead of passing the response on.
        if let Ok(page) = self.request(&format!("{}/page.txt", server.url), None) {
            assert_eq!(page.status, 401, "{page:?}");
        }
        let refusal = server.refusal();
        assert!(refusal.field("detail").contains("Denied(WrongPassword)"), "{}", refusal.text());
        assert!(!server.logged().iter().any(Line::is_login), "{:#?}", server.logged());
    }

    /// Clients of one process that are different users do not share a connection: each is the user
    /// that it logs in as, also after the others, and one with a wrong password is rejected.
    ///
    /// # Panics
    /// If a client gets the login of another user.
    #[track_caller]
    pub fn keeps_users_apart(&mut self) {
        let server = server_of(&[Identity::ALICE, Identity::PATIENT], None, &[]);
        let page = format!("{}/page.txt", server.url);
        for identity in [Identity::ALICE, Identity::PATIENT, Identity::ALICE] {
            self.begin(identity);
            assert_eq!(self.get(&page).user, identity.full_name());
        }
        self.begin(Identity::MALLORY);
        if let Ok(got) = self.request(&page, None) {
            assert_eq!((got.status, got.user.as_str()), (401, ""), "{got:?}");
        }
    }

    /// Logs in over TLS, and is rejected where bindings are required.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn logs_in_over_tls_without_bindings(&mut self) {
        let certificate = Certificate::new();
        let mut server = server_of(&[Identity::ALICE], Some(&certificate), &[]);
        self.begin(Identity::ALICE);
        assert_eq!(self.get(&format!("{}/page.txt", server.tls_url())).status, 200);
        assert_eq!(server.only_login().field("bindings"), "no");

        let arguments = ["--channel-bindings", "require"];
        let mut strict = server_of(&[Identity::ALICE], Some(&certificate), &arguments);
        self.begin(Identity::ALICE);
        if let Ok(got) = self.request(&format!("{}/page.txt", strict.tls_url()), None) {
            assert_eq!(got.status, 401, "{got:?}");
        }
        strict.assert_bindings_denied();
    }

    /// Logs in to a proxy, which is the setting `proxy`.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn logs_in_to_a_proxy(&mut self) {
        let mut server = server_of(&[Identity::ALICE], None, &["--proxy"]);
        self.begin_with(Identity::ALICE, json!({ "proxy": server.address() }));
        let page = self.get("http://www.example.com/page.txt");
        assert_eq!((page.status, page.body.trim_end()), (200, PAGE));
        server.only_login();

        self.begin_with(Identity::MALLORY, json!({ "proxy": server.address() }));
        if let Ok(got) = self.request("http://www.example.com/page.txt", None) {
            assert_eq!(got.status, 407, "{got:?}");
        }
        assert!(server.refusal().field("detail").contains("Denied(WrongPassword)"));
    }
}

/// Our server, which knows these users.
pub fn server_of(
    users: &[Identity],
    certificate: Option<&Certificate>,
    arguments: &[&str],
) -> HttpServer {
    let line = |user: &Identity| nt_hash_line(&user.name().to_string(), user.password);
    let users: String = users.iter().map(line).collect();
    HttpServer::start_with_users(&users, certificate, arguments)
}
