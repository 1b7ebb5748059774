//! A small IMAP server, whose only mailbox has [`MESSAGES`] for clients that logged in.

use std::io::{self, Read, Write};

use crate::authenticator::Authenticator;
use crate::sasl::Lines;

/// How many messages the mailbox says that it has. There are none to fetch.
pub const MESSAGES: u32 = 17;

/// Serves one connection.
///
/// # Errors
/// What the connection says.
pub fn serve(stream: impl Read + Write, authenticator: &Authenticator) -> io::Result<()> {
    let mut lines = Lines::new(stream);
    let mut user = None;
    lines.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=NTLM] localhost")?;
    loop {
        let line = lines.receive()?;
        let words: Vec<_> = line.split(' ').collect();
        let (tag, command) = (words[0], words.get(1).unwrap_or(&"").to_ascii_uppercase());
        let status = match command.as_str() {
            "CAPABILITY" => {
                lines.send("* CAPABILITY IMAP4rev1 SASL-IR AUTH=NTLM")?;
                "OK"
            }
            "AUTHENTICATE"
                if words.get(2).is_some_and(|name| name.eq_ignore_ascii_case("NTLM")) =>
            {
                user = lines.authenticate(words.get(3).copied(), "+ ", authenticator)?;
                if user.is_some() { "OK" } else { "NO" }
            }
            "SELECT" | "EXAMINE" if user.is_some() => {
                lines.send(&format!("* {MESSAGES} EXISTS"))?;
                lines.send("* 0 RECENT")?;
                lines.send("* FLAGS (\\Seen)")?;
                lines.send("* OK [UIDVALIDITY 1] always the same")?;
                "OK"
            }
            // The last one is unseen.
            "SEARCH" if user.is_some() => {
                lines.send(&format!("* SEARCH {MESSAGES}"))?;
                "OK"
            }
            "NOOP" | "CLOSE" => "OK",
            "LOGOUT" => {
                lines.send("* BYE")?;
                return lines.send(&format!("{tag} OK bye"));
            }
            _ => "NO",
        };
        lines.send(&format!("{tag} {status} {command}"))?;
    }
}
