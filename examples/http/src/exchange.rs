//! Sends a request on one connection, repeated until the login is complete, and returns the last
//! response.

use anyhow::bail;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{Request, Response};
use ntlm::Os;
use ntlm::http::{ClientConnection, Next, NextConnection, RequestBody, RequestHeader};

use crate::connection::{Connection, collect};
use crate::trace::Trace;

/// Sends a request, and repeats it on the same connection until the login is complete.
///
/// `logins` are the logins on this connection: to the server, or to a proxy and then to the server.
/// `reconnect` opens a new connection in its place, which is needed only before the first login.
pub async fn exchange(
    connection: &mut Connection,
    logins: &mut [ClientConnection],
    request: &Request<Full<Bytes>>,
    reconnect: impl AsyncFn() -> anyhow::Result<Connection>,
    trace: Trace,
) -> anyhow::Result<(Response<Incoming>, Next)> {
    let mut header = None;
    for _ in 0..MAX_LEGS {
        let attempt = with_header(request, header.as_ref())?;
        trace.request(attempt.method(), attempt.uri(), attempt.headers());
        let response = connection.send(attempt).await?;
        trace.response(response.version(), response.status(), response.headers());

        match next(logins, &response)? {
            Next::Send(next) => {
                // The connection is free for the next request once the response has been read.
                collect(response.into_body(), MAX_DRAINED_LEN).await?;
                // A response without a length also ends its connection.
                let is_start = next.body == RequestBody::Omit;
                if next.connection == NextConnection::New
                    || (is_start && !connection.is_open().await)
                {
                    trace.note("the server ends the connection: continuing on a new one");
                    *connection = reconnect().await?;
                }
                header = Some(next);
            }
            // The body was left out because a challenge was expected, but none came.
            Next::Answered | Next::Authenticated
                if is_without_body(header.as_ref()) && !request.body().is_end_stream() =>
            {
                collect(response.into_body(), MAX_DRAINED_LEN).await?;
                header = None;
            }
            verdict
            @ (Next::Answered | Next::Authenticated | Next::Rejected | Next::NotOffered) => {
                return Ok((response, verdict));
            }
        }
    }
    bail!("the login does not end");
}

/// The first step that a login requires after this response; if none requires one, the result of
/// the last login.
fn next(
    logins: &mut [ClientConnection],
    response: &Response<Incoming>,
) -> Result<Next, ntlm::http::Error> {
    let (status, headers) = (response.status().as_u16(), response.headers());
    let mut last = Next::Answered;
    for login in logins {
        last = match login.on_response(status, response.version(), headers, &mut Os)? {
            // The response does not concern this login.
            next @ (Next::Answered | Next::Authenticated) => next,
            next @ (Next::Send(_) | Next::Rejected | Next::NotOffered) => return Ok(next),
        };
    }
    Ok(last)
}

/// The request with the header of the login.
fn with_header(
    request: &Request<Full<Bytes>>,
    header: Option<&RequestHeader>,
) -> anyhow::Result<Request<Full<Bytes>>> {
    let mut request = request.clone();
    let Some(header) = header else { return Ok(request) };
    header.insert_into(request.headers_mut());
    if header.body == RequestBody::Omit && !request.body().is_end_stream() {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        *request.body_mut() = Full::default();
    }
    Ok(request)
}

fn is_without_body(header: Option<&RequestHeader>) -> bool {
    header.is_some_and(|header| header.body == RequestBody::Omit)
}

/// Logins to a proxy and a server need five requests, and a few more if connections close.
const MAX_LEGS: usize = 8;
/// More than the longest page that a server sends with a 401.
const MAX_DRAINED_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use ntlm::http::Scheme;
    use ntlm::{Client, Credentials};

    use super::*;

    #[test]
    fn body_is_left_out_of_the_first_leg() {
        let request = Request::post("/").header(CONTENT_LENGTH, 3).body(Full::from("a=b")).unwrap();
        let mut login = ClientConnection::new(Client::new(Credentials::password("alice", "")));
        let header = login.start(Scheme::Ntlm).unwrap();
        let leg = with_header(&request, Some(&header)).unwrap();
        assert_eq!(leg.headers()[CONTENT_LENGTH], "0");
        assert!(leg.body().is_end_stream());
        assert!(!with_header(&request, None).unwrap().body().is_end_stream());
    }
}
