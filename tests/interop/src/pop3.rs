//! A small POP3 server, whose mailbox is empty for clients that logged in.

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
    lines.send("+OK localhost")?;
    loop {
        let line = lines.receive()?;
        let words: Vec<_> = line.split(' ').collect();
        match words[0].to_ascii_uppercase().as_str() {
            "CAPA" => {
                for line in ["+OK", "SASL NTLM", "UIDL", "."] {
                    lines.send(line)?;
                }
            }
            "AUTH" if words.get(1).is_some_and(|name| name.eq_ignore_ascii_case("NTLM")) => {
                user = lines.authenticate(words.get(2).copied(), "+ ", authenticator)?;
                lines.send(if user.is_some() { "+OK" } else { "-ERR rejected" })?;
            }
            "STAT" if user.is_some() => lines.send("+OK 0 0")?,
            "LIST" | "UIDL" if user.is_some() => {
                lines.send("+OK")?;
                lines.send(".")?;
            }
            "QUIT" => return lines.send("+OK bye"),
            _ => lines.send("-ERR")?,
        }
    }
}
