//! A recorded handshake, and the password to check it with.

use anyhow::{Context, bail};
use ntlm::crypto::LmHash;
use ntlm::environment::AtTime;
use ntlm::error::Denied;
use ntlm::server::{Accepted, Claim, Names, Policy};
use ntlm::text::Text;
use ntlm::wire::{
    Authenticate, AvId, Challenge, Message, NegotiateFlags, NtResponse, Ntlmv2Response, SIGNATURE,
};
use ntlm::{Ascii, Error, FileTime, NtHash, Server};

/// The hashes of the password.
pub struct Secret {
    nt_hash: NtHash,
    lm_hash: Option<LmHash>,
}

impl Secret {
    pub fn from_password(password: &str) -> Self {
        let nt_hash = NtHash::from_password(password);
        Self { nt_hash, lm_hash: LmHash::from_password(password, &Ascii) }
    }

    /// Without the password, LM responses cannot be checked.
    pub const fn of_nt_hash(nt_hash: NtHash) -> Self {
        Self { nt_hash, lm_hash: None }
    }
}

/// The messages of one handshake.
pub struct Recording<'a> {
    /// Empty if the handshake is connectionless.
    negotiate: &'a [u8],
    challenge: &'a [u8],
    pub authenticate: &'a [u8],
}

impl<'a> Recording<'a> {
    /// Selects the last message of each kind.
    pub fn of(tokens: &'a [Vec<u8>]) -> anyhow::Result<Self> {
        let last = |is_it: fn(&Message<'_>) -> bool| {
            let found = tokens.iter().rfind(|token| Message::parse(token).is_ok_and(|m| is_it(&m)));
            found.map(Vec::as_slice)
        };
        let challenge = last(|m| matches!(m, Message::Challenge(_)));
        let challenge = challenge.with_context(|| missing("CHALLENGE", 2, tokens))?;
        let authenticate = last(|m| matches!(m, Message::Authenticate(_)));
        let authenticate = authenticate.with_context(|| missing("AUTHENTICATE", 3, tokens))?;
        let negotiate = last(|m| matches!(m, Message::Negotiate(_)));
        let is_connectionless = matches!(Message::parse(challenge), Ok(Message::Challenge(message))
            if message.flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM));
        let negotiate = match negotiate {
            _ if is_connectionless => &[],
            None => bail!(missing("NEGOTIATE", 1, tokens)),
            Some(negotiate) => negotiate,
        };
        Ok(Self { negotiate, challenge, authenticate })
    }

    /// Verifies the handshake with a server that is as permissive as possible.
    pub fn verify(&self, secret: &Secret) -> Result<Accepted, Error> {
        self.verify_under(Policy::insecure_for_analysis(), secret)
    }

    /// Verifies the handshake with a server of this policy, at the time of the recording. The server has
    /// the SPN that the client asks for, and accepts any channel bindings.
    pub fn verify_under(&self, policy: Policy, secret: &Secret) -> Result<Accepted, Error> {
        match self.read_under(policy)? {
            Claim::User(claim) => claim.verify_hashes(&secret.nt_hash, secret.lm_hash.as_ref()),
            Claim::Anonymous(claim) => claim.accept(),
        }
    }

    /// Checks everything that a server of this policy checks before the password.
    pub fn read_under(&self, mut policy: Policy) -> Result<Claim, Error> {
        policy.allow_any_channel_bindings = true;
        // This name is never sent: the recorded CHALLENGE contains the names that matter.
        let server = Server::new(Names::standalone("RECORDING"))
            .with_policy(policy)
            .with_spns([self.spn().unwrap_or_else(|| "HOST/recording".into())]);
        let handshake = server.resume(self.negotiate, self.challenge)?;
        handshake.read(self.authenticate, &mut AtTime::new(self.time()))
    }

    /// The time of the recording: by the server's clock if known, or else by the client's.
    fn time(&self) -> FileTime {
        let of_client = || self.ntlmv2().map(Ntlmv2Response::time);
        self.server_time().or_else(of_client).unwrap_or(FileTime::from_ticks(0))
    }

    /// The time in the CHALLENGE.
    pub fn server_time(&self) -> Option<FileTime> {
        Challenge::parse(self.challenge).ok()?.target_info?.timestamp()
    }

    /// The NTLMv2 response, which repeats the CHALLENGE's AV pairs and adds the client's.
    pub fn ntlmv2(&self) -> Option<Ntlmv2Response<'a>> {
        match Authenticate::parse(self.authenticate).ok()?.nt_response {
            NtResponse::V2(response) => Some(response),
            _ => None,
        }
    }

    /// The SPN that the client asks for.
    pub fn spn(&self) -> Option<Text> {
        let spn = self.ntlmv2()?.target_info().text(AvId::TARGET_NAME)?;
        (!spn.is_empty()).then_some(spn)
    }
}

/// Why a message cannot be used.
fn missing(name: &str, number: u8, tokens: &[Vec<u8>]) -> String {
    let start = [&SIGNATURE[..], &[number]].concat();
    let what = match tokens.iter().any(|token| token.starts_with(&start)) {
        true => "cut short or malformed",
        false => "missing",
    };
    format!("the {name} is {what}: a handshake cannot be checked without it")
}

/// Explains an error in detail that a server must not send to a peer; the reader of a recording is
/// not a peer.
pub fn explain(error: Error) -> anyhow::Error {
    let text = match error {
        Error::Denied(Denied::WrongPassword) => {
            "the password is wrong, or the messages are not of one handshake"
        }
        Error::Denied(Denied::Mic) => {
            "the password is right, but the MIC is wrong: a man in the middle changed a message"
        }
        Error::Denied(Denied::MicMissing) => {
            "the password is right, but the MIC that the response announces was removed"
        }
        Error::Denied(Denied::TargetInfo) => {
            "the password is right, but the response was made for another server's challenge"
        }
        _ => return error.into(),
    };
    anyhow::anyhow!(text)
}

#[cfg(test)]
pub(crate) mod tests {
    use ntlm::session::Protection;
    use ntlm::{Client, Credentials, Os, SessionKeys};

    use super::*;

    pub(crate) fn alice(protection: Protection) -> Client {
        Client::new(Credentials::password(r"EXAMPLE\alice", "correct horse"))
            .with_protection(protection)
    }

    /// Runs a handshake; returns the tokens and the keys of both sides.
    pub(crate) fn exchange(client: &Client) -> (Vec<Vec<u8>>, SessionKeys, SessionKeys) {
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        let (negotiate, await_challenge) = client.initiate().unwrap();
        let (challenge, handshake) = server.challenge(&negotiate, &mut Os).unwrap();
        let response = await_challenge.answer(&challenge, &mut Os).unwrap();
        let Claim::User(claim) = handshake.read(&response.token, &mut Os).unwrap() else {
            panic!("alice is not anonymous")
        };
        let accepted = claim.verify_nt_hash(&NtHash::from_password("correct horse")).unwrap();
        (vec![negotiate, challenge, response.token], response.keys, accepted.keys)
    }

    #[test]
    fn a_wrong_password_is_distinguished_from_a_changed_message() {
        let (mut tokens, ..) = exchange(&alice(Protection::None));
        let verify = |tokens: &[Vec<u8>], password| {
            Recording::of(tokens).unwrap().verify(&Secret::from_password(password)).unwrap_err()
        };
        assert_eq!(verify(&tokens, "wrong"), Denied::WrongPassword.into());
        // The flag that offers extended session security.
        tokens[0][14] ^= 0x08;
        assert_eq!(verify(&tokens, "correct horse"), Denied::Mic.into());
    }

    #[test]
    fn a_handshake_needs_three_messages() {
        let (tokens, ..) = exchange(&alice(Protection::None));
        for missing in 0..3 {
            let mut tokens = tokens.clone();
            let removed = tokens.remove(missing);
            let error = |tokens: &[Vec<u8>]| Recording::of(tokens).err().unwrap().to_string();
            assert!(error(&tokens).contains("is missing"));
            tokens.push(removed[..removed.len() / 3].into());
            assert!(error(&tokens).contains("is cut short"), "{}", error(&tokens));
        }
    }
}
