//! HTTP clients in Java log in to our server: OpenJDK's `HttpURLConnection`, Apache HttpClient 4
//! and 5.

use ntlm_interop::bridge::Bridge;
use ntlm_interop::http_peer::{HttpPeer, Login, server_of};
use ntlm_interop::identities::Identity;
use ntlm_interop::programs::java;
use serde_json::json;

#[test]
fn a_client_logs_in_once_for_three_requests() {
    with_each_library(|client| {
        for level in ["5", "3"] {
            let login = client.logs_in_once_for_three_requests(&["--level", level]);
            assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "no"));
        }
    });
}

#[test]
fn ntlm_is_chosen_where_negotiate_is_offered_too() {
    with_each_library(|client| {
        client.logs_in_once_for_three_requests(&["--schemes", "negotiate,ntlm"]);
    });
}

#[test]
fn a_body_is_posted() {
    with_each_library(HttpPeer::posts_a_body);
}

/// The upper case of `ß` is `SS` to Java, as it is not to Windows.
#[test]
fn users_log_in_whose_names_have_no_sharp_s() {
    with_each_library(|client| {
        client.logs_everybody_in(|identity| match identity {
            Identity::GROSS => Login::Rejected("Denied(WrongPassword)"),
            _ => Login::Accepted,
        });
    });
}

#[test]
fn a_wrong_password_is_rejected() {
    with_each_library(HttpPeer::is_rejected_with_a_wrong_password);
}

#[test]
fn users_of_one_process_are_kept_apart() {
    with_each_library(HttpPeer::keeps_users_apart);
}

#[test]
fn a_client_sends_no_bindings_over_tls() {
    with_each_library(HttpPeer::logs_in_over_tls_without_bindings);
}

#[test]
fn a_client_logs_in_to_a_proxy() {
    with_each_library(HttpPeer::logs_in_to_a_proxy);
}

/// The JDK asks for a password as often as it follows redirects, 20 times, and takes the same again.
#[test]
fn the_jdk_tries_a_wrong_password_19_times() {
    let mut server = server_of(&[Identity::ALICE], None, &[]);
    let mut client = HttpPeer { bridge: start(), settings: json!({ "library": JDK }) };
    client.begin(Identity::MALLORY);
    assert_eq!(client.get(&server.url).status, 401);
    assert_eq!(server.refusals(19).len(), 19);
}

fn with_each_library(test: impl Fn(&mut HttpPeer)) {
    let mut client = HttpPeer { bridge: start(), settings: json!({}) };
    for library in [JDK, "apache4", "apache5"] {
        client.settings = json!({ "library": library });
        test(&mut client);
    }
}

const JDK: &str = "jdk";

fn start() -> Bridge {
    let libraries = [
        "gson.jar",
        "httpclient.jar",
        "httpcore.jar",
        "httpclient5.jar",
        "httpcore5.jar",
        "httpcore5-h2.jar",
        "commons-codec.jar",
        "commons-logging.jar",
        "slf4j-api.jar",
        "slf4j-nop.jar",
    ];
    Bridge::start(java("HttpClients.java", &libraries))
}
