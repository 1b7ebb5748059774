//! Records the NTLM tokens in the headers of a connection.

use ntlm::http::AuthHeader;

/// The side that sent a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// The tokens of one connection, the names of both programs, and the last status.
#[derive(Debug)]
pub struct Recording {
    about: String,
    client: String,
    server: String,
    last_status: String,
    tokens: Vec<(Side, String)>,
}

impl Recording {
    pub fn new(about: &str) -> Self {
        Self {
            about: about.into(),
            client: String::new(),
            server: String::new(),
            last_status: String::new(),
            tokens: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// One token in a line, so that `inspect` reads them.
    pub fn to_json(&self) -> String {
        let Self { about, client, server, last_status, tokens } = self;
        let tokens: Vec<_> = tokens
            .iter()
            .map(|(side, token)| {
                let from = match side {
                    Side::Client => "client",
                    Side::Server => "server",
                };
                format!("    {{\"from\": \"{from}\", \"token\": \"{token}\"}}")
            })
            .collect();
        let tokens = tokens.join(",\n");
        format!(
            "{{\n  \"about\": {about:?},\n  \"client\": {client:?},\n  \"server\": {server:?},\n  \
             \"last_status\": {last_status:?},\n  \"tokens\": [\n{tokens}\n  ]\n}}\n"
        )
    }

    fn read_line(&mut self, side: Side, line: &str) {
        if side == Side::Server && line.starts_with("HTTP/1.") {
            self.last_status = printable(line);
        }
        let Some((name, value)) = line.split_once(':') else { return };
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        match (side, &name[..]) {
            (Side::Client, "user-agent") => self.client = printable(value),
            (Side::Server, "server") => self.server = printable(value),
            (Side::Client, "authorization" | "proxy-authorization") => {
                self.push(side, AuthHeader::credentials(value));
            }
            (Side::Server, "www-authenticate" | "proxy-authenticate") => {
                AuthHeader::offers(value).for_each(|offer| self.push(side, Some(offer)));
            }
            _ => {}
        }
    }

    fn push(&mut self, side: Side, header: Option<AuthHeader<'_>>) {
        let token =
            header.filter(|header| !header.is_bare()).and_then(|header| header.token().ok());
        if let Some(token) = token.filter(|_| self.tokens.len() < MOST_TOKENS) {
            self.tokens.push((side, token.iter().map(|byte| format!("{byte:02x}")).collect()));
        }
    }
}

/// Watches the lines of one direction. It does not tell bodies from headers, so a line of a body
/// that looks like a header counts as one.
pub struct Watch {
    side: Side,
    line: Vec<u8>,
}

impl Watch {
    pub fn new(side: Side) -> Self {
        Self { side, line: Vec::new() }
    }

    pub fn read(&mut self, bytes: &[u8], recording: &mut Recording) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = String::from_utf8_lossy(&self.line);
                    recording.read_line(self.side, line.trim_end());
                    self.line.clear();
                }
                _ if self.line.len() < LONGEST_LINE => self.line.push(*byte),
                _ => {}
            }
        }
    }
}

/// Text whose escapes in Rust's `Debug` are valid in JSON.
fn printable(text: &str) -> String {
    text.chars().filter(|character| (' '..='~').contains(character)).take(200).collect()
}

const MOST_TOKENS: usize = 100;
/// A token of at most 64 KiB has 88 KiB in base64.
const LONGEST_LINE: usize = 90 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_both_sides_are_recorded_in_their_order() {
        let mut recording = Recording::new("a \"test\"");
        let (mut client, mut server) = (Watch::new(Side::Client), Watch::new(Side::Server));
        client.read(b"GET / HTTP/1.1\r\nUser-Agent: x\r\nAuthorization: NT", &mut recording);
        client.read(b"LM TlRMTVNTUAABAAAA\r\n\r\n", &mut recording);
        let reply = b"HTTP/1.1 401 Unauthorized\r\nServer: y\r\nWWW-Authenticate: Negotiate, \
            NTLM TlRMTVNTUAACAAAA\r\n\r\n";
        server.read(reply, &mut recording);
        assert_eq!(recording.len(), 2);
        let json: String = recording.to_json().split_whitespace().collect();
        let expected = r#"{"about":"a\"test\"","client":"x","server":"y","last_status":"HTTP/1.1401
            Unauthorized","tokens":[{"from":"client","token":"4e544c4d5353500001000000"},
            {"from":"server","token":"4e544c4d5353500002000000"}]}"#;
        assert_eq!(json, expected.split_whitespace().collect::<String>());
    }

    #[test]
    fn memory_for_an_endless_line_is_bounded() {
        let (mut watch, mut recording) = (Watch::new(Side::Client), Recording::new(""));
        (0..100).for_each(|_| watch.read(&[b'x'; 4096], &mut recording));
        assert!(watch.line.len() <= LONGEST_LINE);
        watch.read(b"\r\nAuthorization: NTLM TlRMTVNTUAABAAAA\r\n", &mut recording);
        assert_eq!(recording.len(), 1);
    }
}
