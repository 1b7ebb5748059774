//! What both sides' connections share: which headers and status, and whether there is a next
//! request.

use alloc::vec::Vec;

use super::{AuthHeader, Error};

/// The version of HTTP of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "what matters to NTLM")]
pub enum HttpVersion {
    /// HTTP/1.0: the connection ends with the response, unless `Connection: keep-alive` says
    /// otherwise.
    Http10,
    /// HTTP/1.1: the connection goes on, unless `Connection: close` says otherwise.
    Http11,
    /// HTTP/2 and later: requests share the connection, and NTLM does not work.
    Http2,
}

/// Who asks for authentication: each has a status and headers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The server that has what is requested (401).
    Origin,
    /// A proxy on the way there (407).
    Proxy,
}

impl Asker {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Origin => 401,
            Self::Proxy => 407,
        }
    }

    /// The header in which it offers schemes and sends tokens.
    pub(super) const fn offer_header(self) -> &'static str {
        match self {
            Self::Origin => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }

    /// The header in which the client sends tokens.
    pub(super) const fn credentials_header(self) -> &'static str {
        match self {
            Self::Origin => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// The headers of a message that matter here.
pub(super) struct Headers<V> {
    /// The values of the one header that was asked for.
    pub(super) values: Vec<V>,
    /// Whether another message can follow on the connection.
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

    /// The schemes that carry NTLM, in the order of the headers.
    pub(super) fn offers(&self) -> impl Iterator<Item = AuthHeader<'_>> {
        self.values.iter().flat_map(AuthHeader::offers)
    }
}

fn has_option(value: &[u8], option: &str) -> bool {
    let mut options = value.split(|byte| *byte == b',');
    options.any(|other| other.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

/// Returns false if the first byte is that of GSS-API's framing (RFC 2743, section 3.1) or of a SPNEGO
/// token (RFC 4178).
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
    fn a_connection_goes_on_or_ends() {
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
        // Old proxies pass on what was meant for them.
        let close = [("Proxy-Connection", "close")];
        assert!(persists(http11, &close));
        assert!(!persists_at(Asker::Proxy, http11, &close));
        let keep_alive = [("Proxy-Connection", "Keep-Alive")];
        assert!(!persists(http10, &keep_alive));
        assert!(persists_at(Asker::Proxy, http10, &keep_alive));
    }
}
