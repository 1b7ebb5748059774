//! The client's login for SMB, LDAP and DCE/RPC: NTLM's three messages, bare or in SPNEGO, and the
//! session key.
//!
//! What to copy is [`Login`]: the state between the messages.

use anyhow::{bail, ensure};
use clap::Args;
use ntlm::crypto::ExportedSessionKey;
use ntlm::session::Protection;
use ntlm::spnego::{AwaitServer, Initiated, Initiator, Token};
use ntlm::wire::{Message, NegotiateFlags};
use ntlm::{Client, Credentials, LmCompatibility, Os, Session, SessionKeys, client, inspect};

use crate::credentials::LoginOptions;
use crate::level;

/// The options of a login.
#[derive(Args)]
pub struct NtlmOptions {
    #[command(flatten)]
    login: LoginOptions,

    /// The LAN Manager authentication level, 0 to 5: below 3, responses are weaker than NTLMv2; at
    /// 0, signatures are weaker too
    #[arg(long, value_name = "N", default_value = "3", value_parser = level::parse)]
    level: LmCompatibility,

    /// Neither offer nor require this flag of [MS-NLMP] 2.2.2.5, such as NEGOTIATE_KEY_EXCH, for
    /// servers that do not support it; may be repeated. Below level 3, without
    /// NEGOTIATE_EXTENDED_SESSIONSECURITY, all sessions of a user start from one key
    #[arg(long, value_name = "FLAG", value_parser = parse_optional_flag)]
    without: Vec<NegotiateFlags>,

    /// The workstation name to send to the server
    #[arg(long, value_name = "NAME")]
    workstation: Option<String>,

    /// Explain every NTLM message on standard error; twice: include the responses, from which
    /// passwords can be guessed
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl NtlmOptions {
    /// Makes a client of this service, anonymous if no user is given. May ask for the password.
    ///
    /// Messages will be protected after the login, unless the client is anonymous: it has no
    /// session key, so a warning is printed on standard error.
    pub fn client(&self, target: &str, protection: Protection) -> anyhow::Result<LoginClient> {
        let credentials = self.login.credentials()?;
        let protection = if credentials.is_some() { protection } else { unprotected(protection) };
        let policy = self.policy();
        if may_have_a_constant_key(&policy, protection) {
            eprintln!(
                "all sessions of this user may start from one key, which decrypts all of them"
            );
        }
        let is_anonymous = credentials.is_none();
        let client = Client::new(credentials.unwrap_or_else(Credentials::anonymous))
            .with_policy(policy)
            .with_spn(target)
            .with_workstation(self.workstation.as_deref().unwrap_or_default())
            .with_protection(protection)
            .checked()?;
        Ok(LoginClient::new(client, protection, is_anonymous, Trace(self.verbose)))
    }

    fn policy(&self) -> client::Policy {
        let mut policy = level::client_policy(self.level);
        for flag in &self.without {
            policy.shared.offer -= *flag;
            policy.shared.require_when_protected -= *flag;
            let extended = NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
            policy.shared.allow_constant_key_exchange_key |= *flag == extended;
        }
        policy
    }
}

/// Whether messages may be protected with a key that does not depend on the challenge.
fn may_have_a_constant_key(policy: &client::Policy, protection: Protection) -> bool {
    protection != Protection::None
        && policy.shared.allow_constant_key_exchange_key
        && !policy.shared.lm_compatibility.sends_ntlmv2()
}

/// Parses the name of a flag that a policy can choose.
fn parse_optional_flag(name: &str) -> Result<NegotiateFlags, String> {
    let optional = client::Policy::default().shared.offer;
    let flag = NegotiateFlags::from_name(name).filter(|flag| optional.contains(*flag));
    flag.ok_or_else(|| {
        let names: Vec<_> = optional.iter_names().map(|(name, _)| name).collect();
        format!("it is one of {}", names.join(", "))
    })
}

fn unprotected(wanted: Protection) -> Protection {
    if wanted != Protection::None {
        eprintln!("without a user there is no key: nothing is signed or sealed");
    }
    Protection::None
}

/// How NTLM's messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Bare NTLM messages.
    Raw,
    /// In SPNEGO, where the server sends one more token at the end.
    Spnego,
}

/// A client, and how much of its logins to print.
pub struct LoginClient {
    client: Client,
    protection: Protection,
    is_anonymous: bool,
    allows_missing_mic: bool,
    trace: Trace,
}

impl LoginClient {
    const fn new(client: Client, protection: Protection, is_anonymous: bool, trace: Trace) -> Self {
        Self { client, protection, is_anonymous, allows_missing_mic: false, trace }
    }

    /// Accepts servers that send no `mechListMIC` in SPNEGO, as Azure's and Apple's file servers do.
    ///
    /// The client offers only NTLM, so a man in the middle cannot make the two sides choose a weaker
    /// mechanism. In SMB, the signature of the last response still proves that the server has the
    /// session key.
    pub fn with_missing_mic_allowed(self) -> Self {
        Self { allows_missing_mic: true, ..self }
    }

    /// Returns the first token, and the state that waits for the answer.
    pub fn start(&self, framing: Framing) -> anyhow::Result<(Vec<u8>, Login)> {
        let (token, state) = match framing {
            Framing::Raw => {
                let (negotiate, state) = self.client.initiate()?;
                (negotiate, State::Challenge(state))
            }
            Framing::Spnego => {
                let mut initiator = Initiator::new(self.client.clone());
                if self.protection == Protection::None {
                    // An LDAP server that negotiates SIGN expects all messages to be wrapped.
                    initiator = initiator.without_signing();
                }
                if self.allows_missing_mic {
                    initiator = initiator.with_missing_mic_allowed();
                }
                let (token, state) = initiator.initiate()?;
                (token, State::Spnego(state))
            }
        };
        self.trace.show(&token);
        Ok((token, Login { state, trace: self.trace }))
    }

    /// Returns whether the client is anonymous, so that there is no key to protect messages with.
    pub const fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }
}

/// A login that waits for the server's next token.
pub struct Login {
    state: State,
    trace: Trace,
}

enum State {
    /// Without SPNEGO: waits for the CHALLENGE.
    Challenge(client::AwaitChallenge),
    /// Without SPNEGO: the AUTHENTICATE has been returned.
    Answered(SessionKeys),
    Spnego(AwaitServer),
}

/// The result of a login.
pub struct Established {
    /// `ExportedSessionKey`, for protocols that protect messages themselves.
    pub session_key: ExportedSessionKey,
    /// Protects messages; `None` if the client is anonymous.
    pub session: Option<Session>,
    /// What was negotiated.
    pub flags: NegotiateFlags,
}

impl Login {
    /// Reads the server's token if the protocol says that the login continues. Returns the next token
    /// to send.
    pub fn read(self, token: &[u8]) -> anyhow::Result<(Vec<u8>, Self)> {
        let Self { state, trace } = self;
        trace.show(token);
        let (token, state) = match state {
            State::Challenge(state) => {
                let answer = state.answer(token, &mut Os)?;
                (answer.token, State::Answered(answer.keys))
            }
            State::Answered(_) => bail!("the server expects another token after the last one"),
            State::Spnego(state) => match state.read(token, &mut Os)? {
                Initiated::Send(token, state) => (token, State::Spnego(state)),
                Initiated::Done(_) => bail!("the server expects another token after the last one"),
            },
        };
        trace.show(&token);
        Ok((token, Self { state, trace }))
    }

    /// Ends the login with the server's last token if the protocol says that it succeeded.
    pub fn finish(self, token: &[u8]) -> anyhow::Result<Established> {
        let keys = match self.state {
            State::Challenge(_) => bail!("the server accepts before there is an AUTHENTICATE"),
            State::Answered(keys) => {
                ensure!(token.is_empty(), "there is a token after the last one");
                keys
            }
            State::Spnego(state) => {
                self.trace.show(token);
                match state.read(token, &mut Os)? {
                    Initiated::Done(keys) => keys,
                    Initiated::Send(..) => bail!("the server's SPNEGO does not end with the login"),
                }
            }
        };
        let (session_key, flags) = (keys.exported_session_key().clone(), keys.flags());
        let session = match keys.protection() {
            Protection::None => None,
            _ => Some(keys.into_session()?),
        };
        Ok(Established { session_key, session, flags })
    }
}

/// How much to print.
#[derive(Clone, Copy)]
struct Trace(u8);

impl Trace {
    /// Prints the NTLM message of a token, if it contains one.
    fn show(self, token: &[u8]) {
        let Some(message) = ntlm_message(token).filter(|_| self.0 > 0) else { return };
        let name = match Message::parse(message) {
            Ok(Message::Negotiate(_)) => "NEGOTIATE",
            Ok(Message::Challenge(_)) => "CHALLENGE",
            Ok(Message::Authenticate(_)) => "AUTHENTICATE",
            Err(_) => "malformed",
        };
        let table = inspect::annotate(message);
        match self.0 {
            1 => eprintln!("{name}\n{table}"),
            _ => eprintln!("{name}\n{}", table.with_secrets()),
        }
    }
}

/// The NTLM message, which can be in SPNEGO.
fn ntlm_message(token: &[u8]) -> Option<&[u8]> {
    match Token::parse(token).ok()? {
        Token::Ntlm(message) => Some(message),
        Token::Init(init) => init.mech_token,
        Token::Response(response) => response.response_token,
        Token::Other(_) | Token::Empty => None,
    }
}

#[cfg(test)]
mod tests {
    use ntlm::Server;
    use ntlm::server::Names;
    use ntlm::spnego::{Accepting, Acceptor, AwaitClient, Established as Accepted, Outcome};

    use super::*;

    fn client(protection: Protection) -> LoginClient {
        let client = Client::new(Credentials::password(r"EXAMPLE\alice", "secret"))
            .with_protection(protection);
        LoginClient::new(client, protection, false, Trace(0))
    }

    fn start(framing: Framing, protection: Protection) -> (Vec<u8>, Login) {
        client(protection).start(framing).unwrap()
    }

    fn acceptor() -> AwaitClient {
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        Acceptor::new(server).with_bare_ntlm_allowed().start()
    }

    /// Logs in; returns the client's state after its last token, and the server's result.
    fn log_in(framing: Framing, protection: Protection) -> (Login, Accepted) {
        continue_login(start(framing, protection))
    }

    fn continue_login((token, login): (Vec<u8>, Login)) -> (Login, Accepted) {
        let step = acceptor().read(&token, &mut Os).unwrap();
        let Accepting::Outcome(Outcome::Send(token, server)) = step else {
            panic!("there is no CHALLENGE")
        };
        let (token, login) = login.read(&token).unwrap();
        let Accepting::LookUp(look_up) = server.read(&token, &mut Os).unwrap() else {
            panic!("alice is not anonymous")
        };
        match look_up.verify(|claim| claim.verify_password("secret")).unwrap() {
            Outcome::Done(accepted) => (login, accepted),
            Outcome::Send(..) => panic!("the client has signed the list"),
        }
    }

    fn assert_messages_are_understood(login: Login, accepted: Accepted) {
        let token = accepted.token.unwrap_or_default();
        let mut client = login.finish(&token).unwrap().session.unwrap();
        let mut server = accepted.accepted.keys.into_session().unwrap();
        let signature = client.sign(b"message").unwrap();
        server.verify(b"message", &signature).unwrap();
        let signature = server.sign(b"message").unwrap();
        client.verify(b"message", &signature).unwrap();
    }

    #[test]
    fn messages_are_signed_after_a_login_in_each_framing() {
        for framing in [Framing::Raw, Framing::Spnego] {
            let (login, accepted) = log_in(framing, Protection::Sign);
            assert_messages_are_understood(login, accepted);
        }
    }

    #[test]
    fn nothing_is_signed_if_no_protection_is_wanted() {
        for framing in [Framing::Raw, Framing::Spnego] {
            let (login, accepted) = log_in(framing, Protection::None);
            let established = login.finish(&accepted.token.unwrap_or_default()).unwrap();
            assert!(established.session.is_none());
            assert!(!established.flags.contains(NegotiateFlags::NEGOTIATE_SIGN));
        }
    }

    #[test]
    fn a_last_token_without_the_mech_list_mic_is_rejected() {
        let (login, _) = log_in(Framing::Spnego, Protection::Sign);
        assert!(login.finish(COMPLETED).is_err());
        let (login, _) = log_in(Framing::Spnego, Protection::Sign);
        assert!(login.finish(&[]).is_err());
        let (login, _) = log_in(Framing::Spnego, Protection::Sign);
        assert!(login.read(&Acceptor::rejection()).is_err());
    }

    /// A token with accept-completed and nothing else.
    const COMPLETED: &[u8] = b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\x00";

    #[test]
    fn missing_mech_list_mic_is_accepted_if_it_is_allowed() {
        let log_in = || {
            let client = client(Protection::Sign).with_missing_mic_allowed();
            continue_login(client.start(Framing::Spnego).unwrap())
        };
        let (login, accepted) = log_in();
        let established = login.finish(COMPLETED).unwrap();
        let session_key = accepted.accepted.keys.exported_session_key();
        assert_eq!(established.session_key.expose(), session_key.expose());
        // A MIC that is sent must be right.
        let (login, accepted) = log_in();
        let mut token = accepted.token.unwrap();
        *token.last_mut().unwrap() ^= 1;
        assert!(login.finish(&token).is_err());
    }

    #[test]
    fn a_login_that_succeeds_before_its_last_token_is_rejected() {
        for framing in [Framing::Raw, Framing::Spnego] {
            let (_, login) = start(framing, Protection::Sign);
            assert!(login.finish(&[]).is_err());
        }
    }

    #[test]
    fn without_spnego_a_token_after_the_last_message_is_rejected() {
        let (login, _) = log_in(Framing::Raw, Protection::Sign);
        assert!(login.finish(&[1]).is_err());
        let (login, _) = log_in(Framing::Raw, Protection::Sign);
        assert!(login.read(&[1]).is_err());
    }

    #[test]
    fn flags_for_signing_and_sealing_are_not_optional() {
        let flag = parse_optional_flag("NEGOTIATE_KEY_EXCH");
        assert_eq!(flag, Ok(NegotiateFlags::NEGOTIATE_KEY_EXCH));
        for name in ["NEGOTIATE_SIGN", "NEGOTIATE_SEAL", "NEGOTIATE_NTLM", "what"] {
            assert!(parse_optional_flag(name).is_err(), "{name}");
        }
    }
}
