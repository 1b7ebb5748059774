//! Conversions from and to types of the crate `http` (feature `http-types`).

use ::http::header::{HeaderMap, HeaderName, HeaderValue};
use ::http::{Response, StatusCode, Version};

use super::{HttpVersion, Reply, RequestHeader, ResponseHeader};

impl From<Version> for HttpVersion {
    /// Converts the `version()` of a request or response. HTTP/0.9 becomes HTTP/1.0, because its
    /// connections also close after the response.
    fn from(version: Version) -> Self {
        match version {
            Version::HTTP_09 | Version::HTTP_10 => Self::Http10,
            Version::HTTP_11 => Self::Http11,
            _ => Self::Http2,
        }
    }
}

impl Reply {
    /// Appends the header of this reply to those of a response, with a line for each value. This
    /// does not set the status; [`Response::from`] does both.
    ///
    /// ```
    /// # use ntlm::{Os, Server, server::Names};
    /// use http::{HeaderMap, Request};
    /// use ntlm::http::{Outcome, ServerConnection, Step};
    ///
    /// # fn main() -> Result<(), http::Error> {
    /// # let mut connection = ServerConnection::new(Server::new(Names::standalone("WEB")));
    /// let request = Request::get("/").body(())?;
    /// match connection.on_request(request.version(), request.headers(), &mut Os) {
    ///     Step::Outcome(Outcome::Continue(reply)) => {
    ///         let mut headers = HeaderMap::new();
    ///         reply.append_to(&mut headers);
    ///         assert_eq!(headers["www-authenticate"], "NTLM");
    ///         let response = http::Response::from(&reply).map(|()| "Please log in.\n");
    ///         assert_eq!((response.status().as_u16(), response.headers()), (401, &headers));
    ///     }
    ///     step => panic!("{step:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the application has changed the name or a value to something that is invalid in HTTP.
    pub fn append_to(&self, headers: &mut HeaderMap) {
        for value in &self.values {
            headers.append(header_name(self.name), header_value(value));
        }
    }
}

impl From<&Reply> for Response<()> {
    /// Makes a response with the status and the header of the reply, and no body.
    #[expect(clippy::expect_used, reason = "see the message")]
    fn from(reply: &Reply) -> Self {
        let mut response = Self::new(());
        *response.status_mut() =
            StatusCode::from_u16(reply.status).expect("this crate's replies have a status");
        reply.append_to(response.headers_mut());
        response
    }
}

impl ResponseHeader {
    /// Appends this header to those of a response.
    ///
    /// # Panics
    /// If the application has changed the name or the value to something that is invalid in HTTP.
    pub fn append_to(&self, headers: &mut HeaderMap) {
        headers.append(header_name(self.name), header_value(&self.value));
    }
}

impl RequestHeader {
    /// Sets this header in those of a request, and replaces an earlier one. The value is marked as
    /// sensitive, so that `Debug` does not print it.
    ///
    /// ```
    /// # use ntlm::{Client, Credentials, Os};
    /// use http::{Request, Response};
    /// use ntlm::http::{ClientConnection, Next};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::new(Credentials::password("alice", "secret"));
    /// # let mut connection = ClientConnection::new(client);
    /// let mut request = Request::get("/").body(())?;
    /// # let response = Response::builder().status(401).header("www-authenticate", "NTLM").body(())?;
    /// // ... send it, and receive `response` ...
    /// let (status, headers) = (response.status().as_u16(), response.headers());
    /// match connection.on_response(status, response.version(), headers, &mut Os)? {
    ///     Next::Send(header) => header.insert_into(request.headers_mut()),
    ///     next => panic!("{next:?}"),
    /// }
    /// assert!(request.headers()["authorization"].is_sensitive());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the application has changed the name or the value to something that is invalid in HTTP.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        let mut value = header_value(&self.value);
        value.set_sensitive(true);
        headers.insert(header_name(self.name), value);
    }
}

#[expect(clippy::expect_used, reason = "see the message")]
fn header_name(name: &str) -> HeaderName {
    HeaderName::try_from(name).expect("this crate's headers have the names that HTTP gives them")
}

#[expect(clippy::expect_used, reason = "see the message")]
fn header_value(value: &str) -> HeaderValue {
    HeaderValue::try_from(value).expect("a scheme and base64 are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_0_9_is_converted_to_1_0_and_3_to_2() {
        for (version, expected) in [
            (Version::HTTP_09, HttpVersion::Http10),
            (Version::HTTP_10, HttpVersion::Http10),
            (Version::HTTP_11, HttpVersion::Http11),
            (Version::HTTP_2, HttpVersion::Http2),
            (Version::HTTP_3, HttpVersion::Http2),
        ] {
            assert_eq!(HttpVersion::from(version), expected);
        }
    }
}
