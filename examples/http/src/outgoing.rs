//! A request before it is known on which connection it goes.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, StatusCode};
use url::Url;

use crate::connection;
use crate::redirect;

/// A request, which may go to its server or to a proxy.
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Outgoing {
    /// The request after a redirect. To another origin, no headers go that may hold secrets.
    pub fn redirected(self, status: StatusCode, target: Url) -> Self {
        let method = redirect::method(status, &self.method);
        let mut headers = self.headers;
        if !redirect::is_same_origin(&self.url, &target) {
            headers.clear();
        }
        let body = if method == self.method { self.body } else { Bytes::new() };
        Self { method, url: target, headers, body }
    }

    /// The request as the server gets it, or the proxy that passes it on.
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
        // A header that is given takes the place of ours.
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
    fn headers_stay_behind_when_a_redirect_leads_to_another_origin() {
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
    fn header_may_be_given_twice_and_replaces_ours() {
        let mut request = post("http://a.example/");
        request.headers.insert(header::HOST, "other".parse().unwrap());
        request.headers.append(header::COOKIE, "more".parse().unwrap());
        let request = request.to_http(false).unwrap();
        assert_eq!(request.headers().get_all("host").iter().collect::<Vec<_>>(), ["other"]);
        assert_eq!(request.headers().get_all("cookie").iter().count(), 2);
    }
}
