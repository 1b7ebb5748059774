//! libsoup, the HTTP library of GNOME, in its two versions, logs in to our server.

use ntlm_interop::bridge::Bridge;
use ntlm_interop::http_peer::{HttpPeer, Login};
use ntlm_interop::identities::Identity;
use ntlm_interop::programs::system_python;
use serde_json::json;

const VERSIONS: [&str; 2] = ["2.4", "3.0"];

#[test]
fn it_logs_in_once_for_three_requests() {
    for version in VERSIONS {
        for level in ["5", "3"] {
            let login = libsoup(version).logs_in_once_for_three_requests(&["--level", level]);
            assert_eq!((login.field("response"), login.field("mic")), ("Ntlmv2", "no"));
        }
    }
}

#[test]
fn it_logs_in_where_negotiate_is_offered_too() {
    for version in VERSIONS {
        libsoup(version).logs_in_once_for_three_requests(&["--schemes", "negotiate,ntlm"]);
    }
}

#[test]
fn it_posts_a_body() {
    for version in VERSIONS {
        libsoup(version).posts_a_body();
    }
}

#[test]
fn users_log_in_who_have_no_sharp_s_and_an_ascii_password() {
    for version in VERSIONS {
        let mut libsoup = libsoup(version);
        for identity in Identity::ALL {
            let outcome = match identity {
                // It takes the upper case of `ß` for `SS`, as Windows does not.
                Identity::GROSS => Login::Rejected("Denied(WrongPassword)"),
                // It hashes the bytes of UTF-8 as if each were a character.
                Identity::JURGEN => Login::Rejected("Denied(WrongPassword)"),
                Identity::ZOE => continue,
                _ => Login::Accepted,
            };
            libsoup.logs_in_as(identity, outcome);
        }
        let jurgen = Identity { password: Identity::ALICE.password, ..Identity::JURGEN };
        libsoup.logs_in_as(jurgen, Login::Accepted);
    }
}

/// It finds no UTF-16 for the name, and uses it all the same.
#[test]
#[should_panic(expected = "g_compute_hmac_for_data")]
fn version_2_crashes_with_a_name_beyond_the_basic_plane() {
    libsoup("2.4").logs_in_as(Identity::ZOE, Login::Accepted);
}

#[test]
#[should_panic(expected = "g_compute_hmac_for_data")]
fn version_3_crashes_with_a_name_beyond_the_basic_plane() {
    libsoup("3.0").logs_in_as(Identity::ZOE, Login::Accepted);
}

#[test]
fn it_is_rejected_with_a_wrong_password() {
    for version in VERSIONS {
        libsoup(version).is_rejected_with_a_wrong_password();
    }
}

#[test]
fn it_keeps_users_apart() {
    for version in VERSIONS {
        libsoup(version).keeps_users_apart();
    }
}

#[test]
fn it_sends_no_bindings_over_tls() {
    for version in VERSIONS {
        libsoup(version).logs_in_over_tls_without_bindings();
    }
}

#[test]
fn it_logs_in_to_a_proxy() {
    for version in VERSIONS {
        libsoup(version).logs_in_to_a_proxy();
    }
}

/// A process has one version.
fn libsoup(version: &str) -> HttpPeer {
    let bridge = Bridge::start(system_python("http_libsoup.py"));
    HttpPeer { bridge, settings: json!({ "library": version }) }
}
