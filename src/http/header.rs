//! Header values: schemes and tokens (RFC 9110, section 11; RFC 4559).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Error;

/// The longest token that is decoded, in bytes: what the three messages' own lengths can say.
pub const MAX_TOKEN_LEN: usize = 65_536;

/// A name under which NTLM messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Scheme {
    /// `NTLM`.
    Ntlm,
    /// `Negotiate`: made for SPNEGO, but Windows takes and sends bare NTLM messages too.
    Negotiate,
}

impl Scheme {
    /// The name in headers.
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

/// A scheme in a header value, with the token that follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthHeader<'a> {
    scheme: Scheme,
    token: &'a [u8],
}

impl<'a> AuthHeader<'a> {
    /// What `WWW-Authenticate` or `Proxy-Authenticate` offers of the schemes that carry NTLM. One
    /// value can hold several offers between commas; other schemes are passed over.
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

    /// What `Authorization` or `Proxy-Authorization` holds, `None` if it is of another scheme.
    pub fn credentials(value: &'a (impl AsRef<[u8]> + ?Sized)) -> Option<Self> {
        Self::parse(value.as_ref())
    }

    fn parse(element: &'a [u8]) -> Option<Self> {
        let (name, token) = split_scheme(element)?;
        // A parameter of the scheme before can have such a name.
        let is_parameter = token.first() == Some(&b'=');
        let scheme = Scheme::from_name(name).filter(|_| !is_parameter)?;
        Some(Self { scheme, token })
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        self.scheme
    }

    /// Whether the scheme stands alone: a server's offer to start.
    #[must_use]
    pub const fn is_bare(self) -> bool {
        self.token.is_empty()
    }

    /// The token, empty if the scheme stands alone.
    ///
    /// # Errors
    /// [`Error::NotBase64`] or [`Error::TooLong`].
    pub fn token(self) -> Result<Vec<u8>, Error> {
        // Before anything is allocated.
        if self.token.len() > MAX_TOKEN_LEN.div_ceil(3) * 4 {
            return Err(Error::TooLong);
        }
        let token = BASE64.decode(self.token).map_err(|_| Error::NotBase64)?;
        if token.len() > MAX_TOKEN_LEN { Err(Error::TooLong) } else { Ok(token) }
    }
}

impl fmt::Debug for AuthHeader<'_> {
    /// Without the token, from which passwords can be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthHeader")
            .field("scheme", &self.scheme)
            .field("token", &format_args!("[{} characters]", self.token.len()))
            .finish()
    }
}

/// A header value: the scheme and the token in base64; the scheme alone if the token is empty.
#[must_use]
pub fn header_value(scheme: Scheme, token: &[u8]) -> String {
    let mut value = String::from(scheme.name());
    if !token.is_empty() {
        value.push(' ');
        BASE64.encode_string(token, &mut value);
    }
    value
}

/// The name of the scheme of credentials, for the log. `None` if nothing follows it, because then it
/// may be a secret itself, or if it is not a name (RFC 9110, section 5.6.2).
pub(super) fn name_of_scheme(credentials: &[u8]) -> Option<&str> {
    let (name, rest) = split_scheme(credentials)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_name = name.len() <= 32 && name.iter().all(is_token) && !rest.is_empty();
    core::str::from_utf8(name).ok().filter(|name| is_name && !name.is_empty())
}

/// Splits a value at the first space: the scheme, and what follows it.
fn split_scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let value = value.trim_ascii();
    let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    let (name, rest) = value.split_at_checked(end)?;
    Some((name, rest.trim_ascii_start()))
}

/// Padded when written; on reading, some leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The elements of a list, between the commas that are not in quotes (RFC 9110, section 5.6.1).
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
    fn schemes_are_called_what_they_are_called() {
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
    fn other_schemes_and_what_is_in_quotes_are_passed_over() {
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
    fn credentials_are_one_value() {
        assert_eq!(AuthHeader::credentials("Basic YTpi, NTLM YWJj"), None);
        let header = AuthHeader::credentials("ntlm YWJj").unwrap();
        assert_eq!((header.scheme(), header.token()), (Scheme::Ntlm, Ok(b"abc".to_vec())));
        let list = AuthHeader::credentials("NTLM YWJj, NTLM YWJj").unwrap();
        assert_eq!(list.token(), Err(Error::NotBase64));
    }

    #[test]
    fn other_schemes_have_names_unless_they_may_be_secrets() {
        let name = |value: &'static str| name_of_scheme(value.as_bytes());
        assert_eq!(name("Basic YTpi"), Some("Basic"));
        assert_eq!(name(" SCRAM-SHA-256  data=YQ"), Some("SCRAM-SHA-256"));
        for value in ["", "YWxpY2U6c2VjcmV0", "Basic ", "a\"b c", "caf\u{e9} YQ", "a\u{1b}[2J b"] {
            assert_eq!(name(value), None, "{value}");
        }
        assert_eq!(name("ThisIsMuchTooLongForTheNameOfAScheme a"), None);
    }

    #[test]
    fn tokens_are_base64_with_or_without_padding() {
        let token = |token: &[u8]| AuthHeader { scheme: Scheme::Ntlm, token }.token();
        assert_eq!(token(b""), Ok(vec![]));
        assert_eq!(token(b"YQ=="), Ok(b"a".to_vec()));
        assert_eq!(token(b"YQ"), Ok(b"a".to_vec()));
        for wrong in [&b"Y"[..], b"Y=Q", b"YQ==YQ==", b"-_-_", b"YW Jj", b"YQ=\0", b"realm=\"x\""] {
            assert_eq!(token(wrong), Err(Error::NotBase64), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_is_long_or_too_long() {
        let length = |length| {
            let value = header_value(Scheme::Ntlm, &vec![7; length]);
            AuthHeader::credentials(&value).unwrap().token().map(|token| token.len())
        };
        assert_eq!(length(MAX_TOKEN_LEN), Ok(MAX_TOKEN_LEN));
        assert_eq!(length(MAX_TOKEN_LEN + 1), Err(Error::TooLong));
        assert_eq!(length(MAX_TOKEN_LEN * 2), Err(Error::TooLong));
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(header_value(Scheme::Negotiate, b""), "Negotiate");
        let value = header_value(Scheme::Ntlm, b"NTLMSSP\0\x01\0\0\0");
        assert_eq!(value, "NTLM TlRMTVNTUAABAAAA");
        let header = AuthHeader::offers(&value).next().unwrap();
        assert_eq!(header.token().unwrap(), b"NTLMSSP\0\x01\0\0\0");
        assert_eq!(format!("{header:?}"), "AuthHeader { scheme: Ntlm, token: [16 characters] }");
    }
}
