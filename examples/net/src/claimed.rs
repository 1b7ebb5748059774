//! The user that a message claims to be.

use ntlm::wire::Authenticate;
use ntlm::{Ascii, Text, UserName};

/// The user that an AUTHENTICATE claims, for the log of a login that was rejected before the user
/// was looked up.
pub fn claimed(authenticate: &[u8]) -> Option<UserName> {
    let message = Authenticate::parse(authenticate).ok()?;
    let character_set = message.flags?.character_set()?;
    let text = |bytes| Text::decode(bytes, character_set, &Ascii).ok();
    let claimed = UserName::new(text(message.user)?).with_domain(text(message.domain)?);
    (!claimed.user().is_empty()).then_some(claimed)
}

#[cfg(test)]
mod tests {
    use ntlm::server::Names;
    use ntlm::{Client, Credentials, Os, Server};

    use super::*;

    #[test]
    fn a_message_names_its_user() {
        let token = |credentials: Credentials| {
            let server = Server::new(Names::member("FILES", "EXAMPLE"));
            let (negotiate, handshake) = Client::new(credentials).initiate().unwrap();
            let (challenge, _) = server.challenge(&negotiate, &mut Os).unwrap();
            handshake.answer(&challenge, &mut Os).unwrap().token
        };
        let jurgen = token(Credentials::password(r"LAB\jürgen", "secret"));
        assert_eq!(claimed(&jurgen).unwrap().to_string(), r"LAB\jürgen");
        assert_eq!(claimed(&jurgen[..60]), None);
        assert_eq!(claimed(&token(Credentials::anonymous())), None);
    }
}
