//! The LAN Manager authentication level, as an option of a program.

use ntlm::LmCompatibility;

/// One of 0 to 5.
pub fn parse(text: &str) -> Result<LmCompatibility, &'static str> {
    let level = text.parse::<u8>().ok().and_then(|level| LmCompatibility::try_from(level).ok());
    level.ok_or("it is a number from 0 to 5")
}
