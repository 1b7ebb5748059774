//! Finds NTLM messages in text or bytes: hexadecimal, base64, headers, logs, dumps, source code, raw
//! bytes.

mod base64;
mod carried;
mod dump;
mod hex;
mod listed;
mod quoted;
#[cfg(test)]
mod tests;

use ntlm::wire::Message;
use ntlm_net_examples::der;
use ntlm_net_examples::encoding::{unbase64, unhex};

/// The result of a search.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// All messages, extracted from SPNEGO, in order, each once. If there is none, but the whole
    /// input is hexadecimal or base64, its bytes.
    pub tokens: Vec<Vec<u8>>,
    /// What is wrong with the messages, or why none was found, for the person who pasted the input.
    pub troubles: Vec<String>,
}

/// Looks for messages.
pub fn find(input: &[u8]) -> Found {
    let mut found = Found::default();
    if carried::is_there(input) {
        carried::messages(input).into_iter().for_each(|message| found.push(message, None));
        return found;
    }
    let text = String::from_utf8_lossy(input);
    found.read(&dump::lines(&listed::in_hex(&quoted::in_hex(&text))));
    if found.tokens.is_empty() {
        found.tokens = whole(&text).into_iter().collect();
    }
    if found.tokens.is_empty() && found.troubles.is_empty() {
        found.troubles.push(why_not(&text));
    }
    found
}

/// A possible message, or its beginning.
struct Candidate {
    digits: String,
    /// Whether it reaches the end of its line, so that it may continue on the next one.
    ends_line: bool,
    trouble: Option<String>,
    decode: fn(&str) -> Vec<u8>,
    /// Whether a line begins a message.
    begins: fn(&str) -> bool,
    /// The digits of a line that contains nothing else.
    continuation: fn(&str) -> Option<String>,
}

impl Found {
    fn read(&mut self, lines: &[String]) {
        let mut next = lines;
        while let Some((line, rest)) = next.split_first() {
            next = rest;
            for mut candidate in hex::candidate(line).into_iter().chain(base64::candidates(line)) {
                let after = candidate.extend(rest);
                let bytes = (candidate.decode)(&candidate.digits);
                for message in carried::messages(&bytes) {
                    self.push(message, candidate.trouble.clone());
                    next = after;
                }
            }
        }
    }

    /// Adds a message unless it was found already: `wget -d` prints each CHALLENGE twice.
    fn push(&mut self, message: &[u8], trouble: Option<String>) {
        if self.tokens.iter().any(|token| token == message) {
            return;
        }
        let incomplete = || {
            let error = Message::parse(message).err()?;
            let len = message.len();
            Some(format!("it is not all there, or malformed: {len} bytes, {error}"))
        };
        let trouble = trouble.or_else(incomplete);
        self.tokens.push(message.into());
        let number = self.tokens.len();
        self.troubles.extend(trouble.map(|trouble| format!("message {number}: {trouble}")));
    }
}

impl Candidate {
    /// Adds the lines that continue the message, and returns the others. All lines but the first and
    /// the last must have the same length, and the last must not be longer.
    fn extend<'a>(&mut self, lines: &'a [String]) -> &'a [String] {
        let mut next = lines;
        let mut width = self.digits.len();
        let mut is_first = true;
        while self.ends_line && self.digits.len() < MAX_LEN {
            let Some((line, rest)) = next.split_first() else { break };
            let Some(more) = (self.continuation)(line) else { break };
            if (self.begins)(line) && !self.is_open() {
                break;
            }
            let is_longer = more.len() > width;
            if !is_first && is_longer || is_first && self.ends_here(more.len()) {
                break;
            }
            next = rest;
            self.digits.push_str(&more);
            if more.len() < width {
                break;
            }
            (width, is_first) = (more.len(), false);
        }
        next
    }

    /// Whether this is an incomplete SPNEGO token, which may continue with a line that begins an
    /// NTLM message.
    fn is_open(&self) -> bool {
        let bytes = (self.decode)(&self.digits);
        carried::is_gss(&bytes) && der::read(&mut bytes.as_slice()).is_err()
    }

    /// Whether a complete message ends on this line although more lines may follow: a NEGOTIATE can
    /// end almost anywhere, so the length of the next line decides.
    fn ends_here(&self, next: usize) -> bool {
        const USUAL: [usize; 6] = [32, 48, 60, 64, 72, 76];
        let bytes = (self.decode)(&self.digits);
        let is_whole = carried::messages(&bytes).first().is_some_and(|m| Message::parse(m).is_ok());
        let len = self.digits.len();
        is_whole && len != next && !USUAL.contains(&len)
    }
}

/// The bytes of a text that is hexadecimal or base64 as a whole, whatever they mean.
fn whole(text: &str) -> Option<Vec<u8>> {
    let joined = without_separators(text);
    // Hexadecimal digits are also valid base64, but treat them as hexadecimal.
    let bytes = if is_hexadecimal(&joined) { unhex(&joined) } else { unbase64(&joined) };
    bytes.filter(|bytes| !bytes.is_empty())
}

fn why_not(text: &str) -> String {
    let joined = without_separators(text);
    if joined.is_empty() {
        return "there is nothing to look at".into();
    }
    if is_hexadecimal(&joined) {
        let len = joined.len();
        return format!("hexadecimal of {len} digits: bytes have two each, so one is missing");
    }
    if base64::names_other_mechanism(text) {
        return "there is a token of SPNEGO or Kerberos, and no NTLM message in it".into();
    }
    "there is no NTLM message: they begin with TlRMTVNTUA in base64, and with 4e544c4d53535000 in \
     hexadecimal"
        .into()
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect()
}

/// More than the digits of the longest message.
const MAX_LEN: usize = 0x4_0000;

/// Marks the end of a message converted from another form, so that the next line is not added to
/// it.
const END: &str = "\u{3}";
