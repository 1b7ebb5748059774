//! The parts of a connection that both sides share: status codes, header names, and persistence.

use alloc::vec::Vec;

use super::{AuthHeader, Error};

/// The HTTP version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "NTLM needs no other distinction")]
pub enum HttpVersion {
    /// HTTP/1.0: the connection closes after the response, unless it has `Connection: keep-alive`.
    Http10,
    /// HTTP/1.1: the connection persists, unless a message has `Connection: close`.
    Http11,
    /// HTTP/2 and later: many requests share the connection at the same time, so NTLM does not
    /// work.
    Http2,
}

/// The party that asks for authentication, which determines the status code and the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The origin server (401).
    Origin,
    /// A proxy (407).
    Proxy,
}

impl Asker {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Origin => 401,
            Self::Proxy => 407,
        }
    }

    /// Returns the header in which this party offers schemes and sends tokens.
    pub(super) const fn offer_header(self) -> &'static str {
        match self {
            Self::Origin => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }

    /// Returns the header in which the client sends tokens to this party.
    pub(super) const fn credentials_header(self) -> &'static str {
        match self {
            Self::Origin => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// The relevant headers of a message.
pub(super) struct Headers<V> {
    /// The values of the header `wanted`.
    pub(super) values: Vec<V>,
    /// Whether the connection persists after this message.
    pub(super) persists: bool,
}

impl<V: AsRef<[u8]>> Headers<V> {
    pub(super) fn new<N: AsRef<str>>(
        version: HttpVersion,
        headers: impl IntoIterator<Item = (N, V)>,
        asker: Asker,
        wanted: &str,
    ) -> Self {
        let mut values = Vec::new();
        let (mut closes, mut keeps_alive) = (false, false);
        for (name, value) in headers {
            let is = |other: &str| name.as_ref().eq_ignore_ascii_case(other);
            if is(wanted) {
                values.push(value);
            } else if is("Connection") || (asker == Asker::Proxy && is("Proxy-Connection")) {
                closes |= has_option(value.as_ref(), "close");
                keeps_alive |= has_option(value.as_ref(), "keep-alive");
            }
        }
        Self { values, persists: !closes && (keeps_alive || version != HttpVersion::Http10) }
    }

    /// Returns the offered schemes that transmit NTLM, in the order of the headers.
    pub(super) fn offers(&self) -> impl Iterator<Item = AuthHeader<'_>> {
        self.values.iter().flat_map(AuthHeader::offers)
    }
}

fn has_option(value: &[u8], option: &str) -> bool {
    let mut options = value.split(|byte| *byte == b',');
    options.any(|other| other.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

/// Returns whether a token is neither wrapped in GSS-API framing (RFC 2743, section 3.1) nor a
/// SPNEGO token (RFC 4178), judged by its first byte.
pub(super) const fn is_bare(token: &[u8]) -> bool {
    !matches!(token.first(), Some(0x60 | 0xa0 | 0xa1))
}

pub(super) const fn bare(token: &[u8]) -> Result<&[u8], Error> {
    if is_bare(token) { Ok(token) } else { Err(Error::NotBare) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_persists_as_version_and_headers_say() {
        let persists_at = |asker, version, headers: &[(&str, &str)]| {
            Headers::new(version, headers.iter().copied(), asker, "Authorization").persists
        };
        let persists = |version, headers| persists_at(Asker::Origin, version, headers);
        let (http10, http11) = (HttpVersion::Http10, HttpVersion::Http11);
        assert!(persists(http11, &[]));
        assert!(!persists(http10, &[]));
        assert!(!persists(http11, &[("connection", "Foo, CLOSE")]));
        assert!(!persists(http11, &[("Connection", "keep-alive"), ("Connection", "close")]));
        assert!(persists(http11, &[("Connection", "closed"), ("X-Connection", "close")]));
        // From a server, the header is ignored, because an old proxy may have passed it on.
        let close = [("Proxy-Connection", "close")];
        assert!(persists(http11, &close));
        assert!(!persists_at(Asker::Proxy, http11, &close));
        let keep_alive = [("Proxy-Connection", "Keep-Alive")];
        assert!(!persists(http10, &keep_alive));
        assert!(persists_at(Asker::Proxy, http10, &keep_alive));
    }
}
