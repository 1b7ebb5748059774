//! A request that can be sent to its server or to a proxy.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, StatusCode};
use url::Url;

use crate::connection;
use crate::redirect;

/// A request before its form for a server or a proxy is chosen.
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Outgoing {
    /// The request after a redirect. Headers that may contain secrets are removed if the redirect
    /// leads to another origin.
    pub fn redirected(self, status: StatusCode, target: Url) -> Self {
        let method = redirect::method(status, &self.method);
        let mut headers = self.headers;
        if !redirect::is_same_origin(&self.url, &target) {
            headers.clear();
        }
        let body = if method == self.method { self.body } else { Bytes::new() };
        Self { method, url: target, headers, body }
    }

    /// The request in the form for the server, or for the proxy that forwards it.
    pub fn to_http(&self, is_proxied: bool) -> anyhow::Result<Request<Full<Bytes>>> {
        let Self { method, url, headers, body } = self;
        let target = match is_proxied {
            true => connection::absolute_form(url),
            false => connection::origin_form(url).into(),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, connection::host(url))
            .header(header::ACCEPT, "*/*")
            .header(header::USER_AGENT, concat!("ntlm-http-client/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body.clone()))?;
        if !body.is_empty() {
            request.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
        }
        // A header from the caller replaces the default one.
        for name in headers.keys() {
            request.headers_mut().remove(name);
        }
        request.headers_mut().extend(headers.clone());
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(url: &str) -> Outgoing {
        let headers = HeaderMap::from_iter([(header::COOKIE, "secret".parse().unwrap())]);
        Outgoing { method: Method::POST, url: url.parse().unwrap(), headers, body: "a=b".into() }
    }

    #[test]
    fn headers_are_not_sent_to_another_origin_after_a_redirect() {
        let redirected = |url: &str| {
            post("http://a.example/").redirected(StatusCode::FOUND, url.parse().unwrap()).headers
        };
        assert_eq!(redirected("http://a.example/b")["cookie"], "secret");
        assert!(redirected("http://b.example/").is_empty());
    }

    #[test]
    fn body_is_left_out_if_a_redirect_changes_the_method() {
        let url: Url = "http://a.example/b".parse().unwrap();
        let next = post("http://a.example/").redirected(StatusCode::FOUND, url.clone());
        assert_eq!((next.method, next.body.len()), (Method::GET, 0));
        let next = post("http://a.example/").redirected(StatusCode::TEMPORARY_REDIRECT, url);
        assert_eq!((next.method, next.body.len()), (Method::POST, 3));
    }

    #[test]
    fn header_may_be_given_twice_and_replaces_the_default() {
        let mut request = post("http://a.example/");
        request.headers.insert(header::HOST, "other".parse().unwrap());
        request.headers.append(header::COOKIE, "more".parse().unwrap());
        let request = request.to_http(false).unwrap();
        assert_eq!(request.headers().get_all("host").iter().collect::<Vec<_>>(), ["other"]);
        assert_eq!(request.headers().get_all("cookie").iter().count(), 2);
    }
}
