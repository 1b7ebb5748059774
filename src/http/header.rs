//! Header values: schemes and tokens (RFC 9110, section 11; RFC 4559).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Error;

/// The maximum length of a token, in bytes, after base64 decoding. Longer tokens are rejected.
pub const MAX_TOKEN_LEN: usize = 65_536;

/// An authentication scheme of HTTP that transmits NTLM messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "no other scheme transmits NTLM")]
pub enum Scheme {
    /// `NTLM`: bare NTLM messages.
    Ntlm,
    /// `Negotiate`: SPNEGO tokens (RFC 4559). Windows also accepts and sends bare NTLM messages.
    Negotiate,
}

impl Scheme {
    /// Returns the name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ntlm => "NTLM",
            Self::Negotiate => "Negotiate",
        }
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        let is = |scheme: &Self| scheme.name().as_bytes().eq_ignore_ascii_case(name);
        [Self::Ntlm, Self::Negotiate].into_iter().find(is)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A scheme in a header value, and the token that follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthHeader<'a> {
    scheme: Scheme,
    token: &'a [u8],
}

impl<'a> AuthHeader<'a> {
    /// Parses a value of `WWW-Authenticate` or `Proxy-Authenticate`, and returns the offered
    /// schemes that transmit NTLM. A value can contain several offers, separated by commas. Other
    /// schemes are skipped.
    ///
    /// ```
    /// use ntlm::http::{AuthHeader, Scheme};
    ///
    /// let value = r#"Basic realm="a, NTLM", negotiate ,  NTLM TlRMTVNTUAACAAAA"#;
    /// let offers: Vec<_> = AuthHeader::offers(value).map(|offer| offer.scheme()).collect();
    /// assert_eq!(offers, [Scheme::Negotiate, Scheme::Ntlm]);
    /// ```
    pub fn offers(value: &'a (impl AsRef<[u8]> + ?Sized)) -> impl Iterator<Item = Self> {
        Elements(Some(value.as_ref())).filter_map(Self::parse)
    }

    /// Parses a value of `Authorization` or `Proxy-Authorization`. Returns `None` if the scheme is
    /// another one.
    pub fn credentials(value: &'a (impl AsRef<[u8]> + ?Sized)) -> Option<Self> {
        Self::parse(value.as_ref())
    }

    fn parse(element: &'a [u8]) -> Option<Self> {
        let (name, token) = split_scheme(element)?;
        // The element can also be a parameter of the previous scheme, such as `ntlm=x`.
        let is_parameter = token.first() == Some(&b'=');
        let scheme = Scheme::from_name(name).filter(|_| !is_parameter)?;
        Some(Self { scheme, token })
    }

    /// Returns the scheme.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        self.scheme
    }

    /// Returns whether no token follows the scheme. From a server, that is an offer to start a
    /// handshake.
    #[must_use]
    pub const fn is_bare(self) -> bool {
        self.token.is_empty()
    }

    /// Decodes the token. It is empty if none follows the scheme.
    ///
    /// # Errors
    /// - [`Error::NotBase64`] if the token is not base64. Padding may be absent.
    /// - [`Error::TooLong`] if the token exceeds [`MAX_TOKEN_LEN`] bytes.
    pub fn token(self) -> Result<Vec<u8>, Error> {
        // Check the length before memory is allocated for the token.
        if self.token.len() > MAX_TOKEN_LEN.div_ceil(3) * 4 {
            return Err(Error::TooLong);
        }
        let token = BASE64.decode(self.token).map_err(|_| Error::NotBase64)?;
        if token.len() > MAX_TOKEN_LEN { Err(Error::TooLong) } else { Ok(token) }
    }
}

impl fmt::Debug for AuthHeader<'_> {
    /// Omits the token, because an attacker can use it to brute-force the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthHeader")
            .field("scheme", &self.scheme)
            .field("token", &format_args!("[{} characters]", self.token.len()))
            .finish()
    }
}

/// Returns a header value: the scheme, followed by the token in base64 unless it is empty.
#[must_use]
pub fn header_value(scheme: Scheme, token: &[u8]) -> String {
    let mut value = String::from(scheme.name());
    if !token.is_empty() {
        value.push(' ');
        BASE64.encode_string(token, &mut value);
    }
    value
}

/// Returns the name of the scheme of credentials, for the log. Returns `None` if nothing follows
/// it, because the value may then be a secret without a scheme, or if it has more than 32
/// characters or is not a token (RFC 9110, section 5.6.2).
pub(super) fn name_of_scheme(credentials: &[u8]) -> Option<&str> {
    let (name, rest) = split_scheme(credentials)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_name = name.len() <= 32 && name.iter().all(is_token) && !rest.is_empty();
    core::str::from_utf8(name).ok().filter(|name| is_name && !name.is_empty())
}

/// Splits a value at the first white space into the scheme and the rest.
fn split_scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let value = value.trim_ascii();
    let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    let (name, rest) = value.split_at_checked(end)?;
    Some((name, rest.trim_ascii_start()))
}

/// Base64 that is written with padding and read with or without, because some peers omit it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Iterates over the elements of a list, which are separated by commas outside of quotes (RFC 9110,
/// section 5.6.1).
struct Elements<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.0?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let comma = list.iter().position(|byte| {
            match (byte, is_quoted) {
                _ if is_escaped => is_escaped = false,
                (b'"', _) => is_quoted = !is_quoted,
                (b'\\', true) => is_escaped = true,
                (b',', false) => return true,
                _ => {}
            }
            false
        });
        let (element, rest) = match comma.and_then(|comma| list.split_at_checked(comma)) {
            Some((element, rest)) => (element, rest.get(1..)),
            None => (list, None),
        };
        self.0 = rest;
        Some(element)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use super::*;

    fn offers(value: &str) -> Vec<(Scheme, &[u8])> {
        AuthHeader::offers(value).map(|header| (header.scheme, header.token)).collect()
    }

    #[test]
    fn schemes_are_displayed_with_their_header_names() {
        assert_eq!(format!("{} {}", Scheme::Ntlm, Scheme::Negotiate), "NTLM Negotiate");
    }

    #[test]
    fn offers_are_found_in_any_case_and_spacing() {
        use Scheme::{Negotiate, Ntlm};
        assert_eq!(offers("NTLM"), [(Ntlm, &b""[..])]);
        assert_eq!(offers("  nTlM   YWJj  "), [(Ntlm, &b"YWJj"[..])]);
        assert_eq!(offers("Negotiate,NTLM"), [(Negotiate, &b""[..]), (Ntlm, b"")]);
        assert_eq!(
            offers("NTLM YWJj==, Negotiate\tYQ=="),
            [(Ntlm, &b"YWJj=="[..]), (Negotiate, b"YQ==")]
        );
        assert_eq!(offers(",, NTLM ,"), [(Ntlm, &b""[..])]);
    }

    #[test]
    fn other_schemes_quoted_text_and_parameters_are_not_offers() {
        assert_eq!(offers(""), []);
        assert_eq!(offers("NTLMv2, Basic realm=\"NTLM\", XNTLM"), []);
        assert_eq!(offers(r#"Basic realm="a\", NTLM, ", NTLM"#), [(Scheme::Ntlm, &b""[..])]);
        assert_eq!(offers(r#"Basic realm="a\", NTLM"#), []);
        assert_eq!(offers(r#"Basic realm="\\", NTLM"#), [(Scheme::Ntlm, &b""[..])]);
        assert_eq!(offers(r"Basic a\, NTLM"), [(Scheme::Ntlm, &b""[..])]);
        assert_eq!(offers("Digest realm=x, ntlm = y, ntlm=z"), []);
        assert_eq!(offers("Basic realm=\"never ends, NTLM"), []);
    }

    #[test]
    fn credentials_are_not_split_at_commas() {
        assert_eq!(AuthHeader::credentials("Basic YTpi, NTLM YWJj"), None);
        let header = AuthHeader::credentials("ntlm YWJj").unwrap();
        assert_eq!((header.scheme(), header.token()), (Scheme::Ntlm, Ok(b"abc".to_vec())));
        let list = AuthHeader::credentials("NTLM YWJj, NTLM YWJj").unwrap();
        assert_eq!(list.token(), Err(Error::NotBase64));
    }

    #[test]
    fn credentials_that_may_be_a_secret_have_no_scheme_name() {
        let name = |value: &'static str| name_of_scheme(value.as_bytes());
        assert_eq!(name("Basic YTpi"), Some("Basic"));
        assert_eq!(name(" SCRAM-SHA-256  data=YQ"), Some("SCRAM-SHA-256"));
        for value in ["", "YWxpY2U6c2VjcmV0", "Basic ", "a\"b c", "caf\u{e9} YQ", "a\u{1b}[2J b"] {
            assert_eq!(name(value), None, "{value}");
        }
        assert_eq!(name("ThisIsMuchTooLongForTheNameOfAScheme a"), None);
    }

    #[test]
    fn token_is_decoded_with_or_without_padding() {
        let token = |token: &[u8]| AuthHeader { scheme: Scheme::Ntlm, token }.token();
        assert_eq!(token(b""), Ok(vec![]));
        assert_eq!(token(b"YQ=="), Ok(b"a".to_vec()));
        assert_eq!(token(b"YQ"), Ok(b"a".to_vec()));
        for wrong in [&b"Y"[..], b"Y=Q", b"YQ==YQ==", b"-_-_", b"YW Jj", b"YQ=\0", b"realm=\"x\""] {
            assert_eq!(token(wrong), Err(Error::NotBase64), "{wrong:?}");
        }
    }

    #[test]
    fn token_longer_than_the_maximum_is_rejected() {
        let length = |length| {
            let value = header_value(Scheme::Ntlm, &vec![7; length]);
            AuthHeader::credentials(&value).unwrap().token().map(|token| token.len())
        };
        assert_eq!(length(MAX_TOKEN_LEN), Ok(MAX_TOKEN_LEN));
        assert_eq!(length(MAX_TOKEN_LEN + 1), Err(Error::TooLong));
        assert_eq!(length(MAX_TOKEN_LEN * 2), Err(Error::TooLong));
    }

    #[test]
    fn written_header_value_is_parsed_back() {
        assert_eq!(header_value(Scheme::Negotiate, b""), "Negotiate");
        let value = header_value(Scheme::Ntlm, b"NTLMSSP\0\x01\0\0\0");
        assert_eq!(value, "NTLM TlRMTVNTUAABAAAA");
        let header = AuthHeader::offers(&value).next().unwrap();
        assert_eq!(header.token().unwrap(), b"NTLMSSP\0\x01\0\0\0");
        assert_eq!(format!("{header:?}"), "AuthHeader { scheme: Ntlm, token: [16 characters] }");
    }
}
