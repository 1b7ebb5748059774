//! A login as SMB, LDAP and DCE/RPC do it: NTLM's three messages, bare or in SPNEGO, and the key
//! that comes of them.
//!
//! What to copy is [`AwaitChallenge`] and [`AwaitVerdict`]: the states between the messages.

use anyhow::{Context, ensure};
use clap::Args;
use ntlm::crypto::ExportedSessionKey;
use ntlm::session::{Protection, Signature};
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, LmCompatibility, Os, Session, SessionKeys, client, inspect};

use crate::credentials::LoginOptions;
use crate::level;
use crate::spnego::{self, Reply};

/// Who logs in, and how.
#[derive(Args)]
pub struct NtlmOptions {
    #[command(flatten)]
    login: LoginOptions,

    /// The LAN Manager authentication level, 0 to 5: below 3, responses are weaker than NTLMv2, at 0
    /// signatures too
    #[arg(long, value_name = "N", default_value = "3", value_parser = level::parse)]
    level: LmCompatibility,

    /// Neither offer nor demand this flag of [MS-NLMP] 2.2.2.5, such as NEGOTIATE_KEY_EXCH, for
    /// servers that cannot do with it; may be repeated. Below level 3, without
    /// NEGOTIATE_EXTENDED_SESSIONSECURITY, all sessions of a user start from one key
    #[arg(long, value_name = "FLAG", value_parser = parse_optional_flag)]
    without: Vec<NegotiateFlags>,

    /// Tell the server this name of the machine
    #[arg(long, value_name = "NAME")]
    workstation: Option<String>,

    /// Show every NTLM message on standard error, explained; twice: with what passwords can be
    /// guessed from
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl NtlmOptions {
    /// A client of this service; without a user it is anonymous. May ask for the password.
    ///
    /// Messages are to be protected afterwards, unless the client is anonymous: then there is no
    /// key to do it with, which is said on standard error.
    pub fn client(&self, target: &str, protection: Protection) -> anyhow::Result<Client> {
        let credentials = self.login.credentials()?;
        let protection = if credentials.is_some() { protection } else { unprotected(protection) };
        let policy = self.policy();
        if may_have_a_constant_key(&policy, protection) {
            eprintln!(
                "all sessions of this user may start from one key: who has it reads them all"
            );
        }
        Ok(Client::new(credentials.unwrap_or_else(Credentials::anonymous))
            .with_policy(policy)
            .with_spn(target)
            .with_workstation(self.workstation.as_deref().unwrap_or_default())
            .with_protection(protection)
            .checked()?)
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

    /// The first token, and what waits for the answer.
    pub fn start(
        &self,
        client: &Client,
        framing: Framing,
    ) -> anyhow::Result<(Vec<u8>, AwaitChallenge)> {
        AwaitChallenge::start(client, framing, Trace(self.verbose))
    }
}

/// Whether messages may be protected with a key that no challenge changes.
fn may_have_a_constant_key(policy: &client::Policy, protection: Protection) -> bool {
    protection != Protection::None
        && policy.shared.allow_constant_key_exchange_key
        && !policy.shared.lm_compatibility.sends_ntlmv2()
}

/// A flag of which a policy decides.
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

/// How NTLM's messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As they are.
    Raw,
    /// In SPNEGO, which then has a token more, the server's.
    Spnego,
}

/// A login that waits for the server's challenge.
pub struct AwaitChallenge {
    exchange: client::AwaitChallenge,
    framing: Framing,
    trace: Trace,
}

impl AwaitChallenge {
    fn start(client: &Client, framing: Framing, trace: Trace) -> anyhow::Result<(Vec<u8>, Self)> {
        let (negotiate, exchange) = client.initiate()?;
        trace.show("NEGOTIATE", &negotiate);
        let token = match framing {
            Framing::Raw => negotiate,
            Framing::Spnego => spnego::init(&negotiate),
        };
        Ok((token, Self { exchange, framing, trace }))
    }

    /// Answers the challenge.
    pub fn answer(self, token: &[u8]) -> anyhow::Result<(Vec<u8>, AwaitVerdict)> {
        let challenge = match self.framing {
            Framing::Raw => token,
            Framing::Spnego => Reply::parse(token)?.response_token,
        };
        self.trace.show("CHALLENGE", challenge);
        let response = self.exchange.answer(challenge, &mut Os)?;
        self.trace.show("AUTHENTICATE", &response.token);
        // SMB needs the key itself, the others a session of it; SPNEGO's MIC comes of the session.
        let session_key = response.keys.exported_session_key().clone();
        let flags = response.keys.flags();
        let has_mic = self.framing == Framing::Spnego && can_sign_mech_list(&response.keys);
        let mut session = match response.keys.protection() {
            Protection::None => None,
            _ => Some(response.keys.into_session()?),
        };
        let token = match (self.framing, &mut session) {
            (Framing::Raw, _) => response.token,
            (Framing::Spnego, Some(session)) if has_mic => {
                let mic = session.mech_list_mic(&spnego::MECH_TYPES)?;
                spnego::response(&response.token, Some(mic.as_bytes()))
            }
            (Framing::Spnego, _) => spnego::response(&response.token, None),
        };
        Ok((token, AwaitVerdict { session_key, session, flags, framing: self.framing, has_mic }))
    }
}

/// Without extended session security only Samba has a MIC, and goes on after it in a way of its own
/// (see [`Session::mech_list_mic`]). Without a key there is none.
fn can_sign_mech_list(keys: &SessionKeys) -> bool {
    keys.protection() != Protection::None
        && keys.flags().contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
}

/// A login that waits for what the server says of it.
pub struct AwaitVerdict {
    session_key: ExportedSessionKey,
    session: Option<Session>,
    flags: NegotiateFlags,
    framing: Framing,
    has_mic: bool,
}

/// What a login gives.
pub struct Established {
    /// `ExportedSessionKey`, for protocols that protect messages themselves.
    pub session_key: ExportedSessionKey,
    /// Protects messages; `None` if the client is anonymous.
    pub session: Option<Session>,
    /// What was negotiated.
    pub flags: NegotiateFlags,
}

impl AwaitVerdict {
    /// Whether there will be no key to protect messages with.
    pub const fn is_anonymous(&self) -> bool {
        self.session.is_none()
    }

    /// Ends the login with the server's last token, if the protocol said that it succeeded.
    pub fn finish(mut self, token: &[u8]) -> anyhow::Result<Established> {
        match self.framing {
            Framing::Raw => ensure!(token.is_empty(), "there is a token after the last one"),
            Framing::Spnego => self.finish_spnego(token)?,
        }
        let Self { session_key, session, flags, .. } = self;
        Ok(Established { session_key, session, flags })
    }

    /// Checks the server's MIC: it proves that nobody changed the offer, and that the server has
    /// the key ([MS-SPNG] 3.1.5.1).
    fn finish_spnego(&mut self, token: &[u8]) -> anyhow::Result<()> {
        let reply = Reply::parse(token)?;
        ensure!(reply.state == Some(spnego::COMPLETED), "the server does not end the login");
        if !self.has_mic {
            return Ok(());
        }
        let mic = reply.mech_list_mic.context("the server's mechListMIC is missing")?;
        let mic = Signature::try_from(mic)?;
        let session = self.session.as_mut().context("there is no session")?;
        Ok(session.verify_mech_list_mic(&spnego::MECH_TYPES, &mic)?)
    }
}

/// How much is shown.
#[derive(Clone, Copy)]
struct Trace(u8);

impl Trace {
    fn show(self, name: &str, token: &[u8]) {
        let table = inspect::annotate(token);
        match self.0 {
            0 => {}
            1 => eprintln!("{name}\n{table}"),
            _ => eprintln!("{name}\n{}", table.with_secrets()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ntlm::server::{Claim, Names};
    use ntlm::{NtHash, Server};

    use super::*;
    use crate::der::{self, OCTET_STRING, SEQUENCE};

    /// The client's state after its last token, and the server's session.
    fn exchange(framing: Framing) -> (AwaitVerdict, Session, Vec<u8>) {
        let client = Client::new(Credentials::password(r"EXAMPLE\alice", "secret"))
            .with_protection(Protection::Sign);
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        let (first, login) = AwaitChallenge::start(&client, framing, Trace(0)).unwrap();
        let negotiate =
            if framing == Framing::Raw { first } else { first[first.len() - 40..].into() };
        let (challenge, state) = server.challenge(&negotiate, &mut Os).unwrap();
        let challenge = match framing {
            Framing::Raw => challenge,
            Framing::Spnego => spnego::response(&challenge, None),
        };
        let (last, responded) = login.answer(&challenge).unwrap();
        let reply = match framing {
            Framing::Raw => Reply { response_token: &last, ..Reply::default() },
            Framing::Spnego => Reply::parse(&last).unwrap(),
        };
        let Claim::User(claim) = state.read(reply.response_token, &mut Os).unwrap() else {
            panic!("alice is no anonymous client")
        };
        let accepted = claim.verify_nt_hash(&NtHash::from_password("secret")).unwrap();
        let session = accepted.keys.into_session().unwrap();
        (responded, session, reply.mech_list_mic.unwrap_or_default().to_vec())
    }

    fn completed(mic: Option<&[u8]>) -> Vec<u8> {
        let mut fields = der::element(der::context(0), &[&[der::ENUMERATED, 1, 0]]);
        if let Some(mic) = mic {
            let mic = der::element(OCTET_STRING, &[mic]);
            fields.extend(der::element(der::context(3), &[&mic]));
        }
        der::element(der::context(1), &[&der::element(SEQUENCE, &[&fields])])
    }

    #[test]
    fn both_sides_sign_the_offer_and_then_messages() {
        let (responded, mut server, mic) = exchange(Framing::Spnego);
        let mic = Signature::try_from(&*mic).unwrap();
        server.verify_mech_list_mic(&spnego::MECH_TYPES, &mic).unwrap();
        let mic = server.mech_list_mic(&spnego::MECH_TYPES).unwrap();
        let token = completed(Some(mic.as_bytes()));
        let mut client = responded.finish(&token).unwrap().session.unwrap();
        let signature = client.sign(b"message").unwrap();
        server.verify(b"message", &signature).unwrap();
    }

    #[test]
    fn an_offer_that_the_server_does_not_sign_is_refused() {
        assert!(exchange(Framing::Spnego).0.finish(&completed(None)).is_err());
        assert!(exchange(Framing::Spnego).0.finish(&completed(Some(&[1; 16]))).is_err());
        assert!(exchange(Framing::Spnego).0.finish(&[]).is_err());
    }

    #[test]
    fn protection_itself_cannot_be_left_out() {
        let flag = parse_optional_flag("NEGOTIATE_KEY_EXCH");
        assert_eq!(flag, Ok(NegotiateFlags::NEGOTIATE_KEY_EXCH));
        for name in ["NEGOTIATE_SIGN", "NEGOTIATE_SEAL", "NEGOTIATE_NTLM", "what"] {
            assert!(parse_optional_flag(name).is_err(), "{name}");
        }
    }

    #[test]
    fn without_spnego_there_is_nothing_after_the_last_message() {
        let (responded, mut server, _) = exchange(Framing::Raw);
        let mut client = responded.finish(&[]).unwrap().session.unwrap();
        let signature = client.sign(b"message").unwrap();
        server.verify(b"message", &signature).unwrap();
        assert!(exchange(Framing::Raw).0.finish(&[1]).is_err());
    }
}
