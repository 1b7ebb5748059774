//! A small SMTP server: it takes messages from clients that logged in, and drops them.

use std::io::{self, Read, Write};

use crate::authenticator::Authenticator;
use crate::sasl::Lines;

/// Serves one connection.
///
/// # Errors
/// What the connection says.
pub fn serve(stream: impl Read + Write, authenticator: &Authenticator) -> io::Result<()> {
    let mut lines = Lines::new(stream);
    let mut user = None;
    lines.send("220 localhost ESMTP")?;
    loop {
        let line = lines.receive()?;
        let words: Vec<_> = line.split(' ').collect();
        match words[0].to_ascii_uppercase().as_str() {
            "EHLO" => {
                lines.send("250-localhost")?;
                lines.send("250 AUTH NTLM")?;
            }
            "AUTH" if words.get(1).is_some_and(|name| name.eq_ignore_ascii_case("NTLM")) => {
                user = lines.authenticate(words.get(2).copied(), "334 ", authenticator)?;
                let is_accepted = user.is_some();
                lines.send(if is_accepted { "235 accepted" } else { "535 rejected" })?;
            }
            "MAIL" | "RCPT" | "DATA" if user.is_none() => lines.send("530 log in first")?,
            "MAIL" | "RCPT" | "RSET" | "NOOP" => lines.send("250 ok")?,
            "DATA" => {
                lines.send("354 send it")?;
                while lines.receive()? != "." {}
                lines.send("250 ok")?;
            }
            "QUIT" => return lines.send("221 bye"),
            _ => lines.send("502 unknown command")?,
        }
    }
}
