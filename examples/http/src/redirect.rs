//! Redirects: the target, the method, and whether credentials may be sent there.

use anyhow::{Context, ensure};
use hyper::header::LOCATION;
use hyper::{HeaderMap, Method, StatusCode};
use url::Url;

/// The target of a redirect in response to a request for `url`; `None` if the response is not a
/// redirect.
pub fn target(url: &Url, status: StatusCode, headers: &HeaderMap) -> anyhow::Result<Option<Url>> {
    let location = match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => headers.get(LOCATION),
        _ => None,
    };
    let Some(location) = location else { return Ok(None) };
    let target = std::str::from_utf8(location.as_bytes()).ok().and_then(|to| url.join(to).ok());
    let target = target.with_context(|| format!("redirect to an invalid URL: {location:?}"))?;
    let is_http = matches!(target.scheme(), "http" | "https");
    ensure!(is_http, "redirect to another scheme than HTTP: {target}");
    Ok(Some(target))
}

/// The method of the next request (RFC 9110, section 15.4): like all clients, turns a POST into a
/// GET unless the status forbids it. If the method changes, the body is left out.
pub fn method(status: StatusCode, method: &Method) -> Method {
    let becomes_get = match status.as_u16() {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    };
    if becomes_get { Method::GET } else { method.clone() }
}

/// Whether two URLs have the same scheme, host and port, so that credentials for one may be sent to
/// the other.
pub fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target_of(status: u16, location: &str) -> anyhow::Result<Option<String>> {
        let url = "http://www.example.com/a/b?c".parse().unwrap();
        let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
        let target = target(&url, StatusCode::from_u16(status).unwrap(), &headers)?;
        Ok(target.map(String::from))
    }

    #[test]
    fn locations_may_be_relative() {
        let to = |location| target_of(302, location).unwrap().unwrap();
        assert_eq!(to("/"), "http://www.example.com/");
        assert_eq!(to("d?e"), "http://www.example.com/a/d?e");
        assert_eq!(to("//other.example/"), "http://other.example/");
        assert_eq!(to("https://www.example.com"), "https://www.example.com/");
    }

    #[test]
    fn other_statuses_and_other_schemes_are_not_redirects() {
        assert_eq!(target_of(200, "/").unwrap(), None);
        assert_eq!(target_of(304, "/").unwrap(), None);
        assert!(target_of(302, "file:///etc/passwd").is_err());
        assert!(target_of(302, "http://[").is_err());
    }

    #[test]
    fn a_redirect_without_a_location_is_not_followed() {
        let url = "http://www.example.com".parse().unwrap();
        assert_eq!(target(&url, StatusCode::FOUND, &HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn a_post_becomes_a_get_unless_the_status_forbids_it() {
        let after = |status, name: &Method| method(StatusCode::from_u16(status).unwrap(), name);
        assert_eq!(after(302, &Method::POST), Method::GET);
        assert_eq!(after(307, &Method::POST), Method::POST);
        assert_eq!(after(303, &Method::PUT), Method::GET);
        assert_eq!(after(303, &Method::HEAD), Method::HEAD);
        assert_eq!(after(301, &Method::PUT), Method::PUT);
    }

    #[test]
    fn scheme_host_and_port_make_the_origin() {
        let is_same =
            |one: &str, other: &str| is_same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(is_same("http://a.example/b", "http://A.example:80/c"));
        assert!(!is_same("http://a.example", "https://a.example"));
        assert!(!is_same("http://a.example", "http://b.example"));
        assert!(!is_same("http://a.example", "http://a.example:8080"));
    }
}
