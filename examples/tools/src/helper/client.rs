//! `ntlmssp-client-1`, the client's side: it sends a NEGOTIATE, receives a CHALLENGE, and sends an
//! AUTHENTICATE.

use std::mem;

use ntlm::client::{Answer, Policy};
use ntlm::session::Protection;
use ntlm::wire::{Negotiate, NegotiateFlags};
use ntlm::{Client, Credentials, Error, Os, SessionKeys, UserName};

use super::line::Line;
use super::{flags, reject, session_key};
use ntlm_net_examples::encoding::base64;

/// Performs one login after the other.
pub struct ClientHelper {
    /// The client's settings without the password, which may come later.
    template: Template,
    password: Option<String>,
    protection: Protection,
    state: State,
}

/// The settings of a client that are known from the beginning.
pub struct Template {
    pub user: UserName,
    pub policy: Policy,
    pub workstation: String,
    /// The SPN, such as `HTTP/www.example.com`.
    pub target: Option<String>,
}

enum State {
    Start,
    /// Waits for a CHALLENGE.
    Negotiated(NegotiateFlags),
    /// Waits for a password, to answer this CHALLENGE.
    NeedsPassword(Vec<u8>),
    Responded(SessionKeys),
}

impl ClientHelper {
    pub const fn new(template: Template, password: Option<String>) -> Self {
        Self { template, password, protection: Protection::None, state: State::Start }
    }

    pub fn answer(&mut self, line: Line<'_>) -> String {
        match line.command {
            "YR" => self.begin(),
            "TT" | "KK" if !line.argument.is_empty() => self.receive(line.token()),
            "PW" if !line.argument.is_empty() => self.learn_password(&line.token()),
            "SF" if !line.argument.is_empty() => {
                self.protection = protection(line.argument);
                "OK".into()
            }
            "GK" => session_key(match &self.state {
                State::Responded(keys) => Some(keys),
                _ => None,
            }),
            "GF" => flags(match &self.state {
                State::Start | State::NeedsPassword(_) => None,
                State::Negotiated(flags) => Some(*flags),
                State::Responded(keys) => Some(keys.flags()),
            }),
            "OK" => "BH Command expected".into(),
            _ => "BH SPNEGO request invalid prefix".into(),
        }
    }

    /// Makes the NEGOTIATE, which does not depend on the password.
    fn begin(&mut self) -> String {
        let begun = self.client("").and_then(|client| client.initiate()).and_then(|(token, _)| {
            let flags = Negotiate::parse(&token)?.flags;
            Ok((token, flags))
        });
        match begun {
            Ok((token, flags)) => {
                self.state = State::Negotiated(flags);
                format!("YR {}", base64(&token))
            }
            Err(error) => reject(error, None),
        }
    }

    fn receive(&mut self, challenge: Vec<u8>) -> String {
        let State::Negotiated(_) = mem::replace(&mut self.state, State::Start) else {
            return "NA NT_STATUS_INVALID_PARAMETER".into();
        };
        match &self.password {
            Some(password) => self.respond(&challenge, &password.clone()),
            None => {
                self.state = State::NeedsPassword(challenge);
                "PW".into()
            }
        }
    }

    fn respond(&mut self, challenge: &[u8], password: &str) -> String {
        match self.authenticate(challenge, password) {
            Ok(Answer { token, keys, .. }) => {
                self.state = State::Responded(keys);
                format!("AF {}", base64(&token))
            }
            Err(error) => reject(error, None),
        }
    }

    fn authenticate(&self, challenge: &[u8], password: &str) -> Result<Answer, Error> {
        // Makes the same NEGOTIATE as before, because the MIC covers it.
        let (_, handshake) = self.client(password)?.initiate()?;
        handshake.answer(challenge, &mut Os)
    }

    /// As in Samba, a password that was asked for is used for this login only; any other for all
    /// later logins.
    fn learn_password(&mut self, password: &[u8]) -> String {
        let Ok(password) = std::str::from_utf8(password) else { return "BH Query invalid".into() };
        match mem::replace(&mut self.state, State::Start) {
            // Two lines in one answer.
            State::NeedsPassword(challenge) => {
                format!("OK\n{}", self.respond(&challenge, password))
            }
            state => {
                self.state = state;
                self.password = Some(password.into());
                "OK".into()
            }
        }
    }

    fn client(&self, password: &str) -> Result<Client, Error> {
        let Template { user, policy, workstation, target } = &self.template;
        let client = Client::new(Credentials::password(user.clone(), password))
            .with_policy(policy.clone())
            .with_workstation(workstation.as_str())
            .with_protection(self.protection);
        let client = match target {
            Some(target) => client.with_spn(target.as_str()),
            None => client,
        };
        client.checked()
    }
}

/// The protection that the features of `SF` request, such as `NTLMSSP_FEATURE_SIGN`. In Samba, the
/// feature for the session key implies signing.
fn protection(features: &str) -> Protection {
    if features.contains("NTLMSSP_FEATURE_SEAL") {
        Protection::Seal
    } else if features.contains("NTLMSSP_FEATURE_SIGN")
        || features.contains("NTLMSSP_FEATURE_SESSION_KEY")
    {
        Protection::Sign
    } else {
        Protection::None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl ClientHelper {
        pub(in crate::helper) fn say(&mut self, line: &str) -> String {
            self.answer(Line::parse(line.as_bytes()).unwrap())
        }
    }

    pub(in crate::helper) fn client(user: &str, password: Option<&str>) -> ClientHelper {
        let template = Template {
            user: UserName::from(user),
            policy: Policy::default(),
            workstation: "LAPTOP".into(),
            target: None,
        };
        ClientHelper::new(template, password.map(Into::into))
    }

    #[test]
    fn invalid_lines_are_answered_as_in_samba() {
        let mut client = client("bob", Some("correct horse"));
        for (line, answer) in [
            ("TT AAAA", "NA NT_STATUS_INVALID_PARAMETER"),
            ("XX", "BH SPNEGO request invalid prefix"),
            ("YRx", "BH SPNEGO request invalid prefix"),
        ] {
            assert_eq!(client.say(line), answer, "{line}");
        }
    }
}
