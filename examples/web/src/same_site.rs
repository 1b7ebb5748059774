//! Detects requests that another site makes a browser send (CSRF).

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Whether a browser sent a request on behalf of another site's page.
///
/// Reject such a request if it changes anything: browsers log in with NTLM without asking the user, even
/// for a form of another site. Browsers send `Sec-Fetch-Site` only over HTTPS and to `localhost`, but
/// `Origin` with each `POST`. Clients other than browsers send neither.
pub fn is_from_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    headers.get_all(ORIGIN).iter().any(|origin| {
        // `null`, which has no authority, also means another site.
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        let same =
            origin.zip(host).is_some_and(|((_, ours), host)| ours.eq_ignore_ascii_case(host));
        !same
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn is_foreign(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|&(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        is_from_another_site(&headers.collect())
    }

    #[test]
    fn a_form_of_another_site_is_detected_over_plain_http() {
        let host = ("host", "notes.example:8081");
        for origin in [
            "http://evil.example",
            "http://evil.example:8081",
            "http://notes.example",
            "http://notes.example:8081.evil.example",
            "null",
            "notes.example:8081",
            "",
        ] {
            assert!(is_foreign(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(is_foreign(&[("origin", "http://evil.example")]));
        let own = ("origin", "http://notes.example:8081");
        assert!(is_foreign(&[host, own, ("origin", "http://evil.example")]));
    }

    #[test]
    fn a_form_of_another_site_is_detected_by_fetch_metadata() {
        for (site, expected) in
            [("cross-site", true), ("same-site", true), ("same-origin", false), ("none", false)]
        {
            assert_eq!(is_foreign(&[("host", "a"), ("sec-fetch-site", site)]), expected, "{site}");
        }
    }

    #[test]
    fn requests_of_the_site_and_of_other_programs_are_accepted() {
        let host = ("host", "notes.example:8081");
        assert!(!is_foreign(&[host]));
        for origin in ["http://notes.example:8081", "https://Notes.Example:8081"] {
            assert!(!is_foreign(&[host, ("origin", origin)]), "{origin}");
        }
    }
}
