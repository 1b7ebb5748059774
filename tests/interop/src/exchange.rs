//! Whole exchanges between the library and a peer behind a bridge.

use ntlm::crypto::LmHash;
use ntlm::error::Rejection;
use ntlm::server::{Accepted, Claim, UserClaim};
use ntlm::session::SessionKeys;
use ntlm::{Ascii, Client, Error, NtHash, Os, Server, spnego};

use crate::bridge::Bridge;
use crate::identities::Identity;

/// Who refused.
#[derive(Debug)]
pub enum Refusal {
    Ours(Error),
    /// Our SPNEGO, and not the handshake inside.
    OurSpnego(spnego::Error),
    Theirs(String),
    /// Nobody at first: one does not understand what the other protected.
    Afterwards(String),
}

/// Our client has sent its last message, and the peer believes it.
#[derive(Debug)]
pub struct LoggedIn {
    pub negotiate: Vec<u8>,
    pub challenge: Vec<u8>,
    pub authenticate: Vec<u8>,
    pub keys: SessionKeys,
    /// Who logged in, if the peer says so.
    pub user: Option<String>,
}

/// A peer's client has sent its last message, and our server believes it.
#[derive(Debug)]
pub struct LetIn {
    pub negotiate: Vec<u8>,
    pub challenge: Vec<u8>,
    pub authenticate: Vec<u8>,
    pub accepted: Accepted,
}

/// Logs our client in to the peer's acceptor, which has begun.
///
/// # Errors
/// Who refused, and why.
///
/// # Panics
/// If the peer is not done with the last message.
pub fn log_in(bridge: &mut Bridge, client: &Client) -> Result<LoggedIn, Refusal> {
    let (negotiate, handshake) = client.initiate()?;
    let challenge = bridge.step(Some(&negotiate))?.token;
    let response = handshake.answer(&challenge, &mut Os)?;
    let last = bridge.step(Some(&response.token))?;
    assert!(last.is_done, "the peer wants more: {last:?}");
    let (authenticate, keys) = (response.token, response.keys);
    Ok(LoggedIn { negotiate, challenge, authenticate, keys, user: last.user })
}

/// Lets the peer's initiator, which has begun, in to our server if it is one of these.
///
/// # Errors
/// Who refused, and why.
pub fn let_in(bridge: &mut Bridge, server: &Server, users: &[Identity]) -> Result<LetIn, Refusal> {
    let negotiate = bridge.step(None)?.token;
    let (challenge, handshake) = server.challenge(&negotiate, &mut Os)?;
    let authenticate = bridge.step(Some(&challenge))?.token;
    let accepted = verify(handshake.read(&authenticate, &mut Os)?, users)?;
    Ok(LetIn { negotiate, challenge, authenticate, accepted })
}

/// Looks the user up, whatever domain is claimed, and lets the proof be verified.
///
/// # Errors
/// If the client is not believed.
pub fn verify(claim: Claim, users: &[Identity]) -> Result<Accepted, Error> {
    match claim {
        Claim::User(claim) => verify_user(claim, users),
        Claim::Anonymous(claim) => claim.accept(),
    }
}

/// The same of a claim to be a user.
///
/// # Errors
/// If the client is not believed.
pub fn verify_user(claim: UserClaim, users: &[Identity]) -> Result<Accepted, Error> {
    let claimed = claim.claimed_user().user();
    match users.iter().find(|user| claimed.eq_ignore_case(&user.user.into())) {
        Some(Identity { password, .. }) => {
            let lm_hash = LmHash::from_password(password, &Ascii);
            claim.verify_hashes(&NtHash::from_password(password), lm_hash.as_ref())
        }
        None => claim.reject(Rejection::UnknownUser),
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<spnego::Error> for Refusal {
    fn from(error: spnego::Error) -> Self {
        match error {
            spnego::Error::Exchange(error) => Self::Ours(error),
            error => Self::OurSpnego(error),
        }
    }
}

impl From<String> for Refusal {
    fn from(error: String) -> Self {
        Self::Theirs(error)
    }
}
