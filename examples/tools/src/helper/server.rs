//! `squid-2.5-ntlmssp`, the server's side: it receives a NEGOTIATE, sends a CHALLENGE, receives an
//! AUTHENTICATE, and sends the user's name.

use std::mem;

use ntlm::error::{Denied, Rejection};
use ntlm::server::{Accepted, AwaitAuthenticate, Claim};
use ntlm::wire::{Challenge, NegotiateFlags};
use ntlm::{Error, Os, Server, SessionKeys, UserName};

use super::admission::Admission;
use super::line::Line;
use super::{flags, reject, session_key};
use ntlm_net_examples::claimed::claimed;
use ntlm_net_examples::encoding::base64;

/// Performs one login after the other.
#[derive(Debug)]
pub struct ServerHelper {
    server: Server,
    admission: Admission,
    /// The character between the names of the domain and the user in the answer.
    separator: char,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Waits for a NEGOTIATE.
    Start,
    /// Waits for an AUTHENTICATE.
    Challenged(AwaitAuthenticate, NegotiateFlags),
    Accepted(SessionKeys),
}

impl ServerHelper {
    pub const fn new(server: Server, admission: Admission, separator: char) -> Self {
        Self { server, admission, separator, state: State::Start }
    }

    pub fn answer(&mut self, line: Line<'_>) -> String {
        match line.command {
            // A new client: any unfinished login is discarded.
            "YR" => {
                self.state = State::Start;
                self.step(&line.token())
            }
            "KK" | "TT" if !line.argument.is_empty() => self.step(&line.token()),
            "GK" => session_key(match &self.state {
                State::Accepted(keys) => Some(keys),
                _ => None,
            }),
            "GF" => flags(match &self.state {
                State::Start => None,
                State::Challenged(_, flags) => Some(*flags),
                State::Accepted(keys) => Some(keys.flags()),
            }),
            // Accepted and ignored: all features are granted anyway, and a server has no password.
            "SF" | "PW" if !line.argument.is_empty() => "OK".into(),
            "OK" => "BH Command expected".into(),
            _ => "BH SPNEGO request invalid prefix".into(),
        }
    }

    fn step(&mut self, token: &[u8]) -> String {
        match mem::replace(&mut self.state, State::Start) {
            State::Challenged(handshake, _) => self.finish(handshake, token),
            _ => self.begin(token),
        }
    }

    fn begin(&mut self, negotiate: &[u8]) -> String {
        let started = self.server.challenge(negotiate, &mut Os).and_then(|(token, handshake)| {
            let flags = Challenge::parse(&token)?.flags;
            Ok((token, State::Challenged(handshake, flags)))
        });
        match started {
            Ok((token, state)) => {
                self.state = state;
                format!("TT {}", base64(&token))
            }
            Err(error) => reject(error, None),
        }
    }

    fn finish(&mut self, handshake: AwaitAuthenticate, authenticate: &[u8]) -> String {
        let claim = match handshake.read(authenticate, &mut Os) {
            Ok(Claim::User(claim)) => claim,
            // The policy allows no anonymous clients.
            Ok(Claim::Anonymous(_)) => {
                return reject(Denied::Rejected(Rejection::UnknownUser).into(), None);
            }
            Err(error) => return reject(error, claimed(authenticate).as_ref()),
        };
        let claimed = claim.claimed_user().clone();
        let user = self.admission.find(&claimed);
        let verdict = match user {
            Some(user) => claim.verify_nt_hash(&user.hash),
            None => claim.reject(Rejection::UnknownUser),
        };
        let (user, keys) = match (user, verdict) {
            (Some(user), Ok(Accepted { keys, .. })) => (user, keys),
            (_, Err(error)) => return reject(error, Some(&claimed)),
            (None, Ok(_)) => unreachable!("`reject` accepts no client"),
        };
        // The group is checked after the password, so that the log distinguishes a wrong password
        // from a missing membership.
        if !self.admission.admits(user) {
            return reject(
                Error::from(Denied::Rejected(Rejection::AccountRestriction)),
                Some(&claimed),
            );
        }
        self.state = State::Accepted(keys);
        // The name from the file: a name from the client could contain a line break, or an
        // unverified domain.
        format!("AF {}", full_name(&user.name, self.separator))
    }
}

fn full_name(name: &UserName, separator: char) -> String {
    match name.domain().is_empty() {
        true => name.to_string(),
        false => format!("{}{separator}{}", name.domain(), name.user()),
    }
}

#[cfg(test)]
mod tests {
    use ntlm::NtHash;
    use ntlm::server::Names;

    use super::*;
    use crate::helper::client::ClientHelper;
    use crate::helper::client::tests::client;
    use ntlm_net_examples::encoding::hex;

    impl ServerHelper {
        fn say(&mut self, line: &str) -> String {
            self.answer(Line::parse(line.as_bytes()).unwrap())
        }
    }

    fn server_of(required: &[&str], separator: char) -> ServerHelper {
        let hash = hex(NtHash::from_password("correct horse").expose());
        let users = format!("EXAMPLE\\Alice:{hash}:Proxy\nbob:{hash}\n").parse().unwrap();
        let required = required.iter().map(|group| UserName::from(*group)).collect();
        let server = Server::new(Names::member("PROXY", "EXAMPLE"));
        ServerHelper::new(server, Admission::new(users, required), separator)
    }

    fn server() -> ServerHelper {
        server_of(&[], '\\')
    }

    /// The server's last answer.
    fn log_in(client: &mut ClientHelper, server: &mut ServerHelper) -> String {
        let challenge = server.say(&client.say("YR"));
        let authenticate = client.say(&challenge).replace("AF ", "KK ");
        server.say(&authenticate)
    }

    #[test]
    fn the_answer_contains_the_name_from_the_file() {
        let mut server = server();
        for (user, name) in [("example\\ALICE", "EXAMPLE\\Alice"), ("ANY\\Bob", "bob")] {
            let client = &mut client(user, Some("correct horse"));
            assert_eq!(log_in(client, &mut server), format!("AF {name}"));
        }
        let client = &mut client("EXAMPLE\\alice", Some("correct horse"));
        assert_eq!(log_in(client, &mut server_of(&[], '+')), "AF EXAMPLE+Alice");
    }

    #[test]
    fn a_line_break_in_a_name_is_not_in_the_answer() {
        let client = &mut client("EVIL\nAF admin\\bob", Some("correct horse"));
        assert_eq!(log_in(client, &mut server()), "AF bob");
    }

    #[test]
    fn rejections_look_alike() {
        for user in ["EXAMPLE\\alice", "EXAMPLE\\nobody"] {
            let client = &mut client(user, Some("wrong"));
            assert_eq!(log_in(client, &mut server()), "NA NT_STATUS_LOGON_FAILURE");
        }
    }

    #[test]
    fn a_user_outside_the_group_is_rejected_with_the_right_password() {
        let mut server = server_of(&["EXAMPLE\\Proxy"], '\\');
        let bob = &mut client("bob", Some("correct horse"));
        assert_eq!(log_in(bob, &mut server), "NA NT_STATUS_LOGON_FAILURE");
        assert_eq!(server.say("GK"), "BH No session key");
        let alice = &mut client("EXAMPLE\\alice", Some("correct horse"));
        assert_eq!(log_in(alice, &mut server), "AF EXAMPLE\\Alice");
    }

    #[test]
    fn both_sides_return_the_same_key_and_flags() {
        let (mut server, mut client) = (server(), client("bob", Some("correct horse")));
        assert_eq!(client.say("GF"), "BH");
        assert_eq!(server.say("GF"), "BH");
        assert_eq!(client.say("SF NTLMSSP_FEATURE_SEAL"), "OK");
        assert_eq!(server.say("SF NTLMSSP_FEATURE_SEAL"), "OK");
        let challenge = server.say(&client.say("YR"));
        assert_eq!(client.say("GK"), "BH No session key");
        assert_eq!(server.say("GK"), "BH No session key");
        let authenticate = client.say(&challenge).replace("AF ", "KK ");
        assert_eq!(server.say(&authenticate), "AF bob");
        let key = client.say("GK");
        assert!(key.starts_with("GK ") && key.len() == 27, "{key}");
        assert_eq!(server.say("GK"), key);
        assert!(client.say("GF").starts_with("GF 0x"));
        assert_eq!(server.say("GF"), client.say("GF"));
    }

    #[test]
    fn the_password_may_come_before_or_after_the_challenge() {
        let password = format!("PW {}", base64(b"correct horse"));
        let mut early = client("bob", None);
        assert_eq!(early.say(&password), "OK");
        assert_eq!(log_in(&mut early, &mut server()), "AF bob");

        let (mut late, mut server) = (client("bob", None), server());
        let challenge = server.say(&late.say("YR"));
        assert_eq!(late.say(&challenge), "PW");
        let answer = late.say(&password);
        let authenticate = answer.strip_prefix("OK\nAF ").unwrap();
        assert_eq!(server.say(&format!("KK {authenticate}")), "AF bob");
    }

    #[test]
    fn a_challenge_allows_one_attempt() {
        let (mut server, mut client) = (server(), client("bob", Some("correct horse")));
        let challenge = server.say(&client.say("YR"));
        let authenticate = client.say(&challenge).replace("AF ", "KK ");
        assert_eq!(client.say(&challenge), "NA NT_STATUS_INVALID_PARAMETER");
        assert_eq!(server.say(&authenticate), "AF bob");
        assert_eq!(server.say(&authenticate), "NA NT_STATUS_INVALID_PARAMETER");
    }

    #[test]
    fn invalid_lines_are_answered_as_in_samba() {
        let mut server = server();
        for (line, answer) in [
            ("YR", "NA NT_STATUS_INVALID_PARAMETER"),
            ("YR ?", "NA NT_STATUS_INVALID_PARAMETER"),
            ("KK AAAA", "NA NT_STATUS_INVALID_PARAMETER"),
            ("KK", "BH SPNEGO request invalid prefix"),
            ("XX", "BH SPNEGO request invalid prefix"),
            ("YRx", "BH SPNEGO request invalid prefix"),
            ("KKAAAA", "BH SPNEGO request invalid prefix"),
            ("OK", "BH Command expected"),
            ("GK", "BH No session key"),
        ] {
            assert_eq!(server.say(line), answer, "{line}");
        }
    }
}
