//! Writes `WWW-Authenticate` in the specification's case, for clients that compare header names byte
//! for byte.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream for a hyper server with `title_case_headers`.
///
/// RFC 9110, section 5.1: header names are case-insensitive. jcifs 1.3.19 looks up `WWW-Authenticate`
/// in a case-sensitive map, and hyper can write only `www-authenticate` or `Www-Authenticate`. So
/// this stream replaces the name in the head of each 401.
pub struct HeaderCase<S>(pub S);

const WRITTEN: &[u8] = b"\r\nWww-Authenticate: ";
const WANTED: &[u8] = b"\r\nWWW-Authenticate: ";

/// Returns the bytes; if they begin with the head of a 401, with the name replaced.
fn put_right(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.starts_with(b"HTTP/1.1 401 ") && !bytes.starts_with(b"HTTP/1.0 401 ") {
        return bytes.into();
    }
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(bytes.len());
    let mut bytes = bytes.to_vec();
    for start in 0..head.saturating_sub(WRITTEN.len()) {
        if bytes[start..].starts_with(WRITTEN) {
            bytes[start..start + WANTED.len()].copy_from_slice(WANTED);
        }
    }
    bytes.into()
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeaderCase<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, &put_right(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeaderCase<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_of_a_401_changes() {
        let with =
            |name, status, end| format!("HTTP/1.1 {status}\r\nA: b\r\n{name}: NTLM\r\n{end}");
        let (www, title) = ("WWW-Authenticate", "Www-Authenticate");
        let end = "\r\n\r\nWww-Authenticate: in a body";
        let changed = put_right(with(title, "401 Unauthorized", end).as_bytes()).into_owned();
        assert_eq!(String::from_utf8(changed).unwrap(), with(www, "401 Unauthorized", end));
        for same in [with(title, "200 OK", end), with(www, "401 x", end), end.into()] {
            assert_eq!(put_right(same.as_bytes()), same.as_bytes());
        }
    }
}
