//! Reads lines from standard input, and writes answers to standard output.

use std::io::{self, BufRead, Read, Write};

use ntlm::inspect;
use ntlm::wire::SIGNATURE;

use ntlm_net_examples::encoding::unbase64;

/// A command, and its argument after a space.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub command: &'a str,
    pub argument: &'a str,
}

impl<'a> Line<'a> {
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(['\r', '\n']);
        let (command, argument) = text.split_once(' ').unwrap_or((text, ""));
        (text.len() >= 2).then_some(Self { command, argument })
    }

    /// The token; empty if it is missing or is not base64. Squid can append words to the token
    /// (`key_extras`).
    pub fn token(self) -> Vec<u8> {
        unbase64(self.argument.split(' ').next().unwrap_or_default()).unwrap_or_default()
    }
}

/// Answers each line until the input ends. Each answer is flushed at once, because the other side
/// waits for it.
pub fn converse(is_verbose: bool, mut answer: impl FnMut(&[u8]) -> String) -> anyhow::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)? {
        let answer = answer(&line);
        if is_verbose {
            show_token(&line);
            show_token(answer.as_bytes());
        }
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// Explains NTLM's messages on standard error. Prints nothing else, because lines can contain
/// passwords.
fn show_token(line: &[u8]) {
    let token = Line::parse(line).map(Line::token).unwrap_or_default();
    if token.starts_with(&SIGNATURE) {
        eprintln!("{}", inspect::annotate(&token));
    }
}

/// More than the longest token in base64.
const MAX_LINE_LEN: u64 = 100_000;

/// Reads a line; returns whether there was one. A line that is too long is skipped, and counts as
/// empty.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut is_whole = true;
    loop {
        line.clear();
        let len = input.by_ref().take(MAX_LINE_LEN).read_until(b'\n', line)?;
        if line.len() < MAX_LINE_LEN as usize || line.ends_with(b"\n") {
            let is_there = len > 0 || !is_whole;
            if !is_whole {
                line.clear();
            }
            return Ok(is_there);
        }
        is_whole = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_too_long_are_skipped() {
        let long = "YR ".to_owned() + &"A".repeat(250_000);
        let input = format!("YR AA\n{long}\nGK");
        let (mut input, mut line) = (input.as_bytes(), Vec::new());
        let mut lines = Vec::new();
        while read_line(&mut input, &mut line).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["YR AA\n", "", "GK"]);
        assert!(Line::parse(b"Y").is_none());
        assert!(Line::parse(&[0xff; 3]).is_none());
    }
}
