//! Prints requests and responses on standard error, for the option `-v`.

use hyper::header::HeaderName;
use hyper::{HeaderMap, Method, StatusCode, Version};
use ntlm::http::AuthHeader;
use ntlm::inspect;
use ntlm::spnego::Token;

/// How much to print.
#[derive(Clone, Copy, Default, clap::Args)]
pub struct Trace {
    /// Show requests and responses on standard error, and explain every token; twice: include the
    /// responses, from which passwords can be guessed
    #[arg(short, long = "verbose", action = clap::ArgAction::Count)]
    verbose: u8,
}

impl Trace {
    /// Prints a remark of the program.
    pub fn note(self, text: impl std::fmt::Display) {
        if self.is_on() {
            eprintln!("* {text}");
        }
    }

    /// Prints a request as it is sent.
    pub fn request(self, method: &Method, target: impl std::fmt::Display, headers: &HeaderMap) {
        if self.is_on() {
            eprintln!("> {method} {target} HTTP/1.1");
            self.headers('>', headers);
        }
    }

    /// Prints the head of a response.
    pub fn response(self, version: Version, status: StatusCode, headers: &HeaderMap) {
        if self.is_on() {
            eprintln!("< {version:?} {status}");
            self.headers('<', headers);
        }
    }

    const fn is_on(self) -> bool {
        self.verbose > 0
    }

    fn headers(self, direction: char, headers: &HeaderMap) {
        for (name, value) in headers {
            eprintln!("{direction} {name}: {}", self.value(name, value.as_bytes()));
        }
        eprintln!("{direction}");
        let values = headers.iter().filter(|(name, _)| carries_tokens(name));
        for token in values.flat_map(|(_, value)| tokens(value.as_bytes())) {
            let table = inspect::annotate(&token);
            eprintln!("{}", if self.shows_secrets() { table.with_secrets() } else { table });
        }
    }

    /// A header's value, without the part that would allow an offline attack on the password.
    fn value(self, name: &HeaderName, value: &[u8]) -> String {
        let has_secrets =
            carries_tokens(name) && tokens(value).any(|token| is_authenticate(&token));
        if !has_secrets || self.shows_secrets() {
            return printable(value);
        }
        let start = value.get(..24).unwrap_or_default();
        format!("{}... [{} characters, shown with -vv]", printable(start), value.len())
    }

    const fn shows_secrets(self) -> bool {
        self.verbose > 1
    }
}

/// Text that a peer sent, without control characters, which could move the cursor or change
/// colours.
pub fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn carries_tokens(name: &HeaderName) -> bool {
    let names = ["authorization", "www-authenticate", "proxy-authorization", "proxy-authenticate"];
    names.contains(&name.as_str())
}

/// The tokens in a header's value.
fn tokens(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    AuthHeader::offers(value)
        .filter(|header| !header.is_bare())
        .filter_map(|header| header.token().ok())
}

fn is_authenticate(token: &[u8]) -> bool {
    ntlm_message(token).is_some_and(|message| message.get(8) == Some(&3))
}

/// The NTLM message in a token, which is bare or in SPNEGO.
pub fn ntlm_message(token: &[u8]) -> Option<&[u8]> {
    match Token::parse(token) {
        Ok(Token::Init(init)) => init.mech_token,
        Ok(Token::Response(response)) => response.response_token,
        _ => Some(token),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{AUTHORIZATION, SERVER};
    use ntlm::http::{Scheme, header_value};

    use super::*;

    #[test]
    fn responses_are_shown_on_request_only() {
        let value = header_value(Scheme::Ntlm, b"NTLMSSP\0\x03\0\0\0 and the responses");
        let shown = |verbose| Trace { verbose }.value(&AUTHORIZATION, value.as_bytes());
        assert_eq!(shown(1), "NTLM TlRMTVNTUAADAAAAIGF... [45 characters, shown with -vv]");
        assert_eq!(shown(2), value);
    }

    #[test]
    fn everything_else_is_shown() {
        let value = header_value(Scheme::Ntlm, b"NTLMSSP\0\x01\0\0\0 and no responses");
        let trace = Trace { verbose: 1 };
        assert_eq!(trace.value(&AUTHORIZATION, value.as_bytes()), value);
        assert_eq!(trace.value(&SERVER, b"x"), "x");
    }

    #[test]
    fn a_peer_cannot_move_the_cursor() {
        assert_eq!(printable(b"a\x1b[2J\xc2\x9bb"), "a\u{fffd}[2J\u{fffd}b");
    }

    #[test]
    fn responses_in_spnego_are_hidden_too() {
        // A NegTokenResp that contains an AUTHENTICATE.
        let authenticate = b"\xa1\x14\x30\x12\xa2\x10\x04\x0eNTLMSSP\0\x03\0\0\0\x55\x55";
        let value = header_value(Scheme::Negotiate, authenticate);
        let trace = Trace { verbose: 1 };
        assert!(trace.value(&AUTHORIZATION, value.as_bytes()).ends_with("shown with -vv]"));
    }
}
